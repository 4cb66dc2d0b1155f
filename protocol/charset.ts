/** Bytes to text and back in the charsets that ERPs speak: UTF-8, and GBK with its relatives read as GB18030. Undecodable bytes are told, not replaced. */
import { isUtf8 } from 'node:buffer'
import iconv from 'iconv-lite'

export const charsets = ['utf-8', 'gbk', 'gb18030'] as const
export type Charset = (typeof charsets)[number]

/** The charset behind a name as it stands in headers and declarations; undefined for one that is not spoken here. */
export const charsetNamed = (name: string): Charset | undefined => {
  switch (
    name
      .trim()
      .toLowerCase()
      .replace(/^["']|["']$/g, '')
  ) {
    case 'utf-8':
    case 'utf8':
    case 'us-ascii':
    case 'ascii':
      return 'utf-8'
    case 'gb2312':
    case 'gbk':
    case 'cp936':
    case 'x-gbk':
    case 'windows-936':
      return 'gbk'
    case 'gb18030':
      return 'gb18030'
    default:
      return undefined
  }
}

/** The `charset` that a Content-Type names; undefined: none. */
export const charsetOf = (contentType: string | undefined): string | undefined =>
  /charset\s*=\s*("[^"]*"|'[^']*'|[^\s;]+)/i.exec(contentType ?? '')?.[1]?.replace(/^["']|["']$/g, '')

/** The encoding that an XML declaration names, as far as the first bytes tell it. */
export const declaredIn = (bytes: Buffer): string | undefined =>
  /^(?:\u00ef\u00bb\u00bf)?<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.-]+)["']/.exec(
    bytes.toString('latin1', 0, 300),
  )?.[1]

/** Null where the bytes are none of that charset. A byte order mark is no part of the text. */
export const decodeBytes = (bytes: Buffer, charset: Charset): string | null => {
  if (charset === 'utf-8') {
    if (!isUtf8(bytes)) return null
    const text = bytes.toString('utf8')
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
  }
  try {
    // One decoder for the three: GBK and GB2312 are what GB18030 began as.
    return new TextDecoder('gb18030', { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}

/** Null where the charset has no bytes for some character: GBK knows 21,886, GB18030 and UTF-8 all. `lost` names the first of them. */
export const encodeText = (text: string, charset: Charset): { bytes: Buffer } | { lost: string } => {
  if (charset === 'utf-8') return { bytes: Buffer.from(text) }
  const bytes = iconv.encode(text, charset)
  const back = iconv.decode(bytes, charset, { stripBOM: false })
  if (back === text) return { bytes }
  const [written, read] = [[...text], [...back]]
  return { lost: written[written.findIndex((char, i) => char !== read[i])] ?? '' }
}
