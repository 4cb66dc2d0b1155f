/** The short form of the rig `echo`, with its control. */
import { test } from 'node:test'
import { echoRig } from './echo.ts'

test('20: echoes make nothing, systems that normalise rest, systems that never agree are stopped', () =>
  echoRig.run(false))
