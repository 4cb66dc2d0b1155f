/** The fxiaoke connector against the sandbox CRM's Open API face: through the contract's own exerciser, and where that API says no. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { describe, test } from 'node:test'
import { LosslessNumber } from 'lossless-json'
import { openFace } from '../../../sandbox/fxiaoke.ts'
import { createCaller } from '../../../sandbox/caller.ts'
import { createMasterdata } from '../../../sandbox/masterdata.ts'
import { sandboxServer } from '../../../sandbox/http.ts'
import { openJournal } from '../../../sandbox/journal.ts'
import { createSide } from '../../../sandbox/side.ts'
import { createEnv } from '../../agent/env.ts'
import type { Change, Unanswered } from '../../doc/connector.ts'
import type { ConnectionDef, Outgoing } from '../../doc/flow.ts'
import type { ObjectDef } from '../../doc/object.ts'
import { type Bench, checkConnector, type Mischief } from '../check.ts'
import { tokenCodes } from './codes.ts'
import { fxiaokeConnector } from './fxiaoke.ts'

const callTimeout = 1_500
const secret = 'the-app-secret'

const account: ObjectDef = {
  code: 'AccountObj',
  apiName: 'AccountObj',
  idField: '_id',
  modifiedField: 'last_modified_time',
  modifiedGrain: 'millisecond',
  externalIdField: 'sourceId',
  voidedWhen: { field: 'life_status', value: 'invalid' },
  fields: [
    { code: '_id', type: 'text' },
    { code: 'name', type: 'text' },
    { code: 'credit_limit', type: 'decimal' },
    { code: 'last_modified_time', type: 'datetime', format: 'epochMillis' },
  ],
  details: [{ code: 'ContactObj', idField: '_id', masterField: 'account_id', fields: [{ code: '_id', type: 'text' }] }],
}

/** The sandbox CRM in this process, so that its ledger can be asked at once. */
const startFace = async (now: () => number = Date.now) => {
  const folder = await mkdtemp(join(tmpdir(), 'face-'))
  const log = (): void => {}
  const side = (system: 'erp' | 'crm') => createSide({ system, token: secret, tenantId: 't', hook: null, now, log })
  const sides = { erp: side('erp'), crm: side('crm') }
  const journal = openJournal(join(folder, 'file'), () => {})
  const face = openFace({ side: sides.crm, token: secret, now })
  const masterdata = createMasterdata({ now, log })
  const caller = createCaller({ now, log, own: () => '' })
  const server = sandboxServer({ sides, face, masterdata, caller, health: () => ({}), now, log })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  sides.erp.open(journal)
  sides.crm.open(journal)
  const { crm } = sides
  return {
    face,
    crm,
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sandbox/crm/`,
    calls: () =>
      [...crm.ledger({ since: 0, limit: Number.POSITIVE_INFINITY, call: null, object: null, id: null })].map(
        (line) => JSON.parse(line) as { call: string; body: { masterFieldVal?: Record<string, unknown> } },
      ),
    holding: (sourceId: string) =>
      [...(crm.records('AccountObj', null, sourceId) ?? [])].map(
        (line) => JSON.parse(line) as { id: string; masterFieldVal: Record<string, unknown>; voided: boolean },
      ),
    async close() {
      await Promise.all([crm.stop(), sides.erp.stop()])
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
      journal.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const definition = (baseUrl: string, more: Partial<ConnectionDef> = {}): ConnectionDef => ({
  tenantId: 't',
  connectionId: 'crm',
  kind: 'fxiaoke',
  role: 'crm',
  baseUrl,
  headers: {},
  auth: {
    oauth2: {
      tokenUrl: `${baseUrl}oauth2.0/token`,
      clientId: 'FSAID_1',
      clientSecret: secret,
      clientIn: 'body',
      bodyAs: 'json',
      idName: 'appId',
      secretName: 'appSecret',
      grantType: 'app_secret',
      grantName: 'grantType',
      freshQuery: 'thirdTraceId',
      params: { permanentCode: 'a-permanent-code' },
      tokenPath: 'accessToken',
      expiresPath: 'expiresIn',
      lifetime: 7_200_000,
      refreshBefore: 600_000,
      tokenCodes,
      carry: { in: 'header', name: 'Authorization', prefix: 'Bearer ' },
    },
  },
  result: { codePath: 'code', messagePath: 'message', dataPath: 'data', successCodes: ['0'] },
  refusedBeforeEffect: [],
  unsureCodes: [],
  notFoundCodes: [],
  refusedCodes: [],
  recognise: 'byId',
  keyKept: 0,
  longestProcessing: 500,
  timeout: callTimeout,
  lateness: 3_600_000,
  overlap: 1_000,
  limits: { concurrency: 8, perInterface: [{ calls: 100, every: 20_000 }] },
  readable: true,
  zone: 'Asia/Shanghai',
  pageSize: 100,
  fxiaoke: { enterprise: 'sandbox', user: '1000', triggerWorkFlow: false, triggerApprovalFlow: false },
  ...more,
})

const outgoing = (sourceId: string, targetId: string | null, contacts = ['Li', 'Wang']): Outgoing => ({
  object: 'AccountObj',
  targetId,
  sourceId,
  content: {
    masterFieldVal: { name: `Account ${sourceId}`, credit_limit: new LosslessNumber('12345678901234567890.10') },
    detailFieldVals: { ContactObj: contacts.map((name) => ({ name, mobile: '007' })) },
  },
  sourceRows: { ContactObj: contacts.map((_, i) => `row-${i}`) },
})

const never = new AbortController().signal
const always = async (): Promise<boolean> => true
const soon = (): number => performance.now() + 5_000

const world = async (more: Partial<ConnectionDef> = {}, now?: () => number) => {
  const target = await startFace(now)
  const open = () =>
    fxiaokeConnector({
      connection: definition(target.baseUrl, more),
      objects: new Map([['AccountObj', account]]),
      env: createEnv(),
      egress: { allowLoopback: true },
    })
  const connector = open()
  const write = async (out: Outgoing, action: Change['action'] = out.targetId === null ? 'create' : 'update') => {
    const { outcome } = await connector.write(
      {
        action,
        object: out.object,
        targetId: out.targetId,
        sourceId: out.sourceId,
        bytes: connector.encode(out),
        rowsDue: action === 'void' ? {} : { ContactObj: out.content.detailFieldVals.ContactObj?.length ?? 0 },
        key: 'k',
        traceId: 'ab'.repeat(16),
      },
      () => {},
      soon(),
      never,
    )
    return outcome
  }
  const made = async (sourceId: string): Promise<string> => {
    const outcome = await write(outgoing(sourceId, null))
    assert.ok(outcome.kind === 'applied', JSON.stringify(outcome))
    return outcome.targetId
  }
  return {
    target,
    connector,
    /** Another one, which remembers nothing. */
    open,
    write,
    made,
    async [Symbol.asyncDispose]() {
      await connector.close()
      await target.close()
    },
  }
}

const faultOf = (what: Mischief) => {
  switch (what) {
    case 'cut before effect':
      return { kind: 'cutBefore' }
    case 'cut after effect':
      return { kind: 'cutAfter' }
    case 'hang after effect':
      return { kind: 'hang', effect: true }
    case 'status 500':
      return { kind: 'status', status: 500 }
    case 'throttle':
      return { kind: 'retryAfter' }
    case 'refuse':
      return { kind: 'refuse', code: '320001400', message: '客户名称重复' }
    case 'nonsense after effect':
      return { kind: 'wrongShape', body: '<html>welcome</html>' }
    case 'no id after effect':
      return { kind: 'wrongShape', body: { code: '0', message: 'ok', data: null } }
  }
}

describe('the fxiaoke connector', { concurrency: 4 }, () => {
  const make = async (): Promise<Bench> => {
    const w = await world()
    return {
      connector: w.connector,
      object: 'AccountObj',
      outgoing,
      next: (what) => void w.target.crm.setFaults([{ ...faultOf(what), call: 'create', nth: 1 }]),
      writes: () => w.target.calls().filter(({ call }) => !call.startsWith('query')).length,
      holding: (sourceId) => w.target.holding(sourceId).map(({ id }) => id),
      missing: 'A-999999',
      timeout: callTimeout,
      believedAfter: callTimeout + 500 + 5_000 + 1_000,
      absence: 'absent',
      readable: true,
      [Symbol.asyncDispose]: () => w[Symbol.asyncDispose](),
    }
  }
  for (const check of checkConnector(make)) test(check.name, check.run)
})

const view = (w: { target: Awaited<ReturnType<typeof startFace>> }) =>
  w.target.face.view() as {
    taken: Record<string, number>
    refused: Record<string, number>
    usedToday: number
    grants: number
  }

test('a void shows as life_status, amounts pass digit for digit, and details come back as rows of their own objects', async () => {
  await using w = await world()
  const id = await w.made('S-1')
  const [held] = w.target.holding('S-1')
  assert.equal(String(held?.masterFieldVal.credit_limit), String(Number('12345678901234567890.10')))
  const read = await w.connector.find('AccountObj', id, never)
  assert.ok(read.kind === 'read' && read.value)
  assert.match(read.value.master.toString(), /"credit_limit":"12345678901234567890\.10"/)
  assert.deepEqual(
    read.value.document.content.detailFieldVals.ContactObj?.map((row) => row.name),
    ['Li', 'Wang'],
  )
  assert.equal((await w.write(outgoing('S-1', id), 'void')).kind, 'applied')
  const after = await w.connector.find('AccountObj', id, never)
  assert.ok(after.kind === 'read' && after.value)
  assert.equal(after.value.document.content.masterFieldVal.life_status, 'invalid')
})

test('triggerWorkFlow is off by choice, and on where the connection says so', async () => {
  await using off = await world()
  assert.match(
    off.connector.encode(outgoing('S-1', null)).toString(),
    /^\{"triggerWorkFlow":false,"triggerApprovalFlow":false,/,
  )
  await using on = await world({
    fxiaoke: { enterprise: 'sandbox', user: '1000', triggerWorkFlow: true, triggerApprovalFlow: true },
  })
  assert.match(
    on.connector.encode(outgoing('S-1', null)).toString(),
    /^\{"triggerWorkFlow":true,"triggerApprovalFlow":true,/,
  )
})

test('a hundred calls at once ask for one token; a token that was ended is renewed once, and the call is made again', async () => {
  await using w = await world()
  await Promise.all(Array.from({ length: 20 }, (_, i) => w.made(`S-${i}`)))
  assert.equal(view(w).grants, 1)
  w.target.face.set({ endToken: true })
  await Promise.all(Array.from({ length: 10 }, (_, i) => w.made(`T-${i}`)))
  assert.equal(view(w).grants, 2)
})

test('our own rate keeps each interface at its hundred in twenty seconds: the face never has to refuse', async () => {
  await using w = await world({
    limits: { concurrency: 8, perInterface: [{ calls: 20, every: 1_000 }] },
    timeout: 10_000,
  })
  // A little shorter than ours: on its way a loaded machine squeezes calls together.
  w.target.face.set({ calls: 20, windowMs: 900 })
  await Promise.all(Array.from({ length: 50 }, (_, i) => w.made(`S-${i}`)))
  // Another interface is not held up by the one that must wait.
  const began = performance.now()
  const full = Promise.all(Array.from({ length: 30 }, (_, i) => w.made(`U-${i}`)))
  const read = await w.connector.find('AccountObj', 'A-000001', never)
  assert.ok(read.kind === 'read' && read.value && performance.now() - began < 900, `${performance.now() - began} ms`)
  await full
  assert.deepEqual(view(w).refused, {})
  assert.equal(view(w).taken.create, 80)
})

test('without that rate the face refuses the 101st, and the interface waits while others go on', async () => {
  await using w = await world({ limits: { concurrency: 1 } })
  for (let i = 0; i < 100; i++) await w.write(outgoing(`S-${i}`, null, []))
  const outcome = await w.write(outgoing('S-100', null, []))
  assert.ok(outcome.kind === 'again' && outcome.calm && (outcome.at ?? 0) > Date.now(), JSON.stringify(outcome))
  assert.equal(outcome.why.value, '30004')
  assert.deepEqual(view(w).refused, { 'create 30004': 1 })
  assert.equal(w.target.holding('S-100').length, 0)
  assert.equal((await w.connector.find('AccountObj', 'A-000001', never)).kind, 'read')
  assert.equal(w.connector.slots().free, 0)
})

test('the day’s quota waits for its midnight, a busy system is tried again, a missing right parks, an unknown code proves nothing', async () => {
  await using w = await world()
  const told = async (code: string) => {
    await w.target.crm.setFaults([{ kind: 'refuse', call: 'create', nth: 1, code, message: 'no' }])
    return w.write(outgoing(`C${code}`, null, []))
  }
  const busy = await told('-1')
  assert.ok(busy.kind === 'again' && !busy.calm)
  assert.equal((await told('50009')).kind, 'unknown')
  const right = await told('20014')
  assert.ok(right.kind === 'refused' && right.proved && right.why.code === 'config.auth')
  const parameter = await told('32000')
  assert.ok(parameter.kind === 'refused' && parameter.proved)
  const odd = await told('320002500')
  assert.ok(odd.kind === 'refused' && !odd.proved)
  w.target.face.set({ perDay: 0 })
  const quota = await w.write(outgoing('S-1', null, []))
  assert.ok(quota.kind === 'again' && quota.calm && quota.why.code === 'send.quota')
  const midnight = new Date((quota.at ?? 0) + 8 * 3_600_000)
  assert.deepEqual([midnight.getUTCHours(), midnight.getUTCMinutes()], [0, 0])
})

test('a create whose answer was lost is found by the field that carries our id; two that carry it are told', async () => {
  await using w = await world()
  await w.target.crm.setFaults([{ kind: 'cutAfter', call: 'create', nth: 1 }])
  assert.equal((await w.write(outgoing('S-1', null))).kind, 'unknown')
  const earlier: Unanswered = {
    object: 'AccountObj',
    sourceId: 'S-1',
    sentAt: Date.now(),
    key: 'k',
    bytes: null,
    rowsDue: {},
    traceId: 't',
  }
  const found = await w.connector.recognise(earlier, soon(), never, always)
  assert.ok(found.kind === 'found' && found.content.detailFieldVals.ContactObj?.length === 2, JSON.stringify(found))
  await w.made('S-1')
  assert.equal((await w.connector.recognise(earlier, soon(), never, always)).kind, 'several')
})

test('where the CRM keeps our id unique, a second record of it is refused', async () => {
  await using w = await world()
  await w.target.crm.setMode({ recognise: 'externalIdUnique' })
  await w.made('S-1')
  const twin = await w.write(outgoing('S-1', null))
  assert.ok(twin.kind === 'refused' && !twin.proved && twin.why.value === '409001', JSON.stringify(twin))
  assert.equal(w.target.holding('S-1').length, 1)
})

test('one moment’s rows are paged by _id, wherever a reading begins; a wide window ends at offset 10,000', async () => {
  const moment = Date.now()
  await using w = await world({}, () => moment)
  w.target.face.set({ calls: 1e6 })
  const all = (await Promise.all(Array.from({ length: 25 }, (_, i) => w.made(`S-${i}`)))).toSorted()
  const window = { object: 'AccountObj', from: moment - 1, to: moment + 1, limit: 10 }
  const pages: string[][] = []
  for (const offset of [0, 10, 20, 25]) {
    const page = await w.connector.changes({ ...window, offset }, never)
    assert.ok(page.kind === 'read', JSON.stringify(page))
    assert.equal(page.value.full, offset < 20)
    pages.push(page.value.readings.map((one) => one.data_id))
  }
  assert.deepEqual(pages.flat(), all)
  const searches = w.target
    .calls()
    .map(({ body }) => body as { objAPIName?: string; search?: string })
    .filter(({ objAPIName, search }) => objAPIName === 'AccountObj' && search)
    .map(({ search }) => JSON.parse(search as string) as { offset: number; filters: { operator: string }[] })
  assert.deepEqual(
    searches.map(({ offset, filters }) => [offset, filters.some(({ operator }) => operator === 'GT')]),
    [
      [0, false],
      [0, true],
      [0, true],
      [0, true],
    ],
  )
  const fresh = w.open()
  const middle = await fresh.changes({ ...window, offset: 13 }, never)
  assert.ok(middle.kind === 'read')
  assert.deepEqual(
    middle.value.readings.map((one) => one.data_id),
    all.slice(13, 20),
  )
  const far = await fresh.changes({ ...window, from: 0, to: moment + 60_000, offset: 10_010 }, never)
  assert.ok(far.kind === 'failed' && far.why.code === 'read.contract')
  await fresh.close()
})

test('an object is learnt with its fields, options, references and details, and can be declared as it is', async () => {
  await using w = await world()
  const offered = await w.connector.offered(never)
  assert.ok(offered.kind === 'read' && offered.value.some(({ code }) => code === 'SalesOrderObj'))
  const learnt = await w.connector.learn('AccountObj', ['ContactObj'], never)
  assert.ok(learnt.kind === 'read', JSON.stringify(learnt))
  const object = learnt.value
  assert.equal(object.externalIdField, 'sourceId')
  assert.deepEqual(object.voidedWhen, { field: 'life_status', value: 'invalid' })
  assert.deepEqual(
    object.fields.find(({ code }) => code === 'level'),
    {
      code: 'level',
      type: 'select',
      options: ['1', '2', '3'].map((value) => ({ value, label: `Level ${value}` })),
    },
  )
  assert.equal(object.fields.find(({ code }) => code === 'name')?.required, true)
  assert.deepEqual([object.details[0]?.code, object.details[0]?.masterField], ['ContactObj', 'account_id'])
  const order = await w.connector.learn('SalesOrderObj', ['SalesOrderProductObj'], never)
  assert.ok(order.kind === 'read')
  assert.deepEqual(
    order.value.fields.find(({ code }) => code === 'account_id'),
    { code: 'account_id', type: 'reference', references: 'AccountObj' },
  )
  assert.equal((await w.connector.learn('AccountObj', ['SalesOrderProductObj'], never)).kind, 'failed')
})
