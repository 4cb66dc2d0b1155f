/**
 * The configuration file, as it is written: one zod schema that validates it, explains it, and becomes docs/schema/mortise.schema.json.
 * Nothing is transformed here, so that every complaint names the path as it stands in the file; `file.ts` fills in defaults.
 */
import { z } from 'zod'
import { durationPattern } from './duration.ts'
import { templateNames } from './masterdata.ts'

/** Unknown keys are errors; the message carries the known ones, from which `complaints.ts` guesses what was meant. */
const strict = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? Object.keys(shape).join('\n') : undefined),
  })

const list = <T extends z.ZodType>(of: T, what: string) => z.array(of).describe(what)
const texts = (what: string) =>
  z.union([z.string(), z.number(), z.array(z.union([z.string(), z.number()]))]).describe(what)
const secret = (what: string) =>
  z
    .string()
    .min(1)
    .describe(
      `${what} Write \${NAME} to take it from the environment, or "generated" to let Mortise make one and keep it in the data folder.`,
    )
const duration = (what: string) =>
  z
    .union([z.number().nonnegative(), z.string().regex(durationPattern)])
    .describe(`${what} For example 30s, 10m, 1h; a bare number is milliseconds.`)
const scalar = z.union([z.string(), z.number(), z.boolean()])
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const id = (what: string) =>
  z
    .union([z.string().regex(idPattern), z.number().int().nonnegative()])
    .describe(`${what} Letters, digits, ".", "_" and "-", at most 64.`)
const zone = z.string().describe('IANA time zone, such as Asia/Shanghai.')

// ── objects ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const fieldTypes = [
  'text',
  'decimal',
  'integer',
  'bool',
  'date',
  'datetime',
  'select',
  'multiselect',
  'reference',
  'person',
  'department',
  'attachment',
] as const
const fieldType = z.enum(fieldTypes)

const field = z
  .union([
    fieldType,
    strict({
      type: fieldType.optional().describe('Default text.'),
      name: z.string().optional().describe('What people call it.'),
      names: strict({
        zh_CN: z.string().min(1).optional(),
        zh_TW: z.string().min(1).optional(),
        en_US: z.string().min(1).optional(),
        ja_JP: z.string().min(1).optional(),
      })
        .optional()
        .describe('What people call it in other languages.'),
      required: z.boolean().optional().describe('A record without it is refused by the system.'),
      length: z.number().int().positive().optional().describe('Longest value, in bytes.'),
      options: z
        .union([z.array(z.union([z.string(), z.number()])), z.record(z.string(), z.string())])
        .optional()
        .describe('Values of a select: a list, or a map of value to label.'),
      references: z.string().optional().describe('Code of the object of the same connection that it points to.'),
      soft: z
        .boolean()
        .optional()
        .describe('Master-data batch: where the record is not there, the row goes in with a warning. Default false.'),
      compare: strict({
        trim: z.boolean().optional().describe('Spaces at the ends do not count.'),
        ignoreCase: z.boolean().optional(),
        scale: z.number().int().min(0).max(40).optional().describe('Decimal places that the system keeps.'),
        precision: z
          .enum(['day', 'minute', 'second', 'millisecond'])
          .optional()
          .describe('Finest part of a date-time that the system keeps.'),
      })
        .optional()
        .describe(
          'When two values count as the same. Numbers compare as decimals and dates as instants without being told.',
        ),
      format: z
        .string()
        .optional()
        .describe('How dates are written: epochMillis, epochSeconds, iso, or a pattern such as yyyy-MM-dd HH:mm:ss.'),
      zone: zone.optional(),
    }),
  ])
  .describe('A field: its type, or a map with more.')

const fields = z.record(z.string().min(1), field).describe('Fields by code.')

