/** The sandbox as a process of its own: start, a second start on the same file, kill -9 and restart. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sandboxClient } from './client.ts'
import { tokens, until } from './world.ts'

const main = new URL('./main.ts', import.meta.url).pathname
const options = ['--erp-token', tokens.erpToken, '--crm-token', tokens.crmToken]

const freshFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sandbox-main-'))
  return { file: join(folder, 'box.jsonl'), [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

/** A sandbox process that ends with the test, also when the test fails: a living child would keep the runner waiting. */
const run = (args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess & AsyncDisposable => {
  const child = spawn(process.execPath, [main, ...args], { stdio: 'pipe', env: { ...process.env, ...env } })
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  return Object.assign(child, { [Symbol.asyncDispose]: end })
}

const started = async (child: ChildProcess): Promise<{ port: number; pid: number; running?: boolean }> => {
  const [line] = (await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data')) as [Buffer]
  return JSON.parse(line.toString())
}

test('the process says where it is in one JSON line, and ends on SIGTERM', async () => {
  await using world = await freshFolder()
  await using child = run(['--file', world.file, ...options])
  const { port, pid } = await started(child)
  assert.equal(pid, child.pid)
  await using client = sandboxClient(`http://127.0.0.1:${port}`, tokens)
  assert.equal((await client.crm.create('AccountObj', { name: 'x' })).id, 'A-000001')
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('settings may come from the environment; what is missing is named', async () => {
  await using world = await freshFolder()
  await using child = run([], {
    SANDBOX_FILE: world.file,
    SANDBOX_ERP_TOKEN: tokens.erpToken,
    SANDBOX_CRM_TOKEN: tokens.crmToken,
  })
  assert.ok((await started(child)).port > 0)
  await using without = run(['--file', world.file, '--erp-token', 'x'])
  const chunks: Buffer[] = []
  without.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = await once(without, 'close')
  assert.equal(code, 2)
  assert.match(Buffer.concat(chunks).toString(), /--crm-token is missing/)
})

test('kill -9 while 16 clients write: every answered create is there afterwards, ledger and record, once', async () => {
  await using world = await freshFolder()
  const answered: string[] = []
  for (let round = 0; round < 3; round += 1) {
    await using child = run(['--file', world.file, ...options])
    const { port } = await started(child)
    await using client = sandboxClient(`http://127.0.0.1:${port}`, tokens)
    const want = answered.length + 150
    const writers = Array.from({ length: 16 }, async (_, writer) => {
      for (let index = 0; ; index += 1) {
        const sourceId = `${round}-${writer}-${index}`
        const { code } = await client.erp.create('BD_Customer', { name: 'x', sourceId }, { contacts: [{ name: 'a' }] })
        assert.equal(code, '0')
        answered.push(sourceId)
        if (answered.length >= want) child.kill('SIGKILL')
      }
    })
    await Promise.allSettled(writers)
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    assert.equal(child.signalCode, 'SIGKILL')
  }
  await using child = run(['--file', world.file, ...options])
  const { port } = await started(child)
  await using client = sandboxClient(`http://127.0.0.1:${port}`, tokens)
  const held = await client.erp.records('BD_Customer')
  const sources = held.map(({ sourceId }) => sourceId)
  const missing = answered.filter((sourceId) => !sources.includes(sourceId))
  assert.deepEqual(missing, [])
  assert.equal(new Set(sources).size, sources.length)
  assert.equal(new Set(held.map(({ id }) => id)).size, held.length)
  assert.equal((await client.erp.ledger({ call: 'create' })).filter(({ effect }) => effect).length, held.length)
})

test('a second start on the same file points to the first process, which goes on', async () => {
  await using world = await freshFolder()
  await using first = run(['--file', world.file, ...options])
  const { port } = await started(first)
  await using second = run(['--file', world.file, ...options])
  assert.deepEqual(await started(second), { port, pid: first.pid, running: true })
  assert.equal((await fetch(`http://127.0.0.1:${port}/sandbox/healthz`)).status, 200)
})

test('--with-parent: the process ends when its input does', async () => {
  await using world = await freshFolder()
  await using child = run(['--file', world.file, ...options, '--with-parent'])
  await started(child)
  child.stdin?.end()
  await until('it has ended', () => child.exitCode === 0)
})

test('a taken port is an error, not a silence', async () => {
  await using world = await freshFolder()
  await using first = run(['--file', world.file, ...options])
  const { port } = await started(first)
  await using second = run(['--file', `${world.file}2`, '--port', String(port), ...options])
  const [code] = await once(second, 'exit')
  assert.equal(code, 1)
})
