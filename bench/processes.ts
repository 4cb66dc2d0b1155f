/** The processes of a run: started, asked for their CPU and memory by way of /proc, and ended by their own id. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Job, Report } from './load.ts'
import type { Role } from './servers.ts'

const root = join(import.meta.dirname, '..')
const living = new Set<ChildProcess>()

const keep = (child: ChildProcess): ChildProcess => {
  living.add(child)
  child.once('exit', () => living.delete(child))
  return child
}

/** SIGTERM, and SIGKILL where that is not heard. */
export const end = (child: ChildProcess, patience = 20_000): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    const timer = setTimeout(() => child.kill('SIGKILL'), patience)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGCONT')
    child.kill('SIGTERM')
  })

export const endAll = async (): Promise<void> => void (await Promise.all([...living].map((child) => end(child))))

const told = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    const gone = (code: number | null): void => reject(new Error(`a process of the bench ended with ${code}`))
    child.once('exit', gone)
    child.once('message', (message) => {
      child.off('exit', gone)
      resolve(message as T)
    })
  })

export interface Server {
  child: ChildProcess
  port: number
}

export const startServer = async (role: Role, url = ''): Promise<Server> => {
  const child = keep(fork(join(root, 'bench/servers.ts'), [role, url], { cwd: root }))
  return { child, port: (await told<{ port: number }>(child)).port }
}

export interface Generator {
  run(job: Job): Promise<Report>
}

export const startGenerator = (): Generator => {
  const child = keep(fork(join(root, 'bench/load.ts'), [], { cwd: root, serialization: 'advanced' }))
  return {
    run: async (job) => {
      child.send(job)
      const { report, error } = await told<{ report?: Report; error?: string }>(child)
      if (!report) throw new Error(`the load generator: ${error}`)
      if (report.failed) throw new Error(`${report.failed} of ${report.sent} requests were refused: ${report.trouble}`)
      return report
    },
  }
}

/** A program of ours that says its result as one message. */
export const ask = async <T>(file: string, args: string[]): Promise<T> => {
  const child = keep(fork(join(root, 'bench', file), args, { cwd: root }))
  const answer = await told<T>(child)
  await end(child)
  return answer
}

export interface MortiseProcess {
  child: ChildProcess
  url: string
  port: number
  /** From spawn to the line that says it is ready. */
  readyMs: number
}

/** `node server/main.ts`. `MORTISE_BENCH_NODE` adds options for Node (`--cpu-prof --cpu-prof-dir=…`). */
export const startMortise = (env: Record<string, string>): Promise<MortiseProcess> =>
  new Promise((resolve, reject) => {
    const began = performance.now()
    const options = (process.env.MORTISE_BENCH_NODE ?? '').split(' ').filter(Boolean)
    const child = keep(
      spawn(process.execPath, [...options, 'server/main.ts'], {
        cwd: root,
        env: { ...process.env, MORTISE_PORT: '0', MORTISE_SANDBOX: 'off', MORTISE_ALLOW_LOOPBACK: 'on', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
    let said = ''
    const hear = (text: string): void => {
      said = `${said}${text}`.slice(-20_000)
      const url = /is ready: (http:\/\/\S+)/.exec(said)?.[1]
      if (url) resolve({ child, url, port: Number(new URL(url).port), readyMs: performance.now() - began })
    }
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', hear)
    child.once('exit', (code) => reject(new Error(`Mortise ended with ${code}:\n${said}`)))
  })

// ── /proc ──

const ticksPerSecond = 100 // USER_HZ, the same on every Linux that Node runs on

interface Stat {
  parent: number
  /** Seconds of CPU: its own, and of children that ended. */
  own: number
  ended: number
}

const statOf = (pid: number | string): Stat | null => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const rest = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const at = (i: number): number => Number(rest[i])
    return { parent: at(1), own: (at(11) + at(12)) / ticksPerSecond, ended: (at(13) + at(14)) / ticksPerSecond }
  } catch {
    return null
  }
}

export const hasProc = process.platform === 'linux'

const childrenOf = (pid: number): string[] =>
  readdirSync('/proc').filter((name) => /^\d+$/.test(name) && statOf(name)?.parent === pid)

/** Seconds of CPU of a process; `family`: with its children, the ended ones too (PostgreSQL and all its backends). */
export const cpuOf = (pid: number, family: boolean): number => {
  const stat = statOf(pid)
  if (!stat) return 0
  if (!family) return stat.own
  return stat.own + stat.ended + childrenOf(pid).reduce((sum, child) => sum + (statOf(child)?.own ?? 0), 0)
}

export interface Memory {
  rss: number
  pss: number
}

/** Bytes. PSS counts shared pages once over all who share them: for PostgreSQL the only honest sum. */
export const memoryOf = (pid: number, family: boolean): Memory => {
  const of = (one: number | string): Memory => {
    try {
      const text = readFileSync(`/proc/${one}/smaps_rollup`, 'latin1')
      const field = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1024
      return { rss: field('Rss'), pss: field('Pss') }
    } catch {
      return { rss: 0, pss: 0 }
    }
  }
  const all = [pid, ...(family ? childrenOf(pid) : [])].map(of)
  return { rss: all.reduce((sum, m) => sum + m.rss, 0), pss: all.reduce((sum, m) => sum + m.pss, 0) }
}
