/**
 * The configuration file, as it is written: one zod schema that validates it, explains it, and becomes docs/schema/mortise.schema.json.
 * Nothing is transformed here, so that every complaint names the path as it stands in the file; `file.ts` fills in defaults.
 */
import { z } from 'zod'
import { functionKinds } from '../doc/function.ts'
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

const spot = z
  .union([
    z.string().min(1),
    z.number().int().positive(),
    strict({ at: z.number().int().positive(), length: z.number().int().positive() }),
  ])
  .describe('A path into the body, the name or number (from 1) of a column, or {at, length} of a line, in characters.')
const spots = z.record(z.string().min(1), spot)
const reader = strict({
  kind: z.enum(['json', 'xml', 'csv', 'fixed', 'form']),
  records: z
    .string()
    .optional()
    .describe('json, xml: path to the records, such as data.list or Orders/Order. Default the body itself.'),
  id: spot,
  fields: spots
    .optional()
    .describe('Field of the document: where its value stands. Default everything that is a value, by its own name.'),
  details: z
    .record(
      z.string().min(1),
      strict({
        rows: z.string().optional().describe('json, xml: path to the rows below the record. Default the code.'),
        fields: spots.optional(),
      }),
    )
    .optional()
    .describe('By detail code. csv, fixed: each line with the same id is a row.'),
  void: strict({ at: spot, values: z.array(z.union([z.string(), z.number(), z.boolean()])).min(1) })
    .optional()
    .describe('A record with one of these values there is voided.'),
  separator: z.string().min(1).max(3).optional().describe('csv. Default ","; \\t for tabs.'),
  header: z.boolean().optional().describe('csv: the first line names the columns. Default true.'),
  skip: z.number().int().min(0).optional().describe('csv, fixed: lines to leave out first.'),
  trim: z.boolean().optional().describe('Spaces at the ends are dropped. Default true for fixed, else false.'),
})

const receive = strict({
  function: z.string().optional().describe('A function of kind receive.'),
  reader: reader.optional().describe('Makes documents without code.'),
  charset: z
    .enum(['utf-8', 'gbk', 'gb18030'])
    .optional()
    .describe('Whatever the sender says. Default: his Content-Type, the XML declaration, UTF-8.'),
}).describe('Non-standard pushes 推送接口函数: either a function or a reader.')

const detail = strict({
  code: z.string().min(1).describe('Code of the detail 明细, as it stands in detailFieldVals.'),
  apiName: z.string().min(1).optional().describe('Default: the code.'),
  name: z.string().optional(),
  idField: z.string().optional().describe('Field with the row’s own id. Without it rows are told apart by position.'),
  masterField: z
    .string()
    .min(1)
    .optional()
    .describe('Where a detail is an object of its own (kind fxiaoke): the field that names its master.'),
  fields: fields.optional(),
})

const clock = (what: string) =>
  z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/)
    .describe(what)
const weekdays = z
  .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
  .min(1)
  .optional()

/** When something begins; `every` is each one's own. */
const when = {
  cron: z
    .string()
    .optional()
    .describe('Instead of every: a cron pattern of five or six fields, such as "0 2 * * 1-5".'),
  hours: strict({
    from: clock('HH:mm on the wall clock of zone.'),
    to: clock('HH:mm; at or before from means the next day.'),
  })
    .optional()
    .describe('Runs begin only between these. With every.'),
  days: weekdays.describe('Weekdays on which runs begin. With every.'),
  monthDays: z
    .array(z.number().int().min(1).max(31))
    .min(1)
    .optional()
    .describe('Days of the month on which runs begin. With every.'),
  zone: zone.optional(),
  jitter: duration('A run begins up to so much later, by chance. Default 0.').optional(),
}

const poll = strict({
  every: duration('Time between two runs. Default 6m, and no less than the connection’s pollFloor.').optional(),
  ...when,
  overlap: duration(
    'So much of what was read is read again, for records may be visible late. Default: the connection’s.',
  ).optional(),
  lag: duration('A window ends so long before now. Default 10s.').optional(),
  slice: duration('Longest window; after a stop what was missed is read in pieces of this. Default 24h.').optional(),
  pageSize: z.number().int().min(1).max(10_000).optional().describe('Default: the connection’s.'),
  sweep: strict({
    every: duration('Time between two sweeps. Default 7d, and no less than the connection’s pollFloor.').optional(),
    ...when,
    onGone: z
      .enum(['ask', 'mark', 'void'])
      .optional()
      .describe(
        'ask (default): they are listed. mark: each is looked for by id over the overlap, then shown as gone. void: marked, and voided at the other side by the flows of the object (goneAtSource: void).',
      ),
  })
    .optional()
    .describe('Look for records that are here and gone at their source.'),
}).describe('Read the records of this object by time window 轮询.')

