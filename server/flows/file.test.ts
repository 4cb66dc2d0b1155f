/** Every mistake in a configuration file is told with its file, line, column and field. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from './file.ts'
import { tellProblems } from './problem.ts'

const env = { ERP_TOKEN: 'a-token-of-the-erp', PUSH_TOKEN: 'a-token-for-pushes', SHORT: 'short' }
const read = (text: string) =>
  readConfig({ text, file: 'f.yaml', env, generate: (name) => `generated-${name.replaceAll('/', '-')}` })

/** A file that is right; each case below breaks one line of it. */
const good = `tenants:
  - id: acme
    zone: Asia/Shanghai
    connections:
      - id: erp
        role: erp
        baseUrl: https://erp.example.com/path
        headers: { token: \${ERP_TOKEN} }
        timeout: 20s
        objects:
          - code: BD_Customer
            modifiedField: modifyTime
            externalIdField: sourceId
            fields:
              number: text
              grade: { type: select, options: [A, B] }
              parentId: { type: reference, references: BD_Customer }
              modifyTime: { type: datetime, format: epochMillis }
            details:
              - { code: contacts, idField: id, fields: { name: text } }
      - id: crm
        role: crm
        baseUrl: https://crm.example.com/
        objects:
          - code: AccountObj
            idField: _id
            externalIdField: sourceId
            fields:
              account_no: text
              name: { type: text, required: true }
              level: { type: select, options: ['1', '2'] }
              parent: text
            details:
              - { code: ContactObj, idField: _id, fields: { name: text } }
    pairs:
      - id: customer
        left: erp/BD_Customer
        right: crm/AccountObj
        flows:
          leftToRight:
            scope: { number: { startsWith: C } }
            mapping:
              fields:
                account_no: number
                name: { from: number }
                level: { from: grade, options: { A: 1, B: 2 } }
                parent: { from: parentId, reference: customer }
              details:
                ContactObj: { from: contacts, fields: { name: name } }
    tokens:
      - { name: push, value: \${PUSH_TOKEN}, connections: [erp], objects: [BD_Customer] }
    hooks:
      - { connection: crm }
`

test('the file that the cases break is right, and a bare address gets its slash', () => {
  const { config, problems } = read(good)
  assert.deepEqual(problems, [])
  assert.equal(config?.tenants[0]?.connections[0]?.def.baseUrl, 'https://erp.example.com/path/')
  assert.equal(config?.tenants[0]?.hooks[0]?.secret, 'generated-acme-hook-crm-crm')
})

