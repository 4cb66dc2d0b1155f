/** The documents against the repository: links and paths lead somewhere, commands parse, and what is said about packages and the guide is so. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const pages = globSync('{*.md,docs/**/*.md,sandbox/*.md}', { cwd: root })
  .map((path) => path.replaceAll('\\', '/'))
  .sort()

/** Text without fenced blocks; the blocks by language. */
const parts = (text: string) => {
  const blocks: { language: string; code: string }[] = []
  const prose = text.replace(/^```(\w*)\n([\s\S]*?)^```$/gm, (_, language: string, code: string) => {
    blocks.push({ language, code })
    return ''
  })
  return { prose, blocks }
}

/** GitHub's way to name a heading. */
const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')

const anchorsOf = (text: string): string[] =>
  [...parts(text).prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))

/** Links that lead nowhere, as sentences. */
const brokenLinks = (page: string, text: string): string[] =>
  [...parts(text).prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .flatMap((target) => {
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : posix.join(posix.dirname(page), path)
      if (!existsSync(join(root, file))) return [`${page}: ${target} does not exist`]
      if (anchor !== undefined && !anchorsOf(read(file)).includes(anchor))
        return [`${page}: ${target} has no such heading`]
      return []
    })

const places = /^(?:protocol|server|sandbox|prove|bench|examples|docs|scripts|deploy|\.ci)\//
/** Paths in backticks that begin in a folder of ours and are not there. */
const missingPaths = (page: string, text: string): string[] =>
  [...parts(text).prose.matchAll(/`([^`\s{}*…]+)`/g)]
    .map(([, path = '']) => path)
    .filter((path) => places.test(path) && !existsSync(join(root, path)))
    .map((path) => `${page}: ${path} does not exist`)

/** What a shell says of a block that it cannot read. */
const shellComplaint = (code: string): string => spawnSync('sh', ['-n'], { input: code, encoding: 'utf8' }).stderr ?? ''

test('every link leads to a page, and to a heading of it', () => {
  assert.ok(pages.length > 15, `found ${pages.length} pages`)
  assert.deepEqual(
    pages.flatMap((page) => brokenLinks(page, read(page))),
    [],
  )
})

test('every path of the code that a document names exists', () => {
  assert.deepEqual(
    pages.flatMap((page) => missingPaths(page, read(page))),
    [],
  )
})

test('every block of commands is something a shell can read', { skip: process.platform === 'win32' }, () => {
  const blocks = pages.flatMap((page) =>
    parts(read(page)).blocks.flatMap(({ language, code }) => (language === 'sh' ? [{ page, code }] : [])),
  )
  assert.ok(blocks.some(({ code }) => code.includes('curl')))
  for (const { page, code } of blocks) assert.equal(shellComplaint(code), '', `${page}:\n${code}`)
})

test('these checks find what they must find', () => {
  assert.equal(
    brokenLinks('README.md', '[a](docs/nowhere.md) [b](#no-such-heading) [c](https://example.com)').length,
    2,
  )
  assert.equal(missingPaths('README.md', 'see `server/nowhere.ts` and `server/main.ts`').length, 1)
  if (process.platform !== 'win32') assert.notEqual(shellComplaint('curl -d \'{"a":1}\necho it\n'), '')
})

const guideBody = JSON.parse(read('protocol/fixtures/guide-standard-push.txt')) as unknown

for (const page of ['README.md', 'README.zh-CN.md']) {
  test(`${page} pushes the guide’s own body, unchanged, to the guide’s own path`, () => {
    const { blocks } = parts(read(page))
    const push = blocks.find(({ code }) => code.includes('/erp/syncdata/open/objdata/syncpush'))
    const [, body = ''] = /--data-raw '([^']+)'/.exec(push?.code ?? '') ?? []
    assert.deepEqual(JSON.parse(body), guideBody)
  })
}

test('both READMEs run the same commands', () => {
  const commands = (page: string) =>
    parts(read(page))
      .blocks.filter(({ language }) => language === 'sh')
      .map(({ code }) => code.replace(/ *#.*$/gm, ''))
  assert.deepEqual(commands('README.zh-CN.md'), commands('README.md'))
})

test('docs/decisions/dependencies.md speaks of every package, and of no other', () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json')) as Record<
    string,
    Record<string, string>
  >
  const cells = [...read('docs/decisions/dependencies.md').matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell = '']) => cell)
  const named = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
  const packages = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })
  assert.deepEqual(new Set(named), new Set(packages))
  assert.equal(named.length, packages.length, 'each once')
})

test('every decision is listed, numbered once, and short', () => {
  const files = globSync('docs/decisions/*.md', { cwd: root })
    .map((path) => posix.basename(path.replaceAll('\\', '/')))
    .filter((name) => name !== 'README.md')
  const list = read('docs/decisions/README.md')
  for (const name of files) {
    assert.ok(list.includes(`(${name})`), `${name} is not listed`)
    if (name === 'dependencies.md') continue
    assert.match(name, /^\d{3}-[a-z0-9-]+\.md$/)
    assert.ok(read(join('docs/decisions', name)).split('\n').length <= 41, `${name} is longer than 40 lines`)
  }
  const numbers = files.map((name) => name.slice(0, 3)).filter((name) => /^\d/.test(name))
  assert.equal(new Set(numbers).size, numbers.length)
})

test('the picture of the road is well-formed and brings no script', () => {
  const svg = read('docs/road.svg')
  assert.doesNotMatch(svg, /<script|on\w+=|href=/)
  const open: string[] = []
  for (const [, closing, name = '', self] of svg.matchAll(/<(\/)?([a-z][\w-]*)(?:"[^"]*"|[^>"])*?(\/)?>/gi)) {
    if (closing) assert.equal(open.pop(), name)
    else if (!self) open.push(name)
  }
  assert.deepEqual(open, [])
})
