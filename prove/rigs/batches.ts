/** Promises 23 to 25: batches and their callbacks while nodes are killed and receivers fail; the limits of a client, exact over two nodes. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { request } from 'undici'
import { Webhook } from 'standardwebhooks'
import { freshDatabase } from '../../server/store/fresh.ts'
import { freePort, openGround, pause, type Program, until } from './ground.ts'
import { type Rig, say, seedOf } from './rig.ts'

const client = { id: 'hr', secret: 'the-secret-of-the-client-hr', salt: 'the-salt-of-the-client-hr-long-enough' }

interface Told {
  bizId: string
  access_token: string
  data: { createdCount: number; updatedCount: number; failedCount: number; validatorErrors: Record<string, string[]> }
}

interface Listener extends AsyncDisposable {
  origin: string
  /** Contents that were taken, by bizId. */
  taken: Map<string, Set<string>>
  faults: number
  forged: number
}

/** No part of Mortise: takes 70 % of what comes, and checks each with other people's code. */
const openListener = async (rate: number): Promise<Listener> => {
  const port = await freePort()
  const webhook = new Webhook(Buffer.from(client.salt).toString('base64'))
  const self: Listener = {
    origin: `http://127.0.0.1:${port}`,
    taken: new Map(),
    faults: 0,
    forged: 0,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => void server.close(() => done()).closeAllConnections()),
  }
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const draw = Math.random()
      if (draw < rate) {
        self.faults++
        if (draw < rate / 3) return void response.destroy()
        return void response.writeHead(draw < (rate * 2) / 3 ? 500 : 429).end()
      }
      const told = JSON.parse(body) as Told
      try {
        webhook.verify(body, incoming.headers as Record<string, string>)
        assert.equal(
          told.access_token,
          createHash('md5')
            .update(told.bizId + client.salt)
            .digest('hex'),
        )
      } catch {
        self.forged++
      }
      self.taken.set(told.bizId, (self.taken.get(told.bizId) ?? new Set<string>()).add(body))
      response.writeHead(200).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return self
}

const configOf = (origin: string): unknown => ({
  tenants: [
    {
      id: 'rig',
      connections: [
        {
          id: 'hr',
          role: 'erp',
          baseUrl: 'http://127.0.0.1:9/',
          objects: [
            { code: 'position', template: 'position', batch: { perDay: 1_000_000, perHour: 1_000_000 } },
            { code: 'project', template: 'project' },
            { code: 'branch', template: 'branch' },
          ],
        },
      ],
      batchClients: [{ ...client, origins: [origin] }],
    },
  ],
})

const post = async (
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: { resCode?: number; data?: { access_token?: string } } }> => {
  const answer = await request(url, { method: 'POST', body: JSON.stringify(body), headers, headersTimeout: 40_000 })
  return { status: answer.statusCode, body: (await answer.body.json()) as { resCode?: number } }
}

/** Asks until somebody answers that it is taken: the same bytes under the same bizId, whatever became of the tries before. */
const send = async (
  nodes: readonly Program[],
  token: string,
  body: { bizId: string },
  locale: string,
): Promise<void> => {
  for (let turn = Math.floor(Math.random() * nodes.length); ; turn++) {
    const node = nodes[turn % nodes.length] as Program
    const answer = await post(`${node.url}/common/positions/batch?access_token=${token}`, body, { locale }).catch(
      () => null,
    )
    if (answer?.status === 200) return
    if (answer && answer.status < 500) throw new Error(`${body.bizId}: ${answer.status} ${JSON.stringify(answer.body)}`)
    await pause(30)
  }
}

const locales = ['zh_CN', 'zh_TW', 'en_US', 'ja_JP'] as const
type Locale = (typeof locales)[number]
const localeOf = (bizId: string): Locale => locales[Number(bizId.split(' ')[1]) % locales.length] as Locale

