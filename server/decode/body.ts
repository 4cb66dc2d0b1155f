/** The body of a non-standard push as text, by what its bytes are: declared, told by the header, or told by the XML itself. Pure. */
import { type Charset, charsetNamed, charsetOf, declaredIn, decodeBytes } from '../../protocol/charset.ts'
import { readXml } from '../../protocol/xml.ts'

export interface Told {
  contentType: string
  headers: Record<string, string>
}

export type Text = { text: string; charset: Charset } | { wrong: string }

const isXmlType = (contentType: string): boolean => /[/+]xml\b/i.test(contentType)

/** Which charset the bytes are said to be in. */
const saidCharset = (
  bytes: Buffer,
  contentType: string,
  declared: Charset | undefined,
): Charset | { unknown: string } => {
  if (declared) return declared
  const told = charsetOf(contentType) ?? declaredIn(bytes)
  if (told === undefined) return 'utf-8'
  return charsetNamed(told) ?? { unknown: told }
}

export const textOfBody = (bytes: Buffer, contentType: string, declared: Charset | undefined): Text => {
  const charset = saidCharset(bytes, contentType, declared)
  if (typeof charset === 'object') return { wrong: `the charset ${charset.unknown} is not spoken here` }
  const text = decodeBytes(bytes, charset)
  return text === null ? { wrong: `the bytes are not ${charset}` } : { text, charset }
}

/** XML that says that it is XML must be XML, without DOCTYPE and entities, also where a function would read it. */
export const xmlFlaw = (text: string, contentType: string): string | null => {
  if (!isXmlType(contentType) && !/^\s*<(?:\?xml|!DOCTYPE)/i.test(text)) return null
  const read = readXml(text)
  return 'wrong' in read ? `XML: ${read.wrong}` : null
}

/** As a door kept it beside the arrival; older rows, or what is none of ours, tell nothing. */
export const toldIn = (meta: string | null): Told => {
  try {
    const { contentType, headers } = JSON.parse(meta ?? '{}') as Partial<Told>
    return { contentType: String(contentType ?? ''), headers: headers ?? {} }
  } catch {
    return { contentType: '', headers: {} }
  }
}
