/** The short form of the rig `dispatch`, with its controls. */
import { test } from 'node:test'
import { dispatchRig } from './dispatch.ts'

test('31: batches that go out arrive once each, within limits, while nodes are killed and the target loses answers and callbacks', () =>
  dispatchRig.run(false))
