/** A sandbox in which something of everything has happened: windows with a gap, a batch with refused rows, a function that failed, records that differ, are gone, or were changed on both sides. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sandboxClient } from '../../sandbox/client.ts'
import { keepRefused } from '../../server/listen/refused.ts'
import type { Sql } from '../../server/store/sql.ts'

/** Patient: the machine may be busy with other tests. */
export const until = async <T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> => {
  for (const end = Date.now() + 30_000; Date.now() < end; ) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    await new Promise((done) => setTimeout(done, 50))
  }
  throw new Error(`waited in vain until ${what}`)
}

export interface SandboxFile {
  token: string
  erpToken: string
  crmToken: string
  clientId: string
  clientSecret: string
  console: { user: string; password: string }
}

export interface Api {
  <T>(method: string, path: string, body?: unknown): Promise<T>
}

/** The management API as the sandbox's administrator, under the tenant. */
export const signedInTo = async (url: string, { user, password }: SandboxFile['console']): Promise<Api> => {
  const answer = await fetch(`${url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user, password }),
  })
  if (!answer.ok) throw new Error(`sign-in: ${answer.status} ${await answer.text()}`)
  const cookie = answer.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ')
  const { csrfToken } = (await answer.json()) as { csrfToken: string }
  return async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const said = await fetch(`${url}/api/v1/tenants/sandbox/${path}`, {
      method,
      headers: {
        cookie,
        'X-CSRF-Token': csrfToken,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await said.text()
    if (!said.ok) throw new Error(`${method} ${path}: ${said.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }
}

/** Takes what is posted to it; `status` says what it answers. */
export interface Ear {
  url: string
  heard: { path: string; body: string }[]
  status: number
  close(): Promise<void>
}

export const openEar = async (): Promise<Ear> => {
  const heard: Ear['heard'] = []
  const ear = { status: 200 }
  const server: Server = createServer((request, reply) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => (body += part))
    request.on('end', () => {
      heard.push({ path: request.url ?? '', body })
      reply.writeHead(ear.status).end('{"errcode":0}')
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return Object.assign(ear, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    close: () =>
      new Promise<void>((done) => {
        server.closeAllConnections()
        server.close(() => done())
      }),
  })
}

export const functionName = 'orders'
const code = `// Orders of the shop: one push, many documents
function receive(message) {
  const order = JSON.parse(message.body)
  console.log('items', order.items.length)
  return order.items.map((one) => ({
    id: one.no,
    masterFieldVal: { number: one.no, name: one.name, price: one.price.plus(one.tax) },
  }))
}
`
const examples = [
  {
    name: 'one item',
    input: { body: '{"items":[{"no":"7","name":"Oak","price":1.10,"tax":0.20}]}' },
    output: [{ id: '7', masterFieldVal: { number: '7', name: 'Oak', price: 1.3 } }],
  },
]

export interface Lived {
  api: Api
  batch: number
  comparison: string
  sweep: string
  conflict: number
  /** The ERP's own ids. */
  ids: string[]
  /** One that went out and was told of by a callback; and one whose callback is lost. */
  outgoing: number
}

/** Of the ledger, a day of windows as a database that was brought back from a backup has them: one hour is missing. */
const ledgerWithGap = async (sql: Sql, connection: string, object: string): Promise<void> => {
  await sql`
    insert into poll_window (tenant_id, connection_id, object, cause, from_at, to_at, read_until, state, started_at, ended_at,
      requests, seen, created, changed, unchanged, failed)
    select 'sandbox', ${connection}, ${object}, 'schedule', w.to_at - interval '6 minutes', w.to_at, w.to_at, 'done', w.to_at, w.to_at,
      2, n % 7, n % 3, 1, n % 5, case when n = 100 then 2 else 0 end
    from generate_series(1, 240) as n
    cross join lateral (select clock_timestamp() - (n * 6 + 4) * interval '1 minute' as to_at) w
    where n not between 61 and 70`
}

export const pushPost = async (url: string, secrets: SandboxFile, id: string, title: string): Promise<void> => {
  const answer = await fetch(`${url}/erp/syncdata/open/objdata/syncpush`, {
    method: 'POST',
    headers: { token: secrets.token, tenantId: 'sandbox', objectApiName: 'HR_Post', id },
    body: JSON.stringify({ objAPIName: 'HR_Post', masterFieldVal: { number: id, title } }),
  })
  if (!/s106240000/.test(await answer.text())) throw new Error(`${id} was not taken`)
}

/** A system that takes batches: the sandbox's own. The first callback comes with a wrong proof and then with a right one; one row is refused. */
const sendBatches = async (api: Api, url: string, secrets: SandboxFile): Promise<number> => {
  const box = `${url}/sandbox/masterdata/`
  const put = (path: string, body: unknown) => fetch(box + path, { method: 'PUT', body: JSON.stringify(body) })
  const salt = 'salt-of-mortise-at-the-peer-long'
  await put('settings', { salt, atOnce: 0, workMs: 100 })
  await put('faults', [
    { kind: 'forged', nth: 1 },
    { kind: 'lost', nth: 2 },
  ])
  await api('PUT', 'connections/erp/objects/HR_Post', {
    name: 'Post',
    fields: { id: 'text', number: 'text', title: 'text' },
  })
  await api('PUT', 'connections/mdm', {
    role: 'crm',
    kind: 'masterdata-batch',
    baseUrl: `${box}common/`,
    batch: {
      clientId: 'mortise',
      clientSecret: 'secret-of-mortise-at-the-sandbox',
      salt,
      callbackUrl: url,
      callbackKey: 'key-of-the-callbacks',
      fillFor: '1s',
      answerWithin: '2h',
      locale: 'en_US',
    },
  })
  await api('PUT', 'connections/mdm/objects/position', {
    idField: 'code',
    batch: { path: 'positions', perHour: 20, perDay: 40 },
    fields: { code: 'text', position_name: 'text' },
  })
  await api('PUT', 'pairs/post', {
    left: 'erp/HR_Post',
    right: 'mdm/position',
    flows: { leftToRight: { startFrom: 'all', mapping: { fields: { code: 'number', position_name: 'title' } } } },
  })
  await until('the object takes pushes', () =>
    pushPost(url, secrets, 'H-1', 'Joiner').then(
      () => true,
      () => false,
    ),
  )
  for (const [id, title] of [
    ['H-2', 'Turner'],
    ['H-3', ''],
    ['H-4', 'Carpenter'],
  ] as const)
    await pushPost(url, secrets, id, title)
  return until('a batch was told of', async () => {
    const { items } = await api<{ items: { batch: number; callback: string; refused: number | null }[] }>(
      'GET',
      'out-batches?state=done',
    )
    return items.find((one) => one.callback === 'taken' && one.refused === 1)?.batch
  })
}

/** A queue that nobody answers, an experimental one that is paused, and messages that could not be read. */
const listen = async (api: Api, sql: Sql): Promise<void> => {
  const erp = await api<Record<string, unknown>>('GET', 'connections/erp')
  await api('PUT', 'connections/erp', {
    ...erp,
    queues: [
      { id: 'changes', kind: 'rabbitmq', url: 'amqp://guest:guest@127.0.0.1:9/', queue: 'erp.changes' },
      { id: 'stream', kind: 'kafka', url: 'kafka://127.0.0.1:9', topics: ['erp'], state: 'paused' },
    ],
  })
  await keepRefused(sql, [
    {
      tenantId: 'sandbox',
      connectionId: 'erp',
      queueId: 'changes',
      place: 'erp.changes #17',
      object: 'BD_Nobody',
      dataId: 'N-1',
      traceId: 'trace-of-the-queue',
      why: {
        refused: true,
        code: 's306240004',
        reason: 'object',
        values: { value: 'BD_Nobody', path: 'objectApiName' },
      },
      body: Buffer.from('{"objectApiName":"BD_Nobody","dataId":"N-1","operation":"update"}'),
    },
  ])
  await until('the queue says that it is not connected', async () => {
    const { items } = await api<{ items: { state: string; fault: string | null }[] }>('GET', 'queues')
    return items.some((one) => one.state === 'reconnecting' && one.fault !== null)
  })
}

/** `sql`: the owner's, for the one thing that only time or a restore can make: a gap in the ledger. */
export const live = async (url: string, secrets: SandboxFile, sql: Sql, ear: Ear): Promise<Lived> => {
  const api = await signedInTo(url, secrets.console)
  await using sandbox = sandboxClient(url, secrets)
  const { erp, crm } = sandbox
  const record = async (keyword: string) =>
    (
      await api<{ items: { link: number; state: string; right: { id: string | null } }[] }>(
        'GET',
        `records?keyword=${keyword}`,
      )
    ).items[0]

  // what the ERP holds, read by polling
  const ids: string[] = []
  for (const [number, name] of [
    ['M-1', 'Oak board'],
    ['M-2', 'Beech board'],
    ['M-3', 'Walnut board'],
    ['M-4', 'Ash board'],
  ] as const)
    ids.push((await erp.create('BD_Material', { number, name, unit: 'm', price: '12.50' })).id as string)
  const material = await api<Record<string, unknown>>('GET', 'connections/erp/objects/BD_Material')
  await api('PUT', 'connections/erp/objects/BD_Material', {
    ...material,
    poll: {
      every: '6m',
      hours: { from: '00:00', to: '24:00' },
      days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
    },
  })
  await until('the object is polled', async () => {
    const { items } = await api<{ items: { lastRun: string | null }[] }>('GET', 'polls')
    return items.some((one) => one.lastRun !== null)
  })
  const day = 86_400_000
  await api('POST', 'backfills', {
    connection: 'erp',
    object: 'BD_Material',
    ranges: [{ from: new Date(Date.now() - day).toISOString(), to: new Date().toISOString() }],
  })
  await until('the materials are in the CRM', async () => (await crm.records('ProductObj')).length === ids.length)
  await until('nothing of them is under way', async () => {
    const { items } = await api<{ items: { state: string }[] }>('GET', 'records?object=erp/BD_Material')
    return items.length === ids.length && items.every((one) => one.state === 'succeeded')
  })
  await ledgerWithGap(sql, 'erp', 'BD_Material')

  // two differ, one is gone at its source
  const [first, second] = await crm.records('ProductObj')
  await crm.update('ProductObj', first?.id as string, { price: '99.00' })
  await crm.update('ProductObj', second?.id as string, { name: 'Somebody’s own name', unit: 'pcs' })
  const { id: comparison } = await api<{ id: string }>('POST', 'comparisons', { pair: 'material' })
  await until('the comparison is over', async () => {
    const { state, found } = await api<{ state: string; found: { different: number } }>(
      'GET',
      `comparisons/${comparison}`,
    )
    if (state === 'success' && found.different !== 2) throw new Error(`${found.different} records differ, not 2`)
    return state === 'success'
  })
  const pushed = await fetch(`${url}/erp/syncdata/open/objdata/syncpush`, {
    method: 'POST',
    headers: { token: secrets.token, tenantId: 'sandbox', objectApiName: 'BD_Material', id: 'M-GONE' },
    body: JSON.stringify({ objAPIName: 'BD_Material', masterFieldVal: { number: 'M-9', name: 'Gone board' } }),
  })
  if (!/s106240000/.test(await pushed.text())) throw new Error('the material was not taken')
  const { id: sweep } = await api<{ id: string }>('POST', 'deletion-sweeps', {
    connection: 'erp',
    object: 'BD_Material',
  })

  // a batch whose second row is wrong, and a sender that does not take its callback at first
  const clients = await api<{ items: Record<string, unknown>[] }>('GET', 'batch-clients')
  const client = clients.items.find((one) => one.id === secrets.clientId)
  await api('PUT', `batch-clients/${secrets.clientId}`, { ...client, origins: [ear.url] })
  const { data } = (await (
    await fetch(`${url}/common/unAuth/tokens/generate`, {
      method: 'POST',
      body: JSON.stringify({ client_id: secrets.clientId, client_secret: secrets.clientSecret }),
    })
  ).json()) as { data?: { access_token?: string } } & { access_token?: string }
  const token = data?.access_token
  ear.status = 503
  const sent = await fetch(`${url}/common/positions/batch?access_token=${token}`, {
    method: 'POST',
    headers: { locale: 'en_US' },
    body: JSON.stringify({
      bizId: 'spring-2026',
      timestamp: 1_586_825_055_000,
      url: `${ear.url}/told`,
      data: [
        { code: 'P1', branch_code: 'D001', position_name: 'Joiner', enabled_flag: 'Y' },
        { code: 'P2', branch_code: 'D999', position_name: 'Carpenter', enabled_flag: 'Y' },
        { code: 'P3', parent_code: 'P404', branch_code: 'D001', position_name: 'Turner', enabled_flag: 'Y' },
      ],
    }),
  })
  if (!sent.ok) throw new Error(`batch: ${sent.status} ${await sent.text()}`)
  const batch = await until('the callback was tried', async () => {
    const { items } = await api<{ items: { batch: number; callback: { attempts: number } | null }[] }>('GET', 'batches')
    return (items[0]?.callback?.attempts ?? 0) > 0 && items[0]?.batch
  })
  ear.status = 200

  // a function, a second version of it, and a push that it cannot take
  await api('PUT', `functions/${functionName}`, { code: code.replace('.plus(one.tax)', ''), examples: [] })
  await api('PUT', `functions/${functionName}`, { code, examples })
  await api('PUT', 'connections/erp/objects/ShopOrder', {
    name: 'Shop order',
    fields: { id: 'text', number: 'text', name: 'text', price: 'decimal' },
    receive: { function: functionName },
  })
  await until('the push is taken', async () => {
    const answer = await fetch(`${url}/erp/syncdata/open/objdata/syncpush`, {
      method: 'POST',
      headers: { token: secrets.token, tenantId: 'sandbox', objectApiName: 'ShopOrder' },
      body: '{"wrong":true}',
    })
    return /s106240000/.test(await answer.text())
  })

  // both sides change one customer
  const pair = await api<Record<string, unknown>>('GET', 'pairs/customer')
  await api('PUT', 'pairs/customer', { ...pair, conflict: 'ask' })
  const customer = (await erp.create('BD_Customer', { number: 'C-1', name: 'Acme', grade: 'A' })).id as string
  const push = (name: string) =>
    fetch(`${url}/erp/syncdata/open/objdata/syncpush`, {
      method: 'POST',
      headers: { token: secrets.token, tenantId: 'sandbox', objectApiName: 'BD_Customer', id: customer },
      body: JSON.stringify({
        objAPIName: 'BD_Customer',
        masterFieldVal: { id: customer, number: 'C-1', name, grade: 'A' },
      }),
    })
  await push('Acme')
  const account = await until('the account is there', async () => (await crm.bySource('AccountObj', customer))[0])
  await until('both agree', async () => (await record(customer))?.state === 'succeeded')
  await crm.faults([{ kind: 'retryAfter', call: 'update', where: { name: 'Acme Left Ltd' } }])
  await push('Acme Left Ltd')
  await until('our update is held off', async () => (await crm.faultHits()).some((hit) => hit.hits > 0))
  await crm.update('AccountObj', account.id, { name: 'Acme Right Ltd' })
  const conflict = await until('the conflict is shown', async () => {
    const { conflicts } = await api<{ conflicts: { link: number }[] }>('GET', 'conflicts')
    return conflicts[0]?.link
  })
  await crm.faults([])

  const outgoing = await sendBatches(api, url, secrets)
  await listen(api, sql)

  // who is told
  await api('PUT', 'alerts/settings', {
    locale: 'en_US',
    channels: [{ name: 'hook', kind: 'webhook', url: `${ear.url}/alerts`, secret: 'whsec_dGVzdA==' }],
    quiet: [{ from: '22:00', to: '06:00' }],
    rules: { parked: { records: 20, level: 'critical' } },
  })
  return { api, batch: batch as number, comparison, sweep, conflict: conflict as number, ids, outgoing }
}
