/** `npm test [-- part of a path …]`: checks, then every test on one embedded PostgreSQL (quick ones first), then the rooms that write SQL again on PostgreSQL 15. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join, relative } from 'node:path'
import { run } from 'node:test'
import { inspect } from 'node:util'
import { privateCluster } from '../server/store/fresh.ts'

const root = join(import.meta.dirname, '..')
const ROOMS = '{protocol,server,sandbox,sdk,conformance,prove,bench,examples,scripts,docs,deploy,console}'
const OLDEST = 15 // the oldest PostgreSQL we promise (docs, "database"); Debian 12 brings it
const ON_OLDEST =
  /^server\/(store|stage|converge|receive|maintain|batch|deliver|dispatch)\/|^server\/(egress\/allowance|connect\/auth\/auth|cli\/keys)\.test/
/** The road's hot statements run a second time as the role that runs them in production (docs/architecture.md, "Tenants"). */
const AS_ROAD = /^server\/(stage|converge|receive|observe|batch|deliver|dispatch)\//
const OWN_SERVER = /^server\/store\/(embedded|binaries)\./ // these start servers themselves: another cluster is nothing to them

const COMPARES = /^prove\/rigs\/(neighbours|noisy|outage|functions|overload|rolling)\./
/** The longest of a leg begin first, in this order: one that is left for the end has the machine to itself. */
const LONGEST = [
  'prove/rigs/recognise.',
  'prove/console/console.',
  'prove/sim/seeds.slow.',
  'prove/walk/legacy-erp.',
  'prove/rigs/poll.',
  'prove/console/pages.slow.',
  'prove/sim/replay.',
  'prove/rigs/kill.',
  'prove/walk/fxiaoke.',
  'prove/walk/walk.',
  'prove/rigs/echo.',
  'prove/rigs/queues.',
  'prove/rigs/bad-input.',
  'prove/console/journey.',
  'prove/rigs/rolling.',
  'bench/bench.',
  'prove/api/matrix.',
  'server/converge/sql.',
]

const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith('--'))
const flags = new Set(process.argv.slice(2).filter((arg) => arg.startsWith('--')))

interface Count {
  passed: number
  failed: number
  skipped: number
}

const total: Count = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []
const times: { file: string; seconds: number }[] = []

const indent = (text: string) => text.trimEnd().replaceAll(/^/gm, '    ')

const longestFirst = (files: readonly string[]): string[] => {
  const rank = (file: string): number => {
    const found = LONGEST.findIndex((one) => file.startsWith(one))
    return found < 0 ? LONGEST.length : found
  }
  return files.toSorted((a, b) => rank(a) - rank(b))
}

/** One leg: a line per file as it ends, each failure in full, and the runner's own counts at the end. */
const leg = async (
  title: string,
  files: string[],
  databaseUrl: string,
  { role = 'owner', abreast = 3 }: { role?: 'owner' | 'road'; abreast?: number } = {},
) => {
  if (files.length === 0) return
  console.log(`\n${title}: ${files.length} files`)
  process.env.MORTISE_TEST_DATABASE_URL = databaseUrl
  process.env.MORTISE_TEST_ROLE = role
  const printed = new Map<string, string>()
  const failed = new Set<string>()
  const names = new Map<string, string[]>()
  const stream = run({
    files: longestFirst(files).map((file) => join(root, file)),
    cwd: root,
    concurrency: abreast,
    timeout: 900_000,
  })
  const keep = ({ file = '', message }: { file?: string; message: string }) =>
    printed.set(file, (printed.get(file) ?? '') + message)
  stream.on('test:stdout', keep)
  stream.on('test:stderr', keep)
  stream.on('test:start', ({ file = '', name, nesting }) => {
    names.set(file, [...(names.get(file) ?? []).slice(0, nesting), name])
  })
  stream.on('test:fail', ({ file = '', name, nesting, details, skip, todo }) => {
    if (skip !== undefined || todo !== undefined) return
    const path = [...(names.get(file) ?? []).slice(0, nesting), name].join(' > ')
    const error = (details.error.cause ?? details.error) as Error
    if ((details.error as { failureType?: string }).failureType === 'subtestsFailed') return
    failures.push(`${relative(root, file)}: ${path}`)
    failed.add(file)
    console.log(`✖ ${relative(root, file)}: ${path}\n${indent(inspect(error, { depth: 8 }))}`)
  })
  stream.on('test:pass', ({ file = '', name, skip }) => {
    if (skip !== undefined)
      console.log(`﹣ ${relative(root, file)}: ${name} (skipped${typeof skip === 'string' ? `: ${skip}` : ''})`)
  })
  stream.on('test:summary', ({ file, counts, duration_ms, success }) => {
    const bad = counts.tests - counts.passed - counts.skipped - counts.todo
    if (file !== undefined) {
      const [name, seconds] = [relative(root, file), duration_ms / 1000]
      times.push({ file: name, seconds })
      console.log(`${success ? '✔' : '✖'} ${name}  ${counts.passed} passed (${seconds.toFixed(1)} s)`)
      return
    }
    for (const [name, count] of Object.entries({
      tests: counts.tests,
      pass: counts.passed,
      fail: bad,
      skipped: counts.skipped,
    })) {
      console.log(`ℹ ${name} ${count}`)
    }
    total.passed += counts.passed
    total.failed += success ? bad : Math.max(bad, 1)
    total.skipped += counts.skipped
  })
  stream.resume()
  await new Promise<void>((resolve, reject) => stream.once('end', resolve).once('error', reject))
  for (const file of failed) {
    const output = printed.get(file)
    if (output) console.log(`${relative(root, file)} printed:\n${indent(output.slice(-8_000))}`)
  }
}

