/** Starting: the first user is told once, and a database that lets us make no roles is said, works, and gets its walls later. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { start } from '../../server/main.ts'
import { freshDatabase } from '../../server/store/fresh.ts'

/** Starts, asks, stops; answers what was said on the way. */
const visit = async (data: string, databaseUrl: string, ask: (url: string) => Promise<void>): Promise<string> => {
  let said = ''
  const running = await start(
    { port: 0, host: '127.0.0.1', data, databaseUrl, sandbox: false, config: null },
    (text) => {
      said += text
    },
  )
  try {
    await ask(running.url)
  } finally {
    await running.stop()
  }
  return said
}

const folder = async () => {
  const data = await mkdtemp(join(tmpdir(), 'mortise-start-'))
  const password = async () =>
    (JSON.parse(await readFile(join(data, 'generated-secrets.json'), 'utf8')) as Record<string, string>)[
      'sandbox/console-password'
    ] ?? ''
  return { data, password, [Symbol.asyncDispose]: () => rm(data, { recursive: true, force: true }) }
}

const signsIn = (password: () => Promise<string>) => async (url: string) => {
  const answer = await fetch(`${url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'admin', password: await password() }),
  })
  assert.equal(answer.status, 200, await answer.clone().text())
  const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? ''
  const { csrfToken } = (await answer.json()) as { csrfToken: string }
  const headers = { cookie, 'x-csrf-token': csrfToken, 'content-type': 'application/json' }
  const tenant = `t${randomBytes(4).toString('hex')}`
  const made = await fetch(`${url}/api/v1/tenants`, { method: 'POST', headers, body: JSON.stringify({ tenant }) })
  assert.equal(made.status, 201, await made.text())
  const shown = await fetch(`${url}/api/v1/tenants/${tenant}/status`, { headers })
  assert.equal(shown.status, 200, await shown.text())
}

test('the first start tells the first user and his password, the second does not', async () => {
  await using db = await freshDatabase()
  await using home = await folder()
  const first = await visit(home.data, db.url, signsIn(home.password))
  assert.ok(first.includes(`Sign in as admin with ${await home.password()}`), first)
  const second = await visit(home.data, db.url, signsIn(home.password))
  assert.doesNotMatch(second, /Sign in as/)
})

test('a database user who may make no roles is told what that means; all works, and the walls are raised once he may', async () => {
  await using db = await freshDatabase({ migrations: [] })
  await using home = await folder()
  const user = `plain_${randomBytes(4).toString('hex')}`
  await db.owner.unsafe(`
    drop table migration;
    create role ${user} login password 'plain';
    alter database ${db.name} owner to ${user};
    alter schema public owner to ${user}`)
  try {
    const url = db.url.replace(/\/\/[^@]*@/, `//${user}:plain@`)
    const alone = await visit(home.data, url, signsIn(home.password))
    assert.match(alone, /by Mortise's own statements only.*let an administrator run/)
    await db.owner.unsafe(`grant mortise_app, mortise_road to ${user}`)
    const together = await visit(home.data, url, signsIn(home.password))
    assert.doesNotMatch(together, /own statements only/)
    const [walls] = await db.owner<{ count: number }>`
      select count(*) as count from pg_policy where polname = 'mortise_app'`
    assert.ok((walls?.count ?? 0) > 15)
  } finally {
    await db.owner.unsafe(`drop owned by ${user} cascade; drop role ${user}`).catch(async () => {
      await db.owner.unsafe(`reassign owned by ${user} to current_user; drop owned by ${user}; drop role ${user}`)
    })
  }
})

test('what has stopped leaves no timer behind that keeps the process', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  await using db = await freshDatabase()
  const before = timers()
  const data = await mkdtemp(join(tmpdir(), 'mortise-start-'))
  const settings = { port: 0, host: '127.0.0.1', data, databaseUrl: db.url, sandbox: false, config: null }
  await (await start(settings, () => {})).stop()
  await rm(data, { recursive: true, force: true })
  assert.equal(timers(), before)
})
