/** What differs between two definitions, field by field, for plans and logs. Secrets never come here. */

export interface Difference {
  path: string
  before: unknown
  after: unknown
}

const nameOf = (entry: unknown, i: number): string => {
  if (entry !== null && typeof entry === 'object') {
    const { code, to, field } = entry as Record<string, unknown>
    const name = code ?? to ?? field
    if (typeof name === 'string') return name
  }
  return String(i)
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** Lists of things with a code are compared by it, so that one added field is one difference. */
const entries = (value: unknown): Map<string, unknown> | null => {
  if (isMap(value)) return new Map(Object.entries(value))
  if (Array.isArray(value) && value.some((entry) => isMap(entry)))
    return new Map(value.map((entry, i) => [nameOf(entry, i), entry]))
  return null
}

/** As stored: what JSON leaves out is not there. */
export const plainJson = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value))

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

const compare = (before: unknown, after: unknown, path: string, out: Difference[]): void => {
  if (same(before, after)) return
  const [left, right] = [entries(before), entries(after)]
  if (!left || !right) {
    out.push({ path, before, after })
    return
  }
  const at = out.length
  for (const key of new Set([...left.keys(), ...right.keys()]))
    compare(left.get(key), right.get(key), path ? `${path}.${key}` : key, out)
  // only the order differs (of lists, where it means something; a map's does not)
  if (out.length === at && Array.isArray(before) && Array.isArray(after))
    out.push({ path: `${path} (order)`, before: [...left.keys()], after: [...right.keys()] })
}

export const differences = (before: unknown, after: unknown): Difference[] => {
  const out: Difference[] = []
  compare(plainJson(before), plainJson(after), '', out)
  return out
}
