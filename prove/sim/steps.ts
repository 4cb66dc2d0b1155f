/**
 * Functions for the simulator's flows: the mapping reads a field that only the function before mapping makes, and what it writes is only right once
 * the function before write has been at it. Together they change nothing, so the judge judges as ever.
 */
import { sides } from '../../server/doc/document.ts'
import type { Pair, Plan } from '../../server/doc/flow.ts'
import { printKey } from '../../server/doc/print.ts'
import type { FunctionAnswer, FunctionRunner } from '../../server/converge/engine.ts'

type Fields = Record<string, string | null | undefined>

const mark = '~'

const answer = (kind: string, input: string): FunctionAnswer => {
  const given = JSON.parse(input) as { masterFieldVal: Fields }
  const { masterFieldVal: fields } = given
  if (kind === 'beforeMapping') {
    fields.tag = `${mark}${fields.name ?? ''}`
    fields.tag2 = fields.note
  } else if (typeof fields.name === 'string' && fields.name.startsWith(mark)) fields.name = fields.name.slice(1)
  else if (fields.name !== undefined) throw new Error('the mapping did not see what was made of the record')
  return { kind: 'done', output: JSON.stringify(given), logs: [] }
}

/** `late`: there was no time for this one. */
export const tagging = (late: () => boolean): FunctionRunner => ({
  run: async ({ kind, inputs }) => inputs.map((input) => (late() ? { kind: 'left' } : answer(kind, input))),
})

/** The control: a change is what the mapping reads, as without functions. */
export const lookAway = (pair: Pair): void => {
  const read = new Set(['tag', 'tag2', 'ref', 'lines[]', 'lines.item'].map(printKey))
  for (const side of sides) {
    const plan = pair.plans[side] as { -readonly [K in keyof Plan]: Plan[K] } | undefined
    if (!plan) continue
    const all = plan.sourcePrint
    plan.sourcePrint = (source) => new Map([...all(source)].filter(([key]) => read.has(key)))
  }
}
