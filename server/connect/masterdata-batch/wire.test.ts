/** What a batch looks like on the wire, and what is read out of results that say it a little differently. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBatch } from '../../../protocol/batch.ts'
import { isBatchRefusal } from '../../../protocol/batch-codes.ts'
import { parseJson } from '../standard/body.ts'
import { readCallback, readData, readRow, type SentRow, verdictsOf, writeRequest, writeRow } from './wire.ts'

const read = (data: string) => {
  const parsed = parseJson(data)
  return readData('value' in parsed ? parsed.value : undefined)
}
const rows = (...codes: string[]): SentRow[] => codes.map((code, i) => ({ row: i + 1, code, sequence: null }))
const kinds = (sent: SentRow[], data: string) => {
  const result = read(data)
  assert.ok(result)
  return verdictsOf(sent, result).map((one) => (one.kind === 'refused' ? `refused ${one.said}` : one.kind))
}

test('a request is what our own interface reads, and amounts leave as they came', () => {
  const parsed = parseJson('{"code":"1","amount":12345678901234567890.10,"name":"岗位"}')
  assert.ok('value' in parsed)
  const row = writeRow(parsed.value as never, 'code', 'C-1')
  assert.equal(row.toString(), '{"amount":12345678901234567890.10,"name":"岗位","code":"C-1"}')
  assert.deepEqual(readRow(row, 'code'), { code: 'C-1', sequence: null })
  const body = writeRequest({ bizId: 'b', now: 1586825055000.4, url: 'https://m.example/x', rows: [row, row] })
  const request = readBatch(body)
  assert.ok(!isBatchRefusal(request))
  assert.deepEqual(
    [request.bizId, request.timestamp, request.url, request.rows.length],
    ['b', '1586825055000', 'https://m.example/x', 2],
  )
})

test('an acknowledgement is no result; neither is what is still at work', () => {
  assert.equal(read('{}'), null)
  assert.equal(read('null'), null)
  assert.equal(read('{"state":"running","created":"x","validatorErrors":{}}'), null)
  assert.equal(read('{"state":"failed","created":"x"}')?.failed, true)
  assert.ok(read('{"created":"此次请求新建成功了1条数据"}'))
})

test('errors by number, by sequence_num and by code; an empty list and a missing member are none', () => {
  const three = rows('a', 'b', 'c')
  assert.deepEqual(kinds(three, '{"created":"1","validatorErrors":[],"dbErrors":[]}'), [
    'applied',
    'applied',
    'applied',
  ])
  assert.deepEqual(kinds(three, '{"created":"1","validatorErrors":{"2":["x","y"]},"warnings":{"1":["w"]}}'), [
    'applied',
    'refused x; y',
    'applied',
  ])
  assert.deepEqual(kinds(three, '{"created":"1","validatorErrors":[{"row":2,"message":"x"}]}')[1], 'refused x')
  assert.deepEqual(
    kinds(three, '{"created":"1","dbErrors":[{"row":"3","code":"store","message":"db"}]}')[2],
    'refused db',
  )
  assert.deepEqual(kinds(three, '{"created":"1","validatorErrors":{"c":"by code"}}')[2], 'refused by code')
  const numbered = three.map((row, i) => ({ ...row, sequence: String(10 * (i + 1)) }))
  assert.deepEqual(kinds(numbered, '{"created":"1","validatorErrors":{"20":["x"]}}'), [
    'applied',
    'refused x',
    'applied',
  ])
})

test('an error that names no row is not guessed at: whoever is not named is unsure', () => {
  assert.deepEqual(kinds(rows('a', 'b'), '{"created":"1","validatorErrors":{"1":["x"],"9":["y"]}}'), [
    'refused x',
    'unsure',
  ])
  assert.deepEqual(kinds(rows('a', 'b'), '{"created":"1","dbErrors":["disk full"]}'), ['unsure', 'unsure'])
})

test('a callback is read with its code as text or number; the four members are a failure', () => {
  const callback = (text: string) => readCallback(Buffer.from(text), ['200000'])
  const told = callback('{"resCode":"200000","bizId":"b","access_token":"t","data":{"created":"1"}}')
  assert.deepEqual([told?.bizId, told?.token, told?.result?.failed], ['b', 't', false])
  assert.equal(callback('{"resCode":5000000,"resMsg":"x","bizId":"b","access_token":"t"}')?.result?.failed, true)
  assert.equal(callback('{"resCode":200000,"bizId":"b","access_token":"t"}')?.result, null)
  for (const bad of [
    '',
    '[]',
    '{"bizId":"b"}',
    '{"resCode":200000,"access_token":"t"}',
    '{"bizId":"b","access_token":"t"}',
  ])
    assert.equal(callback(bad), null, bad)
})
