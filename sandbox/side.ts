/** One sandbox system at work: takes interface calls, bends them by the armed faults, journals, tells its changes, keeps the ledger. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type EventOptions, eventOptions, readEventOptions, startTeller, type Teller, type Told } from './events.ts'
import {
  type Armed,
  arm,
  bodyText,
  countAgain,
  type Fault,
  fire,
  generator,
  type Hit,
  type InterfaceCall,
  pick,
  readFaults,
} from './faults.ts'
import type { Journal, Line, Place } from './journal.ts'
import { isJsonObject, isJsonText, type Json, type JsonObject, readJson, textOf } from './json.ts'
import { objectsOf, type SystemName } from './objects.ts'
import {
  answerJson,
  apply,
  type Bend,
  type Change,
  type Decision,
  decide,
  findBatch,
  findById,
  type Found,
  type Held,
  keepAnswer,
  newState,
  type Outcome,
  type Recognise,
  recogniseModes,
  type State,
  straight,
  type WriteCall,
  withoutDetailIds,
} from './system.ts'

export type Arrival = {
  call: InterfaceCall
  token: string | null
  headerId: string | null
  headerObject: string | null
  operationType: string | null
  key: string | null
  requestId: string | null
  /** The body of a write, as it came; null for queries and for a body that was too large to read. */
  text: string | null
  query: URLSearchParams
  /** Another face's own search, in place of `queryMasterBatch`. */
  find?: (state: State, now: number) => Found
}

/** `body` null: nothing is answered, the socket is cut or left hanging. `shift`: how wrong the `Date` header has to be. */
export type Reply =
  | { status: number; body: string; headers?: Record<string, string>; shift?: number }
  | { body: null; socket: 'cut' | 'hang' }

/** A ledger call. `body` and `answer` are JSON texts of one line each, shown exactly as they were. */
type CallLine = {
  k: 'call'
  s: SystemName
  n: number
  at: number
  call: InterfaceCall
  object: string | null
  id: string | null
  body: string
  answer: string
  /** The HTTP status sent; null where nothing was answered. */
  status: number | null
  /** Whether the call changed what the system holds. */
  effect: boolean
  fault?: string[]
  key?: string
  requestId?: string
  replayed?: true
  abridged?: true
  effectAt?: number
  hits?: Hit[]
  late?: { due: number; bend: Bend; headerId: string | null; headerObject: string | null; operationType: string | null }
  change?: Change
  keep?: { hash: string; outcome: Outcome }
  tell?: true
}

/** What the journal holds of a call before its texts: body, answer and, with a change, the record's two. */
type CallHead = Omit<CallLine, 'body' | 'answer' | 'change'> & {
  change?: Omit<Change, 'held'> & { held: Omit<Held, 'master' | 'details'> }
}

type Head =
  | CallHead
  | { k: 'told'; s: SystemName; n: number }
  | { k: 'faults'; s: SystemName; faults: Fault[] }
  | { k: 'mode'; s: SystemName; recognise: Recognise }
  | { k: 'events'; s: SystemName; options: EventOptions }

type LedgerKey = { place: Place; n: number; call: InterfaceCall; object: string | null; id: string | null }
export type LedgerFilter = {
  since: number
  limit: number
  call: string | null
  object: string | null
  id: string | null
}

export type Side = {
  system: SystemName
  /** Takes a journaled line of this system, at start, before `open`. */
  replay(line: Line, place: Place): void
  open(journal: Journal): void
  /** `send` is called exactly once; the promise ends when the call has no more business here. */
  handle(arrival: Arrival, send: (reply: Reply) => void): Promise<void>
  ledger(filter: LedgerFilter): Generator<string>
  records(object: string, id: string | null, sourceId: string | null): Generator<string> | null
  faults(): unknown
  setFaults(list: unknown): Promise<string | null>
  mode(): { recognise: Recognise }
  setMode(given: unknown): Promise<string | null>
  events(): unknown
  setEvents(given: unknown): Promise<string | null>
  stop(): Promise<void>
}

