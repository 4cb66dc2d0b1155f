/** The command line against a real database: what a person sees, what a script reads, how it ends. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type FreshDatabase, freshDatabase } from '../store/fresh.ts'
import { exitCodes, run } from './program.ts'

const root = join(import.meta.dirname, '../..')

interface World extends AsyncDisposable {
  db: FreshDatabase
  folder: string
  mortise(...args: string[]): Promise<{ code: number; out: string; err: string }>
}

const freshWorld = async (): Promise<World> => {
  const db = await freshDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'mortise-cli-'))
  const env = {
    MORTISE_DATABASE_URL: db.url,
    MORTISE_DATA: join(folder, 'data'),
    SANDBOX_URL: 'http://127.0.0.1:7071',
    SANDBOX_ERP_TOKEN: 'canary-erp-token-77',
    SANDBOX_CRM_TOKEN: 'canary-crm-token-77',
  }
  return {
    db,
    folder,
    mortise: async (...args) => {
      let [out, err] = ['', '']
      const serve = async () => assert.fail('serve was not asked for')
      const code = await run(args, {
        env,
        cwd: folder,
        out: (text) => void (out += text),
        err: (text) => void (err += text),
        width: 160,
        serve,
      })
      return { code, out, err }
    },
    [Symbol.asyncDispose]: async () => {
      await db[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

const sandbox = join(root, 'examples/sandbox.yaml')

/** Three customers: one parked with two faults, one waiting its turn, one done; what came in and what was called. */
const withRecords = async (world: World) => {
  assert.equal((await world.mortise('apply', sandbox)).code, 0)
  const fault = JSON.stringify({
    code: 'map.option',
    stage: 'map',
    field: 'grade',
    value: 'D',
    also: [{ code: 'map.required', stage: 'map', field: 'name' }],
  })
  await world.db.sql.unsafe(`
    insert into link (tenant_id, pair_id, link_id, left_id, right_id, first_arrival_at, state, reason, settled, target_connection, fault, since, attempts)
    values
      ('sandbox', 'customer', 101, '客户-1', null, now(), 'parked', 'data', 0, 'crm', '${fault}', now() - interval '3 minutes', 1),
      ('sandbox', 'customer', 102, 'C-2', null, now(), 'due', null, 0, 'crm', null, null, 0),
      ('sandbox', 'customer', 103, 'C-3', 'A-3', now(), 'idle', 'applied', 1, 'crm', null, null, 0);
    insert into arrival (seq, tenant_id, connection_id, object, data_id, operation, channel, trace_id, outcome, body)
    values (1, 'sandbox', 'erp', 'BD_Customer', '客户-1', 'upsert', 'push', 'trace-1', 'created', '{}'),
      (2, 'sandbox', 'erp', 'BD_Customer', 'C-3', 'upsert', 'push', 'trace-3', 'created', '{}'),
      (3, 'sandbox', 'erp', 'BD_Material', 'M-9', 'upsert', 'push', 'trace-9', 'created', '{}');
    insert into attempt (attempt_id, started_at, tenant_id, pair_id, link_id, target_connection, call, lease_token, trace_id, finished_at, outcome, status, ms)
    values (7, now(), 'sandbox', 'customer', 103, 'crm', 'create', 1, 'call-trace-3', now(), 'applied', 200, 12)`)
}

test('what the terminal applies is written down, field by field and without secrets', async () => {
  await using world = await freshWorld()
  await world.mortise('apply', sandbox)
  const yaml = (await readFile(sandbox, 'utf8')).replace(/role: erp\n/, 'role: erp\n        pageSize: 7\n')
  await writeFile(join(world.folder, 'changed.yaml'), yaml)
  assert.equal((await world.mortise('apply', join(world.folder, 'changed.yaml'))).code, 0)
  const rows = await world.db.sql<{ actor: string; name: string; what: string; after: string }>`
    select actor, name, what, after from audit where tenant_id = 'sandbox' order by audit_id`
  assert.ok(rows.length > 10 && rows.every((row) => row.actor === 'terminal'))
  assert.deepEqual(rows.at(-1), { actor: 'terminal', name: 'erp', what: 'changed', after: '{"pageSize":7}' })
  assert.doesNotMatch(JSON.stringify(rows), /canary/)
})

