/** The short form of the rig `parents`, with its control. */
import { test } from 'node:test'
import { parentsRig } from './parents.ts'

test('19: orders before their customers: none fails, one create each', () => parentsRig.run(false))
