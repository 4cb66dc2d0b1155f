/** Seeing and doing over HTTP: lists that lose nothing between pages, journeys, retries with an estimate first, what a person declares, ID mapping. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../walk/world.ts'
import { type ApiWorld, apiWorld, declareTenant } from './world.ts'

interface Listed {
  items: { link: number; state: string; left: { id: string }; since: string | null; why: string[] }[]
  next: string | null
}

/** 60 records: every second one failed on an option, every fifth waits for a person, the rest done. The flow is paused: nothing moves by itself. */
const withRecords = async (): Promise<ApiWorld> => {
  const world = await apiWorld()
  for (const tenant of ['a', 'b']) await declareTenant(world, tenant)
  await world.call('PATCH', '/tenants/a/pairs/customer/flows/leftToRight', {
    as: world.admin,
    body: { state: 'paused' },
  })
  await world.db.owner.unsafe(`
    insert into link (tenant_id, pair_id, link_id, left_id, right_id, first_arrival_at, state, reason, settled, generation, target_connection, fault, since, held)
    select t, 'customer', n, 'C-' || n, case when n % 2 = 1 then 'A-' || n end, timestamptz '2026-01-01' + n * interval '1 hour',
      case when n % 2 = 0 then 'parked' else 'idle' end, case when n % 2 = 0 then 'data' else 'applied' end, case when n % 2 = 0 then 0 else 1 end, 1, 'crm',
      case when n % 2 = 0 then '{"code":"map.option","stage":"map","field":"grade","value":"D' || n || '"}' end,
      case when n % 2 = 0 then timestamptz '2026-02-01' + (n % 7) * interval '1 day' end, true
    from generate_series(1, 60) n, unnest(array['a', 'b']) t;
    insert into link (tenant_id, pair_id, link_id, left_id, first_arrival_at, state, reason, settled, generation, target_connection, fault, since,
      sent_at, sent_call, sent_side, sent_generation, held)
    values ('a', 'customer', 61, 'C-61', now(), 'parked', 'unknown', 0, 1, 'crm', '{"code":"resolve.none","stage":"resolve"}', now(), now(), 'create', 'right', 1, true)`)
  return world
}

const pages = async (world: ApiWorld, query: string, limit = 7): Promise<Listed['items']> => {
  const found: Listed['items'] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const answer: { status: number; text: string; body: Listed } = await world.call<Listed>(
      'GET',
      `/tenants/a/records?limit=${limit}${query}${cursor && `&cursor=${cursor}`}`,
      { as: world.admin },
    )
    assert.equal(answer.status, 200, answer.text)
    found.push(...answer.body.items)
    cursor = answer.body.next
  }
  return found
}

test('pages hold every record once, trouble first, and filters find what they say', async () => {
  await using world = await withRecords()
  const numbers = (items: Listed['items']) => items.map((one) => one.link)
  const all = await pages(world, '')
  assert.equal(all.length, 61)
  assert.equal(new Set(numbers(all)).size, 61)
  const [troubled, rest] = [all.slice(0, 31), all.slice(31)]
  const since = troubled.map((one) => one.since ?? '9')
  assert.deepEqual(since, since.toSorted(), 'what is in trouble first, the oldest first')
  assert.deepEqual(
    numbers(rest),
    Array.from({ length: 30 }, (_, i) => 59 - 2 * i),
    'then what rests, the newest first',
  )

  const count = async (query: string) => (await pages(world, query, 50)).length
  assert.equal(await count('&state=failed'), 30)
  assert.equal(await count('&state=failed&state=unknown'), 31)
  assert.equal(await count('&state=parked'), 31)
  assert.equal(await count('&state=succeeded'), 30)
  assert.equal(await count('&fault=map.option'), 30)
  assert.equal(await count('&fault=map.option&state=succeeded'), 0)
  assert.equal(await count('&flow=customer:leftToRight'), 61)
  assert.equal(await count('&flow=customer:rightToLeft'), 0)
  assert.equal(await count('&object=erp/BD_Customer'), 61)
  assert.equal(await count('&object=erp/Other'), 0)
  assert.equal(await count('&keyword=C-1'), 11)
  assert.equal(await count('&keyword=A-3'), 6)
  assert.equal(await count('&keyword=D22'), 1)
  assert.equal(await count('&keyword=%25'), 0, 'a pattern stands for itself')
  assert.equal(await count('&from=2026-02-03T00:00:00.000Z&to=2026-02-05T00:00:00.000Z'), 9)
  for (const query of ['state=broken', 'cursor=bm9uZQ', 'group=x%27'])
    assert.equal((await world.call('GET', `/tenants/a/records?${query}`, { as: world.admin })).status, 400, query)
})