const reconcile = strict({
  every: duration('Time between two comparisons. Default 24h, and no less than the source’s pollFloor.').optional(),
  ...when,
  last: duration('Only what changed so lately. Default all.').optional(),
  lag: duration(
    'What changed later than so long before it begins is left for the next one: it may still be on its way. Default 10m.',
  ).optional(),
  repair: z
    .array(z.enum(['onlySource', 'different']))
    .optional()
    .describe('What is sent again by itself. Default nothing.'),
  repairMost: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe('Where more than so many are found, none is sent again and a person looks first. Default 1000.'),
}).describe('Compare what both systems hold 数据核对 by a schedule; what is found is a report and an alert.')

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
  ownerField: z
    .string()
    .min(1)
    .optional()
    .describe('Field that names who is responsible for a record: an alert about it goes to that person as well.'),
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
  poll: poll.optional(),
  receive: receive.optional(),
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
    .describe('The object takes master-data batches; kind masterdata-batch: is sent to this path in batches.'),
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

const eventPath = (what: string) => z.string().min(1).nullable().optional().describe(`${what} Dotted; null: not told.`)
const events = strict({
  names: strict({
    tenantId: eventPath('Default tenantId.'),
    objectApiName: z.string().min(1).optional().describe('Default objectApiName. Dotted.'),
    dataId: z.string().min(1).optional().describe('Default dataId. Dotted.'),
    operation: eventPath('Default operation. Not told: every event is an update.'),
    changedAt: eventPath('Default changedAt.'),
    masterFieldVal: eventPath('Default masterFieldVal.'),
    detailFieldVals: eventPath('Default detailFieldVals.'),
  })
    .optional()
    .describe('Where an event says what.'),
  operations: z
    .record(z.string().min(1), z.enum(['create', 'update', 'void']))
    .optional()
    .describe('Their words for an operation, such as {i: create, u: update, d: void}.'),
  objects: z
    .record(z.string().min(1), z.string().min(1))
    .optional()
    .describe('Their name of an object: its code here.'),
  tenants: z
    .array(z.union([z.string().min(1), z.number()]))
    .optional()
    .describe('What they call this tenant. Default its id.'),
  details: z
    .record(z.string().min(1), strict({ object: z.string().min(1), masterId: z.string().min(1) }))
    .optional()
    .describe(
      'Details whose rows are told by events of their own: {ContactObj: {object: AccountObj, masterId: account_id}}; masterId is a path in the event’s fields.',
    ),
  time: z
    .string()
    .min(1)
    .optional()
    .describe('How changedAt is written, as format of a field. Default epoch ms or ISO 8601.'),
  others: z
    .enum(['refuse', 'skip'])
    .optional()
    .describe(
      'Events of other tenants and of objects that are not declared: kept as refused (default), or passed over.',
    ),
}).describe('How the events of this system (queues and webhooks) name things.')

const start = z.enum(['all', 'new']).optional().describe('Where a new subscription begins. Default all.')
const queue = strict({
  id: id('What people call it.'),
  kind: z.enum(['rabbitmq', 'nats', 'kafka']).describe('kafka is experimental: it has not run against a real broker.'),
  url: z
    .string()
    .min(1)
    .describe(
      'amqp(s)://user:password@host/vhost, nats:// or tls://, kafka(s)://; several nodes separated by commas. Stored encrypted; take it from the environment: ${NAME}.',
    ),
  tls: strict({
    ca: z.string().min(1).optional().describe('Certificates that are trusted, PEM.'),
    cert: z.string().min(1).optional().describe('Our certificate, PEM.'),
    key: z
      .string()
      .min(1)
      .optional()
      .describe('Its key, PEM. Stored encrypted; take it from the environment: ${NAME}.'),
  }).optional(),
  state: z.enum(['enabled', 'paused']).optional().describe('Default enabled. Paused: what comes waits at the broker.'),
  batch: z.number().int().min(1).max(500).optional().describe('Most messages of one commit. Default 200.'),
  queue: z.string().min(1).optional().describe('rabbitmq: the queue.'),
  create: z.boolean().optional().describe('rabbitmq: make a quorum queue where it is missing. Default false.'),
  exchange: z.string().min(1).optional().describe('rabbitmq with create: bind the queue to it.'),
  routingKeys: z.array(z.string()).optional().describe('rabbitmq with exchange. Default "#".'),
  stream: z.string().min(1).optional().describe('nats: the JetStream stream.'),
  durable: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .optional()
    .describe('nats: name of the durable consumer. Default mortise-{tenant}-{connection}-{id}.'),
  subjects: z.array(z.string().min(1)).optional().describe('nats: only these subjects. Default all of the stream.'),
  ackWait: duration('nats: unacknowledged for so long, a message goes to another node. Default 30s.').optional(),
  topics: z.array(z.string().min(1)).min(1).optional().describe('kafka: the topics.'),
  group: z.string().min(1).optional().describe('kafka: consumer group. Default mortise-{tenant}-{connection}-{id}.'),
  startFrom: start,
}).describe('A message queue that brings the changes of this system.')

