/** The program: opens the database, loads the configuration, wires the rooms together, and stops them in order. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openGenerated } from './access/generated.ts'
import { secretKey } from './access/key.ts'
import { startUsher } from './access/usher.ts'
import { createEnv } from './agent/env.ts'
import { within } from './agent/within.ts'
import type { Stoppable } from './agent/loop.ts'
import { openAlerts } from './cli/alerts.ts'
import { apiOf, firstPerson } from './cli/api.ts'
import { callbackSource, openBatches } from './cli/batch.ts'
import { openDispatch, stuckSource } from './cli/dispatch.ts'
import { apply, type Configuration, load, sealWith, watchConfiguration } from './cli/configuration.ts'
import { mountConsole } from './cli/console.ts'
import { type Decoding, startDecoding, suspendedSource } from './cli/decode.ts'
import { openSteps } from './cli/flow-functions.ts'
import { databaseFolder } from './cli/database.ts'
import { openDirectory } from './cli/directory.ts'
import { admitEdited, stagedText } from './cli/edit.ts'
import { pollAlarms } from './cli/poll-alarms.ts'
import { pollOf, startPolling } from './cli/polling.ts'
import { repair } from './cli/reconcile.ts'
import { greeting } from './cli/greeting.ts'
import { openListening, passwordsOf } from './cli/listening.ts'
import {
  type SandboxSecrets,
  sandboxConfig,
  sandboxSecrets,
  sandboxTenantId,
  seedMasterData,
  writeSandboxJson,
} from './cli/sandbox.ts'
import { type SandboxProcess, sandboxModes, showSandbox, startSandboxProcess } from './cli/sandbox-process.ts'
import { describedIn } from './cli/interfaces.ts'
import { learning } from './cli/learn.ts'
import { dryRunWork } from './cli/mapping.ts'
import { mixing } from './cli/mixing.ts'
import { noting } from './cli/noted.ts'
import { type Duty, readSettings, type Settings } from './cli/settings.ts'
import { tryingOf } from './cli/trying.ts'
import { watchedDoor, watchedRoad } from './cli/watched.ts'
import { hint as askFor } from './converge/fetches.ts'
import { readConflict } from './converge/conflicts.ts'
import { bindIn, declare, ignore, rerun, unbind, wakeBound } from './converge/ids.ts'
import { startFetcher } from './converge/fetcher.ts'
import { startLookout } from './converge/lookout.ts'
import { openMatcher, startMatcher } from './converge/match.ts'
import { startNoticer } from './converge/notice.ts'
import { postgresRoad } from './converge/postgres.ts'
import { startReaper } from './converge/reaper.ts'
import { readRestoring } from './converge/restore.ts'
import { startRestorer } from './converge/restorer.ts'
import type { Target } from './converge/road.ts'
import { startReconciler } from './converge/reconciler.ts'
import { startSentinel } from './converge/sentinel.ts'
import { waitSettled } from './converge/settled.ts'
import { startSweeper } from './converge/sweeper.ts'
import { openTurns, startTallier } from './converge/turns.ts'
import { startWorker } from './converge/worker.ts'
import { startTeller } from './converge/write-back.ts'
import type { Reading } from './doc/connector.ts'
import type { Arrival, Hint, RecordKey } from './doc/document.ts'
import { requireConfig } from './flows/file.ts'
import { tellProblems } from './flows/problem.ts'
import { setRecognise } from './flows/recognise.ts'
import { mountApi } from './http/api.ts'
import { mayListen } from './http/address.ts'
import { httpServer } from './http/server.ts'
import { webhookPath } from './listen/webhook.ts'
import { showShares } from './objects/interface/shared.ts'
import { receiveDoors } from './receive/syncpush.ts'
import { startKeeper } from './maintain/keeper.ts'
import { startTasker } from './maintain/tasks.ts'
import { cachedFigures, readFigures } from './observe/figures.ts'
import { openLog } from './observe/log.ts'
import { openMetrics } from './observe/metrics.ts'
import { retentionOf, startPruner } from './observe/pruner.ts'
import { showMetrics } from './observe/scrape.ts'
import { openTracing } from './observe/tracing.ts'
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

const openDatabase = async (
  settings: Settings,
  log: Record<'info' | 'warn' | 'error', (sentence: string) => void>,
): Promise<{ url: string; embedded: EmbeddedPostgres | null }> => {
  if (settings.databaseUrl !== null) return { url: settings.databaseUrl, embedded: null }
  const embedded = await startEmbedded(databaseFolder(settings.data), {
    info: (sentence) => log.info(sentence),
    warn: (sentence) => log.warn(sentence),
    error: (sentence) => log.error(sentence),
  })
  return { url: embedded.url, embedded }
}

/** What must never be seen in the log, as far as it is known in clear: of the installation … */
const secretsAtStart = (databaseUrl: string, sandbox: SandboxSecrets): string[] => [
  decodeURIComponent(new URL(databaseUrl).password),
  process.env.MORTISE_SECRET_KEY ?? '',
  process.env.MORTISE_METRICS_TOKEN ?? '',
  sandbox.token,
  sandbox.erpToken,
  sandbox.crmToken,
  sandbox.hookSecret,
  sandbox.clientSecret,
  sandbox.salt,
  sandbox.console.password,
]
/** … and of its configuration. Tokens that others send are known by their hash only; they are kept out by name. */
const secretsOf = ({ connections }: Configuration): string[] =>
  connections.flatMap(({ def }) => [
    ...Object.values(def.headers).filter((value) => !/^(?:application|text)\//.test(value)),
    URL.canParse(def.baseUrl) ? decodeURIComponent(new URL(def.baseUrl).password) : '',
    ...(def.queues ?? []).flatMap(passwordsOf),
  ])

/** How long a stop may take, from SIGTERM or from the end of the drain. */
const finishing = 25_000

/** How often an agent that the lookout wakes looks for itself. */
const net = 30_000

/** Starts everything and answers when traffic is taken. */
export const start = async (settings: Settings, out: (text: string) => void): Promise<Running> => {
  const does = (duty: Duty): boolean => settings.only === undefined || settings.only.includes(duty)
  const env = createEnv()
  const node = env.id()
  const book = openLog({ level: process.env.MORTISE_LOG || 'warn', node: node.slice(0, 8) })
  const { log } = book
  await mayListen(settings)
  await mkdir(settings.data, { recursive: true })
  const key = await secretKey(settings.data)
  const generated = await openGenerated(settings.data)
  const secrets = sandboxSecrets(generated)
  await generated.keep()
  const { url: databaseUrl, embedded } = await openDatabase(settings, book.of('postgres'))
  book.hide(secretsAtStart(databaseUrl, secrets))
  const onIdleError = (error: Error): void => void log.warn({ err: error }, 'an idle database connection ended')
  // The owner prepares the database and applies what start-up declares; everything else wears a role of less (store/roles.ts).
  const owner = openPool({ url: databaseUrl, name: 'mortise owner', max: 2, statementTimeout: 60_000, onIdleError })
  const roles = await ensureRoles(owner)
  await migrate(owner, await readMigrations())
  await raiseWalls(owner, roles)
  if (roles.roles === 'single') out(`${roles.sentence}\n`)
  // Doors, engine and people do not wait for each other's connections.
  const asRoad = { ...connectionFor(databaseUrl, roles, 'road'), onIdleError }
  const doorPool = openPool({ ...asRoad, name: 'mortise doors', max: 6, statementTimeout: 10_000 })
  const roadPool = openPool({ ...asRoad, name: 'mortise road', max: 8, statementTimeout: 60_000 })
  const claimPool = openPool({ ...asRoad, name: 'mortise claims', max: 3, mayForget: true, statementTimeout: 60_000 })
  const asApp = { ...connectionFor(databaseUrl, roles, 'app'), onIdleError }
  const appPool = openPool({ ...asApp, name: 'mortise people', max: 6, statementTimeout: 60_000 })
  const pools: Pool[] = [owner, doorPool, roadPool, claimPool, appPool]
  const isFirst = await firstPerson(appPool, secrets.console)

  let stopping = false
  let serving = false
  const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string
  }
  const metrics = openMetrics({
    version,
    now: env.monotonic,
    figures: cachedFigures(() => readFigures(roadPool), env.monotonic),
    pools: () => ({ doors: doorPool.counts(), road: roadPool.counts() }),
    targets: () => directory.views(),
    queued: () => commits.waiting(),
    queues: () => events.views(),
  })
  const asked = process.env.OTEL_EXPORTER_OTLP_ENDPOINT || process.env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  const tracing = asked ? await openTracing({ version, node }) : null
  const http = httpServer({
    id: env.id,
    // what a proxy beside us says of its caller (address, TLS) is believed; what comes from elsewhere is not
    trustProxy: ['loopback', 'linklocal', 'uniquelocal'],
    answered: metrics.answered,
    ready: async () => {
      if (stopping || !serving) return { ready: false, waiting: [stopping ? 'stopping' : 'starting'] }
      const asked = doorPool`select 1`.then(
        () => true,
        () => false,
      )
      const up = (await within(env, 2_000, asked)) && (await asked)
      return up ? { ready: true } : { ready: false, waiting: ['database'] }
    },
    log: book.of('http'),
  })

  // ── the sandbox, its tenant, and the file of the administrator ──
  const ownUrl = `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${settings.port}`
  let sandbox: SandboxProcess | null = null
  if (settings.sandbox) {
    const hook = `${ownUrl.replace('0.0.0.0', '127.0.0.1')}/hooks/crm/${secrets.hookSecret}`
    sandbox = await startSandboxProcess(settings.data, hook, secrets, 0)
    const config = await sandboxConfig(generated, sandbox.url)
    await generated.keep()
    await apply(owner, key, config, { who: 'start', note: noting('start') })
    for (const [connectionId, mode] of Object.entries(await sandboxModes(sandbox)))
      await setRecognise(owner, sandboxTenantId, connectionId, mode)
    await seedMasterData(owner, env.id())
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
    await apply(owner, key, config, { who: `MORTISE_CONFIG ${settings.config}`, note: noting('start') })
  }

  // ── configuration, road, agents ──
  let configuration: Configuration = await load(roadPool, key)
  book.hide(secretsOf(configuration))
  const database = new URL(databaseUrl)
  const allowLoopback = settings.sandbox || process.env.MORTISE_ALLOW_LOOPBACK === 'on'
  const denied = [{ host: database.hostname, port: Number(database.port || 5432) }]
  const egress = { allowLoopback, denied }
  const dispatch = openDispatch({ configuration: () => configuration, road: roadPool, env })
  const directory = openDirectory({
    env,
    queue: dispatch.queue,
    log: book.of('directory'),
    ...egress,
    nodes: { sql: roadPool, seal: sealWith(key), who: node },
  })
  directory.refresh(configuration)
  let decoding: Decoding | null = null
  let wake: (rows: readonly RecordKey[]) => void = () => {}
  let wakeFetcher = (): void => {}
  const commits = groupCommit(doorPool, { woke: (rows) => wake(rows), committed: metrics.committed })
  const engineCommits = groupCommit(roadPool, { woke: (rows) => wake(rows), commitsInFlight: 1 })
  const tables = postgresRoad(roadPool, (rows) => Promise.all(rows.map((row) => engineCommits.admit(row))), {
    claims: claimPool,
  })
  const turns = openTurns(roadPool, metrics.turned)
  const road = watchedRoad(tables, {
    sql: roadPool,
    records: book.of('record'),
    directory: directory.directory,
    metrics,
    tracing,
    turns,
    closed: (target) => restoring.has(`${target.tenant_id}/${target.connection_id}`),
    news: () => teller?.wake(),
    after: () => steps.told(),
    woke: () => worker?.wake(),
  })
  const hints = groupHints(
    (rows) => postgresRoad(doorPool, road.admit).hint(rows),
    () => wakeFetcher(),
  )
  // Nothing is sent to these since a backup was restored: known before there is a worker.
  let restoring = new Set<string>()
  const gate = (targets: readonly Target[]): void => {
    restoring = new Set(targets.map((target) => `${target.tenant_id}/${target.connection_id}`))
  }
  gate(await readRestoring(roadPool))
  const steps = openSteps({
    sql: roadPool,
    env,
    log: book.of,
    configuration: () => configuration,
    directory: directory.directory,
    works: does('converge'),
    woke: () => {
      worker?.wake()
      word.tell()
    },
  })
  const noticer = startNoticer({ sql: roadPool, env, log: book.of('noticer') })
  const engine = {
    road,
    directory: directory.directory,
    env,
    log: book.of('worker'),
    matcher: openMatcher(roadPool),
    notice: noticer.notice,
    functions: steps.runner,
  }
  // A node without this duty wakes the others and does nothing itself.
  const worker = does('converge') ? startWorker(engine, { sweepMs: net }) : null
  const reading = { ...engine, log: book.of('fetcher') }
  const toArrival = (
    record: RecordKey,
    read: Reading,
    version: number,
    trace: string,
    channel: 'fetch' | 'poll' = 'fetch',
  ): Arrival =>
    readingArrival(
      record,
      directory.directory.object(record.tenant_id, record.connection_id, record.object),
      read,
      version,
      trace,
      channel,
    )
  const fetcher = does('converge') ? startFetcher(reading, { sweepMs: net, toArrival }) : null
  // Other nodes hear that there is work; ours knows already.
  const word = notifier(claimPool, 'mortise_work', node)
  const woke = (): void => (worker ? worker.wake() : word.tell())
  const reaper = worker && startReaper({ ...engine, log: book.of('reaper') }, woke, net)
  const lookout =
    worker &&
    fetcher &&
    reaper &&
    startLookout({
      sql: roadPool,
      env,
      log: book.of('lookout'),
      targets: directory.directory.targets,
      links: worker.wake,
      reads: fetcher.wake,
      expired: reaper.wake,
    })
  const keeping = (agent: string) => ({ sql: roadPool, env, log: book.of(agent), woke })
  const restorer = worker && startRestorer({ ...keeping('restorer'), directory: directory.directory, gate, toArrival })
  const matcher = worker && startMatcher({ ...keeping('matcher'), directory: directory.directory })
  const sweeper = worker && startSweeper({ ...keeping('sweeper'), directory: directory.directory }, net)
  const poller = does('poll')
    ? startPolling({
        sql: roadPool,
        env,
        log: book.of('poller'),
        configuration: () => configuration,
        directory: directory.directory,
        toArrival,
        woke: (rows) => wake(rows),
      })
    : null
  const teller =
    worker &&
    startTeller({
      ...engine,
      sql: roadPool,
      log: book.of('teller'),
      gated: (tenantId, connectionId) => restoring.has(`${tenantId}/${connectionId}`),
      woke,
    })
  const alerts = openAlerts({
    sql: roadPool,
    key,
    env,
    log: (agent) => book.of(agent),
    allowLoopback: settings.sandbox || process.env.MORTISE_ALLOW_LOOPBACK === 'on',
    denied: [{ host: database.hostname, port: Number(database.port || 5432) }],
    upkeep: does('upkeep'),
    object: directory.directory.object,
    sources: {
      ...pollAlarms(() => configuration, env.now),
      callback: callbackSource,
      service: stuckSource,
      function: suspendedSource(() => configuration),
    },
  })
  const agents: Stoppable[] = [
    ...alerts.agents,
    startTallier(turns, keeping('tallier')),
    ...steps.agents,
    ...[worker, fetcher, reaper, lookout, sweeper, restorer, poller, teller, matcher].filter((agent) => agent !== null),
    noticer,
    ...(does('upkeep')
      ? [
          startSentinel(keeping('sentinel')),
          startReconciler({
            ...keeping('reconciler'),
            found: (finding, count) => {
              metrics.found(finding, count)
              log.error({ finding, count }, 'the reconciler repaired what must not happen')
            },
          }),
          startPruner({ ...keeping('pruner'), retention: retentionOf(settings.retention ?? 30) }),
          startKeeper(keeping('keeper')),
        ]
      : []),
  ]
  const hearing = listen(databaseUrl, 'mortise_work', (from) => {
    if (from === node) return
    if (from === 'restored') restorer?.wake()
    lookout?.stir()
    lookout?.wake()
    poller?.wake()
    decoding?.wake()
  })
  wake = (rows) => {
    const targets = new Map<string, Target>()
    for (const row of rows) {
      metrics.received(row)
      alerts.seen(row)
      for (const t of directory.targetsOf(row.tenant_id, row.connection_id, row.object))
        targets.set(`${t.tenant_id}/${t.connection_id}`, t)
    }
    worker?.wake([...targets.values()])
    lookout?.stir()
    word.tell()
  }
  const told = (): void => {
    worker?.wake()
    lookout?.stir()
    word.tell()
  }
  wakeFetcher = () => {
    fetcher?.wake()
    lookout?.stir()
    word.tell()
  }
  const admit = (row: Arrival) => (tracing ? tracing.stage(row, () => commits.admit(row)) : commits.admit(row))
  const hint = (row: Hint) => hints.hint(row)
  const events = openListening({
    env,
    node,
    sql: roadPool,
    policy: { kind: 'connection', ...egress },
    configuration: () => configuration,
    admit,
    hint,
    counted: metrics.heard,
    lost: metrics.lost,
    log: book.of('listener'),
  })
  decoding = startDecoding({
    doors: doorPool,
    road: roadPool,
    env,
    log: book.of('decoder'),
    functions: steps.functions,
    configuration: () => configuration,
    decodes: does('converge'),
    woke: (rows) => wake(rows),
    tell: () => word.tell(),
    waitSettled: (record, version, signal) => waitSettled({ sql: doorPool, env }, record, version, signal),
  })
  const watching = watchConfiguration({
    sql: roadPool,
    url: databaseUrl,
    key,
    loaded: configuration,
    onChange: (next) => {
      configuration = next
      book.hide(secretsOf(next))
      directory.refresh(next)
      events.refresh(next)
      worker?.refresh()
      fetcher?.refresh()
      sweeper?.wake()
      matcher?.wake()
      worker?.wake()
      poller?.wake()
      decoding?.refresh()
    },
    log: (sentence) => book.of('configuration').info(sentence),
  })

  const batches = openBatches({
    configuration: () => configuration,
    doors: doorPool,
    road: roadPool,
    env,
    log: book.of,
    stored: (rows) => wake(rows),
    allowLoopback,
    denied,
    duties: { batch: does('batch'), deliver: does('deliver') },
  })
  agents.push(...batches.agents)
  const dispatched = dispatch.begin({
    doors: doorPool,
    log: book.of,
    connector: directory.directory.connector,
    gated: (tenantId, connectionId) => restoring.has(`${tenantId}/${connectionId}`),
    woke: (targets) => {
      worker?.wake(targets)
      lookout?.stir()
      word.tell()
    },
    counted: metrics.calledBack,
    sends: does('deliver'),
  })
  agents.push(...dispatched.agents)

  // ── people ──
  const mapping = {
    configuration: () => configuration,
    connector: directory.directory.connector,
    functions: steps.functions,
    now: env.now,
  }
  const tasker = startTasker({
    sql: appPool,
    env,
    log: book.of('tasker'),
    rerun: (sql, links, side) => rerun(sql, links, side, null),
    works: { dryRun: dryRunWork(mapping) },
    woke: told,
  })
  agents.push(tasker, startUsher({ sql: appPool, env, log: book.of('usher') }))
  let ownAddress: string | undefined
  const described = describedIn(() => configuration)
  await mountApi(
    http.app,
    apiOf({
      sql: appPool,
      key,
      egress,
      data: settings.data,
      version,
      newId: env.id,
      learning: learning(directory.describing),
      alerts: alerts.routes(appPool, env.id),
      conflict: (sql, link) => readConflict(sql, directory.directory, link),
      mix: mixing({ road: roadPool, directory: directory.directory, now: env.now }),
      mapping,
      hands: {
        rerun: (sql, links, side) => rerun(sql, links, side, null),
        declare,
        bind: bindIn,
        wakeBound: (pair, left, right) => wakeBound(roadPool, pair, left, right),
        unbind,
        ignore,
        hint: async (hints) => {
          await askFor(roadPool, hints, null)
          wakeFetcher()
        },
        staged: stagedText,
        admitEdited: (...edited) => admitEdited(roadPool, ...edited),
      },
      polls: {
        ...pollOf(() => configuration),
        now: env.now,
        woke: () => {
          poller?.wake()
          word.tell()
        },
      },
      compare: {
        flows: (tenant, pair, side) => directory.directory.pair(tenant, pair)?.plans[side] !== undefined,
        repair: async (...chosen) => {
          const sent = await repair(roadPool, ...chosen)
          wakeFetcher()
          told()
          return sent
        },
      },
      described,
      trying: tryingOf({ directory, env, address: () => ownAddress }),
      again: events.again,
      decoding: {
        functions: steps.functions,
        functionsOf: (tenantId) => configuration.functionsOf(tenantId),
        object: (...place) => configuration.objects.find(...place),
        woke: () => {
          decoding?.refresh()
          word.tell()
        },
        resumed: steps.resumed,
      },
      woke: told,
      tasked: tasker.wake,
      object: (tenantId, connectionId, code) => configuration.objects.find(tenantId, connectionId, code),
      outgoing: { lanes: dispatch.lanesOf, woke: dispatch.wake },
      deliver: batches.deliver,
      changed: watching.look,
    }),
  )
  await mountConsole(http.app, { build: settings.buildConsole ?? false, log: book.of('console') })

  // ── doors ──
  const received = receiveDoors({
    tokens: { find: (hash) => configuration.tokens.find(hash) },
    catalog: { erp: (tenantId) => configuration.catalog.erp(tenantId) },
    admit,
    keep: decoding.keep,
    waitDecoded: decoding.waitDecoded,
    waitSettled: (record, version, signal) => waitSettled({ sql: doorPool, env }, record, version, signal),
    env,
    log: book.of('receive'),
  })
  if (does('receive')) for (const { path, door } of received) http.record(path, watchedDoor(tracing, path, door))
  if (does('listen')) http.record(webhookPath, watchedDoor(tracing, webhookPath, events.door()))
  for (const { path, door } of [...batches.doors, ...dispatched.doors])
    http.record(path, watchedDoor(tracing, path, door))
  if (sandbox) {
    const shown = sandbox
    showSandbox(http.app, shown, async (connectionId, mode) => {
      if (await setRecognise(owner, sandboxTenantId, connectionId, mode)) await watching.look()
    })
  }
  showShares(http.app, { sql: appPool, described })
  showMetrics(http.app, metrics, process.env.MORTISE_METRICS_TOKEN || null)
  const listening = await http.listen({ host: settings.host, port: settings.port })
  ownAddress = listening
  serving = true
  if (does('listen')) events.listen()
  if (sandbox) {
    await writeSandboxJson(settings.data, listening, secrets)
    // A sandbox that was running before us may still tell a former address.
    await fetch(`${sandbox.url}/sandbox/crm/events`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ hook: `${listening}/hooks/crm/${secrets.hookSecret}` }),
    }).catch(() => {})
    const { clientId, clientSecret, salt } = secrets
    await fetch(`${sandbox.url}/sandbox/caller/settings`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ url: listening, clientId, clientSecret, salt }),
    }).catch(() => {})
  }
  out(greeting({ url: listening, sandbox: sandbox !== null, data: settings.data, secrets, isFirst }))

  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    if (settings.drain) await env.sleep(settings.drain)
    // both refuse what is new and end what is under way
    await Promise.all([http.stop({ limit: finishing - 5_000 }), events.stop()])
    await watching.stop()
    word.stop()
    await hearing.stop()
    await Promise.all(agents.map((agent) => agent.stop()))
    await decoding?.stop()
    await Promise.all([commits.close(), engineCommits.close(), hints.close()])
    await directory.close()
    metrics.stop()
    await tracing?.stop()
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

/**
 * Runs until a signal ends it: SIGTERM and SIGINT stop in order (promise 17), a second one at once. What is not finished in time is left to its
 * lease: it is looked up by another node, or by the next start, before anything else is done with its record.
 */
export const serve = async (only?: readonly Duty[]): Promise<void> => {
  const settings: Settings = { ...readSettings(process.env), buildConsole: true, ...(only && { only }) }
  const running = await start(settings, (text) => void process.stdout.write(text))
  await new Promise<void>((ended, failed) => {
    let asked = false
    const end = (): void => {
      if (asked) process.exit(1)
      asked = true
      setTimeout(() => process.exit(0), (settings.drain ?? 0) + finishing).unref()
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