test('plan, apply, apply again: says what changes, and that nothing does', async () => {
  await using world = await freshWorld()
  const planned = await world.mortise('plan', sandbox)
  assert.match(
    planned.out,
    /\+ tenant sandbox\n {2}\+ connection erp[\s\S]*\+ flow customer leftToRight {2}\(starts with what changes from now on\)[\s\S]*a plan; nothing was changed/,
  )
  assert.equal((await world.db.sql`select from tenant`).length, 0)
  assert.match(
    (await world.mortise('apply', sandbox)).out,
    /Applied\.\nSecrets that Mortise made stand in .*generated-secrets\.json/,
  )
  assert.equal((await world.mortise('apply', sandbox)).out, 'Nothing to change.\n')
  const machine = JSON.parse((await world.mortise('apply', '--json', sandbox)).out) as { changes: unknown[] }
  assert.deepEqual(machine.changes, [])
})

test('a file that is wrong ends with 3, each mistake with its place; a missing one with 2', async () => {
  await using world = await freshWorld()
  await writeFile(join(world.folder, 'bad.yaml'), 'tenants:\n  - id: a\n    conections: []\n')
  const bad = await world.mortise('apply', join(world.folder, 'bad.yaml'))
  assert.equal(bad.code, exitCodes.refused)
  assert.match(
    bad.err,
    /^bad\.yaml:2:5[\s\S]*"connections" is missing[\s\S]*bad\.yaml:3:5[\s\S]*did you mean "connections"\?/,
  )
  const machine = JSON.parse((await world.mortise('plan', '--json', join(world.folder, 'bad.yaml'))).out) as {
    problems: { line: number }[]
  }
  assert.deepEqual(
    machine.problems.map((one) => one.line),
    [2, 3],
  )
  assert.equal((await world.mortise('apply', 'nowhere.yaml')).code, exitCodes.usage)
})

test('27: secrets that are made are kept where only their owner reads, and no command shows one', async () => {
  await using world = await freshWorld()
  await withRecords(world)
  const file = join(world.folder, 'data/generated-secrets.json')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.equal((await stat(join(world.folder, 'data/secret.key'))).mode & 0o777, 0o600)
  const secrets = [
    ...Object.values(JSON.parse(await readFile(file, 'utf8')) as Record<string, string>),
    'canary-erp-token-77',
    'canary-crm-token-77',
  ]
  assert.equal(secrets.length, 6)
  const said = await Promise.all(
    [
      ['export'],
      ['export', '--json'],
      ['status'],
      ['records'],
      ['show', 'C-3'],
      ['show', '--json', '客户-1'],
      ['plan', sandbox],
    ].map((args) => world.mortise(...args)),
  )
  for (const { code, out, err } of said) {
    assert.equal(code, 0, err)
    for (const secret of secrets) assert.ok(!(out + err).includes(secret))
  }
  assert.match(said[0]?.out ?? '', /value: generated/)
  assert.match(said[0]?.out ?? '', /token: \$\{SANDBOX_ERP_TOKEN\}/)
})

test('status counts records per flow and state', async () => {
  await using world = await freshWorld()
  await withRecords(world)
  const { out } = await world.mortise('status')
  assert.match(out, /customer leftToRight +enabled \(enable\) +1 +0 +0 +0 +1 +0 +1 +\d+ s +erp\/BD_Customer → crm\/Acc/)
  const status = JSON.parse((await world.mortise('status', '--json')).out) as {
    flows: { pairId: string; from: string; counts: Record<string, number> }[]
    connections: { connectionId: string; backlog: number }[]
  }
  assert.deepEqual(status.flows.find((one) => one.pairId === 'customer' && one.from === 'left')?.counts, {
    pending: 1,
    syncing: 0,
    succeeded: 1,
    waiting: 0,
    unknown: 0,
    failed: 1,
    skipped: 0,
  })
  assert.deepEqual(
    status.connections.map((one) => [one.connectionId, one.backlog]),
    [
      ['crm', 1],
      ['erp', 0],
    ],
  )
})

