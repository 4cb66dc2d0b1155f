/** Memory and SQL must not differ: else the simulator proves things about a store that nobody runs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshDatabase } from '../../server/store/fresh.ts'
import { isClean } from './judge.ts'
import { prepareReplay, replaySeed } from './replay.ts'
import { draw } from './scenario.ts'

const least = 200
const budget = 60_000
const from = Number(process.env.MORTISE_SEED) || Date.now() % 1_000_000_000

test(`seeds from ${from} end in the same rows on PostgreSQL, every answer the same on the way`, {
  timeout: 600_000,
}, async (t) => {
  await using db = await freshDatabase({ pool: { max: 1 } })
  await prepareReplay(db.sql)
  const began = performance.now()
  let seeds = 0
  let calls = 0
  while (seeds < least || performance.now() - began < budget) {
    const seed = from + seeds++
    const replayed = await replaySeed(db.sql, draw(seed))
    calls += replayed.calls
    assert.equal(replayed.difference, null, `seed ${seed}: npm run prove -- replay 1 ${seed}\n${replayed.difference}`)
    assert.ok(isClean(replayed.verdict), `seed ${seed}: ${JSON.stringify(replayed.verdict, null, 1)}`)
  }
  t.diagnostic(`${seeds} seeds, ${calls} calls on both stores`)
  assert.ok(calls > 100 * seeds, 'the stores were asked')
})

test('a store that differs is found', async () => {
  await using db = await freshDatabase({ pool: { max: 1 } })
  await prepareReplay(db.sql)
  // A trigger that loses what the target was known to have said.
  await db.sql.unsafe(`
    create function forget() returns trigger language plpgsql as $$ begin new.right_version := new.right_version + 1; return new; end $$;
    create trigger forget before update on link for each row when (new.state = 'idle') execute function forget()`)
  let found = 0
  for (let seed = 1; seed <= 3; seed++) if ((await replaySeed(db.sql, draw(seed))).difference) found++
  assert.equal(found, 3)
})