test('what a retry counts is what the list shows, by every filter', async () => {
  await using world = await withRecords()
  await world.db.owner`update link set last_call_at = '2026-03-01' where tenant_id = 'a' and link_id in (1, 3)`
  const [row] = await world.db.owner<{ fault_group: string }>`
    select fault_group from link where tenant_id = 'a' and link_id = 2`
  const filters: Record<string, string>[] = [
    { state: 'failed' },
    { state: 'succeeded' },
    { fault: 'map.option' },
    { group: row?.fault_group ?? '' },
    { group: row?.fault_group ?? '', keyword: 'd2' },
    { keyword: 'C-1' },
    { keyword: 'c-1' },
    { keyword: '-2' },
    { keyword: '_' },
    { from: '2026-02-03T00:00:00.000Z' },
    { from: '2026-02-03T00:00:00.000Z', to: '2026-02-05T00:00:00.000Z' },
    { to: '2026-01-02T00:00:00.000Z' },
    { object: 'crm/AccountObj', state: 'unknown' },
    { object: 'crm/BD_Customer' },
    { flow: 'customer:rightToLeft' },
    { flow: 'nowhere:leftToRight' },
  ]
  const found: number[] = []
  for (const filter of filters) {
    const { body } = await world.call<{ matched: number }>('POST', '/tenants/a/retries/estimate', {
      as: world.admin,
      body: filter,
    })
    const listed = await pages(world, `&${new URLSearchParams(filter)}`, 50)
    assert.equal(body.matched, listed.length, JSON.stringify(filter))
    found.push(listed.length)
  }
  assert.deepEqual(found, [30, 30, 30, 30, 6, 11, 5, 6, 0, 25, 9, 10, 1, 0, 0, 0])
})

interface Group {
  group: string
  what: string
  pair: string | null
  flow: string | null
  connection: string
  code: string
  stage: string
  field: string | null
  count: number
  firstSeen: string
  lastSeen: string
  sentence: string
  todo: string
}

test('error groups say what happened and what to do in the caller’s language; one is listed and retried as a whole', async () => {
  await using world = await withRecords()
  const { call, admin: as } = world
  const groups = async (locale = 'en_US', query = '') =>
    (
      await call<{ items: Group[]; next: string | null }>('GET', `/tenants/a/groups${query}`, {
        as,
        headers: { locale },
      })
    ).body
  const { items, next } = await groups()
  assert.equal(next, null)
  const [options, doubt] = items as [Group, Group]
  assert.deepEqual(
    [options.count, options.code, options.stage, options.field, options.pair, options.flow, options.connection],
    [30, 'map.option', 'map', 'grade', 'customer', 'leftToRight', 'crm'],
  )
  assert.deepEqual([doubt.count, doubt.code, items.length], [1, 'resolve.none', 2])
  assert.deepEqual([options.firstSeen, options.lastSeen], ['2026-02-01T00:00:00.000Z', '2026-02-07T00:00:00.000Z'])
  assert.match(options.sentence, /option D\d+ is not mapped/)
  assert.match(options.todo, /^Add the option to the mapping rule/)
  assert.match((await groups('zh_CN')).items[0]?.todo ?? '', /^在映射规则中加入该选项/)
  assert.equal((await groups('en_US', '?flow=customer:rightToLeft')).items.length, 0)
  const first = await groups('en_US', '?limit=1')
  const second = await groups('en_US', `?limit=1&cursor=${first.next}`)
  assert.deepEqual(
    [...first.items, ...second.items].map((one) => one.group),
    items.map((one) => one.group),
  )

  const filter = { group: options.group }
  assert.equal((await pages(world, `&group=${options.group}`)).length, 30)
  assert.deepEqual((await call('POST', '/tenants/a/retries/estimate', { as, body: filter })).body, { matched: 30 })
  const begun = await call<{ task: string }>('POST', '/tenants/a/retries', { as, body: { filter, expected: 30 } })
  assert.equal(begun.status, 202, begun.text)
  await until('the task has ended', async () => {
    const { body } = await call<{ state: string }>('GET', `/tenants/a/tasks/${begun.body.task}`, { as })
    return body.state === 'done'
  })
  const [row] = await world.db.owner<{ asked: number; other: number }>`
    select count(*) filter (where asked_generation = 2 and tenant_id = 'a' and link_id <= 60) as asked,
      count(*) filter (where asked_generation > 0 and (tenant_id = 'b' or link_id = 61)) as other
    from link`
  assert.deepEqual(row, { asked: 30, other: 0 }, 'that group, and no record of another')
  assert.deepEqual(
    (await groups()).items.map((one) => one.code),
    ['resolve.none'],
  )
})

