/** What is around a mapping, across rooms: previews and dry runs by the engine's own decisions, proposals, formulas and saved tests. */
import type { Locale } from '../../protocol/codes.ts'
import type { Connector } from '../doc/connector.ts'
import { advice } from '../doc/advice.ts'
import { type Document, type Json, opposite, type Side } from '../doc/document.ts'
import { type Fault, sentence } from '../doc/fault.ts'
import type { FlowDef, Pair, PairDef, RuleTrace } from '../doc/flow.ts'
import type { ObjectDef } from '../doc/object.ts'
import { clearDrift, readDrift } from '../converge/notice.ts'
import {
  drySlice,
  type DryRun,
  emptyRun,
  preview,
  type Preview,
  type StepShown,
  type WouldBe,
} from '../converge/preview.ts'
import type { FunctionDef } from '../doc/function.ts'
import { type MappingHands, type PreviewBody, sideOf } from '../flows/mapping-routes.ts'
import { complaintsOf } from '../functions/examples.ts'
import type { FunctionPool } from '../functions/pool.ts'
import { findIn, putIn, type Tree } from '../http/declaring.ts'
import { isRefused, refuse, type Refused, toMoment } from '../http/route.ts'
import type { Asked } from '../http/route.ts'
import { addTask, type Work } from '../maintain/tasks.ts'
import { readJson, writeContent, writeJson } from '../map/content.ts'
import { parseFormula, printFormula } from '../map/formula-syntax.ts'
import { formulaSentence } from '../map/formula-words.ts'
import { checkFormula, compilePair } from '../map/plan.ts'
import { proposeMapping } from '../map/propose.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import type { Configuration } from './configuration.ts'
import type { Drafting } from './declare.ts'
import { triedFunctions } from './flow-functions.ts'
import { runTest } from './mapping-tests.ts'

export interface MappingWorld {
  /** Wears `mortise_app`. */
  sql: Sql
  configuration(): Configuration
  connector(tenantId: string, connectionId: string): Connector | undefined
  functions: Pick<FunctionPool, 'run'>
  /** What is being edited, read and checked as for saving. */
  draft: Drafting
  now(): number
  newId(): string
  tasked(): void
  writeDown(
    tx: Sql,
    asked: Asked<unknown, unknown, unknown>,
    routeId: string,
    tenantId: string,
    task: string,
  ): Promise<void>
}

type Name = Parameters<MappingHands['propose']>[0]

interface Found {
  def: PairDef
  from: Side
  flow: FlowDef
  objects: Record<Side, ObjectDef>
}

/** Of what is being edited: the tenant's pairs and functions instead of those that are stored. */
export interface Draft {
  pairs: readonly { def: PairDef }[]
  functions: readonly FunctionDef[]
}

const findFlow = (
  configuration: Configuration,
  { tenant, pair, flow }: Name,
  pairs: Draft['pairs'] = configuration.pairs,
): Found | null => {
  const def = pairs.find((one) => one.def.tenantId === tenant && one.def.pairId === pair)?.def
  const from = sideOf(flow)
  const declared = def?.flows[from]
  if (!def || !declared) return null
  const of = (side: Side) => configuration.objects.find(tenant, def[side].connectionId, def[side].object)
  const [left, right] = [of('left'), of('right')]
  return left && right ? { def, from, flow: declared, objects: { left, right } } : null
}

const pairOf = (configuration: Pick<Configuration, 'pairs'>, tenant: string) => (id: string) =>
  configuration.pairs.find((one) => one.def.tenantId === tenant && one.def.pairId === id)?.def

/** As if it were enabled: a flow is looked at before it is. */
const compiled = (
  configuration: Configuration,
  { def, from, flow, objects }: Found,
  pairs: Draft['pairs'] = configuration.pairs,
): Pair | Refused => {
  const tenant = def.tenantId
  const [left, right] = [
    configuration.connection(tenant, def.left.connectionId),
    configuration.connection(tenant, def.right.connectionId),
  ]
  if (!left || !right) return refuse('absent', { what: `pair ${def.pairId}` })
  const awake: PairDef = { ...def, flows: { ...def.flows, [from]: { ...flow, state: 'enabled' } } }
  const made = compilePair(
    awake,
    objects,
    { left, right },
    { pairOf: (id) => pairs.find((one) => one.def.tenantId === tenant && one.def.pairId === id)?.def },
  )
  if ('pair' in made) return made.pair
  const problems = made.problems.map(({ path, message }) => ({ path, say: message }))
  return refuse('config.invalid', { said: problems[0]?.say ?? '' }, { problems })
}

// ── as shown ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const text = (value: Json | undefined): string | null => (value === undefined ? null : writeJson(value))
const bodyOf = (document: Document | null): string | null => document && writeContent(document.content)

