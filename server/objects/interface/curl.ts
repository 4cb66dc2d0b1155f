/** A call as a cURL command that a shell runs as it stands. Pure. */
import type { CallShown } from './interface.ts'

/** One word for a shell, whatever stands in it. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

export const addressWith = ({ url, query }: Pick<CallShown, 'url' | 'query'>): string => {
  const asked = query.map(({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&')
  return asked ? `${url}?${asked}` : url
}

/** Optional headers are left out. */
export const curlOf = (call: Omit<CallShown, 'curl'>): string =>
  [
    `curl --location --request ${call.method} ${quoted(addressWith(call))}`,
    ...call.headers
      .filter((header) => header.required)
      .map(({ name, value }) => `  --header ${quoted(`${name}: ${value}`)}`),
    ...(call.body === null ? [] : [`  --data-raw ${quoted(JSON.stringify(call.body, null, 2))}`]),
  ].join(' \\\n')
