/** Reads the queues of a connection and how its events name things; keeps the addresses, which hold passwords, apart from the rest. */
import type { ObjectDef } from '../doc/object.ts'
import { type EventShape, plainShape, type QueueDef } from '../doc/queue.ts'
import type { Origin } from './config.ts'
import { type Context, complain, originOf, unique, words } from './context.ts'
import { parseDuration, writeDuration } from './duration.ts'
import { didYouMean, type Path } from './problem.ts'
import type { EventsFile, QueueFile } from './schema.ts'

export const queueDefaults = { state: 'enabled', batch: 200, ackWait: 30_000, startFrom: 'all' } as const

const schemes: Record<QueueDef['kind'], readonly string[]> = {
  rabbitmq: ['amqp:', 'amqps:'],
  nats: ['nats:', 'tls:'],
  kafka: ['kafka:', 'kafkas:'],
}

/** Which fields speak of which kind. */
const fieldsOf: Record<QueueDef['kind'], readonly (keyof QueueFile)[]> = {
  rabbitmq: ['queue', 'create', 'exchange', 'routingKeys'],
  nats: ['stream', 'durable', 'subjects', 'ackWait', 'startFrom'],
  kafka: ['topics', 'group', 'startFrom'],
}

const checkUrl = (context: Context, kind: QueueDef['kind'], text: string, path: Path): void => {
  if (/^kept\b/.test(text)) return // declared again by its name: the value is filled in afterwards
  for (const one of text.split(',').map((part) => part.trim())) {
    const url = URL.canParse(one) ? new URL(one) : null
    if (!url || !schemes[kind].includes(url.protocol) || url.hostname === '')
      return complain(context, path, `an address of ${kind} begins with ${schemes[kind].join('// or ')}//`)
  }
}

const nameOf = (tenantId: string, connectionId: string, id: string): string =>
  ['mortise', tenantId, connectionId, id].join('-').replaceAll(/[^A-Za-z0-9_-]/g, '_')

const readQueue = (
  context: Context,
  owner: { tenantId: string; connectionId: string },
  given: QueueFile,
  path: Path,
): QueueDef => {
  const { kind } = given
  const id = String(given.id)
  checkUrl(context, kind, given.url, [...path, 'url'])
  for (const [other, fields] of Object.entries(fieldsOf))
    for (const field of fields)
      if (other !== kind && given[field] !== undefined && !fieldsOf[kind].includes(field))
        complain(context, [...path, field], `is for ${other}, and this queue is ${kind}`, { part: 'key' })
  const must = (field: 'queue' | 'stream' | 'topics'): void => {
    if (given[field] === undefined) complain(context, path, `a queue of kind ${kind} needs "${field}"`)
  }
  const base: QueueDef = {
    id,
    kind,
    url: given.url,
    ...(given.tls && { tls: given.tls }),
    state: given.state ?? queueDefaults.state,
    batch: given.batch ?? queueDefaults.batch,
  }
  const made = nameOf(owner.tenantId, owner.connectionId, id)
  switch (kind) {
    case 'rabbitmq':
      must('queue')
      if (given.exchange !== undefined && given.create !== true)
        complain(context, [...path, 'exchange'], 'is bound only where create: true', { part: 'key' })
      return {
        ...base,
        rabbitmq: {
          queue: given.queue ?? '',
          create: given.create ?? false,
          ...(given.exchange !== undefined && { exchange: given.exchange }),
          routingKeys: given.routingKeys ?? [],
        },
      }
    case 'nats': {
      must('stream')
      const ackWait = given.ackWait === undefined ? null : parseDuration(given.ackWait)
      if (ackWait !== null && ackWait < 1_000) complain(context, [...path, 'ackWait'], 'is shorter than a second')
      return {
        ...base,
        nats: {
          stream: given.stream ?? '',
          durable: given.durable ?? made,
          subjects: given.subjects ?? [],
          startFrom: given.startFrom ?? queueDefaults.startFrom,
          ackWait: ackWait ?? queueDefaults.ackWait,
        },
      }
    }
    case 'kafka':
      must('topics')
      complain(context, [...path, 'kind'], 'kafka is experimental: it has not run against a real broker yet', {
        level: 'warning',
      })
      return {
        ...base,
        kafka: {
          topics: given.topics ?? [],
          group: given.group ?? made,
          startFrom: given.startFrom ?? queueDefaults.startFrom,
        },
      }
  }
}

export const readQueues = (
  context: Context,
  owner: { tenantId: string; connectionId: string },
  given: readonly QueueFile[],
  path: Path,
): { queues: QueueDef[]; origins: Record<string, Origin> } => {
  unique(
    context,
    given,
    (one) => String(one.id),
    (i) => [...path, i, 'id'],
    'queue',
  )
  const queues = given.map((one, i) => readQueue(context, owner, one, [...path, i]))
  const origins: Record<string, Origin> = {}
  for (const [i, queue] of queues.entries()) {
    origins[`${queue.id}/url`] = originOf(context.read.written([...path, i, 'url']))
    if (queue.tls?.key !== undefined)
      origins[`${queue.id}/key`] = originOf(context.read.written([...path, i, 'tls', 'key']))
  }
  return { queues, origins }
}

