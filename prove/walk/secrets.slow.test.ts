/** Promise 27: canaries in every kind of secret, the whole road with a target that repeats whatever it hears, then a search of everything that is left behind. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '../../server/cli/program.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import type { Sql } from '../../server/store/sql.ts'
import { until } from './world.ts'

const root = join(import.meta.dirname, '../..')
const canary = (name: string): string => `cnry-${name}-${randomBytes(9).toString('hex')}`

/** Every kind of secret that an administrator hands us; the installation's own keys and what targets hand us come beside them. */
const env = {
  ERP_HEADER: canary('header'),
  BASIC_PASSWORD: canary('basic'),
  API_KEY: canary('api-key'),
  CLIENT_SECRET: canary('client-secret'),
  CLIENT_PARAM: canary('client-param'),
  HMAC_KEY: canary('hmac'),
  MD5_SALT: canary('md5'),
  PUSH: canary('push'),
  PUSH_FORMER: canary('push-former'),
  HOOK: canary('hook'),
  HOOK_FORMER: canary('hook-former'),
  HR: canary('hr'),
  HR_FORMER: canary('hr-former'),
  SALT: canary('salt'),
  SALT_FORMER: canary('salt-former'),
}

/** What each of our counterparts knows, and repeats even where it did not hear it. */
const knows: Record<string, (keyof typeof env)[]> = {
  basic: ['BASIC_PASSWORD', 'API_KEY'],
  oauth: ['CLIENT_SECRET', 'CLIENT_PARAM'],
  token: ['CLIENT_SECRET', 'CLIENT_PARAM'],
  hmac: ['HMAC_KEY'],
  md5: ['MD5_SALT'],
}

const readBody = async (req: AsyncIterable<Buffer>): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** Does as the record's name says, and repeats every header, address and body it heard in the words of its answer. */
const openTarget = async () => {
  const issued: string[] = []
  const done: string[] = []
  const first = new Set<string>()
  const server: Server = createServer((req, res) => {
    void (async () => {
      const body = await readBody(req)
      const own = knows[req.url?.split(/[/?]/)[1] ?? '']?.map((name) => env[name]) ?? []
      const heard = JSON.stringify({
        url: req.url,
        headers: req.headers,
        body,
        own,
        ...(req.url?.startsWith('/oauth') && { issued }),
      })
      if (req.url?.startsWith('/token')) {
        if (!first.has('token')) {
          first.add('token')
          return res.writeHead(400).end(JSON.stringify({ error: 'invalid_client', error_description: heard }))
        }
        const token = canary(`issued-${issued.length}`)
        issued.push(token)
        return res.end(JSON.stringify({ access_token: token, expires_in: 3600, echo: heard }))
      }
      const way = /"name":"([a-z0-9-]+)"/.exec(body)?.[1] ?? 'ok'
      const key = `${req.url?.split('?')[0]} ${way}`
      const again = first.has(key)
      first.add(key)
      done.push(key)
      const say = (status: number, code: string): unknown =>
        res.writeHead(status).end(JSON.stringify({ code, message: heard, data: null, heard }))
      if (way === 'refused') return say(200, 'E42')
      if (way === 'http500') return say(500, 'E500')
      if (way === 'forbidden') return say(403, 'E403')
      if (way === 'contract') return res.end(`<html>${heard}</html>`)
      if (way === 'cut') return req.socket.destroy()
      if (way === 'expired' && !again) return say(401, 'E401')
      if (way === 'throttled' && !again) return say(200, 'BUSY')
      if (way === 'again' && !again) return say(200, 'LATER')
      return res.end(JSON.stringify({ code: '0', message: heard, data: { masterDataId: `T-${done.length}` } }))
    })()
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    issued,
    done,
    [Symbol.dispose]: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const targets = ['basic', 'oauth', 'hmac', 'md5'] as const
const auth = (url: string): Record<(typeof targets)[number], string> => ({
  basic: "{ basic: { user: u, password: '${BASIC_PASSWORD}' }, apiKey: { in: query, name: key, value: '${API_KEY}' } }",
  oauth: `{ oauth2: { tokenUrl: '${url}/token', clientId: c, clientSecret: '\${CLIENT_SECRET}', params: { code: '\${CLIENT_PARAM}' } } }`,
  hmac: "{ signature: { algorithm: hmac-sha256, secret: '${HMAC_KEY}', sign: [method, path, timestamp, body], timestamp: { name: X-Time }, put: { name: X-Sign } } }",
  md5: "{ signature: { algorithm: md5, secret: '${MD5_SALT}', sign: [body, secret], put: { in: query, name: sign } } }",
})
const config = (url: string): string => `
tenants:
  - id: canary
    connections:
      - id: erp
        role: erp
        baseUrl: ${url}/erp/
        headers: { token: '\${ERP_HEADER}' }
        recognise: none
        objects: [{ code: O, externalIdField: crmId, fields: { id: text, name: text, crmId: text } }]
${targets
  .map(
    (id) => `
      - id: ${id}
        role: crm
        baseUrl: ${url}/${id}/
        headers: { X-Also: '\${ERP_HEADER}' }
        auth: ${auth(url)[id]}
        recognise: none
        refusedBeforeEffect: LATER
        throttleCodes: BUSY
        timeout: 2s
        limits: { concurrency: 2, perDay: 1000 }
        objects: [{ code: P, externalIdField: erpId, fields: { id: text, name: text, erpId: text } }]`,
  )
  .join('')}
    pairs:
${targets.map((id) => `      - { id: ${id}, left: erp/O, right: ${id}/P, flows: { leftToRight: { mapping: { fields: { name: name } } } } }`).join('\n')}
    tokens:
      - { name: push, value: '\${PUSH}', former: '\${PUSH_FORMER}' }
    hooks:
      - { connection: erp, secret: '\${HOOK}', former: '\${HOOK_FORMER}' }
    batchClients:
      - { id: hr, secret: '\${HR}', formerSecret: '\${HR_FORMER}', salt: '\${SALT}', formerSalt: '\${SALT_FORMER}' }
`

/** All rows of all tables as a dump would show them; bytes also as the text that they hold. */
const dump = async (sql: Sql): Promise<string> => {
  const tables = await sql<{ name: string }>`
    select quote_ident(table_schema) || '.' || quote_ident(table_name) as name
    from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE'`
  let seen = ''
  for (const { name } of tables)
    for (const { row } of await sql.unsafe<{ row: string }>(`select t::text as row from ${name} t`))
      seen += `${row}\n${row.replaceAll(/\\\\x([0-9a-f]+)/g, (_, hex: string) => Buffer.from(hex, 'hex').toString('latin1'))}\n`
  return seen
}

/** A secret as it is, and as it would look in an Authorization header or a hex dump. */
const disguises = (secret: string): string[] => [
  secret,
  Buffer.from(secret).toString('hex'),
  ...[0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)])
      .toString('base64')
      .slice(shift ? 4 : 0, -4),
  ),
]

