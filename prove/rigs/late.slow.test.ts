/** The short form of the rig `late`, with its control. */
import { test } from 'node:test'
import { lateRig } from './late.ts'

test('4: writes that take effect after their time-out make no second record', () => lateRig.run(false))