const detail = strict({
  code: z.string().min(1).describe('Code of the detail 明细, as it stands in detailFieldVals.'),
  apiName: z.string().min(1).optional().describe('Default: the code.'),
  name: z.string().optional(),
  idField: z.string().optional().describe('Field with the row’s own id. Without it rows are told apart by position.'),
  fields: fields.optional(),
})

const object = strict({
  code: z.string().min(1).max(128).describe('Code of the object 真实的对象名称, as the system names it.'),
  template: z
    .enum(templateNames)
    .optional()
    .describe('Begins with the fields of this master-data object; what is said here goes before it.'),
  without: z.array(z.string()).optional().describe('Fields of the template that are left out.'),
  apiName: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('Default: the code. Either is accepted wherever an object is named.'),
  name: z.string().optional().describe('What people call it.'),
  idField: z.string().min(1).optional().describe('Field of masterFieldVal with the record’s own id. Default id.'),
  nameField: z.string().optional().describe('Field that people know a record by.'),
  modifiedField: z
    .string()
    .optional()
    .describe('The system’s own modified time or change number; it orders what comes in.'),
  modifiedGrain: z
    .enum(['millisecond', 'second', 'coarse'])
    .optional()
    .describe('How fine modifiedField is. Default second.'),
  externalIdField: z
    .string()
    .optional()
    .describe('Field that holds the other side’s id, written by every flow; needed to recognise an earlier create.'),
  voidedWhen: strict({
    field: z.string().min(1).describe('A master field.'),
    value: z.union([z.string(), z.number(), z.boolean()]).describe('Compared as text.'),
  })
    .optional()
    .describe('How a record that can still be read shows that it is voided there.'),
  bodies: strict({
    push: z.enum(['whole', 'partial']).optional().describe('Default whole.'),
    event: z.enum(['whole', 'partial']).optional().describe('Default partial.'),
  })
    .optional()
    .describe('Whether a body speaks of the whole record.'),
  batch: strict({
    path: z
      .string()
      .max(128)
      .regex(/^[A-Za-z0-9][\w.-]*(?:\/[A-Za-z0-9][\w.-]*)*$/)
      .optional()
      .describe(
        'POST /common/{path}/batch, such as positions or departments/v2. Once in a tenant; a template brings its own.',
      ),
    perDay: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('Calls of one client in a day of the tenant’s zone. Default 100.'),
    perHour: z.number().int().min(1).max(1_000_000).optional().describe('In a clock hour of it. Default 50.'),
    checkTimestamp: z
      .boolean()
      .optional()
      .describe('Refuse a timestamp that is more than 15 minutes off. Default false.'),
  })
    .optional()
    .describe('The object takes master-data batches.'),
  fields: fields.optional(),
  details: list(detail, 'Details 明细.').optional(),
})

// ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const given = (what: string) =>
  z.union([z.string().min(1), z.number()]).describe(`${what} Stored encrypted; take it from the environment: \${NAME}.`)
const place = {
  in: z.enum(['header', 'query']).optional().describe('Default header.'),
  name: z.string().min(1).describe('Name of the header or query parameter.'),
}
const prefix = z.string().optional().describe('Put before it, such as "Bearer ".')

