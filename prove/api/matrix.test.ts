/** Promise 26: every route of the OpenAPI document, asked by everybody. Who may passes, who may not is answered 401, 403 or 404 exactly, and what is foreign is answered like what is absent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { needs, type Right, type Role, roles } from '../../server/access/rights.ts'
import { type Answer, type ApiWorld, apiWorld, declareTenant, nobody, type Someone, withKey } from './world.ts'

/** What a person expects of the roles, said again: the program's own function is what is tested. */
const may = (role: Role, right: Right): boolean =>
  ({
    self: ['viewer', 'operator', 'integrator', 'admin', 'owner'],
    see: ['viewer', 'operator', 'integrator', 'admin', 'owner'],
    operate: ['operator', 'integrator', 'admin', 'owner'],
    configure: ['integrator', 'admin', 'owner'],
    administer: ['admin', 'owner'],
    install: ['owner'],
  })[right].includes(role)

/** Routes that change something and that everybody may who sees: one's own account and keys, and a count. */
const harmless = [
  'signIn',
  'beginSignIn',
  'finishSignIn',
  'signOut',
  'changeOwnPassword',
  'putPreference',
  'beginSecondFactor',
  'confirmSecondFactor',
  'dropSecondFactor',
  'renewRecoveryCodes',
  'endSession',
  'endOtherSessions',
  'addKey',
  'removeKey',
  'estimateRetry',
  'checkFormula',
  'runMappingTests',
]

interface Operation {
  path: string
  method: string
  id: string
  right: Right | null
  only: string | null
  body: boolean
}

const operationsOf = async (world: ApiWorld): Promise<Operation[]> => {
  const { body } = await world.call<{
    paths: Record<
      string,
      Record<string, { operationId: string; 'x-right': Right | 'none'; 'x-only'?: string; requestBody?: unknown }>
    >
  }>('GET', '/api/openapi.json')
  return Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({
      path,
      method: method.toUpperCase(),
      id: one.operationId,
      right: one['x-right'] === 'none' ? null : one['x-right'],
      only: one['x-only'] ?? null,
      body: one.requestBody !== undefined,
    })),
  )
}

/** What stands in both tenants, by the name of the parameter; `{user}` and `{key}` are their own. */
const known: Record<string, string> = {
  connection: 'erp',
  object: 'BD_Customer',
  pair: 'customer',
  flow: 'leftToRight',
  field: 'level',
}
const nowhere: Record<string, string> = {
  connection: 'nowhere',
  object: 'Nowhere',
  pair: 'nowhere',
  flow: 'rightToLeft',
  field: 'nowhere',
  id: 'nowhere',
  link: '999999999',
  event: '999999999',
  task: 'nowhere',
  backfill: 'nowhere',
  comparison: 'nowhere',
  sweep: 'nowhere',
  batch: '999999999',
  key: 'ffffffffffff',
  group: 'ffffffffff',
  function: 'nowhere',
  seq: '999999999',
  name: 'nowhere',
  user: 'nowhere',
  share: 'ffffffffffff',
  session: 'ffffffffffffffff',
  provider: 'nowhere',
}

const address = (path: string, ids: Record<string, string>): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ids[name] ?? `missing-${name}`))

interface Example {
  /** Values of parameters and query; what is left out stands in `known`. */
  ids?: Record<string, string>
  query?: string
  body?: unknown
  /** The good answers. Removing asks for what is not there: 404, but of the thing and not of the tenant. */
  good: number[]
}

/** Per tenant: what its own things are called. */
interface Things {
  tenant: string
  link: string
  unanswered: string
  task: string
  batch: string
  user: string
  key: string
}

/** Of everything in both tenants there is a first version. */
const aVersion = { kind: 'connection', name: 'erp', number: '1' }