test('all that match are counted first, then gone through by a task to follow; another number than the estimate is refused', async () => {
  await using world = await withRecords()
  const { call, admin: as } = world
  const filter = { state: ['failed'], fault: 'map.option' }
  const estimate = await call('POST', '/tenants/a/retries/estimate', { as, body: filter })
  assert.deepEqual(estimate.body, { matched: 30 })
  const stale = await call<{ code: string; detail: string }>('POST', '/tenants/a/retries', {
    as,
    body: { filter, expected: 29 },
  })
  assert.deepEqual([stale.status, stale.body.code], [409, 'count.changed'])
  assert.match(stale.body.detail, /30 records match now, not 29/)
  assert.equal(
    (await call('POST', '/tenants/a/retries', { as, body: { filter: {} } })).status,
    400,
    'never everything by mistake',
  )

  const begun = await call<{ task: string }>('POST', '/tenants/a/retries', { as, body: { filter, expected: 30 } })
  assert.equal(begun.status, 202, begun.text)
  const location = begun.headers.get('location') ?? ''
  assert.equal(location, `/api/v1/tenants/a/tasks/${begun.body.task}`)
  const task = await until('the task has ended', async () => {
    const { body } = await call<{ state: string; done: number; total: number }>('GET', location, { as })
    return body.state !== 'running' && body
  })
  assert.deepEqual([task.state, task.done, task.total], ['done', 30, 30])
  const [row] = await world.db.owner<{ asked: number; other: number }>`
    select count(*) filter (where tenant_id = 'a' and asked_generation = 2) as asked, count(*) filter (where tenant_id = 'b' and asked_generation > 0) as other
    from link`
  assert.deepEqual(row, { asked: 30, other: 0 }, 'those 30, and none of the other tenant')
  assert.equal((await pages(world, '&state=failed', 50)).length, 0)
})

test('one record is retried, and what became of an unanswered create is declared once', async () => {
  await using world = await withRecords()
  const { call, admin: as } = world
  const retried = await call<{ state: string; why: string[] }>('POST', '/tenants/a/records/2/retry', { as, body: {} })
  assert.deepEqual([retried.status, retried.body.state, retried.body.why], [200, 'pending', []])
  const both = await call('POST', '/tenants/a/records/61/declare', { as, body: { absent: true, found: 'x' } })
  assert.equal(both.status, 400)
  const found = await call<{ state: string }>('POST', '/tenants/a/records/61/declare', { as, body: { found: 'A-61' } })
  assert.equal(found.status, 200, found.text)
  const [row] = await world.db.owner`select declared_id from link where tenant_id = 'a' and link_id = 61`
  assert.deepEqual(row, { declared_id: 'A-61' })
  const settled = await call<{ code: string }>('POST', '/tenants/a/records/3/declare', { as, body: { absent: true } })
  assert.deepEqual([settled.status, settled.body.code], [409, 'record.settled'])
  const trail = await call<{ items: { route: string; name: string; before: { why: string[] } }[] }>(
    'GET',
    '/tenants/a/audit?kind=record',
    { as },
  )
  assert.deepEqual(
    trail.body.items.map((one) => `${one.route} ${one.name}`),
    ['declareRecord customer 61', 'retryRecord customer 2'],
  )
  assert.match(trail.body.items[1]?.before.why[0] ?? '', /option D2 is not mapped/)
})

