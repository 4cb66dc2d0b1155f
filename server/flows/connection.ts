/** Reads connections and their objects: fills in defaults, and checks what only the whole declaration can tell. */
import { patternOf, templateFlaw } from '../connect/standard/formats.ts'
import type { ConnectionDef, FormatDef, Recognise } from '../doc/flow.ts'
import type { BatchDef, DetailDef, FieldDef, ObjectDef, ReaderDef, ReceiveDef } from '../doc/object.ts'
import { readAuth } from './auth.ts'
import { type ConnectionConfig, connectionDefaults, defaultIdField, fxiaokeDefaults } from './config.ts'
import { type Context, complain, isZone, knownZones, originOf, unique, words } from './context.ts'
import { parseDuration } from './duration.ts'
import { readFxiaoke } from './fxiaoke.ts'
import { readOutBatch } from './out-batch.ts'
import { readLimits } from './limits.ts'
import { readEvents, readQueues } from './queues.ts'
import { templates } from './masterdata.ts'
import { didYouMean, type Path } from './problem.ts'
import type { ConnectionFile, FieldsFile, ObjectFile } from './schema.ts'
import { readPoll } from './poll.ts'

/** Headers that the connection itself must set. */
const ownHeaders = new Set([
  'host',
  'connection',
  'content-length',
  'content-type',
  'transfer-encoding',
  'upgrade',
  'idempotency-key',
  'operationtype',
  'id',
])
const reserved = new Set(['__proto__', 'constructor'])