/** what to write instead of what, line:column, field path, the sentence */
const cases: [string, string, string, string, string, RegExp][] = [
  [
    'a misspelt key',
    'zone: Asia/Shanghai',
    'zoen: Asia/Shanghai',
    '3:5',
    'tenants[acme].zoen',
    /"zoen" is not known here; did you mean "zone"\?/,
  ],
  [
    'a wrong type',
    'timeout: 20s',
    'timeout: [20s]',
    '9:18',
    'tenants[acme].connections[erp].timeout',
    /must be a number or text, found a list/,
  ],
  [
    'no duration',
    'timeout: 20s',
    'timeout: 20 sec',
    '9:18',
    'tenants[acme].connections[erp].timeout',
    /"20 sec" is not a duration: write for example 30s/,
  ],
  [
    'a missing variable',
    '${ERP_TOKEN}',
    '${ERP_TOKNE}',
    '8:27',
    'tenants[acme].connections[erp].headers.token',
    /environment variable ERP_TOKNE is not set; did you mean ERP_TOKEN\?/,
  ],
  [
    'a wrong choice',
    'role: crm',
    'role: krm',
    '22:15',
    'tenants[acme].connections[crm].role',
    /"krm" is not possible here; did you mean "crm"\?/,
  ],
  [
    'a missing key',
    '        role: crm\n',
    '',
    '21:9',
    'tenants[acme].connections[crm].role',
    /"role" is missing: one of erp, crm/,
  ],
  [
    'no address',
    'https://crm.example.com/',
    'crm.example.com',
    '23:18',
    'tenants[acme].connections[crm].baseUrl',
    /is not an address/,
  ],
  [
    'a zone that is none',
    'zone: Asia/Shanghai',
    'zone: Asia/Shangai',
    '3:11',
    'tenants[acme].zone',
    /"Asia\/Shangai" is not a time zone; did you mean "Asia\/Shanghai"\?/,
  ],
  [
    'an unknown field type',
    'number: text',
    'number: txt',
    '15:23',
    'tenants[acme].connections[erp].objects[BD_Customer].fields.number',
    /"txt" is not possible here; did you mean "text"\?/,
  ],
  [
    'an unknown type inside a field',
    'type: select, options: [A, B]',
    'type: selekt, options: [A, B]',
    '16:30',
    'tenants[acme].connections[erp].objects[BD_Customer].fields.grade.type',
    /did you mean "select"\?/,
  ],
  [
    'an undeclared modified field',
    'modifiedField: modifyTime',
    'modifiedField: modifiedTime',
    '12:28',
    'tenants[acme].connections[erp].objects[BD_Customer].modifiedField',
    /"modifiedTime" is not a declared field; did you mean "modifyTime"\?/,
  ],
  [
    'an unknown object of a reference',
    'references: BD_Customer',
    'references: BD_Custmer',
    '17:56',
    'tenants[acme].connections[erp].objects[BD_Customer].fields.parentId.references',
    /did you mean "BD_Customer"\?/,
  ],
  [
    'an unknown object of a pair',
    'left: erp/BD_Customer',
    'left: erp/Customer',
    '37:15',
    'tenants[acme].pairs[customer].left',
    /object "Customer" is not declared on connection erp/,
  ],
  [
    'an unknown connection of a pair',
    'right: crm/AccountObj',
    'right: cmr/AccountObj',
    '38:16',
    'tenants[acme].pairs[customer].right',
    /connection "cmr" is not declared; did you mean "crm"\?/,
  ],
  [
    'an end without its connection',
    'right: crm/AccountObj',
    'right: AccountObj',
    '38:16',
    'tenants[acme].pairs[customer].right',
    /must be written connection\/object/,
  ],
  [
    'an unknown flow',
    'leftToRight:',
    'leftToRigth:',
    '40:11',
    'tenants[acme].pairs[customer].flows.leftToRigth',
    /did you mean "leftToRight"\?/,
  ],
  [
    'an unknown target field',
    'account_no: number',
    'acount_no: number',
    '44:17',
    'tenants[acme].pairs[customer].flows.leftToRight.mapping.fields.acount_no',
    /"acount_no" is not a field of object AccountObj; did you mean "account_no"\?/,
  ],
  [
    'an unknown source field, short',
    'account_no: number',
    'account_no: numbr',
    '44:29',
    'tenants[acme].pairs[customer].flows.leftToRight.mapping.fields.account_no',
    /"numbr" is not a field of object BD_Customer; did you mean "number"\?/,
  ],
  [
    'an unknown source field, long',
    'name: { from: number }',
    'name: { from: numbr }',
    '45:31',
    'tenants[acme].pairs[customer].flows.leftToRight.mapping.fields.name.from',
    /did you mean "number"\?/,
  ],
  [
    'neither source nor value',
    'name: { from: number }',
    'name: { default: x }',
    '45:17',
    'tenants[acme].pairs[customer].flows.leftToRight.mapping.fields.name',
    /needs "from"/,
  ],
  [
    'an option that the source does not have',
    '{ A: 1, B: 2 }',
    '{ A: 1, C: 2 }',
    '46:56',
    'tenants[acme].pairs[customer].flows.leftToRight.mapping.fields.level.options.C',
    /"C" is not an option of grade/,
  ],
  [
    'an option that the target does not have',
    '{ A: 1, B: 2 }',
    '{ A: 1, B: 3 }',
    '46:59',
    'tenants[acme].pairs[customer].flows.leftToRight.mapping.fields.level.options.B',
    /"3" is not an option of level/,
  ],
  [
    'an unknown pair',
    'reference: customer',
    'reference: custmer',
    '47:54',
    'tenants[acme].pairs[customer].flows.leftToRight.mapping.fields.parent.reference',
    /pair "custmer" is not declared; did you mean "customer"\?/,
  ],
  [
    'an unknown source detail',
    'from: contacts',
    'from: contact',
    '49:37',
    'tenants[acme].pairs[customer].flows.leftToRight.mapping.details.ContactObj.from',
    /"contact" is not a detail of BD_Customer; did you mean "contacts"\?/,
  ],
  [
    'an unknown field of a detail',
    'fields: { name: name }',
    'fields: { name: nam }',
    '49:63',
    'tenants[acme].pairs[customer].flows.leftToRight.mapping.details.ContactObj.fields.name',
    /"nam" is not a field of detail contacts of BD_Customer/,
  ],
  [
    'an unknown field of the scope',
    'scope: { number:',
    'scope: { nummer:',
    '41:22',
    'tenants[acme].pairs[customer].flows.leftToRight.scope.nummer',
    /did you mean "number"\?/,
  ],
  [
    'an unknown operator',
    'startsWith: C',
    'startWith: C',
    '41:32',
    'tenants[acme].pairs[customer].flows.leftToRight.scope.number.startWith',
    /did you mean "startsWith"\?/,
  ],
  [
    'a short token',
    '${PUSH_TOKEN}',
    '${SHORT}',
    '51:30',
    'tenants[acme].tokens[push].value',
    /shorter than 16 characters/,
  ],
  [
    'a connection a token cannot have',
    'connections: [erp]',
    'connections: [epr]',
    '51:59',
    'tenants[acme].tokens[push].connections[0]',
    /connection "epr" is not declared; did you mean "erp"\?/,
  ],
  [
    'an object a token cannot have',
    'objects: [BD_Customer]',
    'objects: [AccountObj]',
    '51:75',
    'tenants[acme].tokens[push].objects[0]',
    /object "AccountObj" is not declared on these connections/,
  ],
  [
    'a hook of nobody',
    'connection: crm',
    'connection: crn',
    '53:23',
    'tenants[acme].hooks[0].connection',
    /did you mean "crm"\?/,
  ],
  [
    'a target that cannot recognise',
    '            idField: _id\n            externalIdField: sourceId\n',
    '            idField: _id\n',
    '39:11',
    'tenants[acme].pairs[customer].flows.leftToRight',
    /needs externalIdField on object AccountObj/,
  ],
  [
    'a kind that lacks its own block',
    'role: erp\n',
    'role: erp\n        kind: masterdata-batch\n',
    '7:15',
    'tenants[acme].connections[erp].kind',
    /kind masterdata-batch needs "batch"/,
  ],
  [
    'the same id twice',
    '- id: crm',
    '- id: erp',
    '21:13',
    'tenants[acme].connections[erp].id',
    /connection "erp" is declared twice/,
  ],
  ['a key twice', 'zone: Asia/Shanghai', 'id: other', '3:5', '', /not YAML: Map keys must be unique/],
  ['bad indentation', '    zone: Asia/Shanghai', '   zone: Asia/Shanghai', '3:1', '', /not YAML: /],
]

