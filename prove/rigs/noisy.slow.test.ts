/** The short form of the rig `noisy`, with its control. */
import { test } from 'node:test'
import { noisyRig } from './noisy.ts'

test('15: ten records of one tenant do not wait behind the thousands of another', () => noisyRig.run(false))
