/** A world for tests of the management API: a fresh database, Mortise in this process without the sandbox, and people who call it over HTTP. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, fetch, type Headers } from 'undici'
import { start } from '../../server/main.ts'
import { type FreshDatabase, freshDatabase } from '../../server/store/fresh.ts'

export interface Answer<T = Record<string, unknown>> {
  status: number
  headers: Headers
  text: string
  body: T
}

/** How somebody is known: by session, by key, or not at all. */
export interface Someone {
  headers: Record<string, string>
}
export const nobody: Someone = { headers: {} }
export const withKey = (key: string): Someone => ({ headers: { authorization: `Bearer ${key}` } })

export interface CallOptions {
  as?: Someone
  body?: unknown
  headers?: Record<string, string>
}

export interface ApiWorld extends AsyncDisposable {
  db: FreshDatabase
  url: string
  data: string
  admin: Someone
  adminPassword: string
  call<T = Record<string, unknown>>(method: string, path: string, options?: CallOptions): Promise<Answer<T>>
  signIn(user: string, password: string): Promise<Someone>
}

export const apiWorld = async (): Promise<ApiWorld> => {
  const db = await freshDatabase()
  const data = await mkdtemp(join(tmpdir(), 'mortise-api-'))
  const running = await start(
    { port: 0, host: '127.0.0.1', data, databaseUrl: db.url, sandbox: false, config: null },
    () => {},
  )
  const lines = new Agent() // kept open from call to call, and closed before the stop, which would wait for them
  const call = async <T>(
    method: string,
    path: string,
    { as = nobody, body, headers = {} }: CallOptions = {},
  ): Promise<Answer<T>> => {
    const answer = await fetch(path.startsWith('/api') ? `${running.url}${path}` : `${running.url}/api/v1${path}`, {
      method,
      headers: {
        locale: 'en_US',
        ...as.headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      redirect: 'manual',
      dispatcher: lines,
    })
    const text = await answer.text()
    const isJson = /json/.test(answer.headers.get('content-type') ?? '')
    return { status: answer.status, headers: answer.headers, text, body: (isJson && text ? JSON.parse(text) : {}) as T }
  }
  const signIn = async (user: string, password: string): Promise<Someone> => {
    const answer = await call<{ csrfToken: string }>('POST', '/session', { body: { user, password } })
    if (answer.status !== 200) throw new Error(`${user} could not sign in: ${answer.text}`)
    const cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    return { headers: { cookie, 'x-csrf-token': answer.body.csrfToken } }
  }
  const secrets = JSON.parse(await readFile(join(data, 'generated-secrets.json'), 'utf8')) as Record<string, string>
  const adminPassword = secrets['sandbox/console-password'] ?? ''
  return {
    db,
    url: running.url,
    data,
    adminPassword,
    admin: await signIn('admin', adminPassword),
    call,
    signIn,
    [Symbol.asyncDispose]: async () => {
      await lines.close()
      await running.stop()
      await rm(data, { recursive: true, force: true })
      await db[Symbol.asyncDispose]()
    },
  }
}

/** A tenant with two systems, a pair between them, a token, a hook and a batch client: one of everything. */
export const tenantYaml = (tenant: string): string => `
tenants:
  - id: ${tenant}
    name: Tenant ${tenant}
    connections:
      - id: erp
        role: erp
        baseUrl: http://192.0.2.1/erp/
        headers: { token: canary-erp-${tenant}-secret }
        objects:
          - code: BD_Customer
            externalIdField: sourceId
            fields:
              number: text
              name: text
              grade: { type: select, options: [A, B, C] }
            details:
              - { code: contacts, idField: id, fields: { name: text } }
      - id: crm
        role: crm
        baseUrl: http://192.0.2.2/crm/
        auth:
          oauth2: { tokenUrl: http://192.0.2.2/token, clientId: us, clientSecret: canary-oauth-${tenant}-secret, params: { code: canary-code-${tenant}-secret } }
        events: { names: { operation: head.op }, operations: { d: void }, tenants: ['4711'], others: skip }
        queues:
          - { id: changes, kind: rabbitmq, url: 'amqp://us:canary-queue-${tenant}-secret@192.0.2.2/', queue: changes, state: paused }
          - { id: stream, kind: nats, url: 'tls://192.0.2.2', stream: CRM, state: paused, tls: { cert: PEM, key: canary-key-${tenant}-secret } }
        objects:
          - code: AccountObj
            idField: _id
            externalIdField: sourceId
            fields:
              name: text
              level: { type: select, options: ['1', '2', '3'] }
            details:
              - { code: ContactObj, idField: _id, fields: { name: text } }
    pairs:
      - id: customer
        left: erp/BD_Customer
        right: crm/AccountObj
        flows:
          leftToRight:
            mapping:
              fields:
                sourceId: $id
                name: name
                level: { from: grade, options: { A: '1', B: '2' } }
              details:
                ContactObj: { from: contacts, fields: { name: name } }
    tokens: [{ name: push, value: canary-push-${tenant}-secret, former: canary-older-${tenant}-secret }]
    hooks: [{ connection: crm, secret: canary-hook-${tenant}-secret, former: canary-older-hook-${tenant}, verify: { secret: canary-verify-${tenant}-secret, former: canary-older-verify-${tenant}, header: X-Signature } }]
    batchClients: [{ id: hr, secret: canary-client-${tenant}-secret, salt: canary-salt-${tenant}-secret, formerSecret: canary-older-client-${tenant}, formerSalt: canary-older-salt-${tenant} }]
`

/** Makes the tenant and applies `tenantYaml`, all over HTTP. */
export const declareTenant = async (world: ApiWorld, tenant: string): Promise<void> => {
  const made = await world.call('POST', '/tenants', { as: world.admin, body: { tenant } })
  const applied = await world.call('POST', `/tenants/${tenant}/configuration/apply`, {
    as: world.admin,
    body: { yaml: tenantYaml(tenant) },
  })
  if (made.status !== 201 || applied.status !== 200) throw new Error(`${made.text}\n${applied.text}`)
}