for (const [name, from, to, place, path, say] of cases) {
  test(`${name} is told with its line, column and field`, () => {
    assert.ok(good.includes(from), 'the case replaces something')
    const { config, problems } = read(good.replace(from, to))
    assert.equal(config, null)
    const [first] = problems.filter((one) => one.level === 'error')
    assert.ok(first)
    assert.match(first.say, say)
    assert.deepEqual([`${first.line}:${first.column}`, first.path], [place, path])
    assert.ok(tellProblems(problems).startsWith(`f.yaml:${place}`))
  })
}

test('everything wrong is told at once, in the order of the file', () => {
  const broken = good
    .replace('zone: Asia/Shanghai', 'zone: Mars')
    .replace('account_no: number', 'account_no: numbr')
    .replace('from: contacts', 'from: kontakte')
    .replace('[erp]', '[epr]')
  assert.deepEqual(
    read(broken).problems.map((one) => one.line),
    [3, 44, 49, 51],
  )
})

test('a missing variable is told once, and nothing that follows from it', () => {
  const { problems } = read(good.replace('https://crm.example.com/', '${CRM_URL}'))
  assert.deepEqual(
    problems.map((one) => one.say),
    ['environment variable CRM_URL is not set'],
  )
})

test('what only the compiler of mappings sees is told at its place in the file', () => {
  const told = (text: string) =>
    read(text).problems.map(({ line, column, path, say }) => [
      `${line}:${column}`,
      path.replace(/.*leftToRight\./, ''),
      say,
    ])
  assert.deepEqual(told(good.replace('                name: { from: number }\n', '')), [
    ['44:17', 'mapping.fields', '"name" is required by object AccountObj, and nothing is mapped to it'],
  ])
  const [fault] = told(good.replace('scope: { number: { startsWith: C } }', 'scope: { modifyTime: { gt: yesterday } }'))
  assert.deepEqual(fault?.slice(0, 2), ['41:34', 'scope.modifyTime'])
})

