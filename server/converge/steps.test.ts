/** Functions around a decision: what they may say, that what is compared, marked and printed is what they made, and that nothing is lost by them. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Json } from '../doc/document.ts'
import type { FieldRule, FlowDef } from '../doc/flow.ts'
import { openFunctions } from '../functions/pool.ts'
import { compiled, detail, field, flow, object, problems } from '../map/fixture.ts'
import { writeContent } from '../map/content.ts'
import { type CallDecision, decide, type Decision, type Situation, travel } from './decide.ts'
import { agreedOn, pairOf, situation, staged } from './decide.fixture.ts'
import { heard } from './after-write.ts'
import type { FunctionRunner } from './engine.ts'
import { judged, seeAll, writeAll } from './steps.ts'

const pool = openFunctions({ workers: 1, grace: 300 })
after(() => pool.close())

/** Functions by name, as a test writes them: the real sandbox, nothing counted. */
const runner = (codes: Record<string, string>): FunctionRunner => ({
  run: async ({ name, kind, inputs }) =>
    (await pool.run({ key: name, kind, code: codes[name] ?? '', inputs, time: 500, memory: 16 })).map((one) =>
      one.kind === 'done'
        ? one
        : { kind: 'fault', fault: { code: 'function.threw', stage: 'map', said: JSON.stringify(one) }, logs: [] },
    ),
})

/** As a round does it. */
const round = async (s: Situation, codes: Record<string, string>): Promise<Decision> => {
  const runs = runner(codes)
  const [seen] = await seeAll(runs, [s])
  assert.notEqual(seen, 'left')
  let known: Situation = { ...s, seen: seen as NonNullable<Situation['seen']> }
  for (;;) {
    const decision = decide(known)
    if (decision.kind !== 'ask' || !decision.outgoing) return decision
    const [answer] = await writeAll(runs, [{ pair: s.pair, from: decision.from, outgoing: decision.outgoing }])
    assert.ok(answer && answer !== 'left')
    known = { ...known, written: { ...known.written, [decision.from]: answer } }
  }
}

const call = (decision: Decision): CallDecision => {
  assert.equal(decision.kind, 'call', JSON.stringify(decision))
  return decision as CallDecision
}
const master = (decision: Decision): { [key: string]: Json } => call(decision).outgoing.content.masterFieldVal

const upper = {
  up: `function beforeMapping(r) { r.masterFieldVal.name = r.masterFieldVal.name.toUpperCase(); return r }`,
}
const graded = {
  grade: `function beforeMapping(r) { r.masterFieldVal.note = 'grade ' + (r.masterFieldVal.grade ?? '?'); return r }`,
}
const noted = {
  note: `function beforeWrite(call) { call.masterFieldVal.note = call.action + ' ' + call.masterFieldVal.note; return call }`,
}
const before = (functions: FlowDef['functions']) => pairOf({ left: { ...(functions && { functions }) } })

test('without functions nothing is asked; with one, decide asks for its word before it says anything', () => {
  const plain = situation(pairOf(), {}, { left: staged('left', 10, { name: 'Ada', note: 'n' }) })
  assert.equal(decide(plain).kind, 'call')
  const s = situation(before({ beforeMapping: 'up' }), {}, { left: staged('left', 10, { name: 'Ada', note: 'n' }) })
  assert.deepEqual(decide(s), { kind: 'ask', from: 'left', of: 'beforeMapping', outgoing: null })
  assert.equal(travel(s, 'left', true).kind, 'ask', 'a sweep that cannot ask takes it for something to write')
})

test('before mapping: the mapping sees what the function made, the agreement holds what the record says', async () => {
  const pair = before({ beforeMapping: 'up' })
  const doc = staged('left', 10, { name: 'Ada', note: 'n' })
  const made = call(await round(situation(pair, {}, { left: doc }), upper))
  assert.equal(made.outgoing.content.masterFieldVal.name, 'ADA')
  assert.equal(made.source.content_hash, doc.content_hash)
  assert.deepEqual(made.sourcePrint, pair.print('left', doc))
})

test('before mapping: a field that only the function reads is a change; what our own write brings back is none', async () => {
  const pair = pairOf({ left: { functions: { beforeMapping: 'grade' } }, right: {} })
  const ada = { name: 'Ada', note: 'grade A', grade: 'A' }
  const agreed = agreedOn(pair, ada)
  const right = staged('right', 11, ada)
  // the control: without the function nobody reads `grade`
  const bare = pairOf({ right: {} })
  const changed = { left: staged('left', 20, { ...ada, grade: 'B' }), right }
  assert.equal(decide(situation(bare, agreedOn(bare, ada), changed)).kind, 'idle')
  assert.equal(master(await round(situation(pair, agreed, changed), graded)).note, 'grade B')

  // written by the other flow, told back with a modified time and the like: not above the agreement
  const echo = { left: staged('left', 20, ada), right }
  const decision = await round(situation(pair, agreed, echo), {
    grade: `function beforeMapping() { throw new Error('not asked') }`,
  })
  assert.equal(decision.kind === 'idle' && decision.reason, 'unchanged')
  assert.ok(decision.kind === 'idle' && decision.adopt.left?.version === 20)
})