const charset = z.enum(['utf-8', 'gbk', 'gb18030'])

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
  fxiaoke: strict({
    appId: z.union([z.string().min(1), z.number()]).describe('Id of the app that the enterprise made.'),
    appSecret: given('Its secret.'),
    permanentCode: given('Its permanent code.'),
    enterprise: z.union([z.string().min(1), z.number()]).describe('The enterprise account, ea.'),
    user: z
      .union([z.string().min(1), z.number()])
      .describe('Id of the employee in whose name calls are made; their rights hold.'),
    triggerWorkFlow: z.boolean().optional().describe('Whether a write sets off workflows there. Default false.'),
    triggerApprovalFlow: z.boolean().optional().describe('Whether a write sets off approvals there. Default false.'),
  })
    .optional()
    .describe('kind: fxiaoke; how its Open API is called.'),
  batch: strict({
    clientId: z.union([z.string().min(1), z.number()]).describe('Our client there.'),
    clientSecret: given('Its secret.'),
    tokenUrl: z.string().optional().describe('Default {baseUrl}unAuth/tokens/generate.'),
    salt: given('What callbacks are proved with: access_token is MD5(bizId + salt).').optional(),
    formerSalt: given('The salt before, while both are valid.').optional(),
    formerUntil: z.string().optional().describe('Until when formerSalt is accepted: a day, or a moment.'),
    callbackUrl: z
      .string()
      .optional()
      .describe(
        'Our address as the target sees it, such as https://mortise.example.com. Without it results come by answer and query alone.',
      ),
    callbackKey: secret('Last part of our callback’s address. Default generated.').optional(),
    signed: z
      .boolean()
      .optional()
      .describe('A callback without a Standard Webhooks signature is forged. Default false.'),
    query: z.boolean().optional().describe('GET {baseUrl}batches/{bizId} tells the result. Default true.'),
    answerWithin: duration(
      'So long after it was taken in the result of a batch is waited for. Default 2h; then its rows are parked as unknown.',
    ).optional(),
    maxRows: z.number().int().min(1).max(10_000).optional().describe('Rows of one call. Default 200.'),
    fillFor: duration(
      'A batch that is not full waits so long for more rows, and longer as the quota shrinks. Default 60s.',
    ).optional(),
    perDay: z.number().int().min(1).optional().describe('Calls of one path in a day. Default 100.'),
    perHour: z.number().int().min(1).optional().describe('Calls of one path in a clock hour. Default 50.'),
    locale: z
      .enum(['zh_CN', 'zh_TW', 'en_US', 'ja_JP'])
      .optional()
      .describe('Language of the target’s sentences. Default zh_CN.'),
  })
    .optional()
    .describe('kind: masterdata-batch; how batches are sent there.'),
  result: strict({
    codePath: z.string().optional().describe('Default code.'),
    messagePath: z.string().optional().describe('Default message.'),
    dataPath: z.string().optional().describe('Default data.'),
    successCodes: texts('Codes that mean success, compared as text. Default "0".').optional(),
  })
    .optional()
    .describe('Where an answer says how the call ended.'),
  format: strict({
    request: z.enum(['json', 'xml', 'form', 'text']).optional().describe('Default json.'),
    answer: z.enum(['json', 'xml', 'form', 'text']).optional().describe('Default as the request.'),
    charset: charset.optional().describe('Of requests. Default utf-8.'),
    answerCharset: charset.optional().describe('Of answers, whatever they say. Default what they say, else utf-8.'),
    contentType: z.string().min(1).max(200).optional().describe('Default by format and charset.'),
    templates: strict({ create: z.string().optional(), update: z.string().optional(), invalid: z.string().optional() })
      .optional()
      .describe('request: text. {{field}}, {{#detail}}…{{/detail}}, {{$id}}, {{field|xml}}.'),
    patterns: z
      .array(z.string().min(1).max(1_000))
      .optional()
      .describe('answer: text. Regular expressions (RE2) with the named groups code, message, id.'),
    formField: z.string().min(1).optional().describe('request: form. The whole body as JSON in this one field.'),
  })
    .optional()
    .describe('How bodies look on the wire. Default JSON in UTF-8.'),
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
    perInterface: z
      .array(strict({ calls: z.number().int().positive(), every: duration('Any stretch so long.') }))
      .optional()
      .describe('Rates of each interface by itself. kind: fxiaoke; default {calls: 100, every: 20s}.'),
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
          days: weekdays.describe('Days on which it begins. Default every day.'),
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
  pollFloor: duration('No object is polled more often than this. Default 6m, the guide’s figure.').optional(),
  events: events.optional(),
  queues: list(queue, 'Message queues that bring its changes.').optional(),
  objects: list(object, 'Objects 中间表对象 of this system.').optional(),
})

