/** PostgreSQL's programs in a place where its user can read them. */
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { copied, linkLibraries, openToOthers } from './binaries.ts'

const folder = async (t: TestContext) => {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'mortise-binaries-')))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

/** As npm leaves it under a umask of 077: readable to its owner only, without links. */
const packageIn = async (home: string) => {
  const native = join(home, 'package', 'native')
  await mkdir(join(native, 'bin'), { recursive: true, mode: 0o700 })
  await mkdir(join(native, 'lib'), { mode: 0o700 })
  await writeFile(join(native, 'bin/postgres'), '#!/bin/sh\n', { mode: 0o700 })
  await writeFile(join(native, 'lib/libx.so.1.2'), 'library', { mode: 0o600 })
  await writeFile(join(native, 'lib/libx.a'), 'for compilers', { mode: 0o600 })
  await writeFile(
    join(native, 'pg-symlinks.json'),
    '[{"source":"native/lib/libx.so.1.2","target":"native/lib/libx.so.1"}]',
  )
  return native
}

test('a copy out of a closed folder can be read by others and leads nowhere back, whether or not the original had its links', async (t) => {
  for (const linked of [false, true]) {
    const home = await folder(t)
    const native = await packageIn(home)
    if (linked) assert.equal(await linkLibraries(native), true)
    const place = join(await copied(native, join(home, 'open'), 'postgresql-1'), 'native')
    assert.equal(await realpath(join(place, 'lib/libx.so.1')), join(place, 'lib/libx.so.1.2'))
    assert.equal(await readFile(join(place, 'lib/libx.so.1'), 'utf8'), 'library')
    for (const path of ['bin/postgres', 'lib', 'lib/libx.so.1.2'])
      assert.equal((await stat(join(place, path))).mode & 0o005, 0o005, path)
    assert.deepEqual((await readdir(join(place, 'lib'))).sort(), ['libx.so.1', 'libx.so.1.2'])
  }
})

test('several that copy at the same time end with one whole copy', async (t) => {
  const home = await folder(t)
  const native = await packageIn(home)
  const place = await copied(native, join(home, 'open'), 'postgresql-1')
  assert.deepEqual(await Promise.all([1, 2].map(() => copied(native, join(home, 'open'), 'postgresql-1'))), [
    place,
    place,
  ])
  assert.deepEqual(await readdir(join(home, 'open')), ['postgresql-1'])
})

test('one closed folder on the way is enough to be closed', async (t) => {
  const home = await folder(t)
  await mkdir(join(home, 'a/b'), { recursive: true })
  await chmod(home, 0o755)
  assert.equal(await openToOthers(join(home, 'a/b')), true)
  await chmod(join(home, 'a'), 0o700)
  assert.equal(await openToOthers(join(home, 'a/b')), false)
})
