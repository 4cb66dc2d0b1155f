/** What applying a configuration changes: the same list for a plan, for a log line and for a person. */
import type { Difference } from './differences.ts'

export type Kind = 'tenant' | 'connection' | 'object' | 'function' | 'pair' | 'flow' | 'token' | 'hook' | 'batch client'

export interface Change {
  tenantId: string
  kind: Kind
  /** `erp`, `erp/BD_Customer`, `customer`, `customer leftToRight`, … */
  name: string
  what: 'added' | 'changed' | 'removed'
  /** Which fields, with both values; secrets are named without their values. */
  fields: Difference[]
  /** What follows for records ("Flows that stop"). */
  follows?: string
}

/** The configuration cannot be applied as things stand; each sentence says what to do. */
export class ApplyRefused extends Error {
  override name = 'ApplyRefused'
  readonly reasons: readonly string[]
  constructor(reasons: readonly string[]) {
    super(reasons.join('\n'))
    this.reasons = reasons
  }
}

const short = (value: unknown): string => {
  if (value === undefined) return '(none)'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

const marks = { added: '+', changed: '~', removed: '-' } as const

export const tellChange = (change: Change): string => {
  const head = `${marks[change.what]} ${change.kind} ${change.name}${change.follows ? `  (${change.follows})` : ''}`
  if (change.what !== 'changed') return head
  return [
    head,
    ...change.fields.map(({ path, before, after }) => `    ${path}: ${short(before)} → ${short(after)}`),
  ].join('\n')
}

/** One block per tenant; one sentence when there is nothing to say. */
export const tellChanges = (changes: readonly Change[]): string => {
  if (!changes.length) return 'Nothing to change.'
  const tenants = [...new Set(changes.map((change) => change.tenantId))]
  return tenants
    .map(
      (tenantId) =>
        `tenant ${tenantId}\n${changes
          .filter((one) => one.tenantId === tenantId)
          .map((one) => tellChange(one).replace(/^/gm, '  '))
          .join('\n')}`,
    )
    .join('\n\n')
}
