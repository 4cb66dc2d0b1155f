/** `/metrics` of the whole program: what went over the road is counted, and how long it took is known. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshWorld, until } from './world.ts'

const figures = async (url: string): Promise<Map<string, number>> => {
  const answer = await fetch(`${url}/metrics`)
  assert.equal(answer.status, 200)
  const lines = (await answer.text()).split('\n').filter((line) => line && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

test('records that went over the road are counted at the door, in the commit, at the target, and by how long they took', async () => {
  await using world = await freshWorld()
  for (let i = 0; i < 20; i++)
    assert.equal((await world.push(`M-${i}`, { number: `M-${i}`, name: `N ${i}` })).status, 200)
  await world.push('M-bad', '"no object"')
  await world.atRest()
  const seen = await until('all calls are counted', async () => {
    const now = await figures(world.url())
    return (now.get('mortise_lag_seconds_count') ?? 0) >= 20 ? now : null
  })
  const sum = (start: string) =>
    [...seen].reduce((total, [name, value]) => total + (name.startsWith(start) ? value : 0), 0)
  assert.equal(
    seen.get('mortise_door_answers_total{door="/erp/syncdata/open/objdata/syncpush",status="200",code="s106240000"}'),
    20,
  )
  assert.equal(sum('mortise_door_answers_total{door="/erp/'), 21, 'the refused one too')
  assert.ok((seen.get('mortise_commit_rows_sum') ?? 0) >= 20)
  assert.ok((seen.get('mortise_attempts_total{tenant="sandbox",flow="customer",outcome="applied"}') ?? 0) >= 20)
  const lag = (seen.get('mortise_lag_seconds_sum') ?? 0) / (seen.get('mortise_lag_seconds_count') ?? 1)
  assert.ok(lag > 0.000_5 && lag < 10, `a record took ${lag} s`)
  assert.equal(seen.get('mortise_breaker{tenant="sandbox",connection="crm"}'), 0)
  assert.equal(sum('mortise_reconciler_found_total'), 0)
  assert.equal(seen.get('mortise_database_up'), 1)
})
