/** A call as a line for the terminal: secrets stand as names, to be filled in by who runs it. Pure. */

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
/** A name of a secret becomes a variable of the shell, so it stands in double quotes. */
const header = (name: string, value: string): string =>
  /\$\{\w+\}/.test(value) ? `"${name}: ${value.replaceAll(/(["`\\])/g, '\\$1')}"` : quoted(`${name}: ${value}`)

export interface CalledConnection {
  baseUrl?: unknown
  headers?: unknown
}

/** `call` is the interface's own word: create, update, invalid, queryMasterById … */
export const curlOf = (connection: CalledConnection, call: string, request: string): string => {
  const base = String(connection.baseUrl ?? '')
  const url = `${base}${base.endsWith('/') ? '' : '/'}${call}`
  const headers = Object.entries((connection.headers ?? {}) as Record<string, unknown>).map(([name, value]) =>
    header(name, String(value)),
  )
  const lines = [`curl -sS ${quoted(url)}`, ...headers.map((one) => `-H ${one}`), `-H 'content-type: application/json'`]
  return [...lines, `--data-raw ${quoted(request)}`].join(' \\\n  ')
}