test('numbers keep the form they were written in', () => {
  const { config } = read(
    good
      .replace('name: { from: number }', 'name: { value: 1.10 }')
      .replace('account_no: number', 'account_no: { from: number, default: 007 }'),
  )
  assert.deepEqual(config?.tenants[0]?.pairs[0]?.def.flows.left?.mapping.fields.slice(0, 2), [
    { to: 'account_no', from: 'number', default: '007' },
    { to: 'name', value: '1.10' },
  ])
})

test('a variable can be written as text, also where braces are syntax', () => {
  const { config } = read(
    good.replace('{ token: ${ERP_TOKEN} }', () => '{ token: "${ERP_TOKEN}", plain: $${NOT_A_VARIABLE} }'),
  )
  assert.deepEqual(config?.tenants[0]?.connections[0]?.def.headers, {
    token: 'a-token-of-the-erp',
    plain: '${NOT_A_VARIABLE}',
  })
})

test('an empty file, a list, a text and a bomb of aliases are told, not thrown', () => {
  for (const text of [
    '',
    '[]',
    'hello',
    '# only a comment',
    'tenants:',
    'tenants: []',
    'tenants: [1]',
    '\u0000',
    `a: &a [x,x]\n${'bcdefghijklmnop'
      .split('')
      .map((l, i) => `${l}: &${l} [${Array(9).fill(`*${'abcdefghijklmnop'[i]}`).join(',')}]`)
      .join('\n')}`,
  ]) {
    const { config, problems } = read(text)
    assert.equal(config, null)
    assert.ok(problems.length > 0, JSON.stringify(text).slice(0, 40))
  }
})

test('the place is underlined under wide characters too', () => {
  const { problems } = read(
    good.replace('- code: BD_Customer', '- { code: 客户, nam: x }\n          - code: BD_Customer'),
  )
  assert.match(tellProblems(problems), /客户, nam: x \}\n {5}\| {27}\^\^\^/)
})

test('auth, limits and former values: what cannot be meant is told with its place', () => {
  const line = '        timeout: 20s'
  const wrong: [string, RegExp][] = [
    ['auth: {}', /^10:15 .*auth is empty: declare basic/],
    ['auth: { basic: { user: "a:b", password: x } }', /a user’s name has no colon/],
    ['auth: { apiKey: { name: Token, value: x } }', /header token is set twice on this connection/],
    [
      'auth: { basic: { user: a, password: x }, oauth2: { tokenUrl: "https://x.example/t", clientId: a, clientSecret: b } }',
      /header authorization is set twice/,
    ],
    ['auth: { oauth2: { tokenUrl: "ftp://x/", clientId: a, clientSecret: b } }', /must be an address such as https/],
    [
      'auth: { oauth2: { tokenUrl: "https://x.example/t", clientId: a, clientSecret: b, tokenCodes: [0] } }',
      /0 is a success code as well/,
    ],
    [
      'auth: { signature: { algorithm: md5, secret: s, sign: [body], put: { name: S } } }',
      /name "secret" where it stands/,
    ],
    [
      'auth: { signature: { algorithm: hmac-sha256, secret: s, sign: [body, secret], put: { name: S } } }',
      /key of the HMAC and does not stand among the parts/,
    ],
    [
      'auth: { signature: { algorithm: hmac-sha256, secret: s, sign: [body, nonce], put: { name: S } } }',
      /"nonce" is signed, so the target must be told it/,
    ],
    [
      'auth: { signature: { algorithm: hmac-sha256, secret: s, sign: [{ header: X-Ap }], put: { name: S } } }',
      /header X-Ap is not sent by this connection/,
    ],
    [
      'auth: { signature: { algorithm: hmac-sha256, secret: s, sign: [body], put: { name: Idempotency-Key } } }',
      /Mortise sets the header Idempotency-Key itself/,
    ],
    ['auth: { bearer: x }', /"bearer" is not known here/],
    ['limits: { quiet: [{ from: "06:00", to: "18:00" }, { from: "18:00", to: "06:00" }] }', /no minute of the week/],
    ['limits: { quiet: [{ from: "6 pm" }] }', /quiet/],
    ['limits: { burst: 5 }', /"?burst"? ?.*perSecond.* missing|which is missing/],
    ['limits: { acrossNodes: true }', /neither is declared/],
    ['limits: { per: [{ calls: 3, every: 1ms }] }', /shorter than a tenth of a second/],
    ['throttleCodes: [0]', /0 is a success code as well/],
  ]
  for (const [what, expected] of wrong) {
    const { config, problems } = read(good.replace(line, `${line}\n        ${what}`))
    assert.equal(config, null, what)
    const told = problems.map((one) => `${one.line}:${one.column} ${one.path} ${one.say}`).join('\n')
    assert.match(told, expected, what)
  }
  const token = '{ name: push, value: ${PUSH_TOKEN},'
  for (const [what, expected] of [
    ['former: "${PUSH_TOKEN}",', /the value in use, not a former one/],
    ['former: short,', /shorter than 16 characters/],
    ['formerUntil: 2027-01-31,', /there is no former value/],
    ['former: a-token-of-last-year, formerUntil: soon,', /"soon" is not a day/],
  ] as const) {
    const { problems } = read(good.replace(token, `${token} ${what}`))
    assert.match(problems.map((one) => one.say).join('\n'), expected, what)
  }
  const { config } = read(good.replace(token, `${token} former: a-token-of-last-year, formerUntil: 2027-01-31,`))
  assert.equal(config?.tenants[0]?.tokens[0]?.formerUntil, Date.parse('2027-01-31T16:00:00Z'))
})

