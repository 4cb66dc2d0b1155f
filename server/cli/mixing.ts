/** Some of each side of a conflict: both records staged as a person mixed them, and both on their way, in one transaction. */
import { mixed, readConflict } from '../converge/conflicts.ts'
import type { Directory } from '../converge/engine.ts'
import { rerunBoth } from '../converge/ids.ts'
import { type Content, type Side, sides } from '../doc/document.ts'
import { writeContent } from '../map/content.ts'
import type { TwoWayDeps } from '../maintain/two-way.ts'
import type { Sql } from '../store/sql.ts'
import { admitBoth } from './edit.ts'

export interface MixingWorld {
  /** Wears the road's role: what is staged is the road's. */
  road: Sql
  directory: Pick<Directory, 'pair' | 'connector'>
  now(): number
}

/** The standard body of an object, digit for digit. */
const bodyOf = (object: string, content: Content): Buffer =>
  Buffer.from(`{"objAPIName":${JSON.stringify(object)},${writeContent(content).slice(1)}`)

export const mixing =
  ({ road, directory, now }: MixingWorld): TwoWayDeps['mix'] =>
  async (name, chosen, who, locale) => {
    const pair = directory.pair(name.tenant_id, name.pair_id)
    const conflict = pair && (await readConflict(road, directory, name))
    if (!pair || !conflict) return 'it is no conflict any more'
    const connector = (connectionId: string) => directory.connector(name.tenant_id, connectionId)
    const made = await mixed(road, connector, pair, conflict, chosen, now())
    if (typeof made === 'string') return made
    const bodies = Object.fromEntries(sides.map((side) => [side, bodyOf(pair.def[side].object, made[side])])) as Record<
      Side,
      Buffer
    >
    const end = (side: Side) => ({ ...pair.def[side], id: conflict[side].id })
    const row = { tenantId: name.tenant_id, left: end('left'), right: end('right') }
    return admitBoth(road, row, bodies, who, locale, (tx) => rerunBoth(tx, name, chosen.take))
  }
