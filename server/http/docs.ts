/** The OpenAPI document as one page that a person can read: no script, nothing from elsewhere. Pure. */
import { createHash } from 'node:crypto'

interface Schema {
  type?: string | string[]
  description?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  enum?: unknown[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  additionalProperties?: Schema | boolean
  default?: unknown
  const?: unknown
  $ref?: string
}

interface Operation {
  operationId: string
  summary?: string
  description?: string
  tags?: string[]
  parameters?: { name: string; in: string; required?: boolean; schema?: Schema; description?: string }[]
  requestBody?: { content?: Record<string, { schema?: Schema }> }
  responses?: Record<string, { content?: Record<string, { schema?: Schema }> }>
  'x-right': string
  'x-only'?: string
}

export interface Document {
  info: { title: string; version: string; description?: string }
  paths: Record<string, Record<string, Operation>>
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const style = `
:root{color-scheme:light dark;--line:#8884;--dim:#777;--mark:#b3541e}
body{font:15px/1.5 system-ui,"Noto Sans CJK SC",sans-serif;max-width:64rem;margin:0 auto;padding:1.5rem}
h1{margin:0}h2{margin:2.2rem 0 .4rem;border-bottom:1px solid var(--line)}
nav a{margin-right:.8rem}details{border-bottom:1px solid var(--line);padding:.35rem 0}
summary{cursor:pointer}code,pre{font:13px/1.45 ui-monospace,monospace}pre{overflow:auto;background:#8881;padding:.6rem;border-radius:4px}
b.m{display:inline-block;min-width:4.2rem;color:var(--mark);font:700 13px ui-monospace,monospace}
small{color:var(--dim)}ul{margin:.2rem 0 .6rem;padding-left:1.2rem}a{color:var(--mark)}`

const typeOf = (schema: Schema): string => {
  if (schema.$ref) return schema.$ref.split('/').at(-1) ?? ''
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ')
  const some = schema.anyOf ?? schema.oneOf
  if (some) return [...new Set(some.map(typeOf))].join(' | ')
  if (schema.type === 'array') return `${schema.items ? typeOf(schema.items) : 'any'}[]`
  if (schema.properties) return 'map'
  if (typeof schema.additionalProperties === 'object') return `map of ${typeOf(schema.additionalProperties)}`
  return [schema.type ?? 'any'].flat().join(' | ')
}

/** Properties of a schema as a list; inner maps as lists of their own, not deeper than six: schemas that hold themselves end there. */
const properties = (schema: Schema | undefined, depth = 0): string => {
  if (!schema || depth > 5) return ''
  const inner = schema.properties
    ? schema
    : ([schema.items, ...(schema.anyOf ?? schema.oneOf ?? [])].find(
        (one) => one && (one.properties || one.items),
      ) as Schema)
  if (!inner?.properties) return inner && inner !== schema ? properties(inner, depth + 1) : ''
  const rows = Object.entries(inner.properties).map(([name, one]) => {
    const must = inner.required?.includes(name) ? '' : ' <small>optional</small>'
    const usual = one.default === undefined ? '' : ` <small>default ${escape(JSON.stringify(one.default))}</small>`
    return `<li><code>${escape(name)}</code> <small>${escape(typeOf(one))}</small>${must}${usual} ${escape(one.description ?? '')}${properties(one, depth + 1)}</li>`
  })
  return `<ul>${rows.join('')}</ul>`
}

const operationHtml = (path: string, method: string, one: Operation): string => {
  const right = one['x-right'] !== 'none' ? `right: ${one['x-right']}${one['x-only'] ? ', signed in' : ''}` : 'anybody'
  const parameters = (one.parameters ?? [])
    .map(
      (p) =>
        `<li><code>${escape(p.name)}</code> <small>${escape(p.in)}, ${escape(typeOf(p.schema ?? {}))}${p.required ? '' : ', optional'}</small> ${escape(p.description ?? p.schema?.description ?? '')}</li>`,
    )
    .join('')
  const body = Object.values(one.requestBody?.content ?? {})[0]?.schema
  const answers = Object.entries(one.responses ?? {}).map(([status, answer]) => {
    const schema = Object.values(answer.content ?? {})[0]?.schema
    return Number(status) < 300
      ? `<p>Answer ${status}${schema && !schema.properties ? ` <small>${escape(typeOf(schema))}</small>` : ''}</p>${properties(schema)}`
      : ''
  })
  const refusals = Object.keys(one.responses ?? {}).filter((status) => Number(status) >= 300)
  return `<details id="${escape(one.operationId)}"><summary><b class="m">${method.toUpperCase()}</b> <code>${escape(path)}</code> ${escape(one.summary ?? '')} <small>${escape(right)}</small></summary>
${one.description ? `<p>${escape(one.description)}</p>` : ''}${parameters ? `<p>Parameters</p><ul>${parameters}</ul>` : ''}${body ? `<p>Body</p>${properties(body)}` : ''}${answers.join('')}${refusals.length ? `<p><small>May say no: ${refusals.join(', ')}</small></p>` : ''}</details>`
}

/** The page, and the policy that lets it show its own style and nothing else. */
export const docsPage = (document: Document): { html: string; policy: string } => {
  const groups = new Map<string, string[]>()
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, one] of Object.entries(methods)) {
      const group = one.tags?.[0] ?? 'other'
      groups.set(group, [...(groups.get(group) ?? []), operationHtml(path, method, one)])
    }
  }
  const anchor = (group: string) => `g-${group.replaceAll(/\W+/g, '-')}`
  const links = [...groups.keys()].map((group) => `<a href="#${anchor(group)}">${escape(group)}</a>`).join('')
  const parts = [...groups].map(
    ([group, items]) => `<h2 id="${anchor(group)}">${escape(group)}</h2>${items.join('\n')}`,
  )
  const { title, version, description = '' } = document.info
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${style}</style></head>
<body><h1>${escape(title)}</h1><p><small>${escape(version)} · <a href="/api/openapi.json">openapi.json</a></small></p><p>${escape(description)}</p><nav>${links}</nav>
${parts.join('\n')}</body></html>`
  const hash = createHash('sha256').update(style).digest('base64')
  return {
    html,
    policy: `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  }
}