const found = (text: string, secrets: Record<string, string>): string[] =>
  Object.entries(secrets)
    .filter(([, secret]) => disguises(secret).some((one) => text.includes(one)))
    .map(([name]) => name)

test('27: after pushes, events, calls that succeed and fail, and retries, no secret stands in logs, tables, output, export or plan', async () => {
  await using db = await freshDatabase()
  using target = await openTarget()
  const folder = await mkdtemp(join(tmpdir(), 'mortise-canary-'))
  const file = join(folder, 'canary.yaml')
  await writeFile(file, config(target.url))
  const [newKey, oldKey] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')]
  const own = {
    ...env,
    MORTISE_DATABASE_URL: db.url,
    MORTISE_DATA: join(folder, 'data'),
    MORTISE_SECRET_KEY: `${newKey},${oldKey}`,
    MORTISE_SANDBOX: 'off',
    MORTISE_ALLOW_LOOPBACK: 'on',
    MORTISE_LOG: 'trace',
    MORTISE_PORT: '0',
    MORTISE_CONFIG: file,
  }
  let output = ''
  const mortise = async (...args: string[]): Promise<string> => {
    let said = ''
    const keep = (text: string): void => void (said += text)
    await run(args, { env: own, cwd: folder, out: keep, err: keep, width: 0, serve: async () => {} })
    output += said
    return said
  }
  // First with the old key, so that the rotation has something to do.
  const applied = await run(['apply', file], {
    env: { ...own, MORTISE_SECRET_KEY: oldKey },
    cwd: folder,
    out: (text) => void (output += text),
    err: (text) => void (output += text),
    width: 0,
    serve: async () => {},
  })
  assert.equal(applied, 0, output)
  const server = spawn(process.execPath, [join(root, 'server/main.ts')], {
    env: { PATH: process.env.PATH, ...own },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let logs = ''
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk: Buffer) => (logs += chunk.toString()))
  try {
    const url = await until('it listens', async () => /http:\/\/127\.0\.0\.1:\d+/.exec(logs)?.[0])
    const push = (token: string, id: string, name: string, body?: string) =>
      fetch(`${url}/erp/syncdata/open/objdata/syncpush`, {
        method: 'POST',
        headers: { token, tenantId: 'canary', id, objectApiName: 'O', version: 'v1', 'Idempotency-Key': `k-${id}` },
        body: body ?? JSON.stringify({ objAPIName: 'O', masterFieldVal: { id, name }, detailFieldVals: {} }),
      })
    const ways = ['ok', 'refused', 'http500', 'forbidden', 'contract', 'cut', 'expired', 'throttled', 'again']
    for (const [i, way] of ways.entries()) {
      const answer = await push(i % 2 ? env.PUSH : env.PUSH_FORMER, `R-${way}`, way)
      assert.equal(answer.status, 200, await answer.text())
    }
    // Doors that refuse are told of secrets, too.
    const refused = [
      await push(`${env.PUSH}x`, 'R-x', 'ok'),
      await push(env.PUSH, 'R-y', 'ok', '{"broken'),
      await fetch(`${url}/hooks/erp/${env.HOOK}x`, { method: 'POST', body: '{}' }),
      await fetch(`${url}/hooks/erp/${env.HOOK}`, { method: 'POST', body: 'not json' }),
      await fetch(`${url}/no/such/path?token=${env.PUSH}`),
    ]
    for (const answer of refused) {
      assert.ok(answer.status >= 400)
      output += await answer.text()
    }
    for (const secret of [env.HOOK, env.HOOK_FORMER]) {
      const event = {
        tenantId: 'canary',
        objectApiName: 'O',
        dataId: `E-${secret === env.HOOK}`,
        operation: 'update',
        changedAt: Date.now(),
      }
      const answer = await fetch(`${url}/hooks/erp/${secret}`, { method: 'POST', body: JSON.stringify(event) })
      assert.equal(answer.status, 200, await answer.text())
    }
    const count = async (state: string): Promise<number> =>
      (await db.sql<{ n: number }>`select count(*)::int4 as n from link where state = ${state}`)[0]?.n ?? 0
    await until(
      'the road has tried everything',
      async () => {
        const [row] = await db.sql<{
          calls: number
        }>`select count(*)::int4 as calls from attempt where outcome is not null`
        return (row?.calls ?? 0) >= ways.length * targets.length && (await count('idle')) >= targets.length
      },
      60_000,
    )
    await mortise('retry', '--state', 'failed', '--yes')
    await until(
      'the retries came back',
      async () => (await count('parked')) > 0 && (await count('working')) === 0,
      60_000,
    )
    assert.ok(target.issued.length >= 1, 'a token was issued, after one refusal')
    const calm = await db.sql`select 1 from attempt where fault like '%send.token%' limit 1`
    assert.equal(calm.length, 1, 'a token could not be had at first, and this is told')

    // The log says little while all is well: for a moment the tables are away, under pushes, events and the engine.
    await db.sql.unsafe('alter table arrival rename to arrival_away; alter table link rename to link_away')
    for (const token of [env.PUSH, env.PUSH_FORMER])
      assert.equal((await push(token, `L-${token.length}`, 'ok')).status, 503)
    const lost = {
      tenantId: 'canary',
      objectApiName: 'O',
      dataId: 'E-lost',
      operation: 'update',
      changedAt: Date.now(),
      masterFieldVal: { id: 'E-lost', name: 'ok' },
    }
    const unstored = await fetch(`${url}/hooks/erp/${env.HOOK}`, { method: 'POST', body: JSON.stringify(lost) })
    output += await unstored.text()
    await until('the log tells of it', async () => logs.split('"level":"error"').length > 3)
    await db.sql.unsafe('alter table arrival_away rename to arrival; alter table link_away rename to link')

    for (const more of [[], ['--json']]) {
      await mortise('status', ...more)
      await mortise('records', '--limit', '1000', ...more)
      for (const way of ways) await mortise('show', `R-${way}`, '--limit', '1000', ...more)
      await mortise('plan', file, ...more)
      await mortise('export', ...more)
      await mortise('secrets', 'status', ...more)
    }
    assert.match(await mortise('secrets', 'rotate'), /secrets are encrypted with the newest key/)
    assert.match(await mortise('plan', file), /Nothing to change/)
    await writeFile(
      file,
      config(target.url).replaceAll('${ERP_HEADER}', '${PUSH_FORMER}').replaceAll('${HMAC_KEY}', '${HR}'),
    )
    assert.match(await mortise('plan', file), /connection hmac[\s\S]*other secret/)
  } finally {
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGTERM')
    await ended
  }
  const tables = await dump(db.sql)
  const kept = await readFile(join(folder, 'data', 'generated-secrets.json'), 'utf8').catch(() => '')
  await rm(folder, { recursive: true })
  const secrets: Record<string, string> = {
    ...env,
    newKey,
    oldKey,
    newKeyHex: Buffer.from(newKey, 'base64').toString('hex'),
    ...Object.fromEntries(target.issued.map((token, i) => [`issued ${i}`, token])),
    basic: Buffer.from(`u:${env.BASIC_PASSWORD}`).toString('base64'),
  }
  // The controls: each place was searched with something in it, and a secret in any disguise would have been seen.
  assert.match(logs, /"level"/)
  assert.ok(
    tables.includes('"masterFieldVal"') && tables.includes('***') && tables.includes('"name":"refused"'),
    'bodies and masked answers',
  )
  assert.ok(output.includes('***') && output.includes('R-refused') && output.includes('${CLIENT_SECRET}'))
  for (const disguise of disguises(env.HMAC_KEY)) assert.deepEqual(found(`x${disguise}x`, env), ['HMAC_KEY'])
  assert.deepEqual(found(Buffer.from(`u:${env.HR}`).toString('base64'), env), ['HR'])

  assert.deepEqual(
    { logs: found(logs, secrets), tables: found(tables, secrets), output: found(output, secrets) },
    { logs: [], tables: [], output: [] },
  )
  assert.deepEqual(found(kept, secrets), [], 'what the file gives is not kept in the data folder')
})
