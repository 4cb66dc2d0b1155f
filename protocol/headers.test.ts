/** Header rules of the guide's door (contracts.md section 1). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeHeader, decodePercent, readHeads, requestId, tooLong } from './headers.ts'

test('names are read whatever their case, and a header sent twice is told from a value with a comma', () => {
  const heads = readHeads([
    'TOKEN',
    't',
    'TenantId',
    'x',
    'ID',
    'A, B',
    'OperationType',
    '3',
    'content-encoding',
    'gzip',
    'Content-Encoding',
    'br',
  ])
  assert.deepEqual(
    [heads.token, heads.tenantId, heads.id, heads.operationType, heads.twice, heads.encoding],
    ['t', 'x', 'A, B', '3', null, 'gzip, br'],
  )
  assert.equal(readHeads(['id', 'A', 'id', 'B']).twice, 'id')
  assert.equal(readHeads(['token', 'A', 'Token', 'A']).callerTwice, 'token')
  assert.equal(readHeads(['tenantid', 'A', 'tenantId', 'B']).callerTwice, 'tenantId')
  assert.equal(readHeads(['objectApiName', 'A', 'objectapiname', 'B']).twice, 'objectApiName')
})

test('UTF-8 bytes that arrived as latin1 are read again, GBK is refused', () => {
  const latin1 = (text: string) => Buffer.from(text).toString('latin1')
  for (const text of ['客户', '𠮷', 'é', 'plain', '😍']) assert.equal(decodeHeader(latin1(text)), text)
  assert.equal(decodeHeader('\xbf\xcd\xbb\xa7'), null)
})

test('percent text decodes or is null', () => {
  assert.equal(decodePercent('%E5%AE%A2%E6%88%B7'), '客户')
  for (const text of ['%', '%zz', '%E5', '%C0%AF']) assert.equal(decodePercent(text), null)
})

test('128 characters are counted as people and the database count them', () => {
  assert.equal(tooLong('a'.repeat(128)), false)
  assert.equal(tooLong('a'.repeat(129)), true)
  assert.equal(tooLong('𠮷'.repeat(128)), false)
  assert.equal(tooLong('𠮷'.repeat(129)), true)
})

test('a request id is echoed only when it is visible ASCII', () => {
  assert.equal(requestId('abc-1'), 'abc-1')
  for (const bad of [undefined, '', 'a b', 'é', 'x'.repeat(129)]) assert.equal(requestId(bad), undefined)
})
