/** JSON of a management request: numbers that JavaScript would change stay the text they were, as in the configuration file. */

/** Throws SyntaxError where the text is no JSON, or holds a key that would reach an object's prototype. */
export const readJson = (text: string): unknown =>
  JSON.parse(text, function (key, value: unknown, context?: { source?: string }) {
    if (key === '__proto__' || key === 'constructor') throw new SyntaxError(`the key ${key} is reserved`)
    return typeof value === 'number' && context?.source !== undefined && String(value) !== context.source
      ? context.source
      : value
  })
