/** The interface of an object as Markdown. Pure. */
import { addressWith } from './curl.ts'
import type { CallShown, FieldShown, ObjectInterface, Parameter } from './interface.ts'
import { type Say, sayIn } from './phrases.ts'

/** What stands in a cell: no pipe ends it, no line break breaks the table, no tag is taken for one. */
const cell = (text: string): string =>
  text
    .replaceAll('\\', '\\\\')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replaceAll(/\s*\n\s*/g, ' ')
/** A code span whose fence is longer than any run of backticks within. */
const code = (text: string): string => {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return longest ? `${fence} ${text} ${fence}` : `${fence}${text}${fence}`
}
const codeCell = (text: string): string => code(text.replaceAll('|', '\\|').replaceAll('\n', ' '))
const block = (language: string, text: string): string => {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text}\n${fence}`
}
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
const json = (value: unknown): string => JSON.stringify(value, null, 2)

const fieldTable = (fields: readonly FieldShown[], say: Say): string =>
  table(
    [say('code'), say('name'), say('type'), say('required'), say('example'), say('more')],
    fields.map((field) => [
      codeCell(field.code),
      cell(field.name),
      field.type,
      field.required ? say('yes') : '',
      codeCell(shown(field.example)),
      cell(field.note),
    ]),
  )

const parameters = (title: string, list: readonly Parameter[], say: Say): string[] =>
  list.length === 0
    ? []
    : [
        `**${title}**`,
        table(
          [say('name'), say('value'), say('required'), say('more')],
          list.map((one) => [codeCell(one.name), codeCell(one.value), say(one.required ? 'yes' : 'no'), cell(one.say)]),
        ),
      ]

const callText = (call: CallShown, say: Say): string[] => [
  `### ${cell(call.title)}`,
  code(`${call.method} ${addressWith(call)}`),
  cell(call.say),
  ...(call.notes.length ? [call.notes.map((note) => `- ${cell(note)}`).join('\n')] : []),
  ...parameters(say('headers'), call.headers, say),
  ...parameters(say('query'), call.query, say),
  ...(call.body === null ? [] : [`**${say('body')}**`, block('json', json(call.body))]),
  `**${say('answer')}**`,
  block('json', json(call.answer)),
  ...(call.failure === null ? [] : [`**${say('answerFailed')}**`, block('json', json(call.failure))]),
  `**${say('curl')}**`,
  block('sh', call.curl),
]

export const markdownOf = (made: ObjectInterface): string => {
  const say = sayIn(made.locale)
  const { object } = made
  const codeTable = (codes: ObjectInterface['codes']): string =>
    table(
      [say('code'), 'HTTP', say('more')],
      codes.map((one) => [codeCell(one.code), String(one.http), cell(one.sentence)]),
    )
  return `${[
    `# ${cell(made.title)}`,
    cell(made.intro),
    table(
      [say('object'), say('apiName'), say('idField'), say('modifiedField'), say('externalIdField')],
      [
        [object.code, object.apiName, object.idField, object.modifiedField, object.externalIdField].map((one) =>
          one === null ? '' : codeCell(one),
        ),
      ],
    ),
    `## ${say('fields')}`,
    fieldTable(made.fields, say),
    ...made.details.flatMap((detail) => [
      `### ${cell(say('detail', { detail: detail.name ? `${detail.name} (${detail.code})` : detail.code }))}`,
      fieldTable(detail.fields, say),
    ]),
    `## ${say('offers')}`,
    ...made.offers.flatMap((call) => callText(call, say)),
    `## ${say('calls')}`,
    ...made.calls.flatMap((call) => callText(call, say)),
    `## ${say('codes')}`,
    codeTable(made.codes),
    ...(made.batchCodes.length ? [`### ${say('resCodes')}`, codeTable(made.batchCodes)] : []),
  ].join('\n\n')}\n`
}