test('records lists by state and flow, each with its reason in words', async () => {
  await using world = await freshWorld()
  await withRecords(world)
  const ids = async (...args: string[]) =>
    (
      JSON.parse((await world.mortise('records', '--json', ...args)).out) as { records: { linkId: number }[] }
    ).records.map((one) => one.linkId)
  assert.match(
    (await world.mortise('records', '--state', 'failed')).out,
    /101 +customer +客户-1 +\(none yet\) +failed +3 min +1 +Field grade: option D is not mapped\. \(and 1 more\)/,
  )
  assert.deepEqual(await ids(), [101, 102, 103], 'in trouble, under way, at rest')
  assert.deepEqual(await ids('--state', 'parked,due'), [101, 102])
  assert.deepEqual(await ids('--state', 'succeeded'), [103])
  assert.deepEqual(await ids('--fault', 'map.option'), [101])
  assert.deepEqual(await ids('--id', 'A-3'), [103])
  assert.deepEqual(await ids('--flow', 'customer:rightToLeft'), [])
  assert.deepEqual(await ids('--limit', '1'), [101])
  assert.equal((await world.mortise('records', '--flow', 'nobody')).code, exitCodes.notFound)
  assert.equal((await world.mortise('records', '--state', 'broken')).code, exitCodes.usage)
})

test('show finds a record by either id, by its link and by a trace id, and tells its story', async () => {
  await using world = await freshWorld()
  await withRecords(world)
  for (const id of ['C-3', 'A-3', '103', 'trace-3', 'call-trace-3']) {
    const { code, out } = await world.mortise('show', id)
    assert.equal(code, 0, id)
    assert.match(
      out,
      /link 103 of pair customer[\s\S]*left {4}erp\/BD_Customer C-3\n {2}right {3}crm\/AccountObj A-3\n {2}state {3}succeeded \(applied\)/,
      id,
    )
    assert.match(
      out,
      /story[\s\S]*came in +upsert of erp\/BD_Customer C-3 by push: created, 2 bytes +trace trace-3\n +body \{\}/,
      id,
    )
    assert.match(out, /story[\s\S]*call +create to crm: applied, HTTP 200, 12 ms +trace call-trace-3/, id)
    assert.ok(!out.includes('客户-1'), id)
  }
  assert.match(
    (await world.mortise('show', '客户-1')).out,
    /why {5}Field grade: option D is not mapped\.\n {2}why {5}Field name is required by the target/,
  )
  assert.match(
    (await world.mortise('show', 'trace-9')).out,
    /No link[\s\S]*upsert of erp\/BD_Material M-9/,
    'a record without a link',
  )
  assert.equal((await world.mortise('show', 'nobody')).code, exitCodes.notFound)
})

test('C6: retry asks for a record again at once; a selection is counted first', async () => {
  await using world = await freshWorld()
  await withRecords(world)
  const row = async (id: number) =>
    (
      await world.db
        .sql`select state, reason, generation, asked_generation, asked_side, since from link where link_id = ${id}`
    )[0]
  assert.match(
    (await world.mortise('retry', '--state', 'failed')).out,
    /1 record matches\. Nothing was done; add --yes/,
  )
  assert.equal((await row(101))?.state, 'parked')
  assert.match((await world.mortise('retry', '--state', 'failed', '--yes')).out, /1 record is gone through again/)
  assert.deepEqual(await row(101), {
    state: 'due',
    reason: null,
    generation: 2,
    asked_generation: 2,
    asked_side: 'left',
    since: null,
  })
  assert.match((await world.mortise('retry', 'C-3', '--side', 'right')).out, /1 record is gone through again/)
  assert.deepEqual(await row(103), {
    state: 'due',
    reason: null,
    generation: 2,
    asked_generation: 2,
    asked_side: 'right',
    since: null,
  })
  assert.equal((await world.mortise('retry')).code, exitCodes.usage)
  assert.equal((await world.mortise('retry', 'nobody')).code, exitCodes.notFound)
})