const auth = strict({
  basic: strict({
    user: z.union([z.string().min(1), z.number()]),
    password: given('Password.'),
  })
    .optional()
    .describe('HTTP basic.'),
  apiKey: strict({ ...place, value: given('The key.') })
    .optional()
    .describe('A key in a header or in the query.'),
  oauth2: strict({
    tokenUrl: z.string().describe('Where a token is asked for, by POST.'),
    clientId: z.union([z.string().min(1), z.number()]),
    clientSecret: given('The client’s secret.'),
    clientIn: z
      .enum(['basic', 'body'])
      .optional()
      .describe('Client and secret as HTTP basic (default) or as members of the body.'),
    bodyAs: z.enum(['form', 'json']).optional().describe('Default form.'),
    idName: z.string().min(1).optional().describe('clientIn: body; default client_id.'),
    secretName: z.string().min(1).optional().describe('clientIn: body; default client_secret.'),
    grantType: z.string().optional().describe('Default client_credentials; empty leaves grant_type out.'),
    params: z
      .record(z.string().min(1), z.union([z.string(), z.number()]))
      .optional()
      .describe('Further members of the request, such as scope. Stored encrypted.'),
    tokenPath: z.string().min(1).optional().describe('Where the answer tells the token. Default access_token.'),
    expiresPath: z.string().min(1).optional().describe('Where it tells how many seconds it lives. Default expires_in.'),
    lifetime: duration('How long it lives where the answer does not say. Default 1h.').optional(),
    refreshBefore: duration('So long before its end a new one is asked for. Default 60s.').optional(),
    tokenCodes: texts('Business codes of the target that say that the token is not valid, beside HTTP 401.').optional(),
    carry: strict({ ...place, prefix })
      .optional()
      .describe('How the token goes with a call. Default header Authorization, prefix "Bearer ".'),
  })
    .optional()
    .describe('OAuth2 client credentials, or a token interface like it.'),
  signature: strict({
    algorithm: z.enum(['hmac-sha256', 'md5']).describe('md5: of the parts with the salt among them.'),
    secret: given('Key of the HMAC, or the salt.'),
    sign: z
      .array(
        z.union([
          z.enum([
            'method',
            'path',
            'query',
            'sortedQuery',
            'timestamp',
            'nonce',
            'body',
            'bodyMd5',
            'bodySha256',
            'secret',
          ]),
          strict({ header: z.string().min(1) }),
          strict({ text: z.string() }),
        ]),
      )
      .min(1)
      .describe('What is signed, in this order.'),
    join: z.string().optional().describe('Stands between the parts. Default nothing.'),
    encoding: z
      .enum(['hex', 'HEX', 'base64', 'base64url'])
      .optional()
      .describe('How the signature is written. Default hex.'),
    put: strict({ ...place, prefix }).describe('Where the signature goes.'),
    timestamp: strict({
      ...place,
      format: z
        .enum(['epochMillis', 'epochSeconds', 'iso', 'yyyyMMddHHmmss'])
        .optional()
        .describe('Default epochMillis; yyyyMMddHHmmss is in the connection’s zone.'),
    })
      .optional()
      .describe('Where the time of the call goes.'),
    nonce: strict(place).optional().describe('Where a number that is used once goes.'),
  })
    .optional()
    .describe('Signed requests.'),
}).describe('How calls prove who they are; several together where the target asks for it.')

const clock = (what: string) =>
  z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/)
    .describe(what)

