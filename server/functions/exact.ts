/** JSON text whose numbers QuickJS cannot turn into doubles: each is marked as text on the way in, and is a number again on the way out. */
import { LosslessNumber } from 'lossless-json'
import { numberMark, textMark } from './prelude.ts'

type Context = { source?: string }

/** As JSON.parse reads it, without losing a digit. @throws SyntaxError with the place */
export const markedJson = (json: string): string =>
  JSON.stringify(
    JSON.parse(json, function (this: object, _key: string, value: unknown, context?: Context) {
      if (typeof value === 'number') return numberMark + (context?.source ?? String(value))
      return typeof value === 'string' && value.charCodeAt(0) === 0 ? textMark + value : value
    } as (key: string, value: unknown) => unknown),
  )

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** The other way. `(?<!\\)`: a quote that is escaped begins no text. */
export const plainJson = (marked: string): string =>
  marked.includes('"\\u0000')
    ? marked.replace(/(?<!\\)"\\u0000([#$])((?:[^"\\]|\\.)*)"/g, (whole, mark: string, rest: string) =>
        mark === '$' ? `"${rest}"` : number.test(rest) ? rest : whole,
      )
    : marked

/** A value with exact numbers, as text: what is handed to `markedJson`. */
export const exactText = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) =>
    member instanceof LosslessNumber ? JSON.rawJSON(member.value) : member,
  )

declare global {
  interface JSON {
    rawJSON(text: string): object
  }
}
