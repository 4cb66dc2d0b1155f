/** The short form of the rig `upgrade`, with its control. */
import { test } from 'node:test'
import { upgradeRig } from './upgrade.ts'

test('28: killed in the middle of migrations, beside a working node of the version before', () => upgradeRig.run(false))
