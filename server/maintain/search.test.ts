/** What the search box finds by names: how a name is spelled in JSON, and which value of a record it is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameIn, spellings } from './search.ts'

test('a name is looked for as it is written and as JSON may escape it', () => {
  assert.deepEqual(spellings('North'), ['north'])
  assert.deepEqual(spellings('a"b'), ['a\\"b'])
  assert.deepEqual(spellings('华'), ['华', '\\u534e'])
})

test('a name is the text of the name field and nothing else of the record; a number keeps its digits', () => {
  assert.equal(nameIn('{"name":"North","note":"x"}', 'name'), 'North')
  assert.equal(nameIn('{"number":12345678901234567890.10}', 'number'), '12345678901234567890.10')
  assert.equal(nameIn('{"note":"North"}', 'name'), null)
  assert.equal(nameIn('{"name":{"a":"North"}}', 'name'), null)
  assert.equal(nameIn('not json', 'name'), null)
})
