/** The pure parts of the console: which rule a fault speaks of, what is learnt from a sample, what a form sends back, how bodies and cURLs are written. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { agentName } from '../../console/features/account/agent.ts'
import { curlOf } from '../../console/features/calls/curl.ts'
import { connectionOf, valuesOf } from '../../console/features/connections/form.ts'
import {
  type Mapping,
  ruleOf,
  valuesOf as missing,
  withOptions,
  withRule,
} from '../../console/features/maintain/rules.ts'
import { learn, withLearned } from '../../console/features/objects/learn.ts'
import { fareOf, type Pulse, seriesOf } from '../../console/features/overview/fare.ts'
import { differing } from '../../console/features/settings/differs.ts'
import { laidOut } from '../../console/ui/laid-out.ts'

const mapping: Mapping = {
  fields: { name: 'name', level: { from: 'grade', options: { A: '1' } }, copy: 'grade' },
  details: { ContactObj: { from: 'contacts', fields: { kind: { from: 'type', options: {} } } } },
}

test('a fault names a source field; the rule with its options is found, also in a row of a detail', () => {
  assert.deepEqual(ruleOf(mapping, 'grade'), {
    to: 'level',
    detail: null,
    sourceDetail: null,
    rule: { from: 'grade', options: { A: '1' } },
  })
  assert.equal(ruleOf(mapping, 'contacts[3].type')?.detail, 'ContactObj')
  assert.equal(ruleOf(mapping, 'contacts[3].type')?.sourceDetail, 'contacts')
  assert.equal(ruleOf(mapping, 'nowhere'), null)
  const listed: Mapping = { fields: [{ to: 'level', from: 'grade' }] }
  assert.equal(ruleOf(listed, 'grade')?.to, 'level')
})

test('changing one rule leaves every other as it is written', () => {
  const found = ruleOf(mapping, 'contacts[0].type')!
  const next = withRule(mapping, found, { ...found.rule, default: 'x' })
  assert.deepEqual(next.fields, mapping.fields)
  assert.deepEqual(next.details, {
    ContactObj: { from: 'contacts', fields: { kind: { from: 'type', options: {}, default: 'x' } } },
  })
  assert.deepEqual(
    withRule(
      {
        fields: [
          { to: 'a', from: 'b' },
          { to: 'c', from: 'd' },
        ],
      },
      { to: 'c', detail: null },
      { from: 'd', default: '1' },
    ),
    {
      fields: [
        { to: 'a', from: 'b' },
        { to: 'c', from: 'd', default: '1' },
      ],
    },
  )
})

test('the values that are missing are counted over all faults of a record, whatever its row', () => {
  const faults = [
    {
      code: 'map.option',
      field: 'contacts[0].type',
      value: 'X',
      also: [{ code: 'map.option', field: 'contacts[4].type', value: 'Y' }],
    },
    { code: 'map.option', field: 'contacts[1].type', value: 'X' },
    { code: 'map.type', field: 'contacts[1].type', value: 'Z' },
    null,
  ]
  assert.deepEqual(
    [...missing(faults, 'map.option', 'contacts[9].type')],
    [
      ['X', 2],
      ['Y', 1],
    ],
  )
})

test('an option is added where the object declares options, as they are written there', () => {
  const object = {
    fields: { grade: { type: 'select', options: ['A'] }, free: 'text' },
    details: [{ code: 'd', fields: { k: { options: { a: 'Alpha' } } } }],
  }
  assert.deepEqual((withOptions(object, null, 'grade', ['A', 'D']) as typeof object).fields.grade.options, ['A', 'D'])
  assert.equal(withOptions(object, null, 'grade', ['A']), null)
  assert.equal(withOptions(object, null, 'free', ['A']), null)
  assert.deepEqual((withOptions(object, 'd', 'k', ['b']) as typeof object).details[0]!.fields.k.options, {
    a: 'Alpha',
    b: 'b',
  })
})

test('fields are learnt from the guide’s body, a cURL, an answer and a bare record; what is declared stays', () => {
  const body =
    '{"objAPIName":"BD_X","masterFieldVal":{"a":"t","n":1.5,"day":"2026-01-31"},"detailFieldVals":{"rows":[{"q":1},{"q":2.5}]}}'
  const learned = {
    code: 'BD_X',
    fields: { a: 'text', n: 'decimal', day: 'date' },
    details: { rows: { q: 'decimal' } },
  }
  assert.deepEqual(learn(body), learned)
  assert.deepEqual(learn(`curl -s https://x/y -H 'token: t' -d '${body}'`), learned)
  assert.deepEqual(learn(`{"code":"0","data":{"dataList":[${body}]}}`), learned)
  assert.deepEqual(learn('{"id":"1","lines":[{"x":true}]}'), {
    code: null,
    fields: { id: 'text' },
    details: { lines: { x: 'bool' } },
  })
  assert.equal(learn('no json'), 'object.noJson')
  assert.equal(learn('[]'), 'object.noFields')
  const known = { idField: 'id', fields: { a: { type: 'select', options: ['t'] } } }
  assert.deepEqual(withLearned(known, learned as never).fields, {
    a: { type: 'select', options: ['t'] },
    n: 'decimal',
    day: 'date',
  })
})

test('a form that nobody touched sends back what was declared; an empty secret keeps its name', () => {
  const declared = {
    id: 'erp',
    role: 'erp',
    baseUrl: 'https://erp.example.com/',
    headers: { token: '${ERP_TOKEN}' },
    auth: { oauth2: { tokenUrl: 'https://t', clientId: 'us', clientSecret: '${S}', params: { scope: 'x' } } },
    limits: { perSecond: 5, quiet: [{ from: '01:00' }] },
    result: { codePath: 'c', successCodes: ['0', '200'] },
    throttleCodes: ['429'],
    readable: false,
    objects: ['BD_X'],
  }
  const { id: _id, objects: _objects, ...rest } = declared
  assert.deepEqual(connectionOf(declared, valuesOf(declared)), rest)
  const said = valuesOf(declared)
  said.headers = [{ name: 'token', stored: '${ERP_TOKEN}', value: 'new' }]
  said.limits = { ...said.limits, perSecond: null }
  assert.deepEqual(connectionOf(declared, said).headers, { token: 'new' })
  assert.deepEqual(connectionOf(declared, said).limits, { quiet: [{ from: '01:00' }] })
})

test('a body is laid out in lines and says the same', () => {
  fc.assert(fc.property(fc.json(), (text) => assert.deepEqual(JSON.parse(laidOut(text)), JSON.parse(text))))
  assert.equal(laidOut('{"n":12345678901234567890.10,"e":{}}'), '{\n  "n": 12345678901234567890.10,\n  "e": {}\n}')
  assert.equal(laidOut('<a>not json</a>'), '<a>not json</a>')
  assert.doesNotThrow(() => laidOut('{"cut off": [1, {"a'))
})

test('a cURL gives the shell the very body and header, and leaves secrets as names to be filled in', () => {
  const body = `{"name":"O'Brien & \\"Söhne\\" $(reboot) \`x\`"}`
  const line = curlOf(
    { baseUrl: 'https://erp.example.com/api', headers: { token: '${ERP_TOKEN}', plain: "it's $HOME" } },
    'create',
    body,
  )
  const run = spawnSync(
    'sh',
    ['-c', line.replace('curl -sS', `node -e 'console.log(JSON.stringify(process.argv.slice(1)))' --`)],
    {
      env: { ...process.env, ERP_TOKEN: 'secret' },
      encoding: 'utf8',
    },
  )
  assert.deepEqual(JSON.parse(run.stdout), [
    'https://erp.example.com/api/create',
    '-H',
    'token: secret',
    '-H',
    "plain: it's $HOME",
    '-H',
    'content-type: application/json',
    '--data-raw',
    body,
  ])
})

test('how a flow fares is counted from its own steps', () => {
  const step = { again: 0, ms: 10, backlog: 0, oldestMs: 0 }
  const pulse: Pulse = {
    from: '2026-01-01T00:00:00.000Z',
    to: '2026-01-01T01:00:00.000Z',
    step: 60,
    steps: [
      { ...step, at: '2026-01-01T00:10:00.000Z', pair: 'a', target: 'crm', applied: 5, refused: 5, unanswered: 0 },
      { ...step, at: '2026-01-01T00:58:00.000Z', pair: 'a', target: 'crm', applied: 10, refused: 0, unanswered: 0 },
      { ...step, at: '2026-01-01T00:58:00.000Z', pair: 'b', target: 'erp', applied: 1, refused: 0, unanswered: 0 },
    ],
  }
  const flow = { pair: 'a', target: 'crm/AccountObj' } as Parameters<typeof fareOf>[1]
  assert.deepEqual(fareOf(pulse, flow), { perMinute: 2, success: 0.75 })
  assert.deepEqual(fareOf({ ...pulse, steps: [] }, null), { perMinute: null, success: null })
  const series = seriesOf(pulse)
  assert.equal(series.at.length, 61)
  assert.deepEqual([series.applied[10], series.failed[10], series.applied[58], series.applied[59]], [5, 5, 11, 0])
})

test('the audit trail tells leaf by leaf what differs, and nothing of what does not', () => {
  assert.deepEqual(
    differing(
      { name: 'a', rules: { level: { A: '1' } }, list: [1, 2], gone: { x: 1 } },
      { name: 'a', rules: { level: { A: '2', B: '3' } }, list: [1, 3] },
    ),
    [
      { path: 'rules.level.A', before: '1', after: '2' },
      { path: 'rules.level.B', before: undefined, after: '3' },
      { path: 'list.1', before: 2, after: 3 },
      { path: 'gone.x', before: 1, after: undefined },
    ],
  )
  assert.deepEqual(differing({ a: null }, { a: null }), [])
  assert.deepEqual(differing('x', 'y'), [{ path: '–', before: 'x', after: 'y' }])
  fc.assert(fc.property(fc.jsonValue(), (value) => differing(value, structuredClone(value)).length === 0))
})

test('a browser is called by the names people know', () => {
  const windows =
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
  assert.equal(agentName(windows), 'Chrome · Windows')
  assert.equal(agentName(`${windows} Edg/140.0`), 'Edge · Windows')
  assert.equal(
    agentName(
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1',
    ),
    'Safari · iOS',
  )
  assert.equal(agentName('curl/8.5.0'), 'curl')
  assert.equal(agentName('a program'), 'a program')
})
