/** The short form of the rig `fxiaoke`, with its control. */
import { test } from 'node:test'
import { fxiaokeRig } from './fxiaoke.ts'

test('3, 13: an API that counts its calls and loses its answers: every create arrives once', () =>
  fxiaokeRig.run(false))
