/** What Mortise is measured against and with, each a process of its own: a Fastify echo, bare node:http, one INSERT per request, and the target. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import pg from 'pg'
import { materialText, sourceStart, sourceStep } from './orders.ts'

export type Role = 'echo' | 'raw' | 'insert' | 'target' | 'source'

const echo = async (): Promise<number> => {
  const app = fastify({ logger: false })
  app.post('/*', async (request) => request.body)
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

/** What people write first: parse, insert, answer. Its pool is as large as serves it best here. */
const insert = async (url: string): Promise<number> => {
  const pool = new pg.Pool({ connectionString: url, max: 20 })
  await pool.query(
    'create table if not exists inbox (seq bigserial primary key, received_at timestamptz not null default now(), data_id text not null, body json not null)',
  )
  const app = fastify({ logger: false })
  app.post('/*', async (request) => {
    await pool.query({
      name: 'insert',
      text: 'insert into inbox (data_id, body) values ($1, $2)',
      values: [request.headers.id, JSON.stringify(request.body)],
    })
    return { errCode: 's106240000', errMsg: '成功' }
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

const listening = (listener: RequestListener): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer({ keepAliveTimeout: 60_000 }, listener)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })

const answer = (response: Parameters<RequestListener>[1], body: string): void => {
  response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body))])
  response.end(body)
}

const raw = (): Promise<number> =>
  listening((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      JSON.parse((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString())
      answer(response, '{"errCode":"s106240000","errMsg":"ok"}')
    })
  })

/** Answers as the guide's target does: the id of the record, and the ids of its five lines in their order. */
const target = (): Promise<number> => {
  let records = 0
  return listening((request, response) => {
    request.resume()
    request.on('end', () => {
      const id = `T${++records}`
      const details = request.headers['content-length'] && Number(request.headers['content-length']) > 400
      const rows = details ? `"OrderLine":["${id}-1","${id}-2","${id}-3","${id}-4","${id}-5"]` : ''
      answer(response, `{"code":"0","message":"success","data":{"masterDataId":"${id}","detailDataIds":{${rows}}}}`)
    })
  })
}

/** Answers `queryMasterBatch` as the guide's source does, in time order; every record is written once, so that its own cost is small. */
const source = (count: number): Promise<number> => {
  const records = Array.from({ length: count }, (_, i) => materialText(i))
  return listening((request, response) => {
    const { searchParams: asked } = new URL(request.url ?? '/', 'http://source')
    const number = (name: string): number => Number(asked.get(name))
    const first = Math.max(0, Math.ceil((number('startTime') - sourceStart) / sourceStep))
    const last = Math.min(count - 1, Math.floor((number('endTime') - sourceStart) / sourceStep))
    const from = first + number('offset')
    const page = records.slice(from, Math.max(from, Math.min(last + 1, from + number('limit'))))
    answer(response, `{"code":"0","message":"success","data":{"totalNum":${count},"dataList":[${page.join(',')}]}}`)
  })
}

if (import.meta.main) {
  const [role, url = ''] = process.argv.slice(2) as [Role, string?]
  process.on('disconnect', () => process.exit(0))
  const start: Record<Role, () => Promise<number>> = {
    echo,
    raw,
    insert: () => insert(url),
    target,
    source: () => source(Number(url)),
  }
  process.send?.({ port: await start[role]() })
}
