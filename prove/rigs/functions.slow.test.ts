/** The short form of the rig `functions`, with its control. */
import { test } from 'node:test'
import { functionsRig } from './functions.ts'

test('a function that loops for ever is suspended, and the others’ pushes do not wait for it', () =>
  functionsRig.run(false))
