/** What a compiled flow is made of, for the tools of this room that are handed a `Plan`: row ids, voids, owners. */
import type { Fields, Side } from '../doc/document.ts'
import type { Plan } from '../doc/flow.ts'
import type { MappingSteps } from './apply.ts'
import type { Place } from './place.ts'
import type { Printer } from './prints.ts'

/** A field of one side of the flow and the side that wins it where both changed (D4); print keys on either side. */
export interface Owned {
  owner: Side
  source: readonly number[]
  target: readonly number[]
}

export interface OwnedDetail extends Owned {
  to: string
}

export interface Compiled {
  mapping: MappingSteps
  targetPrinter: Printer
  /** Column that holds the source's row key, by target detail. */
  externalColumn: ReadonlyMap<string, Place>
  setTargetId(fields: Fields, id: string): void
  /** The status that a void by update writes (D7). */
  writeVoid: ((fields: Fields) => void) | null
  owned: {
    /** By target field. */
    fields: ReadonlyMap<string, Owned>
    details: readonly OwnedDetail[]
    /** Read or written by the flow itself: scope, external id. */
    rest: Owned
  }
}

/** Beside the plan and not on it, so that the contract in `doc/flow.ts` stays as small as the engine needs it. */
const compiled = new WeakMap<Plan, Compiled>()

export const keepCompiled = (plan: Plan, parts: Compiled): Plan => {
  compiled.set(plan, parts)
  return plan
}

export const compiledOf = (plan: Plan): Compiled => {
  const parts = compiled.get(plan)
  if (!parts) throw new Error('the plan was not made by compilePair')
  return parts
}
