/** The short form of the rig `overload`, with its control. */
import { test } from 'node:test'
import { overloadRig } from './overload.ts'

test('16: five times what it can take: refused in time, acknowledged = delivered, memory bounded, over with the load', () =>
  overloadRig.run(false))
