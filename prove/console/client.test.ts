/** The types that the console calls the API by are those of the API as it stands: what the file knows must be so; a route that it does not know yet is no fault. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { clientPath, clientText, describedApi, type Document, entriesOf } from '../../scripts/api-client.ts'

/** Entries of the file that are not what the document says. */
const stale = (file: string, document: Document): string[] => {
  const now = entriesOf(document)
  const known = [...file.matchAll(/^ {2}(\w+): \['/gm)].map(([, id]) => id as string)
  return known.filter((id) => {
    const entry = now.get(id)
    return !entry || !file.includes(`${entry.type}\n`) || !file.includes(`${entry.value}\n`)
  })
}

test('the console calls the API by what its OpenAPI document says', async () => {
  const document = await describedApi()
  const file = await readFile(clientPath, 'utf8')
  assert.deepEqual(stale(file, document), [], 'node scripts/api-client.ts writes it anew')
})

test('a route that changed, or is gone, is found', async () => {
  const document = await describedApi()
  const file = clientText(document)
  const { '/api/v1/tenants/{tenant}/records/{link}/ignore': gone, ...rest } = document.paths
  assert.ok(gone?.post)
  assert.deepEqual(stale(file, { paths: rest }), ['ignoreRecord'])
  const other = structuredClone(document)
  const ignore = other.paths['/api/v1/tenants/{tenant}/records/{link}/ignore']!.post!
  ignore.requestBody!.content!['application/json']!.schema = { type: 'object', properties: { why: { type: 'string' } } }
  assert.deepEqual(stale(file, other), ['ignoreRecord'])
})
