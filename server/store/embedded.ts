/** Runs the real PostgreSQL that came with npm as a server of our own: starts it, finds it again after our own crash, keeps it up, stops it. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import {
  chmod,
  chown,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import {
  type Account,
  type Binaries,
  EmbeddedRefused,
  embeddedBinaries,
  openToOthers,
  serverAccount,
} from './binaries.ts'

export { EmbeddedRefused } from './binaries.ts'

export type Log = Record<'info' | 'warn' | 'error', (sentence: string) => void>

export interface EmbeddedOptions {
  /** Another PostgreSQL's programs (tests run against Debian's); default: those from npm. */
  binaries?: Binaries
  /** Server settings that replace ours. */
  settings?: Record<string, string>
  /** Hears that PostgreSQL went away without being asked to. It is being restarted on the same address: pools reconnect by themselves. */
  onExit?: (sentence: string) => void
}

export interface EmbeddedPostgres {
  /** As the owner, database `mortise`. Holds a password: not for logs. */
  url: string
  /** Of the postmaster. */
  readonly pid: number
  /** Whether it was already running when we came. */
  adopted: boolean
  /** Fast shutdown; leaves the server to another Mortise process that is using the same folder. */
  stop(): Promise<void>
}

/** `<dir>/embedded.json`. The id stands in the server's command line, so that a process can be told to be this folder's. */
interface Card {
  id: string
  port: number
  password: string
}

const OWNER = 'mortise'
const DATABASE = 'mortise'
const KEEPERS = 7_070_002 // advisory lock, shared by every process that uses this server
const LOG_LIMIT = 16 << 20

/** Modest memory, full durability, vacuum that keeps up with rows that change many times a minute. */
const serverSettings = (major: number): Record<string, string> => ({
  shared_buffers: '64MB',
  effective_cache_size: '512MB',
  work_mem: '8MB',
  maintenance_work_mem: '64MB',
  max_connections: '100',
  max_wal_size: '1GB',
  min_wal_size: '80MB',
  checkpoint_timeout: '15min',
  random_page_cost: '1.1',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  jit: 'off',
  max_parallel_workers_per_gather: '0', // needs no /dev/shm, which containers keep small
  max_logical_replication_workers: '0',
  autovacuum_naptime: '30s', // each visit is a process: 15 s cost 0.15 % of a core at rest
  autovacuum_vacuum_scale_factor: '0.05',
  autovacuum_analyze_scale_factor: '0.05',
  autovacuum_vacuum_cost_limit: '1000',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_error_verbosity: 'terse', // an error's DETAIL quotes the row: other people's data, and secrets
  ...(major >= 18 ? { io_method: 'sync' } : {}), // three I/O workers less: their memory buys nothing at this size
})

const errorCode = (error: unknown) => (error as NodeJS.ErrnoException).code

const readCard = async (dir: string): Promise<Card | null> => {
  const text = await readFile(join(dir, 'embedded.json'), 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  })
  return text === null ? null : (JSON.parse(text) as Card)
}

/** Durable before it counts. Without `replace` the first of two processes wins and the other takes what the first wrote. */
const writeCard = async (dir: string, card: Card, replace: boolean): Promise<Card> => {
  const draft = join(dir, `embedded.json.${process.pid}`)
  const file = await open(draft, 'w', 0o600)
  await file.writeFile(`${JSON.stringify(card)}\n`)
  await file.sync()
  await file.close()
  const final = join(dir, 'embedded.json')
  if (replace) {
    await rename(draft, final)
    return card
  }
  try {
    await link(draft, final)
    return card
  } catch (error) {
    const there = errorCode(error) === 'EEXIST' ? await readCard(dir) : null
    if (!there) throw error
    return there
  } finally {
    await rm(draft, { force: true })
  }
}

const canListen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  })