/** Answers of queries above this many characters are kept as a summary: the ledger is a witness, not a second store. */
const LEDGER_ANSWER_MAX = 16_384

const writeCalls: readonly string[] = ['create', 'update', 'invalid']
const isWrite = (call: InterfaceCall): call is WriteCall => writeCalls.includes(call)

const outcome = (code: string, message: string): Outcome => ({ code, message, data: null, id: null })

const encodeCall = ({ body, answer, change, ...rest }: CallLine): { head: CallHead; texts: string[] } => {
  if (change === undefined) return { head: rest, texts: [body, answer] }
  const { master, details, ...held } = change.held
  return { head: { ...rest, change: { ...change, held } }, texts: [body, answer, master, details] }
}

/** A text of its own: a slice would keep the whole line in memory for as long as the record lives. */
const own = (text: string): string => Buffer.from(text).toString()

const decodeCall = (
  { change, ...rest }: CallHead,
  [body = 'null', answer = 'null', master, details]: string[],
): CallLine => {
  const line: CallLine = { ...rest, body, answer }
  if (change !== undefined)
    line.change = { ...change, held: { ...change.held, master: own(master ?? '{}'), details: own(details ?? '{}') } }
  return line
}

/** A JSON text without line breaks (they can only be space between its parts); what is no JSON becomes a JSON string. */
const asLine = (text: string, isJson: boolean): string =>
  text.trim() === ''
    ? 'null'
    : !isJson
      ? JSON.stringify(text)
      : /[\r\n]/.test(text)
        ? text.replace(/[\r\n]/g, ' ')
        : text

/** The ledger's public form of a call. */
const entryJson = ({ head, texts: [body, answer] }: Line): string => {
  const { n, at, call, object, id, status, effect, fault, key, requestId, replayed, abridged, effectAt, late } =
    head as CallHead
  const rest = { status, effect, fault, key, requestId, replayed, abridged, effectAt, due: late?.due }
  const first = JSON.stringify({ n, at, call, objAPIName: object, id }).slice(0, -1)
  return `${first},"body":${body},"answer":${answer},${JSON.stringify(rest).slice(1)}`
}

const heldJson = ({
  id,
  sourceId,
  master,
  details,
  voided,
  createdAt,
  modifiedAt,
  visibleAt,
  versions,
}: Held): string =>
  `${JSON.stringify({ id, sourceId, voided, createdAt, modifiedAt, visibleAt, versions }).slice(0, -1)},"masterFieldVal":${master},"detailFieldVals":${details}}`

const toldOf = (n: number, { object, op, held }: Change): Told => ({
  n,
  object,
  id: held.id,
  op,
  changedAt: held.modifiedAt,
  master: held.master,
  details: held.details,
})

/** An arbitrary but steady order (by a hash of the ids), or with a generator a new one each time. */
const disordered = (held: Held[], draw: (() => number) | null): Held[] =>
  held
    .map((one) => ({ one, rank: draw === null ? generator(hash32(one.id))() : draw() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ one }) => one)

const hash32 = (text: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash
}

const bendOf = (fired: readonly Fault[]): Bend => {
  if (fired.length === 0) return straight
  const how = pick(fired, 'normalise')
  return {
    shift: pick(fired, 'wrongClock')?.ms ?? 0,
    visibleIn: pick(fired, 'lateVisibility')?.ms ?? 0,
    dropEvery: pick(fired, 'dropDetailRow')?.every ?? 0,
    normalise:
      how === undefined ? null : { trim: how.trim ?? true, case: how.case ?? 'lower', numbers: how.numbers ?? true },
  }
}

type EndKind = 'status' | 'cutBefore' | 'cutAfter' | 'lateCommit' | 'wrongShape' | 'retryAfter' | 'refuse' | 'hang'
type End = Extract<Fault, { kind: EndKind }>
const endKinds: readonly string[] = [
  'status',
  'cutBefore',
  'cutAfter',
  'lateCommit',
  'wrongShape',
  'retryAfter',
  'refuse',
  'hang',
]

