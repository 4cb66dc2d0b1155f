/** The short form of the rig `lines`, with its control. */
import { test } from 'node:test'
import { linesRig } from './lines.ts'

test('18: lost detail lines are shown, and repaired', () => linesRig.run(false))