test('status names the error groups, and records, retry and ignore take one', async () => {
  await using world = await freshWorld()
  await withRecords(world)
  const { groups } = JSON.parse((await world.mortise('status', '--json')).out) as {
    groups: { group: string; count: number; code: string; field: string }[]
  }
  assert.deepEqual(
    groups.map((one) => [one.count, one.code, one.field]),
    [[1, 'map.option', 'grade']],
  )
  const group = groups[0]?.group ?? ''
  assert.match(
    (await world.mortise('status')).out,
    new RegExp(
      `error groups\\n${group} {2}1 failed {2}customer leftToRight {2}map\\.option · map · grade {2}first 3 min ago, last 3 min ago\\n {2}Field grade: option D is not mapped\\.\\n {2}Add the option.*\\n {2}mortise retry --group ${group}`,
    ),
  )
  assert.match((await world.mortise('records', '--group', group)).out, /101 +customer +客户-1/)
  assert.equal((await world.mortise('ignore', '--group', group)).code, exitCodes.usage, 'a reason must be given')
  assert.match(
    (await world.mortise('ignore', '--group', group, '--reason', 'a test')).out,
    /1 record matches\. Nothing was done/,
  )
  const done = await world.mortise('ignore', '--group', group, '--reason', 'a test', '--yes')
  assert.match(done.out, /1 record is ignored until it comes in again/)
  assert.match(
    (await world.mortise('records', '--state', 'skipped')).out,
    /101 .*skipped +1 +ignored|101 .*skipped.*ignored/,
  )
  assert.match((await world.mortise('show', '客户-1')).out, /state +skipped \(ignored\)/)
  assert.equal(
    (await world.mortise('ignore', '101', '--reason', 'again')).code,
    exitCodes.refused,
    'it is not failed any more',
  )
  assert.equal((await world.mortise('retry', '--group', group, '--yes')).code, exitCodes.notFound)
})

test('pages go on by their cursor; time and keyword narrow', async () => {
  await using world = await freshWorld()
  await withRecords(world)
  const first = await world.mortise('records', '--limit', '2')
  const [, cursor = ''] = /The next page: --cursor (\S+)/.exec(first.out) ?? []
  assert.match((await world.mortise('records', '--limit', '2', '--cursor', cursor)).out, /^link.*\n103 /)
  assert.equal((await world.mortise('records', '--state', 'waiting', '--cursor', cursor)).code, exitCodes.usage)
  assert.match((await world.mortise('records', '--state', 'failed', '--since', '1h')).out, /^link.*\n101 /)
  assert.equal((await world.mortise('records', '--state', 'failed', '--until', '1h')).out, 'No records match.\n')
  assert.match((await world.mortise('records', '--keyword', 'option')).out, /^link.*\n101 /)
  assert.equal((await world.mortise('records', '--since', 'yesterday')).code, exitCodes.usage)
})

test('retry: read again, an edited body, and an end that tells that not all came through', async () => {
  await using world = await freshWorld()
  await withRecords(world)
  const { sql } = world.db
  assert.match((await world.mortise('retry', '101', '--refetch')).out, /1 record is read again from its source/)
  assert.deepEqual(await sql`select connection_id, object, data_id, cause, state from "fetch"`, [
    { connection_id: 'erp', object: 'BD_Customer', data_id: '客户-1', cause: 'asked', state: 'due' },
  ])
  assert.deepEqual(
    await sql`select state from link where link_id = 101`,
    [{ state: 'parked' }],
    'what is read makes it due',
  )

  await writeFile(
    join(world.folder, 'body.json'),
    '{"objAPIName":"BD_Customer","masterFieldVal":{"id":"C-3","name":"新","creditLimit":1.10}}',
  )
  const edited = await world.mortise('retry', 'C-3', '--body', join(world.folder, 'body.json'))
  assert.equal(edited.code, 0, edited.err)
  assert.match(edited.out, /The edited body is staged \(created\) and goes out/)
  const [document] = await sql`select master from document where data_id = 'C-3'`
  assert.match(String(document?.master), /"creditLimit":1\.10/, 'digit for digit')
  assert.deepEqual(await sql`select state, asked_side from link where link_id = 103`, [
    { state: 'due', asked_side: 'left' },
  ])
  assert.match((await world.mortise('show', 'C-3')).out, /upsert of erp\/BD_Customer C-3 by hand \(\S+\)/)
  await writeFile(join(world.folder, 'bad.json'), '{"objAPIName":"BD_Customer"}')
  const bad = await world.mortise('retry', 'C-3', '--body', join(world.folder, 'bad.json'))
  assert.equal(bad.code, exitCodes.refused)
  assert.match(bad.err, /masterFieldVal/)
  assert.equal((await world.mortise('retry', 'C-3', '--edit')).code, exitCodes.usage, 'an editor needs a terminal')

  const waited = await world.mortise('retry', '101', '--wait', '1')
  assert.match(waited.out, /1 record is gone through again\.\n0 succeeded, 0 failed, 1 still under way\./)
  assert.equal(waited.code, exitCodes.unfinished, 'nobody works in this world')
})

