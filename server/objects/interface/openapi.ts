/** The interface of an object as an OpenAPI 3.1 document, for code generators and clients. Pure. */
import type { CallShown, FieldShown, ObjectInterface } from './interface.ts'
import { sayIn } from './phrases.ts'

type Json = Record<string, unknown>

/** Amounts may be text as well: systems write them either way, and no digit may be lost. */
const jsonTypes: Record<FieldShown['kind'], Json> = {
  text: { type: 'string' },
  decimal: { type: ['number', 'string'] },
  integer: { type: ['integer', 'string'] },
  bool: { type: ['boolean', 'string'] },
  date: { type: ['string', 'integer'] },
  datetime: { type: ['string', 'integer'] },
  select: { type: ['string', 'number'] },
  multiselect: { type: 'array', items: { type: 'string' } },
  reference: { type: ['string', 'number'] },
  person: { type: 'string' },
  department: { type: 'string' },
  attachment: {},
}

const fieldsSchema = (fields: readonly FieldShown[]): Json => ({
  type: 'object',
  properties: Object.fromEntries(
    fields.map((field) => [
      field.code,
      {
        ...jsonTypes[field.kind],
        ...(field.name && { title: field.name }),
        ...(field.note && { description: field.note }),
        examples: [field.example],
      },
    ]),
  ),
})

/** A schema that fits an example: what an answer or another body looks like. */
const shapeOf = (example: unknown): Json => {
  if (example === null || example === undefined) return {}
  if (Array.isArray(example)) return { type: 'array', items: shapeOf(example[0]) }
  if (typeof example === 'object')
    return {
      type: 'object',
      properties: Object.fromEntries(Object.entries(example).map(([key, value]) => [key, shapeOf(value)])),
    }
  if (typeof example === 'number') return { type: 'number' }
  return { type: typeof example }
}

/** A record wherever it stands becomes a reference to its schema. */
const withRecord = (example: unknown): Json => {
  if (example !== null && typeof example === 'object' && !Array.isArray(example)) {
    if ('masterFieldVal' in example && 'objAPIName' in example && Object.keys(example).length <= 3)
      return { $ref: '#/components/schemas/Record' }
    return {
      type: 'object',
      properties: Object.fromEntries(Object.entries(example).map(([key, value]) => [key, withRecord(value)])),
    }
  }
  if (Array.isArray(example)) return { type: 'array', items: withRecord(example[0]) }
  return shapeOf(example)
}

const operation = (call: CallShown, tag: string): Json => {
  const parameters = [
    ...call.headers
      .filter((one) => !/^(?:content-type|authorization|accept)$/i.test(one.name))
      .map((one) => ({ ...one, in: 'header' })),
    ...call.query.map((one) => ({ ...one, in: 'query' })),
  ].map((one) => ({
    name: one.name,
    in: one.in,
    required: one.required,
    description: one.say,
    schema: { type: 'string' },
    example: one.value,
  }))
  return {
    operationId: call.id,
    tags: [tag],
    summary: call.title,
    description: [call.say, ...call.notes].join('\n\n'),
    ...(parameters.length && { parameters }),
    ...(call.headers.some((one) => one.name.toLowerCase() === 'authorization') && {
      security: [{ authorization: [] }],
    }),
    ...(call.body !== null && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: withRecord(call.body), example: call.body } },
      },
    }),
    responses: {
      '200': {
        description: sayFirst(call.say),
        content: {
          'application/json': {
            schema: withRecord(call.answer),
            ...(call.failure === null
              ? { example: call.answer }
              : { examples: { success: { value: call.answer }, failure: { value: call.failure } } }),
          },
        },
      },
    },
  }
}

const sayFirst = (text: string): string => text.split(/[。.]/)[0] ?? text

/** Calls to one address by one method differ in headers only: the first tells the address, the others follow in its description. */
export const openapiOf = (made: ObjectInterface): Json => {
  const say = sayIn(made.locale)
  const paths: Record<string, Json> = {}
  const put = (call: CallShown, base: string, tag: string): void => {
    const path = `/${call.url.slice(base.length).replace(/^\//, '')}`
    const method = call.method.toLowerCase()
    const known = paths[path]?.[method] as
      | { description: string; parameters?: { name: string; required: boolean }[]; requestBody?: { required: boolean } }
      | undefined
    if (!known) {
      paths[path] = { ...paths[path], servers: [{ url: base }], [method]: operation(call, tag) }
      return
    }
    known.description += `\n\n**${call.title}**: ${call.say}`
    // what one of them leaves out is required of none
    const names = new Set(call.headers.filter((one) => one.required).map((one) => one.name))
    for (const one of known.parameters ?? []) if (!names.has(one.name)) one.required = false
    if (call.body === null && known.requestBody) known.requestBody.required = false
    const before = new Set((known.parameters ?? []).map((one) => one.name))
    const more = (operation(call, tag).parameters ?? []) as { name: string; required: boolean }[]
    known.parameters = [
      ...(known.parameters ?? []),
      ...more.filter((one) => !before.has(one.name)).map((one) => ({ ...one, required: false })),
    ]
  }
  for (const call of made.offers) put(call, made.addresses.theirs.replace(/\/$/, ''), say('offers'))
  for (const call of made.calls) put(call, made.addresses.ours, say('calls'))
  return {
    openapi: '3.1.0',
    info: { title: made.title, version: '1', description: made.intro },
    servers: [{ url: made.addresses.theirs.replace(/\/$/, '') }],
    tags: [{ name: say('offers') }, { name: say('calls') }],
    paths,
    components: {
      schemas: {
        Record: {
          type: 'object',
          required: ['masterFieldVal'],
          properties: {
            objAPIName: { type: 'string', examples: [made.object.apiName] },
            masterFieldVal: fieldsSchema(made.fields),
            detailFieldVals: {
              type: 'object',
              properties: Object.fromEntries(
                made.details.map((detail) => [detail.code, { type: 'array', items: fieldsSchema(detail.fields) }]),
              ),
            },
          },
        },
      },
      securitySchemes: { authorization: { type: 'http', scheme: 'bearer' } },
    },
  }
}
