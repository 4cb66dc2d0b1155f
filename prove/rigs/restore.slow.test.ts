/** The short form of the rig `restore`, with its control. */
import { test } from 'node:test'
import { restoreRig } from './restore.ts'

test('29: an older backup against a live target: nothing is created twice, nothing newer is overwritten', () =>
  restoreRig.run(false))
