/** What a memory cannot show of the engine's statements: sessions that meet, constraints that refuse the impossible, and plans on tables that nobody analysed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RecordKey, Side } from '../doc/document.ts'
import { emptyPrint } from '../doc/print.ts'
import { admitIn } from '../stage/admit.ts'
import { type FreshDatabase, freshDatabase } from '../store/fresh.ts'
import type { Pool } from '../store/pool.ts'
import { type Sql, sqlOver } from '../store/sql.ts'
import { absent, applied, notApplied, nothing, type Sent, unresolvable, withoutCall } from './after.ts'
import { claim, reap, recheck } from './claim.ts'
import { claimFetches, endFetch, hint } from './fetches.ts'
import { bind, bindByHand, declare, ignore, rerun, unbind, wake } from './ids.ts'
import { waitKey } from './link.ts'
import { ended, mark, repeat } from './mark.ts'
import { declare as configure, pairId, publish, pushed, tenant } from './paired.fixture.ts'
import { carriers, channels, documents, drawVersion, openCreates, references, request, seen } from './read.ts'
import type { Claimed, Mark, Marked, Settle, Target } from './road.ts'
import { settle } from './settle.ts'

const crm: Target = { tenant_id: tenant, connection_id: 'crm' }
const erp: Target = { tenant_id: tenant, connection_id: 'erp' }
const lease = 60_000

/** A pair with flows both ways, ready to be pushed to. */
const world = async (): Promise<FreshDatabase> => {
  const db = await freshDatabase()
  await configure(db.sql)
  await publish(db.sql, { left: {}, right: {} }, {})
  return db
}

const push = (sql: Sql, side: Side, id: string, body: object = { name: id }) => admitIn(sql, [pushed(side, id, body)])

const one = async (sql: Sql, target: Target = crm): Promise<Claimed> => {
  const [link, ...more] = await claim(sql, target, 10, lease, null)
  assert.ok(link && !more.length, 'one row was due')
  return link
}

const markOf = (link: Claimed, more: Partial<Mark> = {}): Mark => ({
  tenant_id: link.tenant_id,
  pair_id: link.pair_id,
  link_id: link.link_id,
  lease_token: link.lease_token,
  call: 'create',
  side: 'right',
  generation: link.generation,
  left_version: link.left_version,
  right_version: link.right_version,
  hash: Buffer.from('h'),
  print: emptyPrint,
  source_print: emptyPrint,
  later: [],
  rows: {},
  idem_key: 'key',
  unbound_rows: false,
  match_key: null,
  flips: 0,
  trace_id: 'trace',
  request: Buffer.from('{}'),
  target_connection: 'crm',
  ...more,
})

const sentOf = (link: Claimed, call: Sent['call'] = 'create'): Sent => ({
  call,
  from: 'left',
  generation: link.generation,
  version: link.left_version,
  hash: Buffer.from('h'),
  sourcePrint: emptyPrint,
  targetPrint: emptyPrint,
  later: [],
  at: link.now,
})

const created = (link: Claimed, targetId: string): Settle => applied(link, sentOf(link), { ...nothing, targetId })

interface Row {
  link_id: number
  left_id: string | null
  right_id: string | null
  state: string
  reason: string | null
  generation: number
  settled: number
  left_version: number
  right_version: number
  wait_kind: string | null
  fault: string | null
}
const rows = (sql: Sql): Promise<Row[]> =>
  sql<Row>`
    select link_id, left_id, right_id, state, reason, generation, settled, left_version, right_version, wait_kind, fault
    from link order by link_id`
const shown = async (sql: Sql): Promise<string[]> =>
  (await rows(sql)).map((r) => `${r.left_id}/${r.right_id} ${r.state}${r.reason ? `(${r.reason})` : ''}`)

/** Resolves once some session of this database waits for a lock. */
const somebodyWaits = async (sql: Sql): Promise<void> => {
  for (;;) {
    const [waiting] = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    if (waiting) return
  }
}

/** Runs `first` in a transaction and leaves it open while `second` begins; answers what `second` said once `first` has committed. */
const meeting = async <A, B>(
  db: FreshDatabase,
  first: (tx: Sql) => Promise<A>,
  second: (sql: Pool) => Promise<B>,
  waits: boolean,
): Promise<[A, B]> => {
  let other: Promise<B> | undefined
  const a = await db.sql.begin(async (tx) => {
    const done = await first(tx)
    other = second(db.sql)
    other.catch(() => {}) // whoever awaits it hears of it
    if (waits) await somebodyWaits(db.sql)
    else await other
    return done
  })
  return [a, await (other as Promise<B>)]
}

// ── sessions that meet ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('C1: two nodes that claim at once share the rows, and neither waits for the other', async () => {
  await using db = await world()
  for (let i = 0; i < 6; i++) await push(db.sql, 'left', `L-${i}`)
  const [a, b] = await meeting(
    db,
    (tx) => claim(tx, crm, 4, lease, null),
    (sql) => claim(sql, crm, 4, lease, null),
    false,
  )
  assert.equal(a.length, 4)
  assert.equal(b.length, 2)
  assert.equal(new Set([...a, ...b].map((l) => l.link_id)).size, 6)
})

