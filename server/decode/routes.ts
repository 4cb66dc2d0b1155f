/** Routes of functions, readers and what failed to be decoded. */
import { z } from 'zod'
import type { Locale } from '../../protocol/codes.ts'
import { writeFields } from '../connect/standard/body.ts'
import type { Fields } from '../doc/document.ts'
import { type Fault, faultSentences, sentence } from '../doc/fault.ts'
import type { FunctionDef } from '../doc/function.ts'
import type { ObjectDef, ReaderDef } from '../doc/object.ts'
import { runExamples } from '../functions/examples.ts'
import type { FunctionPool } from '../functions/pool.ts'
import {
  absent,
  answered,
  askingOf,
  type Declaring,
  declaredShape,
  dropIn,
  findIn,
  putIn,
  type Tree,
} from '../http/declaring.ts'
import {
  type Asked,
  done,
  fromCursor,
  inTenant,
  isRefused,
  moment,
  ok,
  pageOf,
  pageFrom,
  paging,
  refuse,
  type Route,
  route,
  slice,
  toMoment,
  toMomentOrNull,
} from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { countStretch, replay, rerunDecodes } from './claim.ts'
import { codeHash } from './documents.ts'
import { type DecodeRow, listDecodes, placeOfDecode, readDecode } from './list.ts'
import { propose } from './propose.ts'
import { read } from './readers.ts'
import { dropSuspension, suspensions } from './suspensions.ts'

export interface DecodeRoutesDeps {
  sql: Sql
  declaring: Declaring
  functions: FunctionPool
  functionFile: z.ZodType
  readerFile: z.ZodType
  functionsOf(tenantId: string): readonly FunctionDef[]
  object(tenantId: string, connectionId: string, code: string): ObjectDef | undefined
  /** Something is to be decoded. */
  woke(): void
  /** A function is run again: what other rooms held for it goes on as well. */
  resumed(tenantId: string, name: string): Promise<void>
  writeDown(
    tx: Sql,
    asked: Asked<unknown, unknown, unknown>,
    routeId: string,
    tenantId: string,
    deed: { kind: string; name: string; what: 'done'; after?: unknown },
  ): Promise<void>
}

const tree = z.record(z.string(), z.unknown()).describe('As in the configuration file.')
const aFunction = inTenant.extend({ function: z.string().min(1).max(200).describe('Its name.') })
const json = z.string().max(5_000_000)

const exampleRun = z.object({
  function: z.string(),
  example: z.string(),
  ok: z.boolean(),
  said: z.string().nullable().describe('Why not.'),
  output: z.string().nullable().describe('JSON that it answered.'),
  logs: z.array(z.string()).describe('What it said on its console.'),
})

const functionShown = z
  .looseObject({
    name: z.string(),
    kind: z.string().optional(),
    code: z.string(),
    time: z.union([z.number(), z.string()]).optional(),
    memory: z.number().optional(),
    examples: z
      .array(
        z.object({
          name: z.string(),
          input: z.string(),
          output: z.string(),
          found: z.record(z.string(), z.string()).optional(),
        }),
      )
      .optional(),
    suspended: z.object({ since: moment, why: z.string() }).nullable(),
  })
  .describe('As in the configuration file, and whether it is suspended.')
type FunctionShown = z.input<typeof functionShown>

/** `stored`: a fault as JSON. */
const suspendedWhy = (stored: string, locale: Locale): string => {
  const fault = JSON.parse(stored) as Fault
  return fault.code in faultSentences ? sentence(fault, locale) : stored
}

const isMissing = (name: string) => absent(`function ${name}`)

