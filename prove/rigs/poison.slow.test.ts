/** The short form of the rig `poison`, with its control. */
import { test } from 'node:test'
import { poisonRig } from './poison.ts'

test('12: bad records park alone, each with its reason', () => poisonRig.run(false))
