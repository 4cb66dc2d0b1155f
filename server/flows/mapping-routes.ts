/** Routes around a mapping: preview of a record, dry run of a flow, proposals, formulas checked, saved tests run, and what drifted. */
import { z } from 'zod'
import type { Locale } from '../../protocol/codes.ts'
import type { Side } from '../doc/document.ts'
import { absent } from '../http/declaring.ts'
import { type Asked, begun, done, inTenant, isRefused, ok, type Refused, type Route, route } from '../http/route.ts'

interface FlowName {
  tenant: string
  pair: string
  flow: 'leftToRight' | 'rightToLeft'
}

/** Handed in by main: these look into the rooms of the road. Null: there is no such flow, or nothing is known of the record. */
export interface MappingHands {
  preview(
    name: FlowName,
    asked: { id: string; record?: string | undefined; mapping?: Record<string, unknown> | undefined },
    locale: Locale,
  ): Promise<unknown>
  /** The task's id. */
  dryRun(asked: Asked<unknown, unknown, unknown>, name: FlowName): Promise<string | Refused | null>
  propose(name: FlowName): Promise<unknown>
  formula(name: FlowName, asked: { formula: string; detail?: string | undefined }, locale: Locale): Promise<unknown>
  tests(name: FlowName): Promise<unknown>
  drift(name: FlowName): Promise<unknown[] | null>
  /** False: there is no such flow. */
  clearDrift(name: FlowName): Promise<boolean>
}

export const sideOf = (flow: FlowName['flow']): Side => (flow === 'leftToRight' ? 'left' : 'right')

const inFlow = inTenant.extend({
  pair: z.string().min(1).max(200),
  flow: z.enum(['leftToRight', 'rightToLeft']),
})
const base = '/tenants/:tenant/pairs/:pair/flows/:flow'
const json = z.string().nullable().describe('JSON text, numbers as they are.')
const hit = z.object({ id: z.string(), boundTo: z.string().nullable() })

const previewShape = z.object({
  would: z.object({
    kind: z.enum(['create', 'update', 'void', 'skip', 'bind', 'wait', 'park', 'resolve']),
    reason: z.string().nullable().describe('Of a skip: why; of a bind: the id.'),
    faults: z.array(
      z.object({ code: z.string(), field: z.string().nullable(), sentence: z.string(), todo: z.string() }),
    ),
  }),
  source: json.describe('The record as it is read.'),
  target: json.describe('What is staged of the target’s record.'),
  targetId: z.string().nullable(),
  rules: z.array(
    z.object({
      to: z.string(),
      from: z.string().nullable(),
      formula: z.string().nullable(),
      read: json,
      made: json,
      left: z.enum(['absent', 'policy', 'reference', 'fault']).nullable().describe('Why nothing is written.'),
    }),
  ),
  mapped: json.describe('The mapped document; null where it cannot be mapped.'),
  request: z
    .object({ method: z.string(), url: z.string(), headers: z.record(z.string(), z.string()), body: z.string() })
    .nullable()
    .describe('What would be sent, secrets hidden, the body byte for byte.'),
  references: z.array(
    z.object({
      field: z.string(),
      pair: z.string(),
      id: z.string(),
      missing: z.string(),
      found: z.string().nullable(),
    }),
  ),
  matches: z.array(z.object({ by: z.string(), hits: z.array(hit) })),
  asksTarget: z.boolean().describe('Before a create the target itself is asked as well, which a preview does not do.'),
})

const proposal = z.object({
  to: z.string(),
  from: z.string(),
  by: z.enum(['code', 'label', 'pinyin', 'initials', 'words']),
  score: z.number(),
  options: z.record(z.string(), z.string()).optional(),
  reference: z.string().optional(),
})
const proposedShape = z.object({
  fields: z.array(proposal),
  open: z.array(z.string()).describe('Required target fields for which nothing was found.'),
  details: z.array(
    z.object({ from: z.string(), to: z.string(), fields: z.array(proposal), open: z.array(z.string()) }),
  ),
})

const formulaShape = z.object({
  problems: z.array(z.object({ at: z.number().describe('Character, from 0.'), say: z.string() })),
  canonical: z.string().nullable().describe('The formula as it would be written plainly.'),
})

const testShape = z.object({
  tests: z.array(z.object({ name: z.string(), passed: z.boolean(), wrong: z.array(z.string()) })),
})

