/** The short form of the rig `rolling`, with its controls. */
import { test } from 'node:test'
import { rollingRig } from './rolling.ts'

test('17: rolling restarts of two nodes under load: no client notices, and no call is left unanswered', () =>
  rollingRig.run(false))
