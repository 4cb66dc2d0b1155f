/** The alarms of polling as sources of alerts: what is declared now, and the rules that it speaks to. */
import type { RuleName } from '../observe/alert-words.ts'
import type { Finding, Source } from '../observe/findings.ts'
import { type Alarm, clocks, differing, overdue, pollGaps } from '../poll/alarms.ts'
import type { Configuration } from './configuration.ts'
import { plansOf, pollOf } from './polling.ts'

const findings = (rule: RuleName, alarms: readonly Alarm[]): Finding[] => alarms.map((one) => ({ rule, ...one }))

export const pollAlarms = (
  configuration: () => Configuration,
  now: () => number,
): Partial<Record<RuleName, Source>> => {
  const declared = (tenantId: string) => (connectionId: string, object: string) =>
    pollOf(configuration).polled(tenantId, connectionId, object)
  const plans = (tenantId: string) => plansOf(configuration()).filter((plan) => plan.tenant_id === tenantId)
  return {
    pollGap: async (sql, tenantId, { forMs = 0 }) =>
      findings('pollGap', await pollGaps(sql, tenantId, declared(tenantId), { forMs })),
    clock: async (sql, tenantId) => findings('clock', await clocks(sql, tenantId, declared(tenantId), false)),
    clockPaused: async (sql, tenantId) =>
      findings('clockPaused', await clocks(sql, tenantId, declared(tenantId), true)),
    overdue: async (sql, tenantId, { forMs = 0 }) => {
      const known = new Set(plans(tenantId).map(({ kind, name }) => `${kind} ${name}`))
      return findings(
        'overdue',
        await overdue(sql, tenantId, (kind, name) => known.has(`${kind} ${name}`), { forMs }, now()),
      )
    },
    differences: async (sql, tenantId, { records = 1 }) => {
      const known = plans(tenantId)
      const nameOf = (pairId: string, side: string) =>
        known.find((one) => one.kind === 'reconcile' && one.pairId === pairId && one.side === side)?.name
      return findings('differences', await differing(sql, tenantId, nameOf, { records }))
    },
  }
}