test('C1: ten claims at once hand out every row once', async () => {
  await using db = await world()
  for (let i = 0; i < 40; i++) await push(db.sql, 'left', `L-${i}`)
  const claimed = (await Promise.all(Array.from({ length: 10 }, () => claim(db.sql, crm, 7, lease, null)))).flat()
  assert.equal(claimed.length, 40)
  assert.equal(new Set(claimed.map((l) => l.link_id)).size, 40)
})

test('A1, A3: one record pushed from many sessions at once is one document and one row, and its version only grows', async () => {
  await using db = await world()
  const answers = (
    await Promise.all(Array.from({ length: 20 }, (_, i) => push(db.sql, 'left', 'L-1', { name: `n${i}` })))
  ).flat()
  const versions = answers.map((a) => ('version' in a ? a.version : 0))
  const [link, ...more] = await rows(db.sql)
  assert.ok(link && !more.length)
  const [document] = await db.sql<{ version: number; master: string }>`select version, master from document`
  const last = Math.max(...versions)
  assert.deepEqual([document?.version, link.left_version], [last, last])
  assert.ok(document?.master.includes(`"n${versions.indexOf(last)}"`), 'and says what the last of them said')
  const told = answers.filter((a) => a.kind !== 'superseded').length
  assert.equal(link.generation, told)
})

test('L2: the echo of a create is staged by an open transaction while its answer is settled: the row of the echo is absorbed', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const link = await one(db.sql)
  await mark(db.sql, [markOf(link)], null)
  const [, [settled]] = await meeting(
    db,
    (tx) => push(tx, 'right', 'R-1'),
    (sql) => settle(sql, [created(link, 'R-1')], null),
    true,
  )
  assert.deepEqual(settled, { held: true, clash: false, state: 'due' })
  const [left, ...more] = await rows(db.sql)
  assert.ok(left && !more.length)
  assert.deepEqual([left.left_id, left.right_id, left.state], ['L-1', 'R-1', 'due'])
  assert.ok(left.generation > left.settled, 'the echo is looked at')
})

test('L2: the claim of an absorbed row dies with it', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const link = await one(db.sql)
  await mark(db.sql, [markOf(link)], null)
  await push(db.sql, 'right', 'R-1')
  const echo = await one(db.sql, erp)
  await settle(db.sql, [created(link, 'R-1')], null)
  assert.deepEqual(await settle(db.sql, [withoutCall(echo, { kind: 'idle', reason: 'unchanged', adopt: {} })], null), [
    { held: false, clash: false, state: null },
  ])
  assert.deepEqual(await mark(db.sql, [markOf(echo, { side: 'left', target_connection: 'erp' })], null), [null])
  assert.deepEqual(await shown(db.sql), ['L-1/R-1 due'])
})

test('L2: both in one bulk settle: the absorbed row is not settled, whichever comes first', async () => {
  for (const order of [0, 1]) {
    await using db = await world()
    await push(db.sql, 'left', 'L-1')
    const link = await one(db.sql)
    await mark(db.sql, [markOf(link)], null)
    await push(db.sql, 'right', 'R-1')
    const echo = await one(db.sql, erp)
    const both = [created(link, 'R-1'), withoutCall(echo, { kind: 'idle', reason: 'unchanged', adopt: {} })]
    const settled = await settle(db.sql, order ? both.reverse() : both, null)
    assert.deepEqual(
      settled.map((s) => s.held),
      order ? [false, true] : [true, false],
    )
    assert.deepEqual(await shown(db.sql), ['L-1/R-1 due'])
  }
})

test('L2: an id that another whole row holds parks both, each naming the other', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const first = await one(db.sql)
  await mark(db.sql, [markOf(first)], null)
  await settle(db.sql, [created(first, 'R-1')], null)
  await push(db.sql, 'left', 'L-2')
  const second = await one(db.sql)
  await mark(db.sql, [markOf(second, { idem_key: 'other' })], null)
  assert.deepEqual(await settle(db.sql, [created(second, 'R-1')], null), [{ held: true, clash: true, state: 'parked' }])
  assert.deepEqual(await shown(db.sql), ['L-1/R-1 parked(conflict)', 'L-2/null parked(conflict)'])
  const faults = (await rows(db.sql)).map((r) => JSON.parse(r.fault ?? '{}') as { value: string; expected: string })
  assert.deepEqual(
    faults.map((f) => [f.value, f.expected]),
    [
      ['R-1', String(second.link_id)],
      ['R-1', String(first.link_id)],
    ],
  )
})

