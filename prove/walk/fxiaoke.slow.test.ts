/** From an ERP's push to a Fxiaoke CRM and back to the ERP's own fields: every end is told once, and the echo of telling moves nothing. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { alertsWalk } from './alerts.ts'
import { fxiaokeWorld } from './fxiaoke.ts'
import { twoWayWalk } from './two-way.ts'
import { until } from './world.ts'

// Mostly waiting: side by side they take as long as the longest.
describe('an ERP and a Fxiaoke CRM', { concurrency: 5 }, () => {
  for (const walk of [alertsWalk, twoWayWalk]) test(walk.name, walk.run)
  test('a push becomes an account, an update and a void; the ERP is told id, number, status and time, and nothing goes in circles', async () => {
    await using world = await fxiaokeWorld()
    const made = await world.erp.create('BD_Customer', { name: 'Acme', number: 'N-1', grade: 'A' })
    const id = made.id as string
    const master = { id, name: 'Acme', number: 'N-1', grade: 'A' }
    assert.equal(await world.push(id, master), 's106240000')
    const account = await until('the account is there', async () => (await world.crm.bySource('AccountObj', id))[0])
    assert.equal(account.masterFieldVal.level, '1')
    const told = await until('the ERP is told', async () => {
      const record = await world.erp.record('BD_Customer', id)
      return record?.masterFieldVal.sync_state === 'succeeded' && record.masterFieldVal
    })
    assert.equal(told.sync_id, account.id)
    assert.equal(told.crm_no, 'N-1')
    assert.equal(told.sync_error, '')
    assert.match(String(told.sync_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/)
    assert.deepEqual([told.name, told.grade], ['Acme', 'A'])

    // The ERP pushes what it holds now, told fields and all: its echo is no edit.
    assert.equal(await world.push(id, { ...master, ...told }), 's106240000')
    await world.atRest()
    assert.equal((await world.crm.ledger({ call: 'update' })).length, 0)
    assert.equal((await world.erp.ledger({ call: 'update' })).length, 1)

    assert.equal(await world.push(id, { ...master, ...told, grade: 'B' }), 's106240000')
    await until(
      'the account follows',
      async () => (await world.crm.record('AccountObj', account.id))?.masterFieldVal.level === '2',
    )
    await world.atRest()
    assert.equal((await world.erp.ledger({ call: 'update' })).length, 1) // id and status are what they were
  })

  test('a record that fails tells why once, and not again when its own echo lets it be tried once more', async () => {
    await using world = await fxiaokeWorld()
    const made = await world.erp.create('BD_Customer', { name: 'Odd', number: 'N-2', grade: 'A' })
    const id = made.id as string
    // A target that words its refusal anew each time.
    let turn = 0
    const refuse = () =>
      world.crm.faults([{ kind: 'refuse', call: 'create', code: '15002', message: `no, for the ${++turn}. time` }])
    await refuse()
    await world.push(id, { id, number: 'N-2', name: 'Odd', grade: 'A' })
    const told = await until('the ERP is told', async () => {
      const record = await world.erp.record('BD_Customer', id)
      return record?.masterFieldVal.sync_state === 'failed' && record.masterFieldVal
    })
    assert.match(String(told.sync_error), /15002 no, for the 1\. time/)
    for (let echo = 0; echo < 3; echo++) {
      await refuse()
      await world.push(id, { id, name: 'Odd', grade: 'A', ...told })
      await world.atRest()
    }
    assert.equal((await world.erp.ledger({ call: 'update' })).length, 1)
    await world.crm.faults([])
    await world.push(id, { id, name: 'Even', grade: 'A', ...told })
    await until('the ERP is told of the success', async () => {
      const record = await world.erp.record('BD_Customer', id)
      return record?.masterFieldVal.sync_state === 'succeeded' && record.masterFieldVal.sync_error === ''
    })
  })

  test('telling holds the record: what comes in meanwhile goes out next, and an answer that is lost is told again', async () => {
    await using world = await fxiaokeWorld()
    const made = await world.erp.create('BD_Customer', { name: 'Acme', grade: 'A' })
    const id = made.id as string
    await world.erp.faults([{ kind: 'cutAfter', call: 'update', nth: 1 }])
    await world.push(id, { id, name: 'Acme', grade: 'A' })
    await until('the first telling is cut', async () => (await world.erp.ledger({ call: 'update' })).length >= 1)
    await world.push(id, { id, name: 'Acme', grade: 'C' })
    const account = await until('the account is there', async () => (await world.crm.bySource('AccountObj', id))[0])
    await until(
      'the edit arrives',
      async () => (await world.crm.record('AccountObj', account.id))?.masterFieldVal.level === '3',
      60_000,
    )
    await world.atRest(60_000)
    assert.equal((await world.erp.record('BD_Customer', id))?.masterFieldVal.sync_state, 'succeeded')
    assert.equal((await world.crm.bySource('AccountObj', id)).length, 1)
  })
})