/** The first fault of the list that decides how the call ends. */
const endOf = (fired: readonly Fault[]): End | undefined =>
  fired.find((fault): fault is End => endKinds.includes(fault.kind))

const hasEffect = (end: End | undefined): boolean => {
  switch (end?.kind) {
    case undefined:
    case 'cutAfter':
      return true
    case 'status':
    case 'hang':
      return end.effect ?? false
    case 'wrongShape':
      return end.effect ?? true
    case 'cutBefore':
    case 'retryAfter':
    case 'refuse':
    case 'lateCommit':
      return false
  }
}

/** What leaves for a call that ends by this fault; `plain` is what would have been answered without it. */
const replyOf = (end: End | undefined, plain: string): Reply => {
  switch (end?.kind) {
    case undefined:
      return { status: 200, body: plain }
    case 'status':
      return {
        status: end.status,
        body: bodyText(end.body ?? { code: String(end.status), message: `fault: HTTP ${end.status}`, data: null }),
      }
    case 'wrongShape':
      return { status: 200, body: bodyText(end.body ?? { result: 'ok' }) }
    case 'retryAfter':
      return {
        status: 429,
        headers: { 'retry-after': String(end.seconds ?? 1) },
        body: answerJson(outcome('429001', 'too many requests')),
      }
    case 'refuse':
      return { status: 200, body: answerJson(outcome(end.code, end.message)) }
    case 'lateCommit':
      if (end.answer === '504') return { status: 504, body: answerJson(outcome('504001', 'gateway time-out')) }
      return { body: null, socket: end.answer ?? 'cut' }
    case 'hang':
      return { body: null, socket: 'hang' }
    case 'cutBefore':
    case 'cutAfter':
      return { body: null, socket: 'cut' }
  }
}