test('L2: two creates answered with the same id in one bulk settle end in a row each, none of them lost', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  await push(db.sql, 'left', 'L-2')
  const claimed = await claim(db.sql, crm, 10, lease, null)
  await mark(
    db.sql,
    claimed.map((l, i) => markOf(l, { idem_key: `${i}` })),
    null,
  )
  const settled = await settle(
    db.sql,
    claimed.map((l) => created(l, 'R-1')),
    null,
  )
  assert.deepEqual(
    settled.map((s) => s.held),
    [true, true],
  )
  assert.equal(settled.filter((s) => s.clash).length, 1)
  assert.equal((await rows(db.sql)).filter((r) => r.right_id === 'R-1').length, 1)
})

test('I5: an old token changes nothing, neither by a mark nor by a settle nor by a bind', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const old = await one(db.sql)
  await db.sql`update link set lease_until = clock_timestamp() - interval '1 s'`
  assert.equal(await reap(db.sql, null), 1)
  const now = await one(db.sql)
  assert.ok(now.lease_token > old.lease_token)
  assert.deepEqual(await mark(db.sql, [markOf(old)], null), [null])
  assert.deepEqual(
    (await settle(db.sql, [created(old, 'R-1')], null)).map((s) => s.held),
    [false],
  )
  assert.equal(await bind(db.sql, old, 'right', 'R-1', null), 'fenced')
  assert.deepEqual(await shown(db.sql), ['L-1/null working'])
})

test('C1, C2: no mark once the lease has run out, also before the reaper came by', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const link = await one(db.sql)
  await db.sql`update link set lease_until = clock_timestamp() - interval '1 ms'`
  assert.deepEqual(await mark(db.sql, [markOf(link)], null), [null])
  const [attempts] = await db.sql<{ n: number }>`select count(*)::int4 as n from attempt`
  assert.equal(attempts?.n, 0)
})

test('C2, R1: a repetition is written down like a call: the settle time counts from it, the key from the first', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const link = await one(db.sql)
  const [marked] = await mark(db.sql, [markOf(link)], null)
  await db.sql`update link set sent_at = sent_at - interval '1 min', first_mark = first_mark - interval '1 min', last_mark = last_mark - interval '1 min'`
  const of = { ...link, idem_key: 'key', trace_id: 'again', request: Buffer.from('{}') }
  const again = await repeat(db.sql, of, null)
  assert.ok(again && marked && again.attempt_id > marked.attempt_id)
  const [row] = await db.sql<{ sent: number; first: number; last: number }>`
    select sent_at as sent, first_mark as first, last_mark as last from link`
  assert.deepEqual([row?.sent, row?.last], [again.sent_at, again.sent_at])
  assert.ok((row?.first ?? 0) <= again.sent_at - 50_000)
  await ended(
    db.sql,
    link,
    {
      attempt_id: again.attempt_id,
      started_at: again.sent_at,
      outcome: 'unknown',
      status: null,
      answer: null,
      fault: null,
      ms: 3.2,
    },
    null,
  )
  const log = await db.sql<{
    trace_id: string
    outcome: string | null
  }>`select trace_id, outcome from attempt order by attempt_id`
  assert.deepEqual(log, [
    { trace_id: 'trace', outcome: null },
    { trace_id: 'again', outcome: 'unknown' },
  ])
  assert.deepEqual(await request(db.sql, link, 'key'), Buffer.from('{}'))
  await db.sql`update link set lease_until = clock_timestamp() - interval '1 ms'`
  assert.equal(await repeat(db.sql, of, null), null, 'nothing leaves once the lease has run out')
})

test('O2, R1: the repetition of a doubted create moves the doubt, and keeps when its key was first used', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const link = await one(db.sql)
  await mark(db.sql, [markOf(link)], null)
  await db.sql`update link set sent_at = sent_at - interval '1 min', first_mark = first_mark - interval '2 min'`
  const refused = {
    kind: 'refused' as const,
    proved: false,
    why: { code: 'send.refused' as const, stage: 'send' as const },
  }
  const pair = { connection: {} } as never
  await settle(db.sql, [notApplied(link, sentOf(link), refused, pair, 'right', 0, null)], null)
  await rerun(db.sql, [link], 'left', null)
  const claimed = await one(db.sql)
  const of = { ...claimed, idem_key: 'key', trace_id: 'again', request: Buffer.from('{}') }
  const again = await repeat(db.sql, of, null)
  const [row] = await db.sql<{ sent: number | null; doubt: number; first: number }>`
    select sent_at as sent, doubt_at as doubt, doubt_first as first from link`
  assert.deepEqual([row?.sent, row?.doubt], [null, again?.sent_at])
  assert.ok((row?.first ?? 0) <= (again?.sent_at ?? 0) - 100_000)
  await db.sql`update link set lease_until = clock_timestamp() - interval '1 s'`
  assert.equal(await reap(db.sql, null), 1)
  const [, ended] = await db.sql<{ outcome: string }>`select outcome from attempt order by attempt_id`
  assert.equal(ended?.outcome, 'unknown', 'its holder died: nobody will tell')
})

/** Every statement on the plan that it has after some use, which chooses the partitions of the log while it runs. */
const worn = (db: FreshDatabase): Pool => db.open({ settings: { plan_cache_mode: 'force_generic_plan' } })

