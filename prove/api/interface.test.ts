/** 生成 api for real: its cURL commands run as they stand against the sandbox and this server, and a stranger reads a shared page until the link ends. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { freshWorld } from '../walk/world.ts'
import { signedIn } from './signed-in.ts'

const hasCurl = spawnSync('curl', ['--version']).status === 0
const guide = 'ERP 侧对象的 APIName'

interface Call {
  id: string
  curl: string
  answer: Record<string, unknown>
}
interface Interface {
  offers: Call[]
  calls: Call[]
}

const shell = async (command: string): Promise<Record<string, unknown>> => {
  const { stdout } = await promisify(execFile)('sh', ['-c', `set -e\n${command} -sS`])
  return JSON.parse(stdout) as Record<string, unknown>
}

test('every cURL command of 生成 api runs against the system it is for', {
  skip: !hasCurl && 'no curl here',
}, async () => {
  await using world = await freshWorld()
  const api = await signedIn(world)
  const { token, erpToken, crmToken } = world.file()
  for (const [connection, object, secret] of [
    ['erp', 'BD_Customer', erpToken],
    ['erp', guide, erpToken],
    ['crm', 'AccountObj', crmToken],
  ] as const) {
    const shown = await api('GET', `/connections/${connection}/objects/${encodeURIComponent(object)}/interface`)
    assert.equal(shown.status, 200)
    const { offers, calls } = (await shown.json()) as Interface
    const curlOf = (list: Call[], id: string) => list.find((one) => one.id === id)?.curl ?? assert.fail(id)
    const ask = (id: string, values: Record<string, string>) =>
      shell(
        Object.entries({ TOKEN: secret, ...values }).reduce(
          (text, [from, to]) => text.replaceAll(from, to),
          curlOf(offers, id),
        ),
      )
    const said = async (id: string, values: Record<string, string> = {}) => {
      const answer = await ask(id, values)
      assert.equal(answer.code, '0', `${object} ${id}: ${JSON.stringify(answer)}`)
      return answer.data as Record<string, unknown>
    }
    const began = Date.now()
    const created = await said('create')
    const record = String(created.masterDataId)
    const rows = Object.values((created.detailDataIds ?? {}) as Record<string, string[]>)
    assert.deepEqual(
      Object.keys((created.detailDataIds ?? {}) as object),
      Object.keys((offers[0]?.answer.data as { detailDataIds?: object } | undefined)?.detailDataIds ?? {}),
    )
    // one row id stands for the first of each detail: an object with two of them is updated without rows of its own
    const [row] = rows.flat()
    if (rows.length === 1)
      assert.equal((await said('update', { 'ID-1': record, 'ROW-1': String(row) })).masterDataId, record)
    const found = await said('queryMasterById', { 'ID-1': record })
    assert.equal(Object.values(found.masterFieldVal as Record<string, unknown>).includes(record), true)
    const window = {
      [String(Date.UTC(2026, 0, 31))]: String(began - 60_000),
      [String(Date.UTC(2026, 1, 1))]: String(began + 60_000),
    }
    const page = await said('queryMasterBatch', window)
    assert.ok((page.dataList as unknown[]).length >= 1)
    await said('invalid', { 'ID-1': record })
    if (connection === 'crm') continue

    const push = (id: string, values: Record<string, string> = {}) =>
      shell(
        Object.entries({ TOKEN: token, ...values }).reduce(
          (text, [from, to]) => text.replaceAll(from, to),
          curlOf(calls, id),
        ),
      )
    const unique = `${object === guide ? 'G' : 'C'}-77`
    assert.deepEqual((await push('push', { 'ID-1': unique })).errCode, 's106240000')
    assert.deepEqual((await push('pushVoid', { 'ID-1': unique })).errCode, 's106240000')
    assert.deepEqual((await push('alias', { 'ID-1': unique })).errorCode, 0)
    assert.deepEqual((await push('pushOther')).errCode, 's306240009', 'no receive function here')
  }
})

test('a stranger reads a shared page in his language until it is revoked or over, and no secret stands in it', async () => {
  await using world = await freshWorld()
  const api = await signedIn(world)
  const path = '/connections/erp/objects/BD_Customer/interface/shares'
  const share = async (body: unknown) => {
    const answer = await api('POST', path, body)
    assert.equal(answer.status, 201)
    return (await answer.json()) as { share: string; url: string; expiresAt: string | null }
  }
  const kept = await share({})
  const short = await share({ days: 1 })
  assert.equal(kept.expiresAt, null)
  assert.match(kept.url, /\/share\/[A-Za-z0-9_-]{43}$/)
  const { token, erpToken, crmToken } = world.file()
  for (const [suffix, type] of [
    ['', /^text\/html/],
    ['/interface.md', /^text\/markdown/],
    ['/openapi.json', /^application\/json/],
  ] as const) {
    for (const locale of ['zh_CN', 'en_US', 'ja_JP', 'zh_TW']) {
      const answer = await fetch(`${kept.url}${suffix}?locale=${locale}`)
      const text = await answer.text()
      assert.equal(answer.status, 200)
      assert.match(answer.headers.get('content-type') ?? '', type)
      assert.equal(answer.headers.get('referrer-policy'), 'no-referrer')
      assert.match(answer.headers.get('cache-control') ?? '', /no-store/)
      assert.match(text, /creditLimit/)
      assert.match(text, { zh_CN: /创建接口/, en_US: /Create/, ja_JP: /作成/, zh_TW: /建立介面/ }[locale] as RegExp)
      for (const secret of [token, erpToken, crmToken]) assert.ok(!text.includes(secret))
    }
  }
  const page = await fetch(kept.url, { headers: { 'accept-language': 'ja' } })
  assert.match(await page.text(), /^<!doctype html><html lang="ja">/)
  assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'none'; style-src 'sha256-/)

  const listed = (await (await api('GET', path)).json()) as { items: { share: string }[] }
  assert.deepEqual(new Set(listed.items.map((one) => one.share)), new Set([kept.share, short.share]))
  assert.ok(!JSON.stringify(listed).includes(kept.url.split('/').at(-1) ?? ''))

  assert.equal((await api('DELETE', `${path}/${kept.share}`)).status, 204)
  await world.db
    .owner`update interface_share set expires_at = now() - interval '1 second' where share_id = ${short.share}`
  const unknown = `${kept.url.slice(0, -43)}${'A'.repeat(43)}`
  const plain = async (url: string) => {
    const answer = await fetch(url)
    const { traceId: _trace, ...body } = (await answer.json()) as Record<string, unknown>
    return [answer.status, body]
  }
  const nothing = await plain(unknown)
  assert.equal(nothing[0], 404)
  assert.deepEqual(await plain(kept.url), nothing, 'revoked')
  assert.deepEqual(await plain(short.url), nothing, 'over')
  assert.deepEqual(await plain(`${unknown.slice(0, -1)}`), nothing, 'no secret of ours')
  const trail = (
    await world.db.owner<{ what: string }>`select what from audit where kind = 'share' order by audit_id`
  ).map((one) => one.what)
  assert.deepEqual(trail, ['added', 'added', 'removed'])
})
