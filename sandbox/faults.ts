/** Faults on demand: which calls they hit (by count or by a seeded generator) and what they ask for. */
import { isExactNumber, isJsonObject, textOf } from './json.ts'

export const interfaceCalls = ['create', 'update', 'invalid', 'queryMasterBatch', 'queryMasterById'] as const
export type InterfaceCall = (typeof interfaceCalls)[number]

/** Which calls a fault hits. Without `nth` and `rate`: every matching one. `nth` counts matching calls from the PUT, 1 = the next. */
export type Aim = {
  call?: InterfaceCall | '*'
  object?: string
  nth?: number | number[]
  rate?: number
  seed?: number
  /** Only bodies whose master fields (or query parameters) show these texts: the one bad record. */
  where?: Record<string, string>
}

export type Kind =
  | { kind: 'status'; status: number; body?: unknown; effect?: boolean }
  | { kind: 'delay'; ms: number; before?: boolean }
  | { kind: 'hold'; before?: boolean }
  | { kind: 'cutBefore' }
  | { kind: 'cutAfter' }
  | { kind: 'lateCommit'; ms: number; answer?: 'cut' | '504' | 'hang' }
  | { kind: 'wrongShape'; body?: unknown; effect?: boolean }
  | { kind: 'missingDetailIds' }
  | { kind: 'dropDetailRow'; every: number }
  | { kind: 'retryAfter'; seconds?: number }
  | { kind: 'refuse'; code: string; message: string }
  | { kind: 'noOrder'; shuffle?: boolean }
  | { kind: 'lateVisibility'; ms: number }
  | { kind: 'wrongClock'; ms: number }
  | { kind: 'normalise'; trim?: boolean; case?: 'upper' | 'lower' | 'keep'; numbers?: boolean }
  | { kind: 'hang'; effect?: boolean }

export type Fault = Aim & Kind

export type Armed = { fault: Fault; seen: number; hits: number; draw: () => number }
export type Hit = readonly [index: number, fired: 0 | 1]

type Check = 'number' | 'boolean' | 'text' | 'any'
type Rule = { needs?: Record<string, Check>; may?: Record<string, Check>; calls: readonly InterfaceCall[] }

const writes: readonly InterfaceCall[] = ['create', 'update', 'invalid']
const bodies: readonly InterfaceCall[] = ['create', 'update']

/** The catalogue: what each kind needs, may have, and which calls it means. README.md tells the same to people. */
export const catalogue: Record<Kind['kind'], Rule> = {
  status: { needs: { status: 'number' }, may: { body: 'any', effect: 'boolean' }, calls: interfaceCalls },
  delay: { needs: { ms: 'number' }, may: { before: 'boolean' }, calls: interfaceCalls },
  hold: { may: { before: 'boolean' }, calls: interfaceCalls },
  cutBefore: { calls: interfaceCalls },
  cutAfter: { calls: interfaceCalls },
  lateCommit: { needs: { ms: 'number' }, may: { answer: 'text' }, calls: writes },
  wrongShape: { may: { body: 'any', effect: 'boolean' }, calls: interfaceCalls },
  missingDetailIds: { calls: writes },
  dropDetailRow: { needs: { every: 'number' }, calls: bodies },
  retryAfter: { may: { seconds: 'number' }, calls: interfaceCalls },
  refuse: { needs: { code: 'text', message: 'text' }, calls: interfaceCalls },
  noOrder: { may: { shuffle: 'boolean' }, calls: ['queryMasterBatch'] },
  // Late visibility is decided when the change is made, whichever call the list names: a commit is late, not a query.
  lateVisibility: { needs: { ms: 'number' }, calls: writes },
  // A clock is wrong for everything the system does.
  wrongClock: { needs: { ms: 'number' }, calls: interfaceCalls },
  normalise: { may: { trim: 'boolean', case: 'text', numbers: 'boolean' }, calls: bodies },
  hang: { may: { effect: 'boolean' }, calls: interfaceCalls },
}
const ignoresCall: readonly Kind['kind'][] = ['lateVisibility', 'wrongClock']

const fits = (value: unknown, check: Check): boolean => {
  switch (check) {
    case 'number':
      return typeof value === 'number' && Number.isFinite(value)
    case 'boolean':
      return typeof value === 'boolean'
    case 'text':
      return typeof value === 'string'
    case 'any':
      return true
  }
}

const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 1

const aimFault = ({ call, object, nth, rate, seed, where }: Record<string, unknown>, rule: Rule): string | null => {
  if (call !== undefined && call !== '*' && !interfaceCalls.includes(call as InterfaceCall))
    return `call is none of ${interfaceCalls.join(', ')}, *`
  if (object !== undefined && typeof object !== 'string') return 'object is not a text'
  if (nth !== undefined && rate !== undefined) return 'nth and rate exclude each other'
  if (nth !== undefined && !(Array.isArray(nth) ? nth.every(isCount) : isCount(nth))) return 'nth counts from 1'
  if (rate !== undefined && !(typeof rate === 'number' && rate >= 0 && rate <= 1)) return 'rate is not within 0 and 1'
  if (seed !== undefined && !Number.isInteger(seed)) return 'seed is not a whole number'
  if (where !== undefined && !(isJsonObject(where) && Object.values(where).every((text) => typeof text === 'string')))
    return 'where is not an object of texts'
  if (call !== undefined && call !== '*' && !rule.calls.includes(call as InterfaceCall))
    return `this kind means ${rule.calls.join(', ')}`
  return null
}