/** What may be wrong with a row, and what its sender must be told, in the order of `locales`. */
const ways: readonly [wrong: (code: string) => object, told: readonly [string, string, string, string]][] = [
  [
    () => ({ position_name: '' }),
    ['岗位名称不能为空', '崗位名稱不能為空', 'Position name must not be empty', '役職名は必須です'],
  ],
  [
    () => ({ position_name: '岗'.repeat(22) }),
    [
      '岗位名称超过64字节',
      '崗位名稱超過64位元組',
      'Position name is longer than 64 bytes',
      '役職名が64バイトを超えています',
    ],
  ],
  [
    () => ({ code: '' }),
    ['岗位编码不能为空', '崗位編碼不能為空', 'Position code must not be empty', '役職コードは必須です'],
  ],
  [
    () => ({ code: 'c'.repeat(65) }),
    [
      '岗位编码超过64字节',
      '崗位編碼超過64位元組',
      'Position code is longer than 64 bytes',
      '役職コードが64バイトを超えています',
    ],
  ],
  [
    () => ({ enabled_flag: 'X' }),
    [
      '启用标识X不在可选值中（Y, N）',
      '啟用標識X不在可選值中（Y, N）',
      'Enabled flag X is none of Y, N',
      '有効フラグXは選択肢にありません（Y, N）',
    ],
  ],
  [
    () => ({ approval_level: 'high' }),
    [
      '审批级别high不是整数',
      '審批級別high不是整數',
      'Approval level high is not a whole number',
      '承認レベルhighは整数ではありません',
    ],
  ],
  [
    () => ({ branch_code: '1006001' }),
    [
      '分公司编码1006001不存在',
      '分公司編碼1006001不存在',
      'Branch code 1006001 does not exist',
      '支社コード1006001は存在しません',
    ],
  ],
  [
    (code) => ({ parent_code: code }),
    [
      '上级岗位编码形成循环：{code} → {code}',
      '上級崗位編碼形成循環：{code} → {code}',
      'Parent position code forms a cycle: {code} → {code}',
      '上位役職コードが循環しています：{code} → {code}',
    ],
  ],
]

/** Row numbers 50, 150, … are bad, each hundred in another of the eight ways; of twenty rows it is the tenth. */
const rowsOf = (bizId: string, count: number) =>
  Array.from({ length: count }, (_, i) => {
    const code = `${bizId}-${i + 1}`
    const good = { code, position_name: `岗位 ${i + 1}` }
    if (count === 20) return i === 9 ? { ...good, position_name: '' } : good
    if ((i + 1) % 100 !== 50) return good
    return { ...good, ...ways[Math.floor(i / 100) % ways.length]?.[0](code) }
  })
/** The reason that must stand under the key of a bad row. */
const reasonOf = (bizId: string, count: number, key: string): string => {
  const way = count === 20 ? 0 : Math.floor((Number(key) - 1) / 100) % ways.length
  return (ways[way]?.[1][locales.indexOf(localeOf(bizId))] ?? '').replaceAll('{code}', `${bizId}-${key}`)
}
const badOf = (count: number): string[] =>
  count === 20 ? ['10'] : Array.from({ length: Math.floor((count + 50) / 100) }, (_, i) => String(50 + 100 * i))

const judge = (bizId: string, rows: number, contents: ReadonlySet<string> | undefined): string | null => {
  if (!contents) return `${bizId}: lost`
  if (contents.size !== 1) return `${bizId}: ${contents.size} contents`
  const { data } = JSON.parse([...contents][0] as string) as Told
  const bad = badOf(rows)
  // a row that ran twice would have been created once and updated once
  if (data.createdCount !== rows - bad.length || data.updatedCount !== 0 || data.failedCount !== bad.length)
    return `${bizId}: ${JSON.stringify({ ...data, validatorErrors: undefined })}`
  if (JSON.stringify(Object.keys(data.validatorErrors)) !== JSON.stringify(bad)) return `${bizId}: other rows refused`
  const wrong = bad.find((key) => data.validatorErrors[key]?.join() !== reasonOf(bizId, rows, key))
  return wrong === undefined
    ? null
    : `${bizId}, row ${wrong}: ${data.validatorErrors[wrong]?.join()}, not ${reasonOf(bizId, rows, wrong)}`
}

/** Over HTTP on two nodes: 49 used, 60 at once. Answers how many passed. */
const sixtyAt49 = async (nodes: readonly Program[], token: string): Promise<number> => {
  const call = async (n: number, node: Program) =>
    (
      await post(`${node.url}/common/projects/batch?access_token=${token}`, {
        bizId: `limit ${n}`,
        timestamp: 1586825055000,
        data: [{ code: `L${n}`, project_name: 'n' }],
      })
    ).status
  for (let n = 0; n < 49; n++) assert.equal(await call(n, nodes[n % 2] as Program), 200)
  const all = await Promise.all(Array.from({ length: 60 }, (_, n) => call(100 + n, nodes[n % 2] as Program)))
  assert.ok(
    all.every((status) => status === 200 || status === 429),
    all.join(),
  )
  return all.filter((status) => status === 200).length
}