test('a record’s journey is found by its id in either system, by its link and by its trace', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'a')
  const pushed = await fetch(`${world.url}/erp/syncdata/open/objdata/syncpush`, {
    method: 'POST',
    headers: { token: 'canary-push-a-secret', tenantId: 'a', id: 'C-1' },
    body: JSON.stringify({ objAPIName: 'BD_Customer', masterFieldVal: { name: 'One', grade: 'A' } }),
  })
  const { traceMsg } = (await pushed.json()) as { traceMsg: string }
  interface Story {
    links: { link: number; left: { id: string } }[]
    arrivals: { traceId: string; at: string; outcome: string }[]
  }
  const story = async (id: string) =>
    (await world.call<Story>('GET', `/tenants/a/journey?id=${id}`, { as: world.admin })).body
  const byId = await story('C-1')
  assert.deepEqual([byId.links.length, byId.arrivals[0]?.traceId], [1, traceMsg])
  assert.match(byId.arrivals[0]?.at ?? '', /^\d{4}-\d\d-\d\dT.*Z$/)
  for (const other of [traceMsg, String(byId.links[0]?.link)])
    assert.deepEqual((await story(other)).links[0]?.left.id, 'C-1')
  assert.equal((await world.call('GET', '/tenants/a/journey?id=C-2', { as: world.admin })).status, 404)
})

test('the search finds by id, number, trace id, bizId and a part of the name, in the caller’s tenant only', async () => {
  await using world = await apiWorld()
  for (const tenant of ['a', 'b']) {
    await declareTenant(world, tenant)
    const path = `/tenants/${tenant}/connections/erp/objects/BD_Customer`
    const { body } = await world.call<object>('GET', path, { as: world.admin })
    await world.call('PUT', path, { as: world.admin, body: { ...body, nameField: 'name' } })
  }
  const push = async (tenant: string, id: string, master: string) => {
    const pushed = await fetch(`${world.url}/erp/syncdata/open/objdata/syncpush`, {
      method: 'POST',
      headers: { token: `canary-push-${tenant}-secret`, tenantId: tenant, id },
      body: `{"objAPIName":"BD_Customer","masterFieldVal":${master}}`,
    })
    return ((await pushed.json()) as { traceMsg: string }).traceMsg
  }
  const trace = await push('a', 'C-1', '{"name":"North Wood","grade":"A"}')
  await push('a', 'C-2', '{"name":"\\u534e\\u6728","grade":"A"}')
  await push('a', 'C-3', '{"name":"South","number":"North","grade":"A"}')
  await push('b', 'C-9', '{"name":"North of b","grade":"A"}')
  await world.db.owner.unsafe(`
    insert into batch_quota (tenant_id, client_id, path, day, day_used, hour, hour_used, line) values ('a', 'hr', 'positions', now(), 1, now(), 1, 1);
    insert into batch (tenant_id, batch_id, client_id, path, biz_id, connection_id, object, line, request_hash, locale, trace_id, row_count)
    values ('a', 77, 'hr', 'positions', 'spring', 'erp', 'BD_Customer', 1, '', 'zh_CN', 't', 1)`)
  interface Found {
    records: { link: number; left: { id: string } }[]
    batches: { batch: number }[]
    named: { id: string; name: string; records: { left: { id: string } }[] }[]
    complete: boolean
  }
  const search = async (text: string) =>
    (await world.call<Found>('GET', `/tenants/a/search?text=${encodeURIComponent(text)}`, { as: world.admin })).body
  const [byId] = (await search('C-1')).records
  assert.equal(byId?.left.id, 'C-1')
  for (const text of [trace, String(byId?.link)]) assert.equal((await search(text)).records[0]?.left.id, 'C-1', text)
  const north = await search('north')
  assert.deepEqual(
    north.named.map((one) => [one.id, one.name, one.records[0]?.left.id]),
    [['C-1', 'North Wood', 'C-1']],
    'by the name field, whatever else holds the word; nothing of the other tenant',
  )
  assert.equal(north.complete, true)
  assert.equal((await search('华木')).named[0]?.name, '华木', 'also where the sender escaped it')
  assert.deepEqual(
    (await search('spring')).batches.map((one) => one.batch),
    [77],
  )
  const nothing = await search('nothing of the kind')
  assert.deepEqual([nothing.records, nothing.named, nothing.batches], [[], [], []])
})

