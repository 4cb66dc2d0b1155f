/** Where two trees differ, leaf by leaf: what the audit trail shows of a change. Pure. */
export interface Differing {
  path: string
  before?: unknown
  after?: unknown
}

const isTree = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Paths as people read them: `fields.level.options.A`. */
export const differing = (before: unknown, after: unknown, path = ''): Differing[] => {
  if (isTree(before) && isTree(after) && Array.isArray(before) === Array.isArray(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return names.flatMap((name) => differing(before[name], after[name], path === '' ? name : `${path}.${name}`))
  }
  if (before === after) return []
  // what came or went as a whole tree is told leaf by leaf as well
  if (isTree(before) && after === undefined)
    return Object.entries(before).flatMap(([name, value]) =>
      differing(value, undefined, path === '' ? name : `${path}.${name}`),
    )
  if (isTree(after) && before === undefined)
    return Object.entries(after).flatMap(([name, value]) =>
      differing(undefined, value, path === '' ? name : `${path}.${name}`),
    )
  return [{ path: path || '–', before, after }]
}