/** The first webhook of an exported tenant, without what its address says. */
const hookOf = (yaml: string): unknown => {
  const {
    connection: _,
    name: __,
    ...rest
  } = (parse(yaml) as { tenants: { hooks: Record<string, unknown>[] }[] }).tenants[0]?.hooks[0] ?? {}
  return rest
}

let count = 0
/** A harmless call of each route that somebody who may gets through with, also twice and by several. */
const exampleOf = (id: string, things: Things, shown: Record<string, unknown>): Example => {
  const examples: Record<string, Example> = {
    signIn: { body: { user: 'nobody-at-all', password: 'x' }, good: [401] },
    showSession: { good: [200] },
    signOut: { good: [204] },
    changeOwnPassword: { body: { password: 'wrong', newPassword: 'long enough now' }, good: [400] },
    showPreference: { good: [200] },
    putPreference: { body: { locale: null, zone: 'Asia/Shanghai', theme: null }, good: [200] },
    showAccount: { good: [200] },
    beginSecondFactor: { body: { password: 'wrong' }, good: [400] },
    confirmSecondFactor: { body: { code: '000000' }, good: [409] },
    dropSecondFactor: { body: { code: '000000' }, good: [409] },
    renewRecoveryCodes: { body: { code: '000000' }, good: [409] },
    listSessions: { good: [200] },
    endSession: { ids: nowhere, good: [404] },
    endOtherSessions: { good: [204] },
    listOwnKeys: { good: [200] },
    showSignIn: { good: [200] },
    beginSignIn: { ids: nowhere, good: [404] },
    finishSignIn: { body: { query: 'code=x&state=y' }, good: [409] },
    leaveIssuer: { good: [200] },
    listProviders: { good: [200] },
    putProvider: {
      ids: { provider: 'other' },
      body: { name: 'Other', issuer: 'https://192.0.2.9/', clientId: 'mortise' },
      good: [200],
    },
    removeProvider: { ids: nowhere, good: [404] },
    testProvider: { ids: nowhere, good: [404] },
    showSignInRule: { good: [200] },
    putSignInRule: { body: { secondFactor: 'optional' }, good: [200] },
    showEverySignInRule: { good: [200] },
    putEverySignInRule: { body: { secondFactor: 'optional' }, good: [200] },
    whoAmI: { good: [200] },
    listRoles: { good: [200] },
    listEveryUser: { good: [200] },
    addEveryUser: { body: { user: 'admin', role: 'viewer' }, good: [409] },
    changeEveryUser: { ids: { user: things.user }, body: { name: 'Same' }, good: [200] },
    removeEveryUser: { ids: nowhere, good: [404] },
    listUsers: { query: '?limit=2', good: [200] },
    addUser: { body: { user: 'admin', role: 'viewer' }, good: [409] },
    changeUser: { ids: { user: things.user }, body: { role: 'viewer' }, good: [200] },
    removeUser: { ids: nowhere, good: [404] },
    listKeys: { good: [200] },
    addKey: { body: { name: `k${count++}`, scopes: ['see'], days: 1 }, good: [201] },
    removeKey: { ids: nowhere, good: [404] },
    listEveryKey: { good: [200] },
    addEveryKey: { body: { name: `k${count++}`, scopes: ['see'], days: 1 }, good: [201] },
    removeEveryKey: { ids: nowhere, good: [404] },
    listPolls: { good: [200] },
    // Nothing is polled in these tenants: what is said is of the object, not of the tenant.
    listPollWindows: { good: [404] },
    listPollGaps: { good: [404] },
    runPoll: { good: [404] },
    pausePoll: { good: [404] },
    resumePoll: { good: [404] },
    readPollAgain: { body: { gaps: true }, good: [404] },
    estimateBackfill: { body: { connection: 'erp', object: 'BD_Customer', ids: ['C-1'] }, good: [200] },
    addBackfill: {
      body: { connection: 'erp', object: 'BD_Customer', ids: ['C-1'], startAt: '2099-01-01T00:00:00.000Z' },
      good: [202],
    },
    listBackfills: { query: '?limit=2', good: [200] },
    showBackfill: { ids: nowhere, good: [404] },
    pauseBackfill: { ids: nowhere, good: [404] },
    stopBackfill: { ids: nowhere, good: [404] },
    continueBackfill: { ids: nowhere, good: [404] },
    addComparison: { body: { pair: 'customer', to: '1970-01-02T00:00:00.000Z' }, good: [202] },
    listComparisons: { good: [200] },
    showComparison: { ids: nowhere, good: [404] },
    listCompared: { ids: nowhere, good: [404] },
    exportCompared: { ids: nowhere, good: [404] },
    stopComparison: { ids: nowhere, good: [404] },
    repairCompared: { ids: nowhere, body: { kind: 'different' }, good: [404] },
    listPlanned: { good: [200] },
    runPlanned: { body: { kind: 'sweep', name: 'erp/Nothing' }, good: [404] },
    addDeletionSweep: {
      body: { connection: 'erp', object: 'BD_Customer', startAt: '2099-01-01T00:00:00.000Z' },
      good: [202],
    },
    listDeletionSweeps: { query: '?limit=2', good: [200] },
    showDeletionSweep: { ids: nowhere, good: [404] },
    stopDeletionSweep: { ids: nowhere, good: [404] },
    listGone: { ids: nowhere, good: [404] },
    markGone: { ids: nowhere, body: {}, good: [404] },
    listAudit: { good: [200] },
    listEveryAudit: { good: [200] },
    listTenants: { good: [200] },
    addTenant: { body: { tenant: 'a' }, good: [409] },
    showTenant: { good: [200] },
    changeTenant: { body: { name: `Tenant ${things.tenant}` }, good: [200] },
    listConnections: { good: [200] },
    showConnection: { good: [200] },
    putConnection: { body: shown.connection, good: [200] },
    removeConnection: { ids: nowhere, good: [404] },
    listPairs: { good: [200] },
    showPair: { good: [200] },
    putPair: { body: shown.pair, good: [200] },
    removePair: { ids: nowhere, good: [404] },
    showFlow: { good: [200] },
    putFlow: { body: shown.flow, good: [200] },
    changeFlowState: { body: { state: 'enabled' }, good: [200] },
    removeFlow: { ids: nowhere, good: [404] },
    showMapping: { good: [200] },
    putMapping: { body: shown.mapping, good: [200] },
    showOptions: { good: [200] },
    previewRecord: { body: { id: 'P-1', record: '{"masterFieldVal":{"name":"x"}}' }, good: [200] },
    dryRun: { good: [202] },
    proposeMapping: { good: [200] },
    checkFormula: { body: { formula: 'name & "x"' }, good: [200] },
    runMappingTests: { good: [200] },
    listDrift: { good: [200] },
    clearDrift: { good: [204] },
    putOptions: { body: { options: { A: '1', B: '2' } }, good: [200] },
    listFunctions: { good: [200] },
    showFunction: { ids: nowhere, good: [404] },
    putFunction: {
      ids: { function: 'fn' },
      body: { kind: 'receive', code: 'function receive() { return [] }' },
      good: [200],
    },
    removeFunction: { ids: nowhere, good: [404] },
    testFunctions: { good: [200] },
    tryFunction: {
      ids: { function: 'f' },
      body: { code: 'function receive() { return [] }', input: '{}' },
      good: [200],
    },
    resumeFunction: { ids: nowhere, good: [404] },
    proposeReader: { body: { sample: '{"id":1}' }, good: [200] },
    listDecodes: { good: [200] },
    showDecode: { ids: { seq: '999999999' }, good: [404] },
    retryDecodes: { body: { group: 'ffffffffff' }, good: [200] },
    listTokens: { good: [200] },
    putToken: { ids: { id: 'push' }, body: {}, good: [200] },
    removeToken: { ids: nowhere, good: [404] },
    renewToken: { ids: nowhere, body: {}, good: [404] },
    retireToken: { ids: nowhere, good: [404] },
    listHooks: { good: [200] },
    // As it stands, in the tenant's own words: what is not said is taken away.
    putHook: {
      ids: { id: 'crm' },
      body: JSON.parse(JSON.stringify(shown.hook).replaceAll('A_HOOK', `${things.tenant.toUpperCase()}_HOOK`)),
      good: [200],
    },
    removeHook: { ids: nowhere, good: [404] },
    renewHook: { ids: nowhere, body: {}, good: [404] },
    retireHook: { ids: nowhere, good: [404] },
    listBatchClients: { good: [200] },
    putBatchClient: { ids: { id: 'hr' }, body: {}, good: [200] },
    removeBatchClient: { ids: nowhere, good: [404] },
    renewBatchClient: { ids: nowhere, body: {}, good: [404] },
    retireBatchClient: { ids: nowhere, good: [404] },
    planConfiguration: { body: { yaml: shown.yaml }, good: [200] },
    applyConfiguration: { body: { yaml: shown.yaml }, good: [200] },
    exportConfiguration: { good: [200] },
    listVersions: { query: '?kind=connection&name=erp', good: [200] },
    showVersion: { ids: aVersion, good: [200] },
    restoreVersion: { ids: aVersion, body: {}, good: [200] },
    promote: { body: { from: things.tenant }, good: [409] },
    listObjects: { good: [200] },
    showObject: { good: [200] },
    putObject: { body: shown.object, good: [200] },
    removeObject: { ids: { ...known, object: 'Nowhere' }, good: [404] },
    testConnection: { body: {}, good: [200] },
    showInterface: { good: [200] },
    showInterfacePage: { query: '?locale=ja_JP', good: [200] },
    showInterfaceMarkdown: { good: [200] },
    showInterfaceOpenapi: { good: [200] },
    learnSample: { body: { sample: '{"id":"1"}' }, good: [200] },
    learnRecord: { body: { object: 'BD_Customer', id: '1' }, good: [400] },
    showObjectJson: { good: [200] },
    showObjectYaml: { good: [200] },
    showObjectSheet: { good: [200] },
    importObject: { body: { form: 'json', content: JSON.stringify(shown.object) }, good: [200] },
    tryInterface: { body: { call: 'syncpush', token: 'nobody', id: 'X-1', body: '{}' }, good: [200] },
    listShares: { good: [200] },
    addShare: { body: { days: 1 }, good: [201] },
    removeShare: { ids: { share: 'ffffffffffff' }, good: [404] },
    offeredObjects: { good: [404] },
    learnObject: { body: { object: 'AccountObj' }, good: [404] },
    listAlerts: { good: [200] },
    showAlertSettings: { good: [200] },
    putAlertSettings: { body: { locale: 'en_US' }, good: [200] },
    testChannel: { body: { channel: 'nowhere' }, good: [404] },
    listTwoWay: { good: [200] },
    listConflicts: { good: [200] },
    showConflict: { ids: nowhere, good: [404] },
    resolveConflict: { ids: nowhere, body: { take: 'left' }, good: [404] },
    listQueues: { good: [200] },
    changeQueueState: { ids: { queue: 'nowhere' }, body: { state: 'paused' }, good: [404] },
    listRefusedEvents: { query: '?connection=crm', good: [200] },
    showRefusedEvent: { ids: nowhere, good: [404] },
    retryRefusedEvents: { body: {}, good: [200] },
    removeRefusedEvent: { ids: nowhere, good: [404] },
    showStatus: { good: [200] },
    listRecords: { query: '?state=failed&fault=map.option', good: [200] },
    listGroups: { query: '?flow=customer:leftToRight', good: [200] },
    showRecord: { ids: { link: things.link }, good: [200] },
    showJourney: { query: '?id=SAME-1', good: [200] },
    search: { query: '?text=SAME-1', good: [200] },
    showStory: { ids: { link: things.link }, good: [200] },
    retryRecord: { ids: { link: things.link }, body: {}, good: [200] },
    declareRecord: { ids: { link: things.link }, body: { absent: true }, good: [409] },
    ignoreRecord: { ids: nowhere, body: { reason: 'test data' }, good: [404] },
    refetchRecord: { ids: { link: things.link }, body: {}, good: [200] },
    showBody: { ids: { link: things.link }, good: [200] },
    runBody: { ids: { link: things.link }, body: { body: '{}' }, good: [409] },
    refetchGroup: { ids: nowhere, good: [404] },
    estimateRetry: { body: { state: 'failed' }, good: [200] },
    retryMatching: { body: { filter: { keyword: 'no such thing' } }, good: [202] },
    listLinks: { good: [200] },
    bindLink: { body: { left: 'SAME-1', right: 'SAME-2' }, good: [200, 409] },
    unbindLink: { ids: { link: things.link }, good: [200, 409] },
    exportLinks: { good: [200] },
    listTasks: { good: [200] },
    showTask: { ids: { task: things.task }, good: [200] },
    stopTask: { ids: nowhere, good: [404] },
    listCalls: { query: '?outcome=applied', good: [200] },
    showCall: { ids: { attempt: '999999999' }, query: '?at=2026-01-01T00:00:00.000Z', good: [404] },
    showPulse: { query: '?span=day', good: [200] },
    listTemplates: { good: [200] },
    listBatches: { query: '?state=done', good: [200] },
    showBatch: { ids: { batch: things.batch }, good: [200] },
    exportRejected: { ids: { batch: things.batch }, good: [200] },
    resendCallback: { ids: { batch: things.batch }, good: [200] },
    listOutBatches: { query: '?state=ready', good: [200] },
    showOutBatch: { ids: { batch: things.batch }, good: [200] },
    listOutLanes: { good: [200] },
    askOutBatch: { ids: { batch: things.batch }, good: [409] },
  }
  const example = examples[id]
  assert.ok(example, `the matrix has no example of ${id}: every new route needs one`)
  return example
}