test('before write: what is compared with the target, printed and sent is what the function made', async () => {
  const pair = before({ beforeWrite: { function: 'note', fields: [] } })
  const created = call(
    await round(situation(pair, {}, { left: staged('left', 10, { name: 'Ada', note: 'n' }) }), noted),
  )
  assert.equal(created.outgoing.content.masterFieldVal.note, 'create n')
  assert.deepEqual(created.print, pair.plans.left?.sentPrint(created.outgoing))

  // the target holds what the function would make of it: nothing goes out, though the mapped body is another
  const agreed = agreedOn(pair, { name: 'Ada', note: 'n' }, { name: 'Ada', note: 'update n2' })
  const left = staged('left', 20, { name: 'Ada', note: 'n2' })
  const rests = await round(
    situation(pair, agreed, { left, right: staged('right', 11, { name: 'Ada', note: 'update n2' }) }),
    noted,
  )
  assert.equal(rests.kind === 'idle' && rests.reason, 'unchanged')
  const goes = await round(situation(pair, agreed, { left: staged('left', 20, { name: 'Ada', note: 'n3' }) }), noted)
  assert.equal(master(goes).note, 'update n3')
})

test('before write: ids stay, what nobody mapped is refused by name, and what it makes must fit its field', async () => {
  const pair = before({ beforeWrite: { function: 'f', fields: ['grade'] } })
  const doc = staged('left', 10, { name: 'Ada', note: 'n' })
  const link = { ...agreedOn(pair, { name: 'x', note: 'y' }) }
  const of = (body: string, s = situation(pair, link, { left: { ...doc, version: 20 } })) =>
    round(s, { f: `function beforeWrite(call) { ${body} }` })
  const said = async (body: string): Promise<string> => {
    const decision = await of(body)
    assert.equal(decision.kind, 'park', JSON.stringify(decision))
    return decision.kind === 'park' ? `${decision.why} ${decision.fault.code} ${decision.fault.said ?? ''}` : ''
  }
  // put back where it is left out, refused where it is another
  assert.deepEqual(master(await of(`return {masterFieldVal: {name: 'A', grade: 'B'}}`)), {
    id: 'R-1',
    sourceId: 'L-1',
    name: 'A',
    grade: 'B',
  })
  assert.match(await said(`call.masterFieldVal.id = 'R-2'; return call`), /data function.result id is an id/)
  assert.match(await said(`call.masterFieldVal.sourceId = 'L-2'; return call`), /sourceId is an id/)
  assert.match(await said(`call.masterFieldVal.odd = 1; return call`), /odd is not mapped: name it in/)
  assert.match(await said(`call.masterFieldVal.name = {deep: [1]}; return call`), /map\.type/)
  assert.match(await said(`return`), /it answered nothing: return the record/)
  assert.match(await said(`return [call]`), /cannot be read|no object/)
  assert.match(
    await said(`return JSON.parse('{"masterFieldVal":{"__proto__":{"a":1}}}')`),
    /reserved name|is not mapped/,
  )
  assert.match(await said(`call.detailFieldVals.lines = []; return call`), /lines is no detail that is sent/)
  assert.equal(({} as { a?: number }).a, undefined)
  // what it writes beside the mapping is printed: another value of it alone goes out
  const grades = call(await of(`call.masterFieldVal.grade = 'B'; return call`))
  const known = { ...link, right_agreed_print: new Map([...(link.right_agreed_print ?? []), ...grades.print]) }
  const again = (value: string) =>
    of(`call.masterFieldVal.grade = '${value}'; return call`, situation(pair, known, { left: { ...doc, version: 20 } }))
  assert.equal((await again('B')).kind, 'idle')
  assert.equal(master(await again('C')).grade, 'C')
})

test('a skip is a rest with its reason, agreed on as it stands; a throw parks the record', async () => {
  for (const functions of [{ beforeMapping: 'f' }, { beforeWrite: { function: 'f', fields: [] } }]) {
    const pair = before(functions)
    const kind = Object.keys(functions)[0] as string
    const s = situation(pair, {}, { left: staged('left', 10, { name: 'Ada', note: 'n' }) })
    const skipped = await round(s, { f: `function ${kind}() { return {skip: 'a test record'} }` })
    assert.equal(skipped.kind, 'idle')
    if (skipped.kind !== 'idle') return
    assert.deepEqual(
      [skipped.reason, skipped.fault?.code, skipped.fault?.said],
      ['skipped', 'function.skipped', 'a test record'],
    )
    assert.equal(skipped.adopt.left?.version, 10)
    const threw = await round(s, { f: `function ${kind}() { throw new Error('no') }` })
    assert.equal(threw.kind === 'park' && `${threw.why} ${threw.fault.code}`, 'data function.threw')
  }
})

