/** The short form of the rig `history`, with its control. */
import { test } from 'node:test'
import { historyRig } from './history.ts'

test('9, 10: all history is fetched across a stop and a continue, none missing and none twice; what no page shows is found missing', () =>
  historyRig.run(false))
