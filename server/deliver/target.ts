/** Where a callback may go: an origin that an administrator registered for this very client, and an address that may be called at all (reliability.md, Threats). Pure. */
import { checkUrl, type Policy } from '../egress/guard.ts'

export type Target = { url: URL } | { reason: 'origin' | 'address'; value: string }

const longest = 2_048

/** The text is checked before its origin is: what a person reads must be what is connected to. */
export const targetOf = (text: string, origins: readonly string[], policy: Policy): Target => {
  const shown = text.slice(0, 200)
  if (text.length > longest) return { reason: 'address', value: shown }
  if (!URL.canParse(text)) return { reason: 'address', value: shown }
  const { origin } = new URL(text)
  if (!origins.includes(origin)) return { reason: 'origin', value: origin === 'null' ? shown : origin }
  const checked = checkUrl(text, policy)
  return 'refused' in checked ? { reason: 'address', value: shown } : { url: checked.url }
}
