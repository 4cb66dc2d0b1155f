/** The house test (architecture.md, "Rooms and floors"): imports go down only, rooms of the top floors do not know each other, every file says its duty. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { test } from 'node:test'

interface Source {
  path: string
  text: string
}

const FLOORS: string[][] = [
  ['doc'],
  ['store', 'http', 'agent', 'egress', 'map', 'functions', 'connect'],
  [
    'receive',
    'poll',
    'listen',
    'batch',
    'decode',
    'stage',
    'converge',
    'deliver',
    'dispatch',
    'objects',
    'flows',
    'maintain',
    'observe',
    'access',
  ],
]
/** What stands beside the server, and what of this repository each may import besides itself. */
const BESIDE: Record<string, string[]> = {
  protocol: [],
  sandbox: ['protocol'],
  sdk: ['protocol'],
  conformance: ['protocol', 'sdk'],
  examples: ['protocol', 'sdk', 'conformance'],
  console: [],
}
/** Inside the console: `app` knows everyone, a page knows no other page, what they share stands in `ui` and `api`. */
const consoleFault = (from: string, to: string): string | null => {
  const [, high = '', page = ''] = from.split('/')
  const [, low = '', other = ''] = to.split('/')
  if (high === 'app' || low === high)
    return high === 'features' && page !== other ? 'pages do not import each other' : null
  const may: Record<string, string[]> = { features: ['ui', 'api'], ui: ['api', 'words'], api: [] }
  return (may[high] ?? []).includes(low)
    ? null
    : `console/${high} may import only ${['itself', ...(may[high] ?? [])].join(', ')}`
}
const FREE = new Set(['prove', 'bench', 'scripts'])
const HOMELESS = new Set(['utils', 'common', 'shared', 'helpers', 'types', 'services'])
const TEST_SUPPORT = 'server/store/fresh.ts'

const isFree = (path: string) => path.endsWith('.test.ts') || FREE.has(path.split('/')[0]!)
const isTop = (path: string) => path === 'server/main.ts' || path.startsWith('server/cli/')
const roomOf = (path: string) => path.split('/')[1]!
const floorOf = (path: string) =>
  isTop(path) ? FLOORS.length : FLOORS.findIndex((rooms) => rooms.includes(roomOf(path)))

/** `from '…'`, `import '…'` and `import('…')` with a relative path, as paths from the root of the repository. */
const importsOf = ({ path, text }: Source): string[] =>
  [...text.matchAll(/^\s*(?:import|export)\b[^'"`;]*?['"](\.[^'"]+)['"]|\bimport\(\s*['"](\.[^'"]+)['"]/gm)].map(
    (found) => posix.join(posix.dirname(path), found[1] ?? found[2]!),
  )

const importFault = (from: string, to: string): string | null => {
  if (isFree(from)) return null
  if (isFree(to) && !to.startsWith('scripts/')) return 'is a test, a rig or a benchmark'
  if (to === TEST_SUPPORT) return 'is test support'
  const [zone, target] = [from.split('/')[0]!, to.split('/')[0]!]
  if (zone !== 'server') {
    if (zone === 'console' && target === 'console') return consoleFault(from, to)
    return zone === target || (BESIDE[zone] ?? []).includes(target)
      ? null
      : `${zone}/ may import only ${['itself', ...(BESIDE[zone] ?? [])].join(', ')}`
  }
  if (target === 'protocol' || isTop(from)) return null
  if (target !== 'server') return `only main.ts and cli/ may import ${target}/`
  if (roomOf(from) === roomOf(to)) return null
  const [low, high] = [floorOf(to), floorOf(from)]
  if (low > high) return 'imports go down only'
  if (low === high && high !== 1) return 'rooms of this floor do not import each other'
  return null
}

/** The tools of floor 1 may use each other, but not in a circle. */
const circles = (edges: Map<string, Set<string>>): string[] => {
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
    [...(edges.get(from) ?? [])].some((next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))))
  return [...edges.keys()]
    .filter((room) => reaches(room, room))
    .map((room) => `server/${room}/ imports itself in a circle of rooms`)
}

