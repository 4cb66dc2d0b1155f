/** Somebody who is signed in to a world with its sandbox: calls of the management API below the sandbox's tenant. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { World } from '../walk/world.ts'

export const signedIn = async (world: World) => {
  const url = world.url()
  const secrets = JSON.parse(await readFile(join(world.data, 'generated-secrets.json'), 'utf8')) as Record<
    string,
    string
  >
  const session = await fetch(`${url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'admin', password: secrets['sandbox/console-password'] }),
  })
  assert.equal(session.status, 200)
  const cookie = (session.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  const { csrfToken } = (await session.json()) as { csrfToken: string }
  return (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(`${url}/api/v1/tenants/sandbox${path}`, {
      method,
      headers: {
        cookie,
        'x-csrf-token': csrfToken,
        locale: 'en_US',
        connection: 'close', // a connection that stays open is waited for by the stop
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
}
