/** What people are told of a link's state (product.md, "Words"), and the fault behind it as a sentence. */
import type { Locale } from '../../protocol/codes.ts'
import { type Fault, faultSentences, sentence } from '../doc/fault.ts'

/** 待同步、同步中、成功、等待依赖、结果未知、失败、已跳过 */
export const shownStates = ['pending', 'syncing', 'succeeded', 'waiting', 'unknown', 'failed', 'skipped'] as const
export type ShownState = (typeof shownStates)[number]

/** Idle reasons under which both systems agree; every other one is a reason for not syncing. */
const agreed = ['applied', 'unchanged', 'voided']

export const shownState = (state: string, reason: string | null): ShownState => {
  switch (state) {
    case 'due':
      return 'pending'
    case 'working':
      return 'syncing'
    case 'waiting':
      return 'waiting'
    case 'unknown':
      return 'unknown'
    case 'parked':
      return reason === 'unknown' ? 'unknown' : 'failed'
    default:
      return reason === null || agreed.includes(reason) ? 'succeeded' : 'skipped'
  }
}

/** As stored on rows; a text that is none is shown as it is. */
export const parseFault = (stored: string | null): Fault | null => {
  if (stored === null) return null
  try {
    const fault = JSON.parse(stored) as Fault
    if (fault !== null && typeof fault === 'object' && fault.code in faultSentences) return fault
  } catch {
    // falls through: older rows, or written by hand
  }
  return { code: 'bug', stage: 'settle', said: stored }
}

/** All faults of a record, the first first. */
export const faultSentencesOf = (fault: Fault | null, locale: Locale = 'en_US'): string[] =>
  fault ? [fault, ...(fault.also ?? [])].map((one) => sentence(one, locale)) : []