/** The definitions without their secrets, and the secrets by name (`changes/url`, `changes/key`). */
export const splitQueues = (queues: readonly QueueDef[]): { open: QueueDef[]; secrets: Record<string, string> } => {
  const secrets: Record<string, string> = {}
  const open = queues.map((queue): QueueDef => {
    secrets[`${queue.id}/url`] = queue.url
    if (queue.tls?.key !== undefined) secrets[`${queue.id}/key`] = queue.tls.key
    const tls = queue.tls && { ...queue.tls, ...(queue.tls.key !== undefined && { key: '' }) }
    return { ...queue, url: '', ...(tls && { tls }) }
  })
  return { open, secrets }
}

/** What `splitQueues` took apart. */
export const joinQueues = (open: readonly QueueDef[], secrets: Readonly<Record<string, string>>): QueueDef[] =>
  open.map((queue) => ({
    ...queue,
    url: secrets[`${queue.id}/url`] ?? '',
    ...(queue.tls && {
      tls: { ...queue.tls, ...(queue.tls.key !== undefined && { key: secrets[`${queue.id}/key`] ?? '' }) },
    }),
  }))

export const readEvents = (
  context: Context,
  given: EventsFile,
  objects: readonly ObjectDef[],
  path: Path,
): EventShape => {
  const known = (code: string, at: Path): string => {
    const found = objects.find((one) => one.code === code) ?? objects.find((one) => one.apiName === code)
    if (!found)
      complain(
        context,
        at,
        `object "${code}" is not declared on this connection${didYouMean(
          code,
          objects.map((one) => one.code),
        )}`,
      )
    return found?.code ?? code
  }
  const or = <T>(said: T | undefined, usual: T): T => (said === undefined ? usual : said)
  const names = given.names ?? {}
  const usual = plainShape.names
  const details = Object.fromEntries(
    Object.entries(given.details ?? {}).map(([code, { object, masterId }]) => {
      const at: Path = [...path, 'details', code]
      if (objects.some((one) => one.code === code || one.apiName === code))
        complain(context, at, `"${code}" is an object of its own on this connection`, { part: 'key' })
      return [code, { object: known(object, [...at, 'object']), masterId }]
    }),
  )
  for (const code of Object.keys(given.objects ?? {}))
    if (!Object.hasOwn(details, given.objects?.[code] ?? ''))
      known(given.objects?.[code] ?? '', [...path, 'objects', code])
  return {
    names: {
      tenantId: or(names.tenantId, usual.tenantId),
      objectApiName: names.objectApiName ?? usual.objectApiName,
      dataId: names.dataId ?? usual.dataId,
      operation: or(names.operation, usual.operation),
      changedAt: or(names.changedAt, usual.changedAt),
      masterFieldVal: or(names.masterFieldVal, usual.masterFieldVal),
      detailFieldVals: or(names.detailFieldVals, usual.detailFieldVals),
    },
    operations: given.operations ?? {},
    objects: given.objects ?? {},
    tenants: words(given.tenants),
    details,
    time: given.time ?? null,
    others: given.others ?? 'refuse',
  }
}

type Tree = Record<string, unknown>
const without = (value: unknown, usual: unknown): unknown =>
  JSON.stringify(value) === JSON.stringify(usual) ? undefined : value

/** As the file says it; `named` answers how a secret is written there. */
export const queueTree = (
  owner: { tenantId: string; connectionId: string },
  queue: QueueDef,
  named: (secret: string) => string,
): Tree => {
  const { id, kind, tls, rabbitmq, nats, kafka } = queue
  const made = nameOf(owner.tenantId, owner.connectionId, id)
  return {
    id,
    kind,
    url: named(`${id}/url`),
    tls: tls && { ca: tls.ca, cert: tls.cert, key: tls.key === undefined ? undefined : named(`${id}/key`) },
    state: without(queue.state, queueDefaults.state),
    batch: without(queue.batch, queueDefaults.batch),
    queue: rabbitmq?.queue,
    create: rabbitmq?.create || undefined,
    exchange: rabbitmq?.exchange,
    routingKeys: rabbitmq?.routingKeys.length ? rabbitmq.routingKeys : undefined,
    stream: nats?.stream,
    durable: without(nats?.durable, made),
    subjects: nats?.subjects.length ? nats.subjects : undefined,
    ackWait: nats && nats.ackWait !== queueDefaults.ackWait ? writeDuration(nats.ackWait) : undefined,
    topics: kafka?.topics,
    group: without(kafka?.group, made),
    startFrom: without(nats?.startFrom ?? kafka?.startFrom, queueDefaults.startFrom),
  }
}

export const eventsTree = (shape: EventShape): Tree => ({
  names: Object.fromEntries(
    Object.entries(shape.names).filter(([key, path]) => path !== plainShape.names[key as keyof EventShape['names']]),
  ),
  operations: shape.operations,
  objects: shape.objects,
  tenants: shape.tenants,
  details: shape.details,
  time: shape.time ?? undefined,
  others: without(shape.others, 'refuse'),
})
