/** docs/api.md against the program: its commands run as they stand, its table is the catalogue, and the page at /api/docs needs nothing from elsewhere. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { apiCodes, fill, sayApi } from '../../server/http/sentences.ts'
import { locales } from '../../protocol/codes.ts'
import { apiWorld } from './world.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/api.md'), 'utf8')
const hasCurl = spawnSync('curl', ['--version']).status === 0

test('every command of docs/api.md runs as it stands', { skip: !hasCurl && 'no curl here' }, async () => {
  await using world = await apiWorld()
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)
  assert.ok(blocks.length >= 8)
  const script = ['set -eu', ...blocks.map((code) => `echo "== block"\n${code}`)].join('\n')
  const env = {
    ...process.env,
    URL: world.url,
    PASSWORD: world.adminPassword,
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
  }
  const { stdout, stderr } = await promisify(execFile)('sh', ['-c', script], { env }).catch(
    (error: { stdout: string; stderr: string; message: string }) =>
      assert.fail(`${error.message}\n${error.stdout}\n${error.stderr}`),
  )
  assert.equal(stderr, '')
  const said = stdout.split('== block\n')
  const saying = (text: string) => said.find((one) => one.includes(text)) ?? assert.fail(`${text} is not in\n${stdout}`)
  assert.match(saying('"everywhere":"owner"'), /"via":"key"/)
  assert.match(saying('"${ERP_TOKEN}"'), /"changes":\[\]/)
  assert.match(saying('"errCode":"s106240000"'), /成功/)
  assert.match(saying('"releases the records it holds"'), /"holds its records"|"starts with/)
  assert.match(saying('"matched":1'), /"total":1/)
  assert.match(saying('Add the option to the mapping rule'), /"id":"C-2"[^]*"matched":1[^]*"kind":"retry"/)
  assert.doesNotMatch(stdout.replace(/^.*"secret".*$/gm, ''), /a-secret-of-the-erp/)
})

test('the table of codes is the catalogue, both ways, and every sentence stands in four languages', () => {
  const rows = [...page.matchAll(/^\| ([\w.]+) \| (\d{3}) \| (.+) \| (.+) \|$/gm)].map((row) => row.slice(1))
  assert.deepEqual(
    rows,
    Object.entries(apiCodes).map(([code, { status, sentence, todo }]) => [
      code,
      String(status),
      sentence.en_US,
      todo.en_US,
    ]),
  )
  for (const code of Object.keys(apiCodes) as (keyof typeof apiCodes)[]) {
    const { sentence, todo } = apiCodes[code]
    const blanks = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([blank]) => blank).sort()
    for (const said of [sentence, todo]) {
      // the two kinds of Chinese may agree
      assert.ok(new Set(locales.map((locale) => said[locale])).size >= 3, `${code} differs by language`)
      for (const locale of locales) assert.deepEqual(blanks(said[locale]), blanks(said.en_US), `${code} ${locale}`)
    }
  }
  assert.equal(sayApi('absent', { what: 'x' }, 'ja_JP').detail, 'x は見つかりません')
  assert.equal(fill('{a} {b}', { a: '1' }), '1 {b}')
})

test('the page at /api/docs names every route, brings no script, and may load nothing', async () => {
  await using world = await apiWorld()
  const { body } = await world.call<{
    openapi: string
    paths: Record<string, Record<string, { operationId: string }>>
  }>('GET', '/api/openapi.json')
  assert.equal(body.openapi, '3.1.0')
  const { text, headers, status } = await world.call('GET', '/api/docs')
  assert.equal(status, 200)
  for (const methods of Object.values(body.paths))
    for (const { operationId } of Object.values(methods)) assert.ok(text.includes(`id="${operationId}"`), operationId)
  assert.deepEqual(text.match(/<script|<img|<link|<iframe|src=|@import|url\(|href="(?!#|\/api\/)/g), null)
  assert.match(headers.get('content-security-policy') ?? '', /^default-src 'none'; style-src 'sha256-/)
})
