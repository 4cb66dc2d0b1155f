/** The short form of the rig `freeze`, with its control. */
import { test } from 'node:test'
import { freezeRig } from './freeze.ts'

test('6: a frozen node wakes up: nothing twice, nothing old', () => freezeRig.run(false))