const outcomes = async (sql: Sql): Promise<(string | null)[]> =>
  (await sql<{ outcome: string | null }>`select outcome from attempt order by attempt_id`).map((row) => row.outcome)

test('C4: an edit that is committed while a settle waits for its row costs no call of that settle its end in the log (270)', async () => {
  await using db = await world()
  for (const id of ['L-1', 'L-2']) await push(db.sql, 'left', id)
  const links = await claim(db.sql, crm, 10, lease, null)
  const marked = await mark(
    db.sql,
    links.map((link, i) => markOf(link, { idem_key: `${i}` })),
    null,
  )
  const settles = links.map((link, i): Settle => {
    const { attempt_id, sent_at: started_at } = marked[i] as Marked
    const attempt = {
      attempt_id,
      started_at,
      outcome: 'applied' as const,
      status: 200,
      answer: null,
      fault: null,
      ms: 1,
    }
    return { ...created(link, `R-${i}`), attempt }
  })
  const settled = await db.sql.begin(async (tx) => {
    await push(tx, 'left', 'L-1', { name: 'edited' })
    const waiting = settle(worn(db), settles, null)
    await somebodyWaits(db.sql)
    return { waiting }
  })
  assert.deepEqual(
    (await settled.waiting).map(({ held }) => held),
    [true, true],
  )
  assert.deepEqual(await outcomes(db.sql), ['applied', 'applied'])
})

test('C3: an expired lease is due where nothing was sent, unknown where something was', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  await push(db.sql, 'left', 'L-2')
  const [first] = await claim(db.sql, crm, 10, lease, null)
  await mark(db.sql, [markOf(first as Claimed)], null)
  await db.sql`update link set lease_until = clock_timestamp() - interval '1 s'`
  assert.equal(await reap(db.sql, null), 2)
  assert.deepEqual((await shown(db.sql)).sort(), ['L-1/null unknown', 'L-2/null due'])
  const told = await db.sql<{ outcome: string; code: string; ended: boolean }>`
    select outcome, fault::json->>'code' as code, finished_at >= started_at as ended from attempt`
  assert.deepEqual(told, [{ outcome: 'unknown', code: 'send.orphaned', ended: true }], 'the log says so of the call')
})

test('A1: by which way a document came is known while its arrival is', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const keys = ['L-1', 'L-2'].map((data_id) => ({ tenant_id: tenant, connection_id: 'erp', object: 'L', data_id }))
  const [{ channel } = { channel: '' }] = await db.sql<{ channel: string }>`select channel from arrival`
  assert.deepEqual(await channels(db.sql, keys), [channel, null])
})

test('C1: of a pair that has enough waiting for its functions nothing is claimed but what must be looked up', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  await push(db.sql, 'left', 'L-2')
  const busy: Target = { ...crm, except: [pairId] }
  assert.deepEqual(await claim(db.sql, busy, 10, lease, null), [])
  const [first] = await claim(db.sql, { ...crm, except: ['another'] }, 1, lease, null)
  await mark(db.sql, [markOf(first as Claimed)], null)
  await db.sql`update link set lease_until = clock_timestamp() - interval '1 s' where state = 'working'`
  await reap(db.sql, null)
  assert.deepEqual(
    (await claim(db.sql, busy, 10, lease, null)).map(({ left_id, was }) => [left_id, was]),
    [[first?.left_id, 'unknown']],
  )
})

test('D6: a wake-up that comes before the waiting is committed finds nobody, and the re-read after the commit finds the id', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const link = await one(db.sql)
  const reference = { pairId, side: 'left' as Side, id: 'L-9' }
  const key = waitKey.reference(tenant, reference)
  const waits = withoutCall(link, {
    kind: 'wait',
    on: 'reference',
    keys: [key],
    fault: { code: 'map.reference', stage: 'reference' },
    pull: [],
  })
  const [, woken] = await meeting(
    db,
    (tx) => settle(tx, [waits], null),
    async (sql) => {
      await push(sql, 'left', 'L-9')
      const parent = await one(sql)
      await mark(sql, [markOf(parent)], null)
      await settle(sql, [created(parent, 'R-9')], null)
      return wake(sql, [key], null)
    },
    false,
  )
  assert.equal(woken, 0)
  assert.ok((await shown(db.sql)).includes('L-1/null waiting'))
  assert.deepEqual(await references(db.sql, [{ tenant_id: tenant, ...reference }]), [{ targetId: 'R-9' }])
  assert.equal(await wake(db.sql, [key], null), 1)
  assert.ok((await shown(db.sql)).includes('L-1/null due'))
})

test('D6: a wake-up that meets the row being touched waits for it and leaves it due', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const link = await one(db.sql)
  const waits = withoutCall(link, {
    kind: 'wait',
    on: 'reference',
    keys: ['k'],
    fault: { code: 'map.reference', stage: 'reference' },
    pull: [],
  })
  await settle(db.sql, [waits], null)
  const [, woken] = await meeting(
    db,
    (tx) => push(tx, 'left', 'L-1', { name: 'new' }),
    (sql) => wake(sql, ['k'], null),
    true,
  )
  assert.equal(woken, 0, 'the document woke it')
  assert.deepEqual(await shown(db.sql), ['L-1/null due'])
})

