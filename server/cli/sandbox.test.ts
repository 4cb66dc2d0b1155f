/** The sandbox tenant: as names.md promises, and the same secrets after each start. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { objectsOf } from '../../sandbox/objects.ts'
import { openGenerated } from '../access/generated.ts'
import { sandboxConfig, sandboxSecrets, writeSandboxJson } from './sandbox.ts'

const inFolder = async (work: (data: string) => Promise<void>) => {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-sandbox-'))
  await mkdir(join(folder, 'data'))
  try {
    await work(join(folder, 'data'))
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('sandbox.json has exactly the promised fields, only its owner reads it, and a second start keeps the secrets', () =>
  inFolder(async (data) => {
    const start = async (url: string) => {
      const generated = await openGenerated(data)
      const secrets = sandboxSecrets(generated)
      await generated.keep()
      const file = await writeSandboxJson(data, url, secrets)
      assert.equal((await stat(file)).mode & 0o777, 0o600)
      return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
    }
    const first = await start('http://127.0.0.1:7070')
    assert.deepEqual(Object.keys(first), [
      'url',
      'tenantId',
      'token',
      'erpToken',
      'crmToken',
      'clientId',
      'clientSecret',
      'salt',
      'console',
    ])
    assert.equal(new Set(Object.values(first)).size, 9, 'every secret is another')
    assert.deepEqual(await start('http://127.0.0.1:7171'), { ...first, url: 'http://127.0.0.1:7171' })
  }))

test('the configuration uses the same secrets, and declares the objects that the sandbox has', () =>
  inFolder(async (data) => {
    const generated = await openGenerated(data)
    const secrets = sandboxSecrets(generated)
    const [tenant] = (await sandboxConfig(generated, 'http://127.0.0.1:7098/')).tenants
    assert.ok(tenant)
    assert.deepEqual(
      tenant.tokens.map((one) => one.value),
      [secrets.token],
    )
    assert.deepEqual(
      tenant.hooks.map((one) => one.secret),
      [secrets.hookSecret],
    )
    assert.deepEqual(
      tenant.batchClients.map(({ clientId, secret, salt, origins }) => ({ clientId, secret, salt, origins })),
      [
        {
          clientId: secrets.clientId,
          secret: secrets.clientSecret,
          salt: secrets.salt,
          origins: ['http://127.0.0.1:7099', 'http://127.0.0.1:7098'],
        },
      ],
    )
    for (const { def, objects: all } of tenant.connections) {
      // master data comes in batches: the sandbox's own interface does not know it
      const objects = all.filter((one) => !one.batch)
      assert.deepEqual(
        all.flatMap((one) => one.batch?.path ?? []),
        def.connectionId === 'erp' ? ['positions', 'departments/v2', 'branches'] : [],
      )
      const real = objectsOf[def.connectionId as 'erp' | 'crm']
      assert.equal(def.baseUrl, `http://127.0.0.1:7098/sandbox/${def.connectionId}/`)
      assert.deepEqual(objects.map((one) => one.code).sort(), [...real.keys()].sort())
      for (const object of objects) {
        const there = real.get(object.code)
        assert.ok(there)
        assert.deepEqual(
          [object.idField, object.modifiedField, object.externalIdField],
          [there.idField, there.timeField, 'sourceId'],
        )
        const own = [object.idField, object.modifiedField, 'sourceId']
        assert.deepEqual(
          object.fields
            .map((one) => one.code)
            .filter((code) => !own.includes(code))
            .sort(),
          [...there.fields.keys()].sort(),
        )
        assert.deepEqual(
          object.details.map((one) => one.code),
          [...there.details.keys()],
        )
        for (const detail of object.details) {
          const known: string[] = [...(there.details.get(detail.code)?.fields.keys() ?? [])]
          assert.deepEqual(
            detail.fields.map((one) => one.code),
            [detail.idField, ...known],
          )
        }
      }
    }
    assert.ok(
      tenant.pairs.every(({ def }) => Object.values(def.flows).every((flow) => flow.actions.void === 'invalid')),
    )
    assert.deepEqual(
      tenant.pairs.flatMap(({ def }) => Object.keys(def.flows).map((side) => `${def.pairId} ${side}`)),
      ['customer left', 'customer right', 'material left', 'order right', 'guide left'],
    )
  }))