test('show tells whom a record refers to, and who waits for it', async () => {
  await using world = await freshWorld()
  await withRecords(world)
  await world.db.sql.unsafe(`
    insert into document (tenant_id, connection_id, object, data_id, version, operation, master_hash, master, details)
    values ('sandbox', 'crm', 'SalesOrderObj', 'S-1', 9, 'upsert', '', '{"account_id":"A-3","amount":1.10}',
      '{"SalesOrderProductObj":[{"product_id":"P-1"},{"product_id":null}]}');
    insert into link (tenant_id, pair_id, link_id, right_id, first_arrival_at, right_version, state, target_connection, wait_kind, wait_on)
    values ('sandbox', 'order', 201, 'S-1', now(), 9, 'waiting', 'erp', 'reference', array['r:sandbox/customer/right/A-3'])`)
  const order = (await world.mortise('show', 'S-1')).out
  assert.match(order, /refers to\n.*\ncustomer +103 +C-3 +A-3 +succeeded +account_id\n/)
  assert.match(order, /material +\(none yet\) +P-1 +not known yet +SalesOrderProductObj\[0\]\.product_id/)
  assert.match((await world.mortise('show', 'C-3')).out, /waiting for it\n.*\norder +201 +\(none yet\) +S-1 +waiting/)
  assert.ok(!(await world.mortise('show', '102')).out.includes('waiting for it'))
})

test('ids: search, bind, unbind, export and import; a cell is no formula', async () => {
  await using world = await freshWorld()
  await withRecords(world)
  assert.match((await world.mortise('ids', 'search', 'A-')).out, /^link.*\n103 +sandbox +customer +C-3 +A-3 +succeeded/)
  assert.match((await world.mortise('ids', 'bind', 'customer', 'C-2', '=A+2')).out, /Bound: C-2 is =A\+2/)
  assert.equal((await world.mortise('ids', 'bind', 'customer', 'C-2', 'A-9')).code, exitCodes.refused)
  assert.equal((await world.mortise('ids', 'bind', 'nobody', 'C-2', 'A-9')).code, exitCodes.notFound)
  const csv = await world.mortise('ids', 'export', '--flow', 'customer')
  assert.equal(csv.out, "tenant,pair,left,right\nsandbox,customer,C-2,'=A+2\nsandbox,customer,C-3,A-3\n")
  const file = join(world.folder, 'ids.csv')
  await writeFile(file, `${csv.out}sandbox,customer,C-4,A-4\nsandbox,customer,C-5,A-3\n`)
  assert.match((await world.mortise('ids', 'import', file)).out, /4 mappings in .*\nNothing was done/)
  const imported = await world.mortise('ids', 'import', file, '--yes')
  assert.match(
    imported.out,
    /Line 5: A-3 is mapped to C-3 already; unbind it first\.\n1 bound, 2 were so already, 1 refused/,
  )
  assert.equal(imported.code, exitCodes.unfinished)
  assert.match((await world.mortise('ids', 'unbind', 'customer', 'A-3')).out, /Unbound: C-3 and A-3/)
  assert.match((await world.mortise('ids', 'search', '--unbound', 'C-3')).out, /C-3 +\(none yet\) +skipped/)
  assert.equal((await world.mortise('ids', 'unbind', 'customer', 'A-3')).code, exitCodes.notFound)
  await writeFile(file, 'pair,left\ncustomer,x\n')
  assert.equal((await world.mortise('ids', 'import', file, '--yes')).code, exitCodes.refused)
})

