/** The log: lines that a machine reads, the same fields everywhere, and no secret in any of them, however it got there. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLog, shownError, shownUrl } from './log.ts'

const root = join(import.meta.dirname, '../..')

const logged = (hide: string[] = []) => {
  let text = ''
  const book = openLog({ level: 'trace', node: 'n1', stream: { write: (line) => void (text += line) } })
  book.hide(hide)
  return {
    book,
    text: () => text,
    lines: () =>
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
  }
}

test('a line says when, how grave, which node, which agent and what, in JSON', () => {
  const { book, lines } = logged()
  book.of('reaper').warn({ trace: 'a1', tenant: 't' }, 'leases ran out')
  const [line] = lines()
  assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.deepEqual(
    { ...line, time: '' },
    {
      level: 'warn',
      time: '',
      node: 'n1',
      agent: 'reaper',
      trace: 'a1',
      tenant: 't',
      msg: 'leases ran out',
    },
  )
})

test('planted secrets are found nowhere: by name, in a header, in an address, in an error and its cause, inside another text', () => {
  const canary = (n: number) => `canary-${n}-7f3a9c`
  const { book, text, lines } = logged([canary(20), 'line\nbreak-secret', 'sp ace/secret+'])
  const { log } = book
  log.warn({ headers: { token: canary(1), authorization: canary(2) } }, 'headers')
  log.warn({ call: { headers: { token: canary(3) }, body: canary(4) } }, 'nested')
  for (const name of [
    'token',
    'secret',
    'salt',
    'password',
    'key',
    'body',
    'raw',
    'request',
    'answer',
    'access_token',
    'cookie',
  ])
    log.warn({ [name]: canary(5), inner: { [name]: canary(6) } }, 'by name')
  log.warn({ url: `/hooks/crm/${canary(7)}?token=${canary(8)}` }, 'hook')
  log.warn({ url: `/callbacks/hr/${canary(9)}` }, 'callback')
  const cause = Object.assign(new Error('duplicate key'), { detail: `Key (token)=(${canary(10)})`, where: canary(11) })
  const error = Object.assign(new Error('it failed', { cause }), {
    code: '23505',
    statement: 'insert into x',
    config: { headers: { token: canary(12) } },
    response: canary(13),
  })
  log.error({ err: error }, 'failed')
  log.warn({ said: `the target answered: bad token ${canary(20)}` }, `${canary(20)} in the message`)
  log.error({ err: new Error(`connect with ${canary(20)}`) }, 'x')
  log.warn({ said: 'line\nbreak-secret and sp%20ace%2Fsecret%2B' }, 'escaped')
  assert.doesNotMatch(text(), /canary-/)
  assert.doesNotMatch(text(), /break-secret|sp%20ace|sp ace/)
  const failed = lines().find((line) => line.msg === 'failed')
  assert.deepEqual(
    [failed.err.code, failed.err.statement, failed.err.cause.message],
    ['23505', 'insert into x', 'duplicate key'],
  )
  assert.equal(lines().length, 19, 'every line is still a line')
})

test('addresses are shown without their query, the hook’s without its secret, everything else as it is', () => {
  assert.equal(shownUrl('/hooks/crm/abc?x=1'), '/hooks/crm/[hidden]')
  assert.equal(shownUrl('/erp/syncdata/open/objdata/syncpush?token=1'), '/erp/syncdata/open/objdata/syncpush')
  assert.equal(shownUrl(undefined), undefined)
  assert.equal(shownError('a text'), 'a text')
})

/** The words of docs/operate.md, "The log". */
const vocabulary = (): Set<string> => {
  const text = readFileSync(join(root, 'docs/operate.md'), 'utf8')
  const [, section = ''] = text.split('## The log\n')
  const [table = ''] = section.split('\n## ')
  return new Set(
    [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, names = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
    ),
  )
}

test('every call of the log uses the documented fields, and every documented field is used', () => {
  const words = vocabulary()
  const used = new Set(['time', 'level', 'node', 'agent', 'msg'])
  for (const path of globSync('server/**/*.ts', { cwd: root })) {
    if (path.includes('.test.') || path.includes('.fixture.')) continue
    const text = readFileSync(join(root, path), 'utf8')
    for (const [, inside = ''] of text.matchAll(
      /\blog(?:\.|\[[^\]]*\]\()(?:(?:info|warn|error|debug)\()?\s*\{((?:[^{}]|\{[^{}]*\})*)\},\s*(?:['"`]|\w+\()/g,
    )) {
      // shorthand, `name: value`, and what a spread adds in a literal of its own
      const flat = inside.replaceAll(/\.\.\.\([^&]*&& \{([^{}]*)\}\)/g, '$1')
      for (const part of flat.split(/,(?![^(]*\))/)) {
        const [, name] = /^\s*(\w+)\s*(?::|$)/.exec(part) ?? []
        if (!name) continue
        assert.ok(words.has(name), `${path} logs a field ${name}, which docs/operate.md does not know`)
        used.add(name)
      }
    }
  }
  assert.deepEqual(
    [...words].filter((word) => !used.has(word)),
    [],
  )
})
