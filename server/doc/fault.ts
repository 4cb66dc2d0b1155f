/** What went wrong, in a form a person can act on: code, place, both values, advice. One catalogue, tested against docs/errors.md. */
import type { Locale } from '../../protocol/codes.ts'
import { expectedIn, otherSentences } from './sentences.ts'

/** `field` is a path a person can read: `contacts[2].mobile`. Values are shown as they were. */
export interface Fault {
  code: FaultCode
  /** Where it happened. */
  stage: 'decode' | 'decide' | 'map' | 'reference' | 'send' | 'resolve' | 'settle' | 'read' | 'config'
  field?: string
  /** What was found, and what was wanted. */
  value?: string
  expected?: string
  /** The other system's own words. */
  said?: string
  /** Other faults of the same record: all are told at once. */
  also?: Fault[]
}

/**
 * The catalogue: a sentence per code (en_US); the other languages stand in sentences.ts, the advice in advice.ts, under the same key.
 * `{field}`, `{value}`, `{expected}`, `{said}` are filled in.
 */
export const faultSentences = {
  'map.required': 'Field {field} is required by the target and has no value.',
  'map.type': 'Field {field}: {value} is not {expected}.',
  'map.option': 'Field {field}: option {value} is not mapped.',
  'map.length': 'Field {field}: {value} is longer than {expected}.',
  'map.path': 'Field {field}: nothing is found at {expected}.',
  'map.formula': 'Field {field}: the formula cannot be computed: {said}.',
  'map.drift': 'Field {field} no longer fits its declaration ({expected}): {value}.',
  'map.reference': 'Field {field}: record {value} of {expected} is not in the ID mapping yet.',
  'wait.create': 'A create towards this record’s system is still unanswered and may be this very record.',
  'wait.cycle': 'Records wait for each other in a circle: {value}.',
  'wait.expired': 'Waited 24 hours for {value}, which is {said}.',
  'send.refused': 'The target refused: {said}',
  'send.again': 'The target could not take it now: {said}',
  'send.connection': 'No connection to the target: {said}',
  'send.limited': 'The target’s limit is reached: {said}',
  'send.quota': 'The target’s quota for today is used up: {said}',
  'send.quiet': 'The target is not called in its quiet hours; next at {expected}.',
  'send.token': 'No access token for the target could be had: {said}',
  'send.breaker': 'The target is failing; calls are held until a probe succeeds.',
  'send.timeout': 'No answer from the target within {expected}.',
  'send.cut': 'The connection ended before the answer was complete: {said}',
  'send.status': 'The target answered HTTP {value}: {said}',
  'send.contract': 'The answer breaks the result rule: {said}',
  'send.noId': 'The target reported success without the id of the record.',
  'send.rowIds': 'The target reported success without the ids of all detail rows: {value} of {expected}.',
  'send.egress': 'The address is not allowed: {said}',
  'send.format': 'What would be sent cannot be said in the target’s format: {said} ({value})',
  'send.closed': 'Mortise was stopping.',
  'send.orphaned': 'Mortise itself ended, or hung, before the answer came.',
  'batch.waiting': 'The record is in a batch ({value}); its result is awaited.',
  'batch.row': 'The target refused this row of the batch ({value}): {said}',
  'batch.failed': 'The target could not process the batch ({value}); its rows are sent again.',
  'batch.refused': 'The target turned down the whole batch ({value}): {said}',
  'batch.unplaced': 'The target spoke of rows of the batch ({value}) that cannot be told apart: {said}',
  'batch.unanswered': 'The target took in the batch ({value}) and never told its result.',
  'resolve.cannotTell': 'Whether the earlier call took effect cannot be told yet: {said}',
  'resolve.none': 'The target offers no way to recognise an earlier create; it is never sent again by itself.',
  'resolve.unreadable': 'Whether the earlier call took effect cannot be read back: {said}',
  'conflict.several': 'Several records at the target carry this record’s id: {value}.',
  'conflict.matched': 'The target’s record {value} matches this one, and belongs to {expected}.',
  'conflict.both': 'Both sides changed since they last agreed.',
  'conflict.id': 'The target’s record {value} is already mapped to {expected}.',
  'conflict.restored':
    'The target’s record {value} was changed around the moment of the restored backup: which side is newer cannot be told.',
  'conflict.open': 'An earlier create with unknown outcome ({value}) may be this very record.',
  'loop.flips': 'The two systems keep overwriting each other: {value} turns within ten minutes.',
  'void.repush': 'The record was voided at the target and is pushed again; the flow says that a person decides.',
  'ladder.ended': 'Gave up after 72 hours of trying: {said}',
  'config.flow': 'The flow’s configuration does not fit: {said}',
  'config.connector': 'The connection’s configuration does not fit: {said}',
  'config.auth': 'The target refused our credentials: {said}',
  'read.gone': 'The source no longer has this record.',
  'read.clock': 'The clock of the source is {value} ms away from ours; polling allows {expected}',
  'read.failed': 'The record could not be read from its source: {said}',
  'read.contract': 'The source’s answer breaks the contract: {said}',
  'decode.body': 'The body could not be read: {said}',
  'decode.reader': 'The reader does not fit the body: {said}',
  'decode.nothing': 'The object has neither a function nor a reader for such bodies.',
  'function.threw': 'Function {value} stopped: {said}',
  'function.line': 'Function {value} stopped in line {expected}: {said}',
  'function.over': 'Function {value} went over its limit: {expected}.',
  'function.result': 'Function {value} answered something that is no document: {said}',
  'function.suspended': 'Function {value} is suspended: {said}',
  'function.absent': 'Function {value} cannot be run here: {said}',
  'function.skipped': 'Function {value} skipped the record: {said}',
  bug: 'An unexpected error in Mortise: {said}',
} as const

export type FaultCode = keyof typeof faultSentences

/** Joins all faults of one record into one, the first speaking for it. */
export const together = (faults: readonly Fault[]): Fault => {
  const [first, ...rest] = faults
  if (!first) throw new Error('together() needs at least one fault')
  return rest.length ? { ...first, also: rest } : first
}

const patternOf = (code: FaultCode, locale: Locale): string => {
  const [zh_CN, zh_TW, ja_JP] = otherSentences[code]
  return { zh_CN, zh_TW, en_US: faultSentences[code], ja_JP }[locale]
}

/** The sentence of a fault; in English for logs and the terminal. What the other system said stays in its own words. */
export const sentence = (fault: Fault, locale: Locale = 'en_US'): string =>
  patternOf(fault.code, locale).replace(
    /\{(field|value|expected|said)\}/g,
    (_, key: 'field' | 'value' | 'expected' | 'said') => {
      const said = fault[key]
      return key === 'expected' && typeof said === 'string' ? expectedIn(said, locale) : String(said ?? '?')
    },
  )