export const batchesRig: Rig = {
  name: 'batches',
  promise: '23, 24, 25',
  about:
    'batches while two nodes are killed in turn and 30 % of the callbacks are not taken: each told, with one content, the right counts and reasons; 60 calls at 49 used of 50: one passes',
  run: async (long) => {
    seedOf()
    const [short, many, manyRows, kills] = long ? [1_000, 4, 10_000, 60] : [60, 1, 3_000, 3]
    await using ground = await openGround()
    await using db = await freshDatabase()
    await using listener = await openListener(0.3)
    const nodes = [
      await ground.mortise({ config: configOf(listener.origin), databaseUrl: db.url }),
      await ground.mortise({ config: configOf(listener.origin), databaseUrl: db.url }),
    ] as const
    for (const node of nodes) await node.start()
    const given = await post(`${nodes[0].url}/common/unAuth/tokens/generate`, {
      client_id: client.id,
      client_secret: client.secret,
    })
    const token = given.body.data?.access_token as string

    const wanted = new Map<string, number>()
    for (let n = 0; n < many; n++) wanted.set(`many ${n}`, manyRows)
    for (let n = 0; n < short; n++) wanted.set(`short ${n}`, 20)
    const queue = [...wanted]
    let acknowledged = 0
    let killing = true
    let more = short
    /** While nodes are killed there is always something to send: a kill that hits nothing proves nothing. */
    const following = async (): Promise<[string, number] | undefined> => {
      const next = queue.shift()
      if (next || !killing) return next
      await pause(long ? 1_000 : 200)
      const filler: [string, number] = [`short ${more++}`, 20]
      wanted.set(...filler)
      return filler
    }
    const sending = Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let next = await following(); next; next = await following()) {
          const [bizId, rows] = next
          await send(
            nodes,
            token,
            {
              bizId,
              timestamp: 1586825055000,
              url: `${listener.origin}/`,
              data: rowsOf(bizId, rows),
            } as { bizId: string },
            localeOf(bizId),
          )
          acknowledged++
        }
      }),
    )
    // the clock of the ladder is wound on from outside: 75 hours would be too long to watch
    let winding = true
    const wound = (async () => {
      while (winding) {
        await db.owner`update delivery set next_at = clock_timestamp() where state = 'due' and lease_until is null`
        await db.owner`update batch set lease_until = clock_timestamp() where state = 'running' and lease_until < clock_timestamp() + interval '17 seconds'`
        await db.owner`update delivery set lease_until = null where state = 'due' and lease_until < clock_timestamp() + interval '55 seconds'`
        await pause(200)
      }
    })().catch((error: unknown) => {
      // the rig failed and took its database away: its own error is the one to be seen
      if (winding) say(`the winding ended: ${String(error)}`)
    })

    let hits = 0
    for (let kill = 0; kill < kills; kill++) {
      await pause(long ? 400 + Math.random() * 800 : 500)
      const node = nodes[kill % 2] as Program
      const busy = listener.taken.size < wanted.size
      await node.kill()
      if (busy) hits++
      await node.start()
    }
    killing = false
    await sending
    assert.equal(acknowledged, wanted.size)
    await until('every batch was told', () => listener.taken.size === wanted.size, long ? 600_000 : 60_000).catch(
      (error: unknown) => {
        say(`told: ${listener.taken.size} of ${wanted.size}`)
        throw error
      },
    )
    winding = false
    await wound
    const wrong = [...wanted].flatMap(([bizId, rows]) => judge(bizId, rows, listener.taken.get(bizId)) ?? [])
    assert.deepEqual(wrong, [])
    assert.equal(listener.forged, 0)
    assert.ok(hits >= Math.ceil(kills / 2), `${hits} of ${kills} kills hit work in flight`)
    assert.ok(listener.faults > wanted.size / 8, `${listener.faults} faults`)
    const passed = await sixtyAt49(nodes, token)
    assert.equal(passed, 1)

    // the controls: callbacks that are sent once, and a count that each node keeps for itself
    await using other = await openListener(0.3)
    const names = Array.from({ length: 100 }, (_, n) => `once ${n}`)
    for (const bizId of names)
      await request(`${other.origin}/`, { method: 'POST', body: JSON.stringify({ bizId }) })
        .then((answer) => answer.body.dump())
        .catch(() => {})
    const lost = names.filter((bizId) => !other.taken.has(bizId)).length
    assert.ok(lost > 0, 'the control: what is sent once must be lost')
    const own = [49, 49] // two nodes that each believe that 49 are used
    const over = Array.from({ length: 60 }, (_, n) => n % 2).filter(
      (node) => (own[node] as number) < 50 && ++(own[node] as number),
    ).length
    assert.ok(over > 1, 'the control: counted by each node for itself, more than one passes')
    say(
      `batches: ${wanted.size} told with one content each, ${many} of ${manyRows} rows among them, bad in eight ways; ${hits} kills hit, ${listener.faults} callbacks not taken; 60 at 49 of 50: ${passed} passed. Controls: ${lost} of 100 lost, ${over} passed`,
    )
  },
}
