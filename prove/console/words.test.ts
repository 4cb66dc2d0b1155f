/** The console's four catalogues say the same things, use the same values, and say nothing that no page asks for. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../../console')
const locales = ['zh_CN', 'zh_TW', 'en_US', 'ja_JP'] as const
type Catalogue = Record<string, string>

const catalogues = Object.fromEntries(
  locales.map((locale) => [
    locale,
    JSON.parse(readFileSync(join(root, 'words', `${locale}.json`), 'utf8')) as Catalogue,
  ]),
) as Record<(typeof locales)[number], Catalogue>

/** English has a form for one; the others do not. */
const plain = (key: string): string => key.replace(/_(one|other)$/, '')
const valuesIn = (text: string): string[] =>
  [...new Set([...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name!))].sort()

/** What is wrong with these catalogues, as sentences. Pure. */
const faults = (all: Record<string, Catalogue>): string[] => {
  const found: string[] = []
  const wanted = new Set(Object.values(all).flatMap((words) => Object.keys(words).map(plain)))
  for (const [locale, words] of Object.entries(all)) {
    const present = new Set(Object.keys(words).map(plain))
    for (const key of wanted) if (!present.has(key)) found.push(`${locale} lacks ${key}`)
    for (const [key, text] of Object.entries(words)) {
      const english = all.en_US?.[key] ?? all.en_US?.[`${plain(key)}_other`] ?? ''
      const missing = valuesIn(english).filter((name) => !valuesIn(text).includes(name))
      const strange = valuesIn(text).filter((name) => !valuesIn(english).includes(name))
      if (missing.length && plain(key) === key) found.push(`${locale} ${key} does not say ${missing.join(', ')}`)
      if (strange.length) found.push(`${locale} ${key} says ${strange.join(', ')}`)
    }
  }
  for (const [key, text] of Object.entries(all.en_US ?? {}))
    if (/[\u3040-\u30ff\u4e00-\u9fff]/.test(text)) found.push(`en_US ${key} is not English`)
  return found
}

test('the four catalogues have the same keys and the same values in them', () => {
  assert.ok(Object.keys(catalogues.en_US).length > 400)
  assert.deepEqual(faults(catalogues), [])
})

test('a key that is missing, a value that is another, and Chinese in the English one are found', () => {
  const broken = structuredClone(catalogues)
  delete broken.ja_JP['act.save']
  broken.zh_TW['find.none'] = '找不到 {{name}}'
  broken.en_US['act.close'] = '关闭'
  assert.deepEqual(faults(broken).sort(), [
    'en_US act.close is not English',
    'ja_JP lacks act.save',
    'zh_TW find.none does not say id',
    'zh_TW find.none says name',
  ])
})

test('every key is asked for by a page', () => {
  const source = globSync('**/*.{ts,tsx}', { cwd: root })
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n')
  // t('a.b'), and `a.${b}` or word('a', b) for families of keys
  const whole = new Set([...source.matchAll(/'([a-zA-Z]+\.[^'\n]+)'/g)].map(([, key]) => key!))
  const families = [
    ...[...source.matchAll(/`([a-zA-Z.]+\.)\$\{/g)].map(([, start]) => start!),
    ...[...source.matchAll(/word\('([a-zA-Z]+)'/g)].map(([, name]) => `${name}.`),
  ]
  const unasked = [...new Set(Object.keys(catalogues.en_US).map(plain))].filter(
    (key) => key !== 'brand' && !whole.has(key) && !families.some((start) => key.startsWith(start)),
  )
  assert.deepEqual(unasked, [])
})
