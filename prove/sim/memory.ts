/** The road's tables in memory, statement for statement: what the simulator runs on. `replay.ts` holds it equal to the SQL, row by row. */
import type { Bound, Declaration, LinkName } from '../../server/converge/ids.ts'
import { type LinkRow, waitKey } from '../../server/converge/link.ts'
import type { Claimed, FetchRow, Road, Settle, Settled } from '../../server/converge/road.ts'
import type { Admitted, Arrival, Document, Millis, RecordKey, Side } from '../../server/doc/document.ts'
import { opposite, sides } from '../../server/doc/document.ts'
import { emptyPrint } from '../../server/doc/print.ts'
import { envelopeContent } from '../../server/converge/envelope.ts'
import { parseContent } from '../../server/map/content.ts'
import { everythingOn, type Protections } from './scenario.ts'

export interface PairRow {
  tenant_id: string
  pair_id: string
  left: { connectionId: string; object: string }
  right: { connectionId: string; object: string }
}

export type StoredLinkRow = LinkRow & { told: Buffer | null; told_seq: number | null }

interface StoredDocument {
  key: RecordKey
  version: number
  operation: 'upsert' | 'void'
  masterHash: Buffer
  detailsHash: Buffer | null
  previous: Buffer | null
  source_time: Millis | null
  /** The arrival it came from. */
  seq: number
  external_id: string | null
  master: string
  details: string | null
}

const none = Buffer.alloc(0)
const key = (k: RecordKey): string => `${k.tenant_id}\n${k.connection_id}\n${k.object}\n${k.data_id}`
const contentHash = (operation: string, master: Buffer, details: Buffer | null): Buffer =>
  operation === 'void' ? none : Buffer.concat([master, details ?? none])
const conflict = (stage: string, value: string, expected: string | number): string =>
  JSON.stringify({ code: 'conflict.id', stage, value, expected: String(expected) })
const same = (a: Buffer | null, b: Buffer | null): boolean => (a === null || b === null ? a === b : a.equals(b))

