/** The whole road, as its users walk it: through the real doors, the real database, and a sandbox that is no part of Mortise. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { declare } from '../../server/converge/ids.ts'
import { freshWorld, until, type World } from './world.ts'

const first = <T>(list: readonly T[]): T | undefined => list[0]

describe('the road', () => {
  let world: World
  before(async () => {
    world = await freshWorld()
  })
  after(() => world[Symbol.asyncDispose]())

  test('the guide’s own push, verbatim, is in the sandbox CRM within a second', async () => {
    const object = 'ERP 侧对象的 APIName'
    const pushed = Date.now()
    const answer = await world.push(
      'G-1',
      { Key1: 'value1', Key2: 'value2', Key3: 'value3' },
      {
        object,
        details: {
          '明细 apiName1': [{ Key4: 'value4', Key5: 'value5', Key6: 'value6' }],
          '明细 apiName2': [{ Key4: 'value7', Key5: 'value8', Key6: 'value9' }],
        },
      },
    )
    assert.deepEqual({ ...answer, traceMsg: '' }, { status: 200, errCode: 's106240000', errMsg: '成功', traceMsg: '' })
    const record = await until('the record is in the CRM', () => world.crm.bySource('GuideObj', 'G-1').then(first))
    assert.ok(Date.now() - pushed < 1_000, `it took ${Date.now() - pushed} ms`)
    assert.equal(record.masterFieldVal.key3, 'value3')
    assert.equal((record.detailFieldVals.GuideLine2Obj as { key5: string }[])[0]?.key5, 'value8')
  })

  test('a record made in the CRM appears in the ERP, is updated there, and is voided there', async () => {
    const { id } = await world.crm.create(
      'AccountObj',
      { name: 'Walk & Sons', level: '2' },
      { ContactObj: [{ name: 'Li', mobile: '1' }] },
    )
    const made = await until('the customer is in the ERP', () =>
      world.erp.bySource('BD_Customer', id as string).then(first),
    )
    assert.equal(made.masterFieldVal.grade, 'B')
    await world.crm.update('AccountObj', id as string, { name: 'Walk & Daughters' })
    await until(
      'the new name is in the ERP',
      async () => (await world.erp.record('BD_Customer', made.id))?.masterFieldVal.name === 'Walk & Daughters',
    )
    await world.crm.void('AccountObj', id as string)
    await until('it is void in the ERP', async () => (await world.erp.record('BD_Customer', made.id))?.voided)
    const rows = (await world.erp.records('BD_Customer')).filter((r) => r.sourceId === id)
    assert.equal(rows.length, 1)
  })

  test('exact numbers, leading zeros and rare characters arrive as they left', async () => {
    await world.push('X-1', '{"number":"007","name":"𠮷田","grade":"A","creditLimit":12345678901234567890.12}')
    const record = await until('the account is in the CRM', () => world.crm.bySource('AccountObj', 'X-1').then(first))
    assert.equal(record.masterFieldVal.account_no, '007')
    assert.equal(record.masterFieldVal.name, '𠮷田')
    assert.equal(String(record.masterFieldVal.credit_limit), '12345678901234567890.12')
    const body = (await world.crm.ledger({ call: 'create', object: 'AccountObj' })).find((c) =>
      JSON.stringify(c.body).includes('𠮷田'),
    )
    assert.ok(body)
    await world.push('X-2', '{"name":"cent","creditLimit":1.10}')
    const cents = await until('the second account is in the CRM', () =>
      world.crm.bySource('AccountObj', 'X-2').then(first),
    )
    assert.equal(String(cents.masterFieldVal.credit_limit), '1.10')
  })

  test('a document of 4 MB arrives whole', async () => {
    const long = '汉'.repeat(1_300_000)
    const answer = await world.push('X-4', { name: long })
    assert.equal(answer.errCode, 's106240000')
    const record = await until('the long name is in the CRM', () => world.crm.bySource('AccountObj', 'X-4').then(first))
    assert.equal(record.masterFieldVal.name, long)
  })

  test('D6: an order before its customer waits, and is released by the customer', async () => {
    await world.crm.events({ mode: 'off' })
    const customer = await world.crm.create('AccountObj', { name: 'Late customer' })
    const bolt = await world.erp.create('BD_Material', { name: 'Bolt', unit: 'pc' })
    const material = await until('a material exists in the CRM', async () => {
      await world.push(bolt.id as string, { name: 'Bolt', unit: 'pc' }, { object: 'BD_Material' })
      return world.crm.bySource('ProductObj', bolt.id as string).then(first)
    })
    await world.crm.events({ mode: 'before' })
    const order = await world.crm.create(
      'SalesOrderObj',
      { name: 'SO-1', account_id: customer.id, order_date: '2026-11-22', amount: '10.00' },
      { SalesOrderProductObj: [{ product_id: material.id, quantity: '2', price: '5.00', subtotal: '10.00' }] },
    )
    await until(
      'the order waits',
      async () =>
        (await world.sql`select from link where right_id = ${order.id as string} and state = 'waiting'`).length === 1 ||
        (await world.sql`select from link where left_id = ${order.id as string} and state = 'waiting'`).length === 1,
    )
    assert.equal((await world.erp.records('SAL_SaleOrder')).filter((r) => r.sourceId === order.id).length, 0)
    await world.crm.update('AccountObj', customer.id as string, { name: 'Late customer, told' })
    const arrived = await until('the order is in the ERP', () =>
      world.erp.bySource('SAL_SaleOrder', order.id as string).then(first),
    )
    const there = first(await world.erp.bySource('BD_Customer', customer.id as string))
    assert.equal(arrived.masterFieldVal.customerId, there?.id)
    assert.equal((arrived.detailFieldVals.lines as { materialId: string }[])[0]?.materialId, bolt.id)
  })

  test('R2 byWindow: an ERP that cuts the answer after create ends with exactly one record', async () => {
    await world.erp.faults([{ call: 'create', nth: 1, kind: 'cutAfter' }])
    const { id } = await world.crm.create('AccountObj', { name: 'Cut & Co' })
    await until(
      'the link knows both ids',
      async () =>
        (
          await world.sql`
      select from link where pair_id = 'customer' and right_id = ${id as string} and left_id is not null and state = 'idle'`
        ).length === 1,
      40_000,
    )
    await world.erp.faults([])
    assert.equal((await world.erp.records('BD_Customer')).filter((r) => r.sourceId === id).length, 1)
    assert.equal(
      (await world.erp.ledger({ call: 'create' })).filter(
        (c) => (c.body as { masterFieldVal?: { sourceId?: string } }).masterFieldVal?.sourceId === id,
      ).length,
      1,
    )
  })

  test('directSync answers after every flow has applied the record', async () => {
    const answer = await world.push('D-1', { name: 'Direct' }, { headers: { directSync: 'true' } })
    assert.equal(answer.errCode, 's106240000')
    assert.equal((await world.crm.bySource('AccountObj', 'D-1')).length, 1)
  })

  test('directSync tells the flow and the reason when the target refuses', async () => {
    const answer = await world.push('D-2', { name: 'Direct', grade: 'Z' }, { headers: { directSync: 'true' } })
    assert.equal(answer.status, 200)
    assert.equal(answer.errCode, 's306240201')
    assert.match(answer.errMsg, /customer/)
  })

  test('an Idempotency-Key stores once, and refuses another body', async () => {
    const headers = { 'Idempotency-Key': 'k-1' }
    const first = await world.push('I-1', { name: 'Once' }, { headers })
    const again = await world.push('I-1', { name: 'Once' }, { headers })
    assert.equal(again.traceMsg, first.traceMsg)
    const other = await world.push('I-1', { name: 'Twice' }, { headers })
    assert.deepEqual([other.status, other.errCode], [409, 's306240011'])
    const [row] = await world.sql<{
      n: number
    }>`select count(*)::int4 as n from arrival where data_id = 'I-1' and channel = 'push'`
    assert.equal(row?.n, 1)
  })

  test('D7: a void before create calls nobody, and a push after it creates once', async () => {
    await world.voidPush('V-1')
    await world.atRest()
    assert.deepEqual(await world.crm.bySource('AccountObj', 'V-1'), [])
    await world.push('V-1', { name: 'Alive' })
    const made = await until('it is in the CRM', () => world.crm.bySource('AccountObj', 'V-1').then(first))
    await world.voidPush('V-1')
    await until('it is void in the CRM', async () => (await world.crm.record('AccountObj', made.id))?.voided)
    await world.push('V-1', { name: 'Alive again' })
    await until('it is alive again, the same record', async () => {
      const r = await world.crm.record('AccountObj', made.id)
      return r && !r.voided && r.masterFieldVal.name === 'Alive again'
    })
    assert.equal((await world.crm.records('AccountObj')).filter((r) => r.sourceId === 'V-1').length, 1)
  })

  test('promise 8: one record pushed five times at once is written once', async () => {
    await Promise.all(Array.from({ length: 5 }, () => world.push('P-5', { name: 'Five' })))
    await until('it is in the CRM', () => world.crm.bySource('AccountObj', 'P-5').then(first))
    await world.atRest()
    const calls = (await world.crm.ledger({ object: 'AccountObj' })).filter((c) =>
      JSON.stringify(c.body).includes('"P-5"'),
    )
    assert.deepEqual(
      calls.map((c) => c.call),
      ['create'],
    )
  })

  test('R2 none: a create without an answer is shown, never sent again by itself, and a person says which record it made', async () => {
    await world.crm.mode('none')
    await world.crm.faults([{ call: 'create', nth: 1, kind: 'cutBefore' }])
    await world.push('N-1', { name: 'Never' })
    const parked = await until(
      'the link is parked(unknown)',
      async () =>
        (
          await world.sql<{ link_id: number }>`
          select link_id from link where left_id = 'N-1' and state = 'parked' and reason = 'unknown'`
        )[0],
      40_000,
    )
    const name = { tenant_id: 'sandbox', pair_id: 'customer', link_id: parked.link_id }
    const byHand = await world.crm.create('AccountObj', { name: 'Made by hand' })
    assert.equal(await declare(world.sql, name, { found: byHand.id as string }), true)
    await until(
      'it is bound',
      async () =>
        (
          await world.sql`
      select from link where left_id = 'N-1' and right_id = ${byHand.id as string} and state = 'idle'`
        ).length === 1,
    )
    assert.equal((await world.crm.bySource('AccountObj', 'N-1')).length, 0)
    await world.push('N-1', { name: 'Never mind' })
    await until(
      'the bound record is updated',
      async () => (await world.crm.record('AccountObj', byHand.id as string))?.masterFieldVal.name === 'Never mind',
    )

    await world.crm.faults([{ call: 'create', nth: 1, kind: 'cutBefore' }])
    await world.push('N-2', { name: 'Absent' })
    const second = await until(
      'the second link is parked(unknown)',
      async () =>
        (
          await world.sql<{ link_id: number }>`
          select link_id from link where left_id = 'N-2' and state = 'parked' and reason = 'unknown'`
        )[0],
      40_000,
    )
    assert.equal(await declare(world.sql, { ...name, link_id: second.link_id }, 'absent'), true)
    await until('it is created', () => world.crm.bySource('AccountObj', 'N-2').then(first))
    await world.crm.mode('byWindow')
  })

  test('a stop in the middle loses nothing: what was acknowledged goes out after the start', async () => {
    await world.crm.faults([{ call: 'create', rate: 1, kind: 'retryAfter', seconds: 1 }])
    for (let i = 0; i < 20; i++) assert.equal((await world.push(`S-${i}`, { name: `Stop ${i}` })).errCode, 's106240000')
    await world.crm.faults([])
    await world.restart()
    await until(
      'all twenty are in the CRM',
      async () => (await world.crm.records('AccountObj')).filter((r) => /^S-\d+$/.test(r.sourceId ?? '')).length === 20,
      60_000,
    )
  })
})