const shownFault = (fault: Fault, locale: Locale) =>
  [fault, ...(fault.also ?? [])].map((one) => ({
    code: one.code,
    field: one.field ?? null,
    sentence: sentence(one, locale),
    todo: advice(one.code, locale),
  }))

const shownWould = (would: WouldBe, locale: Locale) => ({
  kind: would.kind,
  reason: would.kind === 'skip' ? would.reason : would.kind === 'bind' ? would.id : null,
  faults: 'fault' in would ? shownFault(would.fault, locale) : [],
})

const shownRule = ({ read, made, ...rule }: RuleTrace) => ({ ...rule, read: text(read), made: text(made) })

const shownStep = ({ fault, ...step }: StepShown, locale: Locale) => ({
  ...step,
  faults: fault ? shownFault(fault, locale) : [],
})

const shownPreview = (found: Preview, locale: Locale) => ({
  would: shownWould(found.would, locale),
  source: bodyOf(found.source),
  target: bodyOf(found.target),
  targetId: found.targetId,
  rules: found.rules.map(shownRule),
  functions: found.functions.map((step) => shownStep(step, locale)),
  mapped: found.mapped && writeContent(found.mapped.content),
  request: found.request,
  references: found.references,
  matches: found.matches,
  asksTarget: found.asksTarget,
})

/** Null: it is no record. */
const pasted = (given: string) => {
  try {
    const value = readJson(given)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    const { masterFieldVal = value, detailFieldVals = {} } = value as { [key: string]: Json }
    return { masterFieldVal, detailFieldVals } as NonNullable<Parameters<typeof preview>[2]['record']>
  } catch {
    return null
  }
}

/** One record as it would go; Refused where the flow does not compile or what was pasted is no record. */
export const previewOf = async (
  world: Pick<MappingWorld, 'configuration' | 'connector' | 'functions' | 'now'>,
  sql: Sql,
  name: Name,
  asked: { id: string; record?: string | undefined },
  locale: Locale,
  draft?: Draft,
): Promise<ReturnType<typeof shownPreview> | Refused | null> => {
  const configuration = world.configuration()
  const found = findFlow(configuration, name, draft?.pairs)
  if (!found) return refuse('absent', { what: `flow ${name.pair} ${name.flow}` })
  const pair = compiled(configuration, found, draft?.pairs)
  if (isRefused(pair)) return pair
  const record = asked.record === undefined ? undefined : pasted(asked.record)
  if (record === null) return refuse('request.invalid', { said: 'record: not a JSON object' }, { path: 'body.record' })
  const made = await preview(sql, (id) => world.connector(name.tenant, id), {
    pair,
    from: found.from,
    id: asked.id,
    ...(record && { record }),
    functions: triedFunctions({ sql, functions: world.functions, function: configuration.function }, draft?.functions),
    now: world.now(),
  })
  return made && shownPreview(made, locale)
}

export const mappingTestsOf = async (
  functions: Pick<FunctionPool, 'run'>,
  configuration: Configuration,
  name: Name,
) => {
  const found = findFlow(configuration, name)
  if (!found) return null
  const pair = compiled(configuration, found)
  if (isRefused(pair)) return pair
  const plan = pair.plans[found.from]
  const tests: { name: string; passed: boolean; wrong: string[] }[] = []
  for (const test of found.flow.tests ?? []) {
    const wrong = plan
      ? await runTest(functions, configuration.function, pair, plan, test)
      : ['the flow does not compile']
    tests.push({ name: test.name, passed: !wrong.length, wrong })
  }
  return { tests }
}

/** The tenant with what is being edited in its place; undefined: nothing is. Functions that are edited must load and pass their examples. */
const draftOf = async (
  { draft, functions }: Pick<MappingWorld, 'draft' | 'functions'>,
  { tenant, pair, flow }: Name,
  { mapping, functions: steps, code }: PreviewBody,
): Promise<Draft | Refused | undefined> => {
  if (mapping === undefined && steps === undefined && code === undefined) return undefined
  const config = await draft(tenant, `pairs[${pair}].flows.${flow}`, (now) => {
    const known = findIn(now, 'pairs', 'id', pair)
    const flows = (known?.flows ?? {}) as Record<string, Tree>
    const before = flows[flow]
    if (!known || !before) return refuse('absent', { what: `flow ${pair} ${flow}` })
    // Saved tests do not speak here: who looks at a preview is about to change what they hold, and saving runs them.
    const { tests: _tests, ...kept } = before
    const edited = {
      ...kept,
      ...(mapping !== undefined && { mapping }),
      ...(steps !== undefined && { functions: steps }),
    }
    const next = putIn(now, 'pairs', (one) => String(one.id) === pair, {
      ...known,
      flows: { ...flows, [flow]: edited },
    })
    return Object.entries(code ?? {}).reduce(
      (tree, [name, one]) => putIn(tree, 'functions', (entry) => entry.name === name, { ...(one as Tree), name }),
      next,
    )
  })
  if (isRefused(config)) return config
  const edited = config.functions.filter((one) => code && Object.hasOwn(code, one.name))
  const [said, ...more] = await complaintsOf(functions, edited)
  if (said === undefined) return config
  return refuse('config.refused', { said }, { problems: [said, ...more].map((say) => ({ path: 'body.code', say })) })
}

