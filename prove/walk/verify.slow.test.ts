/** The programs of docs/callbacks.md against a real callback: what is genuine passes, what was changed or made with another salt does not. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { callbackBody } from '../../protocol/batch.ts'
import { accessToken } from '../../protocol/callback.ts'
import { createEnv } from '../../server/agent/env.ts'
import { startCourier } from '../../server/deliver/courier.ts'
import { createDelivery } from '../../server/deliver/deliveries.ts'
import { freshDatabase } from '../../server/store/fresh.ts'

const salt = 'a salt of a client, 部门, 192 bits'
const page = await readFile(join(import.meta.dirname, '../../docs/callbacks.md'), 'utf8')
/** `build`: where the program is made first; then `file` is what it was made to. */
const programs: {
  language: string
  file: string
  command: string[]
  asked: string[]
  build?: { source: string; with: string[] }
}[] = [
  { language: 'ts', file: 'verify.ts', command: [process.execPath], asked: ['--version'] },
  { language: 'python', file: 'verify.py', command: ['python3'], asked: ['--version'] },
  { language: 'java', file: 'Verify.java', command: ['java'], asked: ['--version'] },
  { language: 'php', file: 'verify.php', command: ['php'], asked: ['--version'] },
  {
    language: 'go',
    file: 'verify-go',
    command: [],
    asked: ['version'],
    build: { source: 'verify.go', with: ['go', 'build', '-o', 'verify-go'] },
  },
  {
    language: 'csharp',
    file: 'Verify.exe',
    command: ['mono'],
    asked: ['--version'],
    build: { source: 'Verify.cs', with: ['mcs', '-out:Verify.exe'] },
  },
]

let folder = ''
let heard: { body: Buffer; headers: string[] } | null = null

/** One callback as the courier sends it, heard by somebody else. */
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mortise-verify-'))
  await using db = await freshDatabase()
  await db.sql`insert into tenant (tenant_id) values ('t')`
  const got = Promise.withResolvers<NonNullable<typeof heard>>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      response.writeHead(204).end()
      const of = (name: string) => String(request.headers[name])
      got.resolve({
        body: Buffer.concat(chunks),
        headers: ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(of),
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const bizId = 'd9346662-df40-456b-adbd-d2baf46ca770'
  const data = '{"created":"此次请求新建成功了1条数据","validatorErrors":{"10":["分公司编码1006001不存在"]}}'
  const body = Buffer.from(callbackBody(bizId, accessToken(bizId, salt), 'zh_CN', data))
  await createDelivery(db.sql, {
    tenantId: 't',
    deliveryId: 'msg_1',
    clientId: 'c',
    url: `${origin}/`,
    subject: 'batch/1',
    body,
  })
  const courier = startCourier({
    sql: db.sql,
    env: createEnv(),
    log: { error: () => {}, warn: () => {} },
    client: () => ({ origins: [origin], salts: [salt, 'the salt before'] }),
    policy: () => ({ kind: 'callback', allowLoopback: true }),
  })
  heard = await got.promise
  await courier.stop()
  server.close()
})
after(() => rm(folder, { recursive: true, force: true }))

for (const { language, file, command, asked, build } of programs) {
  const tool = build?.with[0] ?? command[0] ?? ''
  const missing = [tool, ...command.slice(0, 1)].find((one) => spawnSync(one, asked).status !== 0)
  test(`${language}: genuine is genuine, forged is forged`, {
    skip: missing !== undefined && `NOT RUN: there is no ${missing} here`,
  }, async () => {
    const code = new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)?.[1]
    assert.ok(code, `docs/callbacks.md has a program in ${language}`)
    const path = join(folder, file)
    await writeFile(join(folder, build?.source ?? file), code)
    if (build) {
      const [maker = '', ...how] = build.with
      const made = spawnSync(maker, [...how, build.source], {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, GOCACHE: join(folder, 'go-cache'), GO111MODULE: 'off' },
      })
      assert.equal(made.status, 0, made.stderr)
    }
    const [program = '', ...first] = [...command, path]
    const { body, headers } = heard as NonNullable<typeof heard>
    const say = (input: Buffer, key = salt, at = headers) => {
      const { stdout, stderr, status } = spawnSync(program, [...first, key, ...at], {
        input,
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C.UTF-8' },
      })
      assert.equal(status, 0, stderr)
      return stdout.trim()
    }
    assert.equal(say(body), 'genuine')
    assert.equal(say(Buffer.from(body.toString().replace('新建成功了1条', '新建成功了2条'))), 'forged', 'another body')
    assert.equal(say(body, 'another salt'), 'forged', 'another salt')
    assert.equal(
      say(body, salt, [headers[0] as string, String(Number(headers[1]) - 900), headers[2] as string]),
      'forged',
      'another time',
    )
  })
}
