/** The ground a rig stands on: a folder, free ports, and real processes that end with the rig, however the rig ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { openSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { request } from 'undici'
import { type SandboxClient, sandboxClient } from '../../sandbox/client.ts'

const root = join(import.meta.dirname, '../..')

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

/** Waits for a condition; fails after `ms`, naming what it waited for. */
export const until = async <T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 60_000,
  every = 25,
): Promise<T> => {
  for (const end = performance.now() + ms; ; ) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > end) throw new Error(`waited ${Math.round(ms / 1000)} s in vain until ${what}`)
    await pause(every)
  }
}

/** Below every system's range for outgoing connections, so that nobody takes it while its owner is dead. */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = 30_000 + Math.floor(Math.random() * 2_700)
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer()
      probe.once('error', () => resolve(false))
      probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
    })
    if (free) return port
  }
}

/** The independent witness: a sandbox in a process of its own. */
export interface Witness extends SandboxClient {
  url: string
  pid: number
  tokens: { erpToken: string; crmToken: string }
}

export interface Program {
  readonly port: number
  readonly url: string
  readonly pid: number
  readonly starts: number
  /** Starts it, or starts it again on the same port, data and configuration; answers when it takes traffic. */
  start(): Promise<void>
  /** Starts it without waiting. */
  launch(): void
  ready(): Promise<void>
  /** SIGKILL; answers once the process is gone. */
  kill(): Promise<void>
  signal(name: 'SIGSTOP' | 'SIGCONT'): void
  /** SIGTERM; answers the exit code. */
  stop(): Promise<number | null>
  /** The end of what it printed. */
  said(): string
}

export interface Ground extends AsyncDisposable {
  folder: string
  /** `hook`: where the CRM tells its changes. `holds`: writes the file that it begins with. */
  witness(options?: { hook?: string; tenant?: string; holds?: (file: string) => void }): Promise<Witness>
  /** Mortise itself. `data` is its data folder inside the ground's folder; `env` replaces and adds. */
  mortise(options: {
    config: unknown
    data?: string
    databaseUrl?: string
    port?: number
    env?: Record<string, string>
    /** Another version's server/main.ts; default: this one's. */
    script?: string
  }): Promise<Program>
  /** Any other program of this repository, for controls. It must answer `GET /readyz`. */
  program(script: string, env: Record<string, string>, port?: number): Promise<Program>
}

/**
 * A shell that reads a pipe of ours: when we are gone, however we went, it ends what we had started, the database servers included, and
 * removes our folder. Each line it reads is the list of the processes that live now.
 */
