/** The callback document's own example through all of Mortise: token, batch, result, callback; seen from outside. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { run } from '../../server/cli/program.ts'
import { freshWorld, until } from './world.ts'

interface File {
  clientId: string
  clientSecret: string
  salt: string
}

interface Result {
  resCode: number
  resMsg: string
  bizId: string
  access_token?: string
  data?: {
    created: string
    updated: string
    dbErrors: unknown[]
    warnings: Record<string, string[]>
    validatorErrors: Record<string, string[]>
    createdCount: number
    updatedCount: number
    failedCount: number
  }
}

/** A listener that is no part of Mortise, on the port that the sandbox's client has registered. */
const listener = async () => {
  const heard: { headers: Record<string, string>; body: string }[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      heard.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString() })
      response.writeHead(200).end('ok')
    })
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(7099, '127.0.0.1', resolve))
  return {
    heard,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/told`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => void server.close(() => resolve()).closeAllConnections()),
  }
}

const seed = readFileSync(new URL('../../protocol/fixtures/batch-request.txt', import.meta.url), 'utf8')

test('the document’s example is answered, called back and verified from outside', async () => {
  await using world = await freshWorld()
  await using outside = await listener()
  const { clientId, clientSecret, salt } = world.file() as unknown as File
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${world.url()}${path}`, {
      method: 'POST',
      headers,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return {
      status: answer.status,
      headers: answer.headers,
      body: (await answer.json()) as Result & { data: { access_token?: string } },
    }
  }

  const wrong = await post('/common/unAuth/tokens/generate', { client_id: clientId, client_secret: `${clientSecret}x` })
  assert.deepEqual([wrong.status, wrong.body.resCode], [401, 4010000])
  const given = await post('/common/unAuth/tokens/generate', { client_id: clientId, client_secret: clientSecret })
  const { access_token: token, ...about } = given.body.data
  assert.deepEqual({ ...about }, { token_type: 'bearer', scope: 'write', expires_in: 7200 })
  const send = (body: unknown, headers: Record<string, string> = {}, path = 'positions') =>
    post(`/common/${path}/batch?access_token=${token}`, body, headers)

  // only `url` replaced
  const first = await send(seed.replace('callback url', outside.url))
  assert.equal(first.status, 200)
  assert.equal(first.body.resCode, 200000)
  assert.equal(first.body.resMsg, 'success')
  assert.equal(first.body.bizId, 'd9346662-df40-456b-adbd-d2baf46ca770')
  assert.deepEqual(first.body.data, {
    created: '此次请求新建成功了1条数据',
    updated: '此次请求更新成功了0条数据',
    dbErrors: [],
    warnings: { 1: ['部门编码D01011-4不存在', '上级岗位编码TX004不存在'] },
    validatorErrors: {},
    createdCount: 1,
    updatedCount: 0,
    failedCount: 0,
  })
  assert.deepEqual(
    ['limit', 'remaining'].map((name) => first.headers.get(`ratelimit-${name}`)),
    ['50', '49'],
  )
  await until('the callback has come', async () => outside.heard.length === 1)
  const { access_token: signedBy, ...told } = JSON.parse(outside.heard[0]?.body ?? '') as Result
  assert.deepEqual(told, first.body)
  assert.equal(signedBy, createHash('md5').update(`d9346662-df40-456b-adbd-d2baf46ca770${salt}`, 'utf8').digest('hex'))
  const heard = outside.heard[0] as (typeof outside.heard)[number]
  new Webhook(Buffer.from(salt).toString('base64')).verify(heard.body, heard.headers)
  assert.throws(() => new Webhook(Buffer.from(`${salt}x`).toString('base64')).verify(heard.body, heard.headers))
  assert.throws(() => new Webhook(Buffer.from(salt).toString('base64')).verify(`${heard.body} `, heard.headers))
  assert.notEqual(heard.headers['webhook-id'], told.bizId)

  // a replay is free, another body is not the same
  const again = await send(seed.replace('callback url', outside.url))
  assert.deepEqual([again.status, again.body, again.headers.get('ratelimit-remaining')], [200, first.body, '49'])
  const other = await send(seed.replace('callback url', outside.url).replace('TX005', 'TX006'))
  assert.deepEqual([other.status, other.body.resCode], [409, 4090000])

  // row ten of ten
  const rows = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      code: `P${i + 1}`,
      position_name: `岗位${i + 1}`,
      branch_code: i === 9 ? '1006001' : 'D001',
    }))
  const ten = await send({ bizId: 'ten', timestamp: 1586825055000, data: rows(10) })
  assert.deepEqual(ten.body.data?.validatorErrors, { 10: ['分公司编码1006001不存在'] })
  assert.deepEqual([ten.body.data?.createdCount, ten.body.data?.failedCount], [9, 1])
  const said = await Promise.all(
    ['zh_TW', 'en_US', 'ja_JP', 'fr_FR'].map(async (locale) => {
      const answer = await send({ bizId: `ten ${locale}`, timestamp: 1586825055000, data: rows(10) }, { locale })
      return [answer.body.data?.updated, answer.body.data?.validatorErrors[10]?.[0]]
    }),
  )
  assert.deepEqual(said, [
    ['此次請求更新成功了9條資料', '分公司編碼1006001不存在'],
    ['9 record(s) updated by this request', 'Branch code 1006001 does not exist'],
    ['今回のリクエストで9件を更新しました', '支社コード1006001は存在しません'],
    ['此次请求更新成功了9条数据', '分公司编码1006001不存在'],
  ])

  // 201 rows: acknowledged, told later
  const many = await send({ bizId: 'many', timestamp: 1586825055000, url: outside.url, data: rows(201) })
  assert.deepEqual(many.body as unknown, { resCode: 200000, resMsg: 'success', bizId: 'many' })
  await until('the second callback has come', async () => outside.heard.length === 2)
  const manyTold = outside.heard[1] as (typeof outside.heard)[number]
  const result = JSON.parse(manyTold.body) as Result
  assert.equal(result.access_token, createHash('md5').update(`many${salt}`, 'utf8').digest('hex'))
  new Webhook(Buffer.from(salt).toString('base64')).verify(manyTold.body, manyTold.headers)
  assert.deepEqual([result.data?.createdCount, result.data?.updatedCount, result.data?.failedCount], [191, 9, 1])

  // what became of it, and the rejected rows to be corrected
  const asked = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${world.url()}/common/batches/${path}`, { headers: { authorization: `Bearer ${token}`, ...headers } })
  const shown = (await (await asked('many')).json()) as {
    data: { state: string; rows: number; done: number; failedCount: number }
  }
  assert.deepEqual([shown.data.state, shown.data.rows, shown.data.done, shown.data.failedCount], ['done', 201, 201, 1])
  const csv = await (await asked('many.csv', { locale: 'en_US' })).text()
  assert.match(csv, /\n10,Branch code 1006001 does not exist,P10,1006001,/)
  assert.equal((await asked('nobody’s')).status, 404)

  // the people who look after it: at the terminal, and the callback sent again, the very same
  const terminal = async (...args: string[]) => {
    let printed = ''
    const code = await run(args, {
      env: { MORTISE_DATABASE_URL: world.db.url, MORTISE_DATA: world.data },
      cwd: world.data,
      out: (text) => void (printed += text),
      err: (text) => void (printed += text),
      interactive: false,
      width: 0,
      serve: async () => {},
    })
    return { code, printed }
  }
  const listed = await terminal('records', '--batches', '--tenant', 'sandbox', '--json')
  const { items } = JSON.parse(listed.printed) as {
    items: {
      batchId: number
      bizId: string
      created: number
      failed: number
      callback: { state: string; attempts: number } | null
    }[]
  }
  const listedMany = items.find((one) => one.bizId === 'many')
  assert.deepEqual(
    [listedMany?.created, listedMany?.failed, listedMany?.callback?.state, listedMany?.callback?.attempts],
    [191, 1, 'delivered', 1],
  )
  assert.equal((await terminal('retry', '--callback', String(listedMany?.batchId))).code, 0)
  await until('it came again', async () => outside.heard.length === 3)
  assert.equal(outside.heard[2]?.body, manyTold.body)
  assert.equal(outside.heard[2]?.headers['webhook-id'], manyTold.headers['webhook-id'])
  assert.equal((await terminal('retry', '--callback', '999999')).code, 5)

  // what else the doors refuse
  const code = async (answer: ReturnType<typeof send>) => (await answer).body.resCode
  const good = { bizId: 'x', timestamp: 1586825055000, data: [{ code: 'x' }] }
  assert.equal(await code(send(good, {}, 'nowhere')), 4040000)
  assert.equal(await code(send('{')), 4000001)
  assert.equal(await code(send({ ...good, data: {} })), 4000002)
  assert.equal(await code(send({ ...good, url: 'http://127.0.0.1:7098/told' })), 4000010)
  assert.equal(await code(send({ ...good, timestamp: 7 })), 4000011)
  assert.equal(await code(post('/common/positions/batch?access_token=none', good)), 4010000)
  assert.equal(await code(post('/common/positions/batch', good)), 4010000)

  // the sandbox's own caller: what it sent, what it was told, and its own verdict on it; its listener fails once
  const box = async <T>(path: string, method = 'GET', body?: unknown): Promise<T> =>
    (await (
      await fetch(`${world.url()}/sandbox/caller/${path}`, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    ).json()) as T
  interface Told {
    callbacks: { bizId: string; token: boolean; signature: boolean; answered: unknown; body: string }[]
  }
  await box('faults', 'PUT', { answers: [500, 200] })
  const sending = { path: 'positions', rows: 20, badRows: 10, bizId: 'of the caller', locale: 'en_US', fault: 'replay' }
  const own = await box<{ status: number; answer: Result }>('send', 'POST', sending)
  assert.deepEqual([own.status, own.answer.data?.createdCount, own.answer.data?.failedCount], [200, 18, 2])
  const theirs = await until('the caller was told, though it failed once', async () => {
    const { callbacks } = await box<Told>(`callbacks?bizId=${encodeURIComponent('of the caller')}`)
    return callbacks.length > 1 && callbacks
  })
  assert.deepEqual(
    theirs.map(({ token: proved, signature, answered }) => [proved, signature, answered]),
    [
      [true, true, 500],
      [true, true, 200],
    ],
  )
  assert.equal(theirs[0]?.body, theirs[1]?.body)
  const { calls } = await box<{ calls: { bizId: string; answer: Result }[] }>('ledger')
  assert.deepEqual(
    calls.map((one) => one.answer.data),
    [own.answer.data, own.answer.data],
    'a replay hears the same',
  )
})
