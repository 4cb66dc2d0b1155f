/** 生成 api of declared objects: real names in every form, four whole languages, nothing that a stranger must not see, and valid where a standard says what is. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { validate } from '@readme/openapi-parser'
import { codes, locales } from '../../../protocol/codes.ts'
import { curlOf } from './curl.ts'
import { type Described, interfaceOf } from './interface.ts'
import { markdownOf } from './markdown.ts'
import { openapiOf } from './openapi.ts'
import { interfacePage } from './page.ts'
import { phrases } from './phrases.ts'

const order: Described = {
  tenantId: 'acme',
  centers: 2,
  batchPath: 'orders',
  connection: {
    connectionId: 'erp',
    role: 'erp',
    baseUrl: 'https://someone:hunter2@erp.example.com/api?key=very-secret',
    headers: ['token', 'X-Api-Key', 'Accept'],
    result: { codePath: 'status.code', messagePath: 'status.text', dataPath: 'result', successCodes: ['200'] },
    readable: true,
    zone: 'Asia/Shanghai',
    pageSize: 50,
  },
  object: {
    code: 'SAL_SaleOrder',
    apiName: 'SaleOrder',
    name: '销售订单 "<&|`',
    idField: 'id',
    modifiedField: 'modifyTime',
    externalIdField: 'sourceId',
    fields: [
      { code: 'id', type: 'text' },
      { code: 'number', type: 'text', name: "It's a number", required: true, length: 6 },
      { code: 'grade', type: 'select', options: [{ value: 'A', label: 'best' }, { value: 'B' }] },
      { code: 'tags', type: 'multiselect', options: [{ value: 'x' }] },
      { code: 'amount', type: 'decimal' },
      { code: 'pieces', type: 'integer' },
      { code: 'urgent', type: 'bool' },
      { code: 'orderDate', type: 'date', format: 'yyyy/MM/dd' },
      { code: 'dueAt', type: 'datetime', format: 'epochSeconds' },
      { code: 'customerId', type: 'reference', references: 'BD_Customer' },
      { code: 'owner', type: 'person' },
      { code: 'modifyTime', type: 'datetime', format: 'epochMillis' },
      { code: 'sourceId', type: 'text' },
    ],
    details: [
      {
        code: 'lines',
        apiName: '明细 apiName1',
        idField: 'rowId',
        fields: [
          { code: 'rowId', type: 'text' },
          { code: 'qty', type: 'decimal', required: true },
        ],
      },
    ],
  },
}

const ours = 'https://mortise.example.com'
const made = (described: Described = order, locale: (typeof locales)[number] = 'en_US') =>
  interfaceOf(described, ours, locale)
const callOf = (id: string, described = order) => {
  const all = made(described)
  const found = [...all.offers, ...all.calls].find((one) => one.id === id)
  return found ?? assert.fail(`no call ${id}`)
}

test('a create is sent with the declared names and types, without what its system gives itself', () => {
  const { body, url, headers, answer } = callOf('create')
  assert.equal(url, 'https://erp.example.com/api/create')
  assert.deepEqual(body, {
    objAPIName: 'SaleOrder',
    masterFieldVal: {
      number: "It's a",
      grade: 'A',
      tags: ['x'],
      amount: 1234.5,
      pieces: 10,
      urgent: true,
      orderDate: '2026/01/31',
      dueAt: 1769846400,
      customerId: 'REF-1',
      owner: 'PERSON-1',
      sourceId: 'OTHER-1',
    },
    detailFieldVals: { '明细 apiName1': [{ qty: 1234.5 }] },
  })
  assert.deepEqual(
    headers.filter((one) => one.required).map((one) => `${one.name}: ${one.value}`),
    ['Content-Type: application/json', 'token: TOKEN', 'X-Api-Key: X_API_KEY'],
  )
  assert.deepEqual(answer, {
    status: { code: '200', text: 'success' },
    result: { masterDataId: 'ID-1', detailDataIds: { '明细 apiName1': ['ROW-1'] } },
  })
})

test('an update names the record and its rows where the connector puts them', () => {
  const { body, headers } = callOf('update')
  const { masterFieldVal, detailFieldVals } = body as Record<string, Record<string, unknown>>
  assert.equal(masterFieldVal?.id, 'ID-1')
  assert.deepEqual(detailFieldVals?.['明细 apiName1'], [{ qty: 1234.5, rowId: 'ROW-1' }])
  assert.equal(headers.find((one) => one.name === 'id')?.value, 'ID-1')
})

test('a push names its account set where the tenant has several, and not where it has one', () => {
  const center = (described: Described) =>
    callOf('push', described).headers.find((one) => one.name === 'dataCenterId')?.required
  assert.equal(center(order), true)
  assert.equal(center({ ...order, centers: 1 }), false)
  assert.match(callOf('push').curl, /--header 'dataCenterId: erp'/)
  assert.doesNotMatch(callOf('push', { ...order, centers: 1 }).curl, /dataCenterId/)
})

test('queries are left out where the system offers none, a CRM tells events, and a master-data path brings its calls', () => {
  const ids = (described: Described) => {
    const { offers, calls } = made(described)
    return [offers.map((one) => one.id), calls.map((one) => one.id)]
  }
  const all = ['create', 'update', 'queryMasterBatch', 'queryMasterById', 'invalid']
  assert.deepEqual(ids(order), [all, ['push', 'pushVoid', 'pushOther', 'alias', 'batchToken', 'batch']])
  const { batchPath: _path, ...plain } = order
  const crm = { ...plain, connection: { ...order.connection, role: 'crm', readable: false } as const }
  assert.deepEqual(ids(crm), [['create', 'update', 'invalid'], ['hook']])
  assert.deepEqual(made(plain).batchCodes, [])
  assert.equal(callOf('batch').url, 'https://mortise.example.com/common/orders/batch')
})

test('what proves who calls is shown by name, never by value', () => {
  const auth = {
    basic: { user: 'canary-user', password: 'canary-password' },
    apiKey: { in: 'query', name: 'k', value: 'canary-key' },
    signature: {
      algorithm: 'md5',
      secret: 'canary-salt',
      sign: ['body'],
      join: '',
      encoding: 'hex',
      put: { in: 'header', name: 'X-Sign', prefix: '' },
    },
  } as const
  const secret: Described = { ...order, connection: { ...order.connection, auth: auth as never } }
  const all = made(secret)
  for (const text of [
    JSON.stringify(all),
    interfacePage(all, (l) => l).html,
    markdownOf(all),
    JSON.stringify(openapiOf(all)),
  ]) {
    assert.doesNotMatch(text, /canary|hunter2|very-secret/)
    assert.match(text, /X-Sign/)
  }
  assert.match(callOf('create', secret).curl, /\?k=K' /)
})

test('every phrase stands in four languages with the same blanks', () => {
  const blanks = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([blank]) => blank).sort()
  for (const [key, said] of Object.entries(phrases)) {
    for (const locale of locales) {
      assert.ok(said[locale].length > 0, `${key} ${locale}`)
      assert.deepEqual(blanks(said[locale]), blanks(said.en_US), `${key} ${locale}`)
    }
    assert.doesNotMatch(said.en_US, /[\u3040-\u9fff]/, key)
  }
})

test('page and Markdown tell every call, field and code in each language, and no English page holds a Chinese word of ours', () => {
  const plain: Described = { ...order, object: { ...order.object, name: 'Order', details: [] } }
  for (const locale of locales) {
    const all = made(order, locale)
    const { html, policy } = interfacePage(all, (other) => `?locale=${other}`)
    const markdown = markdownOf(all)
    assert.match(
      html,
      new RegExp(
        `^<!doctype html><html lang="${{ zh_CN: 'zh-CN', zh_TW: 'zh-TW', en_US: 'en', ja_JP: 'ja' }[locale]}"`,
      ),
    )
    assert.deepEqual(html.match(/<script|<img|<link|<iframe|src=|@import|url\(| on\w+=|style="|\{\w+\}/g), null)
    assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'/)
    for (const one of [...all.offers, ...all.calls]) {
      assert.ok(html.includes(`id="${one.id}"`), one.id)
      assert.ok(markdown.includes(one.curl), one.id)
    }
    for (const field of order.object.fields) assert.ok(markdown.includes(`| \`${field.code}\` |`), field.code)
    for (const code of Object.keys(codes)) assert.ok(html.includes(`<code>${code}</code>`), code)
    assert.ok(html.includes('销售订单 &quot;&lt;&amp;|`'))
    for (const other of locales) assert.equal(html.includes(`href="?locale=${other}"`), other !== locale)
  }
  const english = made(plain)
  for (const text of [
    interfacePage(english, (l) => l).html.replace(/<nav class="l">.*?<\/nav>/, ''),
    markdownOf(english),
  ])
    assert.deepEqual(text.replace(/"Noto[^"]+"/g, '').match(/[\u3040-\u9fff]+/g), null)
})

test('the OpenAPI document is valid 3.1, in each language, for an ERP and for a CRM', async () => {
  const crm: Described = { ...order, connection: { ...order.connection, role: 'crm' } }
  for (const described of [order, crm, { ...order, object: { ...order.object, details: [] } }])
    for (const locale of locales) {
      const document = openapiOf(made(described, locale))
      const result = await validate(structuredClone(document) as never)
      assert.deepEqual(result.valid ? [] : result.errors, [])
    }
  // the validator can say no
  const broken = { ...openapiOf(made()), info: {} }
  assert.equal((await validate(broken as never)).valid, false)
  const { paths } = openapiOf(made()) as { paths: Record<string, { servers: { url: string }[] }> }
  assert.deepEqual(Object.keys(paths), [
    '/create',
    '/update',
    '/queryMasterBatch',
    '/queryMasterById',
    '/invalid',
    '/erp/syncdata/open/objdata/syncpush',
    '/cgi/crm/erp/syncdata/objdata/push',
    '/common/unAuth/tokens/generate',
    '/common/orders/batch',
  ])
  assert.equal(paths['/create']?.servers[0]?.url, 'https://erp.example.com/api')
})

test('a shell reads a cURL command back word for word, whatever stands in it', {
  skip: process.platform === 'win32',
}, () => {
  const nasty = `it's $HOME \`id\` "x" \\ \n 明细`
  const curl = curlOf({ ...callOf('create'), body: { a: nasty }, headers: [] })
  const { stdout } = spawnSync('sh', ['-c', `curl() { for last; do :; done; printf %s "$last"; }\n${curl}`], {
    encoding: 'utf8',
  })
  assert.deepEqual(JSON.parse(stdout), { a: nasty })
})