const connection = strict({
  id: id('Id of the connection, the dataCenterId 账套 of the guide.'),
  kind: z
    .enum(['standard', 'fxiaoke', 'masterdata-batch'])
    .optional()
    .describe('Default standard: the interface of the guide.'),
  role: z.enum(['erp', 'crm']).describe('ERP connections are counted for dataCenterId.'),
  baseUrl: z.string().describe('ERP 访问路径: create, update and the queries are appended to it.'),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/), z.union([z.string(), z.number()]))
    .optional()
    .describe('Sent with every call. All values are stored encrypted; take secrets from the environment: ${NAME}.'),
  auth: auth.optional(),
  result: strict({
    codePath: z.string().optional().describe('Default code.'),
    messagePath: z.string().optional().describe('Default message.'),
    dataPath: z.string().optional().describe('Default data.'),
    successCodes: texts('Codes that mean success, compared as text. Default "0".').optional(),
  })
    .optional()
    .describe('Where an answer says how the call ended.'),
  refusedBeforeEffect: texts('Codes that say that nothing happened and time may heal it.').optional(),
  throttleCodes: texts('Codes that say "too fast": nothing happened, and the whole target waits.').optional(),
  quotaCodes: texts('Codes that say that the day’s quota is used up: the target waits until its midnight.').optional(),
  unsureCodes: texts('Codes that leave open whether the call took effect.').optional(),
  notFoundCodes: texts('Codes of a query by id that mean: gone.').optional(),
  refusedCodes: texts('Codes of a create’s refusal that prove that nothing was created.').optional(),
  recognise: z
    .enum(['byId', 'byWindow', 'externalIdUnique', 'idempotencyHeader', 'none'])
    .optional()
    .describe(
      'How an earlier create whose answer was lost is recognised. Default byWindow, or none where nothing can be read.',
    ),
  duplicate: strict({
    codes: texts('Codes of the duplicate refusal.'),
    idPath: z.string().describe('Where that answer tells the id.'),
  })
    .optional()
    .describe('For recognise: externalIdUnique.'),
  keyKept: duration('How long the target keeps idempotency keys. Default 24h.').optional(),
  longestProcessing: duration('The target’s longest processing time of one call. Default 60s.').optional(),
  timeout: duration('Total deadline of one call. Default 30s.').optional(),
  lateness: duration('How late an event or a reading may show a record. Default 1h.').optional(),
  overlap: duration('Overlap of read windows. Default 10m.').optional(),
  limits: strict({
    concurrency: z.number().int().min(1).max(256).optional().describe('Calls at the same time. Default 8.'),
    perSecond: z.number().positive().optional().describe('Calls in any second.'),
    burst: z
      .number()
      .int()
      .positive()
      .optional()
      .describe('So many may start back to back: burst calls in any burst / perSecond seconds.'),
    per: z
      .array(strict({ calls: z.number().int().positive(), every: duration('Any stretch so long.') }))
      .optional()
      .describe('Further rates, such as {calls: 100, every: 20s}; all hold.'),
    perDay: z
      .number()
      .int()
      .positive()
      .max(2_000_000_000)
      .optional()
      .describe('Calls in a calendar day of the connection’s zone, exact over all nodes.'),
    quiet: z
      .array(
        strict({
          from: clock('HH:mm on the target’s wall clock. Default 00:00.').optional(),
          to: clock('HH:mm; at or before from means the next day. Default 24:00.').optional(),
          days: z
            .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
            .min(1)
            .optional()
            .describe('Days on which it begins. Default every day.'),
        }),
      )
      .optional()
      .describe('When the target is not called at all.'),
    acrossNodes: z
      .boolean()
      .optional()
      .describe('Rates hold for all nodes together, evenly paced. Default false: each node counts for itself.'),
  })
    .optional()
    .describe('What the target may be asked for.'),
  readable: z.boolean().optional().describe('The batch and single queries are offered. Default true.'),
  zone: zone.optional().describe('Default: the tenant’s.'),
  pageSize: z.number().int().min(1).max(10_000).optional().describe('Rows asked for per page. Default 100.'),
  objects: list(object, 'Objects 中间表对象 of this system.').optional(),
})

// ── pairs and flows ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const missing = z.enum(['wait', 'pull', 'empty', 'later', 'park'])
const ruleShape = {
  from: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Source field. $id is the record’s own id (in a detail: the row’s); $.field reaches the master from a row.',
    ),
  value: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional().describe('A fixed value.'),
  default: scalar.optional().describe('Used where the source has none.'),
  options: z
    .record(z.string(), z.union([z.string(), z.number()]))
    .optional()
    .describe('Source option to target option.'),
  unmapped: z
    .enum(['park', 'keep', 'empty', 'default'])
    .optional()
    .describe('What an option that is not listed becomes. Default park.'),
  reference: z
    .union([
      z.string().min(1),
      strict({ pair: z.string().min(1), missing: missing.optional().describe('Default wait.') }),
    ])
    .optional()
    .describe('The pair that maps the referred record, or {pair, missing}.'),
  required: z.boolean().optional().describe('A record without a value is parked.'),
  owner: z.enum(['left', 'right']).optional().describe('conflict: field; the side whose value wins.'),
}
const rule = z.union([z.string().min(1), strict(ruleShape)]).describe('A source field, or a map with more.')
const rules = z
  .union([z.record(z.string().min(1), rule), z.array(strict({ to: z.string().min(1), ...ruleShape }))])
  .describe('Target field: source field. Or a list of {to, from, …}.')

