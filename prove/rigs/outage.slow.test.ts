/** The short form of the rig `outage`, with its control. */
import { test } from 'node:test'
import { outageRig } from './outage.ts'

test('13: a target that comes back is probed, and never asked for more than its limit', () => outageRig.run(false))
