/** Objects, pairs and documents for the tests of this room: small enough to read, close to the sandbox's orders and customers. */
import assert from 'node:assert/strict'
import type { Document, Json, Side } from '../doc/document.ts'
import type {
  ConnectionDef,
  DetailRule,
  FieldRule,
  FlowDef,
  MapInput,
  Mapped,
  Pair,
  PairDef,
  Plan,
} from '../doc/flow.ts'
import type { DetailDef, FieldDef, FieldType, ObjectDef } from '../doc/object.ts'
import { parseContent, writeJson } from './content.ts'
import { compilePair, type Problem } from './plan.ts'

export const field = (code: string, type: FieldType, more: Partial<FieldDef> = {}): FieldDef => ({
  code,
  type,
  ...more,
})

export const detail = (code: string, fields: FieldDef[], idField: string | null = 'id'): DetailDef => ({
  code,
  ...(idField !== null && { idField }),
  fields: idField === null ? fields : [field(idField, 'text'), ...fields],
})

export const object = (code: string, fields: FieldDef[], more: Partial<ObjectDef> = {}): ObjectDef => ({
  code,
  apiName: code,
  idField: 'id',
  fields: [field('id', 'text'), ...fields],
  details: [],
  ...more,
})

export const connection = (connectionId: string, zone = 'UTC'): ConnectionDef => ({
  tenantId: 't',
  connectionId,
  kind: 'standard',
  role: connectionId === 'erp' ? 'erp' : 'crm',
  baseUrl: 'http://127.0.0.1/',
  headers: {},
  result: { codePath: 'code', messagePath: 'message', dataPath: 'data', successCodes: ['0'] },
  refusedBeforeEffect: [],
  unsureCodes: [],
  notFoundCodes: [],
  refusedCodes: [],
  recognise: 'byWindow',
  keyKept: 0,
  longestProcessing: 0,
  timeout: 1000,
  lateness: 0,
  overlap: 0,
  limits: { concurrency: 1 },
  readable: true,
  zone,
  pageSize: 100,
})

export const flow = (
  from: Side,
  fields: FieldRule[],
  details: DetailRule[] = [],
  more: Partial<FlowDef> = {},
): FlowDef => ({
  from,
  state: 'enabled',
  scope: [],
  actions: { create: true, update: true, void: 'skip' },
  leavingScope: 'leave',
  goneAtSource: 'keep',
  repush: 'update',
  matchBeforeCreate: false,
  mapping: { fields, details },
  ...more,
})

export const pairDef = (pairId: string, flows: PairDef['flows'], more: Partial<PairDef> = {}): PairDef => ({
  tenantId: 't',
  pairId,
  left: { connectionId: 'erp', object: 'L' },
  right: { connectionId: 'crm', object: 'R' },
  conflict: 'left',
  flows,
  ...more,
})

export interface World {
  left: ObjectDef
  right: ObjectDef
  flows: PairDef['flows']
  pair?: Partial<PairDef>
  zones?: Partial<Record<Side, string>>
  others?: PairDef[]
}

const compile = ({ left, right, flows, pair, zones, others = [] }: World) =>
  compilePair(
    pairDef('p', flows, pair),
    { left, right },
    { left: connection('erp', zones?.left), right: connection('crm', zones?.right) },
    { pairOf: (id) => others.find((one) => one.pairId === id) },
  )

export const compiled = (world: World): Pair => {
  const made = compile(world)
  if ('problems' in made) assert.fail(made.problems.map(({ path, message }) => `${path}: ${message}`).join('\n'))
  return made.pair
}

export const problems = (world: World): Problem[] => {
  const made = compile(world)
  return 'problems' in made ? made.problems : []
}

export const planOf = (pair: Pair, side: Side = 'left'): Plan => pair.plans[side] as Plan

/** One field to one field: the shortest way to a conversion. */
export const oneField = (
  source: FieldDef,
  target: FieldDef,
  rule: Partial<FieldRule> = {},
  zones: World['zones'] = {},
): Plan =>
  planOf(
    compiled({
      left: object('L', [source]),
      right: object('R', [target]),
      flows: { left: flow('left', [{ to: target.code, from: source.code, ...rule }]) },
      zones,
    }),
  )

/** A document from the JSON text of its bodies, so that numbers are written as they would come in. */
export const document = (id: string, master: string, details: string | null = null): Document => ({
  tenant_id: 't',
  connection_id: 'c',
  object: 'o',
  data_id: id,
  version: 1,
  operation: 'upsert',
  content_hash: Buffer.alloc(0),
  source_time: null,
  external_id: null,
  content: parseContent(master, details),
})

export const input = (source: Document, more: Partial<MapInput> = {}): MapInput => ({
  source,
  target: null,
  targetId: null,
  detailIds: {},
  refs: new Map(),
  now: 0,
  ...more,
})

export const mapped = (plan: Plan, given: MapInput): Extract<Mapped, { kind: 'mapped' }> => {
  const made = plan.apply(given)
  assert.equal(made.kind, 'mapped', JSON.stringify(made))
  return made as Extract<Mapped, { kind: 'mapped' }>
}

/** JSON text of what was mapped, numbers as they leave. */
export const sentMaster = (plan: Plan, given: MapInput): string =>
  writeJson(mapped(plan, given).outgoing.content.masterFieldVal)
export const sentDetails = (plan: Plan, given: MapInput): string =>
  writeJson(mapped(plan, given).outgoing.content.detailFieldVals as unknown as Json)

/** `code field value expected` of each fault. */
export const faultsOf = (plan: Plan, given: MapInput): string[] => {
  const made = plan.apply(given)
  if (made.kind !== 'faults') return []
  return made.faults.map(({ code, field: at, value, expected }) =>
    [code, at, value, expected].filter((part) => part !== undefined).join(' | '),
  )
}
