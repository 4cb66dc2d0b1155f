/** What a person chose of a conflict, field by field, as the server is told it. Pure. */
import type { Answer } from '../api/client.ts'

export type Conflict = Answer<'showConflict'>
export type ConflictField = Conflict['fields'][number]
type Side = 'left' | 'right'

const other = { left: 'right', right: 'left' } as const

/** Somebody changed it, and the two say different things. What nobody changed was agreed on, however each side writes it. */
const differs = ({ changed, leftValue, rightValue }: ConflictField): boolean =>
  changed.length > 0 && leftValue !== rightValue

/** Where there is nothing to choose, or a choice that suggests itself. */
const onlySide = (field: ConflictField): Side | null => {
  const [first, second] = field.takes
  if (first !== undefined && second === undefined) return first
  if (!differs(field)) return 'left'
  // changed on one side only: the other one's value is merely older
  return field.changed.length === 1 ? (field.changed[0] as Side) : null
}

/** By the field's place in the list; null: both changed it, and nobody has chosen yet. */
export const firstChoice = (conflict: Conflict): (Side | null)[] => conflict.fields.map(onlySide)

/** What differs and could be taken from either side. */
export const isOpen = (field: ConflictField): boolean => field.takes.length === 2 && differs(field)

/** Everything of the side that more is taken of, but for these; null while something is open. */
export const toldOf = (
  conflict: Conflict,
  chosen: readonly (Side | null)[],
): { take: Side; but: { left: string | null; right: string | null }[] } | null => {
  const differing = conflict.fields.flatMap((field, i) => (differs(field) ? [{ field, side: chosen[i] ?? null }] : []))
  if (differing.some(({ side }) => side === null)) return null
  const rights = differing.filter(({ side }) => side === 'right').length
  const take: Side = rights * 2 > differing.length ? 'right' : 'left'
  const but = differing
    .filter(({ side, field }) => side === other[take] && field.takes.includes(other[take]))
    .map(({ field }) => ({ left: field.left, right: field.right }))
  return { take, but }
}