test('A1: a reading that began before our own write ended is not staged, also when the settle commits while it is admitted', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const link = await one(db.sql)
  await mark(db.sql, [markOf(link)], null)
  await settle(db.sql, [created(link, 'R-1')], null)
  await push(db.sql, 'left', 'L-1', { name: 'newer' })
  const again = await one(db.sql)
  const version = await drawVersion(db.sql)
  await mark(db.sql, [markOf(again, { call: 'update', idem_key: '2' })], null)
  const reading = { ...pushed('right', 'R-1', { name: 'old' }), channel: 'fetch' as const, version }
  const [, [answer]] = await meeting(
    db,
    (tx) => settle(tx, [applied(again, sentOf(again, 'update'), nothing)], null),
    (sql) => admitIn(sql, [reading]),
    true,
  )
  assert.equal(answer?.kind, 'reread')
  const fetches = await db.sql<{ data_id: string; cause: string }>`select data_id, cause from "fetch"`
  assert.deepEqual(fetches, [{ data_id: 'R-1', cause: 'reread' }])
})

test('A1: a push that waits for its row while a settle ends is not hidden by that settle', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const link = await one(db.sql)
  await mark(db.sql, [markOf(link)], null)
  await settle(db.sql, [created(link, 'R-1')], null)
  await push(db.sql, 'left', 'L-1', { name: 'newer' })
  const again = await one(db.sql)
  await mark(db.sql, [markOf(again, { call: 'update', idem_key: '2' })], null)
  let pushing: Promise<unknown> | undefined
  await db.sql.begin(async (tx) => {
    await tx`select from link where left_id = 'L-1' for update`
    pushing = push(db.sql, 'right', 'R-1', { name: 'said at the target' })
    await somebodyWaits(db.sql) // its version is drawn
    await settle(tx, [applied(again, sentOf(again, 'update'), nothing)], null)
  })
  await pushing
  const [row] = await db.sql<{ told: number; agreed: number; staged: number; state: string }>`
    select k.right_version as told, k.right_agreed_version as agreed, d.version as staged, k.state
    from link k join document d on d.data_id = k.right_id`
  assert.ok(row && row.staged < row.agreed, 'the settle is above the push')
  assert.ok(row.told > row.agreed, 'and the row knows that it was told of something')
  assert.equal(row.state, 'due')
})

test('D5: an echo that carries its source id waits for the create that it proves, which is looked at sooner', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const link = await one(db.sql)
  await mark(db.sql, [markOf(link)], null)
  await settle(db.sql, [unresolvable(link, { code: 'resolve.none', stage: 'resolve' })], null)
  await push(db.sql, 'right', 'R-1')
  const echo = await one(db.sql, erp)
  assert.equal(await bind(db.sql, echo, 'left', 'L-1', null), 'open')
  assert.deepEqual(await shown(db.sql), ['L-1/null unknown', 'null/R-1 waiting'])
})

test('D5: what carries the id of a create that only a person can untangle is shown with it, not asked again and again', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const link = await one(db.sql)
  await mark(db.sql, [markOf(link)], null)
  await settle(db.sql, [unresolvable(link, { code: 'conflict.several', stage: 'resolve' }, 'conflict')], null)
  await push(db.sql, 'right', 'R-1')
  const echo = await one(db.sql, erp)
  assert.equal(await bind(db.sql, echo, 'left', 'L-1', null), 'clash')
  assert.deepEqual(await shown(db.sql), ['L-1/null parked(conflict)', 'null/R-1 parked(conflict)'])
})

test('D5: of two rows that carry the same id at once one is bound, the other is parked', async () => {
  await using db = await world()
  await push(db.sql, 'right', 'R-1')
  await push(db.sql, 'right', 'R-2')
  const [a, b] = (await claim(db.sql, erp, 10, lease, null)) as [Claimed, Claimed]
  const bound = await meeting(
    db,
    (tx) => bind(tx, a, 'left', 'L-1', null),
    (sql) => bind(sql, b, 'left', 'L-1', null),
    true,
  ).catch((error: { code?: string }) => error.code)
  // The unique index refuses the second; its claim runs out, and it is decided again with the first in view.
  assert.equal(bound, '23505')
  assert.equal(await bind(db.sql, b, 'left', 'L-1', null), 'clash')
  assert.deepEqual(await shown(db.sql), ['L-1/R-1 due', 'null/R-2 parked(conflict)'])
})

