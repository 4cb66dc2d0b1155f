/** The scanner against JSON.parse, against its own refusals, and against a corpus of hostile documents. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { jsonCorpus } from './fixtures/json-corpus.ts'
import { naughtyStrings } from './fixtures/naughty-strings.ts'
import {
  compact,
  find,
  firstOdd,
  Kind,
  keyOf,
  kindOf,
  name,
  nextMember,
  position,
  type Scan,
  scan,
  valueBytes,
  valueText,
} from './scan.ts'

const verdict = (body: Buffer): string => {
  const result = scan(body)
  if (result.ok) return result.scan.reserved === null ? 'y' : 'r'
  const { kind } = result.defect
  return kind === 'depth' || kind === 'nodes' ? 'd' : kind === 'syntax' || kind === 'end' ? 'n' : 's'
}
const scanned = (text: string | Buffer, levels?: number): Scan => {
  const result = scan(Buffer.from(text), levels)
  assert.ok(result.ok, JSON.stringify(result))
  return result.scan
}
const defect = (text: string | Buffer) => {
  const result = scan(Buffer.from(text))
  assert.ok(!result.ok, 'should have been refused')
  return result.defect
}

test('every document of the corpus gets the verdict it should have', () => {
  assert.ok(jsonCorpus.length >= 220)
  const wrong = jsonCorpus.filter(({ text, expect }) => verdict(Buffer.from(text)) !== expect)
  assert.deepEqual(
    wrong.map(({ name, expect }) => `${name}: wanted ${expect}`),
    [],
  )
})

const parses = (body: Buffer): boolean => {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body))
    return true
  } catch {
    return false
  }
}
/** Deliberate refusals of what JSON.parse takes. */
const deliberate = new Set(['duplicate', 'nul', 'surrogate', 'depth', 'nodes'])

test('the scanner agrees with JSON.parse about every document, except where it refuses on purpose', () => {
  const document = fc.json({ maxDepth: 6 })
  const broken = fc
    .tuple(
      document,
      fc.nat(),
      fc.oneof(fc.constantFrom(...'{}[]",:\\0-+.eEtfn \u0000\u00e9'), fc.string({ maxLength: 3 })),
    )
    .map(([text, at, put]) => {
      const cut = at % (text.length + 1)
      return text.slice(0, cut) + put + text.slice(cut + (at % 3))
    })
  const bytes = fc.uint8Array({ maxLength: 40 }).map((raw) => Buffer.from(raw))
  const soup = fc
    .array(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        '"',
        ':',
        ',',
        'a',
        '1',
        '-',
        '.',
        'e',
        ' ',
        '\\',
        'u',
        '00',
        'true',
        'null',
        '"a"',
        '"b":',
      ),
      { maxLength: 16 },
    )
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(document, broken, bytes, soup), (text) => {
      const body = Buffer.from(text)
      const result = scan(body)
      if (result.ok) return body[0] === 0xef || parses(body)
      return deliberate.has(result.defect.kind) || !parses(body)
    }),
    { numRuns: 10_000 },
  )
})

test('a document without duplicates, NUL and lone surrogates is never refused', () => {
  const clean = fc.string({ unit: 'binary', maxLength: 8 }).filter((s) => s.isWellFormed() && !s.includes('\0'))
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      clean,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('any'), { maxLength: 4 }),
      fc.dictionary(
        clean.filter((k) => k !== '__proto__' && k !== 'constructor'),
        tie('any'),
        { maxKeys: 40, noNullPrototype: true },
      ),
    ),
  })).any
  fc.assert(
    fc.property(
      value,
      fc.constantFrom(0, 1, 3),
      (v, indent) => verdict(Buffer.from(JSON.stringify(v, null, indent))) === 'y',
    ),
    { numRuns: 600 },
  )
})

test('duplicate keys are found like a Set would find them, with few keys and with many, raw and escaped', () => {
  const many = Array.from({ length: 80 }, (_, i): [string, number, boolean] => ['many', i + 1, i === 70])
  const key = fc.tuple(
    fc.constantFrom('many', 'a', 'b', 'ab', 'ba', '客', '𠮷', '1', '01', ''),
    fc.nat(40),
    fc.boolean(),
  )
  fc.assert(
    fc.property(
      fc.array(key, { maxLength: 60 }).chain((few) => fc.constantFrom(few, [...many, ...few])),
      (parts) => {
        const names = parts.map(([text, number]) => text + (number || ''))
        const escaped = (text: string) =>
          [...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')
        const text = `{${names.map((n, i) => `"${parts[i]?.[2] ? escaped(n) : n}":${i}`).join(',')}}`
        const result = scan(Buffer.from(text))
        return (new Set(names).size === names.length) === result.ok && (result.ok || result.defect.kind === 'duplicate')
      },
    ),
    { numRuns: 3_000 },
  )
})

test('the byte ranges of members reproduce them exactly', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 6 }).filter((s) => s.isWellFormed() && s !== '__proto__')
  const object = fc.dictionary(text, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 30, noNullPrototype: true })
  fc.assert(
    fc.property(object, object, fc.constantFrom(0, 2), (outer, inner, indent) => {
      const whole: Record<string, unknown> = { ...outer, inner }
      const body = Buffer.from(JSON.stringify(whole, null, indent))
      const result = scan(body)
      if (!result.ok) return deliberate.has(result.defect.kind)
      const s = result.scan
      const check = (parent: number, of: Record<string, unknown>): boolean => {
        const seen: string[] = []
        for (let m = nextMember(s, parent, parent); m >= 0; m = nextMember(s, parent, m)) {
          const key = keyOf(s, m)
          seen.push(key)
          assert.equal(find(s, parent, name(key)), m)
          assert.deepEqual(JSON.parse(valueBytes(s, m).toString()), JSON.parse(JSON.stringify(of[key])))
        }
        assert.deepEqual(seen, Object.keys(of))
        return true
      }
      return check(-1, whole) && check(find(s, -1, name('inner')), inner)
    }),
    { numRuns: 400 },
  )
})