interface Codes {
  code?: string
  detail?: string
}

const world = async () => {
  const made = await apiWorld()
  const { db, admin, call } = made
  const things: Record<string, Things> = {}
  const people: Record<string, Record<Role, Someone>> = {}
  for (const [n, tenant] of ['a', 'b'].entries()) {
    await declareTenant(made, tenant)
    // equal ids in both tenants, on purpose
    await db.owner.unsafe(`
      insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, reason, settled, generation, target_connection, fault, since)
      values ('${tenant}', 'customer', ${1001 + n}, 'SAME-1', now(), 'parked', 'data', 0, 1, 'crm', '{"code":"map.option","stage":"map","field":"grade","value":"D"}', now())`)
    await db.owner.unsafe(`
      insert into batch (tenant_id, batch_id, client_id, path, biz_id, connection_id, object, line, request_hash, locale, trace_id, row_count,
        state, checked, done_rows, ended_at, created_count, updated_count, failed_count, result)
      values ('${tenant}', ${5001 + n}, 'hr', 'positions', 'SAME-1', 'erp', 'BD_Customer', 1, '', 'zh_CN', 't', 1, 'done', true, 1, now(), 0, 0, 1, '{}');
      insert into out_batch (tenant_id, out_batch_id, connection_id, object, path, biz_id, locale, row_count, body)
      values ('${tenant}', ${5001 + n}, 'erp', 'position', 'positions', 'out-1', 'zh_CN', 1, '{}');
      insert into batch_row (tenant_id, batch_id, row_no, key, code, outcome, errors, body)
      values ('${tenant}', ${5001 + n}, 1, '1', 'X-${tenant}', 'rejected', '[{"reason":"required","field":"name"}]', '{"code":"X"}');
      insert into delivery (tenant_id, delivery_id, client_id, origin, url, subject, body, state)
      values ('${tenant}', 'msg_1', 'hr', 'http://192.0.2.7', 'http://192.0.2.7/', 'batch/${5001 + n}', '{}', 'given up')`)
    const task = await call<{ task: string }>('POST', `/tenants/${tenant}/retries`, {
      as: admin,
      body: { filter: { keyword: 'nothing' } },
    })
    const mine = {} as Record<Role, Someone>
    for (const role of roles) {
      const user = `${role}-${tenant}`
      const { status } = await call('POST', `/tenants/${tenant}/users`, {
        as: admin,
        body: { user, role, password: `password of ${user}` },
      })
      assert.equal(status, 201)
      mine[role] = await made.signIn(user, `password of ${user}`)
    }
    await call('POST', `/tenants/${tenant}/users`, { as: admin, body: { user: `someone-${tenant}`, role: 'viewer' } })
    const key = await call<{ key: string }>('POST', `/tenants/${tenant}/keys`, {
      as: mine.owner,
      body: { name: 'k', scopes: ['see'] },
    })
    people[tenant] = mine
    things[tenant] = {
      tenant,
      link: String(1001 + n),
      unanswered: '',
      task: task.body.task,
      batch: String(5001 + n),
      user: `someone-${tenant}`,
      key: key.body.key,
    }
  }
  const get = async (path: string) => (await call('GET', `/tenants/a${path}`, { as: admin })).body
  const yaml = (await call('GET', '/tenants/a/configuration', { as: admin })).text
  const shown = {
    connection: await get('/connections/erp'),
    object: await get('/connections/erp/objects/BD_Customer'),
    pair: await get('/pairs/customer'),
    flow: await get('/pairs/customer/flows/leftToRight'),
    mapping: await get('/pairs/customer/flows/leftToRight/mapping'),
    yaml,
    hook: hookOf(yaml),
  }
  return { made, things, people, shown }
}

