/** The mapping in full on the whole road: what the preview shows is what is sent, what is there is found before a create, stubs, and drift that clears nothing. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { signedIn } from '../api/signed-in.ts'
import { freshWorld, until, type World } from './world.ts'

const first = <T>(list: readonly T[]): T | undefined => list[0]
type Tree = Record<string, unknown>

interface Shown {
  would: { kind: string; reason: string | null; faults: { code: string; sentence: string }[] }
  rules: { to: string; read: string | null; made: string | null; left: string | null }[]
  mapped: string | null
  request: { method: string; url: string; headers: Record<string, string>; body: string } | null
  references: { id: string; found: string | null }[]
  matches: { hits: { id: string }[] }[]
}

describe('the mapping in full', () => {
  let world: World
  let signed: Awaited<ReturnType<typeof signedIn>>
  const call = async <T = Tree>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> => {
    const answer = await signed(method, path, body)
    const text = await answer.text()
    return { status: answer.status, body: (text ? JSON.parse(text) : {}) as T }
  }
  const flowOf = (pair: string, flow = 'leftToRight') => `/pairs/${pair}/flows/${flow}`
  /** The flow as it is, with what is said over it. */
  const change = async (path: string, more: Tree): Promise<void> => {
    const { body: now } = await call('GET', path)
    const put = await call('PUT', path, { ...now, ...more })
    assert.equal(put.status, 200, JSON.stringify(put.body))
  }
  const preview = async (pair: string, id: string, record?: string): Promise<Shown> => {
    const { status, body } = await call<Shown>('POST', `${flowOf(pair)}/preview`, { id, ...(record && { record }) })
    assert.equal(status, 200, JSON.stringify(body))
    return body
  }
  const product = (id: string) => until(`${id} is in the CRM`, () => world.crm.bySource('ProductObj', id).then(first))

  before(async () => {
    world = await freshWorld()
    signed = await signedIn(world)
  })
  after(() => world[Symbol.asyncDispose]())

  test('what the preview shows is what is sent, byte for byte, and the preview sends nothing', async () => {
    await change(flowOf('material'), {
      mapping: {
        fields: {
          product_code: { formula: 'UPPER(number)' },
          name: 'name',
          unit: 'unit',
          price: { formula: 'ROUND(price * 1.13, 2)' },
        },
      },
      state: 'paused',
    })
    await world.push('M-1', '{"number":"m-1","name":"玉 \\"x\\"","unit":"kg","price":10.10}', { object: 'BD_Material' })
    const shown = await preview('material', 'M-1')
    assert.equal(shown.would.kind, 'create')
    assert.deepEqual(
      shown.rules.map(({ to, made }) => [to, made]),
      [
        ['product_code', '"M-1"'],
        ['name', '"玉 \\"x\\""'],
        ['unit', '"kg"'],
        ['price', '11.41'],
      ],
    )
    assert.match(shown.request?.url ?? '', /\/sandbox\/crm\/create$/)
    assert.equal(shown.request?.headers.token, '•••')
    assert.equal((await world.crm.ledger({ object: 'ProductObj' })).length, 0, 'nothing was sent')
    assert.equal((await world.sql`select from attempt`).length, 0)

    await change(flowOf('material'), { state: 'enabled' })
    await product('M-1')
    const [sent] = await world.sql<{ request: Buffer }>`select request from attempt where call = 'create'`
    assert.equal(sent?.request.toString(), shown.request?.body)
    const [heard] = await world.crm.ledger({ call: 'create', object: 'ProductObj' })
    assert.deepEqual(heard?.body && JSON.parse(JSON.stringify(heard.body)), JSON.parse(shown.request?.body ?? ''))
    await world.atRest()
    assert.deepEqual((await preview('material', 'M-1')).would, { kind: 'skip', reason: 'unchanged', faults: [] })

    const pasted = await preview('material', 'M-1', '{"masterFieldVal":{"number":"m-1","name":"other","price":"dear"}}')
    assert.deepEqual(
      pasted.would.faults.map(({ code }) => code),
      ['map.formula'],
    )
    const updated = await preview('material', 'M-1', '{"masterFieldVal":{"number":"m-1","name":"other","price":1}}')
    assert.equal(updated.would.kind, 'update')
    assert.match(updated.request?.body ?? '', /"price":1.13/)
  })

  test('a mapping that nobody has saved is previewed as saving would read it, and is stored nowhere', async () => {
    const { body: before } = await call('GET', flowOf('material'))
    const drafted = (fields: Tree) =>
      call<Shown & { code: string; problems: { path: string }[] }>('POST', `${flowOf('material')}/preview`, {
        id: 'M-1',
        mapping: { fields },
      })
    const shown = await drafted({ name: { formula: 'LOWER(name)' }, unit: { value: 'box' } })
    assert.equal(shown.status, 200, JSON.stringify(shown.body))
    assert.deepEqual(
      shown.body.rules.map(({ to, made }) => [to, made]),
      [
        ['name', '"玉 \\"x\\""'],
        ['unit', '"box"'],
      ],
    )
    assert.match(shown.body.request?.body ?? '', /"unit":"box"/)
    const broken = await drafted({ name: 'nmae', unit: { formula: 'UPPER(' } })
    assert.equal(broken.status, 422)
    assert.equal(broken.body.code, 'config.invalid')
    assert.deepEqual(broken.body.problems.map(({ path }) => path).sort(), [
      'body.mapping.fields.name',
      'body.mapping.fields.unit.formula',
    ])
    assert.deepEqual((await call('GET', flowOf('material'))).body, before, 'nothing is saved by it')
  })

  test('a renamed field clears nothing, and is listed with a sample; the flow may stop for it', async () => {
    const known = await product('M-1')
    await world.push('M-1', '{"number":"m-1","name":"new name","unit2":"kg","price":10.10}', { object: 'BD_Material' })
    await until('the name has come', async () => {
      const now = await world.crm.record('ProductObj', known.id)
      return now?.masterFieldVal.name === 'new name' && now
    })
    assert.equal((await world.crm.record('ProductObj', known.id))?.masterFieldVal.unit, 'kg', 'absent never clears')
    const items = await until('it is listed', async () => {
      const { body } = await call<{ items: { kind: string; field: string; sample: string | null; record: string }[] }>(
        'GET',
        `${flowOf('material')}/drift`,
      )
      return body.items.length > 1 && body.items
    })
    assert.deepEqual(items.map(({ kind, field, sample, record }) => [kind, field, sample, record]).sort(), [
      ['missing', 'unit', null, 'M-1'],
      ['unknown', 'unit2', 'kg', 'M-1'],
    ])
    // the control: a field that is there and empty does clear
    await world.push('M-2', '{"number":"m-2","name":"other","unit":"kg"}', { object: 'BD_Material' })
    const other = await product('M-2')
    await world.push('M-2', '{"number":"m-2","name":"other","unit":""}', { object: 'BD_Material' })
    await until(
      'the unit is cleared',
      async () => !(await world.crm.record('ProductObj', other.id))?.masterFieldVal.unit,
    )

    await change(flowOf('material'), { drift: 'park' })
    await world.push('M-1', '{"number":"m-1","name":"third name","price":10.10,"odd":1}', { object: 'BD_Material' })
    const [parked] = await until('it is parked', async () => {
      const rows = await world.sql<{ fault: string }>`select fault from link where left_id = 'M-1' and state = 'parked'`
      return rows.length > 0 && rows
    })
    assert.match(parked?.fault ?? '', /map.drift/)
    assert.equal((await world.crm.record('ProductObj', known.id))?.masterFieldVal.name, 'new name')
    await change(flowOf('material'), { drift: 'warn' })
  })

  test('what is there is found before a create: one is bound, one that belongs to another or several are for a person', async () => {
    await change(flowOf('material'), {
      matchBeforeCreate: [{ number: 'product_code' }],
      mapping: { fields: { product_code: 'number', name: 'name', unit: 'unit', price: 'price' } },
    })
    const { id } = await world.crm.create('ProductObj', { product_code: 'x 100', name: 'theirs' })
    await world.crm.create('ProductObj', { product_code: 'TWICE', name: 'one' })
    await world.crm.create('ProductObj', { product_code: 'twice', name: 'two' })
    await until('they are staged', async () => {
      const [row] = await world.sql<{
        n: number
      }>`select count(*) as n from match_key where object = 'ProductObj' and key in ('X100', 'TWICE')`
      return row?.n === 3
    })
    const shown = await (async () => {
      await world.push('M-100', '{"number":"X-100","name":"ours"}', { object: 'BD_Material' })
      return until('it is bound', async () => {
        const rows = await world.sql<{
          right_id: string
        }>`select right_id from link where left_id = 'M-100' and right_id is not null`
        return first(rows)
      })
    })()
    assert.equal(shown.right_id, id)
    await until(
      'it is updated',
      async () => (await world.crm.record('ProductObj', id as string))?.masterFieldVal.name === 'ours',
    )

    await world.push('M-101', '{"number":"x/100","name":"the same again"}', { object: 'BD_Material' })
    await world.push('M-102', '{"number":"Twice","name":"which?"}', { object: 'BD_Material' })
    const faults = await until('both wait for a person', async () => {
      const rows = await world.sql<{ left_id: string; reason: string; fault: string }>`
        select left_id, reason, fault from link where left_id in ('M-101', 'M-102') and state = 'parked' order by left_id`
      return rows.length === 2 && rows
    })
    assert.deepEqual(
      faults.map(({ reason, fault }) => [reason, (JSON.parse(fault) as { code: string }).code]),
      [
        ['conflict', 'conflict.matched'],
        ['conflict', 'conflict.several'],
      ],
    )
    // two new ones with one key at the same moment: one create
    await Promise.all(
      ['M-201', 'M-202', 'M-203'].map((one) =>
        world.push(one, '{"number":"NEW-1","name":"new"}', { object: 'BD_Material' }),
      ),
    )
    await world.atRest()
    const made = (await world.crm.records('ProductObj')).filter((one) => one.masterFieldVal.product_code === 'NEW-1')
    assert.equal(made.length, 1)
  })

  test('a dry run says how all records would be treated, and changes nothing', async () => {
    const before = (await world.crm.ledger({})).length
    const { status, body } = await call<{ task: string }>('POST', `${flowOf('material')}/dry-run`, undefined)
    assert.equal(status, 202, JSON.stringify(body))
    const result = await until('the dry run ends', async () => {
      const { body: task } = await call<{
        state: string
        result: { looked: number; counts: Record<string, number>; faults: { code: string; count: number }[] }
      }>('GET', `/tasks/${body.task}`)
      return task.state !== 'running' && task
    })
    assert.equal(result.state, 'done')
    const { looked, counts, faults } = result.result
    assert.equal(looked, 8)
    assert.equal(counts['skip: unchanged'], 2, JSON.stringify(counts))
    assert.equal(counts.update, 2)
    assert.equal(counts.park, 4)
    assert.deepEqual(faults.map(({ code, count }) => [code, count]).sort(), [
      ['conflict.matched', 3],
      ['conflict.several', 1],
    ])
    assert.equal((await world.crm.ledger({})).length, before)
  })

  test('a stub stands in for a record that nobody has sent', async () => {
    const toErp = flowOf('customer', 'rightToLeft')
    const { body: customer } = await call<{ mapping: { fields: Tree; details: Tree } }>('GET', toErp)
    await change(toErp, {
      mapping: {
        ...customer.mapping,
        fields: { ...customer.mapping.fields, name: { from: 'name', default: '(to come)' } },
      },
    })
    const order = flowOf('order', 'rightToLeft')
    const { body: now } = await call<{ mapping: { fields: Tree; details: Tree } }>('GET', order)
    await change(order, {
      mapping: {
        ...now.mapping,
        fields: {
          ...now.mapping.fields,
          customerId: { from: 'account_id', reference: { pair: 'customer', missing: 'stub' } },
        },
      },
    })
    const secrets = JSON.parse(await readFile(join(world.data, 'generated-secrets.json'), 'utf8')) as Record<
      string,
      string
    >
    const secret = Object.entries(secrets).find(([name]) => name.includes('hook'))?.[1] ?? ''
    const event = async (objectApiName: string, dataId: string, masterFieldVal: Tree): Promise<void> => {
      const answer = await fetch(`${world.url()}/hooks/crm/${secret}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          tenantId: 'sandbox',
          objectApiName,
          dataId,
          operation: 'update',
          changedAt: Date.now(),
          masterFieldVal: { _id: dataId, last_modified_time: Date.now(), ...masterFieldVal },
          detailFieldVals: {},
        }),
      })
      assert.equal(answer.status, 200, await answer.text())
    }
    await event('SalesOrderObj', 'SO-9', { name: 'SO-9', account_id: 'ghost-1' })
    const made = await until('the order is in the ERP', () => world.erp.bySource('SAL_SaleOrder', 'SO-9').then(first))
    const customerId = String(made.masterFieldVal.customerId)
    const stub = await world.erp.record('BD_Customer', customerId)
    assert.equal(stub?.masterFieldVal.name, '(to come)')
    assert.equal(stub?.sourceId, 'ghost-1')
    await event('AccountObj', 'ghost-1', { name: 'Here I am' })
    await until(
      'the record itself completes it',
      async () => (await world.erp.record('BD_Customer', customerId))?.masterFieldVal.name === 'Here I am',
    )
    const all = (await world.erp.records('BD_Customer')).filter((one) => one.sourceId === 'ghost-1')
    assert.equal(all.length, 1)
  })

  test('proposals and formulas are answered over HTTP, problems in the caller’s language', async () => {
    const { body } = await call<{ fields: { to: string; from: string }[] }>(
      'GET',
      `${flowOf('customer')}/mapping/proposals`,
    )
    assert.ok(body.fields.some(({ to, from }) => to === 'tax_no' && from === 'taxNo'))
    const checked = await call<{ problems: { at: number; say: string }[] }>('POST', `${flowOf('customer')}/formula`, {
      formula: 'UPPER(nmae)',
    })
    assert.deepEqual(checked.body.problems, [
      { at: 6, say: 'at character 7: nmae is not a field of object BD_Customer' },
    ])
  })
})