// ── pairs and flows ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const missing = z.enum(['wait', 'pull', 'stub', 'empty', 'default', 'later', 'park'])
const ruleShape = {
  from: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Source field. $id is the record’s own id (in a detail: the row’s); $.field reaches the master from a row. Constants: $params.name, $tenant, $source, $target (connections), $now, $today.',
    ),
  formula: z.string().min(1).optional().describe('Computed; docs/formulas.md.'),
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
  write: z
    .enum(['always', 'whenEmpty', 'onCreate', 'neverClear'])
    .optional()
    .describe(
      'always (default); whenEmpty: only where the target is known to have nothing there; onCreate: never again after; neverClear: what the source empties is left out.',
    ),
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
  mapped: z.string().optional().describe('Pair in whose ID mapping the record is that the field names.'),
  notMapped: z.string().optional(),
}
const scope = z
  .union([
    z.record(z.string().min(1), z.union([scalar, z.array(z.union([z.string(), z.number()])), strict(conditionOps)])),
    z.array(
      strict({
        field: z.string().min(1),
        op: z.enum([
          'eq',
          'ne',
          'in',
          'notIn',
          'gt',
          'ge',
          'lt',
          'le',
          'empty',
          'notEmpty',
          'startsWith',
          'contains',
          'mapped',
          'notMapped',
        ]),
        value: z.union([scalar, z.array(z.union([z.string(), z.number()]))]).optional(),
        of: z
          .literal('target')
          .optional()
          .describe('A field of the target’s record, where there is one: it is not written while this does not hold.'),
      }),
    ),
  ])
  .describe(
    '数据范围: all must hold. {status: approved, grade: [A, B], amount: {gt: 0}}, or a list of {field, op, value}.',
  )

const driftPolicy = z.enum(['ignore', 'warn', 'park'])
const drift = z
  .union([
    driftPolicy,
    strict({
      unknown: driftPolicy.optional().describe('A field that the object does not declare.'),
      missing: driftPolicy.optional().describe('A mapped field that had a value and is gone.'),
      type: driftPolicy.optional().describe('A value that is not of the declared type.'),
      option: driftPolicy.optional().describe('An option that the field does not declare.'),
    }),
  ])
  .describe('What is done where a record does not fit its declaration. Default warn: listed, and sent all the same.')

const matchFields = z.record(
  z.string().min(1),
  z.union([
    z.string().min(1),
    strict({
      to: z.string().min(1).describe('Target field.'),
      as: z
        .enum(['exact', 'code', 'name', 'phone', 'mail'])
        .optional()
        .describe('How the two are compared. Default code: case, width, spaces and dashes do not count.'),
    }),
  ]),
)