type World = Awaited<ReturnType<typeof world>>

const ask = (
  { made, shown }: World,
  operation: Operation,
  things: Things,
  as: Someone,
  over: Record<string, string> = {},
): Promise<Answer<Codes>> => {
  const example = exampleOf(operation.id, things, shown)
  const ids = { ...known, id: 'push', tenant: things.tenant, ...example.ids, ...over }
  return made.call<Codes>(operation.method, `${address(operation.path, ids)}${example.query ?? ''}`, {
    as,
    ...(operation.body && { body: example.body }),
  })
}

const say = (operation: Operation, who: string, { status, text }: Answer<Codes>) =>
  `${operation.method} ${operation.path} (${operation.id}) as ${who}: ${status} ${text.slice(0, 300)}`

test('the table of rights and the OpenAPI document speak of the same routes', async () => {
  await using made = await apiWorld()
  const operations = await operationsOf(made)
  const ids = operations.map((one) => one.id)
  assert.equal(new Set(ids).size, ids.length, 'each id once')
  assert.deepEqual(new Set(ids), new Set(Object.keys(needs)))
  for (const { id, right, only } of operations) {
    assert.equal(right, needs[id]?.right ?? null, id)
    assert.equal(only, needs[id]?.only ?? null, id)
  }
  for (const { id, method, right } of operations) {
    if (method === 'GET' && id !== 'showSignIn') assert.notEqual(right, null, `${id} is read without a sign-in`)
    else if (method !== 'GET' && !harmless.includes(id))
      assert.ok(right && !['self', 'see'].includes(right), `${id} changes something, and ${right} is enough for it`)
  }
})