const detailRuleShape = {
  from: z.string().min(1).describe('Source detail.'),
  policy: z
    .enum(['replace', 'merge'])
    .optional()
    .describe('Whether target rows that the source does not have are removed. Default replace.'),
  fields: rules,
}
const mapping = strict({
  fields: rules.optional(),
  details: z
    .union([
      z.record(z.string().min(1), strict(detailRuleShape)),
      z.array(strict({ to: z.string().min(1), ...detailRuleShape })),
    ])
    .optional()
    .describe('Target detail: {from, policy, fields}. Or a list of {to, from, …}.'),
})

const conditionOps = {
  eq: scalar.optional(),
  ne: scalar.optional(),
  in: z.array(z.union([z.string(), z.number()])).optional(),
  notIn: z.array(z.union([z.string(), z.number()])).optional(),
  gt: scalar.optional(),
  ge: scalar.optional(),
  lt: scalar.optional(),
  le: scalar.optional(),
  empty: z.literal(true).optional(),
  notEmpty: z.literal(true).optional(),
  startsWith: z.string().optional(),
  contains: z.string().optional(),
}
const scope = z
  .union([
    z.record(z.string().min(1), z.union([scalar, z.array(z.union([z.string(), z.number()])), strict(conditionOps)])),
    z.array(
      strict({
        field: z.string().min(1),
        op: z.enum(['eq', 'ne', 'in', 'notIn', 'gt', 'ge', 'lt', 'le', 'empty', 'notEmpty', 'startsWith', 'contains']),
        value: z.union([scalar, z.array(z.union([z.string(), z.number()]))]).optional(),
      }),
    ),
  ])
  .describe(
    '数据范围: all must hold. {status: approved, grade: [A, B], amount: {gt: 0}}, or a list of {field, op, value}.',
  )

const flow = strict({
  state: z
    .enum(['enabled', 'paused', 'disabled'])
    .optional()
    .describe('Default enabled. Paused keeps what comes in and sends it later; disabled does not look.'),
  startFrom: z
    .enum(['now', 'all'])
    .optional()
    .describe('Enabling: what changes from now on (default), or everything that is staged.'),
  onPublish: z
    .enum(['nextChange', 'differing', 'all'])
    .optional()
    .describe(
      'A changed flow applies from each record’s next change (default), to all whose result differs, or to all.',
    ),
  scope: scope.optional(),
  actions: strict({
    create: z.boolean().optional().describe('Default true.'),
    update: z.boolean().optional().describe('Default true.'),
    void: z
      .union([
        z.enum(['skip', 'invalid']),
        strict({ field: z.string().min(1), value: z.union([z.string(), z.number()]) }),
      ])
      .optional()
      .describe('skip (default), the interface’s own invalid, or an update that sets a status: {field, value}.'),
  })
    .optional()
    .describe('执行动作.'),
  leavingScope: z
    .enum(['leave', 'void'])
    .optional()
    .describe('A record leaves the scope after it was written. Default leave.'),
  goneAtSource: z.enum(['keep', 'void']).optional().describe('The source no longer has the record. Default keep.'),
  repush: z
    .enum(['update', 'new', 'park'])
    .optional()
    .describe('A voided record is pushed again. Default update of the same id.'),
  matchBeforeCreate: z
    .boolean()
    .optional()
    .describe('Look for a record with our id before creating one. Default false.'),
  mapping: mapping.describe('字段映射.'),
})

const end = z.union([
  z.string().regex(/^[^/]+\/.+$/),
  strict({ connection: z.union([z.string(), z.number()]), object: z.string().min(1) }),
])

