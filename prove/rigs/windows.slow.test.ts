/** The short form of the rig `windows`, with its control. */
import { test } from 'node:test'
import { windowsRig } from './windows.ts'

test('10: killed at each named point of a window, nothing is lost; a ledger that is ahead of its rows loses', () =>
  windowsRig.run(false))
