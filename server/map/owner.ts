/** Per-field ownership (D4, policy `field`): which entries of a print, and which fields of a body, belong to the side that wins them. */
import { opposite, type Side, sides } from '../doc/document.ts'
import type { DetailRule, FieldRule, Outgoing, Pair, PairDef } from '../doc/flow.ts'
import type { Print } from '../doc/print.ts'
import { compiledOf } from './compiled.ts'

type Rules = readonly FieldRule[]

/** The rule of the other flow that writes this rule's source field from its target field. */
const counterpart = (rule: FieldRule, back: Rules): FieldRule | undefined =>
  back.find((one) => one.from !== undefined && one.from === rule.to && one.to === rule.from)

export type Owner = Side | 'unsaid' | 'contradicted'

/** Whose a field is: as either flow says; of the flow's own source where nothing leads back. */
export const ownerOf = (rule: FieldRule, back: Rules, from: Side): Owner => {
  const other = counterpart(rule, back)
  if (rule.owner && other?.owner && rule.owner !== other.owner) return 'contradicted'
  return rule.owner ?? other?.owner ?? (other ? 'unsaid' : from)
}

/**
 * A detail is owned as a whole: its rows come and go together with their columns, so owners that differ inside one contradict each other.
 * Whose it is, any of its fields in either flow may say.
 */
export const detailOwnerOf = (rule: DetailRule, back: readonly DetailRule[], from: Side): Owner => {
  const other = back.find((one) => one.from === rule.to && one.to === rule.from)
  const said = new Set([...rule.fields, ...(other?.fields ?? [])].flatMap(({ owner }) => owner ?? []))
  if (said.size > 1) return 'contradicted'
  return [...said][0] ?? (other ? 'unsaid' : from)
}

/** Every place of a pair whose owner has to be named, with what is missing there. */
export const ownerProblems = (def: PairDef): { path: string; message: string }[] => {
  if (def.conflict !== 'field') return []
  const problems: { path: string; message: string }[] = []
  for (const side of sides) {
    const flow = def.flows[side]
    const back = def.flows[opposite(side)]
    if (!flow || flow.state === 'disabled' || !back || back.state === 'disabled') continue
    const told = (owner: Owner, path: string, what: string): void => {
      if (owner === 'contradicted') problems.push({ path, message: `${what} is given to both sides` })
      else if (owner === 'unsaid' && side === 'left') {
        problems.push({
          path,
          message: `${what} is mapped both ways: conflict "field" needs to know whose it is (owner: left or right)`,
        })
      }
    }
    const at = `flows.${side}.mapping`
    flow.mapping.fields.forEach((rule, i) => {
      told(ownerOf(rule, back.mapping.fields, side), `${at}.fields[${i}].owner`, `"${rule.to}"`)
    })
    flow.mapping.details.forEach((rule, i) => {
      told(detailOwnerOf(rule, back.mapping.details, side), `${at}.details[${i}].fields`, `detail "${rule.to}"`)
    })
  }
  return problems
}

export interface OwnerKeys {
  /** Print keys of documents of the side itself: what it may send to the other. */
  source: ReadonlySet<number>
  /** Print keys of the other side's documents: what it may overwrite there. */
  target: ReadonlySet<number>
}

/** What a side wins under policy `field`, as print keys. Both sets are empty where no flow leads away from it. */
export const ownerKeys = (pair: Pair, side: Side): OwnerKeys => {
  const plan = pair.plans[side]
  const source = new Set<number>()
  const target = new Set<number>()
  if (!plan) return { source, target }
  const { fields, details, rest } = compiledOf(plan).owned
  for (const owned of [...fields.values(), ...details, rest]) {
    if (owned.owner !== side) continue
    for (const key of owned.source) source.add(key)
    for (const key of owned.target) target.add(key)
  }
  return { source, target }
}

/** The entries of a print whose keys are among those. */
export const restrict = (print: Print, keys: ReadonlySet<number>): Print => {
  const kept = new Map<number, number>()
  for (const [key, value] of print) if (keys.has(key)) kept.set(key, value)
  return kept
}

/** The body without what the other side owns: ids and external id stay, a detail goes or stays as a whole. */
export const ownedOutgoing = (pair: Pair, side: Side, outgoing: Outgoing): Outgoing => {
  const plan = pair.plans[side]
  if (!plan) return outgoing
  const { mapping, owned } = compiledOf(plan)
  const { masterFieldVal, detailFieldVals } = outgoing.content
  const lost = (to: string): boolean => (owned.fields.get(to)?.owner ?? side) !== side
  const master: typeof masterFieldVal = {}
  if (outgoing.targetId !== null) mapping.setTargetId(master, outgoing.targetId)
  for (const step of mapping.steps) {
    if (lost(step.to) || (outgoing.targetId !== null && step.to === mapping.targetIdPath)) continue
    const value = step.readTarget(masterFieldVal)
    if (value !== undefined) step.set(master, value)
  }
  mapping.setExternalId?.(master, outgoing.sourceId)
  const keptDetails = new Set(owned.details.filter((detail) => detail.owner === side).map((detail) => detail.to))
  const kept = <T>(byDetail: { [detail: string]: T }): { [detail: string]: T } =>
    Object.fromEntries(Object.entries(byDetail).filter(([detail]) => keptDetails.has(detail)))
  return {
    ...outgoing,
    content: { masterFieldVal: master, detailFieldVals: kept(detailFieldVals) },
    sourceRows: kept(outgoing.sourceRows),
  }
}
