/** The short form of the rig `neighbours`, with its control. */
import { test } from 'node:test'
import { neighboursRig } from './outage.ts'

test('14: dead targets do not slow down a healthy one', () => neighboursRig.run(false))
