/** The published JSON Schema and the examples agree with the program. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { readConfig } from './file.ts'
import { tellProblems } from './problem.ts'
import { jsonSchema } from './schema.ts'
import { readYaml } from './yaml.ts'

const root = join(import.meta.dirname, '../..')
const examples = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.yaml'))
const text = (name: string) => readFileSync(join(root, 'examples', name), 'utf8')
const urls: Record<string, string> = {
  SANDBOX_URL: 'http://127.0.0.1:7071',
  RABBITMQ_URL: 'amqps://us:secret@mq.example.com',
  NATS_URL: 'tls://us:secret@n1.example.com,tls://n2.example.com',
}
const variables = (name: string) =>
  Object.fromEntries(
    [...text(name).matchAll(/\$\{([A-Z_]+)\}/g)].map(([, variable]) => [
      variable,
      urls[variable ?? ''] ?? `secret-value-of-${variable}`,
    ]),
  )

test('the published schema is the one the program checks with (node scripts/schema.ts writes it)', () => {
  assert.deepEqual(
    JSON.parse(readFileSync(join(root, 'docs/schema/mortise.schema.json'), 'utf8')),
    JSON.parse(JSON.stringify(jsonSchema())),
  )
})

for (const name of examples) {
  test(`examples/${name} holds, without a warning, for the program and for the published schema`, () => {
    const env = variables(name)
    const { config, problems } = readConfig({
      text: text(name),
      file: name,
      env,
      generate: (secret) => `generated-${secret.replaceAll('/', '-')}`,
    })
    assert.ok(config && !problems.length, tellProblems(problems))
    const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(jsonSchema())
    assert.ok(validate(readYaml(text(name), name, env).value), JSON.stringify(validate.errors))
  })
}

test('the published schema refuses an unknown key', () => {
  const validate = new Ajv({ allowUnionTypes: true }).compile(jsonSchema())
  assert.equal(validate({ tenants: [{ id: 'a', connections: [], colour: 'red' }] }), false)
  assert.equal(validate({ tenants: [{ id: 'a', connections: [] }] }), true)
})