test('never throws and never accepts what the database would refuse, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(3), (raw, levels) => {
      const result = scan(Buffer.from(raw), levels)
      return result.ok || (result.defect.at >= 0 && result.defect.at <= raw.length && result.defect.path.isWellFormed())
    }),
    { numRuns: 5_000 },
  )
})

test('compacting takes away white space between tokens and nothing else', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) =>
      compact(Buffer.from(JSON.stringify(value, null, 3))).equals(Buffer.from(JSON.stringify(value))),
    ),
  )
  assert.equal(compact(Buffer.from('{ "a b" : " \\" c " }')).toString(), '{"a b":" \\" c "}')
})

test('a defect names its place: path, line, column and byte', () => {
  const text = '{\n  "masterFieldVal": {"名": "好"},\n  "detailFieldVals": {"lines": [{"a": 1}, {"b": "x\\u0000"}]}\n}'
  const { kind, at, path } = defect(text)
  assert.deepEqual({ kind, path }, { kind: 'nul', path: 'detailFieldVals.lines[1].b' })
  assert.deepEqual(position(Buffer.from(text), at), {
    line: 3,
    column: (text.split('\n')[2] ?? '').indexOf('\\u') + 1,
    offset: at,
  })
  assert.deepEqual(position(Buffer.from('{"名": ,}'), defect('{"名": ,}').at), { line: 1, column: 7, offset: 8 })
  assert.equal(defect('{"a":{"b":1,"b":2}}').path, 'a.b')
  assert.equal(defect('{"a":{"b\\ud800":1}}').kind, 'surrogate')
  assert.equal(
    defect(Buffer.concat([Buffer.from('{"a":["ok","'), Buffer.from([0xbf]), Buffer.from('"]}')])).path,
    'a[1]',
  )
  assert.equal(scanned('{"x":[{"__proto__":1}]}').reserved, 'x[0].__proto__')
})

test('a megabyte key is shown only by its beginning', () => {
  const { path } = defect(`{"${'k'.repeat(1_000_000)}":"\\u0000"}`)
  assert.ok(path.length < 100)
})

test('depth 64 passes and 65 does not; 200,000 nodes pass and one more does not', () => {
  assert.equal(verdict(Buffer.from(`${'{"a":'.repeat(63)}{}${'}'.repeat(63)}`)), 'y')
  assert.equal(defect(`${'{"a":'.repeat(64)}{}${'}'.repeat(64)}`).kind, 'depth')
  assert.equal(verdict(Buffer.from(`[${'0,'.repeat(199_998)}0]`)), 'y')
  assert.equal(defect(`[${'0,'.repeat(199_999)}0]`).kind, 'nodes')
})

test('the index tells kinds, and which element of an array is no object', () => {
  const s = scanned('{"o":{},"a":[{},{}],"b":[{},7],"c":[[]],"e":[],"s":"x\\ty","n":-1.50,"t":true,"z":null}')
  const of = (key: string) => find(s, -1, name(key))
  assert.deepEqual(
    ['o', 'a', 's', 'n', 't', 'z'].map((k) => kindOf(s, of(k))),
    [Kind.object, Kind.array, Kind.string, Kind.number, Kind.true, Kind.null],
  )
  assert.deepEqual(
    ['a', 'b', 'c', 'e'].map((k) => firstOdd(s, of(k))),
    [-1, 1, 0, -1],
  )
  assert.equal(valueText(s, of('s')), 'x\ty')
  assert.equal(valueText(s, of('n')), '-1.50')
  assert.equal(find(s, -1, name('nope')), -2)
})

test('naughty strings survive as values and as keys', () => {
  for (const text of naughtyStrings) {
    const s = scanned(JSON.stringify({ v: text, k: { [`k${text}`]: 1 } }))
    assert.equal(valueText(s, find(s, -1, name('v'))), text)
    assert.ok(find(s, find(s, -1, name('k')), name(`k${text}`)) >= 0, text)
  }
})

test('the guide’s own bodies are read', () => {
  for (const file of ['standard-push', 'success', 'create-answer', 'update-answer', 'single-query-answer'])
    assert.equal(verdict(readFileSync(new URL(`fixtures/guide-${file}.txt`, import.meta.url))), 'y', file)
})

test('many keys in one object cost no more than linear time', () => {
  const body = Buffer.from(`{${Array.from({ length: 190_000 }, (_, i) => `"${i * 4096}":0`).join(',')}}`)
  const start = performance.now()
  assert.equal(verdict(body), 'y')
  assert.ok(performance.now() - start < 5_000)
})