export const memoryRoad = (pairs: PairRow[], now: () => Millis, on: Protections = everythingOn) => {
  const documents = new Map<string, StoredDocument>()
  const links = new Map<number, StoredLinkRow>()
  const arrivals = new Map<number, { arrival: Arrival; outcome: string }>()
  const fetches = new Map<
    string,
    FetchRow & { next_at: Millis; lease_until: Millis | null; state: 'due' | 'failed' | 'gone'; fault: string | null }
  >()
  const attempts: { link_id: number; idem_key: string; request: Buffer }[] = []
  let versions = 0
  let seqs = 0
  let linkIds = 0
  let attemptIds = 0

  const byId = (pair: string, side: Side, id: string): StoredLinkRow | undefined => {
    for (const l of links.values()) if (l.pair_id === pair && l[`${side}_id`] === id) return l
    return undefined
  }

  const want = (k: RecordKey, seq: number, cause: string, trace_id: string): void => {
    const f = fetches.get(key(k))
    if (f) {
      f.wanted_seq = seq
      f.next_at = Math.min(f.next_at, now())
      f.state = 'due'
      return
    }
    fetches.set(key(k), {
      tenant_id: k.tenant_id,
      connection_id: k.connection_id,
      object: k.object,
      data_id: k.data_id,
      wanted_seq: seq,
      cause,
      trace_id,
      first_at: now(),
      attempts: 0,
      lease_token: 0,
      gone_since: null,
      now: now(),
      next_at: now(),
      lease_until: null,
      state: 'due',
      fault: null,
    })
  }

  const touch = (
    pair: PairRow,
    side: Side,
    k: RecordKey,
    told: Buffer,
    seq: number,
    version: number,
    stored: Buffer | null,
  ): StoredLinkRow => {
    linkIds++
    const other = pair[opposite(side)].connectionId
    const l = byId(pair.pair_id, side, k.data_id)
    if (!l) {
      const fresh = newLink(k.tenant_id, pair.pair_id, linkIds, now(), other)
      fresh[`${side}_id`] = k.data_id
      fresh[`${side}_version`] = version
      fresh.told = told
      fresh.told_seq = seq
      links.set(fresh.link_id, fresh)
      return fresh
    }
    const equal = !on.agreedContent
      ? stored !== null && same(stored, told)
      : l.voided_at === null
        ? l[`${side}_agreed_hash`] !== null && same(l[`${side}_agreed_hash`], told)
        : told.length === 0
    const resting = l.state === 'idle'
    const parkedForData = l.state === 'parked' && (l.reason === 'data' || l.reason === 'max')
    const freed = resting || l.state === 'waiting' || parkedForData
    const wasWorking = l.state === 'working'
    const overtaken =
      on.overtakenSeen && version <= l[`${side}_agreed_version`] && !same(l[`${side}_agreed_hash`], told)
    l[`${side}_version`] = overtaken ? ++versions : Math.max(l[`${side}_version`], version)
    l.told = told
    l.told_seq = seq
    if (!(resting && equal)) l.generation++
    if (!(resting && equal)) l.reason = l.state === 'parked' && !parkedForData ? l.reason : null
    if (freed) {
      l.fault = null
      l.next_at = now()
    }
    if (resting || parkedForData) l.attempts = 0
    if (freed && !(resting && equal)) l.state = 'due'
    l.wait_kind = null
    l.wait_on = null
    l.wait_until = null
    l.wait_step = 0
    if (l.sent_at === null && !wasWorking) l.target_connection = other
    if (l.sent_at !== null && l.sent_side === side && l.sent_seen.length < 32) l.sent_seen = [...l.sent_seen, seq]
    return l
  }

  const admitOne = (row: Arrival): Admitted => {
    const seq = ++seqs
    const reading = row.channel === 'poll' || row.channel === 'fetch'
    const told = contentHash(row.operation, row.masterHash, row.detailsHash)
    const log = (outcome: string): void => void arrivals.set(seq, { arrival: row, outcome })
    const reread = (): Admitted => {
      want(row, seq, 'reread', row.trace_id)
      log('reread')
      return { kind: 'reread', seq }
    }
    const takesPart = pairs.flatMap((pair) =>
      sides
        .filter((s) => pair[s].connectionId === row.connection_id && pair[s].object === row.object)
        .map((side) => ({ pair, side })),
    )
    takesPart.sort((a, b) => (a.side === b.side ? 0 : a.side === 'left' ? -1 : 1))
    if (reading && on.settleIsVersion) {
      for (const { pair, side } of takesPart) {
        const l = byId(pair.pair_id, side, row.data_id)
        if (l && l[`${side}_agreed_version`] >= (row.version ?? 0) && !same(l[`${side}_agreed_hash`], told))
          return reread()
      }
    }
    const drawn = row.version ?? ++versions
    const master = row.master?.toString() ?? ''
    const d = documents.get(key(row))
    let stored: StoredDocument
    if (!d) {
      stored = {
        key: row,
        seq,
        version: drawn,
        operation: row.operation,
        masterHash: row.masterHash,
        detailsHash: row.detailsHash,
        previous: null,
        source_time: row.source_time,
        external_id: row.external_id,
        master,
        details: row.details?.toString() ?? null,
      }
      documents.set(key(row), stored)
    } else {
      const timed = d.source_time !== null && row.source_time !== null && d.source_time !== row.source_time
      const wins = timed ? (d.source_time ?? 0) < (row.source_time ?? 0) : d.version < drawn
      if (!wins) {
        log('superseded')
        return { kind: 'superseded', seq, version: 0 }
      }
      d.previous = contentHash(d.operation, d.masterHash, d.detailsHash)
      d.version = drawn > d.version ? drawn : ++versions
      d.seq = seq
      d.operation = row.operation
      if (master !== '') {
        d.masterHash = row.masterHash
        d.master = master
        d.external_id = row.external_id
      }
      d.detailsHash = row.detailsHash ?? d.detailsHash
      d.details = row.details?.toString() ?? d.details
      d.source_time = row.source_time ?? d.source_time
      stored = d
    }
    const now_told = contentHash(stored.operation, stored.masterHash, stored.detailsHash)
    for (const { pair, side } of takesPart) touch(pair, side, row, now_told, seq, stored.version, stored.previous)
    const kind = stored.previous === null ? 'created' : same(stored.previous, now_told) ? 'unchanged' : 'updated'
    log(kind)
    return { kind, seq, version: stored.version }
  }

  const read = (k: RecordKey): Document | null => {
    const d = documents.get(key(k))
    if (!d) return null
    return {
      tenant_id: k.tenant_id,
      connection_id: k.connection_id,
      object: k.object,
      data_id: k.data_id,
      version: d.version,
      operation: d.operation,
      content_hash: contentHash(d.operation, d.masterHash, d.detailsHash),
      source_time: d.source_time,
      external_id: d.external_id,
      content: parseContent(d.master || '{}', d.details),
    }
  }

  const holds = (l: StoredLinkRow | undefined, s: Settle): l is StoredLinkRow =>
    l !== undefined && (!on.fencing || l.lease_token === s.lease_token) && l.state === 'working'

  interface Mine {
    ord: number
    s: Settle
    l: StoredLinkRow
    fresh: number
    absorbed: StoredLinkRow | null
    clash: StoredLinkRow | null
  }

  /** One statement: every row sees the others as they were when it began, in the order of their keys. A row that another absorbed is gone. */
  const settleAll = (settles: readonly Settle[]): Settled[] => {
    const answers: Settled[] = settles.map(() => ({ held: false, clash: false, state: null }))
    const mine = settles.flatMap((s, ord): Mine[] => {
      const l = links.get(s.link_id)
      return holds(l, s) ? [{ ord, s, l, fresh: 0, absorbed: null, clash: null }] : []
    })
    mine.sort((a, b) => a.l.link_id - b.l.link_id)
    for (const m of mine) {
      m.fresh = ++versions
      if (!m.s.id || m.s.id.value === null) continue
      const holder = byId(m.l.pair_id, m.s.id.side, m.s.id.value)
      if (!holder || holder === m.l) continue
      if (on.absorb && holder.sent_at === null && holder[`${opposite(m.s.id.side)}_id`] === null)
        m.absorbed = { ...holder }
      else m.clash = holder
    }
    for (const { absorbed } of mine) if (absorbed) links.delete(absorbed.link_id)
    const unseen: RecordKey[] = []
    for (const m of mine) if (links.has(m.l.link_id)) answers[m.ord] = settleOne(m, unseen)
    const names = new Map(unseen.map((k) => [key(k), k]))
    for (const name of [...names.keys()].sort()) want(names.get(name) as RecordKey, ++seqs, 'staged while writing', '')
    return answers
  }

  const settleOne = ({ s, l, fresh, absorbed, clash }: Mine, unseen: RecordKey[]): Settled => {
    const before = s.target ? l[`${s.target.side}_version`] : 0
    const moved = absorbed !== null || l.generation > s.generation
    if (clash) {
      if (clash.state !== 'working') {
        clash.state = 'parked'
        clash.reason = 'conflict'
        clash.fault = conflict('settle', s.id?.value ?? '', l.link_id)
        clash.wait_kind = null
        clash.wait_on = null
        clash.wait_until = null
      }
    } else if (s.id) l[`${s.id.side}_id`] = s.id.value
    if (s.detail_ids !== null) l.detail_ids = JSON.parse(s.detail_ids) as LinkRow['detail_ids']
    if (absorbed) {
      l.first_arrival_at = Math.min(l.first_arrival_at, absorbed.first_arrival_at)
      l.told = absorbed.told ?? l.told
      l.told_seq = absorbed.told_seq ?? l.told_seq
      for (const side of sides) l[`${side}_version`] = Math.max(l[`${side}_version`], absorbed[`${side}_version`])
    }
    for (const side of sides) {
      const a = s[side]
      if (!a) continue
      const v = a.version === 'fresh' ? fresh : a.version
      l[`${side}_version`] = Math.max(l[`${side}_version`], v)
      l[`${side}_agreed_version`] = Math.max(l[`${side}_agreed_version`], v)
      l[`${side}_agreed_hash`] = a.hash
      l[`${side}_agreed_print`] = a.print
    }
    const generationThen = l.generation
    if (s.again || absorbed) l.generation++
    const reached = on.frozenGeneration ? s.generation : generationThen
    if (s.settles && !clash) l.settled = Math.max(l.settled, reached)
    if (s.ask !== null) {
      l.asked_generation = generationThen + 1
      l.asked_side = s.ask
    }
    const toDue =
      (s.state === 'idle' && (s.again || absorbed !== null || generationThen > l.settled)) ||
      (s.state === 'waiting' && moved) ||
      (s.state === 'parked' && (s.reason === 'data' || s.reason === 'max') && moved)
    l.state = clash ? 'parked' : toDue ? 'due' : s.state
    l.reason = clash ? 'conflict' : toDue ? null : s.reason
    l.fault = clash ? conflict('settle', s.id?.value ?? '', clash.link_id) : s.fault
    l.next_at = now() + s.next_ms
    l.attempts = s.attempts
    l.since = s.since === 'clear' ? null : s.since === 'start' ? (l.since ?? now()) : l.since
    const waits = s.state === 'waiting' && !clash && !moved
    l.wait_kind = waits ? s.wait_kind : null
    l.wait_on = waits ? s.wait_on : null
    l.wait_until = s.state === 'waiting' ? (l.wait_until ?? now() + 24 * 3_600_000) : null
    l.wait_step = s.wait_step
    l.lease_until = null
    if (s.doubt === 'sent') {
      l.doubt_at = l.sent_at
      l.doubt_first = l.first_mark ?? l.sent_at
      l.doubt_key = l.idem_key
    } else if (s.doubt === 'clear') {
      l.doubt_at = null
      l.doubt_first = null
      l.doubt_key = null
    }
    if (s.refused !== 'keep') l.refused_version = s.refused
    if (s.answered) Object.assign(l, unsent())
    if (s.closes) {
      l.first_mark = null
      l.last_mark = null
    }
    if (s.answered || s.state === 'parked') l.declared_id = null
    if (s.voided !== null) l.voided_at = s.voided ? now() : null
    if (s.later !== 'keep') l.later_side = s.later
    l.target_connection = s.target_connection ?? l.target_connection
    if (s.target) {
      const id = l[`${s.target.side}_id`]
      const seenVersion = Math.max(absorbed?.[`${s.target.side}_version`] ?? 0, before)
      if (id !== null && (s.target.differs || seenVersion > s.target.seen)) {
        unseen.push({
          tenant_id: l.tenant_id,
          connection_id: s.target.connection_id,
          object: s.target.object,
          data_id: id,
        })
      }
    }
    return { held: true, clash: clash !== null, state: l.state }
  }

  const bind = (claimed: Claimed, side: Side, id: string): Bound => {
    const own = links.get(claimed.link_id)
    if (!own || (on.fencing && own.lease_token !== claimed.lease_token) || own.state !== 'working') return 'fenced'
    const ours = opposite(side)
    const holder = byId(own.pair_id, side, id)
    const release = (): void => {
      own[`${side}_id`] = id
      own.generation++
      own.state = 'due'
      own.reason = null
      own.lease_until = null
      own.next_at = now()
    }
    if (!holder || holder === own) {
      release()
      return 'bound'
    }
    const tangled =
      holder.sent_at !== null &&
      holder.sent_call === 'create' &&
      holder.state === 'parked' &&
      holder.reason !== 'unknown'
    if (holder[`${ours}_id`] !== null || tangled) {
      own.state = 'parked'
      own.reason = 'conflict'
      own.lease_until = null
      own.fault = conflict('decide', id, holder[`${ours}_id`] ?? holder.link_id)
      return 'clash'
    }
    if (holder.sent_at !== null && holder.sent_call === 'create') {
      if (holder.state === 'unknown' || (holder.state === 'parked' && holder.reason === 'unknown')) {
        holder.state = 'unknown'
        holder.reason = null
        holder.fault = null
        holder.next_at = now()
      }
      own.state = 'waiting'
      own.reason = null
      own.wait_kind = 'create'
      own.lease_until = null
      own.wait_on = [waitKey.create(own.tenant_id, own.pair_id, ours)]
      own.wait_until = own.wait_until ?? now() + 24 * 3_600_000
      own.next_at = now() + 30_000
      return 'open'
    }
    links.delete(holder.link_id)
    for (const s of sides) own[`${s}_version`] = Math.max(own[`${s}_version`], holder[`${s}_version`])
    own.first_arrival_at = Math.min(own.first_arrival_at, holder.first_arrival_at)
    release()
    return 'absorbed'
  }

  const due = (l: StoredLinkRow, t: { tenant_id: string; connection_id: string }): boolean =>
    l.tenant_id === t.tenant_id &&
    l.target_connection === t.connection_id &&
    (l.state === 'due' || l.state === 'unknown') &&
    (!l.held || l.state === 'unknown') &&
    l.next_at <= now()

  const wake = (keys: readonly string[]): number => {
    let woken = 0
    for (const l of links.values()) {
      if (l.state !== 'waiting' || !l.wait_on?.some((k) => keys.includes(k))) continue
      l.state = 'due'
      l.wait_kind = null
      l.wait_on = null
      l.next_at = now()
      woken++
    }
    return woken
  }

  /** R2: a person says what became of a create. No part of the road, but of its rows. */
  const declare = async (name: LinkName, said: Declaration): Promise<boolean> => {
    const l = links.get(name.link_id)
    if (!l || l.state !== 'parked' || l.sent_call !== 'create') return false
    const key = waitKey.create(l.tenant_id, l.pair_id, l.sent_side as Side)
    Object.assign(l, { reason: null, fault: null, attempts: 0, since: null, next_at: now() } satisfies Partial<LinkRow>)
    if (said === 'absent') {
      Object.assign(l, {
        state: 'due',
        declared_id: null,
        ...unsent(),
        first_mark: null,
        last_mark: null,
        doubt_at: null,
        doubt_first: null,
        doubt_key: null,
      } satisfies Partial<LinkRow>)
    } else Object.assign(l, { state: 'unknown', declared_id: said.found } satisfies Partial<LinkRow>)
    wake([key])
    return true
  }

  const road: Road = {
    admit: async (rows) => rows.map(admitOne),
    hint: async (rows) => {
      for (const r of rows) {
        const seq = ++seqs
        const f = fetches.get(key(r))
        if (f) {
          f.wanted_seq = seq
          if (!(f.cause === 'void event' && f.state === 'due')) f.cause = r.cause
          f.trace_id = r.trace_id
          if (f.state !== 'due') {
            f.next_at = now()
            f.attempts = 0
          }
          f.state = 'due'
        } else want(r, seq, r.cause, r.trace_id)
      }
    },
    drawVersion: async () => ++versions,
    claim: async (target, limit, leaseMs) => {
      const rows = [...links.values()]
        .filter((l) => due(l, target) && (l.state === 'unknown' || !target.except?.includes(l.pair_id)))
        .sort((a, b) => a.next_at - b.next_at || a.link_id - b.link_id)
        .slice(0, limit)
      return rows.map((l) => {
        const was = l.state as 'due' | 'unknown'
        l.state = 'working'
        l.lease_token = Math.max(l.lease_token + 1, now())
        l.lease_until = now() + leaseMs
        const { told: _told, told_seq: _seq, ...row } = l // the door's own columns
        return { ...row, was, now: now() }
      })
    },
    documents: async (keys) => keys.map(read),
    channels: async (keys) =>
      keys.map((k) => {
        const { channel = null } = arrivals.get(documents.get(key(k))?.seq ?? 0)?.arrival ?? {}
        return on.lateRead ? channel : 'fetch'
      }),
    seen: async (k, wanted) =>
      wanted.flatMap((seq): Document[] => {
        const a = arrivals.get(seq)?.arrival
        const content = a && envelopeContent(a.raw)
        if (!a || !content || key(a) !== key(k)) return []
        return [
          {
            ...k,
            version: seq,
            operation: a.operation,
            content_hash: none,
            source_time: null,
            external_id: null,
            content,
          },
        ]
      }),
    references: async (asked) =>
      asked.map((a) => {
        const id = byId(a.pairId, a.side, a.id)?.[`${opposite(a.side)}_id`]
        return id ? { targetId: id } : 'unmapped'
      }),
    openCreates: async (questions) =>
      questions.map((q) => {
        if (!on.createInFlight) return null
        const open = [...links.values()]
          .filter(
            (o) =>
              o.pair_id === q.pair_id &&
              o.sent_side === q.side &&
              o.sent_call === 'create' &&
              o.first_mark !== null &&
              o.first_mark <= q.first_arrival_at &&
              o.link_id !== q.link_id,
          )
          .sort(
            (a, b) =>
              Number(a.state === 'parked') - Number(b.state === 'parked') ||
              (a.first_mark ?? 0) - (b.first_mark ?? 0) ||
              a.link_id - b.link_id,
          )[0]
        if (!open) return null
        return {
          link_id: open.link_id,
          parked: open.state === 'parked',
          last_mark: open.last_mark ?? 0,
          sent_print: open.sent_print,
          name: open.left_id ?? open.right_id ?? '',
        }
      }),
    carriers: async (keys) =>
      keys.map((k) =>
        [...documents.values()]
          .filter(
            (d) =>
              d.key.tenant_id === k.tenant_id &&
              d.key.connection_id === k.connection_id &&
              d.key.object === k.object &&
              d.external_id === k.external_id &&
              d.operation === 'upsert',
          )
          .map((d) => d.key.data_id)
          .sort()
          .slice(0, 3),
      ),
    mark: async (marks) =>
      marks.map((m) => {
        const l = links.get(m.link_id)
        if (
          !l ||
          (on.fencing && l.lease_token !== m.lease_token) ||
          l.state !== 'working' ||
          (l.lease_until ?? 0) <= now()
        )
          return null
        const attempt_id = ++attemptIds
        attempts.push({ link_id: m.link_id, idem_key: m.idem_key, request: m.request })
        if (!on.markBeforeSend) return { attempt_id, sent_at: now() }
        Object.assign(l, {
          sent_at: now(),
          sent_call: m.call,
          sent_side: m.side,
          sent_generation: m.generation,
          sent_left_version: m.left_version,
          sent_right_version: m.right_version,
          sent_hash: m.hash,
          sent_print: m.print,
          sent_source_print: m.source_print,
          sent_later: m.later,
          sent_rows: m.rows,
          sent_seen: [],
          first_mark: m.call === 'create' ? (l.first_mark ?? now()) : null,
          last_mark: now(),
          idem_key: m.idem_key,
          unbound_rows: m.unbound_rows,
          match_key: m.match_key,
          flips: m.flips,
          flips_since: m.flips === 0 ? null : (l.flips_since ?? now()),
          last_side: m.side,
          last_call_at: now(),
          target_connection: m.target_connection,
        } satisfies Partial<LinkRow>)
        return { attempt_id, sent_at: now() }
      }),
    repeat: async (again) => {
      const l = links.get(again.link_id)
      const holds = l && (!on.fencing || l.lease_token === again.lease_token) && l.state === 'working'
      if (!l || !holds || (l.lease_until ?? 0) <= now()) return null
      if (l.sent_at === null ? l.doubt_at === null : l.sent_call !== 'create') return null
      const attempt_id = ++attemptIds
      attempts.push({ link_id: again.link_id, idem_key: again.idem_key, request: again.request })
      if (!on.repeatsCount) return { attempt_id, sent_at: now() }
      if (l.sent_at === null) l.doubt_at = now()
      else l.sent_at = l.last_mark = now()
      return { attempt_id, sent_at: now() }
    },
    ended: async () => {},
    request: async (link, idem) =>
      attempts.findLast((a) => a.link_id === link.link_id && a.idem_key === idem)?.request ?? null,
    settle: async (settles) => settleAll(settles),
    wake: async (keys) => wake(keys),
    bind: async (claimed, side, id) => bind(claimed, side, id),
    rerun: async (names, side) => {
      for (const name of names) {
        const l = links.get(name.link_id)
        if (!l) continue
        l.generation++
        l.asked_generation = l.generation
        l.asked_side =
          side ??
          (l.right_id === null ? 'left' : l.left_id === null ? 'right' : l.last_side === 'left' ? 'right' : 'left')
        if (l.state !== 'working') {
          l.state = l.sent_at !== null ? 'unknown' : 'due'
          l.next_at = now()
        }
        Object.assign(l, {
          reason: null,
          fault: null,
          attempts: 0,
          since: null,
          flips: 0,
          flips_since: null,
          last_side: null,
          last_call_at: null,
          wait_kind: null,
          wait_on: null,
          wait_until: null,
          wait_step: 0,
        } satisfies Partial<LinkRow>)
      }
      return names.length
    },
    reap: async () => {
      let reaped = 0
      for (const l of links.values()) {
        if (l.state !== 'working' || (l.lease_until ?? 0) > now()) continue
        l.state = l.sent_at === null ? 'due' : 'unknown'
        l.reason = null
        l.lease_until = null
        l.next_at = now()
        reaped++
      }
      return reaped
    },
    recheck: async () => {
      let tired = 0
      for (const l of links.values()) {
        if (l.state !== 'waiting' || l.next_at > now()) continue
        l.state = 'due'
        l.wait_kind = null
        l.wait_on = null
        l.wait_step++
        l.next_at = now()
        tired++
      }
      return tired
    },
    claimFetches: async (source, limit, leaseMs) =>
      [...fetches.values()]
        .filter(
          (f) =>
            f.tenant_id === source.tenant_id &&
            f.connection_id === source.connection_id &&
            f.state === 'due' &&
            f.next_at <= now() &&
            (f.lease_until === null || f.lease_until <= now()),
        )
        .sort((a, b) => a.next_at - b.next_at)
        .slice(0, limit)
        .map((f) => {
          f.lease_token = Math.max(f.lease_token + 1, now())
          f.lease_until = now() + leaseMs
          const { next_at: _, lease_until: __, state: ___, fault: ____, ...row } = f
          return { ...row, now: now() }
        }),
    endFetch: async (row, end) => {
      const f = fetches.get(key(row))
      if (!f || f.lease_token !== row.lease_token) return
      if (end.kind === 'done' && f.wanted_seq === row.wanted_seq) return void fetches.delete(key(row))
      const asRead = f.wanted_seq === row.wanted_seq
      f.lease_until = null
      f.state = asRead && (end.kind === 'gone' || end.kind === 'failed') ? end.kind : 'due'
      f.attempts = end.kind === 'retry' ? end.attempts : end.kind === 'missing' ? row.attempts : 0
      f.fault = 'fault' in end ? end.fault : null
      f.gone_since = end.kind === 'missing' ? (row.gone_since ?? row.now) : null
      f.next_at = now() + (asRead && (end.kind === 'retry' || end.kind === 'missing') ? end.ms : 0)
    },
  }
  /** The last version that was drawn. */
  const drawn = (): number => versions
  return { road, declare, links, documents, fetches, arrivals, read, drawn }
}