const body = z.union([z.string().min(2), z.record(z.string(), z.unknown())])
const mappingTest = strict({
  name: z.string().min(1),
  id: z.union([z.string(), z.number()]).optional().describe('The record’s id. Default test.'),
  record: body.describe('{masterFieldVal, detailFieldVals}, as a map or as JSON text, which keeps numbers as written.'),
  target: body.optional().describe('What the target shows, for merged details and whenEmpty.'),
  targetId: z
    .union([z.string(), z.number()])
    .optional()
    .describe('The record is mapped: an update. Default: a create.'),
  mapped: z.record(z.string(), z.string()).optional().describe('Target ids of referred records, by "pair/id".'),
  now: z.string().optional().describe('A moment with its offset, for $now.'),
  expect: body.optional().describe('Fields that must come out so; of a detail all rows.'),
  fault: z.string().optional().describe('The code of the fault that must come out, or "out of scope".'),
})

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
    .union([z.boolean(), z.array(matchFields).min(1)])
    .optional()
    .describe(
      'Look for the record before creating one: true by our id, or rules such as [{taxNo: tax_no}, {name: {to: name, as: name}}], of which the first that finds something decides. Default false.',
    ),
  writeBack: z
    .record(
      z.string().min(1),
      z.union([z.enum(['id', 'status', 'error', 'time']), strict({ field: z.string().min(1) })]),
    )
    .optional()
    .describe(
      'Fields of the source that are told how its record fared: {sync_id: id, sync_state: status, sync_error: error, sync_at: time, number: {field: billNo}}.',
    ),
  functions: strict({
    beforeMapping: z
      .string()
      .min(1)
      .optional()
      .describe('Sees and changes the source’s record before it is mapped, or skips it.'),
    beforeWrite: z
      .union([
        z.string().min(1),
        strict({
          function: z.string().min(1),
          fields: z
            .array(z.string().min(1))
            .optional()
            .describe('Target fields that it writes beside the mapping: number, lines.note.'),
        }),
      ])
      .optional()
      .describe('Sees and changes what is about to be sent, or skips it.'),
    afterWrite: z.string().min(1).optional().describe('Is told of each call that was applied.'),
  })
    .optional()
    .describe('Functions 函数 of the flow, by name.'),
  params: z
    .record(z.string().min(1), z.union([scalar, z.record(z.string(), scalar)]))
    .optional()
    .describe('Named values for rules and formulas ($params.name); a map is an option map for LOOKUP.'),
  drift: drift.optional(),
  tests: z
    .array(mappingTest)
    .optional()
    .describe('Mapping tests: run whenever the flow is saved, and by mortise test.'),
  reconcile: reconcile.optional(),
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
  verify: strict({
    secret: z.string().min(8).describe('Key of the HMAC. Stored encrypted; take it from the environment: ${NAME}.'),
    former: z.string().min(8).optional().describe('The key before, valid as well until formerUntil.'),
    header: z
      .string()
      .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/)
      .describe('Header with the signature.'),
    algorithm: z.enum(['sha1', 'sha256', 'sha512']).optional().describe('Default sha256.'),
    encoding: z.enum(['hex', 'base64', 'base64url']).optional().describe('Default hex.'),
    prefix: z.string().optional().describe('Before the signature, such as "sha256=".'),
    key: z.enum(['text', 'base64']).optional().describe('The secret is the key itself (default), or its base64.'),
    sign: z
      .array(z.union([z.literal('body'), strict({ header: z.string().min(1) }), strict({ text: z.string() })]))
      .min(1)
      .optional()
      .describe('What is signed, in this order. Default [body].'),
    timestamp: strict({
      header: z.string().min(1).describe('Header with the time of the call: epoch seconds, milliseconds or ISO 8601.'),
      tolerance: duration('How far from now it may be. Default 5m.').optional(),
    })
      .optional()
      .describe('Calls that are too old are refused. Sign that header too.'),
  })
    .optional()
    .describe('Calls are signed (HMAC) and refused where they are not.'),
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

// ── functions ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const value = z.unknown()
const fn = strict({
  name: id('What objects and flows name it by.'),
  kind: z.enum(functionKinds).optional().describe('When it is called. Default receive.'),
  code: z
    .string()
    .min(1)
    .max(200_000)
    .describe('JavaScript that declares a function of the kind’s name. ${NAME} is no variable here.'),
  time: duration('For one record, 10ms to 30s. Default 1s.').optional(),
  memory: z.number().int().min(4).max(256).optional().describe('Megabytes. Default 32.'),
  examples: z
    .array(
      strict({
        name: z.string().min(1),
        input: value.describe('The argument: a map, or JSON as text (which keeps 1.10 as it is).'),
        output: value.describe('What must come out.'),
        found: z
          .record(z.string(), value)
          .optional()
          .describe('What look-ups find, by mapped:pair:id or document:object:id.'),
      }),
    )
    .optional()
    .describe('Run whenever the function is saved, and by mortise test.'),
})

const tenant = strict({
  id: id('tenantId.'),
  name: z.string().optional(),
  zone: zone.optional().describe('Default Asia/Shanghai.'),
  bodyDays: z
    .number()
    .int()
    .min(0)
    .max(3650)
    .optional()
    .describe('For so many days the bodies of what came in and was sent are shown. Default: as long as they are kept.'),
  connections: list(connection, 'The systems 连接器.'),
  functions: list(fn, 'Functions 函数.').optional(),
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
export type FunctionFile = NonNullable<TenantFile['functions']>[number]
export type ConnectionFile = TenantFile['connections'][number]
export type QueueFile = NonNullable<ConnectionFile['queues']>[number]
export type EventsFile = NonNullable<ConnectionFile['events']>
export type HookFile = NonNullable<TenantFile['hooks']>[number]
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
