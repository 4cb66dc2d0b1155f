/** The short form of the rig `cut`, with its control. */
import { test } from 'node:test'
import { cutRig } from './cut.ts'

test('16: the answer to COMMIT is lost: refused, sent again, one record', () => cutRig.run(false))