export const mappingHands = (world: MappingWorld): MappingHands => {
  const { sql } = world
  return {
    preview: async (name, asked, locale) => {
      const draft = await draftOf(world, name, asked)
      if (draft && isRefused(draft)) return draft
      return asTenant(sql, name.tenant, (tx) => previewOf(world, tx, name, asked, locale, draft))
    },
    dryRun: async (asked, name) => {
      const configuration = world.configuration()
      const found = findFlow(configuration, name)
      if (!found) return null
      const pair = compiled(configuration, found)
      if (isRefused(pair)) return pair
      const { connectionId, object } = found.def[found.from]
      const taskId = world.newId()
      await asTenant(sql, name.tenant, async (tx) => {
        const [count] = await tx<{ count: number }>`
          select count(*) as count from document
          where tenant_id = ${name.tenant} and connection_id = ${connectionId} and object = ${object}`
        await addTask(tx, name.tenant, {
          taskId,
          kind: 'dryRun',
          asked: { pair: name.pair, flow: name.flow },
          askedBy: asked.who.actor,
          total: count?.count ?? 0,
        })
        await world.writeDown(tx, asked, 'dryRun', name.tenant, taskId)
      })
      world.tasked()
      return taskId
    },
    propose: async (name) => {
      const configuration = world.configuration()
      const found = findFlow(configuration, name)
      if (!found) return null
      const { def, from, objects } = found
      const to = opposite(from)
      return proposeMapping(objects[from], objects[to], (here, there) => {
        const joins = (pair: PairDef, a: Side, b: Side) =>
          pair[a].connectionId === def[from].connectionId &&
          pair[a].object === here &&
          pair[b].connectionId === def[to].connectionId &&
          pair[b].object === there
        return configuration.pairs.find(
          (one) =>
            one.def.tenantId === def.tenantId && (joins(one.def, 'left', 'right') || joins(one.def, 'right', 'left')),
        )?.def.pairId
      })
    },
    formula: async (name, asked, locale) => {
      const configuration = world.configuration()
      const found = findFlow(configuration, name)
      if (!found) return null
      const { def, from, flow, objects } = found
      const zone = configuration.connection(def.tenantId, def[from].connectionId)?.zone ?? 'UTC'
      const faults = checkFormula(
        def,
        { ...flow, from },
        objects[from],
        zone,
        pairOf(configuration, def.tenantId),
        asked.formula,
        asked.detail,
      )
      if (!faults) return refuse('absent', { what: `detail ${asked.detail ?? ''}` })
      const tree = parseFormula(asked.formula)
      return {
        problems: faults.map((fault) => ({ at: fault.at, say: formulaSentence(fault, locale) })),
        canonical: 'fault' in tree ? null : printFormula(tree),
      }
    },
    tests: (name) => mappingTestsOf(world.functions, world.configuration(), name),
    drift: async (name) => {
      if (!findFlow(world.configuration(), name)) return null
      const items = await asTenant(sql, name.tenant, (tx) => readDrift(tx, name.tenant, name.pair, sideOf(name.flow)))
      return items.map(({ first_at, last_at, ...one }) => ({
        ...one,
        firstAt: toMoment(first_at),
        lastAt: toMoment(last_at),
      }))
    },
    clearDrift: async (name) => {
      if (!findFlow(world.configuration(), name)) return false
      await asTenant(sql, name.tenant, (tx) => clearDrift(tx, name.tenant, name.pair, sideOf(name.flow)))
      return true
    },
  }
}

/** The tasker's slice of a dry run. */
export const dryRunWork =
  (world: Pick<MappingWorld, 'configuration' | 'functions' | 'now'>): Work =>
  async (sql, tenant, asked, before, slice) => {
    const name = { tenant, ...(asked as Pick<Name, 'pair' | 'flow'>) }
    const configuration = world.configuration()
    const found = findFlow(configuration, name)
    const pair = found && compiled(configuration, found)
    if (!found || !pair || isRefused(pair)) throw new Error(`flow ${name.pair} ${name.flow} can no longer be compiled`)
    const run = (before.result as DryRun | null) ?? emptyRun()
    const looked = run.looked
    const functions = triedFunctions({ sql, functions: world.functions, function: configuration.function })
    const next = await drySlice(
      sql,
      pair,
      found.from,
      run,
      before.after ?? '',
      Math.min(slice, 100),
      world.now(),
      functions,
    )
    return { count: run.looked - looked, next, result: run }
  }
