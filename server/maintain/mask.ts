/** Hides credentials in bodies before a person sees them: values behind telling names, in JSON, XML and forms, also in a text that is cut off. Pure. */

const names =
  'password|passwd|pwd|secret|client_?secret|app_?secret|token|access_?token|refresh_?token|id_?token|authorization|api_?key|apikey|private_?key|salt|signature|sign|cookie|set-cookie|session_?id|密码|口令|密钥'
const hidden = '•••'

const value = '(\\s*:\\s*)("(?:[^"\\\\]|\\\\.)*"?|[^\\s,}\\]"]+)'
const json = new RegExp(`"((?:[A-Za-z0-9]+[_-])*(?:${names}))"${value}`, 'gi')
/** `erpToken`, `appSecret`; not `design`. */
const camel = new RegExp(
  `"([A-Za-z0-9]+(?:Token|Secret|Password|Passwd|ApiKey|PrivateKey|Salt|Signature|Cookie))"${value}`,
  'g',
)
const xml = new RegExp(`<(${names})(\\s[^<>]*)?>[^<]*`, 'gi')
const form = new RegExp(`(^|[?&\\s])(${names})=[^&\\s"]*`, 'gi')
const scheme = /\b(Bearer|Basic)\s+[A-Za-z0-9+/._~=-]{6,}/g

export const mask = (text: string): string =>
  text
    .replace(json, (_whole, name: string, colon: string) => `"${name}"${colon}"${hidden}"`)
    .replace(camel, (_whole, name: string, colon: string) => `"${name}"${colon}"${hidden}"`)
    .replace(xml, (_whole, name: string, attributes: string | undefined) => `<${name}${attributes ?? ''}>${hidden}`)
    .replace(form, (_whole, before: string, name: string) => `${before}${name}=${hidden}`)
    .replace(scheme, (_whole, name: string) => `${name} ${hidden}`)
