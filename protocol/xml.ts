/**
 * XML as the guide's interfaces use it: elements, attributes and text, read and written by the same rules. No DOCTYPE, no entities but
 * the five that XML itself has, nothing turned into a number: `007` and `1.10` stay what they are (contracts.md section 2).
 */
import { XMLParser, XMLValidator } from 'fast-xml-parser'

/** Text, or an element's members by name: `@name` attributes, `#text` beside elements, lists where an element repeats. */
export type Xml = string | Xml[] | { [name: string]: Xml }

export type XmlRead = { root: string; value: Xml } | { wrong: string }

const deepest = 64
const mostNodes = 200_000
const reserved = new Set(['__proto__', 'constructor'])

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  attributesGroupName: false,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  processEntities: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  textNodeName: '#text',
  cdataPropName: '#cdata',
  maxNestedTags: deepest + 2,
  strictReservedNames: false,
  onDangerousProperty: (name: string) => {
    throw new Error(`the name ${name} is reserved`)
  },
})

const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

class Malformed extends Error {}

const isChar = (code: number): boolean =>
  code === 9 ||
  code === 10 ||
  code === 13 ||
  (code >= 0x20 && code <= 0xd7ff) ||
  (code >= 0xe000 && code <= 0xfffd) ||
  (code >= 0x10000 && code <= 0x10ffff)

/** Text with the references that XML itself has; any other entity is refused, for nobody here may say what it stands for. */
const resolved = (text: string): string => {
  if (!text.includes('&')) return text
  return text.replace(/&([^;&\s]{0,40};?)/g, (_, found: string) => {
    if (!found.endsWith(';')) throw new Malformed('an & that begins no entity')
    const name = found.slice(0, -1)
    const known = Object.hasOwn(named, name) ? named[name] : undefined
    if (known !== undefined) return known
    const code = /^#x[0-9a-f]{1,6}$/i.test(name)
      ? Number.parseInt(name.slice(2), 16)
      : /^#\d{1,7}$/.test(name)
        ? Number(name.slice(1))
        : Number.NaN
    if (!isChar(code)) throw new Malformed(`the entity &${name.slice(0, 40)}; is not allowed`)
    return String.fromCodePoint(code)
  })
}

