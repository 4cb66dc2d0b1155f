/** The sandbox CRM's Open API face by itself: HTTP is always 200, and it says no where that API does. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { freshSandbox, tokens } from './world.ts'

interface Said {
  errorCode: number
  errorMessage: string
  traceId: string
  accessToken?: string
  dataId?: string
  detailIds?: Record<string, string[]>
  data?: { dataList?: Record<string, unknown>[] } & Record<string, unknown>
}

const open = async () => {
  const world = await freshSandbox()
  const post = async (
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
    trace: string = randomUUID(),
  ) => {
    const answer = await fetch(`${world.url}/sandbox/crm/${path}?thirdTraceId=${trace}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    assert.equal(answer.status, 200)
    return (await answer.json()) as Said
  }
  const app = { appId: 'a', appSecret: tokens.crmToken, permanentCode: 'p', grantType: 'app_secret' }
  const { accessToken = '' } = await post('oauth2.0/token', app)
  const headers = { authorization: `Bearer ${accessToken}`, 'x-fs-ea': 'sandbox', 'x-fs-userid': '1000' }
  return {
    world,
    post,
    app,
    headers,
    call: (name: string, data: unknown, more: Record<string, unknown> = {}) =>
      post(`cgi/crm/v2/data/${name}`, { ...more, data }, headers),
    set: (settings: unknown) =>
      fetch(`${world.url}/sandbox/crm/fxiaoke`, { method: 'PUT', body: JSON.stringify(settings) }),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

const account = (name: string) => ({ object_data: { dataObjectApiName: 'AccountObj', name, sourceId: `S-${name}` } })
const search = (info: Record<string, unknown>) => ({
  dataObjectApiName: 'AccountObj',
  search_query_info: { limit: 10, offset: 0, filters: [], orders: [], ...info },
})

test('token, enterprise, user and trace id are asked for, each with its code', async () => {
  await using face = await open()
  assert.equal((await face.post('oauth2.0/token', { ...face.app, appSecret: 'wrong' })).errorCode, 10006)
  const data = { data: search({}) }
  assert.equal((await face.post('cgi/crm/v2/data/query', data)).errorCode, 20017)
  assert.equal(
    (await face.post('cgi/crm/v2/data/query', data, { ...face.headers, authorization: 'Bearer x' })).errorCode,
    20016,
  )
  assert.equal(
    (await face.post('cgi/crm/v2/data/query', data, { ...face.headers, 'x-fs-ea': 'other' })).errorCode,
    20016,
  )
  assert.equal((await face.post('cgi/crm/v2/data/query', data, face.headers, '')).errorCode, 32000)
  const trace = randomUUID()
  assert.equal((await face.post('cgi/crm/v2/data/query', data, face.headers, trace)).errorCode, 0)
  assert.match((await face.post('cgi/crm/v2/data/query', data, face.headers, trace)).errorMessage, /used before/)
  assert.equal((await face.post('cgi/crm/v2/data/merge', data, face.headers)).errorCode, 15003)
  // The same token while it is young, another one once it was ended.
  assert.equal((await face.post('oauth2.0/token', face.app)).accessToken, face.headers.authorization.slice(7))
  await face.set({ endToken: true })
  assert.equal((await face.post('cgi/crm/v2/data/query', data, face.headers)).errorCode, 20016)
})

test('the 101st call of an interface in 20 s is refused, others go on, and a day has its own end', async () => {
  await using face = await open()
  for (let i = 0; i < 100; i++) assert.equal((await face.call('query', search({}))).errorCode, 0)
  assert.equal((await face.call('query', search({}))).errorCode, 30004)
  assert.equal((await face.call('create', account('A'))).errorCode, 0)
  await face.set({ perDay: 101 })
  assert.equal((await face.call('create', account('B'))).errorCode, 30002)
  assert.equal((await face.world.crm.ledger({ call: 'create' })).length, 1)
})

test('records are made, changed, searched page by page and voided; details are objects of their own', async () => {
  await using face = await open()
  const made = await face.call(
    'create',
    { ...account('A'), details: { ContactObj: [{ name: 'Li' }, { name: 'Wang' }] } },
    { includeDetailIds: true },
  )
  const id = made.dataId as string
  assert.equal(made.detailIds?.ContactObj?.length, 2)
  const changed = { object_data: { dataObjectApiName: 'AccountObj', _id: id, credit_limit: '1.10' } }
  assert.equal((await face.call('update', changed)).errorCode, 0)
  const got = await face.call('get', { dataObjectApiName: 'AccountObj', objectDataId: id })
  assert.deepEqual([got.data?.name, got.data?.credit_limit, got.data?.tax_no], ['A', '1.10', undefined])
  assert.equal(
    (await face.call('get', { dataObjectApiName: 'AccountObj', objectDataId: 'A-999999' })).errorCode,
    404002,
  )
  const rows = await face.call('query', {
    ...search({ filters: [{ field_name: 'account_id', operator: 'IN', field_values: [id] }] }),
    dataObjectApiName: 'ContactObj',
  })
  assert.deepEqual(
    rows.data?.dataList?.map((row) => [row.name, row.account_id]),
    [
      ['Li', id],
      ['Wang', id],
    ],
  )
  for (const name of ['B', 'C']) await face.call('create', account(name))
  const page = await face.call('query', search({ limit: 2, offset: 2, orders: [{ fieldName: '_id', isAsc: true }] }))
  assert.deepEqual(
    page.data?.dataList?.map((row) => row.name),
    ['C'],
  )
  assert.equal((await face.call('query', search({ limit: 101 }))).errorCode, 32000)
  assert.equal((await face.call('query', search({ limit: 10, offset: 5 }))).errorCode, 32000)
  assert.equal((await face.call('query', search({ limit: 100, offset: 10_100 }))).errorCode, 10013)
  assert.equal((await face.call('invalid', { dataObjectApiName: 'AccountObj', object_data_id: id })).errorCode, 0)
  const voided = await face.call(
    'query',
    search({ filters: [{ field_name: 'life_status', operator: 'EQ', field_values: ['invalid'] }] }),
  )
  assert.deepEqual(
    voided.data?.dataList?.map((row) => row._id),
    [id],
  )
  await face.world.crm.mode('externalIdUnique')
  assert.equal((await face.call('create', account('B'))).errorCode, 409001)
  const described = await face.post('cgi/crm/v2/object/describe', { data: { apiName: 'ContactObj' } }, face.headers)
  assert.ok(described.data)
  const { fields } = described.data.describe as { fields: Record<string, { type: string; target_api_name?: string }> }
  assert.deepEqual([fields.account_id?.type, fields.account_id?.target_api_name], ['master_detail', 'AccountObj'])
})
