/** The integrator's journey with real processes: one file brings up two systems, 41 records fail on one option, one group tells it, one retry ends it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { freshDatabase } from '../../server/store/fresh.ts'
import { openGround, until } from '../rigs/ground.ts'

const file = (options: string) => `tenants:
  - id: acme
    connections:
      - id: erp
        role: erp
        baseUrl: \${SYSTEMS}/sandbox/erp/
        headers: { token: \${ERP_TOKEN} }
        objects:
          - code: BD_Customer
            modifiedField: modifyTime
            externalIdField: sourceId
            fields:
              id: text
              number: text
              name: { type: text, required: true }
              grade: { type: select, options: [A, B, C] }
              modifyTime: { type: datetime, format: epochMillis }
              sourceId: text
      - id: crm
        role: crm
        baseUrl: \${SYSTEMS}/sandbox/crm/
        headers: { token: \${CRM_TOKEN} }
        objects:
          - code: AccountObj
            idField: _id
            modifiedField: last_modified_time
            externalIdField: sourceId
            fields:
              _id: text
              account_no: text
              name: text
              level: { type: select, options: ['1', '2', '3'] }
              last_modified_time: { type: datetime, format: epochMillis }
              sourceId: text
    pairs:
      - id: customer
        left: erp/BD_Customer
        right: crm/AccountObj
        flows:
          leftToRight:
            mapping:
              fields:
                account_no: number
                name: name
                level: { from: grade, options: { ${options} }, unmapped: park }
    tokens:
      - { name: erp-push, value: \${PUSH_TOKEN} }
`

interface Ended {
  code: number
  out: string
  err: string
}

test('from an empty database to a healed group of 41, by the file and the terminal alone', {
  timeout: 240_000,
}, async () => {
  await using db = await freshDatabase({ migrations: [] })
  await using ground = await openGround()
  const systems = await ground.witness()
  const token = randomBytes(12).toString('hex')
  const env = {
    MORTISE_DATABASE_URL: db.url,
    MORTISE_DATA: join(ground.folder, 'data'),
    MORTISE_SECRET_KEY: randomBytes(32).toString('base64'),
    MORTISE_SANDBOX: 'off',
    MORTISE_ALLOW_LOOPBACK: 'on',
    SYSTEMS: systems.url,
    ERP_TOKEN: systems.tokens.erpToken,
    CRM_TOKEN: systems.tokens.crmToken,
    PUSH_TOKEN: token,
  }
  const mortise = (...args: string[]): Promise<Ended> =>
    new Promise((done) => {
      const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MORTISE_')))
      const command = join(import.meta.dirname, '../../server/cli/main.ts')
      execFile(
        process.execPath,
        [command, ...args],
        { env: { ...clean, ...env }, cwd: ground.folder },
        (error, out, err) => done({ code: error ? Number(error.code) : 0, out, err }),
      )
    })
  const config = join(ground.folder, 'acme.yaml')

  // ── one file, and a mistake in it names its line ──
  await writeFile(config, file("A: '1', B: '2'").replace('modifiedField: last', 'modifyField: last'))
  const wrong = await mortise('plan', config)
  assert.equal(wrong.code, 3)
  const line = (await readFile(config, 'utf8')).split('\n').findIndex((text) => text.includes('modifyField')) + 1
  assert.match(wrong.err, new RegExp(`acme\\.yaml:${line}:\\d+ .*modifyField[\\s\\S]*did you mean "modifiedField"`))
  await writeFile(config, file("A: '1', B: '2'"))
  const applied = await mortise('apply', config)
  assert.equal(applied.code, 0, applied.err)
  assert.match(applied.out, /\+ connection erp[\s\S]*\+ flow customer leftToRight[\s\S]*Applied\./)
  assert.equal((await mortise('plan', config)).out, 'Nothing to change.\n')

  const program = await ground.program('server/main.ts', env)
  await program.start()
  const push = async (id: string, grade: string) => {
    const answer = await fetch(`${program.url}/erp/syncdata/open/objdata/syncpush`, {
      method: 'POST',
      headers: { token, tenantId: 'acme', version: 'v1', id, objectApiName: 'BD_Customer' },
      body: JSON.stringify({
        objAPIName: 'BD_Customer',
        masterFieldVal: { id, number: `N-${id}`, name: `Customer ${id}`, grade, accessToken: 'canary-of-a-body' },
      }),
    })
    const said = (await answer.json()) as { errCode: string; traceMsg: string }
    assert.equal(said.errCode, 's106240000')
    return said.traceMsg
  }

  // ── 41 fail on an option that nobody mapped, 5 go through ──
  const traces = new Map<string, string>()
  for (let i = 1; i <= 46; i++) traces.set(`C-${i}`, await push(`C-${i}`, i <= 41 ? 'C' : 'A'))
  interface Status {
    flows: { counts: Record<string, number> }[]
    groups: { group: string; count: number; code: string; field: string; sentence: string; advice: string }[]
  }
  const status = async () => JSON.parse((await mortise('status', '--json')).out) as Status
  const seen = await until('all have come to rest', async () => {
    const now = await status()
    const counts = now.flows[0]?.counts
    return counts?.failed === 41 && counts.succeeded === 5 && now
  })
  assert.equal(seen.groups.length, 1)
  const [group] = seen.groups
  assert.ok(group)
  assert.deepEqual([group.count, group.code, group.field], [41, 'map.option', 'grade'])
  const told = await mortise('status')
  assert.match(
    told.out,
    new RegExp(
      `error groups\\n${group.group}  41 failed  customer leftToRight  map\\.option · map · grade .*\\n  Field grade: option C is not mapped\\.\\n  Add the option`,
    ),
  )
  const listed = JSON.parse((await mortise('records', '--json', '--group', group.group, '--limit', '100')).out) as {
    records: unknown[]
  }
  assert.equal(listed.records.length, 41)

  // ── the option is added, by plan and apply; a plan that is not this one is refused ──
  await writeFile(config, file("A: '1', B: '2', C: '3'"))
  const planned = await mortise('plan', config)
  assert.match(planned.out, /~ flow customer leftToRight[\s\S]*level\.options\.C: \(none\) → 3/)
  const [, plan = ''] = /--plan ([0-9a-f]{12})/.exec(planned.out) ?? []
  assert.equal((await mortise('apply', config, '--plan', '000000000000')).code, 3)
  assert.match((await mortise('apply', config, '--plan', plan)).out, /Applied\./)
  assert.equal((await mortise('plan', config)).out, 'Nothing to change.\n')
  const history = await mortise('history', 'flow', 'customer leftToRight')
  assert.match(
    history.out,
    /version 2\n {2}~ flow customer leftToRight\n[\s\S]*options\.C: \(none\) → 3[\s\S]*version 1/,
  )

  // ── the group is retried: it says 41 first, and ends with 0 ──
  const counted = await mortise('retry', '--group', group.group)
  assert.equal(counted.code, 0)
  assert.match(counted.out, /41 records match\. Nothing was done/)
  const retried = await mortise('retry', '--group', group.group, '--yes', '--wait', '120')
  assert.match(retried.out, /^41 records match\.\n41 records are gone through again\.\n41 succeeded, 0 failed\.\n$/)
  assert.equal(retried.code, 0, retried.err)
  assert.deepEqual((await status()).groups, [])
  const inCrm = await systems.crm.records('AccountObj')
  assert.equal(inCrm.length, 46)
  assert.equal(inCrm.filter((record) => record.masterFieldVal.level === '3').length, 41)
  assert.equal((await mortise('retry', '--group', group.group, '--yes')).code, 5, 'nothing is left in the group')

  // ── one record's story, by its ERP id, its CRM id and its trace id ──
  const crmId = inCrm.find((record) => record.sourceId === 'C-7')?.id
  assert.ok(crmId)
  for (const id of ['C-7', crmId, traces.get('C-7') as string]) {
    const { code, out } = await mortise('show', id)
    assert.equal(code, 0, id)
    assert.match(
      out,
      new RegExp(`left +erp/BD_Customer C-7\\n +right +crm/AccountObj ${crmId}\\n +state +succeeded`),
      id,
    )
    const moments = [
      /came in +upsert of erp\/BD_Customer C-7 by push: created, \d+ bytes +trace \w+\n +body .*"grade":"C"/,
      /failed +link \d+: Field grade: option C is not mapped\./,
      /ended +link \d+: taken up again \(error group [0-9a-f]{10}\)/,
      /call +create to crm: applied, HTTP 200.*\n +sent .*"level":"3".*\n +answered .*masterDataId/,
    ]
    const places = moments.map((moment) => out.search(moment))
    assert.ok(
      places.every((place, i) => place > (places[i - 1] ?? 0)),
      `${id}: ${places.join(' ')}\n${out}`,
    )
    assert.ok(!out.includes('canary') && !out.includes(systems.tokens.crmToken), 'credentials are hidden')
    assert.ok(!out.includes('C-8'), 'and nobody else’s story')
  }

  // ── and the ID mapping that came of it leaves as a file that changes nothing when it comes back ──
  const csv = join(ground.folder, 'ids.csv')
  assert.equal((await mortise('ids', 'export', '--out', csv)).code, 0)
  assert.equal((await readFile(csv, 'utf8')).trim().split('\n').length, 47)
  assert.match((await mortise('ids', 'import', csv, '--yes')).out, /0 bound, 46 were so already, 0 refused/)
  assert.equal(await program.stop(), 0)
})
