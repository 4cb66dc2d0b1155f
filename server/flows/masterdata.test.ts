/** The template of master-data objects: what the published interface says of a position, and what a file makes of a template. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { locales } from '../../protocol/codes.ts'
import { readConfig } from './file.ts'
import { templateNames, templates } from './masterdata.ts'

const read = (objects: string) => {
  const text = `tenants:\n  - id: t\n    connections:\n      - id: hr\n        role: erp\n        baseUrl: http://hr.example/\n        objects:\n${objects}`
  const { config, problems } = readConfig({ text, file: 'f.yaml', env: {}, generate: () => 'x'.repeat(24) })
  return { objects: config?.tenants[0]?.connections[0]?.objects ?? [], said: problems.map((one) => one.say) }
}

test('a position has the fields, lengths and required flags that are published for it', () => {
  const { objects, said } = read(
    '          - { code: position, template: position }\n          - { code: branch, template: branch }\n          - { code: department, template: department }\n',
  )
  assert.deepEqual(said, [])
  const [position] = objects
  const told = Object.fromEntries(
    (position?.fields ?? []).map((f) => [
      f.code,
      [f.type, f.length ?? null, f.required ?? false, f.references ?? null, f.soft ?? false],
    ]),
  )
  assert.deepEqual(told, {
    code: ['text', 64, true, null, false],
    branch_code: ['reference', 64, false, 'branch', false],
    position_name: ['text', 64, true, null, false],
    department_code: ['reference', 255, false, 'department', true],
    parent_code: ['reference', 255, false, 'position', true],
    description: ['text', 255, false, null, false],
    approval_level: ['integer', null, false, null, false],
    enabled_flag: ['select', null, false, null, false],
    ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`column${i + 1}`, ['text', 255, false, null, false]])),
  })
  assert.equal(position?.idField, 'code')
  assert.deepEqual(position?.batch, { path: 'positions' })
})

test('an administrator changes what differs, and what the connection has not taken is text', () => {
  const { objects, said } = read(`          - code: job
            template: position
            batch: { path: jobs, perDay: 5 }
            without: [column9, column10]
            fields: { approval_level: { type: integer, required: true }, branch_code: text, extra: decimal }
`)
  assert.deepEqual(said, [])
  const fields = objects[0]?.fields ?? []
  const of = (code: string) => fields.find((one) => one.code === code)
  assert.deepEqual(objects[0]?.batch, { path: 'jobs', perDay: 5 })
  assert.deepEqual(
    [of('parent_code')?.references, of('department_code')?.references, of('department_code')?.type],
    ['job', undefined, 'text'],
  )
  assert.deepEqual(
    [of('approval_level')?.required, of('branch_code')?.type, of('extra')?.type, of('column8')?.length, of('column9')],
    [true, 'text', 'decimal', 255, undefined],
  )
})

test('what makes no sense is said where it stands', () => {
  assert.match(
    read('          - { code: a, template: position, without: [nothing] }\n').said.join(),
    /no field "nothing"/,
  )
  assert.match(read('          - { code: a, without: [x] }\n').said.join(), /there is none/)
  assert.match(
    read('          - { code: a, fields: { b: { soft: true } } }\n').said.join(),
    /"references", which is missing/,
  )
  assert.match(read('          - { code: a, batch: { perDay: 5 } }\n').said.join(), /"path" is missing/)
  assert.deepEqual(read('          - { code: a, template: position, batch: { perDay: 5 } }\n').objects[0]?.batch, {
    path: 'positions',
    perDay: 5,
  })
  assert.match(
    read('          - { code: a, batch: { path: p } }\n          - { code: b, batch: { path: p } }\n').said.join(),
    /a batch path of its own/,
  )
})

test('all ten templates are declared together without a complaint, and every field has a name in four languages', () => {
  const { objects, said } = read(
    templateNames.map((name) => `          - { code: ${name}, template: ${name} }\n`).join(''),
  )
  assert.deepEqual(said, [])
  assert.equal(objects.length, 10)
  assert.equal(new Set(objects.map((one) => one.batch?.path)).size, 10)
  for (const name of templateNames)
    for (const [code, field] of Object.entries(templates[name].fields ?? {})) {
      assert.ok(typeof field === 'object')
      for (const locale of locales)
        assert.ok(locale === 'zh_CN' ? field.name : field.names?.[locale], `${name}.${code} ${locale}`)
    }
  for (const { code, fields } of objects)
    for (const field of fields)
      if (field.references)
        assert.ok(
          objects.some((one) => one.code === field.references),
          `${code}.${field.code}`,
        )
})
