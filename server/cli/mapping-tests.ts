/** Saved mapping tests of flows with functions: the whole chain, before mapping, mapping, before write, with nothing but the test's own words to look up. */
import { seeAll, writeAll } from '../converge/steps.ts'
import { type Side, sides } from '../doc/document.ts'
import type { FunctionRunner } from '../converge/engine.ts'
import type { FlowDef, MappingTest, Pair, PairDef, Plan } from '../doc/flow.ts'
import type { FunctionDef } from '../doc/function.ts'
import type { TenantConfig } from '../flows/config.ts'
import { flowName } from '../flows/save.ts'
import type { FunctionPool } from '../functions/pool.ts'
import { compilePair } from '../map/plan.ts'
import { endedWith, heldAgainst, mapTested, runMappingTest, testedRecord } from '../map/saved.ts'
import { testedFunctions } from './flow-functions.ts'

/** The others run wherever a file is read (flows/file.ts). */
const decides = ({ functions }: FlowDef): boolean =>
  functions?.beforeMapping !== undefined || functions?.beforeWrite !== undefined

const runChain = async (runs: FunctionRunner, pair: Pair, plan: Plan, test: MappingTest): Promise<string[]> => {
  const { from } = plan
  const record = testedRecord(pair, plan, test)
  const target = test.targetId ?? null
  const link = from === 'left' ? { left_id: test.id, right_id: target } : { left_id: target, right_id: test.id }
  const documents = from === 'left' ? { left: record, right: null } : { left: null, right: record }
  const [seen] = await seeAll(runs, [{ link, pair, documents }])
  if (seen === undefined || seen === 'left') return ['the function before mapping was not run']
  const made = seen[from]
  if (made && made.kind !== 'made') return endedWith(test, [made.fault])
  const mapped = mapTested(pair, plan, test, made?.document ?? record)
  if ('wrong' in mapped) return mapped.wrong
  if (!plan.def.functions?.beforeWrite) return heldAgainst(test, mapped.outgoing)
  const [written] = await writeAll(runs, [{ pair, from, outgoing: mapped.outgoing }])
  if (written === undefined || written === 'left') return ['the function before write was not run']
  return written.kind === 'made' ? heldAgainst(test, written.outgoing) : endedWith(test, [written.fault])
}

/** What came out otherwise, as sentences; none: the test holds. */
export const runTest = (
  functions: Pick<FunctionPool, 'run'>,
  named: (tenantId: string, name: string) => FunctionDef | undefined,
  pair: Pair,
  plan: Plan,
  test: MappingTest,
): Promise<string[]> =>
  decides(plan.def)
    ? runChain(testedFunctions({ functions, function: named }, test.mapped ?? {}), pair, plan, test)
    : Promise.resolve(runMappingTest(pair, plan, test))

/** As if it were enabled: a flow is tested before it is. */
const compiled = (tenant: TenantConfig, def: PairDef, from: Side): Pair | null => {
  const end = (side: Side) => {
    const connection = tenant.connections.find((one) => one.def.connectionId === def[side].connectionId)
    const object = connection?.objects.find((one) => one.code === def[side].object)
    return connection && object && { object, def: connection.def }
  }
  const [left, right] = [end('left'), end('right')]
  if (!left || !right) return null
  const awake: PairDef = { ...def, flows: { ...def.flows, [from]: { ...def.flows[from], state: 'enabled' } } }
  const made = compilePair(
    awake,
    { left: left.object, right: right.object },
    { left: left.def, right: right.def },
    { pairOf: (id) => tenant.pairs.find((one) => one.def.pairId === id)?.def },
  )
  return 'pair' in made ? made.pair : null
}

interface Chained {
  def: PairDef
  from: Side
  tests: readonly MappingTest[]
}

/** Flows whose tests need their functions. */
export const chainedTests = (tenant: TenantConfig): Chained[] =>
  tenant.pairs.flatMap(({ def }) =>
    sides.flatMap((from) => {
      const flow = def.flows[from]
      return flow?.tests?.length && decides(flow) ? [{ def, from, tests: flow.tests }] : []
    }),
  )

/** Everything that is wrong with these, as sentences; nothing: they hold. */
export const testComplaints = async (
  functions: Pick<FunctionPool, 'run'>,
  tenant: TenantConfig,
  chained: readonly Chained[],
): Promise<string[]> => {
  const said: string[] = []
  const named = (_tenant: string, name: string) => tenant.functions.find((one) => one.name === name)
  for (const { def, from, tests } of chained) {
    const pair = compiled(tenant, def, from)
    const plan = pair?.plans[from]
    if (!pair || !plan) continue // what it lacks is told by whoever compiles it
    for (const test of tests)
      for (const wrong of await runTest(functions, named, pair, plan, test))
        said.push(`Flow ${def.pairId} ${flowName[from]}, mapping test "${test.name}": ${wrong}`)
  }
  return said
}
