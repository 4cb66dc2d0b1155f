/** Auto-match: proposes which source field goes to which target field, by code, by label, and by how Chinese labels are read (pinyin). A person decides. */
import { fold } from './compare.ts'
import type { FieldDef, FieldType, ObjectDef } from '../doc/object.ts'

export interface Proposal {
  to: string
  from: string
  /** Why: the same code or label, its pinyin, its first letters, or words in common. */
  by: 'code' | 'label' | 'pinyin' | 'initials' | 'words'
  /** 0…1. */
  score: number
  /** Options that mean the same, where both fields declare theirs. */
  options?: Record<string, string>
  /** Pair that maps the referred objects. */
  reference?: string
}

export interface Proposed {
  fields: Proposal[]
  details: { from: string; to: string; fields: Proposal[]; open: string[] }[]
  /** Required target fields for which nothing was found. */
  open: string[]
}

/** Pairs by the objects they join, seen from the source: `customers` for (BD_Customer, AccountObj). */
export type PairNamer = (sourceObject: string, targetObject: string) => string | undefined

interface Reader {
  pinyin(text: string): string
  initials(text: string): string
}

/** Loaded when it is first asked for: the dictionary is 300 kB that nothing else needs. */
const openReader = async (): Promise<Reader> => {
  const { pinyin } = await import('pinyin-pro')
  const read = (text: string, pattern: 'pinyin' | 'first') =>
    pinyin(text, { toneType: 'none', pattern, type: 'array', nonZh: 'consecutive', v: true })
      .join('')
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, '')
  return { pinyin: (text) => read(text, 'pinyin'), initials: (text) => read(text, 'first') }
}

const hasHan = (text: string): boolean => /\p{Script=Han}/u.test(text)

/** `taxNo`, `tax_no`, `TaxNo__c` and `FTaxNo.` are one code. */
const plainCode = (code: string): string =>
  fold(code.normalize('NFKC').replace(/__c$/i, '')).replaceAll(/[^\p{L}\p{N}]/gu, '')

const wordsOf = (code: string): string[] =>
  code
    .replace(/__c$/i, '')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word.length > 1)

const kinds: Record<FieldType, string> = {
  text: 'text',
  select: 'option',
  multiselect: 'option',
  decimal: 'number',
  integer: 'number',
  bool: 'bool',
  date: 'moment',
  datetime: 'moment',
  reference: 'record',
  person: 'people',
  department: 'people',
  attachment: 'file',
}

/** Text takes anything; an option a text, a bool or a number; everything else its own kind. */
const fits = (from: FieldType, to: FieldType): boolean => {
  const [a, b] = [kinds[from], kinds[to]]
  if (a === b || b === 'text' || a === 'text') return a !== 'file' || b === 'file'
  return (b === 'option' && (a === 'bool' || a === 'number')) || (a === 'option' && b === 'bool')
}

interface Sounds {
  codes: string[]
  label: string
  pinyin: string
  initials: string
  words: string[]
}

const soundsOf = ({ code, name }: FieldDef, reader: Reader): Sounds => {
  const texts = [code, ...(name ? [name] : [])]
  const han = texts.find(hasHan)
  return {
    codes: [plainCode(code)],
    label: name ? plainCode(name) : hasHan(code) ? plainCode(code) : '',
    pinyin: han ? reader.pinyin(han) : '',
    initials: han ? reader.initials(han) : '',
    words: wordsOf(code),
  }
}

const shared = (a: readonly string[], b: readonly string[]): number => {
  if (!a.length || !b.length) return 0
  const common = a.filter((word) => b.includes(word)).length
  return (2 * common) / (a.length + b.length)
}

const judge = (a: Sounds, b: Sounds): Pick<Proposal, 'by' | 'score'> | null => {
  const [code = ''] = a.codes
  const [other = ''] = b.codes
  if (code && code === other) return { by: 'code', score: 1 }
  if (a.label && (a.label === b.label || a.label === other)) return { by: 'label', score: 0.95 }
  if (b.label && b.label === code) return { by: 'label', score: 0.95 }
  if ((a.pinyin && (a.pinyin === other || a.pinyin === b.pinyin)) || (b.pinyin && b.pinyin === code))
    return { by: 'pinyin', score: 0.85 }
  const short = (initials: string, text: string) => initials.length > 2 && initials === text
  if (short(a.initials, other) || short(b.initials, code)) return { by: 'initials', score: 0.7 }
  const common = shared(a.words, b.words)
  return common >= 0.66 ? { by: 'words', score: 0.6 * common } : null
}

