/** What a batch's result says of its rows, row by row. Pure. */

export interface RowSaid {
  row: string
  mood: 'refused' | 'warned'
  say: string[]
}

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [String(value)])

/** By the row's own name (`sequence_num`, or its number); refused ones first. */
export const rowsSaid = (result: Record<string, unknown> | null): RowSaid[] => {
  if (result === null) return []
  const of = (value: unknown, mood: RowSaid['mood']): RowSaid[] =>
    Object.entries((value ?? {}) as Record<string, unknown>).map(([row, say]) => ({ row, mood, say: texts(say) }))
  const stored = Array.isArray(result.dbErrors) ? (result.dbErrors as Record<string, unknown>[]) : []
  return [
    ...of(result.validatorErrors, 'refused'),
    ...stored.map((one) => ({
      row: String(one.row ?? one.code ?? '?'),
      mood: 'refused' as const,
      say: [String(one.message ?? JSON.stringify(one))],
    })),
    ...of(result.warnings, 'warned'),
  ]
}
