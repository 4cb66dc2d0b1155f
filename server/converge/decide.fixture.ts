/** Links, documents and pairs for the tests of the pure heart: short to say, compiled by the real compiler. */
import { createHash } from 'node:crypto'
import type { Document, Side } from '../doc/document.ts'
import type { FieldRule, FlowDef, Pair, PairDef } from '../doc/flow.ts'
import { emptyPrint } from '../doc/print.ts'
import { compiled, field, flow, object, pairDef } from '../map/fixture.ts'
import type { Situation } from './decide.ts'
import type { LinkRow } from './link.ts'

export const now = 1_700_000_000_000

export const newLink = (more: Partial<LinkRow> = {}): LinkRow => ({
  tenant_id: 't',
  pair_id: 'p',
  link_id: 1,
  left_id: 'L-1',
  right_id: null,
  detail_ids: {},
  first_arrival_at: now - 60_000,
  left_version: 1,
  right_version: 0,
  left_agreed_version: 0,
  left_agreed_hash: null,
  left_agreed_print: emptyPrint,
  right_agreed_version: 0,
  right_agreed_hash: null,
  right_agreed_print: emptyPrint,
  generation: 1,
  settled: 0,
  asked_generation: 0,
  asked_side: null,
  state: 'working',
  reason: null,
  held: false,
  target_connection: 'crm',
  next_at: now,
  attempts: 0,
  since: null,
  wait_kind: null,
  wait_on: null,
  wait_until: null,
  wait_step: 0,
  fault: null,
  lease_token: 1,
  lease_until: now + 10_000,
  sent_at: null,
  sent_call: null,
  sent_side: null,
  sent_generation: null,
  sent_left_version: null,
  sent_right_version: null,
  sent_hash: null,
  sent_print: emptyPrint,
  sent_source_print: emptyPrint,
  sent_later: [],
  later_side: null,
  sent_seen: [],
  sent_rows: {},
  first_mark: null,
  last_mark: null,
  idem_key: null,
  unbound_rows: false,
  match_key: null,
  doubt_at: null,
  doubt_first: null,
  refused_version: null,
  doubt_key: null,
  declared_id: null,
  voided_at: null,
  flips: 0,
  flips_since: null,
  last_side: null,
  last_call_at: null,
  ...more,
})

export const fields: FieldRule[] = [
  { from: 'name', to: 'name' },
  { from: 'note', to: 'note' },
]

interface Shape {
  left?: Partial<FlowDef> & { fields?: FieldRule[] }
  right?: (Partial<FlowDef> & { fields?: FieldRule[] }) | null
  conflict?: PairDef['conflict']
}

const side = (from: Side, { fields: rules = fields, ...more }: NonNullable<Shape['left']>): FlowDef =>
  flow(from, rules, [], { actions: { create: true, update: true, void: 'invalid' }, ...more })

/** Two objects with `name` (compared without case and blanks), `note`, `grade` that no flow reads, and `ref`. One way unless `right` is given. */
export const pairOf = ({ left = {}, right = null, conflict = 'left' }: Shape = {}): Pair => {
  const columns = (code: string) => [
    field('name', 'text', { compare: { trim: true, ignoreCase: true } }),
    field('note', 'text'),
    field('grade', 'text'),
    field('ref', 'reference', { references: code }),
    field('sourceId', 'text'),
  ]
  const flows = { left: side('left', left), ...(right && { right: side('right', right) }) }
  return compiled({
    left: object('L', columns('L'), { externalIdField: 'sourceId' }),
    right: object('R', columns('R'), { externalIdField: 'sourceId' }),
    flows,
    pair: { conflict },
    others: [pairDef('p', flows, { conflict })],
  })
}

/** As a system shows it; the field for the other side's id is filled, as after a call of ours. */
export const staged = (
  at: Side,
  version: number,
  master: Record<string, string>,
  more: Partial<Document> = {},
): Document => ({
  tenant_id: 't',
  connection_id: at === 'left' ? 'erp' : 'crm',
  object: at === 'left' ? 'L' : 'R',
  data_id: at === 'left' ? 'L-1' : 'R-1',
  version,
  operation: 'upsert',
  content_hash: createHash('md5').update(JSON.stringify(master)).digest(),
  source_time: null,
  external_id: null,
  content: {
    masterFieldVal: { id: at === 'left' ? 'L-1' : 'R-1', sourceId: at === 'left' ? 'R-1' : 'L-1', ...master },
    detailFieldVals: {},
  },
  ...more,
})

export const voidOf = (at: Side, version: number): Document =>
  staged(at, version, { name: 'Ada', note: 'n' }, { operation: 'void', content_hash: Buffer.alloc(0) })

export const situation = (
  pair: Pair,
  link: Partial<LinkRow>,
  documents: Partial<Situation['documents']>,
  more: Partial<Situation> = {},
): Situation => {
  const both = { left: documents.left ?? null, right: documents.right ?? null }
  return {
    link: newLink({
      left_id: both.left?.data_id ?? null,
      right_id: both.right?.data_id ?? null,
      left_version: both.left?.version ?? 0,
      right_version: both.right?.version ?? 0,
      ...link,
    }),
    pair,
    documents: both,
    refs: new Map(),
    open: null,
    carriers: [],
    now,
    ...more,
  }
}

/** Both sides agreed on what they held at versions 10 and 11. */
export const agreedOn = (pair: Pair, left: Record<string, string>, right = left): Partial<LinkRow> => {
  const [here, there] = [staged('left', 10, left), staged('right', 11, right)]
  return {
    left_id: 'L-1',
    right_id: 'R-1',
    left_agreed_version: 10,
    right_agreed_version: 11,
    left_version: 10,
    right_version: 11,
    left_agreed_hash: here.content_hash,
    right_agreed_hash: there.content_hash,
    left_agreed_print: pair.print('left', here),
    right_agreed_print: pair.print('right', there),
    generation: 3,
    settled: 2,
  }
}
