/** Other formats than JSON over a real socket: XML in GBK written and read, forms, text templates with patterns; values stay text. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { LosslessNumber } from 'lossless-json'
import { decodeBytes } from '../../../protocol/charset.ts'
import { readXml } from '../../../protocol/xml.ts'
import { createEnv } from '../../agent/env.ts'
import type { Change } from '../../doc/connector.ts'
import type { ConnectionDef, FormatDef } from '../../doc/flow.ts'
import type { ObjectDef } from '../../doc/object.ts'
import { patternOf, readAnswer, render, templateFlaw, wireOf } from './formats.ts'
import { standardConnector } from './standard.ts'

const object: ObjectDef = {
  code: 'SO',
  apiName: 'ERP 侧对象的 APIName',
  idField: 'id',
  fields: [],
  details: [{ code: 'lines', apiName: '明细 apiName1', idField: 'rowId', fields: [] }],
}
const result = { codePath: 'code', messagePath: 'message', dataPath: 'data', successCodes: ['0'] }

interface Seen {
  path: string
  type: string
  body: Buffer
}

const world = async (format: FormatDef, answers: Record<string, { type: string; body: Buffer }>) => {
  const seen: Seen[] = []
  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const path = (req.url ?? '').split('?')[0]?.split('/').at(-1) ?? ''
      seen.push({ path, type: String(req.headers['content-type'] ?? ''), body: Buffer.concat(chunks) })
      const answer = answers[path]
      res.writeHead(answer ? 200 : 404, { 'Content-Type': answer?.type ?? 'text/plain' }).end(answer?.body)
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const connection: ConnectionDef = {
    tenantId: 't',
    connectionId: 'erp',
    kind: 'standard',
    role: 'erp',
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/path/`,
    headers: {},
    result,
    format,
    refusedBeforeEffect: [],
    unsureCodes: [],
    notFoundCodes: [],
    refusedCodes: [],
    recognise: 'byWindow',
    keyKept: 1,
    longestProcessing: 1,
    timeout: 5_000,
    lateness: 1,
    overlap: 1,
    limits: { concurrency: 2 },
    readable: true,
    zone: 'Asia/Shanghai',
    pageSize: 10,
  }
  const connector = standardConnector({
    connection,
    objects: new Map([[object.code, object]]),
    env: createEnv(),
    egress: { allowLoopback: true },
  })
  const create = async (master: Record<string, unknown>, lines: Record<string, unknown>[] = []) => {
    const outgoing = {
      object: 'SO',
      targetId: null,
      content: { masterFieldVal: master, detailFieldVals: lines.length ? { lines } : {} },
      sourceRows: { lines: lines.map((_, i) => String(i)) },
      sourceId: 'S-1',
    } as unknown as Parameters<typeof connector.encode>[0]
    const change = {
      action: 'create',
      object: 'SO',
      targetId: null,
      sourceId: 'S-1',
      bytes: connector.encode(outgoing),
      rowsDue: lines.length ? { lines: lines.length } : {},
      traceId: 'a',
      key: 'k',
    } as unknown as Change
    return connector.write(change, () => {}, performance.now() + 5_000, AbortSignal.timeout(10_000))
  }
  return {
    seen,
    connector,
    create,
    [Symbol.asyncDispose]: async () => {
      await connector.close()
      await new Promise((done) => server.close(done))
    },
  }
}

const gbk = (text: string): Buffer => {
  const wire = wireOf({ request: 'json', answer: 'json', charset: 'gbk' }, Buffer.from(text), 'create', null)
  assert.ok('body' in wire)
  return wire.body
}

test('XML in GBK: written with root request and repeated elements, its answer read, digits and zeros as they were', async () => {
  const format: FormatDef = { request: 'xml', answer: 'xml', charset: 'gbk' }
  const page =
    '<?xml version="1.0" encoding="GBK"?><response><code>0</code><message>成功</message><data><totalNum>1</totalNum><dataList><masterFieldVal><id>007</id><name>中国</name><amount>1.10</amount></masterFieldVal><detailFieldVals><明细_x0020_apiName1><rowId>1</rowId></明细_x0020_apiName1></detailFieldVals></dataList></data></response>'
  await using w = await world(format, {
    create: {
      type: 'application/xml; charset=GBK',
      body: gbk(
        '<r><code>0</code><message>成功</message><data><masterDataId>007</masterDataId><detailDataIds><明细_x0020_apiName1>1</明细_x0020_apiName1><明细_x0020_apiName1>2</明细_x0020_apiName1></detailDataIds></data></r>',
      ),
    },
    queryMasterBatch: { type: 'application/xml', body: gbk(page) },
    queryMasterById: { type: 'application/xml', body: gbk('<r><code>0</code><data/></r>') },
  })
  const { outcome, exchange } = await w.create(
    { name: '榫卯 & <公司>', amount: new LosslessNumber('12345678901234567890.10'), zero: '007', none: null },
    [{ qty: new LosslessNumber('1.10') }, { qty: new LosslessNumber('2') }],
  )
  assert.deepEqual(outcome, { kind: 'applied', targetId: '007', rowIds: { lines: ['1', '2'] } })
  assert.match(exchange.answer ?? '', /成功/)
  const [sent] = w.seen
  assert.equal(sent?.type, 'application/xml; charset=GBK')
  assert.equal(
    decodeBytes(sent?.body ?? Buffer.alloc(0), 'gbk'),
    '<?xml version="1.0" encoding="GBK"?>\n<request><objAPIName>ERP 侧对象的 APIName</objAPIName><masterFieldVal><name>榫卯 &amp; &lt;公司&gt;</name><amount>12345678901234567890.10</amount><zero>007</zero><none/></masterFieldVal><detailFieldVals><明细_x0020_apiName1><qty>1.10</qty></明细_x0020_apiName1><明细_x0020_apiName1><qty>2</qty></明细_x0020_apiName1></detailFieldVals></request>',
  )
  const read = await w.connector.changes(
    { object: 'SO', from: 0, to: 1, offset: 0, limit: 10 },
    AbortSignal.timeout(5_000),
  )
  assert.ok(read.kind === 'read', JSON.stringify(read))
  assert.deepEqual(JSON.parse(read.value.readings[0]?.master.toString() ?? '{}'), {
    id: '007',
    name: '中国',
    amount: '1.10',
  })
  assert.deepEqual(read.value.readings[0]?.document.content.detailFieldVals, { lines: [{ rowId: '1' }] })
  assert.deepEqual(await w.connector.find('SO', 'gone', AbortSignal.timeout(5_000)), { kind: 'read', value: null })
})

test('a character that the charset lacks is never sent as a question mark', async () => {
  await using w = await world({ request: 'xml', answer: 'xml', charset: 'gbk' }, {})
  const { outcome } = await w.create({ name: 'a𠮷' })
  assert.ok(
    outcome.kind === 'refused' && outcome.proved && outcome.why.code === 'send.format' && outcome.why.value === '𠮷',
    JSON.stringify(outcome),
  )
  assert.equal(w.seen.length, 0)
})

test('an answer with a DOCTYPE, or one that is cut, breaks the contract: unknown, never a success', async () => {
  for (const body of ['<!DOCTYPE r [<!ENTITY x "0">]><r><code>&x;</code></r>', '<r><code>0</code>', '<r/>']) {
    await using w = await world(
      { request: 'xml', answer: 'xml', charset: 'utf-8' },
      { create: { type: 'text/xml', body: Buffer.from(body) } },
    )
    const { outcome } = await w.create({ a: '1' })
    assert.deepEqual([outcome.kind, 'why' in outcome && outcome.why.code], ['unknown', 'send.contract'], body)
  }
})

test('text: templates out, patterns in; request and answer are declared apart', async () => {
  const format: FormatDef = {
    request: 'text',
    answer: 'text',
    charset: 'gb18030',
    answerCharset: 'gbk',
    templates: {
      create: 'H|{{name}}|{{amount}}\n{{#明细 apiName1}}L|{{$row}}|{{qty}}|{{$.name}}\n{{/明细 apiName1}}E',
      update: 'U|{{$id}}',
    },
    patterns: ['^RESULT (?<code>\\d+)', 'NO=(?<id>\\S+)', 'MSG=(?<message>.*)'],
  }
  await using w = await world(format, { create: { type: 'text/plain', body: gbk('RESULT 0\nNO=SO-007\nMSG=成功') } })
  const { outcome } = await w.create({ name: '榫{{amount}}', amount: new LosslessNumber('1.10') })
  assert.deepEqual(outcome, { kind: 'applied', targetId: 'SO-007', rowIds: {} })
  assert.equal(decodeBytes(w.seen[0]?.body ?? Buffer.alloc(0), 'gb18030'), 'H|榫{{amount}}|1.10\nE')
  const refused = readAnswer(format, 'RESULT 17\nMSG=no stock', result, false)
  assert.deepEqual('value' in refused && JSON.parse(refused.text), { code: '17', message: 'no stock' })
})

test('templates: rows, filters, braces in values are no braces of the template, and what is wrong is said', () => {
  const body = {
    objAPIName: 'O',
    masterFieldVal: { a: '<&>', b: '{{a}}' },
    detailFieldVals: { l: [{ q: '{{b}}' }, { q: '2' }] },
  }
  assert.equal(
    render('{{a|xml}} {{b}} {{#l}}[{{$row}}:{{q}}:{{$.a|url}}]{{/l}} {{$object}} {{$id}} {{absent}}.', body, 'T'),
    '&lt;&amp;&gt; {{a}} [1:{{b}}:%3C%26%3E][2:2:%3C%26%3E] O T .',
  )
  for (const [template, said] of [
    ['{{#a}}', /not closed/],
    ['{{/a}}', /closes nothing/],
    ['{{a|b}}', /no filter b/],
    ['{{#a}}{{#b}}', /inside/],
  ] as const)
    assert.match(templateFlaw(template) ?? '', said)
  assert.equal(templateFlaw('{{#a}}{{b|json}}{{/a}}'), null)
})

test('a pattern is linear whatever the other side answers, and one without a named group is refused', () => {
  const began = performance.now()
  const format: FormatDef = { request: 'json', answer: 'text', charset: 'utf-8', patterns: ['(?<code>(a+)+)$'] }
  readAnswer(format, `${'a'.repeat(50_000)}!`, result, false)
  assert.ok(performance.now() - began < 5_000)
  assert.ok(
    'wrong' in patternOf('(\\d+)') && 'wrong' in patternOf('(?<code>') && 'wrong' in patternOf('(?=a)(?<code>a)'),
  )
})

test('forms: flat fields in the charset’s own bytes, or the whole as JSON in one field', async () => {
  await using flat = await world(
    { request: 'form', answer: 'form', charset: 'gbk' },
    { create: { type: 'text/plain', body: Buffer.from('code=0&masterDataId=9') } },
  )
  assert.deepEqual((await flat.create({ 名: '中 1', amount: new LosslessNumber('1.10') })).outcome, {
    kind: 'applied',
    targetId: '9',
    rowIds: {},
  })
  assert.equal(
    flat.seen[0]?.body.toString(),
    'objAPIName=ERP+%B2%E0%B6%D4%CF%F3%B5%C4+APIName&masterFieldVal.%C3%FB=%D6%D0+1&masterFieldVal.amount=1.10',
  )
  await using whole = await world(
    { request: 'form', answer: 'json', charset: 'utf-8', formField: 'data' },
    { create: { type: 'application/json', body: Buffer.from('{"code":0,"data":{"masterDataId":"9"}}') } },
  )
  assert.equal((await whole.create({ a: new LosslessNumber('1.10') })).outcome.kind, 'applied')
  assert.deepEqual(
    new URLSearchParams(whole.seen[0]?.body.toString()).get('data'),
    '{"objAPIName":"ERP 侧对象的 APIName","masterFieldVal":{"a":1.10},"detailFieldVals":{}}',
  )
})

test('what is written as XML is read as XML, text for text, in every charset that has it', () => {
  const text = fc.string({ unit: 'grapheme' }).map((s) => s.replace(/[^\t\n\u0020-\ud7ff\ue000-\ufffd]/gu, ''))
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom('a', '名 称', '1b', 'x_y'), text),
      fc.constantFrom('utf-8' as const, 'gbk' as const, 'gb18030' as const),
      (fields, charset) => {
        const json = JSON.stringify({ masterFieldVal: fields })
        const wire = wireOf({ request: 'xml', answer: 'xml', charset }, Buffer.from(json), 'create', null)
        if ('wrong' in wire) return charset !== 'utf-8'
        const read = readXml(decodeBytes(wire.body, charset) ?? '')
        assert.ok('value' in read)
        assert.deepEqual(
          read.value,
          Object.keys(fields).length ? { masterFieldVal: { ...fields } } : { masterFieldVal: '' },
        )
        return true
      },
    ),
  )
})