const pair = strict({
  id: id('Id of the pair 对象映射.'),
  left: end.describe('connection/object'),
  right: end.describe('connection/object'),
  conflict: z
    .enum(['left', 'right', 'latest', 'field', 'ask'])
    .optional()
    .describe('Both sides changed: who wins. Default: the source of a single flow; ask where there are two.'),
  flows: strict({
    leftToRight: flow.optional(),
    rightToLeft: flow.optional(),
  }).describe('At most one flow each way.'),
})

// ── access ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const formerUntil = z
  .string()
  .optional()
  .describe(
    'Until when the former value is valid: a day or a moment with its offset. Default until it is removed here.',
  )

const token = strict({
  name: id('What people call it.'),
  value: secret('The token, at least 16 characters.').optional(),
  former: secret('The token before, valid as well while callers change to the new one.').optional(),
  formerUntil,
  connections: z
    .array(z.union([z.string(), z.number()]))
    .min(1)
    .optional()
    .describe('Only these connections. Default all.'),
  objects: z.array(z.string()).min(1).optional().describe('Only these objects. Default all.'),
  ratePerSecond: z.number().positive().optional().describe('Pushes a second. Default unlimited.'),
  expiresAt: z
    .string()
    .optional()
    .describe('A day (2027-01-31, its end in the tenant’s zone) or a moment with its offset.'),
})

const hook = strict({
  connection: id('Connection whose events arrive at /hooks/{connection}/{secret}.'),
  name: z.string().optional().describe('Tells several apart. Default the connection.'),
  secret: secret('Last part of the path, at least 16 characters.').optional(),
  former: secret('The secret before, valid as well while the other side changes to the new one.').optional(),
  formerUntil,
})

const batchClient = strict({
  id: id('client_id.'),
  secret: secret('client_secret, at least 16 characters.').optional(),
  formerSecret: secret('The client_secret before, valid as well.').optional(),
  salt: secret('Signs callbacks: access_token = MD5(bizId + salt).').optional(),
  formerSalt: secret('The salt before, accepted as well where Mortise verifies.').optional(),
  formerUntil,
  origins: z.array(z.string()).optional().describe('Origins that callbacks may go to, such as https://hr.example.com.'),
})

const tenant = strict({
  id: id('tenantId.'),
  name: z.string().optional(),
  zone: zone.optional().describe('Default Asia/Shanghai.'),
  connections: list(connection, 'The systems 连接器.'),
  pairs: list(pair, 'What travels between them.').optional(),
  tokens: list(token, 'Tokens for syncpush.').optional(),
  hooks: list(hook, 'Webhooks of systems that tell their changes.').optional(),
  batchClients: list(batchClient, 'Callers of the master-data batch interface.').optional(),
})

export const fileSchema = strict({
  tenants: list(
    tenant,
    'A tenant named here is described wholly: what is absent is removed. Other tenants are left alone.',
  ).min(1),
})
  .meta({ title: 'Mortise configuration' })
  .describe('Tenants with their connections, objects, pairs and flows, and who may call.')

export type FileDef = z.infer<typeof fileSchema>
export type TenantFile = FileDef['tenants'][number]
export type ConnectionFile = TenantFile['connections'][number]
export type ObjectFile = NonNullable<ConnectionFile['objects']>[number]
export type FieldsFile = NonNullable<ObjectFile['fields']>
export type PairFile = NonNullable<TenantFile['pairs']>[number]
export type FlowFile = NonNullable<PairFile['flows']['leftToRight']>
export type RulesFile = NonNullable<FlowFile['mapping']['fields']>
export type ScopeFile = NonNullable<FlowFile['scope']>

/** The published JSON Schema: editors complete and check the file with it. */
export const jsonSchema = (): Record<string, unknown> => ({
  ...z.toJSONSchema(fileSchema, { target: 'draft-7', reused: 'ref' }),
  $id: 'mortise.schema.json',
})
