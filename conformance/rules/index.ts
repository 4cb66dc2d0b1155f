/** Every rule, in the order in which they are tried and told. */
import { batchEnds } from './batch-ends.ts'
import { batchKeepsToItsWindow } from './batch-keeps-to-its-window.ts'
import { batchPagesInOrder } from './batch-pages-in-order.ts'
import { batchShowsChanges } from './batch-shows-changes.ts'
import { byIdDetails } from './by-id-details.ts'
import { byIdFinds } from './by-id-finds.ts'
import { byIdTellsAbsence } from './by-id-tells-absence.ts'
import { clockRight } from './clock-right.ts'
import { createAnswersId } from './create-answers-id.ts'
import { createAnswersRowIds } from './create-answers-row-ids.ts'
import { digitsStay } from './digits-stay.ts'
import { refusalsSpeak } from './refusals-speak.ts'
import { sameKeySameRecord } from './same-key-same-record.ts'
import { strangerRefused } from './stranger-refused.ts'
import { updateKeepsTheRest } from './update-keeps-the-rest.ts'
import { voidRepeats } from './void-repeats.ts'
import type { Rule } from '../rule.ts'

export const rules: readonly Rule[] = [
  createAnswersId,
  createAnswersRowIds,
  byIdFinds,
  byIdDetails,
  byIdTellsAbsence,
  digitsStay,
  updateKeepsTheRest,
  batchShowsChanges,
  batchKeepsToItsWindow,
  batchPagesInOrder,
  batchEnds,
  strangerRefused,
  refusalsSpeak,
  voidRepeats,
  sameKeySameRecord,
  clockRight,
]