test('A2: hints of one record are one read, and a wish that came while it was read is read again', async () => {
  await using db = await world()
  const wish = {
    ...recordOf('right', 'R-1'),
    channel: 'event' as const,
    operation: 'upsert' as const,
    trace_id: 't',
    raw: Buffer.from('{}'),
    cause: 'event',
  }
  await hint(db.sql, [wish, wish], null)
  const [row, ...more] = await claimFetches(db.sql, crm, 10, lease, null)
  assert.ok(row && !more.length)
  await hint(db.sql, [wish], null)
  await endFetch(db.sql, row, { kind: 'done' }, null)
  const [again] = await claimFetches(db.sql, crm, 10, lease, null)
  assert.ok(again && again.wanted_seq > row.wanted_seq)
  await endFetch(db.sql, row, { kind: 'gone', fault: '{}' }, null)
  await endFetch(db.sql, again, { kind: 'done' }, null)
  assert.deepEqual(await db.sql`select data_id from "fetch"`, [])
})

test('R2: absent and what a person says clear all that was sent, and wake those it held back', async () => {
  await using db = await world()
  await push(db.sql, 'left', 'L-1')
  const link = await one(db.sql)
  await mark(db.sql, [markOf(link)], null)
  await settle(db.sql, [unresolvable(link, { code: 'resolve.none', stage: 'resolve' })], null)
  assert.equal(await declare(db.sql, link, 'absent'), true)
  assert.equal(await declare(db.sql, link, 'absent'), false, 'nothing is open any more')
  const again = await one(db.sql)
  assert.deepEqual([again.sent_at, again.first_mark, again.idem_key], [null, null, null])
  await mark(db.sql, [markOf(again)], null)
  await settle(db.sql, [absent(again)], null)
  assert.deepEqual(await shown(db.sql), ['L-1/null due'])
})

const recordOf = (side: Side, data_id: string): RecordKey => ({
  tenant_id: tenant,
  connection_id: side === 'left' ? 'erp' : 'crm',
  object: side === 'left' ? 'L' : 'R',
  data_id,
})

// ── the impossible is refused ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What would break each constraint, on a row that rests with both ids, settled 1 of generation 1. */
const impossible: Record<string, string> = {
  i1_settled: 'settled = 2',
  i1_left: 'left_agreed_version = left_version + 1',
  i1_right: 'right_agreed_version = right_version + 1',
  i2_idle: "state = 'idle', generation = 5, settled = 4",
  i3_sent: "state = 'due', sent_at = now(), sent_call = 'update', sent_side = 'right', sent_generation = 1",
  i3_unknown: "state = 'unknown'",
  i3_whole: "state = 'working', lease_until = now(), sent_at = now()",
  i5_lease: "state = 'working'",
  i6_some_id: 'left_id = null, right_id = null',
  i7_left: "state = 'unknown', sent_at = now(), sent_call = 'create', sent_side = 'left', sent_generation = 1",
  i7_right: "state = 'unknown', sent_at = now(), sent_call = 'create', sent_side = 'right', sent_generation = 1",
  waits: "state = 'waiting'",
  parked_why: "state = 'parked', reason = 'tired'",
}

const resting = async (): Promise<FreshDatabase> => {
  const db = await world()
  await db.sql`
    insert into link (tenant_id, pair_id, link_id, left_id, right_id, first_arrival_at, left_version, right_version, state, reason, settled, target_connection)
    values (${tenant}, ${pairId}, 1, 'L-1', 'R-1', now(), 3, 4, 'idle', 'applied', 1, 'crm')`
  return db
}

test('every constraint of a link has its test, and what is possible is let in', async () => {
  await using db = await resting()
  const named = await db.sql<{ conname: string }>`
    select conname from pg_constraint where conrelid = 'link'::regclass and contype = 'c' and conname not like 'link\_%' order by conname`
  assert.deepEqual(
    named.map((c) => c.conname),
    Object.keys(impossible).sort(),
  )
  await db.sql.unsafe(
    `update link set state = 'unknown', sent_at = now(), sent_call = 'update', sent_side = 'right', sent_generation = 1`,
  )
  await db.sql.unsafe(`update link set state = 'parked', reason = 'unknown'`)
})

for (const [constraint, change] of Object.entries(impossible)) {
  test(`${constraint}: refuses ${change}`, async () => {
    await using db = await resting()
    await assert.rejects(db.sql.unsafe(`update link set ${change}`), { code: '23514', constraint })
  })
}

test('I6: an id belongs to one row of a pair and side; I7: a match key to one open create', async () => {
  await using db = await resting()
  const again = (columns: string, values: string) =>
    db.sql.unsafe(`
      insert into link (tenant_id, pair_id, link_id, first_arrival_at, state, target_connection, ${columns})
      values ('${tenant}', '${pairId}', nextval('link_seq') + 1000, now(), ${values})`)
  await assert.rejects(again('left_id', "'due', 'crm', 'L-1'"), { code: '23505', constraint: 'link_left' })
  await assert.rejects(again('right_id', "'due', 'crm', 'R-1'"), { code: '23505', constraint: 'link_right' })
  const open = (id: string) =>
    again(
      'left_id, lease_until, sent_at, sent_call, sent_side, sent_generation, match_key',
      `'working', 'crm', '${id}', now(), now(), 'create', 'right', 1, 'same name'`,
    )
  await open('L-2')
  await assert.rejects(open('L-3'), { code: '23505', constraint: 'link_match' })
})