test('ID mapping is searched page by page and comes out as CSV whose cells are no formulas', async () => {
  await using world = await withRecords()
  await world.db.owner`update link set left_id = '=1+1' where tenant_id = 'a' and link_id = 60`
  const { call, admin: as } = world
  interface Links {
    items: { link: number; left: string | null; right: string | null }[]
    next: string | null
  }
  const page = (query: string) => call<Links>('GET', `/tenants/a/links?${query}`, { as })
  const first = await page('bound=true&limit=20')
  const second = await page(`bound=true&limit=20&cursor=${first.body.next}`)
  assert.deepEqual([first.body.items.length, second.body.items.length, second.body.next], [20, 10, null])
  assert.deepEqual((await page('id=A-59&pair=customer')).body.items, [
    { link: 59, pair: 'customer', left: 'C-59', right: 'A-59', state: 'succeeded' },
  ])
  const csv = await call('GET', '/tenants/a/links.csv', { as })
  assert.match(csv.headers.get('content-type') ?? '', /text\/csv/)
  const lines = csv.text.trimEnd().split('\n')
  assert.equal(lines.length, 62)
  assert.equal(lines[59], 'customer,59,C-59,A-59,succeeded')
  assert.equal(lines[60], "customer,60,'=1+1,,failed")
})

test('a failure is ignored with a reason, once; who did it and why stays in the trail', async () => {
  await using world = await withRecords()
  const { call, admin: as } = world
  // as the engine parks it, with an update: so its trouble is noted
  await world.db
    .owner`update link set state = 'due', reason = null, fault = null, since = null where tenant_id = 'a' and link_id = 2`
  await world.db.owner`
    update link set state = 'parked', reason = 'data', fault = '{"code":"map.option","stage":"map","field":"grade"}'
    where tenant_id = 'a' and link_id = 2`
  const ignored = await call<{ state: string; reason: string }>('POST', '/tenants/a/records/2/ignore', {
    as,
    body: { reason: 'test data' },
  })
  assert.deepEqual([ignored.status, ignored.body.state, ignored.body.reason], [200, 'skipped', 'ignored'])
  const [closed] = await world.db.owner`select closed_by, note from trouble where tenant_id = 'a' and link_id = 2`
  assert.deepEqual(closed, { closed_by: 'admin', note: 'test data' })
  for (const link of [2, 3, 61]) {
    const again = await call<{ code: string }>('POST', `/tenants/a/records/${link}/ignore`, {
      as,
      body: { reason: 'x' },
    })
    assert.deepEqual([again.status, again.body.code], [409, 'record.refused'], `${link}: ${again.text}`)
  }
  const empty = await call('POST', '/tenants/a/records/4/ignore', { as, body: { reason: ' ' } })
  assert.equal(empty.status, 400)
  const trail = await call<{ items: { route: string; after: unknown }[] }>('GET', '/tenants/a/audit?kind=record', {
    as,
  })
  assert.deepEqual(
    trail.body.items.map((one) => [one.route, one.after]),
    [['ignoreRecord', { ignored: 'test data' }]],
  )
})

test('a record is read again from its source, and so is a group of records that could not be read', async () => {
  await using world = await withRecords()
  const { call, admin: as } = world
  const wanted = () => world.db.owner<{ data_id: string; cause: string }>`
    select data_id, cause from "fetch" where tenant_id = 'a' and cause = 'asked' order by data_id`
  const refetched = await call('POST', '/tenants/a/records/2/refetch', { as, body: {} })
  assert.equal(refetched.status, 200, refetched.text)
  assert.deepEqual(
    (await wanted()).map((row) => row.data_id),
    ['C-2'],
  )
  const nothing = await call<{ code: string }>('POST', '/tenants/a/records/2/refetch', { as, body: { side: 'right' } })
  assert.deepEqual([nothing.status, nothing.body.code], [409, 'record.refused'])

  await world.db.owner.unsafe(`
    insert into "fetch" (tenant_id, connection_id, object, data_id, wanted_seq, cause, trace_id, first_at, next_at, state, fault)
    select t, 'erp', 'BD_Customer', 'R-' || n, n, 'event', 'x', now(), now(), 'failed', '{"code":"read.failed","stage":"read","said":"500"}'
    from generate_series(1, 3) n, unnest(array['a', 'b']) t`)
  const { body } = await call<{ items: Group[] }>('GET', '/tenants/a/groups', { as })
  const reads = body.items.find((one) => one.what === 'read' && one.count === 3)
  assert.ok(reads, JSON.stringify(body))
  assert.deepEqual([reads.code, reads.connection, reads.flow], ['read.failed', 'erp', null])
  const asked = await call('POST', `/tenants/a/groups/${reads.group}/refetch`, { as })
  assert.deepEqual([asked.status, asked.body], [200, { asked: 3 }])
  assert.deepEqual(
    (await wanted()).map((row) => row.data_id),
    ['C-2', 'R-1', 'R-2', 'R-3'],
  )
  const [other] = await world.db.owner`select count(*) as n from "fetch" where tenant_id = 'b' and state = 'failed'`
  assert.deepEqual(other, { n: 3 }, 'none of the other tenant')
  const trail = await call<{ items: { route: string }[] }>('GET', '/tenants/a/audit', { as })
  assert.deepEqual(
    trail.body.items.slice(0, 2).map((one) => one.route),
    ['refetchGroup', 'refetchRecord'],
  )
})

