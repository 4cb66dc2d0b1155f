/** The first step on a bare machine: installs once, only when needed, under a lock; then becomes the script, signals and exit code included. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'

const lockFile = (version: string) =>
  JSON.stringify({
    packages: { '': {}, 'node_modules/a': { version }, 'node_modules/tool': { version: '1.0.0', dev: true } },
  })

/** A checkout with an npm that only notes that it ran and writes npm's own record of what is installed. */
const freshCheckout = async (t: TestContext) => {
  const root = await mkdtemp(join(tmpdir(), 'mortise-prepare-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  await mkdir(join(root, 'scripts'))
  await mkdir(join(root, 'server'))
  await cp(join(import.meta.dirname, 'prepare.mjs'), join(root, 'scripts/prepare.mjs'))
  await writeFile(join(root, 'package.json'), '{}')
  await writeFile(join(root, 'package-lock.json'), lockFile('1.0.0'))
  await writeFile(
    join(root, 'npm-cli.js'),
    `const fs = require('node:fs')
     if (fs.existsSync('offline')) process.exit(3)
     if (fs.existsSync('complaint') && process.argv[2] === 'ci') {
       console.error(fs.readFileSync('complaint', 'utf8'))
       process.exit(1)
     }
     fs.appendFileSync('runs', process.argv.slice(2).join(' ') + '\\n')
     fs.mkdirSync('node_modules', { recursive: true })
     setTimeout(() => fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json'), 300)`,
  )
  await writeFile(
    join(root, 'server/main.ts'),
    `console.log('server', process.argv.slice(2).join(' ') satisfies string); process.exit(7)`,
  )
  const run = async (...args: string[]) => {
    const child = spawn(process.execPath, [join(root, 'scripts/prepare.mjs'), ...args], {
      env: { ...process.env, npm_execpath: join(root, 'npm-cli.js') },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [out, err] = ['', '']
    child.stdout.on('data', (text) => (out += text))
    child.stderr.on('data', (text) => (err += text))
    const [code] = await once(child, 'close')
    return { code, out: out.trim(), err: err.trim() }
  }
  const runs = async () => (await readFile(join(root, 'runs'), 'utf8').catch(() => '')).split('\n').filter(Boolean)
  return { root, run, runs }
}

test('three at once on a bare checkout install once, then all run with their arguments and exit code', async (t) => {
  const { run, runs } = await freshCheckout(t)
  const all = await Promise.all([1, 2, 3].map(() => run('server/main.ts', '--port', '1')))
  assert.deepEqual(
    all.map(({ code, out }) => [code, out]),
    Array(3).fill([7, 'server --port 1']),
  )
  assert.deepEqual(await runs(), ['ci --include=dev --include=optional --no-audit --no-fund'])
})

test('nothing is installed again while the lock file says the same, whatever the times of the files are; a new version is', async (t) => {
  const { root, run, runs } = await freshCheckout(t)
  await run('server/main.ts')
  await utimes(join(root, 'package-lock.json'), new Date(), new Date(Date.now() + 60_000))
  await run('server/main.ts')
  assert.equal((await runs()).length, 1)
  await writeFile(join(root, 'package-lock.json'), lockFile('1.0.1'))
  await run('server/main.ts')
  assert.equal((await runs()).length, 2)
})

test('the server starts without the tools of developers, a script of theirs asks for them', async (t) => {
  const { root, run, runs } = await freshCheckout(t)
  await mkdir(join(root, 'node_modules'))
  await writeFile(
    join(root, 'node_modules/.package-lock.json'),
    JSON.stringify({ packages: { 'node_modules/a': { version: '1.0.0' } } }),
  )
  assert.equal((await run('server/main.ts')).code, 7)
  assert.deepEqual(await runs(), [])
  await writeFile(join(root, 'scripts/x.ts'), '')
  assert.equal((await run('scripts/x.ts')).code, 0)
  assert.equal((await runs()).length, 1)
})

test('an install that fails is told in a sentence; a lock left by a kill is broken after a while', async (t) => {
  const { root, run } = await freshCheckout(t)
  await mkdir(join(root, '.runtime/install.lock'), { recursive: true })
  await utimes(join(root, '.runtime/install.lock'), new Date(), new Date(Date.now() - 60_000))
  await writeFile(join(root, 'offline'), '')
  const { code, err } = await run('server/main.ts')
  assert.equal(code, 1)
  assert.match(err, /could not install the dependencies \(3\)\. The registry must be reachable/)
})

test('a lock file without the optional packages of other platforms is installed as it is, any other complaint stands', async (t) => {
  const { root, run, runs } = await freshCheckout(t)
  const packages = { 'node_modules/a': { version: '1.0.0', optionalDependencies: { '@a/other-system': '1.0.0' } } }
  await writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages }))
  for (const complaint of [
    'Missing: b@1.0.0 from lock file',
    'Invalid: lock file a@1.0.0 does not satisfy a@2.0.0\nMissing: @a/other-system@ from lock file',
  ]) {
    await writeFile(join(root, 'complaint'), complaint)
    assert.equal((await run('server/main.ts')).code, 1)
  }
  await writeFile(join(root, 'complaint'), 'npm error Missing: @a/other-system@ from lock file')
  assert.equal((await run('server/main.ts')).code, 7)
  assert.deepEqual(await runs(), ['install --no-save --include=dev --include=optional --no-audit --no-fund'])
})

test('SIGTERM reaches the script', async (t) => {
  const { root } = await freshCheckout(t)
  await mkdir(join(root, 'node_modules'))
  await writeFile(join(root, 'node_modules/.package-lock.json'), lockFile('1.0.0'))
  await writeFile(
    join(root, 'server/main.ts'),
    `process.on('SIGTERM', () => process.exit(9)); setInterval(() => {}, 1000); console.log('up')`,
  )
  const child = spawn(process.execPath, [join(root, 'scripts/prepare.mjs'), 'server/main.ts'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [9, null])
})