// ── plans ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The texts that a call sends, without a database; `first` is what its first statement hears. */
const textsOf = async (work: (sql: Sql) => Promise<unknown>, first: object[] = []): Promise<string[]> => {
  const texts: string[] = []
  const runner: Parameters<typeof sqlOver>[0] = {
    run: async ({ text }) => {
      texts.push(text)
      return { rows: texts.length === 1 ? first : [], rowCount: 0, command: '' }
    },
    begin: (inner) => inner(sqlOver(runner)),
  }
  await work(sqlOver(runner)).catch(() => {})
  return texts
}

const someLink = { tenant_id: tenant, pair_id: pairId, link_id: 1 }
const someClaim = {
  ...someLink,
  lease_token: 1,
  left_id: 'L-1',
  right_id: null,
  generation: 1,
  left_version: 1,
  right_version: 0,
  attempts: 0,
  wait_step: 0,
  now: 0,
} as Claimed
const someHint = {
  ...recordOf('left', 'L-1'),
  channel: 'event' as const,
  operation: 'upsert' as const,
  trace_id: 't',
  raw: Buffer.from('{}'),
  cause: 'event',
}
const someFetch = {
  ...recordOf('left', 'L-1'),
  wanted_seq: 1,
  cause: '',
  trace_id: '',
  first_at: 0,
  attempts: 0,
  lease_token: 1,
  gone_since: null,
  now: 0,
}

const statements: Record<string, (sql: Sql) => Promise<unknown>> = {
  claim: (sql) => claim(sql, crm, 10, lease, null),
  reap: (sql) => reap(sql, null),
  recheck: (sql) => recheck(sql, null),
  documents: (sql) => documents(sql, [recordOf('left', 'L-1')]),
  references: (sql) => references(sql, [{ tenant_id: tenant, pairId, side: 'left', id: 'L-1' }]),
  openCreates: (sql) => openCreates(sql, [{ ...someLink, side: 'right', first_arrival_at: 0 }]),
  carriers: (sql) => carriers(sql, [{ tenant_id: tenant, connection_id: 'crm', object: 'R', external_id: 'L-1' }]),
  seen: (sql) => seen(sql, recordOf('left', 'L-1'), [1], 0),
  request: (sql) => request(sql, someLink, 'key'),
  mark: (sql) => mark(sql, [markOf(someClaim)], null),
  settle: (sql) => settle(sql, [withoutCall(someClaim, { kind: 'idle', reason: 'unchanged', adopt: {} })], null),
  wake: (sql) => wake(sql, ['k'], null),
  rerun: (sql) => rerun(sql, [someLink], null, null),
  'declare absent': (sql) => declare(sql, someLink, 'absent'),
  'declare found': (sql) => declare(sql, someLink, { found: 'R-1' }),
  'bind by hand': (sql) => bindByHand(sql, { tenant_id: tenant, pair_id: pairId }, 'L-1', 'R-1'),
  unbind: (sql) => unbind(sql, someLink),
  ignore: (sql) => ignore(sql, [someLink]),
  hint: (sql) => hint(sql, [someHint], null),
  claimFetches: (sql) => claimFetches(sql, crm, 10, lease, null),
  endFetch: (sql) => endFetch(sql, someFetch, { kind: 'done' }, null),
  admit: (sql) => admitIn(sql, [pushed('left', 'L-1', {})]),
}

/** A bind goes on by what it finds: nobody, a whole row, an open create, an echo. */
const own = {
  link_id: 1,
  left_id: 'L-1',
  right_id: null,
  state: 'working',
  reason: null,
  sent_at: null,
  sent_call: null,
  lease_token: 1,
}
const holder = { ...own, link_id: 2, left_id: null, right_id: 'R-1', state: 'due' }
const findings: Record<string, object[]> = {
  nobody: [own],
  'a whole row': [own, { ...holder, left_id: 'L-2' }],
  'an open create': [own, { ...holder, state: 'unknown', sent_at: 1, sent_call: 'create' }],
  'an echo': [own, holder],
}

const everyText = async (): Promise<[string, string][]> => {
  const found: [string, string][] = []
  const add = (name: string, texts: string[]): void =>
    void found.push(...texts.map((text): [string, string] => [name, text]))
  for (const [name, work] of Object.entries(statements)) add(name, await textsOf(work))
  for (const [name, rows] of Object.entries(findings))
    add(`bind, ${name}`, await textsOf((sql) => bind(sql, someClaim, 'right', 'R-1', null), rows))
  const whole = [{ ...own, right_id: 'R-1', state: 'idle' }]
  add('unbind', await textsOf((sql) => unbind(sql, someLink), whole))
  const known = [{ ...own, state: 'idle' }]
  add(
    'bind by hand',
    await textsOf((sql) => bindByHand(sql, { tenant_id: tenant, pair_id: pairId }, 'L-1', 'R-1'), known),
  )
  return found
}

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  Plans?: PlanNode[]
}

const grown = /^(link|document|fetch|arrival.*|attempt.*)$/

