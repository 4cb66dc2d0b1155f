/** The short form of the rig `grows`, with its control. */
import { test } from 'node:test'
import { growsRig } from './grows.ts'

test('30: thousands of edits of a few records leave a row of work for each record', () => growsRig.run(false))