test('history, restore-version and promote show a plan first; --plan applies exactly that', async () => {
  await using world = await freshWorld()
  assert.equal((await world.mortise('history')).code, exitCodes.notFound)
  await world.mortise('apply', sandbox)
  const changed = join(world.folder, 'changed.yaml')
  await writeFile(changed, (await readFile(sandbox, 'utf8')).replace('account_no: number', 'account_no: taxNo'))
  await world.mortise('apply', changed)
  assert.match(
    (await world.mortise('history', 'flow', 'customer leftToRight')).out,
    /version 2[\s\S]*number → taxNo[\s\S]*version 1/,
  )
  const planned = await world.mortise('restore-version', 'flow', 'customer leftToRight', '1')
  assert.match(
    planned.out,
    /taxNo → number\n\nThis is a plan; nothing was changed\. To apply exactly this: mortise restore-version flow 'customer leftToRight' 1 --plan \w{12}/,
  )
  const [, plan = ''] = /--plan (\w+)/.exec(planned.out) ?? []
  assert.equal(
    (await world.mortise('restore-version', 'flow', 'customer leftToRight', '1', '--plan', '0')).code,
    exitCodes.refused,
  )
  assert.match(
    (await world.mortise('restore-version', 'flow', 'customer leftToRight', '1', '--plan', plan)).out,
    /Applied\./,
  )
  assert.equal((await world.mortise('plan', sandbox)).out, 'Nothing to change.\n')
  assert.equal((await world.mortise('promote', '--from', 'sandbox', '--to', 'prod')).code, exitCodes.refused)
  assert.equal((await world.mortise('promote', '--from', 'sandbox')).code, exitCodes.usage)
})

test('test: saved mapping tests of a file and of what is stored; one record is previewed and nothing is sent', async () => {
  await using world = await freshWorld()
  const tests = (expected: string) => `
            tests:
              - { name: a grade, record: '{"name":"Ada","grade":"A"}', expect: '{"level":"${expected}"}' }`
  const text = (await readFile(sandbox, 'utf8')).replace(
    '            actions: { void: invalid }\n            mapping:\n              fields:\n                account_no: number',
    (found) => `            actions: { void: invalid }${tests('1')}${found.slice(found.indexOf('\n'))}`,
  )
  const file = join(world.folder, 'tested.yaml')
  await writeFile(file, text)
  assert.match((await world.mortise('test', file)).out, /1 mapping tests passed/)
  assert.equal((await world.mortise('apply', file)).code, 0)
  assert.deepEqual(await world.mortise('test'), { code: 0, out: '1 mapping tests passed, 0 failed.\n', err: '' })

  await writeFile(file, text.replace('{"level":"1"}', '{"level":"2"}'))
  const wrong = await world.mortise('test', file)
  assert.equal(wrong.code, exitCodes.refused)
  assert.match(wrong.err, /mapping test "a grade": level: expected "2", came out "1"/)
  assert.equal((await world.mortise('apply', file)).code, exitCodes.refused, 'and it cannot be saved')

  const record = join(world.folder, 'record.json')
  await writeFile(record, '{"masterFieldVal":{"name":"Ada","grade":"B","creditLimit":1.10}}')
  const shown = await world.mortise('test', '--flow', 'customer:leftToRight', '--id', 'C-7', '--record', record)
  assert.equal(shown.code, 0, shown.err)
  assert.match(shown.out, /^create\n/)
  assert.match(shown.out, /level ← grade = "B" → "2"/)
  assert.match(shown.out, /"credit_limit":1.10/)
  assert.ok(!shown.out.includes('canary'), 'secrets are hidden')
  // as a file that is not applied yet would have it, with a function of its own
  const draft = join(world.folder, 'draft.yaml')
  const steps = `functions:
      - { name: mark, kind: beforeMapping, code: "function beforeMapping(r) { r.masterFieldVal.name += ' !'; return r }" }
    connections:`
  await writeFile(
    draft,
    text.replace('connections:', steps).replace(/^( *)mapping:$/m, '$1functions: { beforeMapping: mark }\n$1mapping:'),
  )
  const drafted = await world.mortise(
    'test',
    draft,
    '--flow',
    'customer:leftToRight',
    '--id',
    'C-7',
    '--record',
    record,
  )
  assert.equal(drafted.code, 0, drafted.err)
  assert.match(drafted.out, /beforeMapping mark: .*"name":"Ada !"/)
  assert.match(drafted.out, /"credit_limit":1.10/)
  assert.equal((await world.db.sql`select from function`).length, 0)
  assert.equal((await world.db.sql`select from attempt`).length, 0)
  assert.equal(
    (await world.mortise('test', '--flow', 'customer:leftToRight', '--id', 'nobody')).code,
    exitCodes.notFound,
  )
})