const driftShape = z.object({
  items: z.array(
    z.object({
      kind: z.enum(['unknown', 'missing', 'type', 'option', 'unmapped']),
      field: z.string(),
      value: z.string().describe('The option; empty where only the field counts.'),
      sample: z.string().nullable(),
      record: z.string(),
      count: z.number(),
      firstAt: z.string(),
      lastAt: z.string(),
    }),
  ),
})

const taken = { group: 'flows', params: inFlow } as const

export const mappingRoutes = (hands: MappingHands): Route[] => {
  const noFlow = ({ pair, flow }: FlowName) => absent(`flow ${pair} ${flow}`)
  return [
    route({
      ...taken,
      id: 'previewRecord',
      method: 'POST',
      path: `${base}/preview`,
      summary: 'What would become of a record, rule by rule, down to the request; nothing is written or sent',
      body: z.object({
        id: z.string().min(1).max(256).describe('Id of the record at its source.'),
        record: z
          .string()
          .max(5_000_000)
          .optional()
          .describe(
            'A pasted record as JSON text, {"masterFieldVal":{…},"detailFieldVals":{…}}, instead of what is staged.',
          ),
        mapping: z
          .record(z.string(), z.unknown())
          .optional()
          .describe('A mapping instead of the saved one, checked as saving it would be; nothing is stored.'),
      }),
      answer: previewShape,
      handle: async ({ params, body, locale }) => {
        const found = await hands.preview(params, body, locale)
        if (isRefused(found)) return found
        return found ? ok(found as z.input<typeof previewShape>) : absent(`record ${body.id}`)
      },
    }),
    route({
      ...taken,
      id: 'dryRun',
      method: 'POST',
      path: `${base}/dry-run`,
      summary: 'How all staged records of a flow would be treated: counts and faults, as a task',
      status: 202,
      answer: z.object({ task: z.string() }),
      handle: async (asked) => {
        const task = await hands.dryRun(asked, asked.params)
        if (task === null) return noFlow(asked.params)
        if (typeof task !== 'string') return task
        return begun({ task }, `/api/v1/tenants/${encodeURIComponent(asked.params.tenant)}/tasks/${task}`)
      },
    }),
    route({
      ...taken,
      id: 'proposeMapping',
      method: 'GET',
      path: `${base}/mapping/proposals`,
      summary: 'Which fields may belong together, by code, label and pinyin; a person decides',
      answer: proposedShape,
      handle: async ({ params }) => {
        const found = await hands.propose(params)
        if (isRefused(found)) return found
        return found ? ok(found as z.input<typeof proposedShape>) : noFlow(params)
      },
    }),
    route({
      ...taken,
      id: 'checkFormula',
      method: 'POST',
      path: `${base}/formula`,
      summary: 'What is wrong with a formula, by character',
      body: z.object({
        formula: z.string().max(20_000),
        detail: z.string().optional().describe('Target detail in whose rows it stands; left out: the master.'),
      }),
      answer: formulaShape,
      handle: async ({ params, body, locale }) => {
        const found = await hands.formula(params, body, locale)
        if (isRefused(found)) return found
        return found ? ok(found as z.input<typeof formulaShape>) : noFlow(params)
      },
    }),
    route({
      ...taken,
      id: 'runMappingTests',
      method: 'POST',
      path: `${base}/mapping/tests`,
      summary: 'Run the saved mapping tests of a flow',
      answer: testShape,
      handle: async ({ params }) => {
        const found = await hands.tests(params)
        if (isRefused(found)) return found
        return found ? ok(found as z.input<typeof testShape>) : noFlow(params)
      },
    }),
    route({
      ...taken,
      id: 'listDrift',
      method: 'GET',
      path: `${base}/drift`,
      summary: 'What arrived and does not fit its declaration, and options that are not listed',
      answer: driftShape,
      handle: async ({ params }) => {
        const items = await hands.drift(params)
        return items ? ok({ items: items as z.input<typeof driftShape>['items'] }) : noFlow(params)
      },
    }),
    route({
      ...taken,
      id: 'clearDrift',
      method: 'DELETE',
      path: `${base}/drift`,
      summary: 'Forget what drifted; what goes on is told again',
      handle: async ({ params }) => {
        return (await hands.clearDrift(params)) ? done() : noFlow(params)
      },
    }),
  ]
}
