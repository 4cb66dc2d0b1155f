/** The program: opens the database, loads the configuration, wires the rooms together, and stops them in order. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openGenerated } from './access/generated.ts'
import { secretKey } from './access/key.ts'
import { startUsher } from './access/usher.ts'
import { createEnv } from './agent/env.ts'
import type { Stoppable } from './agent/loop.ts'
import { within } from './agent/within.ts'
import { openAlerts } from './cli/alerts.ts'
import { firstPerson } from './cli/api.ts'
import { callbackSource, openBatches } from './cli/batch.ts'
import { type Configuration, load, sealWith, watchConfiguration } from './cli/configuration.ts'
import { mountConsole } from './cli/console.ts'
import { openConverging } from './cli/converging.ts'
import { type Decoding, startDecoding, suspendedSource } from './cli/decode.ts'
import { applyFile, introduceSandbox, startSandbox } from './cli/declared.ts'
import { openDirectory } from './cli/directory.ts'
import { openDispatch, stuckSource } from './cli/dispatch.ts'
import { greeting } from './cli/greeting.ts'
import { describedIn } from './cli/interfaces.ts'
import { openListening, passwordsOf } from './cli/listening.ts'
import { openPeople } from './cli/people.ts'
import { pollAlarms } from './cli/poll-alarms.ts'
import { startPolling } from './cli/polling.ts'
import { openPools } from './cli/pools.ts'
import { type SandboxSecrets, sandboxSecrets, sandboxTenantId } from './cli/sandbox.ts'
import { showSandbox } from './cli/sandbox-process.ts'
import { type Duty, readSettings, type Settings } from './cli/settings.ts'
import { watchedDoor } from './cli/watched.ts'
import { startReconciler } from './converge/reconciler.ts'
import { startSentinel } from './converge/sentinel.ts'
import { waitSettled } from './converge/settled.ts'
import type { Arrival, RecordKey } from './doc/document.ts'
import { setRecognise } from './flows/recognise.ts'
import { mayListen } from './http/address.ts'
import { mountApi } from './http/api.ts'
import { httpServer } from './http/server.ts'
import { webhookPath } from './listen/webhook.ts'
import { startKeeper } from './maintain/keeper.ts'
import { showShares } from './objects/interface/shared.ts'
import { cachedFigures, readFigures } from './observe/figures.ts'
import { openLog } from './observe/log.ts'
import { openMetrics } from './observe/metrics.ts'
import { retentionOf, startPruner } from './observe/pruner.ts'
import { showMetrics } from './observe/scrape.ts'
import { openTracing } from './observe/tracing.ts'
import { receiveDoors } from './receive/syncpush.ts'
import { listen } from './store/listen.ts'

export interface Running {
  url: string
  stop(): Promise<void>
}

/** What must never be seen in the log, as far as it is known in clear: of the installation … */
const secretsAtStart = (sandbox: SandboxSecrets): string[] => [
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
  book.hide(secretsAtStart(secrets))
  const pools = await openPools(settings, book, out)
  const isFirst = await firstPerson(pools.people, secrets.console)

  let stopping = false
  let serving = false
  const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string
  }
  const metrics = openMetrics({
    version,
    now: env.monotonic,
    figures: cachedFigures(() => readFigures(pools.road), env.monotonic),
    pools: () => ({ doors: pools.doors.counts(), road: pools.road.counts() }),
    targets: () => directory.views(),
    queued: () => converging.commits.waiting(),
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
      const asked = pools.doors`select 1`.then(
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
  const declaring = { sql: pools.owner, key, generated, newId: env.id }
  const sandbox = settings.sandbox ? await startSandbox(declaring, settings.data, ownUrl, secrets) : null
  if (settings.config !== null) await applyFile(declaring, settings.config, out)

  // ── configuration, road, agents ──
  let configuration: Configuration = await load(pools.road, key)
  book.hide(secretsOf(configuration))
  const egress = {
    allowLoopback: settings.sandbox || process.env.MORTISE_ALLOW_LOOPBACK === 'on',
    denied: [pools.place],
  }
  const dispatch = openDispatch({ configuration: () => configuration, road: pools.road, env })
  const directory = openDirectory({
    env,
    queue: dispatch.queue,
    log: book.of('directory'),
    ...egress,
    nodes: { sql: pools.road, seal: sealWith(key), who: node },
  })
  directory.refresh(configuration)
  const alerts = openAlerts({
    sql: pools.road,
    key,
    env,
    log: book.of,
    ...egress,
    upkeep: does('upkeep'),
    object: directory.directory.object,
    sources: {
      ...pollAlarms(() => configuration, env.now),
      callback: callbackSource,
      service: stuckSource,
      function: suspendedSource(() => configuration),
    },
  })
  const converging = await openConverging({
    works: does('converge'),
    node,
    env,
    pools,
    log: book.of,
    configuration: () => configuration,
    directory,
    metrics,
    tracing,
    seen: alerts.seen,
  })
  const { commits, keeping, steps, gated } = converging
  const stored = (rows: readonly RecordKey[]): void => converging.stored(rows)
  const poller = does('poll')
    ? startPolling({
        sql: pools.road,
        env,
        log: book.of('poller'),
        configuration: () => configuration,
        directory: directory.directory,
        toArrival: converging.toArrival,
        woke: stored,
      })
    : null
  const agents: Stoppable[] = [
    ...alerts.agents,
    ...converging.agents,
    ...(poller ? [poller] : []),
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
  const admit = (row: Arrival) => (tracing ? tracing.stage(row, () => commits.admit(row)) : commits.admit(row))
  const events = openListening({
    env,
    node,
    sql: pools.road,
    policy: { kind: 'connection', ...egress },
    configuration: () => configuration,
    admit,
    hint: converging.hint,
    counted: metrics.heard,
    lost: metrics.lost,
    log: book.of('listener'),
  })
  const decoding: Decoding = startDecoding({
    doors: pools.doors,
    road: pools.road,
    env,
    log: book.of('decoder'),
    functions: steps.functions,
    configuration: () => configuration,
    decodes: does('converge'),
    woke: stored,
    tell: converging.tell,
    waitSettled: (record, version, signal) => waitSettled({ sql: pools.doors, env }, record, version, signal),
  })
  const hearing = listen(pools.url, 'mortise_work', (from) => {
    if (from === node) return
    converging.heard(from)
    poller?.wake()
    decoding.wake()
  })
  const watching = watchConfiguration({
    sql: pools.road,
    url: pools.url,
    key,
    loaded: configuration,
    onChange: (next) => {
      configuration = next
      book.hide(secretsOf(next))
      directory.refresh(next)
      events.refresh(next)
      converging.refresh()
      poller?.wake()
      decoding.refresh()
    },
    log: (sentence) => book.of('configuration').info(sentence),
  })
  const batches = openBatches({
    configuration: () => configuration,
    doors: pools.doors,
    road: pools.road,
    env,
    log: book.of,
    stored,
    ...egress,
    duties: { batch: does('batch'), deliver: does('deliver') },
  })
  const dispatched = dispatch.begin({
    doors: pools.doors,
    log: book.of,
    connector: directory.directory.connector,
    gated,
    woke: converging.nudge,
    counted: metrics.calledBack,
    sends: does('deliver'),
  })
  agents.push(...batches.agents, ...dispatched.agents)

  // ── people ──
  let ownAddress: string | undefined
  const described = describedIn(() => configuration)
  const people = openPeople({
    pools,
    key,
    egress,
    data: settings.data,
    version,
    env,
    log: book.of,
    configuration: () => configuration,
    changed: watching.look,
    directory,
    converging,
    poller,
    decoding,
    alerts,
    batches,
    outgoing: { lanes: dispatch.lanesOf, woke: dispatch.wake },
    described,
    again: events.again,
    address: () => ownAddress,
  })
  agents.push(...people.agents, startUsher({ sql: pools.people, env, log: book.of('usher') }))
  await mountApi(http.app, people.api)
  await mountConsole(http.app, { build: settings.buildConsole ?? false, log: book.of('console') })

  // ── doors ──
  const received = receiveDoors({
    tokens: { find: (hash) => configuration.tokens.find(hash) },
    catalog: { erp: (tenantId) => configuration.catalog.erp(tenantId) },
    admit,
    keep: decoding.keep,
    waitDecoded: decoding.waitDecoded,
    waitSettled: (record, version, signal) => waitSettled({ sql: pools.doors, env }, record, version, signal),
    env,
    log: book.of('receive'),
  })
  if (does('receive')) for (const { path, door } of received) http.record(path, watchedDoor(tracing, path, door))
  if (does('listen')) http.record(webhookPath, watchedDoor(tracing, webhookPath, events.door()))
  for (const { path, door } of [...batches.doors, ...dispatched.doors])
    http.record(path, watchedDoor(tracing, path, door))
  if (sandbox) {
    showSandbox(http.app, sandbox, async (connectionId, mode) => {
      if (await setRecognise(pools.owner, sandboxTenantId, connectionId, mode)) await watching.look()
    })
  }
  showShares(http.app, { sql: pools.people, described })
  showMetrics(http.app, metrics, process.env.MORTISE_METRICS_TOKEN || null)
  const listening = await http.listen({ host: settings.host, port: settings.port })
  ownAddress = listening
  serving = true
  if (does('listen')) events.listen()
  if (sandbox) await introduceSandbox(sandbox, settings.data, listening, secrets)
  out(greeting({ url: listening, sandbox: sandbox !== null, data: settings.data, secrets, isFirst }))

  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    if (settings.drain) await env.sleep(settings.drain)
    // both refuse what is new and end what is under way
    await Promise.all([http.stop({ limit: finishing - 5_000 }), events.stop()])
    await watching.stop()
    converging.hush()
    await hearing.stop()
    await Promise.all(agents.map((agent) => agent.stop()))
    await decoding.stop()
    await converging.close()
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
    await pools.close()
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