/** `_x0020_` in a name stands for a character that XML names cannot have: field names such as `明细 apiName1` travel so. */
const plainName = (name: string): string =>
  name.replace(/_x([0-9A-Fa-f]{4})_/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

const isBlank = (text: string): boolean => /^[ \t\r\n]*$/.test(text)

/** What the parser made, as this page promises it: text resolved, white space between elements dropped. */
const settled = (value: unknown, depth: number, count: { nodes: number }): Xml => {
  if (depth > deepest) throw new Malformed(`deeper than ${deepest}`)
  if (++count.nodes > mostNodes) throw new Malformed(`more than ${mostNodes} elements`)
  if (typeof value === 'string') return resolved(value)
  if (Array.isArray(value)) return value.map((one) => settled(one, depth, count))
  if (typeof value !== 'object' || value === null) return ''
  const members: { [name: string]: Xml } = {}
  let text = ''
  let cdata = ''
  let elements = 0
  for (const [name, member] of Object.entries(value)) {
    if (name === '#text') {
      text = resolved(Array.isArray(member) ? member.join('') : String(member))
      continue
    }
    if (name === '#cdata') {
      cdata = Array.isArray(member) ? member.join('') : String(member)
      continue
    }
    const own = plainName(name)
    if (reserved.has(own)) throw new Malformed(`the name ${own} is reserved`)
    if (Object.hasOwn(members, own)) throw new Malformed(`${own} is written in two ways`)
    members[own] = settled(member, depth + 1, count)
    elements++
  }
  if (!elements) return cdata === '' ? text : isBlank(text) ? cdata : text + cdata
  const said = isBlank(text) ? cdata : text + cdata
  if (said !== '') members['#text'] = said
  return members
}

/** Without comments, CDATA and instructions: the only places where a DOCTYPE or a declaration of entities counts. */
const outside = (text: string): string => text.replace(/<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>/g, '')

/** Reads one document. Never throws; what is wrong is said with its place where that is known. */
export const readXml = (text: string): XmlRead => {
  const bare = text.includes('<!') || text.includes('<?') ? outside(text) : text
  if (/<!DOCTYPE/i.test(bare)) return { wrong: 'DOCTYPE is not allowed' }
  if (/<!ENTITY/i.test(bare)) return { wrong: 'declarations of entities are not allowed' }
  // oxlint-disable-next-line no-control-regex
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.exec(text)
  if (control) return { wrong: `a character that XML does not have, at ${control.index}` }
  if (!text.isWellFormed()) return { wrong: 'half a surrogate pair' }
  if (isBlank(text)) return { wrong: 'the body is empty' }
  try {
    const checked = XMLValidator.validate(text, { allowBooleanAttributes: false })
    if (checked !== true) return { wrong: `${checked.err.msg} (line ${checked.err.line}, column ${checked.err.col})` }
    const parsed = parser.parse(text) as Record<string, unknown>
    const roots = Object.keys(parsed).filter((name) => name !== '#text' && !name.startsWith('?'))
    const [root] = roots
    if (root === undefined || root === '#cdata') return { wrong: 'there is no element' }
    if (roots.length > 1 || Array.isArray(parsed[root])) return { wrong: 'there is more than one root element' }
    // The validator lets text behind the root pass.
    if (!isBlank(bare.slice(bare.lastIndexOf('>') + 1))) return { wrong: 'text beside the root element' }
    return { root: plainName(root), value: settled(parsed[root], 1, { nodes: 0 }) }
  } catch (error) {
    return { wrong: error instanceof Error ? error.message.slice(0, 200) : 'malformed' }
  }
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#13;' }
/** For element text and, in double quotes, for attributes. */
export const escapeXml = (text: string): string => text.replace(/[&<>"\r]/g, (char) => escapes[char] as string)

const nameStart =
  /^[A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd]/
const namePart =
  /[\w.\-\u00b7\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u037d\u037f-\u1fff\u203f\u2040\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd]/

const escapedChar = (char: string): string => `_x${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`

/** A field's name as an element's (some names of XML are white space to the parser): what a name may not hold is written `_x0020_`, and is read back by `readXml`. */
export const xmlName = (name: string): string => {
  const guarded = name.replace(/_(?=x[0-9A-Fa-f]{4}_)/g, '_x005F_')
  let out = ''
  for (let i = 0; i < guarded.length; i++) {
    const char = guarded[i] as string
    out += (i === 0 ? nameStart : namePart).test(char) && !/\s/.test(char) ? char : escapedChar(char)
  }
  return out || '_'
}

/** What XML cannot carry, such as a control character; null: all of it can be written. */
export const xmlCannot = (text: string): string | null =>
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.exec(text)?.[0] ?? null

/** One element, its lists as repetitions; `@name` members become attributes. An empty list writes nothing. */
export const writeXml = (name: string, value: Xml): string => {
  if (Array.isArray(value)) return value.map((one) => writeXml(name, one)).join('')
  const tag = xmlName(name)
  if (typeof value === 'string') return value === '' ? `<${tag}/>` : `<${tag}>${escapeXml(value)}</${tag}>`
  let attributes = ''
  let inside = ''
  for (const [key, member] of Object.entries(value)) {
    if (key === '#text') inside += typeof member === 'string' ? escapeXml(member) : ''
    else if (key.startsWith('@') && typeof member === 'string')
      attributes += ` ${xmlName(key.slice(1))}="${escapeXml(member).replace(/\n/g, '&#10;').replace(/\t/g, '&#9;')}"`
    else inside += writeXml(key, member)
  }
  return inside === '' ? `<${tag}${attributes}/>` : `<${tag}${attributes}>${inside}</${tag}>`
}
