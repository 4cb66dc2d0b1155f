/** Functions of flows on the whole road: before mapping, before write, after write; what a preview of unsaved ones shows is what is sent; attackers are alone. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { signedIn } from '../api/signed-in.ts'
import { freshWorld, until, type World } from './world.ts'

type Tree = Record<string, unknown>

interface Shown {
  would: { kind: string; reason: string | null; faults: { code: string; sentence: string }[] }
  functions: {
    kind: string
    name: string
    made: string | null
    skipped: string | null
    faults: { sentence: string }[]
    logs: string[]
  }[]
  mapped: string | null
  request: { body: string } | null
}

interface Row {
  left_id: string
  state: string
  reason: string | null
  fault: string | null
}

const see = `function beforeMapping(record) {
  const { masterFieldVal: m } = record
  if (m.number.startsWith('T-')) return { skip: 'a test record: ' + m.number }
  console.log('seen', record.id, record.targetId)
  m.name = m.name + ' / ' + (m.spec ?? 'no spec')
  return record
}`
const price = `function beforeWrite(call) {
  call.masterFieldVal.price = call.masterFieldVal.price.times('1.13').round(2)
  return call
}`
const check = `function afterWrite(call) {
  const there = lookup.document('crm/ProductObj', call.id)
  if (call.sourceId === 'M-9') throw new Error('the ERP wants a look at ' + call.id)
  return call.action === 'create' ? { note: call.action + ' of ' + call.sourceId + (there ? ' (seen)' : '') } : null
}`

describe('functions of flows', () => {
  let world: World
  let signed: Awaited<ReturnType<typeof signedIn>>
  const call = async <T = Tree>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> => {
    const answer = await signed(method, path, body)
    const text = await answer.text()
    return { status: answer.status, body: (text ? JSON.parse(text) : {}) as T }
  }
  const done = async (method: string, path: string, body?: unknown): Promise<void> => {
    const answer = await call(method, path, body)
    assert.ok(answer.status < 300, JSON.stringify(answer.body))
  }
  const flowOf = (pair: string) => `/pairs/${pair}/flows/leftToRight`
  const change = async (pair: string, more: Tree): Promise<void> => {
    const { body: now } = await call('GET', flowOf(pair))
    await done('PUT', flowOf(pair), { ...now, ...more })
  }
  const declare = (name: string, kind: string, code: string, more: Tree = {}) =>
    done('PUT', `/functions/${name}`, { kind, code, ...more })
  const material = (id: string, fields: string) => world.push(id, fields, { object: 'BD_Material' })
  const rowOf = async (id: string): Promise<Row | undefined> => {
    const [row] =
      await world.sql<Row>`select left_id, state, reason, fault from link where pair_id = 'material' and left_id = ${id}`
    return row
  }
  const rests = (id: string, state: string, reason: string): Promise<Row> =>
    until(`${id} is ${state} (${reason})`, async () => {
      const row = await rowOf(id)
      return row?.state === state && row.reason === reason && row
    })
  /** Written; its own echo may have come back already. */
  const written = (id: string) =>
    until(`${id} is written`, async () => {
      const [row] = await world.sql<Row>`
        select state from link where pair_id = 'material' and left_id = ${id} and state = 'idle' and right_id is not null`
      return row
    })
  const sentTo = async (id: string) =>
    (await world.crm.ledger({ object: 'ProductObj' })).filter((one) => JSON.stringify(one.body).includes(`"${id}"`))

  before(async () => {
    world = await freshWorld()
    signed = await signedIn(world)
  })
  after(() => world[Symbol.asyncDispose]())

  test('a preview runs an unsaved mapping with unsaved functions, stores nothing, and its bytes are those that are sent once they are saved', async () => {
    await change('material', { state: 'paused' })
    await material('M-1', '{"number":"m-1","name":"steel","unit":"kg","price":10.10,"spec":"10 mm"}')
    const { body: flow } = await call<{ mapping: { fields: Tree } }>('GET', flowOf('material'))
    const mapping = { fields: { ...flow.mapping.fields, name: { formula: 'UPPER(name)' }, price: 'price' } }
    const functions = { beforeMapping: 'see', beforeWrite: 'price' }
    const code = { see: { kind: 'beforeMapping', code: see }, price: { kind: 'beforeWrite', code: price } }
    const preview = async (more: Tree): Promise<{ status: number; body: Shown }> =>
      call<Shown>('POST', `${flowOf('material')}/preview`, { id: 'M-1', ...more })

    const { status, body: shown } = await preview({ mapping, functions, code })
    assert.equal(status, 200, JSON.stringify(shown))
    assert.equal(shown.would.kind, 'create')
    assert.deepEqual(
      shown.functions.map(({ kind, name, logs }) => [kind, name, logs]),
      [
        ['beforeMapping', 'see', ['seen M-1 null']],
        ['beforeWrite', 'price', []],
      ],
    )
    assert.match(shown.functions[0]?.made ?? '', /"name":"steel \/ 10 mm"/)
    assert.match(shown.request?.body ?? '', /"name":"STEEL \/ 10 MM"/)
    assert.match(shown.request?.body ?? '', /"price":11\.41/)
    assert.equal((await call('GET', '/functions/see')).status, 404, 'nothing was stored')
    assert.equal((await world.sql`select from attempt`).length, 0)
    assert.doesNotMatch((await preview({})).body.request?.body ?? '', /STEEL/)

    // checked as saving checks it, told by its place
    const wrong = await preview({ mapping: { fields: { odd: 'name' } }, functions, code })
    assert.ok(wrong.status >= 400 && wrong.status < 500, String(wrong.status))
    assert.match(JSON.stringify(wrong.body), /body\.mapping\.fields/)
    assert.match(JSON.stringify((await preview({ functions: { beforeMapping: 'nobody' } })).body), /is not declared/)
    const broken = { see: { ...code.see, code: 'function beforeMapping( {' } }
    assert.match(
      JSON.stringify((await preview({ functions, code: { ...code, ...broken } })).body),
      /see: .*line 1|SyntaxError/,
    )
    const threw = { see: { ...code.see, code: 'function beforeMapping() {\n  throw new Error("no")\n}' } }
    const faulty = (await preview({ functions, code: { ...code, ...threw } })).body
    assert.deepEqual(
      [faulty.would.kind, faulty.would.faults[0]?.sentence],
      ['park', 'Function see stopped in line 2: no'],
    )

    await declare('see', 'beforeMapping', see)
    await declare('price', 'beforeWrite', price)
    await declare('check', 'afterWrite', check)
    assert.match(
      JSON.stringify((await call('PUT', flowOf('material'), { ...flow, functions: { beforeMapping: 'price' } })).body),
      /is a function of kind beforeWrite/,
    )
    await change('material', { mapping, functions: { ...functions, afterWrite: 'check' }, state: 'enabled' })
    await written('M-1')
    const [sent] = await world.sql<{ request: Buffer }>`select request from attempt where call = 'create'`
    assert.equal(sent?.request.toString(), shown.request?.body)
    assert.equal((await preview({})).body.would.kind, 'skip')
  })

  test('a field that only the function reads is a change; what it makes the same of is none; a skip shows its reason', async () => {
    const writes = (await sentTo('M-1')).length
    await material('M-1', '{"number":"m-1","name":"steel","unit":"kg","price":10.10,"spec":"12 mm"}')
    await until('the other spec is there', async () => JSON.stringify(await sentTo('M-1')).includes('12 MM'))
    await world.atRest()
    assert.equal((await sentTo('M-1')).length, writes + 1)
    // the same in other words: the function makes what the target is known to have
    await material('M-1', '{"number":"m-1","name":"steel","unit":"kg","price":10.1,"spec":"12 mm","odd":"new"}')
    await rests('M-1', 'idle', 'unchanged')
    assert.equal((await sentTo('M-1')).length, writes + 1)

    await material('M-2', '{"number":"T-2","name":"x","unit":"kg","price":1}')
    const row = await rests('M-2', 'idle', 'skipped')
    assert.equal((JSON.parse(row.fault ?? '{}') as Tree).said, 'a test record: T-2')
    assert.equal((await sentTo('M-2')).length, 0)
  })

  test('after write is told once of each applied call; its throw is shown on the record, and nothing is written for it', async () => {
    await material('M-9', '{"number":"m-9","name":"n","unit":"kg","price":1}')
    await written('M-9')
    const [link] = await world.sql<{ link_id: number }>`select link_id from link where left_id = 'M-9'`
    const story = await until('its word is shown', async () => {
      const { body } = await call<{ afterWrite: { state: string; why: string[]; note: string | null }[] }>(
        'GET',
        `/records/${link?.link_id}/journey`,
      )
      return body.afterWrite.some(({ state }) => state === 'failed') && body.afterWrite
    })
    assert.match(story[0]?.why[0] ?? '', /^Function check stopped in line 3: the ERP wants a look at /)
    await world.atRest()
    assert.equal((await sentTo('M-9')).length, 1, 'no second write')
    assert.equal((await rowOf('M-9'))?.state, 'idle', 'the write stands')
    const said = await world.sql<{ note: string | null; call: string }>`
      select a.note, a.call from after_write a join link l using (tenant_id, pair_id, link_id) where l.left_id = 'M-1'`
    assert.deepEqual(
      said.map(({ note }) => note?.replace(' (seen)', '')),
      [],
      'the update without a word closed it',
    )
    const [left] = await world.sql<{ n: number }>`select count(*)::int4 as n from after_write where state = 'due'`
    assert.equal(left?.n, 0)
  })

  test('one that loops, bombs memory, reaches for the machine or pollutes is alone: others go on, it is suspended, and mending it sends what waited', async () => {
    const attack: Record<string, string> = {
      'A-1': 'for (;;);',
      'A-2': 'const all = []; for (;;) all.push(new Array(1e5).fill(7))',
      'A-3': 'return { skip: [typeof process, typeof require, typeof fetch, typeof globalThis.__host].join() }',
      'A-4': `Object.prototype.polluted = 1; record.masterFieldVal.name = 'is ' + {}.polluted; return record`,
      'A-5': `return JSON.parse('{"masterFieldVal":{"number":"a","name":"b","__proto__":{"polluted":1}}}')`,
      'A-6': `/^(a+)+$/.test('a'.repeat(40) + 'b'); return record`,
    }
    const cases = Object.entries(attack).map(([id, body]) => `case ${JSON.stringify(id)}: { ${body} }`)
    await declare(
      'see',
      'beforeMapping',
      `function beforeMapping(record) { switch (record.id) { ${cases.join('\n')} }; return record }`,
      { time: '300ms', memory: 16 },
    )
    const faultOf = async (id: string): Promise<string> => {
      const row = await until(`${id} has ended`, async () => {
        const now = await rowOf(id)
        return now && ['idle', 'parked'].includes(now.state) && now
      })
      const fault = JSON.parse(row.fault ?? '{}') as { code?: string; said?: string }
      return `${row.state} ${row.reason} ${fault.code} ${fault.said ?? ''}`.trim()
    }
    const push = (id: string) => material(id, `{"number":"${id}","name":"n","unit":"kg","price":1}`)
    await push('A-3')
    assert.equal(await faultOf('A-3'), 'idle skipped function.skipped undefined,undefined,undefined,undefined')
    await push('A-4')
    await written('A-4')
    assert.match(JSON.stringify(await sentTo('A-4')), /IS UNDEFINED/)
    await push('A-5')
    assert.match(await faultOf('A-5'), /^parked data function\.result .*reserved/)
    assert.equal(({} as Tree).polluted, undefined)
    await push('A-2')
    assert.match(await faultOf('A-2'), /^parked data function\.over/)
    // a neighbour of the same flow between them: two in a row are not three
    await push('B-1')
    await written('B-1')

    const alone = async (id: string): Promise<number> => {
      const began = performance.now()
      await world.push(id, { number: id, name: 'n' })
      await until(`${id} is there`, async () => (await world.crm.bySource('AccountObj', id)).length > 0)
      return performance.now() - began
    }
    await alone('C-0')
    const quiet = Math.max(await alone('C-1'), await alone('C-2'), await alone('C-3'))
    await Promise.all(['A-1', 'A-6'].map(push))
    const beside = Math.max(await alone('C-4'), await alone('C-5'), await alone('C-6'))
    assert.ok(beside < 3 * quiet + 1_500, `beside a loop ${Math.round(beside)} ms, alone ${Math.round(quiet)} ms`)
    assert.match(await faultOf('A-1'), /^parked data function\.over/)
    assert.match(await faultOf('A-6'), /^parked data function\.over/)
    // the third in a row
    await material('A-1', '{"number":"A-1","name":"again","unit":"kg","price":1}')
    const suspended = await until('it is suspended', async () => {
      const { body } = await call<{ suspended: { why: string } | null }>('GET', '/functions/see')
      return body.suspended
    })
    assert.match(suspended.why, /Function see is suspended: 300 ms/)
    await push('B-2')
    await rests('B-2', 'parked', 'config')
    assert.ok((await alone('C-7')) < 3 * quiet + 1_500)
    await declare('see', 'beforeMapping', see)
    await written('B-2')
    assert.equal((await call<{ suspended: unknown }>('GET', '/functions/see')).body.suspended, null)
  })
})
