/** The short form of the rig `poll`, with its control. */
import { test } from 'node:test'
import { pollRig } from './poll.ts'

test('9, 10: what is only polled arrives, late and unordered, across kills; without an overlap it does not', () =>
  pollRig.run(false))
