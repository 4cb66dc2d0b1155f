/** The verdict: what the witness holds and wrote down, against what the callers know to be acknowledged. Nothing of ours is asked. */
import assert from 'node:assert/strict'
import type { LedgerCall, LedgerQuery, SandboxRecord, SystemClient } from '../../sandbox/client.ts'

/** What one acknowledged record must look like at the target. */
export interface Expected {
  /** Texts of master fields, as they must stand at the target. */
  fields: Record<string, string>
  /** For each detail, the texts of one field, in any order. */
  rows?: Record<string, { field: string; values: string[] }>
  voided?: boolean
}

export interface Verdict {
  lost: string[]
  duplicated: string[]
  stale: string[]
  /** Records whose counter went down at the target: a late write overwrote a newer one (promise 5). */
  reversed: string[]
  /** Records of nobody. */
  strange: string[]
}

export const textOf = (value: unknown): string =>
  typeof value === 'object' && value !== null && 'value' in value
    ? String((value as { value: unknown }).value)
    : String(value ?? '')

/** The whole ledger, page by page. */
export const ledgerOf = async (system: SystemClient, query: LedgerQuery = {}): Promise<LedgerCall[]> => {
  const all: LedgerCall[] = []
  for (let since = 0; ; ) {
    const page = await system.ledger({ ...query, since, limit: 2_000 })
    all.push(...page)
    const last = page.at(-1)
    if (!last || page.length < 2_000) return all
    since = last.n
  }
}

/** Calls that changed the target, in the order in which they did. */
export const effects = (calls: readonly LedgerCall[]): LedgerCall[] =>
  calls.filter((call) => call.effect).sort((a, b) => (a.effectAt ?? a.at) - (b.effectAt ?? b.at) || a.n - b.n)

const isStale = (record: SandboxRecord, wanted: Expected): boolean => {
  if (record.voided !== (wanted.voided ?? false)) return true
  if (wanted.voided) return false
  for (const [field, value] of Object.entries(wanted.fields))
    if (textOf(record.masterFieldVal[field]) !== value) return true
  for (const [detail, { field, values }] of Object.entries(wanted.rows ?? {})) {
    const shown = (record.detailFieldVals[detail] ?? []).map((row) => textOf(row[field])).sort()
    if (shown.join('\n') !== [...values].sort().join('\n')) return true
  }
  return false
}

/** `counter`: the field that only grows with each edit. */
export const judge = async (
  system: SystemClient,
  object: string,
  expected: ReadonlyMap<string, Expected>,
  counter?: string,
): Promise<Verdict> => {
  const verdict: Verdict = { lost: [], duplicated: [], stale: [], reversed: [], strange: [] }
  const bySource = new Map<string, SandboxRecord[]>()
  for (const record of await system.records(object)) {
    const list = bySource.get(record.sourceId ?? '')
    if (list) list.push(record)
    else bySource.set(record.sourceId ?? '', [record])
  }
  for (const [id, wanted] of expected) {
    const [record, ...more] = bySource.get(id) ?? []
    if (!record) verdict.lost.push(id)
    else if (more.length) verdict.duplicated.push(id)
    else if (isStale(record, wanted)) verdict.stale.push(id)
  }
  for (const id of bySource.keys()) if (!expected.has(id)) verdict.strange.push(id)
  if (counter !== undefined) {
    const highest = new Map<string, number>()
    for (const { id, body } of effects(await ledgerOf(system, { object }))) {
      const value = body?.masterFieldVal?.[counter]
      if (id === null || value === undefined) continue
      const before = highest.get(id)
      const now = Number(textOf(value))
      if (before !== undefined && now < before && !verdict.reversed.includes(id)) verdict.reversed.push(id)
      highest.set(id, Math.max(before ?? 0, now))
    }
  }
  return verdict
}

export const merged = (...verdicts: Verdict[]): Verdict => ({
  lost: verdicts.flatMap((v) => v.lost),
  duplicated: verdicts.flatMap((v) => v.duplicated),
  stale: verdicts.flatMap((v) => v.stale),
  reversed: verdicts.flatMap((v) => v.reversed),
  strange: verdicts.flatMap((v) => v.strange),
})

export const told = (verdict: Verdict): string =>
  Object.entries(verdict)
    .map(([name, ids]) => `${name} ${ids.length}${ids.length ? ` (${ids.slice(0, 5).join(', ')})` : ''}`)
    .join(', ')

/** `more`: evidence that is read only when it is needed. */
export const mustBeClean = async (what: string, verdict: Verdict, more?: () => Promise<string>): Promise<void> => {
  if (Object.values(verdict).every((ids) => ids.length === 0)) return
  assert.fail(`${what}: ${told(verdict)}${more ? `\n${await more()}` : ''}`)
}

/** A control that does not fail in the way it is there for means that the rig cannot see (reliability.md). */
export const mustShow = (what: string, verdict: Verdict, violations: (keyof Verdict)[]): void => {
  for (const name of violations)
    assert.ok(verdict[name].length > 0, `the control "${what}" must show ${name}, and shows: ${told(verdict)}`)
}
