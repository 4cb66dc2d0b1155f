/** Functions against what people write and what attackers write: exact numbers, look-ups, limits that hold, and neighbours that do not notice. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openFunctions, type Result } from './pool.ts'

const pool = openFunctions({ workers: 2, grace: 300 })
after(() => pool.close())

let count = 0
const run = (code: string, inputs: string[], more: object = {}) =>
  pool.run({ key: `test ${count++}`, kind: 'receive', code, inputs, time: 300, memory: 16, ...more })
const one = async (body: string, input = '{}', more: object = {}): Promise<Result> =>
  (await run(`function receive(input) { ${body} }`, [input], more))[0] as Result
const output = async (body: string, input = '{}', more: object = {}): Promise<string> => {
  const result = await one(body, input, more)
  assert.equal(result.kind, 'done', JSON.stringify(result))
  return (result as Result & { kind: 'done' }).output
}
const said = (result: Result): string => ('said' in result ? result.said : JSON.stringify(result))

test('numbers pass with every digit, whoever parses or writes the JSON', async () => {
  const input = '{"a":12345678901234567890.12,"b":1.10,"c":"007","d":[1e3,-0,{"e":0.10}],"f":null,"g":true}'
  assert.equal(await output('return input', input), input)
  assert.equal(await output('return {text: JSON.stringify(input)}', input), JSON.stringify({ text: input }))
  assert.equal(await output('return JSON.parse(JSON.stringify(input))', input), input)
  assert.equal(
    await output('return [input.a, 1, 0.5, 10n ** 20n, decimal("1.10")]', input),
    '[12345678901234567890.12,1,0.5,100000000000000000000,1.10]',
  )
})

test('a text that looks like a marked number stays a text', async () => {
  const input = JSON.stringify({ a: '\u0000#12', b: 'x"\u0000#1', c: '\u0000$7', '"\u0000#1': '"', d: '\\' })
  assert.equal(await output('return input', input), input)
})

test('numbers refuse to become doubles by accident, and calculate exactly', async () => {
  for (const trap of ['input.a + 1', 'input.a * 2', '"" + input.a', 'input.a < 2', 'input.a == 1'])
    assert.match(said(await one(`return ${trap}`, '{"a":1.10}')), /is exact/)
  assert.equal(await output('return `${input.a}`', '{"a":1.10}'), '"1.10"')
  assert.equal(
    await output(
      'return [input.a.plus("0.2"), input.a.times(3), input.a.dividedBy(3, 4), input.a.round(1), input.a.compare(input.b), input.a.toNumber()]',
      '{"a":0.1,"b":0.10}',
    ),
    '[0.3,0.3,0.0333,0.1,0,0.1]',
  )
  assert.equal(await output('return decimal("12345678901234567890.12").plus("0.01")'), '12345678901234567890.13')
  assert.match(said(await one('return decimal("1e399").times("1e399")')), /no number/)
  assert.match(said(await one('return decimal(1).dividedBy(0)')), /division by zero/)
})

test('dates know zones, hashes are hashes, XML and base64 are read', async () => {
  assert.equal(
    await output(`const at = date.parse('2026-03-08 02:30:00', 'yyyy-MM-dd HH:mm:ss', 'Asia/Shanghai')
      return [at, date.format(at, 'yyyy-MM-dd HH:mm', 'America/New_York'), date.format(at, 'iso', 'Asia/Shanghai')]`),
    '[1772908200000,"2026-03-07 13:30","2026-03-08T02:30:00+08:00"]',
  )
  assert.equal(
    await output(
      `return [hash('md5', 'd9346662-df40-456b-adbd-d2baf46ca770test-salt'), hash('sha256', 'a', 'k').length]`,
    ),
    '["bb4b3be0391c993e392d65292bb5113d",64]',
  )
  assert.equal(
    await output(`return xml.parse('<o><no>007</no><l><q>1.10</q></l><l><q>2</q></l></o>')`),
    '{"o":{"no":"007","l":[{"q":"1.10"},{"q":"2"}]}}',
  )
  assert.match(said(await one(`return xml.parse('<!DOCTYPE o><o/>')`)), /DOCTYPE/)
  assert.equal(
    await output(`return [base64.decode('1tA=', 'gbk'), xml.write('a', {b: decimal('1.10')})]`),
    '["中","<a><b>1.10</b></a>"]',
  )
})

test('look-ups are supplied by the host, in rounds, and a catch does not hide that one is missing', async () => {
  const asked: string[][] = []
  const supply = async (keys: readonly string[]) => {
    asked.push([...keys])
    return new Map(
      keys.flatMap((key): [string, string][] =>
        key === '["mapped","customer","C1"]'
          ? [[key, '"T1"']]
          : key === '["document","Order","T1"]'
            ? [[key, '{"amount":1.10}']]
            : [],
      ),
    )
  }
  const body = `let id = null; try { id = lookup.mapped('customer', 'C1') } catch {}
    return id === null ? null : [id, lookup.document('Order', id), lookup.mapped('customer', 'none')]`
  assert.equal(await output(body, '{}', { supply }), '["T1",{"amount":1.10},null]')
  assert.deepEqual(asked, [
    ['["mapped","customer","C1"]'],
    ['["document","Order","T1"]'],
    ['["mapped","customer","none"]'],
  ])
  assert.match(said(await one('return lookup.mapped("a", "b")')), /nothing can be looked up/)
})

test('what it says on the console is kept, a throw names its line, and code that does not load says so for every record', async () => {
  const result = await one('console.log("seen", input, decimal("1.10")); return 1', '{"a":1.10}')
  assert.deepEqual(result, { kind: 'done', output: '1', logs: ['seen {"a":1.10} 1.10'] })
  const thrown = (await run('\n\nfunction receive(input) {\n  throw new Error("no " + input.id)\n}', ['{"id":"7"}']))[0]
  assert.deepEqual(thrown, { kind: 'threw', said: 'no 7', line: 4, logs: [] })
  const broken = await run('function receive( {', ['1', '2'])
  assert.deepEqual(
    broken.map((one) => one.kind),
    ['threw', 'threw'],
  )
  assert.match(said((await run('function other() {}', ['1']))[0] as Result), /declares no function/)
  assert.match(said(await one('return Promise.resolve(1)')), /no async/)
})

test('there is no process, no require, no network, no timers, and no way back to the host', async () => {
  const names = [
    'process',
    'require',
    'fetch',
    'module',
    'Buffer',
    'setTimeout',
    'WebAssembly',
    'Worker',
    'std',
    'os',
    '__host',
    '__enter',
    'globalThis.__host',
  ]
  for (const name of names) assert.equal(await output(`return typeof ${name}`), '"undefined"', name)
  for (const attack of [
    'process.exit(1)',
    'require("fs")',
    'fetch("http://127.0.0.1")',
    'this.constructor.constructor("return process")().exit()',
    '(async () => {}).constructor("return process")().exit()',
  ])
    assert.equal((await one(`return ${attack}`)).kind, 'threw', attack)
  assert.match(said(await one('return Function("return import(\'fs\')")()')), /no async|import|module/i)
})

test('prototype pollution stays outside: the next record, and the host, see nothing of it', async () => {
  const code = `function receive(input) {
    try { Object.prototype.polluted = 'yes' } catch {}
    try { ({}).__proto__.polluted = 'yes' } catch {}
    try { Array.prototype.map = () => 'stolen' } catch {}
    try { JSON.parse = () => 'stolen' } catch {}
    const merged = {}
    for (const key in input) merged[key] = input[key]
    return [({}).polluted ?? null, [1].map((n) => n), JSON.parse('{"a":1}'), input.constructor === undefined]
  }`
  const input = '{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}'
  for (const result of await run(code, [input, input]))
    assert.equal((result as { output?: string }).output, '[null,[1],{"a":1},false]', JSON.stringify(result))
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
})

const attacks: [string, string, ('time' | 'memory' | 'threw')[]][] = [
  ['an endless loop', 'for (;;);', ['time']],
  ['a loop that catches everything', 'for (;;) try { for (;;); } catch {}', ['time']],
  ['a memory bomb of strings', 'const a = []; for (;;) a.push("x".repeat(100000) + a.length)', ['time', 'memory']],
  ['a memory bomb that doubles', 'let a = [1]; for (;;) a = a.concat(a)', ['memory', 'time', 'threw']],
  ['a slow regular expression', 'return /^(a+)+$/.test("a".repeat(40) + "!")', ['time']],
  ['a recursion without end', 'const f = () => f() + 1; return f()', ['threw']],
  ['a sort that never ends', 'return [1, 2, 3].sort(() => { for (;;); })', ['time']],
  ['a getter in the result that never ends', 'return { get a() { for (;;); } }', ['time']],
  ['a bomb in the host’s decimals', 'let a = decimal("9".repeat(190)); for (;;) a = a.times(a)', ['threw', 'time']],
]
for (const [name, body, ends] of attacks)
  test(`${name} ends, and the records beside it are answered`, async () => {
    const began = performance.now()
    const code = `function receive(input) { if (input.bad) { ${body} }; return input.n }`
    const results = await run(code, ['{"n":1}', '{"n":2,"bad":true}', '{"n":3}'])
    const bad = results[1] as Result
    const how = bad.kind === 'over' ? bad.limit : bad.kind
    assert.ok((ends as string[]).includes(how), `${how}: ${said(bad)}`)
    assert.deepEqual(
      [results[0], results[2]],
      [
        { kind: 'done', output: '1', logs: [] },
        { kind: 'done', output: '3', logs: [] },
      ],
    )
    assert.ok(performance.now() - began < 10_000)
  })

test('after three records over a limit the rest of a batch is left alone', async () => {
  const results = await run(
    'function receive() { for (;;); }',
    Array.from({ length: 6 }, () => '1'),
    { time: 100 },
  )
  assert.deepEqual(
    results.map((one) => one.kind),
    ['over', 'over', 'over', 'left', 'left', 'left'],
  )
})

test('what has not begun when its time is over is left; the first always begins', async () => {
  const code = 'function receive(n) { const end = date.now() + 60; while (date.now() < end); return n }'
  const kinds = async (until: number) =>
    (await run(code, ['1', '2', '3', '4', '5', '6'], { until })).map(({ kind }) => kind)
  const some = await kinds(Date.now() + 150)
  assert.equal(some[0], 'done')
  assert.equal(some.at(-1), 'left')
  assert.deepEqual(await kinds(0), ['done', 'left', 'left', 'left', 'left', 'left'])
})