test('the functions of a flow are there, each of its kind, what they write is a field, and they end before the call is due', () => {
  const fn = (name: string, kind: string, more = '') =>
    `      - { name: ${name}, kind: ${kind}, code: 'function ${kind}(x) { return x }'${more} }\n`
  const declared = `    functions:\n${fn('see', 'beforeMapping')}${fn('sign', 'beforeWrite')}${fn('tell', 'afterWrite', ', time: 20s')}`
  const withSteps = (steps: string, functions = declared) =>
    read(
      good
        .replace('    pairs:\n', `${functions}    pairs:\n`)
        .replace('            mapping:\n', `            functions: ${steps}\n            mapping:\n`),
    )
  const said = (steps: string, functions?: string) =>
    withSteps(steps, functions).problems.map(({ path, say }) => `${path.replace(/.*leftToRight./, '')}: ${say}`)
  assert.deepEqual(said('{ beforeMapping: see, beforeWrite: { function: sign, fields: [_id] }, afterWrite: tell }'), [
    'functions.beforeWrite: "_id" is an id',
  ])
  const { config } = withSteps('{ beforeMapping: see, beforeWrite: sign, afterWrite: tell }')
  assert.deepEqual(config?.tenants[0]?.pairs[0]?.def.flows.left?.functions, {
    beforeMapping: 'see',
    beforeWrite: { function: 'sign', fields: [] },
    afterWrite: 'tell',
  })
  assert.deepEqual(said('{ beforeMapping: sea, beforeWrite: see }'), [
    'functions.beforeMapping: function "sea" is not declared; did you mean "see"?',
    'functions.beforeWrite: "see" is a function of kind beforeMapping, not beforeWrite',
  ])
  assert.match(
    String(said('{ beforeWrite: { function: sign, fields: [odd, ContactObj.odd] } }')),
    /"odd" is not a field of/,
  )
  const slow = declared.replace("return x }' }", "return x }', time: 3s }")
  assert.match(String(said('{ beforeMapping: see }', slow)), /is between 10ms and 2s: a call waits for it/)
  const quick = good.replace(
    '      - id: crm\n        role: crm\n',
    '      - id: crm\n        role: crm\n        timeout: 1s\n',
  )
  const both = read(
    quick
      .replace('    pairs:\n', `${declared}    pairs:\n`)
      .replace(
        '            mapping:\n',
        '            functions: { beforeMapping: see, beforeWrite: sign }\n            mapping:\n',
      ),
  )
  assert.match(
    tellProblems(both.problems),
    /may take 2000 ms together; the timeout of connection crm leaves them 1800 ms/,
  )
})
