/** The short form of the rig `kill`, with its control. */
import { test } from 'node:test'
import { killRig } from './kill.ts'

test('1, 2, 3, 5: killed again and again, with database crashes and lost answers: lost 0, duplicated 0, stale 0, stuck 0', () =>
  killRig.run(false))
