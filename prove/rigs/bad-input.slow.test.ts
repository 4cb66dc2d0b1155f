/** The short form of the rig `bad-input`, with its controls. */
import { test } from 'node:test'
import { badInputRig } from './bad-input.ts'

test('bad input at every public door and in answers: refused below 500, rows as expected, the server up and lean', () =>
  badInputRig.run(false))