const unsent = (): Partial<LinkRow> => ({
  sent_at: null,
  sent_call: null,
  sent_side: null,
  sent_generation: null,
  sent_left_version: null,
  sent_right_version: null,
  sent_hash: null,
  sent_print: emptyPrint,
  sent_source_print: emptyPrint,
  sent_later: [],
  sent_rows: {},
  sent_seen: [],
  unbound_rows: false,
  idem_key: null,
  match_key: null,
})

const newLink = (
  tenant_id: string,
  pair_id: string,
  link_id: number,
  at: Millis,
  target_connection: string,
): StoredLinkRow =>
  ({
    tenant_id,
    pair_id,
    link_id,
    left_id: null,
    right_id: null,
    detail_ids: {},
    first_arrival_at: at,
    told: null,
    told_seq: null,
    left_version: 0,
    right_version: 0,
    left_agreed_version: 0,
    left_agreed_hash: null,
    left_agreed_print: emptyPrint,
    right_agreed_version: 0,
    right_agreed_hash: null,
    right_agreed_print: emptyPrint,
    generation: 1,
    settled: 0,
    asked_generation: 0,
    asked_side: null,
    state: 'due',
    reason: null,
    held: false,
    target_connection,
    next_at: at,
    attempts: 0,
    since: null,
    wait_kind: null,
    wait_on: null,
    wait_until: null,
    wait_step: 0,
    fault: null,
    lease_token: 0,
    lease_until: null,
    ...unsent(),
    later_side: null,
    first_mark: null,
    last_mark: null,
    doubt_at: null,
    doubt_first: null,
    refused_version: null,
    doubt_key: null,
    declared_id: null,
    voided_at: null,
    flips: 0,
    flips_since: null,
    last_side: null,
    last_call_at: null,
  }) as StoredLinkRow

export type Memory = ReturnType<typeof memoryRoad>
