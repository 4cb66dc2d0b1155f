/** No page can be added without being looked at: each address of the console's router has a place of which a picture is taken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placesOf, routes, unseen } from './places.ts'

const places = placesOf({
  function: 'orders',
  batch: 1,
  outgoing: 1,
  comparison: '1',
  sweep: '1',
  conflict: 1,
  failed: 1,
  waiting: 1,
  succeeded: 1,
  call: { attempt: 1, at: '2026-03-01T12:00:00Z' },
})

test('each address of the router, and each tab that is an address, has its picture', () => {
  const known = routes()
  assert.ok(known.length > 40, `${known.length} addresses were read`)
  assert.ok(known.includes('/t/$tenant/settings/installation') && known.includes('/t/$tenant/alerts/past'))
  assert.deepEqual(unseen(known, places), [])
  assert.equal(new Set(places.map((one) => one.name)).size, places.length, 'pictures have names of their own')
})

test('a page that nobody looks at is told, and a route that cannot be read is no silence', () => {
  assert.deepEqual(unseen(['/t/$tenant/new', '/t/$tenant/flows/$pair/$flow'], places), ['/t/$tenant/new'])
  assert.throws(() => routes('const one = createRoute({ path: "/", getParentRoute: () => root })'))
})
