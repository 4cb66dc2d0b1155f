/** A sandbox of a test's own: fresh file, free port, client, restart, and a hook that records what it was told. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Details, type Fields, type SandboxClient, sandboxClient } from './client.ts'
import { type SandboxOptions, startSandbox } from './sandbox.ts'

export const tokens = { erpToken: 'erp-token', crmToken: 'crm-token' }

export type SandboxWorld = {
  file: string
  url: string
  erp: SandboxClient['erp']
  crm: SandboxClient['crm']
  logged: string[]
  /** Stops the sandbox and starts it again from its file. */
  restart(options?: Partial<SandboxOptions>): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export const freshSandbox = async (options: Partial<SandboxOptions> = {}): Promise<SandboxWorld> => {
  const folder = await mkdtemp(join(tmpdir(), 'sandbox-'))
  const file = join(folder, 'sandbox.jsonl')
  const logged: string[] = []
  const open = async (more: Partial<SandboxOptions>) => {
    const sandbox = await startSandbox({ file, ...tokens, log: (line) => logged.push(line), ...options, ...more })
    return { sandbox, client: sandboxClient(sandbox.url, tokens) }
  }
  let { sandbox, client } = await open({})
  const shut = async (): Promise<void> => {
    await client.close()
    await sandbox.stop()
  }
  return {
    file,
    logged,
    get url() {
      return sandbox.url
    },
    get erp() {
      return client.erp
    },
    get crm() {
      return client.crm
    },
    restart: async (more = {}) => {
      await shut()
      ;({ sandbox, client } = await open(more))
    },
    [Symbol.asyncDispose]: async () => {
      await shut()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Waits for a condition instead of a time; fails after five seconds, naming what it waited for. */
export const until = async <T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> => {
  for (const end = Date.now() + 5_000; Date.now() < end; ) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    await new Promise((done) => setTimeout(done, 5))
  }
  throw new Error(`waited in vain until ${what}`)
}

export type HookEvent = {
  tenantId: string
  objectApiName: string
  dataId: string
  operation: 'create' | 'update' | 'void'
  changedAt: number
  masterFieldVal?: Fields
  detailFieldVals?: Details
}
export type HookCall = { event: HookEvent; headers: IncomingHttpHeaders; path: string }

/** A receiver of events. `answer` decides each status; a promise keeps the sender waiting. */
export const freshHook = async (answer: (call: HookCall) => number | Promise<number> = () => 200) => {
  const calls: HookCall[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const event = JSON.parse(Buffer.concat(chunks).toString()) as HookEvent
      const call = { event, headers: request.headers, path: request.url ?? '' }
      calls.push(call)
      void Promise.resolve(answer(call)).then((status) => response.writeHead(status).end())
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/crm`
  return {
    url,
    calls,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}