const baseUrlOf = (context: Context, given: string, path: Path): string => {
  let url: URL
  try {
    url = new URL(given)
  } catch {
    complain(context, path, `"${given}" is not an address: write for example https://erp.example.com/api/`)
    return given
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    complain(context, path, `must begin with http:// or https://, not ${url.protocol}`)
  if (url.username || url.password)
    complain(context, path, 'user and password do not belong into the address; use a header')
  if (url.search || url.hash) complain(context, path, 'must not have a query or a fragment: the calls append their own')
  return url.href.endsWith('/') ? url.href : `${url.href}/`
}

const fieldsOf = (context: Context, given: FieldsFile | undefined, path: Path): FieldDef[] =>
  Object.entries(given ?? {}).map(([code, said]): FieldDef => {
    if (reserved.has(code) || code.startsWith('$'))
      complain(context, [...path, code], `"${code}" cannot be the name of a field`, { part: 'key' })
    if (typeof said === 'string') return { code, type: said }
    const { type = 'text', options, ...rest } = said
    if (rest.zone !== undefined) checkZone(context, rest.zone, [...path, code, 'zone'])
    if (options && type !== 'select' && type !== 'multiselect') {
      complain(context, [...path, code, 'options'], `only a select or multiselect has options; "${code}" is ${type}`, {
        part: 'key',
      })
    }
    if (rest.references !== undefined && type !== 'reference') {
      complain(context, [...path, code, 'references'], `only a reference names an object; "${code}" is ${type}`, {
        part: 'key',
      })
    }
    if (rest.soft && rest.references === undefined)
      complain(context, [...path, code, 'soft'], 'speaks of "references", which is missing', { part: 'key' })
    return {
      code,
      type,
      ...rest,
      ...(options && {
        options: Array.isArray(options)
          ? options.map((value) => ({ value: String(value) }))
          : Object.entries(options).map(([value, label]) => ({ value, label })),
      }),
    }
  })

export const checkZone = (context: Context, zone: string, path: Path): void => {
  if (!isZone(zone))
    complain(
      context,
      path,
      `"${zone}" is not a time zone${didYouMean(zone, knownZones()).replace(/^; known here.*/, '; write for example Asia/Shanghai')}`,
    )
}

const receiveOf = (
  context: Context,
  { function: name, reader, charset }: NonNullable<ObjectFile['receive']>,
  details: readonly DetailDef[],
  path: Path,
): ReceiveDef => {
  if ((name === undefined) === (reader === undefined))
    complain(context, path, 'needs either a function or a reader', { part: 'key' })
  if (reader) {
    const lines = reader.kind === 'csv' || reader.kind === 'fixed'
    if (lines && reader.records !== undefined)
      complain(context, [...path, 'reader', 'records'], `of ${reader.kind} each line is a record`)
    if (reader.kind === 'fixed' && !reader.fields)
      complain(context, [...path, 'reader'], 'of fixed columns each field must be declared', { part: 'key' })
    if (reader.kind === 'form' && reader.details)
      complain(context, [...path, 'reader', 'details'], 'a form has no rows', { part: 'key' })
    for (const code of Object.keys(reader.details ?? {}))
      if (!details.some((detail) => detail.code === code))
        complain(
          context,
          [...path, 'reader', 'details', code],
          `"${code}" is not a detail of the object${didYouMean(
            code,
            details.map((one) => one.code),
          )}`,
          { part: 'key' },
        )
  }
  return {
    ...(name !== undefined && { function: name }),
    ...(reader && {
      reader: {
        ...reader,
        ...(reader.void && { void: { at: reader.void.at, values: words(reader.void.values.map(String)) } }),
      } as ReaderDef,
    }),
    ...(charset !== undefined && { charset }),
  }
}

/** What the objects of a connection are called there, by the template that they were taken from. */
type Taken = ReadonlyMap<string, string>

const takenOf = (objects: readonly ObjectFile[]): Taken =>
  new Map(objects.flatMap(({ code, template }) => (template === undefined ? [] : [[template, code] as const])))

/** A reference of the template goes to the object that was taken for it; where there is none it is plain text. */
const joined = (field: FieldsFile[string], taken: Taken): FieldsFile[string] => {
  if (typeof field === 'string' || field.references === undefined) return field
  const { references, soft, ...rest } = field
  const code = taken.get(references)
  return code === undefined
    ? { ...rest, type: 'text' }
    : { ...rest, references: code, ...(soft !== undefined && { soft }) }
}

/** What a template says, and what the file says before it. */
const templated = (context: Context, said: ObjectFile, taken: Taken, path: Path): ObjectFile => {
  const { template, without = [], ...own } = said
  if (template === undefined) {
    if (said.without)
      complain(context, [...path, 'without'], 'leaves fields of a template out, and there is none', { part: 'key' })
    return own
  }
  const from = templates[template]
  for (const [i, code] of without.entries())
    if (from.fields?.[code] === undefined)
      complain(
        context,
        [...path, 'without', i],
        `the template has no field "${code}"${didYouMean(code, Object.keys(from.fields ?? {}))}`,
      )
  const kept = Object.entries(from.fields ?? {})
    .filter(([code]) => !without.includes(code))
    .map(([code, field]) => [code, joined(field, taken)] as const)
  return {
    ...from,
    ...own,
    ...(from.batch && { batch: { ...from.batch, ...own.batch } }),
    fields: { ...Object.fromEntries(kept), ...own.fields },
  }
}

const batchOf = (context: Context, given: ObjectFile['batch'], path: Path): BatchDef | undefined => {
  if (!given) return undefined
  if (given.path === undefined) complain(context, path, '"path" is missing: POST /common/{path}/batch')
  return { ...given, path: given.path ?? '' }
}

const readObject = (
  context: Context,
  said: ObjectFile,
  taken: Taken,
  connection: Pick<ConnectionDef, 'overlap' | 'readable' | 'pollFloor'>,
  path: Path,
): ObjectDef => {
  const given = templated(context, said, taken, path)
  const idField = given.idField ?? defaultIdField
  const batch = batchOf(context, given.batch, [...path, 'batch'])
  const fields = fieldsOf(context, given.fields, [...path, 'fields'])
  const has = (code: string) => code === idField || !fields.length || fields.some((field) => field.code === code)
  const mustHave = (key: 'nameField' | 'modifiedField' | 'ownerField') => {
    const code = given[key]
    if (code !== undefined && !has(code))
      complain(
        context,
        [...path, key],
        `"${code}" is not a declared field${didYouMean(
          code,
          fields.map((one) => one.code),
        )}`,
      )
  }
  mustHave('nameField')
  mustHave('modifiedField')
  mustHave('ownerField')
  if (given.modifiedGrain && !given.modifiedField)
    complain(context, [...path, 'modifiedGrain'], 'says how fine modifiedField is, which is missing', { part: 'key' })
  if (given.externalIdField === idField)
    complain(context, [...path, 'externalIdField'], 'cannot be the record’s own id')
  const details = (given.details ?? []).map((detail, i): DetailDef => {
    if (reserved.has(detail.code))
      complain(context, [...path, 'details', i, 'code'], `"${detail.code}" cannot be the name of a detail`)
    return {
      code: detail.code,
      ...(detail.apiName !== undefined && { apiName: detail.apiName }),
      ...(detail.name !== undefined && { name: detail.name }),
      ...(detail.idField !== undefined && { idField: detail.idField }),
      ...(detail.masterField !== undefined && { masterField: detail.masterField }),
      fields: fieldsOf(context, detail.fields, [...path, 'details', i, 'fields']),
    }
  })
  unique(
    context,
    details,
    (one) => one.code,
    (i) => [...path, 'details', i, 'code'],
    'detail',
  )
  return {
    code: given.code,
    apiName: given.apiName ?? given.code,
    ...(given.name !== undefined && { name: given.name }),
    idField,
    ...(given.nameField !== undefined && { nameField: given.nameField }),
    ...(given.ownerField !== undefined && { ownerField: given.ownerField }),
    ...(given.modifiedField !== undefined && {
      modifiedField: given.modifiedField,
      modifiedGrain: given.modifiedGrain ?? 'second',
    }),
    ...(given.externalIdField !== undefined && { externalIdField: given.externalIdField }),
    ...(given.voidedWhen && { voidedWhen: { field: given.voidedWhen.field, value: String(given.voidedWhen.value) } }),
    ...(given.bodies && Object.keys(given.bodies).length && { bodies: given.bodies }),
    ...(given.poll && { poll: readPoll(context, given.poll, connection, [...path, 'poll']) }),
    ...(given.receive && { receive: receiveOf(context, given.receive, details, [...path, 'receive']) }),
    ...(batch && { batch }),
    fields,
    details,
  }
}

/** Codes and apiNames share one space: either is accepted wherever an object is named (contracts.md section 1). */
const checkNames = (context: Context, objects: readonly ObjectDef[], path: Path): void => {
  unique(
    context,
    objects,
    (one) => one.code,
    (i) => [...path, i, 'code'],
    'object',
  )
  const codes = new Map(objects.map((one) => [one.code, one]))
  for (const [i, object] of objects.entries()) {
    const other = codes.get(object.apiName)
    if (other && other.code !== object.code)
      complain(context, [...path, i, 'apiName'], `"${object.apiName}" is the code of another object`)
  }
  unique(
    context,
    objects,
    (one) => one.apiName,
    (i) => [...path, i, 'apiName'],
    'apiName',
  )
  for (const [i, object] of objects.entries()) {
    for (const [rows, where] of [
      [object.fields, ['fields']],
      ...object.details.map((detail, d) => [detail.fields, ['details', d, 'fields']] as const),
    ] as const) {
      for (const field of rows) {
        if (
          field.references !== undefined &&
          !objects.some((one) => one.code === field.references || one.apiName === field.references)
        ) {
          const at = [...path, i, ...where, field.code, 'references']
          complain(
            context,
            at,
            `object "${field.references}" is not declared on this connection${didYouMean(field.references, codes.keys())}`,
          )
        }
      }
    }
  }
}

const recogniseOf = (context: Context, given: ConnectionFile, path: Path): Recognise => {
  const readable = given.kind === 'masterdata-batch' ? false : (given.readable ?? connectionDefaults.readable)
  const usual = given.kind === 'fxiaoke' ? fxiaokeDefaults.recognise : 'byWindow'
  const recognise = given.recognise ?? (readable ? usual : 'none')
  if (given.kind === 'fxiaoke' && recognise !== 'byId' && recognise !== 'none')
    complain(
      context,
      [...path, 'recognise'],
      `a Fxiaoke CRM finds a record by the field that carries our id: byId (default), or none, not ${recognise}`,
    )
  if (!readable && (recognise === 'byWindow' || recognise === 'byId')) {
    complain(context, [...path, 'recognise'], `${recognise} reads the target, but readable is false`)
  }
  if (recognise === 'externalIdUnique' && !given.duplicate) {
    complain(
      context,
      [...path, 'recognise'],
      'externalIdUnique needs "duplicate": {codes, idPath}, the target’s refusal of a second record',
    )
  }
  if (given.duplicate && recognise !== 'externalIdUnique') {
    complain(context, [...path, 'duplicate'], 'only serves recognise: externalIdUnique', { part: 'key' })
  }
  return recognise
}

const formatOf = (context: Context, given: NonNullable<ConnectionFile['format']>, path: Path): FormatDef => {
  const request = given.request ?? 'json'
  const answer = given.answer ?? request
  for (const [call, template] of Object.entries(given.templates ?? {})) {
    const flaw = template === undefined ? null : templateFlaw(template)
    if (flaw) complain(context, [...path, 'templates', call], flaw)
  }
  if (request === 'text')
    for (const call of ['create', 'update'] as const)
      if (given.templates?.[call] === undefined)
        complain(context, path, `request: text needs a template for ${call}`, { part: 'key' })
  for (const [i, pattern] of (given.patterns ?? []).entries()) {
    const compiled = patternOf(pattern)
    if ('wrong' in compiled) complain(context, [...path, 'patterns', i], compiled.wrong)
  }
  if (answer === 'text' && !given.patterns?.some((pattern) => pattern.includes('<code>')))
    complain(context, path, 'answer: text needs a pattern with the named group (?<code>…)', { part: 'key' })
  return {
    request,
    answer,
    charset: given.charset ?? 'utf-8',
    ...(given.answerCharset && { answerCharset: given.answerCharset }),
    ...(given.contentType && { contentType: given.contentType }),
    ...(given.templates && { templates: given.templates as NonNullable<FormatDef['templates']> }),
    ...(given.patterns && { patterns: given.patterns }),
    ...(given.formField && { formField: given.formField }),
  }
}

export const readConnection = (
  context: Context,
  tenantId: string,
  tenantZone: string,
  given: ConnectionFile,
  path: Path,
): ConnectionConfig => {
  const d = connectionDefaults
  const zone = given.zone ?? tenantZone
  if (given.zone !== undefined) checkZone(context, given.zone, [...path, 'zone'])
  const kind = given.kind ?? d.kind
  const headers: Record<string, string> = {}
  const headerOrigins: ConnectionConfig['headerOrigins'] = {}
  for (const [name, value] of Object.entries(given.headers ?? {})) {
    if (ownHeaders.has(name.toLowerCase()))
      complain(context, [...path, 'headers', name], `Mortise sets the header ${name} itself`, { part: 'key' })
    if (/[\r\n\0]/.test(String(value))) complain(context, [...path, 'headers', name], 'a header has one line')
    headers[name] = String(value)
    headerOrigins[name] = originOf(context.read.written([...path, 'headers', name]))
  }
  const duration = (key: 'keyKept' | 'longestProcessing' | 'timeout' | 'lateness' | 'overlap'): number => {
    const said = given[key]
    return said === undefined ? d[key] : (parseDuration(said) ?? d[key])
  }
  const timeout = duration('timeout')
  if (timeout < 100) complain(context, [...path, 'timeout'], 'is shorter than a tenth of a second')
  const baseUrl = baseUrlOf(context, given.baseUrl, [...path, 'baseUrl'])
  const fxiaoke =
    kind === 'fxiaoke' && given.fxiaoke ? readFxiaoke(context, given.fxiaoke, baseUrl, [...path, 'fxiaoke']) : undefined
  if (kind === 'fxiaoke') {
    if (!given.fxiaoke)
      complain(
        context,
        [...path, 'kind'],
        'kind fxiaoke needs "fxiaoke": {appId, appSecret, permanentCode, enterprise, user}',
      )
  } else if (given.fxiaoke) complain(context, [...path, 'fxiaoke'], 'only serves kind: fxiaoke', { part: 'key' })
  const outBatch =
    kind === 'masterdata-batch'
      ? readOutBatch(context, given, { tenantId, zone, baseUrl }, path)
      : void (
          given.batch && complain(context, [...path, 'batch'], 'only serves kind: masterdata-batch', { part: 'key' })
        )
  if (kind !== 'standard')
    for (const key of ['auth', 'result'] as const)
      if (given[key])
        complain(context, [...path, key], `kind ${kind} knows its own ${key}: leave it out`, { part: 'key' })
  const proof =
    fxiaoke ?? outBatch ?? (given.auth && readAuth(context, given.auth, Object.keys(headers), [...path, 'auth']))
  const def: ConnectionDef = {
    tenantId,
    connectionId: String(given.id),
    kind,
    role: given.role,
    baseUrl,
    headers,
    ...(proof && { auth: proof.auth }),
    result: {
      codePath: given.result?.codePath ?? d.result.codePath,
      messagePath: given.result?.messagePath ?? d.result.messagePath,
      dataPath: given.result?.dataPath ?? d.result.dataPath,
      successCodes:
        given.result?.successCodes === undefined ? [...d.result.successCodes] : words(given.result.successCodes),
    },
    ...(given.format && { format: formatOf(context, given.format, [...path, 'format']) }),
    refusedBeforeEffect: words(given.refusedBeforeEffect),
    ...(given.throttleCodes !== undefined && { throttleCodes: words(given.throttleCodes) }),
    ...(given.quotaCodes !== undefined && { quotaCodes: words(given.quotaCodes) }),
    unsureCodes: words(given.unsureCodes),
    notFoundCodes: words(given.notFoundCodes),
    refusedCodes: words(given.refusedCodes),
    recognise: recogniseOf(context, given, path),
    ...(given.duplicate && { duplicate: { codes: words(given.duplicate.codes), idPath: given.duplicate.idPath } }),
    keyKept: duration('keyKept'),
    longestProcessing: duration('longestProcessing'),
    timeout,
    lateness: duration('lateness'),
    overlap: duration('overlap'),
    limits: readLimits(context, given.limits ?? {}, [...path, 'limits'], kind),
    readable: kind === 'masterdata-batch' ? false : (given.readable ?? d.readable),
    zone,
    pageSize: given.pageSize ?? d.pageSize,
    ...(given.pollFloor !== undefined && { pollFloor: parseDuration(given.pollFloor) ?? 0 }),
    ...(fxiaoke && { fxiaoke: fxiaoke.said }),
    ...(outBatch && { batch: outBatch.said }),
  }
  for (const key of ['refusedBeforeEffect', 'throttleCodes', 'quotaCodes', 'unsureCodes', 'refusedCodes'] as const) {
    const both = (def[key] ?? []).filter((code) => def.result.successCodes.includes(code))
    if (both.length) complain(context, [...path, key], `${both.join(', ')} is a success code as well`)
  }
  const ended = def.auth?.oauth2?.tokenCodes.filter((code) => def.result.successCodes.includes(code)) ?? []
  if (ended.length)
    complain(context, [...path, 'auth', 'oauth2', 'tokenCodes'], `${ended.join(', ')} is a success code as well`)
  const taken = takenOf(given.objects ?? [])
  const objects = (given.objects ?? []).map((object, i) =>
    readObject(context, object, taken, def, [...path, 'objects', i]),
  )
  checkNames(context, objects, [...path, 'objects'])
  if (kind === 'masterdata-batch')
    for (const [i, object] of objects.entries()) {
      const at = [...path, 'objects', i]
      if (!object.batch) complain(context, at, '"batch" is missing: {path}, the path that its batches go to')
      if (object.details.length) complain(context, [...at, 'details'], 'a row of a batch has no details')
      if (object.poll) complain(context, [...at, 'poll'], 'such an interface cannot be polled')
    }
  if (given.events) def.events = readEvents(context, given.events, objects, [...path, 'events'])
  const read = readQueues(context, def, given.queues ?? [], [...path, 'queues'])
  if (read.queues.length) def.queues = read.queues
  return { def, headerOrigins, authOrigins: proof?.origins ?? {}, queueOrigins: read.origins, objects }
}
