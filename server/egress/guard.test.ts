/** The address guard against every spelling of an address that must not be reached. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Pool } from 'undici'
import { checkUrl, EgressRefused, guardedConnector, guardedLookup, type Policy, refuseAddress } from './guard.ts'

const callback: Policy = { kind: 'callback' }
const connection: Policy = { kind: 'connection' }
const sandbox: Policy = { kind: 'connection', allowLoopback: true }

const refusedEverywhere = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://127.0.1/',
  'http://2130706433/',
  'http://017700000001/',
  'http://0x7f000001/',
  'http://0x7f.0.0.1/',
  'http://0177.0.0.1/',
  'http://0x7f.1/',
  'http://127.0.0.1./',
  'http://１２７.０.０.１/',
  'http://127。0。0。1/',
  'http://127.255.255.254/',
  'http://0.0.0.0/',
  'http://0/',
  'http://0.1.2.3/',
  'http://169.254.169.254/latest/meta-data',
  'http://2852039166/',
  'http://0xA9FEA9FE/',
  'http://0251.0376.0251.0376/',
  'http://169.254.0.1/',
  'http://100.100.100.200/',
  'http://168.63.129.16/',
  'http://192.0.0.192/',
  'http://224.0.0.1/',
  'http://255.255.255.255/',
  'http://240.0.0.1/',
  'http://198.18.0.1/',
  'http://192.0.2.1/',
  'http://[::1]/',
  'http://[::]/',
  'http://[0:0:0:0:0:0:0:1]/',
  'http://[::7f00:1]/',
  'http://[::127.0.0.1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[::ffff:0:7f00:1]/',
  'http://[::ffff:169.254.169.254]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[64:ff9b::169.254.169.254]/',
  'http://[64:ff9b:1::1]/',
  'http://[2002:7f00:1::]/',
  'http://[2002:a9fe:a9fe::1]/',
  'http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/',
  'http://[2a00::5efe:7f00:1]/',
  'http://[fe80::1]/',
  'http://[fec0::1]/',
  'http://[ff02::1]/',
  'http://[fd00:ec2::254]/',
  'http://[fd20:ce::254]/',
  'http://[100::1]/',
  'http://[2001:db8::1]/',
  'http://user@example.com/',
  'http://user:pw@example.com/',
  'http://@example.com/',
  'http://example.com:0/',
  'http:\\\\example.com/',
  'http://example.com\\@127.0.0.1/',
  'http:example.com/',
  'http:///example.com/',
  'http://exa\tmple.com/',
  ' http://example.com/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://example.com/',
  'javascript:alert(1)',
  '//example.com/',
  'http://',
  'http://[::1/',
  'http://999.1.1.1/',
]

for (const [name, policy] of [
  ['callback', callback],
  ['connection', connection],
] as const) {
  test(`${refusedEverywhere.length} spellings of forbidden addresses are refused to a ${name}`, () => {
    const passed = refusedEverywhere.filter((text) => 'url' in checkUrl(text, policy))
    assert.deepEqual(passed, [])
  })
}

test('public addresses and names pass under both policies', () => {
  for (const text of [
    'https://example.com/callback',
    'http://8.8.8.8:8080/x',
    'http://[2606:4700:4700::1111]/',
    'http://[64:ff9b::808:808]/',
    'http://[::ffff:8.8.8.8]/',
    'http://[2002:808:808::1]/',
    'http://例子.测试/路径',
  ]) {
    assert.ok('url' in checkUrl(text, callback), text)
    assert.ok('url' in checkUrl(text, connection), text)
  }
})

test('private ranges are for connections only, in every notation', () => {
  for (const text of [
    'http://10.0.0.1/',
    'http://172.16.0.1/',
    'http://172.31.255.255/',
    'http://192.168.1.1/',
    'http://100.64.0.1/',
    'http://0xc0a80101/',
    'http://[::ffff:10.0.0.1]/',
    'http://[::10.0.0.1]/',
    'http://[64:ff9b::a00:1]/',
    'http://[2002:c0a8:101::]/',
    'http://[fd12:3456::1]/',
  ]) {
    assert.ok('refused' in checkUrl(text, callback), text)
    assert.ok('url' in checkUrl(text, connection), text)
  }
})

test('the sandbox switch opens loopback and nothing else', () => {
  assert.ok('url' in checkUrl('http://127.0.0.1:7099/', sandbox))
  assert.ok('url' in checkUrl('http://[::1]:7099/', { kind: 'callback', allowLoopback: true }))
  for (const text of ['http://169.254.169.254/', 'http://0.0.0.0/', 'http://[fe80::1]/', 'http://100.100.100.200/']) {
    assert.ok('refused' in checkUrl(text, sandbox), text)
  }
})

test('a port list and our own database are held', () => {
  const policy: Policy = { kind: 'connection', ports: [443, 8443], denied: [{ host: '10.0.0.5', port: 8443 }] }
  assert.ok('refused' in checkUrl('http://example.com/', policy))
  assert.ok('url' in checkUrl('https://example.com/', policy))
  assert.ok('refused' in checkUrl('https://10.0.0.5:8443/', policy))
  assert.ok('refused' in checkUrl('https://[::ffff:10.0.0.5]:8443/', policy))
  assert.ok('url' in checkUrl('https://10.0.0.6:8443/', policy))
  assert.match(refuseAddress('10.0.0.5', 8443, policy) ?? '', /own/)
  const named: Policy = { kind: 'connection', denied: [{ host: 'db.internal', port: 5432 }] }
  assert.ok('refused' in checkUrl('http://DB.internal:5432/', named))
})

test('a name with one forbidden address among its addresses is refused as a whole', async () => {
  const lookup = guardedLookup(80, callback, (_, done) =>
    done(null, [
      { address: '8.8.8.8', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]),
  )
  const err = await new Promise<Error | null>((resolve) => lookup('evil.example', { all: true }, resolve))
  assert.ok(err instanceof EgressRefused)
})

test('IP literals are checked on connect, though undici calls no lookup for them', async () => {
  const server = createServer((_, res) => res.end('reached')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const closed = new Pool(origin, { connect: guardedConnector(connection, { timeout: 1000 }) })
  const open = new Pool(origin, { connect: guardedConnector(sandbox, { timeout: 1000 }) })
  await assert.rejects(closed.request({ path: '/', method: 'GET' }), EgressRefused)
  assert.equal(await (await open.request({ path: '/', method: 'GET' })).body.text(), 'reached')
  await Promise.all([closed.destroy(), open.destroy()])
  server.close()
})

test('the address that was checked is the one connected to', async () => {
  const server = createServer((_, res) => res.end('reached')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  let asked = 0
  const connect = guardedConnector(sandbox, {
    timeout: 1000,
    resolve: (_, done) => {
      asked++
      done(null, [{ address: '127.0.0.1', family: 4 }])
    },
  })
  const pool = new Pool(`http://no.such.host.invalid:${(server.address() as AddressInfo).port}`, { connect })
  assert.equal(await (await pool.request({ path: '/', method: 'GET' })).body.text(), 'reached')
  assert.equal(asked, 1)
  await pool.destroy()
  server.close()
})
