/** The embedded server: kills of ours and of its own, folders it must refuse, several processes on one folder, every kind of user. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { openToOthers, serverAccount } from './binaries.ts'
import { type EmbeddedOptions, EmbeddedRefused, startEmbedded } from './embedded.ts'
import { openPool } from './pool.ts'
import { isUnavailable } from './trouble.ts'

const silent = { info: () => {}, warn: () => {}, error: () => {} }
const root = process.getuid?.() === 0

/** A folder whose servers are all ended after the test, however it ended. */
const freshFolder = async (t: TestContext) => {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-embedded-'))
  await chmod(folder, 0o755)
  t.after(async () => {
    const pid = Number(
      (await readFile(join(folder, 'data/pgdata/postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0],
    )
    if (pid > 0) process.kill(pid, 'SIGINT')
    while (await stat(join(folder, 'data/pgdata/postmaster.pid')).catch(() => null)) await wait(20)
    await rm(folder, { recursive: true, force: true })
  })
  return join(folder, 'data')
}

const start = (dir: string, options: EmbeddedOptions = {}) => startEmbedded(dir, silent, options)

const ask = async (url: string, text: string) => {
  const pool = openPool({ url, name: 'test', max: 1 })
  return pool.unsafe(text).finally(() => pool.end())
}

/** Another Mortise process on the folder: answers its url once it stands; `stop` and `killed` are its two ends. */
const otherProcess = async (dir: string, how: { uid?: number; gid?: number } = {}) => {
  const code = `
    import { startEmbedded } from ${JSON.stringify(import.meta.resolve('./embedded.ts'))}
    const log = { info() {}, warn() {}, error() {} }
    const server = await startEmbedded(${JSON.stringify(dir)}, log).catch((error) => ({ error: error.message }))
    console.log(JSON.stringify({ ...server, pid: server.pid }))
    if (server.error) process.exit(1)
    process.stdin.on('data', () => server.stop().then(() => process.exit()))`
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: '/',
    ...how,
  })
  const ended = once(child, 'exit')
  const [line] = await once(createInterface(child.stdout!), 'line')
  const end = (act: () => void) => {
    act()
    return ended
  }
  return {
    ...(JSON.parse(line) as { url: string; adopted: boolean; pid: number; error?: string }),
    stop: () => end(() => child.stdin!.write('stop\n')),
    killed: () => end(() => child.kill('SIGKILL')),
  }
}

const until = async (condition: () => boolean | Promise<boolean>) => {
  for (const end = Date.now() + 30_000; !(await condition()); await wait(20))
    assert.ok(Date.now() < end, 'it did not happen in 30 s')
}

test('what was committed is there after the process that ran the server was killed: the next one finds the server running', async (t) => {
  const dir = await freshFolder(t)
  const first = await otherProcess(dir)
  await ask(first.url, 'create table t (n int4); insert into t values (1)')
  await first.killed()
  const second = await start(dir)
  assert.equal(second.adopted, true)
  assert.equal(second.pid, first.pid)
  assert.deepEqual(await ask(second.url, 'select n from t'), [{ n: 1 }])
  await second.stop()
  await assert.rejects(ask(second.url, 'select 1'), { code: 'ECONNREFUSED' })
})

test('after a stop the same folder starts again on the same address, with its settings durable and its data C.UTF-8', async (t) => {
  const dir = await freshFolder(t)
  const first = await start(dir)
  await ask(first.url, 'create table t (n int4); insert into t values (1)')
  await first.stop()
  const second = await start(dir)
  assert.deepEqual([second.adopted, second.url], [false, first.url])
  const [seen] = await ask(
    second.url,
    `select n, current_setting('fsync') as fsync, current_setting('full_page_writes') as pages, current_setting('synchronous_commit') as durable,
       (select coalesce(to_jsonb(d) ->> 'datlocale', datcollate) from pg_database d where datname = current_database()) as locale
     from t`,
  )
  assert.deepEqual(seen, { n: 1, fsync: 'on', pages: 'on', durable: 'on', locale: 'C.UTF-8' })
  await assert.rejects(ask(second.url.replace(/:[^:@]*@/, ':guessed@'), 'select 1'), { code: '28P01' })
  assert.equal((await stat(join(dir, 'embedded.json'))).mode & 0o077, 0)
  assert.equal((await stat(dir)).mode & 0o077, 0)
  await second.stop()
})

test('a server that is killed is brought back on the same address, and somebody is told', async (t) => {
  const told: string[] = []
  const server = await start(await freshFolder(t), { onExit: (sentence) => told.push(sentence) })
  await ask(server.url, 'create table t (n int4); insert into t values (1)')
  const { pid } = server
  process.kill(pid, 'SIGKILL')
  await until(async () => (await ask(server.url, 'select n from t').catch(() => [])).length === 1)
  assert.notEqual(server.pid, pid)
  assert.match(told.join(), /went away .*SIGKILL/)
  await server.stop()
})

test('a backend that crashes restarts the server by itself; it is watched again afterwards', async (t) => {
  let [falls, returns] = [0, 0]
  const log = { ...silent, info: (sentence: string) => void (returns += sentence === 'PostgreSQL is back.' ? 1 : 0) }
  const server = await startEmbedded(await freshFolder(t), log, { onExit: () => falls++ })
  const postmaster = server.pid
  for (const round of [1, 2]) {
    const pool = openPool({ url: server.url, name: 'test', max: 1 })
    const [{ pid } = { pid: 0 }] = await pool<{ pid: number }>`select pg_backend_pid() as pid`
    process.kill(pid, 'SIGKILL')
    await pool.end()
    await until(() => returns >= round)
    assert.ok(falls >= round)
    await until(async () => (await ask(server.url, 'select 1').catch(() => [])).length === 1)
  }
  assert.equal(server.pid, postmaster)
  await server.stop()
})

test('a lock file left by a kill, whose pid is now somebody else of the same user, does not keep the server down', async (t) => {
  const dir = await freshFolder(t)
  const first = await start(dir)
  await first.stop()
  const stranger = spawn('sleep', ['60'], { stdio: 'ignore', ...(await serverAccount()) })
  t.after(() => stranger.kill())
  await writeFile(join(dir, 'pgdata/postmaster.pid'), `${stranger.pid}\n${dir}/pgdata\n1\n1\n\n127.0.0.1\n1 1\nready\n`)
  const second = await start(dir)
  assert.equal(second.adopted, false)
  await second.stop()
})

test('processes that start together on a new folder share one server, and it ends with the last of them', async (t) => {
  const dir = await freshFolder(t)
  const all = await Promise.all([otherProcess(dir), otherProcess(dir), otherProcess(dir)])
  assert.deepEqual(new Set(all.map(({ error, pid }) => error ?? pid)).size, 1)
  assert.equal(all.filter(({ adopted }) => !adopted).length, 1)
  const { url } = all[0]!
  await Promise.all([all[0]!.stop(), all[1]!.killed()])
  assert.deepEqual(await ask(url, 'select 1 as alive'), [{ alive: 1 }])
  await all[2]!.stop()
  await assert.rejects(ask(url, 'select 1'), { code: 'ECONNREFUSED' })
  assert.deepEqual((await readdir(dir)).sort(), ['embedded.json', 'pgdata', 'postgres.log'])
})

test('a port that somebody took meanwhile is given up for another', async (t) => {
  const dir = await freshFolder(t)
  const first = await start(dir)
  await first.stop()
  const taken = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(${new URL(first.url).port}, '127.0.0.1', () => console.log('on'))`,
  ])
  t.after(() => taken.kill())
  await once(taken.stdout, 'data')
  const second = await start(dir)
  assert.notEqual(second.url, first.url)
  assert.deepEqual(await ask(second.url, 'select 1 as alive'), [{ alive: 1 }])
  await second.stop()
})

test('a data folder of another major version, or without its password, is refused with a sentence', async (t) => {
  const dir = await freshFolder(t)
  await (await start(dir)).stop()
  const version = await readFile(join(dir, 'pgdata/PG_VERSION'), 'utf8')
  await writeFile(join(dir, 'pgdata/PG_VERSION'), '14\n')
  await assert.rejects(
    start(dir),
    (error) => error instanceof EmbeddedRefused && /was made by PostgreSQL 14, this Mortise brings/.test(error.message),
  )
  await writeFile(join(dir, 'pgdata/PG_VERSION'), version)
  await rm(join(dir, 'embedded.json'))
  await assert.rejects(
    start(dir),
    (error) => error instanceof EmbeddedRefused && /holds the password/.test(error.message),
  )
})

test('a server that cannot start says why in one sentence', async (t) => {
  const dir = await freshFolder(t)
  await assert.rejects(
    start(dir, { settings: { shared_buffers: 'a lot' } }),
    /PostgreSQL did not start: .*shared_buffers.*a lot/,
  )
})

test('root may keep its data under a folder that is closed to everybody else', {
  skip: !root && 'not root',
}, async (t) => {
  const dir = await freshFolder(t)
  await mkdir(join(dir, '..', 'closed'), { mode: 0o700 })
  const server = await start(join(dir, '..', 'closed', 'data'))
  assert.deepEqual(await ask(server.url, 'select 1 as alive'), [{ alive: 1 }])
  await server.stop()
  const again = await start(join(dir, '..', 'closed', 'data'))
  await again.stop()
})

const readable = root && (await openToOthers(import.meta.dirname)) && (await openToOthers(process.execPath))
test('an ordinary user runs it as himself, and may not take a folder that root made', {
  skip: !readable && 'not root, or the checkout is closed to others',
}, async (t) => {
  const nobody = { uid: 65_534, gid: 65_534 }
  const dir = await freshFolder(t)
  const parent = await mkdtemp(join(tmpdir(), 'mortise-nobody-'))
  t.after(() => rm(parent, { recursive: true, force: true }))
  await chown(parent, nobody.uid, nobody.gid)
  const own = await otherProcess(join(parent, 'data'), nobody)
  assert.deepEqual(await ask(own.url, 'select 1 as alive'), [{ alive: 1 }])
  assert.equal((await stat(join(parent, 'data/pgdata'))).uid, nobody.uid)
  await own.stop()
  await (await start(dir)).stop()
  assert.match((await otherProcess(dir, nobody)).error ?? '', /belongs to user \d+: start Mortise as that user/)
})

test('a disk that fills up refuses what it cannot keep, keeps what it said, and goes on once there is room', {
  skip: !root && 'not root',
}, async (t) => {
  const dir = await freshFolder(t)
  await mkdir(dir)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=140m', 'tmpfs', dir], { stdio: 'ignore' })
  } catch {
    return t.skip('this machine does not let us mount a small disk')
  }
  await fillUp(dir).finally(() => execFileSync('umount', ['-l', dir]))
})

const fillUp = async (dir: string) => {
  const server = await start(dir, { settings: { max_wal_size: '64MB', min_wal_size: '32MB' } })
  await ask(server.url, 'create table t (n int4 primary key, body bytea)')
  await writeFile(join(dir, 'filler'), Buffer.alloc(16 << 20))
  const said: number[] = []
  for (let n = 0, refused = 0; refused < 3; n++) {
    const row = `select ${n}, string_agg(sha512(i::text::bytea || '${n}'), '') from generate_series(1, 20000) i`
    const answer = await ask(server.url, `insert into t ${row}`).catch((error: unknown) => error)
    if (Array.isArray(answer)) said.push(n)
    else refused++
    assert.ok(Array.isArray(answer) || isUnavailable(answer), String(answer))
  }
  await rm(join(dir, 'filler'))
  await until(async () => Array.isArray(await ask(server.url, "insert into t values (-1, '')").catch(() => null)))
  const kept = (await ask(server.url, 'select n from t')).map(({ n }) => n as number)
  assert.deepEqual(new Set(said).difference(new Set(kept)), new Set())
  assert.ok(said.length > 3)
  await server.stop()
}
