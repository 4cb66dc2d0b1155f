/** A batch as long as they may be, in every language, through the registrar and a real database. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnv } from '../agent/env.ts'
import { admitIn } from '../stage/admit.ts'
import { freshDatabase } from '../store/fresh.ts'
import { acceptBatch } from './accept.ts'
import { asking, runner, unheard } from './batch.fixture.ts'
import type { Ended } from './deps.ts'
import { startRegistrar } from './registrar.ts'

test('10,000 rows, one in a hundred bad in eight ways: the right reasons under the right keys in four languages, the good ones in', async () => {
  await using db = await freshDatabase()
  await db.sql`insert into tenant (tenant_id) values ('t')`
  const wrong: Record<number, object> = {
    0: { code: '' },
    1: { name: '' },
    2: { name: 'n'.repeat(65) },
    3: { code: 'c'.repeat(65) },
    4: { name: { a: 1 } },
    5: { code: 'line\nbreak' },
    6: { name: null },
  }
  const rows = Array.from({ length: 10_000 }, (_, i) => {
    const base = { code: `r${i}`, name: `n${i}`, parent: i % 2 ? `r${i - 1}` : undefined }
    if (i % 100 !== 50) return base
    const way = ((i / 50 - 1) / 2) % 8
    return way === 7 ? { ...base, parent: `r${i}` } : { ...base, ...wrong[way] }
  })
  // what points to a refused row is only warned of: the reference is soft
  const locales = ['zh_CN', 'zh_TW', 'en_US', 'ja_JP'] as const
  const told: Ended[] = []
  const registrar = startRegistrar({
    ...runner(db.sql, admitIn, told),
    env: createEnv(),
    log: { error: unheard, warn: unheard },
    stored: () => {},
    told: () => {},
  })
  for (const [i, locale] of locales.entries()) {
    const taken = await acceptBatch(db.sql, { ...asking(`all ${locale}`, rows, { path: `p${i}` }), locale }, null)
    registrar.wake()
    await registrar.ended('t', 'batchId' in taken ? taken.batchId : 0, 60_000)
  }
  await registrar.stop()
  const results = told.map(
    (one) =>
      JSON.parse(one.data ?? '') as {
        createdCount: number
        updatedCount: number
        failedCount: number
        validatorErrors: Record<string, string[]>
        warnings: object
      },
  )
  assert.deepEqual(
    results.map((r) => [r.createdCount, r.updatedCount, r.failedCount]),
    [
      [9_900, 0, 100],
      [0, 9_900, 100],
      [0, 9_900, 100],
      [0, 9_900, 100],
    ],
  )
  const expected = [
    [
      'code不能为空',
      'name不能为空',
      'name超过64字节',
      'code超过64字节',
      'name应为文本',
      'code含有不可用的字符或超过128个字符',
      'name不能为空',
      'parent形成循环：r750 → r750',
    ],
    [
      'code不能為空',
      'name不能為空',
      'name超過64位元組',
      'code超過64位元組',
      'name應為文字',
      'code含有不可用的字元或超過128個字元',
      'name不能為空',
      'parent形成循環：r750 → r750',
    ],
    [
      'code must not be empty',
      'name must not be empty',
      'name is longer than 64 bytes',
      'code is longer than 64 bytes',
      'name must be text',
      'code holds characters that a code cannot, or more than 128',
      'name must not be empty',
      'parent forms a cycle: r750 → r750',
    ],
    [
      'codeは必須です',
      'nameは必須です',
      'nameが64バイトを超えています',
      'codeが64バイトを超えています',
      'nameは文字列である必要があります',
      'codeに使用できない文字が含まれるか、128文字を超えています',
      'nameは必須です',
      'parentが循環しています：r750 → r750',
    ],
  ]
  for (const [i, result] of results.entries()) {
    const keys = Object.keys(result.validatorErrors)
    assert.deepEqual(
      keys,
      Array.from({ length: 100 }, (_, n) => String(51 + 100 * n)),
    )
    assert.deepEqual(
      keys.slice(0, 8).map((key) => result.validatorErrors[key]?.join()),
      expected[i],
    )
    assert.equal(Object.keys(result.warnings).length, 100)
  }
})