export const createSide = (deps: {
  system: SystemName
  token: string
  tenantId: string
  /** Overrides the hook that the file remembers. */
  hook: string | null
  now: () => number
  log: (line: string) => void
}): Side => {
  const { system, now } = deps
  const state = newState(objectsOf[system])
  const calls: LedgerKey[] = []
  const late = new Map<number, CallLine>()
  const untold = new Map<number, Told>()
  const stopping = new AbortController()
  let armed: Armed[] = []
  let release = Promise.withResolvers<void>()
  let options: EventOptions = eventOptions(system === 'crm' ? 'before' : 'off', null)
  let journal: Journal | null = null
  let teller: Teller | null = null
  let lastAt = 0

  /** The system's right clock: never backwards, so that the order of changes is the order of stamps. */
  const clock = (): number => {
    lastAt = Math.max(lastAt, now())
    return lastAt
  }

  const remember = (line: CallLine, place: Place): void => {
    const { n, call, object, id } = line
    calls[n - 1] = { place, n, call, object, id }
  }

  const take = (line: CallLine): void => {
    if (line.change !== undefined) apply(state, line.change)
    if (line.keep !== undefined && line.key !== undefined)
      keepAnswer(state, line.key, { ...line.keep, at: line.effectAt ?? line.at })
  }

  const opened = (): Journal => {
    if (journal === null) throw new Error('the sandbox is not open')
    return journal
  }

  const write = (head: Head): Promise<void> => {
    opened().append(head)
    return opened().written()
  }

  const writeCall = (line: CallLine): void => {
    const { head, texts } = encodeCall(line)
    remember(line, opened().append(head, texts))
  }

  const replayCall = (line: CallLine, place: Place): void => {
    remember(line, place)
    lastAt = Math.max(lastAt, line.effectAt ?? line.at)
    if (line.hits !== undefined && line.effectAt === undefined) countAgain(armed, line.hits)
    if (line.late === undefined) late.delete(line.n)
    else late.set(line.n, line)
    take(line)
    if (line.tell && line.change) untold.set(line.n, toldOf(line.n, line.change))
  }

  const replay = ({ head: given, texts }: Line, place: Place): void => {
    const head = given as Head
    switch (head.k) {
      case 'call':
        return replayCall(decodeCall(head, texts), place)
      case 'told':
        untold.delete(head.n)
        return
      case 'faults':
        armed = arm(head.faults)
        return
      case 'mode':
        state.recognise = head.recognise
        return
      case 'events':
        options = head.options
    }
  }

  const open = (given: Journal): void => {
    journal = given
    if (deps.hook !== null) options = { ...options, hook: deps.hook }
    teller = startTeller({
      tenantId: deps.tenantId,
      options,
      waiting: [...untold.values()],
      accepted: ({ n }) => {
        write({ k: 'told', s: system, n }).catch((error: unknown) => deps.log(`event ${n}: ${String(error)}`))
      },
    })
    untold.clear()
    for (const line of late.values()) scheduleLate(line)
  }

  const tells = (): boolean => teller !== null && teller.options().mode !== 'off' && teller.options().hook !== null

  /** Into the journal's queue and the state in one step; nothing leaves before `written`, so kill -9 finds both or neither. */
  const commit = (line: CallLine, decision: Decision): void => {
    if (decision.change !== null) {
      line.change = decision.change
      line.effect = true
      if (tells()) line.tell = true
    }
    if (decision.replayed) line.replayed = true
    if (decision.keep !== undefined) {
      const { code, message, data, id } = decision
      line.keep = { hash: decision.keep.hash, outcome: { code, message, data, id } }
    }
    writeCall(line)
    take(line)
  }

  const tell = async (line: CallLine): Promise<void> => {
    if (line.tell && line.change && teller !== null) await teller.tell(toldOf(line.n, line.change))
  }

  const scheduleLate = (line: CallLine): void => {
    const { due } = line.late as NonNullable<CallLine['late']>
    void sleep(Math.max(0, due - now()), undefined, { signal: stopping.signal })
      .then(() => commitLate(line))
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) deps.log(`late commit of call ${line.n} failed: ${String(error)}`)
      })
  }

  /** The late effect of a call that was left unanswered; its ledger entry is written anew, under the same number. */
  const commitLate = async (line: CallLine): Promise<void> => {
    const { bend, headerId, headerObject, operationType } = line.late as NonNullable<CallLine['late']>
    const at = clock()
    const text = line.body
    const body = text === 'null' ? null : (readJson(text) as JsonObject)
    const request = {
      call: line.call as WriteCall,
      text,
      body,
      headerId,
      headerObject,
      operationType,
      key: line.key ?? null,
    }
    const decision = decide(state, request, at, bend)
    const done: CallLine = { ...line, id: decision.id ?? line.id, answer: answerJson(decision), effectAt: at }
    delete done.late
    commit(done, decision)
    late.delete(line.n)
    await opened().written()
    await tell(done)
  }

  const parsed = (text: string | null): { body: JsonObject | null; wrong: Outcome | null } => {
    if (text === null) return { body: null, wrong: outcome('413001', 'the body is larger than 25 MB') }
    if (text.trim() === '') return { body: null, wrong: null }
    try {
      const body: Json = readJson(text)
      if (isJsonObject(body)) return { body, wrong: null }
      return { body: null, wrong: outcome('400002', 'the body is not an object') }
    } catch (error) {
      return { body: null, wrong: outcome('400001', `the body is not JSON: ${(error as Error).message}`) }
    }
  }

  const asksFor = (arrival: Arrival, body: JsonObject | null, object: string | null): string | null => {
    if (!isWrite(arrival.call)) return arrival.query.get('dataId')
    const def = object === null ? undefined : objectsOf[system].get(object)
    const master = body?.masterFieldVal
    const inside = def !== undefined && isJsonObject(master) ? textOf(master[def.idField]) : null
    return arrival.call === 'create' ? null : inside || arrival.headerId
  }

  const queryText = (query: URLSearchParams): string => JSON.stringify(Object.fromEntries(query))

  const pause = async (fired: readonly Fault[], before: boolean): Promise<void> => {
    const delay = fired.find((fault) => fault.kind === 'delay' && (fault.before ?? false) === before)
    const hold = fired.find((fault) => fault.kind === 'hold' && (fault.before ?? false) === before)
    const { signal } = stopping
    if (delay?.kind === 'delay') await sleep(delay.ms, undefined, { signal }).catch(() => {})
    if (hold !== undefined) await release.promise
  }

  const query = (
    arrival: Arrival,
    fired: readonly Fault[],
    at: number,
  ): { decision: Decision; summary: string | null } => {
    if (arrival.call === 'queryMasterById') return { decision: findById(state, arrival.query), summary: null }
    const unordered = pick(fired, 'noOrder')
    const draw = unordered?.shuffle ? generator((unordered.seed ?? 1) + calls.length) : null
    const arrange = unordered === undefined ? null : (held: Held[]) => disordered(held, draw)
    const found = arrival.find?.(state, at) ?? findBatch(state, arrival.query, at, arrange)
    if ((found.data?.length ?? 0) <= LEDGER_ANSWER_MAX) return { decision: found, summary: null }
    const data = JSON.stringify({ totalNum: found.total, rows: found.ids.length, ids: found.ids })
    return { decision: found, summary: answerJson({ ...found, data }) }
  }

  const handle = async (arrival: Arrival, send: (reply: Reply) => void): Promise<void> => {
    const { call } = arrival
    const { body, wrong } = isWrite(call) ? parsed(arrival.text) : { body: null, wrong: null }
    const object = isWrite(call) ? (textOf(body?.objAPIName) ?? arrival.headerObject) : arrival.query.get('objAPIName')
    const line: CallLine = {
      k: 'call',
      s: system,
      n: 0,
      at: now(),
      call,
      object,
      id: asksFor(arrival, body, object),
      body: isWrite(call) ? asLine(arrival.text ?? '', wrong?.code !== '400001') : queryText(arrival.query),
      answer: 'null',
      status: 200,
      effect: false,
    }
    if (arrival.key !== null) line.key = arrival.key
    if (arrival.requestId !== null) line.requestId = arrival.requestId
    /** Enters a call without effect. */
    const note = (reply: Reply): Promise<void> => {
      line.n = calls.length + 1
      line.answer = reply.body === null ? 'null' : asLine(reply.body, isJsonText(reply.body))
      line.status = reply.body === null ? null : reply.status
      writeCall(line)
      return opened().written()
    }

    if (arrival.token !== deps.token) {
      const sentence = arrival.token === null ? 'header token is missing' : 'header token is wrong'
      const reply: Reply = { status: 200, body: answerJson(outcome('401001', sentence)) }
      await note(reply)
      return send(reply)
    }

    const master = isJsonObject(body?.masterFieldVal) ? body.masterFieldVal : {}
    const values = isWrite(call) ? (name: string) => master[name] : (name: string) => arrival.query.get(name)
    const { fired, hits } = armed.length === 0 ? { fired: [], hits: [] } : fire(armed, call, object, values)
    if (hits.length > 0) line.hits = hits
    if (fired.length > 0) line.fault = fired.map(({ kind }) => kind)
    const bend = bendOf(fired)
    const end = endOf(fired)
    if (fired.length > 0) await pause(fired, true)
    if (stopping.signal.aborted) return send({ body: null, socket: 'cut' })

    if (end?.kind === 'lateCommit' && wrong === null) {
      const { headerId, headerObject, operationType } = arrival
      line.late = { due: now() + end.ms, bend, headerId, headerObject, operationType }
      const reply = replyOf(end, '')
      const noted = note(reply)
      late.set(line.n, line)
      scheduleLate(line)
      await noted
      return send(withShift(reply, bend))
    }

    if (!hasEffect(end)) {
      const reply = replyOf(end, '')
      await note(reply)
      await pause(fired, false)
      return send(withShift(reply, bend))
    }

    const at = clock()
    const { headerId, headerObject, operationType, key } = arrival
    const request = { call: call as WriteCall, text: line.body, body, headerId, headerObject, operationType, key }
    const { decision, summary } =
      wrong !== null
        ? { decision: { ...wrong, change: null }, summary: null }
        : isWrite(call)
          ? { decision: decide(state, request, at, bend), summary: null }
          : query(arrival, fired, at)
    const silent = pick(fired, 'missingDetailIds') !== undefined
    const plain = answerJson(silent ? withoutDetailIds(decision) : decision)
    const reply = replyOf(end, plain)
    line.n = calls.length + 1
    line.id = decision.id ?? line.id
    line.answer = summary ?? plain
    if (summary !== null) line.abridged = true
    line.status = reply.body === null ? null : reply.status
    commit(line, decision)
    await opened().written()

    const { mode } = (teller as Teller).options()
    if (line.tell && mode === 'before') await tell(line)
    if (fired.length > 0) await pause(fired, false)
    send(withShift(reply, bend))
    if (line.tell && mode !== 'before') void tell(line)
  }

  const withShift = (reply: Reply, { shift }: Bend): Reply =>
    shift === 0 || reply.body === null ? reply : { ...reply, shift }

  function* ledger({ since, limit, call, object, id }: LedgerFilter): Generator<string> {
    const end = calls.length
    let left = limit
    let batch: Place[] = []
    const read = (): string[] => {
      const lines = batch.length === 0 ? [] : opened().read(batch)
      batch = []
      return lines.map(entryJson)
    }
    for (let index = Math.max(0, since); index < end && left > 0; index += 1) {
      const one = calls[index] as LedgerKey
      if ((call !== null && one.call !== call) || (object !== null && one.object !== object)) continue
      if (id !== null && one.id !== id) continue
      left -= 1
      if (batch.push(one.place) === 256) yield* read()
    }
    yield* read()
  }

  const records = (object: string, id: string | null, sourceId: string | null): Generator<string> | null => {
    const table = state.tables.get(object)
    if (table === undefined) return null
    const ids = id !== null ? [id] : sourceId !== null ? (table.bySource.get(sourceId) ?? []) : table.rows.keys()
    return (function* () {
      for (const one of ids) {
        const held = table.rows.get(one)
        if (held !== undefined && (sourceId === null || held.sourceId === sourceId)) yield heldJson(held)
      }
    })()
  }

  return {
    system,
    replay,
    open,
    handle,
    ledger,
    records,
    faults: () => ({ faults: armed.map(({ fault, seen, hits }) => ({ ...fault, seen, hits })) }),
    setFaults: async (list) => {
      const faults = readFaults(list)
      if (typeof faults === 'string') return faults
      const written = write({ k: 'faults', s: system, faults })
      armed = arm(faults)
      release.resolve()
      release = Promise.withResolvers()
      await written
      return null
    },
    mode: () => ({ recognise: state.recognise }),
    setMode: async (given) => {
      const recognise = isJsonObject(given) ? (given.recognise as Recognise) : null
      if (recognise === null || !recogniseModes.includes(recognise))
        return `recognise is none of ${recogniseModes.join(', ')}`
      const written = write({ k: 'mode', s: system, recognise })
      state.recognise = recognise
      await written
      return null
    },
    events: () => ({ ...(teller as Teller).options(), ...(teller as Teller).counts() }),
    setEvents: async (given) => {
      const next = readEventOptions(given, (teller as Teller).options())
      if (typeof next === 'string') return next
      const written = write({ k: 'events', s: system, options: next })
      teller?.change(next)
      await written
      return null
    },
    stop: async () => {
      stopping.abort()
      release.resolve()
      await teller?.stop()
    },
  }
}