test('every route × two tenants × five roles × a key × no key: the right ones pass, the others are refused exactly', async () => {
  const all = await world()
  await using made = all.made
  const { people, things } = all
  const operations = await operationsOf(made)
  const a = things.a as Things
  const keyOf = async (scopes: string[]) => {
    const { body } = await made.call<{ secret: string }>('POST', '/tenants/a/keys', {
      as: people.a?.owner as Someone,
      body: { name: 'matrix', scopes },
    })
    return withKey(body.secret)
  }
  const full = await keyOf(['see', 'operate', 'configure', 'administer'])
  const seeing = await keyOf(['see'])
  let asked = 0
  const check = (
    operation: Operation,
    who: string,
    answer: Answer<Codes>,
    wanted: { status: number; code: string } | 'good',
  ) => {
    asked++
    if (wanted !== 'good') {
      assert.deepEqual([answer.status, answer.body.code], [wanted.status, wanted.code], say(operation, who, answer))
      return
    }
    const { good } = exampleOf(operation.id, a, all.shown)
    assert.ok(good.includes(answer.status), `${say(operation, who, answer)}; wanted ${good.join(' or ')}`)
    assert.ok(!['role.refused', 'scope.refused', 'session.only', 'signIn.needed'].includes(answer.body.code ?? ''))
    if (answer.status === 404) assert.doesNotMatch(answer.body.detail ?? '', /tenant/, say(operation, who, answer))
  }
  // signing out last: it ends the session it was asked with
  const inOrder = [
    ...operations.filter((one) => one.id !== 'signOut'),
    ...operations.filter((one) => one.id === 'signOut'),
  ]
  for (const operation of inOrder) {
    const { right, only, path } = operation
    if (right === null) {
      check(operation, 'nobody', await ask(all, operation, a, nobody), 'good')
      continue
    }
    const inTenant = path.includes('{tenant}')
    const refusedSign = { status: 401, code: 'signIn.needed' }
    check(operation, 'nobody', await ask(all, operation, a, nobody), refusedSign)
    check(operation, 'a made-up key', await ask(all, operation, a, withKey(`mk_${'0'.repeat(50)}`)), refusedSign)
    // keys: before the sessions, one of which ends at signOut
    const keyMay = right === 'self' || (right !== 'install' && inTenant)
    check(
      operation,
      'a full key of a',
      await ask(all, operation, a, full),
      only === 'session'
        ? { status: 403, code: 'session.only' }
        : keyMay
          ? 'good'
          : { status: 403, code: 'role.refused' },
    )
    check(
      operation,
      'a seeing key of a',
      await ask(all, operation, a, seeing),
      only === 'session'
        ? { status: 403, code: 'session.only' }
        : right === 'self' || (right === 'see' && inTenant)
          ? 'good'
          : { status: 403, code: keyMay ? 'scope.refused' : 'role.refused' },
    )
    if (inTenant)
      check(operation, 'a full key of a, at b', await ask(all, operation, things.b as Things, full), {
        status: 404,
        code: 'absent',
      })
    for (const role of roles) {
      const mine = people.a?.[role] as Someone
      const theirs = people.b?.[role] as Someone
      const passes = inTenant ? may(role, right) && right !== 'install' : right === 'self'
      check(
        operation,
        `${role} of a`,
        await ask(all, operation, a, mine),
        passes ? 'good' : { status: 403, code: 'role.refused' },
      )
      if (inTenant) {
        const answer = await ask(all, operation, a, theirs)
        check(operation, `${role} of b`, answer, { status: 404, code: 'absent' })
        const nowhere = await ask(all, operation, { ...a, tenant: 'nowhere' }, theirs)
        assert.equal(
          answer.body.detail?.replace('tenant a', 'tenant nowhere'),
          nowhere.body.detail,
          'a foreign tenant is answered like one that is not there',
        )
      }
    }
    check(operation, 'owner of the installation', await ask(all, operation, a, made.admin), 'good')
  }
  assert.ok(asked > operations.length * 12, `${asked} calls`)
})