test('D4: both sides changed, and each flow has its function: each is asked for its own', async () => {
  const owned: FieldRule[] = [
    { from: 'name', to: 'name', owner: 'left' },
    { from: 'note', to: 'note', owner: 'right' },
  ]
  const pair = pairOf({
    left: { fields: owned, functions: { beforeWrite: { function: 'skipper', fields: [] } } },
    right: { functions: { beforeWrite: { function: 'note', fields: [] } } },
    conflict: 'field',
  })
  const s = situation(pair, agreedOn(pair, { name: 'a', note: 'b' }), {
    left: staged('left', 20, { name: 'l', note: 'b' }),
    right: staged('right', 21, { name: 'a', note: 'r' }),
  })
  const decision = await round(s, { ...noted, skipper: `function beforeWrite() { return {skip: 'ours stays'} }` })
  assert.equal(call(decision).side, 'left')
})

test('rows keep their number, order and ids; one that is not ours stays as it is', async () => {
  const lines = detail('lines', [field('qty', 'decimal'), field('note', 'text'), field('tag', 'text')])
  const mapped = flow(
    'left',
    [{ from: 'name', to: 'name' }],
    [{ from: 'lines', to: 'lines', policy: 'merge', fields: [{ from: 'qty', to: 'qty' }] }],
  )
  const functions = { beforeWrite: { function: 'f', fields: ['lines.note'] } }
  const sides = {
    left: object('L', [field('name', 'text')], { details: [lines] }),
    right: object('R', [field('name', 'text')], { details: [lines] }),
  }
  const pair = compiled({ ...sides, flows: { left: { ...mapped, functions } } })
  const given = staged('left', 20, { name: 'n' })
  given.content.detailFieldVals.lines = [
    { id: 'l1', qty: '1' },
    { id: 'l2', qty: '2' },
  ]
  const there = staged('right', 11, { name: 'n' })
  there.content.detailFieldVals.lines = [
    { id: 'r1', qty: '1' },
    { id: 'r9', qty: '9' },
  ]
  const s = situation(pair, { detail_ids: { left: { lines: { l1: 'r1' } } } }, { left: given, right: there })
  const rows = async (body: string) => {
    const decision = await round(s, {
      f: `function beforeWrite(call) { const rows = call.detailFieldVals.lines; ${body}; return call }`,
    })
    return decision.kind === 'call'
      ? decision.outgoing.content.detailFieldVals.lines?.map(({ id, qty, note }) => [id, qty, note])
      : decision.kind === 'park' && (decision.fault.said ?? decision.fault.code)
  }
  assert.deepEqual(await rows(`for (const row of rows) row.note = 'x' + row.qty`), [
    ['r1', '1', 'x1'],
    [undefined, '2', 'x2'],
    ['r9', '9', undefined],
  ])
  assert.match(String(await rows('rows.pop()')), /must stay a list of 3 rows/)
  assert.match(String(await rows(`rows[1].id = 'r7'`)), /is an id/)
  assert.match(String(await rows(`rows[0].tag = 'x'`)), /lines\[0\].tag is not mapped/)
  assert.equal(await rows(`rows[0].qty = 'many'`), 'map.type')

  const wrong = problems({
    ...sides,
    flows: { left: { ...mapped, functions: { beforeWrite: { function: 'f', fields: ['odd', 'lines.odd', 'id'] } } } },
  })
  assert.deepEqual(
    wrong.map(({ message }) => message.split(' is ')[0]).sort(),
    ['"id"', '"odd"', '"odd"'],
    JSON.stringify(wrong),
  )
})

test('what a function may say of a record, and of an applied call', () => {
  const none = { masterFieldVal: {}, detailFieldVals: { lines: [] } }
  const said = (output: string): string => {
    const made = judged('f', output, none)
    return 'content' in made ? writeContent(made.content) : `${made.kind} ${made.fault.said}`
  }
  assert.equal(said('{"masterFieldVal":{"a":1}}'), '{"masterFieldVal":{"a":1},"detailFieldVals":{"lines":[]}}')
  assert.match(said('null'), /fault it answered nothing/)
  assert.match(said('{"skip":true}'), /skip no reason given/)
  assert.match(said('{"masterFieldVal":[]}'), /fault masterFieldVal is no object/)
  assert.match(said('{"masterFieldVal":{},"detailFieldVals":{"lines":[1]}}'), /fault lines is no list of rows/)
  assert.match(said('{"masterFieldVal":{"a":{"constructor":{}}}}'), /reserved name/)
  assert.deepEqual(heard('f', 'null'), { kind: 'heard', note: null })
  assert.deepEqual(heard('f', '{"note":"seen"}'), { kind: 'heard', note: 'seen' })
  assert.equal(heard('f', '7').kind, 'failed')
})
