/** What is in deploy/ against the repository: paths exist, names are documented, and the image is built where there is a Docker. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const documented = read('docs/operate.md')
const settings = (text: string): string[] => [...new Set(text.match(/\bMORTISE_[A-Z_]+\b/g))]

/** Instructions of a Dockerfile, continued lines joined. */
const instructions = (text: string): { name: string; rest: string }[] =>
  text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? []
      return { name, rest }
    })

const dockerfile = instructions(read('deploy/Dockerfile'))
const of = (name: string) => dockerfile.filter((one) => one.name === name).map((one) => one.rest)

test('the Dockerfile copies what exists, all that the program imports, and runs it as nobody special', () => {
  assert.ok(
    dockerfile.every(({ name }) =>
      /^(FROM|WORKDIR|ENV|COPY|RUN|USER|VOLUME|EXPOSE|STOPSIGNAL|HEALTHCHECK|CMD)$/.test(name),
    ),
  )
  assert.match(of('FROM')[0] ?? '', /^node:24-/, 'the major version that package.json brings along')
  const copied = of('COPY').flatMap((rest) => rest.split(' ').slice(0, -1))
  for (const path of copied) assert.ok(existsSync(join(root, path)), `${path} is copied and does not exist`)
  const rooms = new Set(copied)
  const packages = JSON.parse(read('package.json')) as Record<
    'dependencies' | 'optionalDependencies',
    Record<string, string>
  >
  const present = new Set([...Object.keys(packages.dependencies), ...Object.keys(packages.optionalDependencies)])
  for (const path of globSync('{server,protocol,sandbox}/**/*.ts', { cwd: root })) {
    if (/\.(test|fixture)\.ts$/.test(path)) continue
    for (const [, what = ''] of read(path).matchAll(/^(?:import|export)(?! type\b)[^'\n]*? from '([^']+)'/gm)) {
      if (what.startsWith('.')) {
        const target = join('/', path, '..', what).slice(1)
        assert.ok(
          rooms.has(target.split('/')[0] ?? '') || target === 'package.json',
          `${path} imports ${target}, which is not in the image`,
        )
      } else if (!what.startsWith('node:')) {
        const name = what
          .split('/')
          .slice(0, what.startsWith('@') ? 2 : 1)
          .join('/')
        assert.ok(present.has(name), `${path} imports ${name}, which --omit=dev leaves out`)
      }
    }
  }
  assert.deepEqual(of('USER'), ['node'])
  const [command = '[]'] = of('CMD')
  for (const part of (JSON.parse(command) as string[]).filter((one) => one.includes('/')))
    assert.ok(existsSync(join(root, part)), part)
  assert.ok(of('RUN').some((line) => line.includes('server/cli/bin.js')) && existsSync(join(root, 'server/cli/bin.js')))
})

test('every setting that is named in deploy/ is documented, and none is given a value that is refused', async () => {
  const files = globSync('deploy/**/*', { cwd: root, withFileTypes: true }).filter((one) => one.isFile())
  for (const { parentPath, name } of files)
    if (!name.endsWith('.test.ts'))
      for (const setting of settings(readFileSync(join(parentPath, name), 'utf8')))
        assert.ok(documented.includes(`\`${setting}\``), `${name} names ${setting}`)
  const { readSettings } = await import('../server/cli/settings.ts')
  const env = Object.fromEntries(
    of('ENV').flatMap((line) => line.split(' ').map((one) => one.split('=') as [string, string])),
  )
  const { host, drain, sandbox } = readSettings(env)
  assert.deepEqual([host, drain, sandbox], ['0.0.0.0', 5_000, false])
})

test('the compose file is whole: services wait for each other, volumes are declared, and a stop has the time it needs', () => {
  const file = parse(read('deploy/compose.yaml')) as {
    services: Record<
      string,
      {
        build?: { context: string; dockerfile: string }
        volumes: string[]
        healthcheck?: { test: string[] }
        stop_grace_period: string
        depends_on?: object
      }
    >
    volumes: Record<string, null>
  }
  const { postgres, mortise } = file.services
  assert.ok(postgres?.healthcheck && mortise?.build)
  assert.deepEqual(Object.keys(mortise.depends_on ?? {}), ['postgres'])
  assert.ok(existsSync(join(root, 'deploy', mortise.build.context, mortise.build.dockerfile)))
  for (const { volumes } of Object.values(file.services))
    for (const volume of volumes) assert.ok((volume.split(':')[0] ?? '') in file.volumes, volume)
  assert.ok(Number.parseInt(mortise.stop_grace_period, 10) >= 5 + 25)
})

test('the systemd unit starts what exists, asks only the main process to stop, and gives it its time', (t) => {
  const unit = read('deploy/systemd/mortise.service')
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? ''
  const [, ...parts] = value('ExecStart').split(' ')
  assert.deepEqual(parts, ['scripts/prepare.mjs', 'server/main.ts'])
  for (const part of parts) assert.ok(existsSync(join(root, part)))
  assert.deepEqual([value('KillMode'), value('KillSignal')], ['mixed', 'SIGTERM'])
  assert.ok(Number(value('TimeoutStopSec')) >= 5 + 25)
  for (const line of unit.split('\n')) assert.match(line, /^(#.*|\[(Unit|Service|Install)\]|[A-Z][A-Za-z]+=.+|)$/)
  const checked = spawnSync('systemd-analyze', ['verify', '--man=no', join(root, 'deploy/systemd/mortise.service')], {
    encoding: 'utf8',
  })
  if (checked.error) return t.diagnostic('systemd-analyze is not here: only the form was checked')
  // Users and folders of the machine it is for are not here.
  const complaints = checked.stderr
    .split('\n')
    .filter((line) => line.includes('mortise.service') && /Unknown|Invalid|Failed to parse|bad/i.test(line))
  assert.deepEqual(complaints, [])
})

test('the image builds, and answers', { timeout: 900_000 }, (t) => {
  const daemon = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { encoding: 'utf8' })
  if (daemon.error || daemon.status !== 0)
    return t.skip(
      `no Docker daemon here, so the image was NOT built: ${(daemon.error?.message ?? daemon.stderr).trim().slice(0, 120)}`,
    )
  const built = spawnSync('docker', ['build', '-q', '-f', 'deploy/Dockerfile', '-t', 'mortise-test', '.'], {
    cwd: root,
    encoding: 'utf8',
  })
  assert.equal(built.status, 0, built.stderr)
  const said = spawnSync('docker', ['run', '--rm', 'mortise-test', 'mortise', '--help'], { encoding: 'utf8' })
  assert.equal(said.status, 0, said.stderr)
  assert.match(said.stdout, /backup/)
})