/** All that is wrong with these files, as sentences. Pure. */
const violations = (sources: readonly Source[]): string[] => {
  const found: string[] = []
  const edges = new Map<string, Set<string>>()
  for (const source of sources) {
    const { path, text } = source
    const folder = path
      .split('/')
      .slice(0, -1)
      .find((name) => HOMELESS.has(name))
    if (folder) found.push(`${path}: a folder named ${folder} is no room`)
    if (!/^(#!.*\n)?\/\*\* ?\S|^(#!.*\n)?\/\*\*\n \* \S/.test(text))
      found.push(`${path}: does not open with a sentence that names its duty`)
    if (path.startsWith('server/') && !isFree(path) && floorOf(path) < 0)
      found.push(`${path}: stands in no room of architecture.md`)
    for (const to of importsOf(source)) {
      const fault = importFault(path, to)
      if (fault) found.push(`${path} imports ${to}: ${fault}`)
      const tools = [path, to].every((one) => one.startsWith('server/') && !isFree(one) && floorOf(one) === 1)
      if (tools && roomOf(path) !== roomOf(to))
        edges.set(roomOf(path), (edges.get(roomOf(path)) ?? new Set()).add(roomOf(to)))
    }
  }
  return [...found, ...circles(edges)]
}

const root = join(import.meta.dirname, '..')
const everyFile = (): Source[] =>
  globSync('{protocol,server,sandbox,sdk,conformance,examples,bench,prove,scripts,console}/**/*.{ts,tsx}', {
    cwd: root,
    exclude: (name) => name.includes('node_modules'),
  }).map((path) => ({ path: path.replaceAll('\\', '/'), text: readFileSync(join(root, path), 'utf8') }))

test('imports go down only, rooms keep to themselves, and every file says its duty', () => {
  const files = everyFile()
  assert.ok(files.length > 20, 'the files were found')
  assert.deepEqual(violations(files), [])
})

test('the rule refuses what it must refuse', () => {
  const file = (path: string, ...imports: string[]): Source => ({
    path,
    text: `/** Made up. */\n${imports.map((to) => `import { x } from '${to}'\n`).join('')}`,
  })
  const refused: [Source, RegExp][] = [
    [file('server/stage/admit.ts', '../converge/settle.ts'), /rooms of this floor do not import each other/],
    [file('server/maintain/list.ts', '../flows/plan.ts'), /rooms of this floor do not import each other/],
    [file('server/doc/link.ts', '../store/sql.ts'), /imports go down only/],
    [file('server/store/pool.ts', '../main.ts'), /imports go down only/],
    [file('server/egress/pool.ts', '../poll/window.ts'), /imports go down only/],
    [file('protocol/token.ts', '../server/doc/fault.ts'), /protocol\/ may import only itself$/],
    [file('sandbox/crm.ts', '../server/doc/document.ts'), /sandbox\/ may import only itself, protocol/],
    [file('server/receive/push.ts', '../../sandbox/erp.ts'), /only main\.ts and cli\/ may import sandbox/],
    [file('server/stage/admit.ts', '../store/fresh.ts'), /is test support/],
    [file('server/stage/admit.ts', './admit.test.ts'), /is a test/],
    [file('console/features/calls/calls.tsx', '../mapping/mapping.tsx'), /pages do not import each other/],
    [file('console/ui/time.tsx', '../features/calls/curl.ts'), /console\/ui may import only itself, api, words/],
    [file('console/api/client.ts', '../../server/http/route.ts'), /console\/ may import only itself/],
    [file('server/doc/utils/text.ts'), /a folder named utils is no room/],
    [file('server/extra/thing.ts'), /stands in no room/],
    [{ path: 'server/doc/fault.ts', text: 'export const x = 1\n' }, /does not open with a sentence/],
    [
      { path: 'server/stage/a.ts', text: "/** Made up. */\nexport type {\n  X,\n} from '../poll/b.ts'\n" },
      /do not import each other/,
    ],
    [
      { path: 'server/stage/a.ts', text: "/** Made up. */\nconst x = await import('../poll/b.ts')\n" },
      /do not import each other/,
    ],
  ]
  for (const [source, sentence] of refused) {
    const found = violations([source])
    assert.equal(found.length, 1, `${source.path}: ${found.join(' | ')}`)
    assert.match(found[0]!, sentence)
  }
  assert.match(
    violations([file('server/map/a.ts', '../connect/b.ts'), file('server/connect/b.ts', '../map/a.ts')]).join(),
    /circle of rooms/,
  )
})

test('the rule lets pass what may pass', () => {
  const fine: Source[] = [
    {
      path: 'server/main.ts',
      text: "/** Made up. */\nimport '../sandbox/main.ts'\nimport { a } from './stage/admit.ts'\n",
    },
    {
      path: 'server/cli/bin.ts',
      text: "#!/usr/bin/env node\n/** Made up. */\nimport { a } from '../converge/decide.ts'\n",
    },
    { path: 'server/stage/admit.test.ts', text: "/** Made up. */\nimport { a } from '../converge/settle.ts'\n" },
    {
      path: 'server/stage/admit.ts',
      text: "/** Made up. */\nimport { a } from '../store/sql.ts'\nimport { b } from '../../protocol/token.ts'\nimport c from 'pg'\n",
    },
    { path: 'prove/kill.ts', text: "/** Made up. */\nimport { a } from '../server/stage/admit.ts'\n" },
  ]
  assert.deepEqual(violations(fine), [])
})
