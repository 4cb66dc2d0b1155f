/**
 * The negative control: what one writes in an afternoon. It acknowledges what it holds in memory, forwards with retries until something
 * answers, and keeps its id map in memory. The rigs run it in place of Mortise and must catch it losing, doubling and mixing up records.
 */
import { createServer, type IncomingMessage } from 'node:http'
import { Pool } from 'undici'

interface Naive {
  /** Target systems by name: `{crm: {url, token}}`. */
  targets: Record<string, { url: string; token: string }>
  /** Source object → where it goes: `{BD_Customer: {target: 'crm', object: 'AccountObj', fields: {number: 'account_no'}}}`. */
  routes: Record<
    string,
    {
      target: string
      object: string
      idField: string
      fields: Record<string, string>
      details?: Record<string, string>
    }
  >
  /** Calls at the same time, all targets together. */
  slots: number
  timeout: number
  /** Strictly one after the other, a failure is repeated until it passes. */
  serial?: boolean
}

interface Job {
  object: string
  id: string
  voided: boolean
  master: Record<string, unknown>
  details: Record<string, Record<string, unknown>[]>
}

const config = JSON.parse(process.env.NAIVE as string) as Naive
const pools = new Map(
  Object.entries(config.targets).map(([name, { url }]) => [name, new Pool(url, { connections: 256 })]),
)
const ids = new Map<string, string>()
const queue: Job[] = []
let running = 0

const post = async (
  target: string,
  call: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<{ code: string; id: string | null }> => {
  const answer = await (pools.get(target) as Pool).request({
    method: 'POST',
    path: `/sandbox/${target}/${call}`,
    headers: { 'content-type': 'application/json', token: config.targets[target]?.token ?? '', ...headers },
    body: JSON.stringify(body),
    headersTimeout: config.timeout,
    bodyTimeout: config.timeout,
  })
  const said = JSON.parse(await answer.body.text()) as { code?: unknown; data?: { masterDataId?: string } | null }
  if (answer.statusCode !== 200) throw new Error(String(answer.statusCode))
  return { code: String(said.code), id: said.data?.masterDataId ?? null }
}

const forward = async (job: Job): Promise<void> => {
  const route = config.routes[job.object]
  if (!route) return
  const master: Record<string, unknown> = { sourceId: job.id }
  for (const [from, to] of Object.entries(route.fields))
    if (job.master[from] !== undefined) master[to] = job.master[from]
  const details: Record<string, unknown> = {}
  for (const [from, to] of Object.entries(route.details ?? {})) if (job.details[from]) details[to] = job.details[from]
  const known = ids.get(`${job.object}/${job.id}`)
  if (known === undefined) {
    if (job.voided) return
    const { code, id } = await post(
      route.target,
      'create',
      { objAPIName: route.object, masterFieldVal: master, detailFieldVals: details },
      {},
    )
    if (code !== '0' || id === null) throw new Error(code)
    ids.set(`${job.object}/${job.id}`, id)
    return
  }
  const call = job.voided ? 'invalid' : 'update'
  const body = {
    objAPIName: route.object,
    masterFieldVal: job.voided ? {} : { ...master, [route.idField]: known },
    ...(job.voided ? {} : { detailFieldVals: details }),
  }
  const { code } = await post(route.target, call, body, { id: known, ...(job.voided && { operationType: '3' }) })
  if (code !== '0') throw new Error(code)
}

const insist = async (job: Job): Promise<void> => {
  for (;;) {
    try {
      return await forward(job)
    } catch {
      await new Promise((done) => setTimeout(done, 50))
    }
  }
}

const work = (): void => {
  while (queue.length && running < (config.serial ? 1 : config.slots)) {
    const job = queue.shift() as Job
    running++
    void insist(job).finally(() => {
      running--
      work()
    })
  }
}

const bodyOf = async (req: IncomingMessage): Promise<Record<string, unknown>> => {
  const parts: Buffer[] = []
  for await (const part of req) parts.push(part as Buffer)
  return JSON.parse(Buffer.concat(parts).toString() || '{}') as Record<string, unknown>
}

const utf8 = (header: string | string[] | undefined): string =>
  Buffer.from(String(header ?? ''), 'latin1').toString('utf8')

createServer((req, res) => {
  if (req.url === '/readyz') return res.writeHead(200).end()
  bodyOf(req).then(
    (body) => {
      const event = req.url?.startsWith('/hooks/')
      queue.push({
        object: event ? String(body.objectApiName) : utf8(req.headers.objectapiname),
        id: event ? String(body.dataId) : utf8(req.headers.id),
        voided: event ? body.operation === 'void' : req.headers.operationtype === '3',
        master: (body.masterFieldVal ?? {}) as Job['master'],
        details: (body.detailFieldVals ?? {}) as Job['details'],
      })
      res.writeHead(200, { 'content-type': 'application/json' }).end('{"errCode":"s106240000","errMsg":"成功"}')
      work()
    },
    () => res.writeHead(400).end(),
  )
}).listen(Number(process.env.MORTISE_PORT), '127.0.0.1')
