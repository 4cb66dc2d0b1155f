/** The program: opens the database, loads the configuration, wires the rooms together, and stops them in order. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { openGenerated } from './access/generated.ts'
import { secretKey } from './access/key.ts'
import { startUsher } from './access/usher.ts'
import { createEnv } from './agent/env.ts'
import type { Stoppable } from './agent/loop.ts'
import { apiOf, firstPerson } from './cli/api.ts'
import { type Configuration, load, watchConfiguration } from './cli/configuration.ts'
import { databaseFolder } from './cli/database.ts'
import { openDirectory } from './cli/directory.ts'
import { greeting } from './cli/greeting.ts'
import { sandboxConfig, sandboxSecrets, sandboxTenantId, writeSandboxJson } from './cli/sandbox.ts'
import { type SandboxProcess, sandboxModes, showSandbox, startSandboxProcess } from './cli/sandbox-process.ts'
import { applyNoted } from './cli/noted.ts'
import { readSettings, type Settings } from './cli/settings.ts'
import { declare, rerun } from './converge/ids.ts'
import { startFetcher } from './converge/fetcher.ts'
import { postgresRoad } from './converge/postgres.ts'
import { startReaper } from './converge/reaper.ts'
import type { Target } from './converge/road.ts'
import { startReconciler } from './converge/reconciler.ts'
import { startSentinel } from './converge/sentinel.ts'
import { waitSettled } from './converge/settled.ts'
import { startSweeper } from './converge/sweeper.ts'
import { startWorker } from './converge/worker.ts'
import type { Arrival, Hint, RecordKey } from './doc/document.ts'
import { requireConfig } from './flows/file.ts'
import { tellProblems } from './flows/problem.ts'
import { setRecognise } from './flows/recognise.ts'
import { mountApi } from './http/api.ts'
import { httpServer } from './http/server.ts'
import { webhookDoor, webhookPath } from './listen/webhook.ts'
import { receiveDoors } from './receive/syncpush.ts'
import { startTasker } from './maintain/tasks.ts'
import { startPruner } from './observe/pruner.ts'
import { groupCommit } from './stage/admit.ts'
import { groupHints } from './stage/hints.ts'
import { readingArrival } from './stage/reading.ts'
import { type EmbeddedPostgres, startEmbedded } from './store/embedded.ts'
import { migrate, readMigrations } from './store/migrate.ts'
import { listen, notifier } from './store/listen.ts'
import { openPool, type Pool } from './store/pool.ts'
import { connectionFor, ensureRoles } from './store/roles.ts'
import { raiseWalls } from './store/walls.ts'

export interface Running {
  url: string
  stop(): Promise<void>
}

const version = async (): Promise<string> =>
  (JSON.parse(await readFile(join(import.meta.dirname, '../package.json'), 'utf8')) as { version: string }).version

const openDatabase = async (
  settings: Settings,
  say: (sentence: string) => void,
): Promise<{ url: string; embedded: EmbeddedPostgres | null }> => {
  if (settings.databaseUrl !== null) return { url: settings.databaseUrl, embedded: null }
  const embedded = await startEmbedded(databaseFolder(settings.data), { info: say, warn: say, error: say })
  return { url: embedded.url, embedded }
}

/** Starts everything and answers when traffic is taken. */
export const start = async (settings: Settings, out: (text: string) => void): Promise<Running> => {
  const log = pino({ level: process.env.MORTISE_LOG ?? 'warn', redact: ['headers', '*.token', '*.secret'] })
  const say = (sentence: string): void => void log.info(sentence)
  await mkdir(settings.data, { recursive: true })
  const key = await secretKey(settings.data)
  const generated = await openGenerated(settings.data)
  const secrets = sandboxSecrets(generated)
  await generated.keep()
  const { url: databaseUrl, embedded } = await openDatabase(settings, say)
  const onIdleError = (error: Error): void => void log.warn({ err: error }, 'an idle database connection ended')
  // The owner prepares the database and applies what start-up declares; everything else wears a role of less (store/roles.ts).
  const owner = openPool({ url: databaseUrl, name: 'mortise owner', max: 2, statementTimeout: 60_000, onIdleError })
  const roles = await ensureRoles(owner)
  await migrate(owner, await readMigrations())
  await raiseWalls(owner, roles)
  if (roles.roles === 'single') out(`${roles.sentence}\n`)
  // Doors, engine and people do not wait for each other's connections.
  const asRoad = { ...connectionFor(databaseUrl, roles, 'road'), onIdleError }
  const doorPool = openPool({ ...asRoad, name: 'mortise doors', max: 4, statementTimeout: 30_000 })
  const roadPool = openPool({ ...asRoad, name: 'mortise road', max: 8, statementTimeout: 60_000 })
  const asApp = { ...connectionFor(databaseUrl, roles, 'app'), onIdleError }
  const appPool = openPool({ ...asApp, name: 'mortise people', max: 6, statementTimeout: 60_000 })
  const pools: Pool[] = [owner, doorPool, roadPool, appPool]
  const isFirst = await firstPerson(appPool, secrets.console)

  const env = createEnv()
  let stopping = false
  let serving = false
  const http = httpServer({
    id: env.id,
    // what a proxy beside us says of its caller (address, TLS) is believed; what comes from elsewhere is not
    trustProxy: ['loopback', 'linklocal', 'uniquelocal'],
    ready: async () => {
      if (stopping || !serving) return { ready: false, waiting: [stopping ? 'stopping' : 'starting'] }
      const up = await Promise.race([
        doorPool`select 1`.then(
          () => true,
          () => false,
        ),
        env.sleep(2_000).then(() => false),
      ])
      return up ? { ready: true } : { ready: false, waiting: ['database'] }
    },
    log,
  })

  // ── the sandbox, its tenant, and the file of the administrator ──
  const ownUrl = `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${settings.port}`
  let sandbox: SandboxProcess | null = null
  if (settings.sandbox) {
    const hook = `${ownUrl.replace('0.0.0.0', '127.0.0.1')}/hooks/crm/${secrets.hookSecret}`
    sandbox = await startSandboxProcess(settings.data, hook, secrets, 0)
    const config = await sandboxConfig(generated, sandbox.url)
    await generated.keep()
    await applyNoted(owner, key, config, 'start')
    for (const [connectionId, mode] of Object.entries(await sandboxModes(sandbox)))
      await setRecognise(owner, sandboxTenantId, connectionId, mode)
  }
  if (settings.config !== null) {
    const text = await readFile(settings.config, 'utf8')
    const { config, warnings } = requireConfig({
      text,
      file: settings.config,
      env: process.env,
      generate: generated.get,
    })
    if (warnings.length) out(`${tellProblems(warnings)}\n`)
    await generated.keep()
    await applyNoted(owner, key, config, 'start')
  }

  // ── configuration, road, agents ──
  let configuration: Configuration = await load(roadPool, key)
  const database = new URL(databaseUrl)
  const directory = openDirectory({
    env,
    log,
    allowLoopback: settings.sandbox || process.env.MORTISE_ALLOW_LOOPBACK === 'on',
    denied: [{ host: database.hostname, port: Number(database.port || 5432) }],
  })
  directory.refresh(configuration)
  let wake: (rows: readonly RecordKey[]) => void = () => {}
  let wakeFetcher = (): void => {}
  const commits = groupCommit(doorPool, { woke: (rows) => wake(rows) })
  const engineCommits = groupCommit(roadPool, { woke: (rows) => wake(rows), commitsInFlight: 1 })
  const road = postgresRoad(roadPool, (rows) => Promise.all(rows.map((row) => engineCommits.admit(row))))
  const hints = groupHints(
    (rows) => postgresRoad(doorPool, road.admit).hint(rows),
    () => wakeFetcher(),
  )
  const engine = { road, directory: directory.directory, env, log }
  const worker = startWorker(engine)
  const fetcher = startFetcher(engine, {
    toArrival: (record, reading, version, trace) =>
      readingArrival(
        record,
        directory.directory.object(record.tenant_id, record.connection_id, record.object),
        reading,
        version,
        trace,
      ),
  })
  const woke = (): void => worker.wake()
  const reaper = startReaper(engine, woke)
  const keeping = { sql: roadPool, env, log, woke }
  const sweeper = startSweeper({ ...keeping, directory: directory.directory })
  const agents: Stoppable[] = [
    sweeper,
    startSentinel(keeping),
    startReconciler({
      ...keeping,
      found: (finding, count) => log.error({ finding, count }, 'the reconciler repaired what must not happen'),
    }),
    startPruner(keeping),
  ]
  // Other nodes hear that there is work; ours knows already.
  const node = env.id()
  const word = notifier(roadPool, 'mortise_work', node)
  const hearing = listen(databaseUrl, 'mortise_work', (from) => {
    if (from === node) return
    worker.wake()
    fetcher.wake()
  })
  wake = (rows) => {
    const targets = new Map<string, Target>()
    for (const row of rows)
      for (const t of directory.targetsOf(row.tenant_id, row.connection_id, row.object))
        targets.set(`${t.tenant_id}/${t.connection_id}`, t)
    worker.wake([...targets.values()])
    word.tell()
  }
  const told = (): void => {
    worker.wake()
    word.tell()
  }
  wakeFetcher = () => {
    fetcher.wake()
    word.tell()
  }
  const watching = watchConfiguration({
    sql: roadPool,
    url: databaseUrl,
    key,
    loaded: configuration,
    onChange: (next) => {
      configuration = next
      directory.refresh(next)
      worker.refresh()
      fetcher.refresh()
      sweeper.wake()
      worker.wake()
    },
    log: say,
  })

  // ── people ──
  const tasker = startTasker({
    sql: appPool,
    env,
    log,
    rerun: (sql, links, side) => rerun(sql, links, side, null),
    woke: told,
  })
  agents.push(tasker, startUsher({ sql: appPool, env, log }))
  await mountApi(
    http.app,
    apiOf({
      sql: appPool,
      key,
      data: settings.data,
      version: await version(),
      newId: env.id,
      hands: { rerun: (sql, links, side) => rerun(sql, links, side, null), declare },
      woke: told,
      tasked: tasker.wake,
      changed: watching.look,
    }),
  )

  // ── doors ──
  const admit = (row: Arrival) => commits.admit(row)
  const hint = (row: Hint) => hints.hint(row)
  for (const { path, door } of receiveDoors({
    tokens: { find: (hash) => configuration.tokens.find(hash) },
    catalog: { erp: (tenantId) => configuration.catalog.erp(tenantId) },
    admit,
    waitSettled: (record, version, signal) => waitSettled({ sql: doorPool, env }, record, version, signal),
    env,
    log,
  })) {
    http.record(path, door)
  }
  http.record(
    webhookPath,
    webhookDoor({
      hooks: { find: (connectionId, hash) => configuration.hooks.find(connectionId, hash) },
      catalog: {
        connection: (tenantId, connectionId) => {
          const found = configuration.catalog.connection(tenantId, connectionId)
          const def = configuration.connection(tenantId, connectionId)
          return found && def && { zone: found.zone, readable: def.readable, object: found.object }
        },
      },
      admit,
      hint,
      log,
    }),
  )
  if (sandbox) {
    const shown = sandbox
    showSandbox(http.app, shown, async (connectionId, mode) => {
      if (await setRecognise(owner, sandboxTenantId, connectionId, mode)) await watching.look()
    })
  }
  const listening = await http.listen({ host: settings.host, port: settings.port })
  serving = true
  if (sandbox) {
    await writeSandboxJson(settings.data, listening, secrets)
    // A sandbox that was running before us may still tell a former address.
    await fetch(`${sandbox.url}/sandbox/crm/events`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ hook: `${listening}/hooks/crm/${secrets.hookSecret}` }),
    }).catch(() => {})
  }
  out(greeting({ url: listening, sandbox: sandbox !== null, data: settings.data, secrets, isFirst }))

  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    await http.stop() // refuses new calls, ends those under way
    await watching.stop()
    word.stop()
    await hearing.stop()
    await Promise.all([worker.stop(), fetcher.stop(), reaper.stop(), ...agents.map((agent) => agent.stop())])
    await Promise.all([commits.close(), engineCommits.close(), hints.close()])
    await directory.close()
    if (sandbox) {
      // also one that a killed predecessor left: it belongs to this data folder
      try {
        process.kill(sandbox.pid, 'SIGTERM')
      } catch {
        // it has ended by itself
      }
    }
    await Promise.all(pools.map((pool) => pool.end()))
    await embedded?.stop()
  }
  return { url: listening, stop }
}

/** Runs until a signal ends it: SIGTERM and SIGINT stop in order (promise 17), a second one at once. */
export const serve = async (): Promise<void> => {
  const running = await start(readSettings(process.env), (text) => void process.stdout.write(text))
  await new Promise<void>((ended, failed) => {
    let asked = false
    const end = (): void => {
      if (asked) process.exit(1)
      asked = true
      running.stop().then(ended, failed)
    }
    process.on('SIGTERM', end)
    process.on('SIGINT', end)
  })
}

if (import.meta.main) {
  try {
    await serve()
    process.exit(0)
  } catch (error) {
    process.stderr.write(
      `${error instanceof Error ? (error.name === 'Error' ? (error.stack ?? error.message) : error.message) : String(error)}\n`,
    )
    process.exit(1)
  }
}
