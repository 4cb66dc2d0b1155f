/** What a rig is: a promise, the hazard made real, a verdict from the witness, and a control that must fail. */
export interface Rig {
  name: string
  /** Numbers of the promises in docs/reliability.md, or the name of its section. */
  promise: string
  about: string
  /** Short form for CI, long form by `npm run prove`. Throws when a promise is broken, or when the rig could not see it broken. */
  run(long: boolean, asked?: number): Promise<void>
  /** What `asked` is, where the long form may be given a figure. */
  figure?: string
}

/** Figures go where a person who runs the long form reads them; the short form shows them when it fails. */
export const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** A different run each time; the seed is printed and can be given again. */
export const seedOf = (): number => {
  const given = Number(process.env.PROVE_SEED ?? '')
  return Number.isInteger(given) && given > 0 ? given : 1 + Math.floor(Math.random() * 1_000_000_000)
}