test('planned: what begins by itself, and when; one is begun now', async () => {
  await using world = await freshWorld()
  assert.equal((await world.mortise('apply', sandbox)).code, 0)
  assert.match((await world.mortise('planned')).out, /Nothing is planned/)
  await world.db.sql`
    insert into planned (tenant_id, kind, name, said, next_at)
    values ('sandbox', 'reconcile', 'material leftToRight', '', '2099-01-01T18:00:00Z'), ('sandbox', 'sweep', 'erp/BD_Material', '', '2099-01-04T18:00:00Z')`
  const shown = await world.mortise('planned')
  assert.match(shown.out, /reconcile +material leftToRight +2099-01-01 18:00:00/)
  assert.equal((await world.mortise('planned', 'run', 'material rightToLeft')).code, exitCodes.notFound)
  assert.equal((await world.mortise('planned', 'run', 'material leftToRight')).code, exitCodes.done)
  const { out } = await world.mortise('planned', '--json')
  const rows = JSON.parse(out) as { kind: string; next_at: number }[]
  assert.deepEqual(
    rows.map(({ kind, next_at }) => [kind, next_at <= Date.now()]),
    [
      ['reconcile', true],
      ['sweep', false],
    ],
  )
})

test('commands that do not exist yet are refused, and help says so', async () => {
  await using world = await freshWorld()
  for (const name of ['types', 'sandbox']) assert.equal((await world.mortise(name)).code, exitCodes.usage, name)
  const { code, out } = await world.mortise('--help')
  assert.equal(code, 0)
  assert.match(out, /Not in this version yet: types, sandbox/)
})

test('without a database the command says so, and ends with 4', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-cli-'))
  try {
    const outside = { cwd: folder, out: () => {}, width: 0, serve: async () => {} }
    let err = ''
    const say = (text: string) => void (err += text)
    assert.equal(await run(['status'], { ...outside, env: {}, err: say }), exitCodes.unavailable)
    assert.match(err, /There is no database in .*data yet/)
    assert.equal(
      await run(['status'], { ...outside, env: { MORTISE_DATABASE_URL: 'postgres://127.0.0.1:1/x' }, err: say }),
      exitCodes.unavailable,
    )
    assert.match(err, /cannot be reached/)
    assert.equal(
      await run(['status'], { ...outside, env: { MORTISE_DATABASE_URL: 'mysql://x' }, err: say }),
      exitCodes.usage,
    )
    await using empty = await freshDatabase({ migrations: [] })
    assert.equal(
      await run(['status'], { ...outside, env: { MORTISE_DATABASE_URL: empty.url }, err: say }),
      exitCodes.unavailable,
    )
    assert.match(err, /Run: mortise migrate/)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('secrets: a new key for the data folder, everything put under it, the former one dropped; a caller’s secret renewed', async () => {
  await using world = await freshWorld()
  assert.equal((await world.mortise('apply', sandbox)).code, 0)
  assert.equal((await world.mortise('secrets', 'drop-former-keys')).out, '0 former keys were dropped.\n')
  assert.match((await world.mortise('secrets', 'new-key')).out, /Restart Mortise, then: mortise secrets rotate/)
  const early = await world.mortise('secrets', 'drop-former-keys')
  assert.deepEqual([early.code, /still needed/.test(early.err)], [exitCodes.refused, true])
  assert.match((await world.mortise('secrets', 'status')).out, /newest +0 +0 +0 +0\n.*former +2 +1 +0 +0\n/)
  assert.match((await world.mortise('secrets', 'rotate')).out, /^3 secrets are encrypted/)
  assert.match(
    (await world.mortise('secrets', 'status')).out,
    /newest +2 +1 +0 +0\n.*former +0 +0 +0 +0\n\nNothing is encrypted/,
  )
  assert.equal((await world.mortise('secrets', 'drop-former-keys')).out, 'One former key was dropped.\n')
  assert.equal((await world.mortise('apply', sandbox)).out, 'Nothing to change.\n')

  const renewed = await world.mortise('secrets', 'renew', 'token', 'push', '--tenant', 'sandbox', '--until', '30d')
  assert.match(renewed.out, /^[A-Za-z0-9_-]{32}\nIt is shown only now/)
  const twice = await world.mortise('secrets', 'renew', 'token', 'push', '--tenant', 'sandbox')
  assert.deepEqual([twice.code, /retire it first/.test(twice.err)], [exitCodes.refused, true])
  assert.equal((await world.mortise('secrets', 'retire', 'token', 'push', '--tenant', 'sandbox')).code, exitCodes.done)
  assert.equal((await world.mortise('secrets', 'renew', 'cat', 'push', '--tenant', 'sandbox')).code, exitCodes.usage)
})