const faultFault = (fault: unknown): string | null => {
  if (!isJsonObject(fault)) return 'not an object'
  if (typeof fault.kind !== 'string' || !Object.hasOwn(catalogue, fault.kind))
    return `kind is none of ${Object.keys(catalogue).join(', ')}`
  const rule = catalogue[fault.kind as Kind['kind']]
  const own = ['kind', 'call', 'object', 'nth', 'rate', 'seed', 'where']
  for (const [name, check] of Object.entries(rule.needs ?? {}))
    if (!fits(fault[name], check)) return `${fault.kind} needs ${name} (${check})`
  for (const [name, check] of Object.entries(rule.may ?? {}))
    if (fault[name] !== undefined && !fits(fault[name], check)) return `${name} is not ${check}`
  const unknown = Object.keys(fault).find((name) => !own.includes(name) && !rule.needs?.[name] && !rule.may?.[name])
  if (unknown !== undefined) return `${fault.kind} has no option ${unknown}`
  if (
    fault.kind === 'status' &&
    !(Number.isInteger(fault.status) && Number(fault.status) >= 200 && Number(fault.status) <= 599)
  )
    return 'status is not within 200 and 599'
  if (
    fault.kind === 'lateCommit' &&
    fault.answer !== undefined &&
    !['cut', '504', 'hang'].includes(String(fault.answer))
  )
    return 'answer is none of cut, 504, hang'
  if (
    fault.kind === 'normalise' &&
    fault.case !== undefined &&
    !['upper', 'lower', 'keep'].includes(String(fault.case))
  )
    return 'case is none of upper, lower, keep'
  if (fault.kind === 'dropDetailRow' && !isCount(fault.every)) return 'every counts from 1'
  if (fault.kind !== 'wrongClock' && typeof fault.ms === 'number' && fault.ms < 0) return 'ms is below 0'
  const aim = ignoresCall.includes(fault.kind as Kind['kind']) ? { ...fault, call: undefined } : fault
  return aimFault(aim, rule)
}

/** Reads a list as PUT by a person or a test (numbers native). A text is the sentence that says what is wrong with it. */
export const readFaults = (list: unknown): Fault[] | string => {
  if (!Array.isArray(list)) return 'a list of faults is expected; [] clears'
  for (const [index, fault] of list.entries()) {
    const wrong = faultFault(fault)
    if (wrong !== null) return `fault ${index}: ${wrong}`
  }
  return list as Fault[]
}

/** mulberry32: small, seeded, the same on every machine. */
export const generator = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const arm = (faults: Fault[]): Armed[] =>
  faults.map((fault, index) => ({ fault, seen: 0, hits: 0, draw: generator((fault.seed ?? 1) * 1_000_003 + index) }))

const matches = (
  { kind, call, object, where }: Fault,
  called: InterfaceCall,
  about: string | null,
  values: Values,
): boolean => {
  if (!catalogue[kind].calls.includes(called)) return false
  if (call !== undefined && call !== '*' && call !== called && !ignoresCall.includes(kind)) return false
  if (object !== undefined && object !== about) return false
  return where === undefined || Object.entries(where).every(([name, text]) => textOf(values(name) ?? null) === text)
}

export type Values = (name: string) => unknown

/** Counts this call against every armed fault. `hits` names the matching ones, so that a restart can count again. */
export const fire = (
  armed: Armed[],
  call: InterfaceCall,
  object: string | null,
  values: Values,
): { fired: Fault[]; hits: Hit[] } => {
  const fired: Fault[] = []
  const hits: Hit[] = []
  for (const [index, one] of armed.entries()) {
    if (!matches(one.fault, call, object, values)) continue
    one.seen += 1
    const { nth, rate } = one.fault
    const hit = nth !== undefined ? [nth].flat().includes(one.seen) : rate !== undefined ? one.draw() < rate : true
    if (hit) {
      one.hits += 1
      fired.push(one.fault)
    }
    hits.push([index, hit ? 1 : 0])
  }
  return { fired, hits }
}

/** Brings the counters and generators to where they stood, from the hits that the journal kept. */
export const countAgain = (armed: Armed[], hits: readonly Hit[]): void => {
  for (const [index, fired] of hits) {
    const one = armed[index]
    if (one === undefined) continue
    one.seen += 1
    one.hits += fired
    if (one.fault.rate !== undefined) one.draw()
  }
}

export const pick = <K extends Kind['kind']>(
  fired: readonly Fault[],
  kind: K,
): Extract<Fault, { kind: K }> | undefined =>
  fired.find((fault) => fault.kind === kind) as Extract<Fault, { kind: K }> | undefined

/** The body a fault asks to be answered: a text as it is, anything else as JSON. */
export const bodyText = (body: unknown): string =>
  typeof body === 'string' ? body : isExactNumber(body) ? body.rawJSON : JSON.stringify(body)
