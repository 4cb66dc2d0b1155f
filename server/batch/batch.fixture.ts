/** An object that takes batches, and calls of it, for tests of this room. */
import assert from 'node:assert/strict'
import { readBatch } from '../../protocol/batch.ts'
import { isBatchRefusal } from '../../protocol/batch-codes.ts'
import { digest } from '../../protocol/standard.ts'
import type { ObjectDef } from '../doc/object.ts'
import type { Sql } from '../store/sql.ts'
import type { Accepting } from './accept.ts'
import type { Admit, Ended } from './deps.ts'
import type { RunDeps } from './run.ts'

export const position: ObjectDef = {
  code: 'position',
  apiName: 'position',
  idField: 'code',
  fields: [
    { code: 'code', type: 'text', length: 64, required: true },
    { code: 'name', type: 'text', length: 64, required: true },
    { code: 'parent', type: 'reference', references: 'position', soft: true },
  ],
  details: [],
  batch: { path: 'positions' },
}

const limits = { perDay: 100, perHour: 50 }
export const asking = (
  bizId: string,
  rows: object[] = [{ code: bizId, name: 'n' }],
  more: Partial<Accepting['counted']> = {},
): Accepting => {
  const body = Buffer.from(JSON.stringify({ bizId, timestamp: 1586825055000, url: 'http://a/', data: rows }))
  const request = readBatch(body)
  assert.ok(!isBatchRefusal(request))
  return {
    counted: { tenantId: 't', clientId: 'c', path: 'positions', zone: 'Asia/Shanghai', ...limits, ...more },
    connectionId: 'erp',
    object: 'position',
    locale: 'zh_CN',
    traceId: 'trace',
    request,
    hash: digest(body),
  }
}

export const runner = (sql: Sql, admit: Admit, told: Ended[] = []): RunDeps => ({
  sql,
  catalog: { object: () => ({ connectionId: 'erp', zone: 'UTC', def: position }) },
  admit,
  ended: async (_, ended) => void told.push(ended),
})
export const unheard = (error: unknown) => assert.fail(String(error))
