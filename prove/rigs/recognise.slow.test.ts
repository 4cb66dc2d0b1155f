/** The short form of the rig `recognise`, with its control. */
import { test } from 'node:test'
import { recogniseRig } from './recognise.ts'

test('3: every way to recognise × every way to lose the answer of a create: one record, or a person is asked', () =>
  recogniseRig.run(false))