const optionsFor = (from: FieldDef, to: FieldDef, reader: Reader): Record<string, string> | undefined => {
  if (!from.options?.length || !to.options?.length) return undefined
  const said = ({ value, label }: { value: string; label?: string }): FieldDef => ({
    code: value,
    type: 'text',
    ...(label !== undefined && { name: label }),
  })
  const found: Record<string, string> = {}
  for (const option of from.options) {
    const [best] = to.options
      .map((one) => ({ one, how: judge(soundsOf(said(option), reader), soundsOf(said(one), reader)) }))
      .filter(({ how }) => how !== null && how.by !== 'words')
      .sort((a, b) => (b.how?.score ?? 0) - (a.how?.score ?? 0))
    if (best) found[option.value] = best.one.value
  }
  const same = from.options.every(({ value }) => to.options?.some((one) => one.value === value))
  return same || !Object.keys(found).length ? undefined : found
}

/** Best first, each field once: the surest pair of all takes its two fields, then the next. */
const proposeFields = (
  source: readonly FieldDef[],
  target: readonly FieldDef[],
  skip: { source: readonly (string | undefined)[]; target: readonly (string | undefined)[] },
  pairOf: PairNamer,
  reader: Reader,
): { fields: Proposal[]; open: string[] } => {
  const from = source
    .filter(({ code }) => !skip.source.includes(code))
    .map((def) => ({ def, sounds: soundsOf(def, reader) }))
  const to = target
    .filter(({ code }) => !skip.target.includes(code))
    .map((def) => ({ def, sounds: soundsOf(def, reader) }))
  const all = from.flatMap((a) =>
    to.flatMap((b) => {
      const how = fits(a.def.type, b.def.type) ? judge(a.sounds, b.sounds) : null
      return how ? [{ a, b, ...how, score: a.def.type === b.def.type ? how.score : how.score * 0.95 }] : []
    }),
  )
  all.sort((x, y) => y.score - x.score)
  const taken = new Set<FieldDef>()
  const fields: Proposal[] = []
  for (const { a, b, by, score } of all) {
    if (taken.has(a.def) || taken.has(b.def)) continue
    const { references: here } = a.def
    const { references: there } = b.def
    const reference = here && there ? pairOf(here, there) : undefined
    taken.add(a.def)
    taken.add(b.def)
    const options = optionsFor(a.def, b.def, reader)
    fields.push({
      to: b.def.code,
      from: a.def.code,
      by,
      score: Math.round(score * 100) / 100,
      ...(options && { options }),
      ...(reference !== undefined && { reference }),
    })
  }
  const order = target.map(({ code }) => code)
  fields.sort((x, y) => order.indexOf(x.to) - order.indexOf(y.to))
  const open = to.filter(({ def }) => def.required && !taken.has(def)).map(({ def }) => def.code)
  return { fields, open }
}

/** Ids, modified times and the other side's id are the engine's own business. */
export const proposeMapping = async (
  source: ObjectDef,
  target: ObjectDef,
  pairOf: PairNamer = () => undefined,
): Promise<Proposed> => {
  const reader = await openReader()
  const own = ({ idField, modifiedField, externalIdField }: ObjectDef) => [idField, modifiedField, externalIdField]
  const master = proposeFields(
    source.fields,
    target.fields,
    { source: own(source), target: own(target) },
    pairOf,
    reader,
  )
  const asField = ({ code, name }: { code: string; name?: string }): FieldDef => ({
    code,
    type: 'text',
    ...(name !== undefined && { name }),
  })
  const pairs = proposeFields(
    source.details.map(asField),
    target.details.map(asField),
    { source: [], target: [] },
    pairOf,
    reader,
  )
  const only =
    !pairs.fields.length && source.details.length === 1 && target.details.length === 1
      ? [{ from: source.details[0]?.code ?? '', to: target.details[0]?.code ?? '' }]
      : pairs.fields
  const details = only.flatMap(({ from, to }) => {
    const here = source.details.find(({ code }) => code === from)
    const there = target.details.find(({ code }) => code === to)
    if (!here || !there) return []
    const skip = { source: [here.idField], target: [there.idField, target.externalIdField] }
    return [{ from, to, ...proposeFields(here.fields, there.fields, skip, pairOf, reader) }]
  })
  return { ...master, details }
}
