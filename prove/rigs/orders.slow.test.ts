/** The short form of the rig `orders`, with its control. */
import { test } from 'node:test'
import { ordersRig } from './orders.ts'

test('7, 8: create, edit, void and re-push in every order, and five times at once: newest content, one create', () =>
  ordersRig.run(false))