const functionRoutes = (deps: DecodeRoutesDeps): Route[] => {
  const { sql, declaring, functions, functionFile, functionsOf, woke, resumed, writeDown } = deps
  /** A suspension counts for the code that was suspended. */
  const suspended = async (tenantId: string, locale: Locale) => {
    const known = await asTenant(sql, tenantId, (tx) => suspensions(tx, tenantId))
    return (name: string, code: unknown) => {
      const found = known.find((one) => one.name === name && one.code_hash === codeHash(String(code)))
      return found ? { since: toMoment(found.since), why: suspendedWhy(found.fault, locale) } : null
    }
  }
  return [
    route({
      id: 'listFunctions',
      method: 'GET',
      path: '/tenants/:tenant/functions',
      group: 'functions',
      summary: 'Functions, with their examples, and which are suspended',
      params: inTenant,
      query: z.object(paging),
      answer: pageOf(functionShown),
      handle: async ({ params: { tenant }, query, locale }) => {
        const stopped = await suspended(tenant, locale)
        const all = ((await declaring.tree(tenant)).functions ?? []) as Tree[]
        const shown = all.map((one) => ({ ...one, suspended: stopped(String(one.name), one.code) }) as FunctionShown)
        return slice(shown, (one) => one.name, query)
      },
    }),
    route({
      id: 'showFunction',
      method: 'GET',
      path: '/tenants/:tenant/functions/:function',
      group: 'functions',
      summary: 'One function',
      params: aFunction,
      answer: functionShown,
      handle: async ({ params: { tenant, function: name }, locale }) => {
        const found = findIn(await declaring.tree(tenant), 'functions', 'name', name)
        if (!found) return isMissing(name)
        return ok({ ...found, suspended: (await suspended(tenant, locale))(name, found.code) } as FunctionShown)
      },
    }),
    route({
      id: 'putFunction',
      method: 'PUT',
      path: '/tenants/:tenant/functions/:function',
      group: 'functions',
      summary: 'Declare a function; its examples run first, and one that fails is not saved',
      params: aFunction,
      body: functionFile,
      unchecked: true,
      answer: declaredShape,
      handle: async (asked) => {
        const { tenant, function: name } = asked.params
        const { name: said = name, suspended: _suspended, ...rest } = asked.body as Tree
        if (String(said) !== name)
          return refuse('request.invalid', { said: `name: ${String(said)} ≠ ${name}` }, { path: 'body.name' })
        const is = (entry: Tree) => String(entry.name) === name
        return answered(
          await declaring.edit(askingOf(asked, 'putFunction', tenant), `functions[${name}]`, (now) =>
            putIn(now, 'functions', is, { name, ...rest }),
          ),
        )
      },
    }),
    route({
      id: 'removeFunction',
      method: 'DELETE',
      path: '/tenants/:tenant/functions/:function',
      group: 'functions',
      summary: 'Remove a function that nothing names',
      params: aFunction,
      answer: declaredShape,
      handle: async (asked) => {
        const { tenant, function: name } = asked.params
        return answered(
          await declaring.edit(
            askingOf(asked, 'removeFunction', tenant),
            '',
            (now) => dropIn(now, 'functions', (entry) => String(entry.name) === name) ?? isMissing(name),
          ),
        )
      },
    }),
    route({
      id: 'testFunctions',
      method: 'POST',
      path: '/tenants/:tenant/functions/test',
      group: 'functions',
      summary: 'Run the saved examples of all functions; nothing is written',
      params: inTenant,
      answer: z.object({ ok: z.boolean(), runs: z.array(exampleRun) }),
      handle: async ({ params: { tenant } }) => {
        const runs = []
        for (const fn of functionsOf(tenant)) runs.push(...(await runExamples(functions, fn)))
        return ok({ ok: runs.every((one) => one.ok), runs })
      },
    }),
    route({
      id: 'tryFunction',
      method: 'POST',
      path: '/tenants/:tenant/functions/:function/try',
      group: 'functions',
      summary:
        'Run a function on an input, as it is stored or as it would be; nothing is written and nothing is looked up',
      params: aFunction,
      body: z.object({
        input: json.describe('JSON of its argument.'),
        code: z.string().max(200_000).optional().describe('Instead of what is stored.'),
        kind: z.string().max(40).optional(),
      }),
      answer: z.object({
        ok: z.boolean(),
        output: z.string().nullable(),
        said: z.string().nullable(),
        line: z.number().nullable(),
        logs: z.array(z.string()),
      }),
      handle: async ({ params: { tenant, function: name }, body }) => {
        const stored = functionsOf(tenant).find((one) => one.name === name)
        const code = body.code ?? stored?.code
        if (code === undefined) return isMissing(name)
        const kind = body.kind ?? stored?.kind ?? 'receive'
        if (!/^[A-Za-z]+$/.test(kind)) return refuse('request.invalid', { said: 'kind' }, { path: 'body.kind' })
        const [result] = await functions.run({
          key: `try ${tenant} ${name}`,
          kind,
          code,
          inputs: [body.input],
          ...(stored && { time: stored.time, memory: stored.memory }),
        })
        const logs = result && 'logs' in result ? result.logs : []
        if (result?.kind === 'done') return ok({ ok: true, output: result.output, said: null, line: null, logs })
        const said =
          result?.kind === 'threw'
            ? result.said
            : result?.kind === 'over'
              ? `over its ${result.limit} limit`
              : 'was not run'
        return ok({ ok: false, output: null, said, line: (result?.kind === 'threw' && result.line) || null, logs })
      },
    }),
    route({
      id: 'resumeFunction',
      method: 'POST',
      path: '/tenants/:tenant/functions/:function/resume',
      group: 'functions',
      summary: 'Run a suspended function again as it is; what was held for it goes on',
      params: aFunction,
      handle: async (asked) => {
        const { tenant, function: name } = asked.params
        const was = await asTenant(sql, tenant, async (tx) => {
          const dropped = await dropSuspension(tx, tenant, name)
          if (dropped) await writeDown(tx, asked, 'resumeFunction', tenant, { kind: 'function', name, what: 'done' })
          return dropped
        })
        if (!was) return absent(`suspension of ${name}`)
        await resumed(tenant, name)
        woke()
        return done()
      },
    }),
  ]
}

