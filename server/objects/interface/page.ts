/** The interface of an object as one page for people: no script, nothing from elsewhere, good on paper. Pure. */
import { createHash } from 'node:crypto'
import { type Locale, locales } from '../../../protocol/codes.ts'
import { addressWith } from './curl.ts'
import type { CallShown, FieldShown, ObjectInterface, Parameter } from './interface.ts'
import { languageNames, languageTags, type Say, sayIn } from './phrases.ts'

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const style = `
:root{color-scheme:light dark;--line:#8884;--dim:#666;--mark:#b3541e}
@media (prefers-color-scheme:dark){:root{--dim:#aaa;--mark:#e8956a}}
body{font:15px/1.6 system-ui,"Noto Sans CJK SC",sans-serif;max-width:66rem;margin:0 auto;padding:1.5rem}
h1{margin:.2rem 0}h2{margin:2.4rem 0 .4rem;border-bottom:1px solid var(--line)}h3{margin:1.8rem 0 .3rem}h4{margin:1rem 0 .2rem;font-size:1em}
a{color:var(--mark)}nav a{margin-right:1rem}nav.l{float:right;font-size:13px}nav.l b{margin-right:1rem}
code,pre{font:13px/1.5 ui-monospace,monospace}pre{overflow:auto;background:#8881;padding:.7rem;border-radius:4px;user-select:all;white-space:pre-wrap;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}th{font-weight:600;background:#8881}
p.a{margin:.2rem 0}p.a b{color:var(--mark);font:700 13px ui-monospace,monospace;margin-right:.6rem}small{color:var(--dim)}
@media print{body{max-width:none;padding:0;font-size:11px}nav{display:none}pre{white-space:pre-wrap;border:1px solid #ccc}h3,h4{break-after:avoid}pre,tr{break-inside:avoid}a{color:inherit;text-decoration:none}}`

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
const mono = (text: string): string => `<code>${escape(text)}</code>`
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table><thead><tr>${head.map((one) => `<th scope="col">${escape(one)}</th>`).join('')}</tr></thead><tbody>${rows
    .map((row) => `<tr>${row.map((one) => `<td>${one}</td>`).join('')}</tr>`)
    .join('')}</tbody></table>`
const block = (title: string, text: string): string =>
  `<h4>${escape(title)}</h4><pre tabindex="0">${escape(text)}</pre>`
const json = (value: unknown): string => JSON.stringify(value, null, 2)

const fieldTable = (fields: readonly FieldShown[], say: Say): string =>
  table(
    [say('code'), say('name'), say('type'), say('required'), say('example'), say('more')],
    fields.map((field) => [
      mono(field.code),
      escape(field.name),
      escape(field.type),
      field.required ? escape(say('yes')) : '',
      mono(shown(field.example)),
      escape(field.note),
    ]),
  )

const parameters = (title: string, list: readonly Parameter[], say: Say): string =>
  list.length === 0
    ? ''
    : `<h4>${escape(title)}</h4>${table(
        [say('name'), say('value'), say('required'), say('more')],
        list.map((one) => [mono(one.name), mono(one.value), escape(say(one.required ? 'yes' : 'no')), escape(one.say)]),
      )}`

const callHtml = (call: CallShown, say: Say): string => `<section id="${call.id}"><h3>${escape(call.title)}</h3>
<p class="a"><b>${call.method}</b>${mono(addressWith(call))}</p><p>${escape(call.say)}</p>
${call.notes.length ? `<ul>${call.notes.map((note) => `<li>${escape(note)}</li>`).join('')}</ul>` : ''}
${parameters(say('headers'), call.headers, say)}${parameters(say('query'), call.query, say)}
${call.body === null ? '' : block(say('body'), json(call.body))}${block(say('answer'), json(call.answer))}
${call.failure === null ? '' : block(say('answerFailed'), json(call.failure))}${block(say('curl'), call.curl)}</section>`

/** `linkTo`: where the same is read in another language. */
export const interfacePage = (
  made: ObjectInterface,
  linkTo: (locale: Locale) => string,
): { html: string; policy: string } => {
  const say = sayIn(made.locale)
  const { object } = made
  const languages = locales
    .map((locale) =>
      locale === made.locale
        ? `<b>${languageNames[locale]}</b>`
        : `<a href="${escape(linkTo(locale))}" hreflang="${languageTags[locale]}" lang="${languageTags[locale]}">${languageNames[locale]}</a>`,
    )
    .join('')
  const contents = [...made.offers, ...made.calls]
    .map((call) => `<a href="#${call.id}">${escape(call.title)}</a>`)
    .join('')
  const codeTable = (codes: ObjectInterface['codes']): string =>
    table(
      [say('code'), 'HTTP', say('more')],
      codes.map((one) => [mono(one.code), String(one.http), escape(one.sentence)]),
    )
  const html = `<!doctype html><html lang="${languageTags[made.locale]}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"><title>${escape(made.title)}</title><style>${style}</style></head>
<body><nav class="l">${languages}</nav><h1>${escape(made.title)}</h1><p>${escape(made.intro)}</p>
${table(
  [say('object'), say('apiName'), say('idField'), say('modifiedField'), say('externalIdField')],
  [
    [object.code, object.apiName, object.idField, object.modifiedField, object.externalIdField].map((one) =>
      one === null ? '' : mono(one),
    ),
  ],
)}
<nav aria-label="${escape(say('contents'))}"><p>${contents}</p></nav>
<h2>${escape(say('fields'))}</h2>${fieldTable(made.fields, say)}
${made.details
  .map(
    (detail) =>
      `<h3>${escape(say('detail', { detail: detail.name ? `${detail.name} (${detail.code})` : detail.code }))}</h3>${fieldTable(detail.fields, say)}`,
  )
  .join('')}
<h2>${escape(say('offers'))}</h2>${made.offers.map((call) => callHtml(call, say)).join('')}
<h2>${escape(say('calls'))}</h2>${made.calls.map((call) => callHtml(call, say)).join('')}
<h2 id="codes">${escape(say('codes'))}</h2>${codeTable(made.codes)}
${made.batchCodes.length ? `<h3>${escape(say('resCodes'))}</h3>${codeTable(made.batchCodes)}` : ''}
</body></html>`
  const hash = createHash('sha256').update(style).digest('base64')
  return {
    html,
    policy: `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  }
}
