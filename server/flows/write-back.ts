/** Holds the fields that are told how a record fared against every flow that reads or writes them: telling must end where it begins (decision 211). */
import { opposite, type Side, sides } from '../doc/document.ts'
import type { FlowDef, Mapping, PairDef } from '../doc/flow.ts'

/** `a.b` and `a[0]` reach into the field `a`; `$.a` reaches the master from a row. */
const head = (path: string): string => /^(?:\$\.)?([^.[]+)/.exec(path)?.[1] ?? path

const mappedFrom = ({ fields, details }: Mapping): string[] => [
  ...fields.flatMap(({ from }) => (from === undefined ? [] : [head(from)])),
  ...details.flatMap((detail) => detail.fields.flatMap(({ from }) => (from?.startsWith('$.') ? [head(from)] : []))),
]

/** Master fields whose change makes this flow look again. */
const reads = ({ mapping, scope }: FlowDef): Set<string> =>
  new Set([...mappedFrom(mapping), ...scope.map(({ field }) => head(field))])

export interface WriteBackProblem {
  pair: number
  side: Side
  field: string
  say: string
}

/**
 * Within a pair no flow may read or write what is told back. Between pairs, one that reads it may not tell back to the same object: each
 * would wake the other for ever.
 */
export const writeBackProblems = (pairs: readonly PairDef[]): WriteBackProblem[] => {
  const problems: WriteBackProblem[] = []
  for (const [index, pair] of pairs.entries()) {
    for (const side of sides) {
      const flow = pair.flows[side]
      if (!flow?.writeBack) continue
      const back = pair.flows[opposite(side)]
      const own = reads(flow)
      const written = new Set(back?.mapping.fields.map(({ to }) => head(to)) ?? [])
      const here = pair[side]
      for (const field of Object.keys(flow.writeBack)) {
        const told = (say: string): void => void problems.push({ pair: index, side, field, say })
        if (own.has(field)) told(`"${field}" is read by this flow: it would send the record again each time it is told`)
        if (written.has(field)) told(`"${field}" is written by the other flow of the pair`)
        for (const other of pairs) {
          if (other === pair) continue
          for (const from of sides) {
            const reader = other.flows[from]
            const same = other[from].connectionId === here.connectionId && other[from].object === here.object
            if (same && reader?.writeBack && reads(reader).has(field))
              told(
                `"${field}" is read by pair ${other.pairId}, which tells back to the same object: they would wake each other`,
              )
          }
        }
      }
    }
  }
  return problems
}
