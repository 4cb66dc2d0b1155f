/** Real brokers for tests: RabbitMQ and NATS clusters on loopback with folders of their own, installed when that is allowed, ended with the test. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect as dial } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from '../rigs/ground.ts'

export interface Node {
  url: string
  /** SIGKILL; answers once it is gone. */
  kill(): Promise<void>
  /** Starts it again on its own data, and waits until it answers. */
  start(): Promise<void>
}

export interface Cluster extends AsyncDisposable {
  nodes: readonly Node[]
  /** All of them, separated by commas. */
  url: string
}

const programs = {
  rabbitmq: { file: '/usr/lib/rabbitmq/bin/rabbitmq-server', packages: ['rabbitmq-server'] },
  nats: { file: '/usr/sbin/nats-server', packages: ['nats-server'] },
} as const

/** Null where the server is there, or could be installed; else why not. */
export const lacking = (kind: keyof typeof programs): string | null => {
  const { file, packages } = programs[kind]
  if (existsSync(file)) return null
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    return `no ${file}, and only root may install it (apt-get install ${packages.join(' ')})`
  const apt = (...args: string[]) =>
    spawnSync('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      stdio: 'ignore',
      timeout: 300_000,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0
  const install = () => apt('install', '--no-install-recommends', ...packages)
  if (!install() && !(apt('update') && install())) return `apt-get has no ${packages.join(', ')} for this machine`
  return existsSync(file) ? null : `apt-get put no ${file} here`
}

const answers = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = dial({ port, host: '127.0.0.1' })
    const end = (is: boolean): void => {
      socket.destroy()
      done(is)
    }
    socket.setTimeout(1_000, () => end(false))
    socket.once('error', () => end(false))
    socket.once('connect', () => end(true))
  })

const until = async (what: string, is: () => Promise<boolean> | boolean, limit = 90_000): Promise<void> => {
  for (const end = Date.now() + limit; !(await is()); await wait(50))
    if (Date.now() > end) throw new Error(`waited ${limit / 1000} s in vain until ${what}`)
}

const gone = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((done) => child.once('exit', () => done()))

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Ends what a killed test left: a shell that reads a pipe of ours until it closes, then ends each process whose id stands in a file. */
const endWithUs = (folder: string): ChildProcess => {
  const script =
    'read -r _; for f in "$1"/*/pid "$1"/pid; do [ -f "$f" ] && kill -9 "$(cat "$f")" 2>/dev/null; done; sleep 0.3; rm -rf "$1"'
  const reaper = spawn('/bin/sh', ['-c', script, 'sh', folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  reaper.unref()
  ;(reaper.stdin as unknown as { unref(): void }).unref()
  return reaper
}

// ── NATS ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const startNats = async (count: number): Promise<Cluster> => {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-nats-'))
  const reaper = endWithUs(folder)
  const ports = await Promise.all(
    Array.from({ length: count }, async () => ({ client: await freePort(), route: await freePort() })),
  )
  const nodes = await Promise.all(
    ports.map(async ({ client, route }, i) => {
      const home = join(folder, `n${i}`)
      await mkdir(home, { recursive: true })
      const routes = ports.filter((one) => one.route !== route).map((one) => `nats://127.0.0.1:${one.route}`)
      const cluster =
        count > 1 ? `cluster { name: proof, listen: "127.0.0.1:${route}", routes: ${JSON.stringify(routes)} }` : ''
      await writeFile(
        join(home, 'nats.conf'),
        `server_name: n${i}\nlisten: "127.0.0.1:${client}"\nmax_payload: 8MB\njetstream { store_dir: "${home}/js" }\n${cluster}\n`,
      )
      let child: ChildProcess | null = null
      return {
        url: `nats://127.0.0.1:${client}`,
        async start() {
          child = spawn(programs.nats.file, ['-c', join(home, 'nats.conf')], { stdio: 'ignore' })
          await writeFile(join(home, 'pid'), String(child.pid))
          await until('a NATS server answers', () => answers(client))
        },
        async kill() {
          if (!child) return
          child.kill('SIGKILL')
          await gone(child)
        },
      }
    }),
  )
  await Promise.all(nodes.map((node) => node.start()))
  return {
    nodes,
    url: nodes.map((node) => node.url).join(','),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(nodes.map((node) => node.kill()))
      reaper.kill('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

// ── RabbitMQ ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const startRabbitmq = async (count: number): Promise<Cluster> => {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-rabbit-'))
  const reaper = endWithUs(folder)
  const cookie = randomBytes(12).toString('hex')
  const tag = randomBytes(3).toString('hex')
  const epmd = await freePort()
  const names = Array.from({ length: count }, (_, i) => `m${tag}${i}@localhost`)
  const nodes = await Promise.all(
    names.map(async (name, i) => {
      const [port, dist] = [await freePort(), await freePort()]
      const home = join(folder, `n${i}`)
      await mkdir(home, { recursive: true })
      const members = names.map((one, n) => `cluster_formation.classic_config.nodes.${n + 1} = ${one}`)
      await writeFile(
        join(home, 'rabbitmq.conf'),
        [
          `listeners.tcp.1 = 127.0.0.1:${port}`,
          'loopback_users.guest = true',
          'cluster_partition_handling = ignore',
          'disk_free_limit.absolute = 10MB',
          ...(count > 1 ? ['cluster_formation.peer_discovery_backend = classic_config', ...members] : []),
          '',
        ].join('\n'),
      )
      await writeFile(join(home, 'plugins'), '[].')
      const env = {
        ...process.env,
        HOME: home,
        RABBITMQ_NODENAME: name,
        RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
        RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'plugins'),
        RABBITMQ_MNESIA_BASE: join(home, 'data'),
        RABBITMQ_LOG_BASE: join(home, 'log'),
        RABBITMQ_PID_FILE: join(home, 'pid'),
        RABBITMQ_DIST_PORT: String(dist),
        RABBITMQ_CONF_ENV_FILE: '/dev/null',
        RABBITMQ_SCHEDULER_BIND_TYPE: 'u',
        // no busy waiting: the machine is shared with what is tested
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-setcookie ${cookie} -kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none +S 2:2`,
        ERL_EPMD_PORT: String(epmd),
        ERL_EPMD_ADDRESS: '127.0.0.1',
      }
      const beam = async (): Promise<number> =>
        Number((await readFile(join(home, 'pid'), 'utf8').catch(() => '0')).trim())
      return {
        url: `amqp://guest:guest@127.0.0.1:${port}`,
        async start() {
          spawn(programs.rabbitmq.file, [], { env, stdio: 'ignore' }).on('error', () => {})
          await until('RabbitMQ answers', () => answers(port))
        },
        async kill() {
          const pid = await beam()
          if (!pid || !isAlive(pid)) return
          process.kill(pid, 'SIGKILL')
          await until('a node of RabbitMQ is gone', () => !isAlive(pid))
        },
      }
    }),
  )
  // One registry of names for all: started by itself it would outlive them.
  const registry = spawn('epmd', ['-port', String(epmd), '-address', '127.0.0.1'], { stdio: 'ignore' })
  await writeFile(join(folder, 'pid'), String(registry.pid))
  await until('the registry of names answers', () => answers(epmd))
  await Promise.all(nodes.map((node) => node.start()))
  return {
    nodes,
    url: nodes.map((node) => node.url).join(','),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(nodes.map((node) => node.kill()))
      registry.kill('SIGKILL')
      reaper.kill('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}
