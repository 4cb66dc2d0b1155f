/** The batch on the wire against the callback document's own samples, the token's vector, and the catalogue against docs/errors.md. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { batchAnswer, batchData, callbackBody, counted, readBatch } from './batch.ts'
import {
  batchCodes,
  batchReasons,
  batchSentence,
  isBatchRefusal,
  refuseBatch,
  rowReasons,
  rowSentence,
} from './batch-codes.ts'
import { accessToken, isAccessToken, isSigned, signWebhook, webhookSecret } from './callback.ts'
import { locales } from './codes.ts'

const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8')
const read = (body: unknown) => readBatch(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
const codeOf = (body: unknown): unknown => {
  const found = read(body)
  return isBatchRefusal(found) ? found.code : found
}
const good = { bizId: 'b', timestamp: 1586825055000, data: [{ code: 'a' }] }

test('the document’s own request is read, its rows as the bytes they are', () => {
  const body = Buffer.from(fixture('batch-request.txt'))
  const found = readBatch(body)
  assert.ok(!isBatchRefusal(found))
  assert.deepEqual(
    [found.bizId, found.timestamp, found.url],
    ['d9346662-df40-456b-adbd-d2baf46ca770', '1586825055000', 'callback url'],
  )
  assert.equal(found.rows.length, 1)
  assert.ok(body.includes(found.rows[0] as Buffer))
  assert.equal((JSON.parse(String(found.rows[0])) as { position_name: string }).position_name, '采购主管171')
})

test('a body that is none is refused with its code and place', () => {
  assert.equal(codeOf('{'), 4000001)
  assert.equal(codeOf('{"bizId":"a","bizId":"b"}'), 4000001)
  assert.equal(codeOf([]), 4000002)
  for (const bizId of [undefined, '', ' ', 7, 'x'.repeat(65), 'a\nb'])
    assert.equal(codeOf({ ...good, bizId }), 4000002, String(bizId))
  for (const timestamp of ['158682505500', 15868250550000, '1586825055000.0', -1])
    assert.equal(codeOf({ ...good, timestamp }), 4000011, String(timestamp))
  assert.equal(codeOf({ ...good, timestamp: undefined }), 4000002)
  for (const data of [undefined, {}, [], [1], [{}, null]]) assert.equal(codeOf({ ...good, data }), 4000002)
  assert.equal(codeOf({ ...good, url: 7 }), 4000002)
  assert.equal(codeOf({ ...good, data: Array.from({ length: 10_001 }, () => ({})) }), 4130000)
  const wrong = read({ ...good, data: [{}, [], {}] })
  assert.ok(isBatchRefusal(wrong))
  assert.match(batchSentence(wrong, 'en_US'), /data\[1\]/)
})

test('ten thousand rows of thirty fields are not too many nodes', () => {
  const row = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`f${i}`, 'v']))
  const found = read({ ...good, url: null, data: Array.from({ length: 10_000 }, () => row) })
  assert.ok(!isBatchRefusal(found) && found.rows.length === 10_000)
})

test('the token is the document’s: lower-case hex MD5 of bizId and salt', () => {
  const [bizId, salt] = ['d9346662-df40-456b-adbd-d2baf46ca770', 'test-salt']
  assert.equal(accessToken(bizId, salt), 'bb4b3be0391c993e392d65292bb5113d')
  assert.ok(isAccessToken('BB4B3BE0391C993E392D65292BB5113D', bizId, ['another', salt]))
  for (const wrong of ['', 'bb4b', 'bb4b3be0391c993e392d65292bb5113e', `${accessToken(bizId, salt)}0`])
    assert.ok(!isAccessToken(wrong, bizId, [salt]), wrong)
  assert.ok(!isAccessToken(accessToken(bizId, salt), bizId, ['another']))
  assert.ok(!isAccessToken('', bizId, []))
})

test('the signature is that of Standard Webhooks, one for each valid salt', () => {
  const body = Buffer.from('{"名":1}')
  const headers = signWebhook('msg_1', 1_700_000_000_500, body, ['new', 'old'])
  const outside = (salt: string) =>
    createHmac('sha256', Buffer.from(webhookSecret(salt).slice(6), 'base64'))
      .update('msg_1.1700000000.{"名":1}')
      .digest('base64')
  assert.equal(headers['webhook-signature'], `v1,${outside('new')} v1,${outside('old')}`)
  const now = 1_700_000_100_000
  assert.ok(isSigned(headers, body, ['old'], now))
  assert.ok(!isSigned(headers, body, ['none'], now))
  assert.ok(!isSigned(headers, Buffer.from('{}'), ['old'], now))
  assert.ok(!isSigned(headers, body, ['old'], now + 400_000))
  assert.ok(!isSigned({ ...headers, 'webhook-id': 'msg_2' }, body, ['old'], now))
})

test('a result has the members of the document’s sample, and counts beside them', () => {
  const sample = JSON.parse(fixture('callback-done.txt')) as { data: Record<string, unknown> }
  const data = batchData(
    {
      created: 1,
      updated: 1,
      failed: 1,
      validatorErrors: [
        ['10', [rowSentence({ reason: 'absent', field: 'branch_code', value: '1006001' }, 'zh_CN', '分公司编码')]],
      ],
      warnings: [],
      dbErrors: [],
    },
    'zh_CN',
  )
  const { createdCount, updatedCount, failedCount, ...rest } = data
  assert.deepEqual([createdCount, updatedCount, failedCount], [1, 1, 1])
  assert.deepEqual(rest, sample.data)
  const token = 'e6f35d171d538bd312a755da5322e612'
  const body = JSON.parse(callbackBody('xxxxxx', token, 'zh_CN', JSON.stringify(rest))) as unknown
  assert.deepEqual(body, sample)
  const failed = JSON.parse(fixture('callback-failed.txt').replace(/,\s*\}/, '}')) as unknown
  assert.deepEqual(JSON.parse(callbackBody('xxxxxx', token, 'zh_CN', null)), failed)
  assert.equal(batchAnswer(200000, 'success', 'a"b', null), '{"resCode":200000,"resMsg":"success","bizId":"a\\"b"}')
})

test('every sentence exists in four languages with the same placeholders', () => {
  const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort().join()
  for (const [key, sentence] of [
    ...Object.entries(rowReasons),
    ...Object.entries(batchReasons),
    ...Object.entries(counted),
  ])
    for (const locale of locales) {
      assert.ok(sentence[locale], `${key} ${locale}`)
      assert.equal(placeholders(sentence[locale]), placeholders(sentence.en_US), `${key} ${locale}`)
    }
})

const rows = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^\| \d{6,7} \|/.test(line))
  .map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  )

test('docs/errors.md lists every batch code with its HTTP status and its sentences, and no other', () => {
  assert.deepEqual(
    rows.filter((row) => row.length === 4).map(([code, http]) => [code, Number(http)]),
    Object.entries(batchCodes).map(([code, { http }]) => [code, http]),
  )
  assert.deepEqual(
    rows.filter((row) => row.length === 5),
    Object.entries(batchCodes).map(([code, { sentence }]) => [code, ...locales.map((l) => sentence[l])]),
  )
  assert.equal(batchSentence(refuseBatch(5000000), 'zh_CN'), '服务器异常、请稍后再试')
})
