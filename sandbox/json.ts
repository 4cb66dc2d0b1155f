/** JSON whose numbers stay the text they came in: `1.10` and `12345678901234567890.12` are read and written unchanged. */
import { parse } from 'lossless-json'

/** A number as its own text. Native `JSON.stringify` writes it verbatim, which is why records need no writer of their own. */
export interface ExactNumber {
  readonly rawJSON: string
}
export type Json = string | ExactNumber | number | boolean | null | Json[] | JsonObject
export type JsonObject = { [key: string]: Json }

// Node 24 has both; TypeScript's library does not declare them yet.
const native = JSON as unknown as {
  rawJSON(text: string): ExactNumber
  isRawJSON(value: unknown): value is ExactNumber
}

export const exactNumber = (text: string): ExactNumber => native.rawJSON(text)
export const isExactNumber = (value: unknown): value is ExactNumber => native.isRawJSON(value)

// A number can only follow one of these. A hit inside a text costs the slower reader, never a wrong result.
const mayHoldNumber = /(?:^|[[:,])\s*-?\d/

/**
 * Reads a JSON text, numbers as `ExactNumber`. Throws a SyntaxError with the position; duplicate keys that differ are refused.
 * Bodies without any number take the native reader (4.6 µs against 16.5 µs for 760 bytes); keys are then last-wins.
 */
export const readJson = (text: string): Json =>
  (mayHoldNumber.test(text) ? parse(text, undefined, exactNumber) : JSON.parse(text)) as Json

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value)

/** The text of a scalar, as result codes, ids and options are compared; null for anything that has none. */
export const textOf = (value: unknown): string | null => {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return isExactNumber(value) ? value.rawJSON : null
}

export const isJsonText = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
