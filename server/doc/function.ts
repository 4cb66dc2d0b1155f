/** What a function 函数 is: a piece of JavaScript that a person wrote, when it is called, and what it may use. */

/** When it is called: at a non-standard push, before and after mapping, and after a write. */
export const functionKinds = ['receive', 'beforeMapping', 'beforeWrite', 'afterWrite'] as const
export type FunctionKind = (typeof functionKinds)[number]

/** What went in and what must come out: run on every save, and by `mortise test`. */
export interface FunctionExample {
  name: string
  /** JSON text of the function's argument, as it is called with (numbers keep their digits). */
  input: string
  /** JSON text of what it must answer; compared with numbers by their value and keys in any order. */
  output: string
  /** What look-ups find, by `kind:name:id`; what is not here is not found. */
  found?: Record<string, string>
}

export interface FunctionDef {
  name: string
  kind: FunctionKind
  /** Declares a function of the kind's name: `function receive(message) { … }`. */
  code: string
  /** Milliseconds for one record. */
  time: number
  /** Megabytes. */
  memory: number
  examples: FunctionExample[]
}

export const functionDefaults = { time: 1_000, memory: 32 } as const
