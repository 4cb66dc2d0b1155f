/** The two systems and the pair between them, as an administrator would have declared them for a seed's scenario. */
import type { Side } from '../../server/doc/document.ts'
import { sides } from '../../server/doc/document.ts'
import type { ConnectionDef, FlowDef, Pair, PairDef, Recognise } from '../../server/doc/flow.ts'
import type { ObjectDef } from '../../server/doc/object.ts'
import { compilePair } from '../../server/map/plan.ts'
import type { Scenario } from './scenario.ts'
import { lookAway } from './steps.ts'

export const timeout = 3_000
export const longestProcessing = 2_000
export const connectionOf: Record<Side, string> = { left: 'L', right: 'R' }

const connection = (id: string, role: 'erp' | 'crm', recognise: Recognise): ConnectionDef => ({
  tenantId: 't',
  connectionId: id,
  kind: 'standard',
  role,
  baseUrl: 'http://sim/',
  headers: {},
  result: { codePath: 'code', messagePath: 'message', dataPath: 'data', successCodes: ['0'] },
  refusedBeforeEffect: [],
  unsureCodes: [],
  notFoundCodes: [],
  refusedCodes: [],
  recognise,
  keyKept: 86_400_000,
  longestProcessing,
  timeout,
  lateness: 3_600_000,
  overlap: 10_000,
  limits: { concurrency: 6 },
  readable: true,
  zone: 'UTC',
  pageSize: 100,
})

const object = (code: string, { normalises, stamps, carries }: Scenario): ObjectDef => {
  const compare = normalises ? { compare: { trim: true, ignoreCase: true } } : {}
  return {
    code,
    apiName: code,
    idField: 'id',
    ...(carries && { externalIdField: 'sourceId' }),
    ...(stamps && { modifiedField: 'modified' }),
    fields: [
      { code: 'id', type: 'text' },
      { code: 'name', type: 'text', ...compare },
      { code: 'note', type: 'text', ...compare },
      { code: 'ref', type: 'reference', references: code },
      { code: 'sourceId', type: 'text' },
      { code: 'modified', type: 'text' },
      { code: 'tag', type: 'text', ...compare },
      { code: 'tag2', type: 'text', ...compare },
    ],
    details: [
      {
        code: 'lines',
        idField: 'id',
        fields: [
          { code: 'id', type: 'text' },
          { code: 'item', type: 'text', ...compare },
          { code: 'sourceId', type: 'text' },
        ],
      },
    ],
  }
}

const flow = (from: Side, s: Scenario): FlowDef => ({
  from,
  state: 'enabled',
  scope: [],
  actions: { create: true, update: true, void: 'invalid' },
  leavingScope: 'leave',
  goneAtSource: 'keep',
  repush: 'update',
  matchBeforeCreate: false,
  ...(s.steps && { functions: { beforeMapping: 'tag', beforeWrite: { function: 'untag', fields: [] } } }),
  mapping: {
    fields: [
      { from: s.steps ? 'tag' : 'name', to: 'name' },
      { from: s.steps ? 'tag2' : 'note', to: 'note' },
      ...(s.references === 'none' ? [] : [{ from: 'ref', to: 'ref', reference: { pair: 'p', missing: s.references } }]),
    ],
    details: s.details
      ? [{ from: 'lines', to: 'lines', policy: 'replace' as const, fields: [{ from: 'item', to: 'item' }] }]
      : [],
  },
})

export interface Configuration {
  pair: Pair
  objects: Record<Side, ObjectDef>
  connections: Record<Side, ConnectionDef>
}

export const configure = (s: Scenario, settleTime: boolean): Configuration => {
  const def: PairDef = {
    tenantId: 't',
    pairId: 'p',
    left: { connectionId: connectionOf.left, object: 'rec' },
    right: { connectionId: connectionOf.right, object: 'rec' },
    conflict: s.conflict,
    flows: { left: flow('left', s), ...(s.twoWay && { right: flow('right', s) }) },
  }
  const connections = { left: connection('L', 'erp', s.recognise), right: connection('R', 'crm', s.recognise) }
  if (!settleTime) for (const side of sides) connections[side].longestProcessing = -12_000
  const objects = { left: object('rec', s), right: object('rec', s) }
  const compiled = compilePair(def, objects, connections, { pairOf: (id) => (id === 'p' ? def : undefined) })
  if ('problems' in compiled) throw new Error(JSON.stringify(compiled.problems))
  if (s.steps === 'unseen') lookAway(compiled.pair)
  return { pair: compiled.pair, objects, connections }
}
