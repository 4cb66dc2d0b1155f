/** Writes the types of the management API that the console's client calls by, from the OpenAPI document of this very code. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Fastify from 'fastify'
import { apiOf } from '../server/cli/api.ts'
import { mountApi } from '../server/http/api.ts'
import { alertRoutes } from '../server/observe/routes.ts'

interface Schema {
  type?: string | string[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  prefixItems?: Schema[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  additionalProperties?: Schema | boolean
  default?: unknown
  $ref?: string
}

interface Operation {
  operationId: string
  parameters?: { name: string; in: string; required?: boolean; schema?: Schema }[]
  requestBody?: { required?: boolean; content?: Record<string, { schema?: Schema }> }
  responses: Record<string, { content?: Record<string, { schema?: Schema }> }>
}

export interface Document {
  paths: Record<string, Record<string, Operation>>
}

const keyOf = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name))

const simple: Record<string, string> = {
  string: 'string',
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  null: 'null',
}

/** `sent`: what has a default may be left out. What the configuration file says is a tree to the console: `unknown`. */
const typeOf = (schema: Schema | undefined, sent: boolean, depth = 0): string => {
  if (!schema || schema.$ref || depth > 8) return 'unknown'
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  // a catalogue that grows, such as that of faults
  if (schema.enum && schema.enum.length > 16) return 'string'
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ')
  const some = schema.anyOf ?? schema.oneOf
  if (some) return [...new Set(some.map((one) => typeOf(one, sent, depth + 1)))].join(' | ')
  if (Array.isArray(schema.type)) return schema.type.map((one) => simple[one] ?? 'unknown').join(' | ')
  if (schema.type === 'array') {
    const item = typeOf(schema.items, sent, depth + 1)
    return item.includes(' | ') ? `(${item})[]` : `${item}[]`
  }
  if (schema.properties) {
    const members = Object.entries(schema.properties).map(([name, one]) => {
      const isOptional = !schema.required?.includes(name) || (sent && one.default !== undefined)
      return `${keyOf(name)}${isOptional ? '?' : ''}: ${typeOf(one, sent, depth + 1)}`
    })
    return members.length ? `{ ${members.join('; ')} }` : 'Record<string, never>'
  }
  if (typeof schema.additionalProperties === 'object')
    return `Record<string, ${typeOf(schema.additionalProperties, sent, depth + 1)}>`
  if (schema.type === 'object') return 'Record<string, unknown>'
  return typeof schema.type === 'string' ? (simple[schema.type] ?? 'unknown') : 'unknown'
}

const membersOf = (parameters: Operation['parameters'], place: string): string => {
  const own = (parameters ?? []).filter((one) => one.in === place)
  const members = own.map((one) => {
    const isOptional = place === 'query' && (!one.required || one.schema?.default !== undefined)
    return `${keyOf(one.name)}${isOptional ? '?' : ''}: ${typeOf(one.schema, true)}`
  })
  return members.length ? `{ ${members.join('; ')} }` : 'unknown'
}

const first = (content: Record<string, { schema?: Schema }> | undefined): Schema | undefined =>
  Object.values(content ?? {})[0]?.schema

/** One entry per operation: its lines of the file, by its id. Pure. */
export const entriesOf = (document: Document): Map<string, { type: string; value: string }> => {
  const entries = new Map<string, { type: string; value: string }>()
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, one] of Object.entries(methods)) {
      const good = Object.entries(one.responses).find(([status]) => Number(status) < 300)
      // a body that the configuration file describes is checked by the server, with better sentences
      const body = one.requestBody && first(one.requestBody.content)
      const bodyType = body ? typeOf(body, true) : 'undefined'
      const answer = good?.[0] === '204' ? 'undefined' : typeOf(first(good?.[1].content), false)
      const query = membersOf(one.parameters, 'query')
      entries.set(one.operationId, {
        type: `  ${one.operationId}: {\n    path: ${membersOf(one.parameters, 'path')}\n    query: ${query}\n    body: ${bodyType.length > 2_000 ? 'Record<string, unknown>' : bodyType}\n    answer: ${answer}\n  }`,
        value: `  ${one.operationId}: ['${method.toUpperCase()}', '${path.replace('/api/v1', '')}'],`,
      })
    }
  return entries
}

/** A world in which nothing can be asked: routes are described, never called. */
const nobody = (): Parameters<typeof apiOf>[0] => {
  const anything: unknown = new Proxy(() => undefined, { get: () => anything })
  return new Proxy(
    { alerts: alertRoutes({} as never) },
    { get: (known, name) => Reflect.get(known, name) ?? anything },
  ) as never
}

/** The document of the code as it stands: no database is asked for it. */
export const describedApi = async (): Promise<Document> => {
  const app = Fastify({ routerOptions: { maxParamLength: 512 } })
  await mountApi(app, { ...apiOf(nobody()), version: '' })
  const answer = await app.inject('/api/openapi.json')
  await app.close()
  return JSON.parse(answer.body) as Document
}

export const clientPath = join(import.meta.dirname, '../console/api/routes.gen.ts')

export const clientText = (document: Document): string => {
  const entries = [...entriesOf(document)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry)
  return `/** Made by scripts/api-client.ts from the OpenAPI document: what each route takes and answers. A test holds it to the document. */
export interface Routes {
${entries.map((one) => one.type).join('\n')}
}

export const routes: { readonly [Id in keyof Routes]: readonly [method: string, path: string] } = {
${entries.map((one) => one.value).join('\n')}
}
`
}

if (import.meta.main) await writeFile(clientPath, clientText(await describedApi()))