/** Below every system's range for outgoing connections: a port that we shall find free again at the next start. */
const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < 100; tries++) {
    const port = 15_000 + Math.floor(Math.random() * 15_000)
    if (await canListen(port)) return port
  }
  throw new EmbeddedRefused('No free port on 127.0.0.1 between 15000 and 30000 for the embedded PostgreSQL.')
}

/** The lines of postmaster.pid that matter here: 1 pid, 4 port, 8 status. */
const readPidFile = async (pgdata: string) => {
  const text = await readFile(join(pgdata, 'postmaster.pid'), 'utf8').catch(() => '')
  const lines = text.split('\n').map((line) => line.trim())
  const pid = Number(lines[0])
  return pid > 0 ? { pid, port: Number(lines[3] ?? 0), status: lines[7] ?? '' } : null
}

/** A pid alone proves nothing: after a container restarts the same number is somebody else, and a dead child may stay as a zombie. */
const isOurs = async (pid: number, id: string): Promise<boolean> => {
  if (process.platform === 'linux') {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return commandLine.includes(clusterName(id))
  }
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

const clusterName = (id: string) => `mortise-${id}`

const tail = async (path: string, from: number): Promise<string> => {
  const file = await open(path, 'r').catch(() => null)
  if (!file) return ''
  const { size } = await file.stat()
  const start = Math.max(from > size ? 0 : from, size - 4096)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start)
  await file.close()
  return buffer.toString('utf8', 0, bytesRead).trim()
}

const reason = (output: string, dir: string): string => {
  if (/No space left on device|Disk quota exceeded/.test(output)) {
    return `The disk that holds ${dir} is full. Nothing that was acknowledged is lost; free some space.`
  }
  const lines = output.split('\n').filter((line) => /(FATAL|PANIC|ERROR|error|could not)/.test(line))
  return (lines.length > 0 ? lines : output.split('\n')).slice(-3).join(' / ').slice(0, 600)
}

type Keeper = pg.Client & { ref(): void; unref(): void } // the driver has them, its types do not

interface Place {
  dir: string
  pgdata: string
  logFile: string
  binaries: Binaries
  account: Account | null
  /** What the server calls `dir`: its own path, or an inherited handle where its user cannot walk there (a home closed to others). */
  seen: string
}

/**
 * Runs a program as the server's user. Detached, so that Ctrl-C in our terminal (SIGINT, which means "shut down" to PostgreSQL)
 * and our own death do not reach it; its output goes to a file, since a pipe would die with us.
 */
const run = (place: Place, program: string, args: string[], output: number) => {
  const { account, binaries, dir, seen } = place
  const handle = seen === dir ? null : openSync(dir, 'r')
  const child = spawn(join(binaries.bin, program), args, {
    cwd: '/',
    detached: true,
    env: {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      LC_ALL: 'C',
      TZ: 'UTC',
      ...(process.platform === 'win32' ? process.env : {}),
    },
    stdio: ['ignore', output, output, ...(handle === null ? [] : [handle])],
    ...account,
  })
  if (handle !== null) closeSync(handle)
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`${program} could not be run: ${error.message}`))
    child.once('exit', (code, signal) =>
      resolve(signal ? `${program} was ended by ${signal}` : `${program} ended with code ${code}`),
    )
  })
  return { pid: child.pid ?? 0, exited, unref: () => child.unref() }
}

const removeDrafts = async (dir: string) => {
  for (const name of await readdir(dir)) {
    const pid = Number(/^pgdata\.new-(\d+)$/.exec(name)?.[1] ?? 0)
    if (pid === 0) continue
    try {
      if (pid !== process.pid) process.kill(pid, 0)
    } catch {
      await rm(join(dir, name), { recursive: true, force: true })
    }
  }
}