test('an edited body is staged by the rules of the door, with its numbers as they are written, and goes out', async () => {
  await using world = await apiWorld()
  await declareTenant(world, 'a')
  const { call, admin: as } = world
  await call('PATCH', '/tenants/a/pairs/customer/flows/leftToRight', { as, body: { state: 'paused' } })
  await fetch(`${world.url}/erp/syncdata/open/objdata/syncpush`, {
    method: 'POST',
    headers: { token: 'canary-push-a-secret', tenantId: 'a', id: 'C-1' },
    body: '{"objAPIName":"BD_Customer","masterFieldVal":{"name":"One","number":12345678901234567890.10,"grade":"A"}}',
  })
  const [link] = await world.db.owner<{ link_id: number }>`select link_id from link where tenant_id = 'a'`
  const path = `/tenants/a/records/${link?.link_id}/body`
  const shown = await call<{ side: string; body: string }>('GET', path, { as })
  assert.equal(shown.body.side, 'left')
  assert.match(shown.body.body, /"number":12345678901234567890\.10/)
  const edited = shown.body.body.replace('"One"', '"Two"')
  const run = await call<{ state: string }>('POST', path, { as, body: { body: edited } })
  assert.deepEqual([run.status, run.body.state], [200, 'pending'], run.text)
  const [staged] = await world.db.owner<{ master: string }>`select master from document where tenant_id = 'a'`
  assert.match(staged?.master ?? '', /"Two","number":12345678901234567890\.10/)
  for (const wrong of ['{"', '{"objAPIName":"Nowhere","masterFieldVal":{}}']) {
    const refused = await call<{ code: string; path: string }>('POST', path, { as, body: { body: wrong } })
    assert.deepEqual(
      [refused.status, refused.body.code, refused.body.path],
      [409, 'record.refused', 'body.body'],
      refused.text,
    )
  }
  const right = await call<{ code: string }>('POST', path, { as, body: { body: edited, side: 'right' } })
  assert.equal(right.body.code, 'record.refused')
  const trail = await call<{ items: { route: string; after: unknown }[] }>('GET', '/tenants/a/audit?kind=record', {
    as,
  })
  assert.deepEqual(
    trail.body.items.map((one) => [one.route, one.after]),
    [['runBody', { edited: 'left', staged: 'updated' }]],
  )
})

test('the log of calls says why in the language of whoever reads it', async () => {
  await using world = await withRecords()
  await world.db.owner`
    insert into attempt (attempt_id, started_at, finished_at, tenant_id, pair_id, link_id, target_connection, call, lease_token, trace_id,
      outcome, status, fault)
    values (1, now(), now(), 'a', 'customer', 1, 'crm', 'update', 1, 'trace', 'again', 429,
      '{"code":"send.limited","stage":"send","said":"429001 too many requests"}')`
  const why = async (locale: string) => {
    const { body } = await world.call<{ items: { attempt: number; at: string; why: string[] }[] }>(
      'GET',
      '/tenants/a/calls',
      { as: world.admin, headers: { locale } },
    )
    const [row] = body.items
    const one = await world.call<{ why: string[] }>('GET', `/tenants/a/calls/${row?.attempt}?at=${row?.at}`, {
      as: world.admin,
      headers: { locale },
    })
    assert.deepEqual(one.body.why, row?.why)
    return row?.why[0] ?? ''
  }
  const said = await Promise.all(['zh_CN', 'zh_TW', 'en_US', 'ja_JP'].map(why))
  assert.equal(new Set(said).size, 4)
  assert.match(said[3] ?? '', /連携先の制限/)
})