/** The folder of Debian's PostgreSQL 15, installed when that is allowed; or the reason why not. */
const oldestServer = (): { bin: string } | { reason: string } => {
  const bin = `/usr/lib/postgresql/${OLDEST}/bin`
  if (existsSync(join(bin, 'postgres'))) return { bin }
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return { reason: `no PostgreSQL ${OLDEST} in ${bin}, and only root may install it` }
  if (!existsSync('/usr/bin/apt-get')) return { reason: `no PostgreSQL ${OLDEST} in ${bin}, and no apt-get here` }
  const apt = (...args: string[]) =>
    spawnSync('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: 300_000,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0
  console.log(`Installing PostgreSQL ${OLDEST} (apt-get) …`)
  const installed = () => apt('install', '--no-install-recommends', `postgresql-${OLDEST}`)
  if (!installed() && !(apt('update') && installed()))
    return { reason: `apt-get has no postgresql-${OLDEST} for this machine` }
  return existsSync(join(bin, 'postgres')) ? { bin } : { reason: `apt-get put no PostgreSQL into ${bin}` }
}

/** Runs a file of ours to its end; where it fails, the tests that want what it makes say so. */
const alone = (file: string): Promise<void> =>
  new Promise((done) => {
    const child = spawn(process.execPath, [join(root, file)], { cwd: root, stdio: 'ignore' })
    child.once('error', () => done())
    child.once('exit', () => done())
  })

/** The long tests start the program as people do, and each of them would find that its pages are missing; some want a browser. */
const prepareLong = async (files: readonly string[]): Promise<void> => {
  if (files.length > 0) await alone('server/cli/console-build.ts')
  if (files.some((file) => file.startsWith('prove/console/'))) await alone('prove/console/browser.ts')
}

const filesOf = () => {
  const found = globSync(`${ROOMS}/**/*.test.ts`, { cwd: root, exclude: (name) => name.includes('node_modules') })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .sort()
  const slow = found.filter((file) => file.endsWith('.slow.test.ts'))
  return { quick: found.filter((file) => !slow.includes(file)), slow }
}

const main = async (): Promise<boolean> => {
  // a developer's own settings must not decide a test
  for (const name of Object.keys(process.env)) if (name.startsWith('MORTISE_')) delete process.env[name]
  if (!flags.has('--no-check')) {
    const check = spawnSync(process.execPath, [join(import.meta.dirname, 'check.ts')], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    if (check.status !== 0) {
      console.log(
        '\nThe checks failed, so no test was run. (npm test -- --no-check runs them nevertheless.)\n0 passed, 1 failed',
      )
      return false
    }
  }
  const { quick, slow } = filesOf()
  if (quick.length + slow.length === 0) {
    console.log(`No test file has ${wanted.join(' or ')} in its path.\n0 passed, 1 failed`)
    return false
  }
  const url = await privateCluster()
  const prepared = prepareLong(slow) // beside the quick ones
  await leg('Quick tests', quick, url)
  await prepared
  // Most rigs wait: for settle times, leases and brokers. Those that compare times have the processors with one other only.
  await leg(
    'Long tests',
    slow.filter((file) => !COMPARES.test(file)),
    url,
    { abreast: 5 },
  )
  await leg(
    'Long tests that compare times',
    slow.filter((file) => COMPARES.test(file)),
    url,
    { abreast: 2 },
  )

  const again = quick.filter((file) => ON_OLDEST.test(file) && !AS_ROAD.test(file) && !OWN_SERVER.test(file))
  const asRoad = quick.filter((file) => AS_ROAD.test(file))
  if (again.length + asRoad.length > 0) {
    const oldest = oldestServer()
    if ('reason' in oldest) {
      console.log(`\nPostgreSQL ${OLDEST}: ${again.length} files SKIPPED: ${oldest.reason}`)
      total.skipped += again.length
      await leg('As mortise_road', asRoad, url, { role: 'road' })
    } else {
      const old = await privateCluster({ binaries: { bin: oldest.bin, major: OLDEST } })
      await leg(`On PostgreSQL ${OLDEST}`, again, old)
      await leg(`On PostgreSQL ${OLDEST}, as mortise_road`, asRoad, old, { role: 'road' })
    }
  }
  if (times.length > 20) {
    const slowest = times.toSorted((a, b) => b.seconds - a.seconds).slice(0, 10)
    console.log(
      `\nThe longest:\n${slowest.map(({ file, seconds }) => `${seconds.toFixed(1).padStart(8)} s  ${file}`).join('\n')}`,
    )
  }
  if (failures.length > 0) console.log(`\nFailed:\n${failures.map((name) => `  ✖ ${name}`).join('\n')}`)
  console.log(
    `\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`,
  )
  return total.failed === 0 && total.passed > 0
}

process.exitCode = (await main()) ? 0 : 1
