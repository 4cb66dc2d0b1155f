/** Which rule of a mapping a fault speaks of. Pure. */

/** As the configuration file writes a rule: a source field, or a map with more. */
export type Rule = string | (Record<string, unknown> & { from?: string })
type Rules = Record<string, Rule> | ({ to: string } & Record<string, unknown>)[]

export interface Mapping {
  fields?: Rules
  details?:
    | Record<string, { from: string; fields: Rules }>
    | ({ to: string; from: string; fields: Rules } & Record<string, unknown>)[]
}

export interface FoundRule {
  /** Target field, and the target detail it stands in; null: the master. */
  to: string
  detail: string | null
  /** The source detail that it reads; null: the master. */
  sourceDetail: string | null
  rule: Record<string, unknown> & { from?: string }
}

const asMap = (rule: Rule): FoundRule['rule'] => (typeof rule === 'string' ? { from: rule } : rule)

const entries = (rules: Rules | undefined): [to: string, rule: FoundRule['rule']][] =>
  Array.isArray(rules)
    ? rules.map(({ to, ...rule }) => [to, rule])
    : Object.entries(rules ?? {}).map(([to, rule]) => [to, asMap(rule)])

const detailsOf = (mapping: Mapping): { to: string; from: string; fields: Rules }[] =>
  Array.isArray(mapping.details)
    ? mapping.details
    : Object.entries(mapping.details ?? {}).map(([to, detail]) => ({ ...detail, to }))

/** `grade`, or `contacts[2].mobile` of a row; in the source's words, or the target's where a rule has no source. */
export const ruleOf = (mapping: Mapping, field: string): FoundRule | null => {
  const row = /^(.+?)\[\d+\]\.(.+)$/.exec(field)
  const matches = ([to, rule]: [string, FoundRule['rule']], name: string) =>
    rule.from === name || rule.from === `$.${name}` || to === name
  const best = (found: [string, FoundRule['rule']][], name: string) =>
    found.find((one) => one[1].from === name && one[1].options !== undefined) ?? found.find((one) => matches(one, name))
  for (const detail of detailsOf(mapping)) {
    if (!row || (detail.from !== row[1] && detail.to !== row[1])) continue
    const found = best(entries(detail.fields), row[2] as string)
    if (found) return { to: found[0], rule: found[1], detail: detail.to, sourceDetail: detail.from }
  }
  const found = best(entries(mapping.fields), field)
  if (found) return { to: found[0], rule: found[1], detail: null, sourceDetail: null }
  for (const detail of detailsOf(mapping)) {
    const inner = best(entries(detail.fields), field)
    if (inner) return { to: inner[0], rule: inner[1], detail: detail.to, sourceDetail: null }
  }
  return null
}

/** The mapping with that rule changed; everything else stays as it is written. Pure. */
export const withRule = (
  mapping: Mapping,
  at: { to: string; detail: string | null },
  rule: FoundRule['rule'],
): Mapping => {
  const change = (rules: Rules | undefined): Rules =>
    Array.isArray(rules)
      ? rules.map((one) => (one.to === at.to ? { to: one.to, ...rule } : one))
      : { ...rules, [at.to]: rule }
  if (at.detail === null) return { ...mapping, fields: change(mapping.fields) }
  if (Array.isArray(mapping.details))
    return {
      ...mapping,
      details: mapping.details.map((one) => (one.to === at.detail ? { ...one, fields: change(one.fields) } : one)),
    }
  const detail = mapping.details?.[at.detail]
  if (!detail) return mapping
  return { ...mapping, details: { ...mapping.details, [at.detail]: { ...detail, fields: change(detail.fields) } } }
}

interface Fault {
  code?: unknown
  field?: unknown
  value?: unknown
  also?: unknown
}

/** A record may have several faults: all of them, the first first. */
export const allFaults = (fault: Record<string, unknown> | null): Fault[] =>
  fault === null ? [] : [fault, ...(Array.isArray(fault.also) ? (fault.also as Fault[]) : [])]

const withoutRow = (field: unknown) => String(field ?? '').replace(/\[\d+\]/, '[]')

/** The different values that faults of one code and field complain of, with how many records each. Pure. */
export const valuesOf = (
  faults: readonly (Record<string, unknown> | null)[],
  code: string,
  field: string,
): Map<string, number> => {
  const values = new Map<string, number>()
  for (const fault of faults)
    for (const one of allFaults(fault))
      if (one.code === code && withoutRow(one.field) === withoutRow(field) && one.value !== undefined)
        values.set(String(one.value), (values.get(String(one.value)) ?? 0) + 1)
  return values
}

/** Options that an object declares of a field: a list, or a map of value to label. */
export const optionsOf = (
  object: Record<string, unknown> | undefined,
  detail: string | null,
  field: string,
): { value: string; label: string }[] => {
  const details = (object?.details ?? []) as { code?: unknown; fields?: Record<string, unknown> }[]
  const fields = (detail === null ? object?.fields : details.find((one) => one.code === detail)?.fields) as
    | Record<string, unknown>
    | undefined
  const options = (fields?.[field] as { options?: unknown } | undefined)?.options
  if (Array.isArray(options)) return options.map((value) => ({ value: String(value), label: String(value) }))
  if (options && typeof options === 'object')
    return Object.entries(options).map(([value, label]) => ({ value, label: `${value} ${String(label)}` }))
  return []
}

/** The object with these among the options of a field, where it declares options at all; null: there is nothing to change. Pure. */
export const withOptions = (
  object: Record<string, unknown>,
  detail: string | null,
  field: string,
  values: readonly string[],
): Record<string, unknown> | null => {
  const known = optionsOf(object, detail, field).map((one) => one.value)
  const fresh = values.filter((value) => !known.includes(value))
  if (known.length === 0 || fresh.length === 0) return null
  const change = (fields: unknown) => {
    const all = (fields ?? {}) as Record<string, Record<string, unknown>>
    const one = all[field] ?? {}
    const options = Array.isArray(one.options)
      ? [...one.options, ...fresh]
      : { ...(one.options as object), ...Object.fromEntries(fresh.map((value) => [value, value])) }
    return { ...all, [field]: { ...one, options } }
  }
  if (detail === null) return { ...object, fields: change(object.fields) }
  const details = (object.details ?? []) as Record<string, unknown>[]
  return {
    ...object,
    details: details.map((one) => (one.code === detail ? { ...one, fields: change(one.fields) } : one)),
  }
}
