/** The short form of the rig `batches`, with its control. */
import { test } from 'node:test'
import { batchesRig } from './batches.ts'

test('23, 24, 25: batches and their callbacks outlive kills and receivers that fail; limits are exact on two nodes', () =>
  batchesRig.run(false))