/** A table, or an index of it, that is read from one end to the other. */
const scansOf = (node: PlanNode): string[] => {
  const whole =
    node['Node Type'] === 'Seq Scan'
      ? grown.test(node['Relation Name'] ?? '')
      : node['Index Name'] !== undefined && node['Index Cond'] === undefined
  return [
    ...(whole ? [`${node['Node Type']} on ${node['Index Name'] ?? node['Relation Name']}`] : []),
    ...(node.Plans ?? []).flatMap(scansOf),
  ]
}

/** The generic plan: what a prepared statement may run by from its sixth execution on, whatever its values are. */
const planOf = async (sql: Sql, text: string): Promise<PlanNode> => {
  await sql.unsafe('set local plan_cache_mode = force_generic_plan')
  const count = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map((m) => Number(m[1])))
  await sql.unsafe(`prepare looked_at as ${text}`)
  try {
    const given = count ? `(${Array.from({ length: count }, () => 'null').join(', ')})` : ''
    const [row] = await sql.unsafe<{ 'QUERY PLAN': { Plan: PlanNode }[] | string }>(
      `explain (format json) execute looked_at${given}`,
    )
    const plan = row?.['QUERY PLAN'] ?? '[]'
    return ((typeof plan === 'string' ? JSON.parse(plan) : plan) as { Plan: PlanNode }[])[0]?.Plan as PlanNode
  } finally {
    await sql.unsafe('deallocate looked_at')
  }
}

/** Rows as the road leaves them: most rest, some are due, some wait; nobody has analysed them. */
const fill = (sql: Sql, count: number): Promise<unknown> =>
  sql.unsafe(`
    insert into document (tenant_id, connection_id, object, data_id, version, operation, master_hash, master, external_id)
    select '${tenant}', case when i % 2 = 0 then 'erp' else 'crm' end, case when i % 2 = 0 then 'L' else 'R' end, 'D-' || i, i, 'upsert', '', '{}',
      case when i % 2 = 1 then 'L-' || i end
    from generate_series(1, ${count}) i;
    insert into link (tenant_id, pair_id, link_id, left_id, right_id, first_arrival_at, left_version, right_version, state, reason, settled, target_connection, wait_kind, wait_on)
    select '${tenant}', '${pairId}', i, 'L-' || i, 'R-' || i, now(), i, i,
      case when i % 100 = 0 then 'waiting' when i % 50 = 0 then 'due' else 'idle' end, case when i % 50 <> 0 then 'applied' end, case when i % 50 = 0 then 0 else 1 end,
      case when i % 3 = 0 then 'erp' else 'crm' end,
      case when i % 100 = 0 then 'reference' end, case when i % 100 = 0 then array['r:${tenant}/${pairId}/left/L-' || (i + 1)] end
    from generate_series(1, ${count}) i;
    insert into arrival (seq, received_at, tenant_id, connection_id, object, data_id, operation, channel, trace_id, outcome)
    select i, now(), '${tenant}', 'erp', 'L', 'D-' || i, 'upsert', 'push', '', 'created' from generate_series(1, ${count}) i;
    insert into attempt (attempt_id, started_at, tenant_id, pair_id, link_id, target_connection, call, lease_token, trace_id)
    select i, now(), '${tenant}', '${pairId}', i, 'crm', 'create', 1, '' from generate_series(1, ${count}) i;
    insert into "fetch" (tenant_id, connection_id, object, data_id, wanted_seq, cause, trace_id)
    select '${tenant}', 'erp', 'L', 'D-' || i, i, '', '' from generate_series(1, least(${count}, 10000)) i`)

const sizes = process.env.MORTISE_LONG ? [0, 1_000, 1_000_000] : [0, 1_000]

for (const size of sizes) {
  test(`no statement of the road reads a whole table of ${size} rows that nobody analysed`, {
    timeout: 600_000,
  }, async () => {
    await using db = await world()
    for (const table of ['link', 'document', '"fetch"'])
      await db.owner.unsafe(`alter table ${table} set (autovacuum_enabled = false)`)
    if (size) await fill(db.sql, size)
    const bad: string[] = []
    await db.sql.begin(async (tx) => {
      const texts = await everyText()
      const asked = new Set(texts.map(([name]) => name))
      assert.equal(asked.size, Object.keys(statements).length + Object.keys(findings).length, 'each asks something')
      for (const [name, text] of texts) for (const scan of scansOf(await planOf(tx, text))) bad.push(`${name}: ${scan}`)
    })
    assert.deepEqual(bad, [])
  })
}

test('a plan that reads a whole table is seen', async () => {
  await using db = await world()
  await db.sql.begin(async (tx) => {
    assert.deepEqual(scansOf(await planOf(tx, 'select count(*) from link where fault = $1')), ['Seq Scan on link'])
    await tx.unsafe('set local enable_seqscan = off')
    const [scan] = scansOf(
      await planOf(tx, 'select tenant_id from document where data_id <> $1 order by tenant_id, connection_id limit 1'),
    )
    assert.match(scan ?? '', /^Index (Only )?Scan on document_pkey$/)
  })
})