test('what stands in another tenant is answered like what stands nowhere', async () => {
  const all = await world()
  await using made = all.made
  const { people, things } = all
  const [a, b] = [things.a as Things, things.b as Things]
  // a name of its own in b for everything
  const owner = people.b?.owner as Someone
  const put = (path: string, body: unknown) => made.call('PUT', `/tenants/b${path}`, { as: owner, body })
  const only = 'only-b'
  for (const { status, text } of [
    await put(`/connections/${only}`, { role: 'erp', baseUrl: 'http://192.0.2.9/' }),
    await put(`/connections/${only}/objects/${only}`, { externalIdField: 'sourceId' }),
    await put('/connections/erp/objects/only-b', { externalIdField: 'sourceId' }),
    await put(`/pairs/${only}`, {
      left: `${only}/${only}`,
      right: 'crm/AccountObj',
      flows: { leftToRight: { mapping: { fields: { name: { from: 'name', options: { A: 'B' } } } } } },
    }),
    await put(`/tokens/${only}`, {}),
    await put(`/hooks/crm:${only}`, {}),
    await put(`/batch-clients/${only}`, {}),
  ])
    assert.equal(status, 200, text)
  const shared = await made.call<{ share: string }>(
    'POST',
    '/tenants/b/connections/erp/objects/BD_Customer/interface/shares',
    { as: owner, body: {} },
  )
  const foreign: Record<string, Record<string, string>> = {
    share: { share: shared.body.share },
    connection: { connection: only },
    object: { connection: 'erp', object: only },
    pair: { pair: only },
    user: { user: b.user },
    key: { key: b.key },
    link: { link: b.link },
    task: { task: b.task },
    batch: { batch: b.batch },
    name: { name: only },
    group: { group: 'eeeeeeeeee' },
  }
  const callers: Record<string, string> = {
    putToken: only,
    removeToken: only,
    putHook: `crm:${only}`,
    removeHook: `crm:${only}`,
    renewHook: `crm:${only}`,
    retireHook: `crm:${only}`,
    putBatchClient: only,
    removeBatchClient: only,
  }
  const mine = people.a?.owner as Someone
  let compared = 0
  for (const operation of await operationsOf(made)) {
    if (!operation.path.includes('{tenant}') || operation.method === 'PUT') continue
    const names = [...operation.path.matchAll(/\{(\w+)\}/g)]
      .map(([, name = '']) => name)
      .filter((one) => one !== 'tenant')
    for (const name of names) {
      const there = name === 'id' ? { id: callers[operation.id] ?? only } : foreign[name]
      if (!there) continue // flow and field are words, not ids
      const [mineOfB, ofNobody] = [
        await ask(all, operation, a, mine, there),
        await ask(all, operation, a, mine, { ...there, [name]: nowhere[name] ?? 'nowhere' }),
      ]
      const plain = (answer: Answer<Codes>) =>
        JSON.stringify({ ...answer.body, traceId: '' })
          .replaceAll(there[name] as string, '…')
          .replaceAll(nowhere[name] as string, '…')
      assert.equal(mineOfB.status, 404, say(operation, `owner of a, ${name} of b`, mineOfB))
      assert.deepEqual([mineOfB.status, plain(mineOfB)], [ofNobody.status, plain(ofNobody)])
      compared++
    }
  }
  assert.ok(compared > 15, `${compared} compared`)
  // lists and searches of a show nothing of b, though their ids are equal
  const lists = (await operationsOf(made)).filter((one) => one.method === 'GET' && one.path.includes('{tenant}'))
  for (const operation of lists) {
    const { text } = await ask(all, operation, a, mine)
    assert.doesNotMatch(text, /only-b|Tenant b|-b"|canary/, `${operation.id}: ${text.slice(0, 400)}`)
  }
  const journey = await made.call<{ links: { link: number }[] }>('GET', '/tenants/a/journey?id=SAME-1', { as: mine })
  assert.deepEqual(
    journey.body.links.map((one) => String(one.link)),
    [a.link],
  )
})