const madeShape = z.object({
  id: z.string(),
  operation: z.string().nullable(),
  fields: z.string().nullable().describe('JSON, digits as they stand.'),
  details: z.string().nullable(),
})

const readerRoutes = ({ object, readerFile }: DecodeRoutesDeps): Route[] => [
  route({
    id: 'proposeReader',
    method: 'POST',
    path: '/tenants/:tenant/readers/propose',
    group: 'functions',
    summary: 'Propose a reader from a pasted sample, or try one on it; nothing is written',
    params: inTenant,
    body: z.object({
      sample: z.string().max(1_000_000),
      connection: z.string().max(200).optional().describe('With `object`: whose fields are looked for.'),
      object: z.string().max(200).optional(),
      reader: tree.optional().describe('Try this one instead of proposing one.'),
    }),
    answer: z.object({
      reader: tree.nullable(),
      documents: z.array(madeShape).describe('What it makes of the sample, at most 20.'),
      said: z.string().nullable().describe('What is wrong.'),
    }),
    handle: async ({ params: { tenant }, body }) => {
      const def = body.connection && body.object ? object(tenant, body.connection, body.object) : undefined
      if (body.reader && !readerFile.safeParse(body.reader).success)
        return refuse('request.invalid', { said: 'reader' }, { path: 'body.reader' })
      const proposal = body.reader ? { reader: body.reader as unknown as ReaderDef } : propose(body.sample, def)
      if ('wrong' in proposal) return ok({ reader: null, documents: [], said: proposal.wrong })
      const reading = read(proposal.reader, body.sample)
      const documents =
        'made' in reading
          ? reading.made.slice(0, 20).map((one) => ({
              id: one.id,
              operation: one.operation,
              fields: one.fields && writeFields(one.fields),
              details: one.details && writeFields(one.details as Fields),
            }))
          : []
      return ok({
        reader: proposal.reader as unknown as Record<string, unknown>,
        documents,
        said: 'wrong' in reading ? reading.wrong : null,
      })
    },
  }),
]

const decodeShape = z.object({
  seq: z.number(),
  receivedAt: moment,
  connection: z.string(),
  object: z.string(),
  trace: z.string(),
  operation: z.string(),
  state: z.enum(['due', 'failed', 'held']),
  attempts: z.number(),
  failedAt: moment.nullable(),
  group: z.string().nullable(),
  fault: z.unknown(),
  why: z.string().nullable(),
})

const shown = (row: DecodeRow, locale: Locale): z.input<typeof decodeShape> => ({
  seq: row.seq,
  receivedAt: toMoment(row.receivedAt),
  connection: row.connectionId,
  object: row.object,
  trace: row.traceId,
  operation: row.operation,
  state: row.state,
  attempts: row.attempts,
  failedAt: toMomentOrNull(row.failedAt),
  group: row.group,
  fault: row.fault,
  why: row.fault ? sentence(row.fault, locale) : null,
})

const aDecode = inTenant.extend({ seq: z.coerce.number().int().min(0).describe('Its number in the log.') })
const slices = 500

const againShape = z
  .object({
    seqs: z.array(z.number().int().min(0)).min(1).max(slices).optional(),
    group: z.string().max(20).optional().describe('An error group.'),
    range: z
      .object({ connection: z.string().max(200), object: z.string().max(200), from: moment, until: moment })
      .optional()
      .describe('A stretch of the log: also what was decoded well.'),
    dryRun: z.boolean().default(false).describe('Only count.'),
  })
  .refine(
    (given) => [given.seqs, given.group, given.range].filter((one) => one !== undefined).length === 1,
    'say seqs, group or range',
  )

