/** What went wrong with a stretch of reading, as it is shown: the fault, and its sentences in the caller's language. Pure. */
import { z } from 'zod'
import type { Locale } from '../../protocol/codes.ts'
import { type Fault, faultSentences, sentence } from '../doc/fault.ts'

export const troubleShape = {
  fault: z.record(z.string(), z.unknown()).nullable(),
  why: z.array(z.string()).describe('The fault as sentences, in the caller’s language.'),
}

/** `stored`: a fault as JSON; what is none is told as it is. */
export const whyOf = (stored: string | null, locale: Locale): string[] => {
  if (stored === null) return []
  try {
    const fault = JSON.parse(stored) as Fault
    if (fault.code in faultSentences) return [fault, ...(fault.also ?? [])].map((one) => sentence(one, locale))
  } catch {
    // falls through: it is shown as it stands
  }
  return [stored]
}

export const troubleOf = (
  stored: string | null,
  locale: Locale,
): { fault: Record<string, unknown> | null; why: string[] } => ({
  fault: stored === null ? null : (JSON.parse(stored) as Record<string, unknown>),
  why: whyOf(stored, locale),
})