const startUndertaker = (folder: string) => {
  const script = `
    live=""; while read -r line; do live="$line"; done
    for pid in $live; do kill -CONT "$pid"; kill -KILL "$pid"; done
    for lock in "$1"/*/postgres/pgdata/postmaster.pid "$1"/*/pgdata/postmaster.pid; do [ -e "$lock" ] && kill -QUIT "$(head -n 1 "$lock")"; done
    n=0; while ls "$1"/*/postgres/pgdata/postmaster.pid "$1"/*/pgdata/postmaster.pid && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done
    for place in "$1"/disk*; do [ -d "$place" ] && umount -l "$place"; done
    rm -rf "$1"`
  const shell = spawn('/bin/sh', ['-c', script, 'sh', folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  shell.on('error', () => {})
  shell.unref()
  ;(shell.stdin as unknown as { unref(): void }).unref()
  return {
    tell: (pids: readonly number[]): void => void shell.stdin.write(`${pids.join(' ')}\n`),
    end: (): Promise<void> =>
      new Promise((done) => {
        shell.once('exit', () => done())
        shell.ref()
        shell.stdin.end()
      }),
  }
}

export const openGround = async (): Promise<Ground> => {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-rig-'))
  const undertaker = startUndertaker(folder)
  const living = new Set<ChildProcess>()
  const closers: (() => Promise<unknown>)[] = []
  const secretKey = randomBytes(32).toString('base64')
  const tell = (): void => undertaker.tell([...living].flatMap((child) => (child.pid === undefined ? [] : [child.pid])))

  const follow = (child: ChildProcess): ChildProcess => {
    living.add(child)
    tell()
    child.once('exit', () => {
      living.delete(child)
      tell()
    })
    return child
  }
  const gone = (child: ChildProcess): Promise<void> =>
    child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve()
      : new Promise((done) => child.once('exit', () => done()))

  let count = 0
  const program: Ground['program'] = async (script, env, given) => {
    const port = given ?? (await freePort())
    const url = `http://127.0.0.1:${port}`
    const logFile = join(folder, `program-${++count}.log`)
    let child: ChildProcess | null = null
    let starts = 0
    const said = (): string => readFileSync(logFile, 'utf8').slice(-20_000)
    const launch = (): void => {
      const log = openSync(logFile, 'a', 0o600)
      const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MORTISE_')))
      child = follow(
        spawn(process.execPath, [resolve(root, script)], {
          cwd: root,
          stdio: ['ignore', log, log],
          env: { ...clean, ...env, MORTISE_PORT: String(port) },
        }),
      )
      starts++
    }
    const ready = async (): Promise<void> => {
      const mine = child
      await until(
        `${script} is ready\n${said()}`,
        async () => {
          if (!mine || mine.exitCode !== null || mine.signalCode !== null)
            throw new Error(`${script} ended with ${mine?.exitCode ?? mine?.signalCode}:\n${said()}`)
          const answer = await request(`${url}/readyz`, { headersTimeout: 3_000 }).catch(() => null)
          await answer?.body.dump().catch(() => {})
          return answer?.statusCode === 200
        },
        60_000,
        15,
      )
    }
    const self: Program = {
      port,
      url,
      get pid() {
        return child?.pid ?? 0
      },
      get starts() {
        return starts
      },
      launch,
      ready,
      start: async () => {
        launch()
        await ready()
      },
      kill: async () => {
        child?.kill('SIGKILL')
        if (child) await gone(child)
      },
      signal: (name) => void child?.kill(name),
      stop: async () => {
        child?.kill('SIGTERM')
        if (child) await gone(child)
        return child?.exitCode ?? null
      },
      said,
    }
    return self
  }

  return {
    folder,
    program,

    mortise: async ({ config, data, databaseUrl, port, env, script = 'server/main.ts' }) => {
      const dataFolder = join(folder, data ?? `data-${++count}`)
      const configFile = join(folder, `config-${++count}.yaml`)
      await writeFile(configFile, JSON.stringify(config, null, 1), { mode: 0o600 })
      return program(
        script,
        {
          MORTISE_DATA: dataFolder,
          MORTISE_SANDBOX: 'off',
          MORTISE_ALLOW_LOOPBACK: 'on',
          MORTISE_CONFIG: configFile,
          MORTISE_LOG: 'warn',
          MORTISE_SECRET_KEY: secretKey, // nodes on one database share it
          ...(databaseUrl && { MORTISE_DATABASE_URL: databaseUrl }),
          ...env,
        },
        port,
      )
    },

    witness: async ({ hook, tenant, holds } = {}) => {
      const tokens = { erpToken: randomBytes(12).toString('hex'), crmToken: randomBytes(12).toString('hex') }
      const file = join(folder, `witness-${++count}.jsonl`)
      holds?.(file)
      const log = openSync(`${file}.log`, 'a', 0o600)
      const args = [
        '--file',
        file,
        '--port',
        '0',
        '--erp-token',
        tokens.erpToken,
        '--crm-token',
        tokens.crmToken,
        '--with-parent',
      ]
      if (hook) args.push('--hook', hook)
      if (tenant) args.push('--tenant', tenant)
      const child = follow(
        spawn(process.execPath, [join(root, 'sandbox/main.ts'), ...args], { stdio: ['pipe', 'pipe', log] }),
      )
      const line = await new Promise<string>((done, failed) => {
        let text = ''
        child.stdout?.setEncoding('utf8').on('data', (part: string) => {
          text += part
          if (text.includes('\n')) done(text)
        })
        child.once('exit', (code) =>
          failed(new Error(`the sandbox ended with ${code}: ${readFileSync(`${file}.log`, 'utf8')}`)),
        )
      })
      const { port, pid } = JSON.parse(line) as { port: number; pid: number }
      const url = `http://127.0.0.1:${port}`
      const client = sandboxClient(url, tokens)
      closers.push(async () => {
        await client.close()
        child.kill('SIGTERM')
        await gone(child)
      })
      return { ...client, url, pid, tokens }
    },

    [Symbol.asyncDispose]: async () => {
      for (const child of living)
        if (child.spawnargs.some((arg) => !arg.endsWith('sandbox/main.ts'))) child.kill('SIGCONT')
      await Promise.all(closers.map((close) => close().catch(() => {})))
      for (const child of living) child.kill('SIGKILL')
      await Promise.all([...living].map(gone))
      await undertaker.end()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Where the embedded database of a data folder listens right now, and who it is; null while there is none. */
export const databaseOf = async (dataFolder: string): Promise<{ url: string; pid: number } | null> => {
  try {
    const card = JSON.parse(await readFile(join(dataFolder, 'postgres/embedded.json'), 'utf8')) as {
      port: number
      password: string
    }
    const [pid] = (await readFile(join(dataFolder, 'postgres/pgdata/postmaster.pid'), 'utf8')).split('\n')
    return { url: `postgresql://mortise:${card.password}@127.0.0.1:${card.port}/mortise`, pid: Number(pid) }
  } catch {
    return null
  }
}
