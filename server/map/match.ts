/** Match before create (D5): under which keys a record of either side is found, normalised so that the same thing written two ways meets. */
import { createHash } from 'node:crypto'
import type { Content, Json } from '../doc/document.ts'
import type { MatchField, Matching, MatchKey, MatchRule } from '../doc/flow.ts'
import { fold } from './compare.ts'
import { type Place, placeIn, type Shape } from './place.ts'
import type { Complain } from './rule.ts'
import { textOf } from './text.ts'

const longestKey = 200

const digits = (text: string): string => {
  const plain = text.normalize('NFKC').replaceAll(/\D/g, '').replace(/^0+/, '')
  return plain.length === 13 && plain.startsWith('86') ? plain.slice(2) : plain
}

/** One text for all ways to write the same; "" where there is nothing to compare. */
export const normalised = (value: Json | undefined, as: MatchField['as']): string => {
  const text = value === undefined || value === null ? undefined : textOf(value)
  if (text === undefined) return ''
  switch (as) {
    case 'exact':
      return text.trim()
    case 'code':
      return text
        .normalize('NFKC')
        .toUpperCase()
        .replaceAll(/[\s\-_./]/g, '')
    case 'name':
      return fold(text.normalize('NFKC')).replaceAll(/[^\p{L}\p{N}]/gu, '')
    case 'phone':
      return digits(text)
    case 'mail':
      return fold(text.normalize('NFKC').trim())
  }
}

const keyOf = (places: readonly { place: Place; as: MatchField['as'] }[], content: Content): string | null => {
  const parts: string[] = []
  for (const { place, as } of places) {
    const part = normalised(place.read(content.masterFieldVal), as)
    if (part === '') return null
    parts.push(part)
  }
  const key = parts.join('\u0001')
  return key.length <= longestKey ? key : createHash('sha256').update(key).digest('hex')
}

const nameOf = (rule: MatchRule): string =>
  createHash('sha256')
    .update(JSON.stringify(rule.map(({ to, as }) => [to, as])))
    .digest('hex')
    .slice(0, 12)

export const compileMatch = (
  rules: readonly MatchRule[],
  source: Shape,
  target: Shape,
  at: string,
  complain: Complain,
): Matching => {
  const compiled = rules.map((rule, i) => {
    const sides = {
      source: [] as { place: Place; as: MatchField['as'] }[],
      target: [] as { place: Place; as: MatchField['as'] }[],
    }
    for (const { from, to, as } of rule) {
      const [here, there] = [placeIn(source, from), placeIn(target, to)]
      if (!here) complain(`${at}[${i}].${from}`, `"${from}" is not a field of ${source.what}`)
      if (!there) complain(`${at}[${i}].${from}`, `"${to}" is not a field of ${target.what}`)
      if (here && there) {
        sides.source.push({ place: here, as })
        sides.target.push({ place: there, as })
      }
    }
    return { name: nameOf(rule), ...sides }
  })
  const keys =
    (side: 'source' | 'target') =>
    (content: Content): MatchKey[] =>
      compiled.flatMap((rule) => {
        const key = keyOf(rule[side], content)
        return key === null ? [] : [{ rule: rule.name, key }]
      })
  return { source: keys('source'), target: keys('target'), rules: compiled.map(({ name }) => name) }
}
