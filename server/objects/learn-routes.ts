/** Routes by which an object comes to be declared without typing it: learnt from a sample or a live record, taken from a document, and given as one. */
import { z } from 'zod'
import {
  type Declaring,
  absent,
  answered,
  askingOf,
  declaredShape,
  findIn,
  ifMatch,
  putIn,
  type Tree,
} from '../http/declaring.ts'
import { type Answered, inTenant, ok, refuse, type Refused, type Route, route } from '../http/route.ts'
import { type BookForm, bookForms, bookTypes, readBook, writeBook } from './field-book.ts'
import { learnFrom, sayNote } from './learn-sample.ts'
import type { Locale } from '../../protocol/codes.ts'

export interface LearnDeps {
  declaring: Declaring
  /** The answer of the connection's system to a query by id; undefined: there is no such connection. */
  fetchRecord(
    tenantId: string,
    connectionId: string,
    object: string,
    id: string,
    locale: Locale,
  ): Promise<{ answer: string } | { said: string } | undefined>
}

const tree = z.record(z.string(), z.unknown()).describe('As in the configuration file.')
const onConnection = inTenant.extend({ connection: z.string().min(1).max(200) })
const anObject = onConnection.extend({ object: z.string().min(1).max(200).describe('Its code.') })
const code = z.string().min(1).max(128)

const learntShape = z.object({
  object: tree,
  records: z.number().describe('From so many records.'),
  notes: z.array(z.object({ note: z.string(), field: z.string().nullable(), say: z.string() })),
})

const objectsOf = (now: Tree, connection: string): Tree | undefined => findIn(now, 'connections', 'id', connection)

export const learningRoutes = ({ declaring, fetchRecord }: LearnDeps): Route[] => {
  const learnt = (
    text: string,
    object: string | undefined,
    locale: Locale,
    place: string,
  ): Answered<z.input<typeof learntShape>> | Refused => {
    const found = learnFrom(text, object)
    if ('wrong' in found) return refuse('request.invalid', { said: found.wrong }, { path: place })
    return ok({
      object: found.object,
      records: found.records,
      notes: found.notes.map((one) => ({ note: one.note, field: one.field ?? null, say: sayNote(one, locale) })),
    })
  }
  const given = (form: BookForm): Route =>
    route({
      id: `showObject${{ json: 'Json', yaml: 'Yaml', xlsx: 'Sheet' }[form]}`,
      method: 'GET',
      path: `/tenants/:tenant/connections/:connection/objects/:object/definition.${form}`,
      group: 'objects',
      summary: { json: 'The object as JSON', yaml: 'The object as YAML', xlsx: 'Its fields as a sheet of Excel' }[form],
      params: anObject,
      text: bookTypes[form],
      handle: async ({ params: { tenant, connection, object } }) => {
        const found = findIn(objectsOf(await declaring.tree(tenant), connection) ?? {}, 'objects', 'code', object)
        if (!found) return absent(`object ${connection}/${object}`)
        return {
          status: 200,
          text: { type: bookTypes[form], content: await writeBook(found, form) },
          headers: { 'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(object)}.${form}` },
        }
      },
    })
  return [
    route({
      id: 'learnSample',
      method: 'POST',
      path: '/tenants/:tenant/connections/:connection/learn-sample',
      group: 'objects',
      summary: 'An object proposed from a pasted sample: JSON or a cURL command; nothing is declared',
      params: onConnection,
      body: z.object({ sample: z.string().min(1).max(1_000_000), object: code.optional().describe('Its code.') }),
      answer: learntShape,
      handle: async ({ params: { tenant, connection }, body, locale }) =>
        objectsOf(await declaring.tree(tenant), connection)
          ? learnt(body.sample, body.object, locale, 'body.sample')
          : absent(`connection ${connection}`),
    }),
    route({
      id: 'learnRecord',
      method: 'POST',
      path: '/tenants/:tenant/connections/:connection/learn-record',
      group: 'objects',
      summary: 'An object proposed from one live record, read by queryMasterById; nothing is declared',
      params: onConnection,
      body: z.object({ object: code, id: z.string().min(1).max(256) }),
      answer: learntShape,
      handle: async ({ params: { tenant, connection }, body, locale }) => {
        const read = await fetchRecord(tenant, connection, body.object, body.id, locale)
        if (!read) return absent(`connection ${connection}`)
        if ('said' in read) return refuse('request.invalid', { said: read.said }, { path: 'body.id' })
        return learnt(read.answer, body.object, locale, 'body.id')
      },
    }),
    ...bookForms.map(given),
    route({
      id: 'importObject',
      method: 'PUT',
      path: '/tenants/:tenant/connections/:connection/objects/:object/import',
      group: 'objects',
      summary: 'Declare an object from a document; without `really` only what would change',
      describe: 'JSON and YAML say the whole object; a sheet says its fields and leaves the rest as it is.',
      matched: true,
      params: anObject,
      body: z.object({
        form: z.enum(bookForms),
        content: z.string().min(1).max(1_000_000).describe('Text; of a sheet its bytes in base64.'),
        really: z.boolean().default(false),
      }),
      answer: declaredShape,
      handle: async (asked) => {
        const { tenant, connection, object } = asked.params
        const { form, content, really } = asked.body
        const at = (now: Tree): Tree | undefined => findIn(objectsOf(now, connection) ?? {}, 'objects', 'code', object)
        const before = at(await declaring.tree(tenant))
        const read = await readBook(content, form, before ?? {})
        if ('wrong' in read) return refuse('request.invalid', { said: read.wrong }, { path: 'body.content' })
        const { code: said = object, ...rest } = read.object
        if (String(said) !== object)
          return refuse('request.invalid', { said: `code: ${String(said)} ≠ ${object}` }, { path: 'body.content' })
        const edit = ifMatch(asked, at, (now) => {
          const found = objectsOf(now, connection)
          if (!found) return absent(`connection ${connection}`)
          const next = putIn(found, 'objects', (one) => String(one.code) === object, { code: object, ...rest })
          return putIn(now, 'connections', (one) => String(one.id) === connection, next)
        })
        const focus = `connections[${connection}].objects[${object}]`
        return answered(await declaring.edit(askingOf(asked, 'importObject', tenant), focus, edit, false, really))
      },
    }),
  ]
}
