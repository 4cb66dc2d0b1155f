/** A world of its own for tests of the whole road: a fresh database, a sandbox process as the witness, and Mortise in this process. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sandboxClient } from '../../sandbox/client.ts'
import { start } from '../../server/main.ts'
import { freshDatabase } from '../../server/store/fresh.ts'

export interface SandboxFile {
  url: string
  tenantId: string
  token: string
  erpToken: string
  crmToken: string
}

export interface PushOptions {
  object?: string
  headers?: Record<string, string>
  details?: Record<string, unknown>
}

export interface PushAnswer {
  status: number
  errCode: string
  errMsg: string
  traceMsg: string
}

export const freshWorld = async () => {
  const db = await freshDatabase()
  const data = await mkdtemp(join(tmpdir(), 'mortise-world-'))
  const settings = { port: 0, host: '127.0.0.1', data, databaseUrl: db.url, sandbox: true, config: null }
  let running = await start(settings, () => {})
  const read = async (): Promise<SandboxFile> =>
    JSON.parse(await readFile(join(data, 'sandbox.json'), 'utf8')) as SandboxFile
  let file = await read()
  let client = sandboxClient(file.url, { erpToken: file.erpToken, crmToken: file.crmToken })

  const post = async (headers: Record<string, string>, body: string): Promise<PushAnswer> => {
    const answer = await fetch(`${file.url}/erp/syncdata/open/objdata/syncpush`, {
      method: 'POST',
      // a connection that stays open is waited for by the stop
      headers: { connection: 'close', token: file.token, tenantId: file.tenantId, version: 'v1', ...headers },
      body,
    })
    return { status: answer.status, ...((await answer.json()) as Omit<PushAnswer, 'status'>) }
  }

  return {
    db,
    data,
    sql: db.sql,
    get erp() {
      return client.erp
    },
    get crm() {
      return client.crm
    },
    url: () => file.url,
    file: () => file,
    post,
    /** A push in the standard format; field values as JSON text may be given by `raw`. */
    push: (
      id: string,
      master: Record<string, unknown> | string,
      { object = 'BD_Customer', headers = {}, details }: PushOptions = {},
    ) => {
      const masterText = typeof master === 'string' ? master : JSON.stringify(master)
      const detailText = details ? `,"detailFieldVals":${JSON.stringify(details)}` : ''
      return post(
        { id, objectApiName: encodeURIComponent(object), ...headers },
        `{"objAPIName":${JSON.stringify(object)},"masterFieldVal":${masterText}${detailText}}`,
      )
    },
    voidPush: (id: string, object = 'BD_Customer') =>
      post({ id, objectApiName: encodeURIComponent(object), operationType: '3' }, ''),
    /** Nothing of the engine is under way any more. */
    atRest: () =>
      until('the engine is at rest', async () => {
        const [row] = await db.sql<{ busy: number }>`
          select (select count(*) from link where state in ('due', 'working', 'unknown'))::int4
               + (select count(*) from "fetch" where state = 'due')::int4 as busy`
        return row?.busy === 0
      }),
    restart: async () => {
      await running.stop()
      running = await start(settings, () => {})
      file = await read()
      await client.close()
      client = sandboxClient(file.url, { erpToken: file.erpToken, crmToken: file.crmToken })
    },
    [Symbol.asyncDispose]: async () => {
      await client.close()
      await running.stop()
      await rm(data, { recursive: true, force: true })
      await db[Symbol.asyncDispose]()
    },
  }
}

/** Waits for a condition, not for a time. */
export const until = async <T>(
  what: string,
  look: () => Promise<T | null | undefined | false>,
  limit = 30_000,
): Promise<T> => {
  const end = Date.now() + limit
  for (let pause = 5; ; pause = Math.min(100, pause * 1.5)) {
    const seen = await look()
    if (seen) return seen
    if (Date.now() > end) throw new Error(`waited ${limit} ms in vain until ${what}`)
    await new Promise((done) => setTimeout(done, pause))
  }
}

export type World = Awaited<ReturnType<typeof freshWorld>>