const decodeRoutes = ({ sql, object, woke, writeDown }: DecodeRoutesDeps): Route[] => [
  route({
    id: 'listDecodes',
    method: 'GET',
    path: '/tenants/:tenant/decodes',
    group: 'records',
    summary: 'Non-standard pushes that wait to be decoded, or failed to be',
    params: inTenant,
    query: z.object({
      ...paging,
      state: z.enum(['due', 'failed', 'held']).optional(),
      group: z.string().max(20).optional(),
      object: z.string().max(200).optional(),
    }),
    answer: pageOf(decodeShape),
    handle: async ({ params: { tenant }, query, locale }) => {
      const after = fromCursor(z.number(), query.cursor)
      if (isRefused(after)) return after
      const { state, group, object: code, limit } = query
      const rows = await asTenant(sql, tenant, (tx) =>
        listDecodes(tx, {
          tenantId: tenant,
          ...(state && { state }),
          ...(group && { group }),
          ...(code && { object: code }),
          after: after ?? -1,
          limit: limit + 1,
        }),
      )
      return pageFrom(
        rows,
        limit,
        (row) => shown(row, locale),
        (last) => last.seq,
      )
    },
  }),
  route({
    id: 'showDecode',
    method: 'GET',
    path: '/tenants/:tenant/decodes/:seq',
    group: 'records',
    summary: 'One of them with its raw body and what its function said',
    params: aDecode,
    answer: decodeShape.extend({
      logs: z.string().nullable(),
      body: z
        .object({
          contentType: z.string(),
          headers: z.record(z.string(), z.string()),
          text: z.string().nullable(),
          base64: z.string(),
        })
        .nullable(),
    }),
    handle: async ({ params: { tenant, seq }, locale }) =>
      asTenant(sql, tenant, async (tx) => {
        const place = await placeOfDecode(tx, tenant, seq)
        const charset = place ? object(tenant, place.connectionId, place.object)?.receive?.charset : undefined
        const found = await readDecode(tx, tenant, seq, charset)
        return found ? ok({ ...shown(found, locale), logs: found.logs, body: found.body }) : absent(`push ${seq}`)
      }),
  }),
  route({
    id: 'retryDecodes',
    method: 'POST',
    path: '/tenants/:tenant/decodes/retry',
    group: 'records',
    summary: 'Decode again: some, an error group, or a stretch of the log',
    describe: 'A push that is decoded late or once more never goes over what came in after it.',
    params: inTenant,
    body: againShape,
    answer: z.object({ count: z.number() }),
    handle: async (asked) => {
      const { tenant } = asked.params
      const { seqs, group, range, dryRun } = asked.body
      const count = await asTenant(sql, tenant, async (tx) => {
        if (range) {
          const stretch = {
            tenant_id: tenant,
            connection_id: range.connection,
            object: range.object,
            from: range.from,
            until: range.until,
          }
          if (dryRun) return countStretch(tx, stretch)
          let total = 0
          for (let after = -1; ; ) {
            const { count, last } = await replay(tx, { ...stretch, after, limit: slices })
            total += count
            if (last === null) break
            after = last
          }
          await writeDown(tx, asked, 'retryDecodes', tenant, {
            kind: 'object',
            name: `${range.connection}/${range.object}`,
            what: 'done',
            after: { decodedAgain: total, from: range.from, until: range.until },
          })
          return total
        }
        if (dryRun) {
          const rows = await tx<{ count: number }>`
            select count(*) as count from decode
            where tenant_id = ${tenant} and state <> 'due'
              and (${seqs ?? null}::int8[] is null or seq = any(${seqs ?? null}::int8[]))
              and (${group ?? null}::text is null or fault_group = ${group ?? null})`
          return rows[0]?.count ?? 0
        }
        const again = await rerunDecodes(tx, {
          tenantId: tenant,
          ...(seqs && { seqs }),
          ...(group && { group }),
          limit: 1_000_000,
        })
        await writeDown(tx, asked, 'retryDecodes', tenant, {
          kind: 'group',
          name: group ?? 'selection',
          what: 'done',
          after: { decodedAgain: again },
        })
        return again
      })
      if (!dryRun && count) woke()
      return ok({ count })
    },
  }),
]

export const decodingRoutes = (deps: DecodeRoutesDeps): Route[] => [
  ...functionRoutes(deps),
  ...readerRoutes(deps),
  ...decodeRoutes(deps),
]