/** Into a folder of another name, renamed when complete: a kill in the middle leaves no half database. */
const initialise = async (place: Place, card: Card): Promise<void> => {
  const { account, binaries, dir, pgdata, seen } = place
  await removeDrafts(dir)
  const draft = `pgdata.new-${process.pid}`
  const secret = join(dir, `${draft}.secret`)
  const outputPath = join(dir, `${draft}.log`)
  await rm(join(dir, draft), { recursive: true, force: true })
  await writeFile(secret, card.password, { mode: 0o600 })
  if (account) await chown(secret, account.uid, account.gid)
  const output = openSync(outputPath, 'w', 0o600)
  try {
    // C.UTF-8 by PostgreSQL's own hand (17+): sorts by code point on every machine, whatever its libc says, also after an upgrade
    const locale =
      binaries.major >= 17
        ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
        : ['--locale=C.UTF-8']
    const { exited } = run(
      place,
      'initdb',
      [
        '-D',
        `${seen}/${draft}`,
        '-U',
        OWNER,
        `--pwfile=${seen}/${draft}.secret`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        ...locale,
        '--no-instructions',
      ],
      output,
    )
    const ending = await exited
    if (!ending.endsWith('code 0'))
      throw new EmbeddedRefused(
        `PostgreSQL could not make its data folder: ${reason(await tail(outputPath, 0), dir) || ending}`,
      )
    await rename(join(dir, draft), pgdata).catch((error: unknown) => {
      if (!['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw error // another process was first
    })
  } finally {
    closeSync(output)
    await Promise.all(
      [draft, `${draft}.secret`, `${draft}.log`].map((name) => rm(join(dir, name), { recursive: true, force: true })),
    )
  }
}

const prepare = async (wanted: string, options: EmbeddedOptions): Promise<Place> => {
  await mkdir(dirname(wanted), { recursive: true })
  await mkdir(wanted, { recursive: true, mode: 0o700 })
  const dir = await realpath(wanted)
  const pgdata = join(dir, 'pgdata')
  const existing = await stat(pgdata).catch(() => null)
  let account = await serverAccount()
  // a folder keeps its user, also when a better one appears on the machine later
  if (account && existing && existing.uid !== 0) account = { uid: existing.uid, gid: existing.gid }
  const { uid } = await stat(dir)
  if (!account && process.getuid && uid !== process.getuid()) {
    throw new EmbeddedRefused(
      `${dir} belongs to user ${uid}: start Mortise as that user or as root, or choose another MORTISE_DATA.`,
    )
  }
  if (account) await chown(dir, account.uid, account.gid)
  await chmod(dir, 0o700)
  const reachable = !account || (await openToOthers(dirname(dir)))
  if (!reachable && process.platform !== 'linux') {
    throw new EmbeddedRefused(
      `${dir} lies in a folder closed to other users, and PostgreSQL does not run as root. Choose another MORTISE_DATA.`,
    )
  }
  const binaries = options.binaries ?? (await embeddedBinaries(account, dir))
  const major = existing ? Number.parseInt(await readFile(join(pgdata, 'PG_VERSION'), 'utf8'), 10) : binaries.major
  if (major !== binaries.major) {
    throw new EmbeddedRefused(
      `${dir} was made by PostgreSQL ${major}, this Mortise brings PostgreSQL ${binaries.major}. Start the version of Mortise that made it, or set MORTISE_DATABASE_URL to a PostgreSQL ${major} that holds its data.`,
    )
  }
  return {
    dir,
    pgdata,
    logFile: join(dir, 'postgres.log'),
    binaries,
    account,
    seen: reachable ? dir : '/proc/self/fd/3',
  }
}

/** A port that somebody else took since the last start is given up for a new one. */
const cardFor = async (place: Place, initialised: boolean): Promise<Card> => {
  const card = await readCard(place.dir)
  if (card) return card
  if (initialised)
    throw new EmbeddedRefused(
      `${join(place.dir, 'embedded.json')} is missing: it holds the password of the database beside it. Restore it from a backup.`,
    )
  return writeCard(
    place.dir,
    { id: randomBytes(6).toString('hex'), port: await freePort(), password: randomBytes(24).toString('base64url') },
    false,
  )
}

// TCP on loopback, not a Unix socket: 7 % slower for a one-row statement, but 10-30 % faster and half the CPU for a bulk of 128 kB
const urlOf = (card: Card, database: string): string =>
  `postgresql://${OWNER}:${card.password}@127.0.0.1:${card.port}/${database}`

/**
 * Starts, or finds running, the PostgreSQL of folder `dir` (made when absent) and answers when it takes statements. Throws
 * EmbeddedRefused with a sentence for the operator. Afterwards it is kept up until `stop`: when it goes away it is started again.
 */
export const startEmbedded = async (
  dir: string,
  log: Log,
  options: EmbeddedOptions = {},
): Promise<EmbeddedPostgres> => {
  const place = await prepare(dir, options)
  const { logFile, pgdata } = place
  const initialised = (await stat(pgdata).catch(() => null)) !== null
  let card = await cardFor(place, initialised)
  if (!initialised) await initialise(place, card)
  const handle = openSync(logFile, 'a', 0o600) // open before the disk can be full
  let pid = 0
  let ownExit: Promise<string> | null = null
  let stopping = false
  let reviving: Promise<void> = Promise.resolve()

  const launch = async (mayMove: boolean): Promise<void> => {
    if (!(await canListen(card.port))) {
      if (!mayMove) throw new Error(`port ${card.port} is taken`)
      card = await writeCard(place.dir, { ...card, port: await freePort() }, true)
    }
    const settings = {
      ...serverSettings(place.binaries.major),
      ...options.settings,
      listen_addresses: '127.0.0.1',
      port: String(card.port),
      unix_socket_directories: '',
      cluster_name: clusterName(card.id),
    }
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const { size } = await stat(logFile)
    const child = run(place, 'postgres', ['-D', `${place.seen}/pgdata`, ...args], handle)
    child.unref()
    let ended: string | null = null
    void child.exited.then((how) => (ended = how))
    for (;;) {
      const state = await readPidFile(pgdata)
      if (state?.pid === child.pid && state.status === 'ready') break
      if (ended !== null) {
        const output = await tail(logFile, size)
        throw Object.assign(new EmbeddedRefused(`PostgreSQL did not start: ${reason(output, place.dir) || ended}`), {
          lostRace: /lock file "postmaster.pid" already exists|pre-existing shared memory block/.test(output),
        })
      }
      await wait(10)
    }
    pid = child.pid
    ownExit = child.exited
  }

  /** Waits for a server that is starting or recovering, as long as it lives: recovery takes what it takes. */
  const findRunning = async (): Promise<boolean> => {
    const began = Date.now()
    let told = false
    for (;;) {
      const state = await readPidFile(pgdata)
      if (!state || !(await isOurs(state.pid, card.id))) return false
      if (state.status === 'ready') {
        if (state.port !== card.port) card = { ...card, port: state.port }
        pid = state.pid
        ownExit = null
        return true
      }
      if (!told && Date.now() - began > 5_000) {
        told = true
        log.info('PostgreSQL is starting or shutting down; waiting for it.')
      }
      await wait(25)
    }
  }

  /** A stale lock file names a pid that is now somebody else of the same user: PostgreSQL would refuse. Only Linux can tell for sure. */
  const clearStale = async () => {
    const state = await readPidFile(pgdata)
    if (state && process.platform === 'linux' && !(await isOurs(state.pid, card.id)))
      await rm(join(pgdata, 'postmaster.pid'), { force: true })
  }

  const startOrFind = async (mayMove: boolean): Promise<boolean> => {
    for (let tries = 0; ; tries++) {
      if (await findRunning()) return true
      if (tries === 0) await clearStale()
      try {
        await launch(mayMove)
        return false
      } catch (error) {
        // another process was faster, or the processes of a killed server have not all noticed yet
        if (!(error as { lostRace?: boolean }).lostRace || tries === 40) throw error
        await wait(100)
      }
    }
  }

  /** A connection of our own: tells at once when the server goes, and its lock says that somebody is using it. */
  const keeperOf = async (onGone: () => void): Promise<Keeper> => {
    const connectionString = urlOf(card, 'postgres')
    const keeper = new pg.Client({ connectionString, application_name: 'mortise keeper', keepAlive: true }) as Keeper
    keeper.on('error', () => {})
    await keeper.connect()
    await keeper.query('set idle_session_timeout = 0')
    await keeper.query('select pg_advisory_lock_shared($1)', [KEEPERS])
    keeper.on('end', onGone)
    return keeper
  }

  const connect = async (): Promise<Keeper> => {
    for (let tries = 0; ; tries++) {
      try {
        return await keeperOf(() => {
          if (!stopping) reviving = revive()
        })
      } catch (error) {
        // 57P03: starting up, in recovery or shutting down; 53300: our own pools hold every connection
        if (
          tries === 200 ||
          !['57P03', '57P01', '53300', 'ECONNREFUSED', 'ECONNRESET', 'ENOENT'].includes(errorCode(error) ?? '')
        )
          throw error
        await wait(50)
      }
    }
  }

  const revive = async () => {
    const ending = ownExit && (await Promise.race([ownExit, wait(200, null)]))
    const sentence = `PostgreSQL went away (${ending ?? 'it may be restarting after a crash'}); bringing it back.`
    log.error(sentence)
    options.onExit?.(sentence)
    for (let pause = 100; !stopping; pause = Math.min(pause * 2, 5_000)) {
      try {
        await startOrFind(false)
        keeper = await connect()
        keeper.unref()
        log.info('PostgreSQL is back.')
        return
      } catch (error) {
        log.error(`PostgreSQL is still away: ${(error as Error).message}`)
        await wait(pause, undefined, { ref: false })
      }
    }
  }

  const adopted = await startOrFind(true)
  let keeper = await connect()
  const known = await keeper.query('select from pg_database where datname = $1', [DATABASE])
  if (known.rowCount === 0) {
    await keeper.query(`create database ${DATABASE}`).catch((error: unknown) => {
      if (!['42P04', '23505'].includes(errorCode(error) ?? '')) throw error // another process was first
    })
  }

  keeper.unref() // watching is no reason for the process to stay

  const trim = setInterval(() => {
    void stat(logFile)
      .then(({ size }) => (size > LOG_LIMIT ? truncate(logFile) : undefined))
      .catch(() => {})
  }, 600_000)
  trim.unref()

  const gone = async (limit: number): Promise<boolean> => {
    for (const end = Date.now() + limit; Date.now() < end; await wait(20)) {
      if (!(await isOurs(pid, card.id))) return true
    }
    return false
  }

  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    clearInterval(trim)
    await reviving
    keeper.ref()
    // unlock first, then try for the exclusive lock: of two that stop at the same time exactly one gets it
    const alone = await keeper
      .query(`select pg_advisory_unlock_shared(${KEEPERS})`)
      .then(() => keeper.query(`select pg_try_advisory_lock(${KEEPERS}) as alone`))
      .then(({ rows }) => rows[0].alone as boolean)
      .catch(() => true)
    if (alone && (await isOurs(pid, card.id))) {
      process.kill(pid, 'SIGINT') // fast: roll back, checkpoint, end
      if (!(await gone(20_000))) {
        log.warn('PostgreSQL did not stop in 20 s; ending it at once. It will recover at the next start.')
        process.kill(pid, 'SIGQUIT')
        await gone(5_000)
      }
    }
    await keeper.end().catch(() => {})
    closeSync(handle)
  }

  return {
    url: urlOf(card, DATABASE),
    get pid() {
      return pid
    },
    adopted,
    stop,
  }
}
