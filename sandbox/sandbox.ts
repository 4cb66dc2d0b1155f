/** Starts the sandbox in this process: opens its file, replays it, listens on 127.0.0.1. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { createCaller } from './caller.ts'
import { openFace } from './fxiaoke.ts'
import { sandboxServer } from './http.ts'
import { openJournal } from './journal.ts'
import { createMasterdata } from './masterdata.ts'
import type { SystemName } from './objects.ts'
import { createSide } from './side.ts'

export type SandboxOptions = {
  /** The journal. Made with its folder when it is not there. */
  file: string
  /** 0 or absent: a free one. */
  port?: number
  erpToken: string
  crmToken: string
  /** Where the CRM tells its changes; absent: what the file remembers, else nowhere. */
  hook?: string
  /** `tenantId` of the events; default `sandbox`. */
  tenantId?: string
  log?: (line: string) => void
  now?: () => number
}

export type Sandbox = { port: number; url: string; stop(): Promise<void> }

/** Another living sandbox has the file. `port` and `pid` are the other's. */
export class SandboxRunning extends Error {
  readonly port: number
  readonly pid: number
  constructor(port: number, pid: number) {
    super(`a sandbox with this file is already running at port ${port}, process ${pid}`)
    this.port = port
    this.pid = pid
  }
}

const lockOf = (file: string): string => `${file}.lock`

/** Two writers would destroy the journal. A lock whose process does not answer for this very file is a leftover. */
const otherHolder = async (file: string): Promise<{ port: number; pid: number } | null> => {
  try {
    const { port, pid } = JSON.parse(readFileSync(lockOf(file), 'utf8')) as { port: number; pid: number }
    process.kill(pid, 0)
    const answer = await fetch(`http://127.0.0.1:${port}/sandbox/healthz`, { signal: AbortSignal.timeout(2_000) })
    const health = (await answer.json()) as { pid?: number; file?: string }
    return health.pid === pid && health.file === file ? { port, pid } : null
  } catch {
    return null
  }
}

export const startSandbox = async (options: SandboxOptions): Promise<Sandbox> => {
  const file = resolve(options.file)
  const now = options.now ?? Date.now
  const log = options.log ?? (() => {})
  if (options.hook !== undefined && !URL.canParse(options.hook)) throw new Error(`hook is not an url: ${options.hook}`)
  const other = await otherHolder(file)
  if (other !== null) throw new SandboxRunning(other.port, other.pid)

  const sideFor = (system: SystemName, token: string, hook: string | null) =>
    createSide({ system, token, tenantId: options.tenantId ?? 'sandbox', hook, now, log })
  const sides = {
    erp: sideFor('erp', options.erpToken, null),
    crm: sideFor('crm', options.crmToken, options.hook ?? null),
  }
  const journal = openJournal(file, (line, place) => sides[(line.head as { s: SystemName }).s].replay(line, place))
  const startedAt = now()
  const health = () => ({ ok: true, pid: process.pid, file, startedAt })
  const face = openFace({ side: sides.crm, token: options.crmToken, now })
  const masterdata = createMasterdata({ now, log })
  let own = ''
  const caller = createCaller({ now, log, own: () => own })
  const server = sandboxServer({ sides, face, masterdata, caller, health, now, log })
  try {
    await new Promise<void>((done, failed) => {
      server.once('error', failed)
      server.listen(options.port ?? 0, '127.0.0.1', done)
    })
  } catch (error) {
    journal.close()
    throw error
  }
  const { port } = server.address() as AddressInfo
  own = `http://127.0.0.1:${port}`
  writeFileSync(lockOf(file), JSON.stringify({ pid: process.pid, port }))
  sides.erp.open(journal)
  sides.crm.open(journal)

  let stopped: Promise<void> | null = null
  const stop = async (): Promise<void> => {
    const closed = new Promise((done) => server.close(done))
    await Promise.all([sides.erp.stop(), sides.crm.stop()])
    server.closeAllConnections()
    await closed
    journal.close()
    rmSync(lockOf(file), { force: true })
  }
  return { port, url: `http://127.0.0.1:${port}`, stop: () => (stopped ??= stop()) }
}
