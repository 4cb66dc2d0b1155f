/** What decoding tells others: functions that are suspended. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeHash } from '../decode/documents.ts'
import { suspend } from '../decode/suspensions.ts'
import type { FunctionDef } from '../doc/function.ts'
import { freshDatabase } from '../store/fresh.ts'
import type { Configuration } from './configuration.ts'
import { suspendedSource } from './decode.ts'

test('a suspended function is an alert until its code is another, or it is gone', async () => {
  await using db = await freshDatabase()
  await db.owner`insert into tenant (tenant_id) values ('acme')`
  let known: Pick<FunctionDef, 'code'> | undefined = { code: 'function receive() { for (;;); }' }
  const configuration = () => ({ function: () => known }) as unknown as Configuration
  const found = async () =>
    (await suspendedSource(configuration)(db.sql, 'acme', {})).map(({ rule, about }) => `${rule} ${about}`)
  assert.deepEqual(await found(), [])
  await suspend(db.sql, 'acme', 'loops', codeHash(known.code), '{"code":"function.suspended","stage":"decode"}')
  assert.deepEqual(await found(), ['function loops'])
  known = { code: 'function receive(input) { return input }' }
  assert.deepEqual(await found(), [])
  known = undefined
  assert.deepEqual(await found(), [])
})
