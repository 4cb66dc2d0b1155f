/** The short form of the rig `disk`, with its control. */
import { test } from 'node:test'
import { diskRig } from './disk.ts'

test('16: full disk, database away: refused with a time to come back, acknowledged = delivered', () =>
  diskRig.run(false))
