/** Bad input at the doors of the batch and of its callbacks: every document and text of the corpora, each answered in the door's own shape, and nothing stored that was refused. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { Pool } from 'undici'
import { freshDatabase } from '../../server/store/fresh.ts'
import { documents, texts } from '../rigs/corpus.ts'
import { openGround } from '../rigs/ground.ts'
import { inParallel } from '../rigs/pusher.ts'

const client = { id: 'hr', secret: 'the-secret-of-the-client-hr', salt: 'the-salt-of-the-client-hr-long-enough' }
const config = {
  tenants: [
    {
      id: 'bad',
      connections: [
        {
          id: 'hr',
          role: 'erp',
          baseUrl: 'http://127.0.0.1:9/',
          objects: [{ code: 'position', template: 'position', batch: { perDay: 1_000_000, perHour: 1_000_000 } }],
        },
        {
          id: 'mdm',
          role: 'crm',
          kind: 'masterdata-batch',
          baseUrl: 'http://127.0.0.1:9/common/',
          batch: {
            clientId: 'x',
            clientSecret: 'y',
            salt: client.salt,
            callbackUrl: 'http://127.0.0.1:9',
            callbackKey: 'the-key',
          },
          objects: [{ code: 'position', template: 'position' }],
        },
      ],
      batchClients: [client],
    },
  ],
}

interface Shot {
  what: string
  path: string
  body: Buffer
  headers?: Record<string, string>
}

test('no document and no text of the corpora makes a door of the batch answer otherwise than it says, or store what it refused', async () => {
  await using ground = await openGround()
  await using db = await freshDatabase()
  const mortise = await ground.mortise({ config, databaseUrl: db.url })
  await mortise.start()
  const pool = new Pool(mortise.url, { connections: 16, pipelining: 1 })
  const post = async ({ path, body, headers = {} }: Shot): Promise<{ status: number; text: string }> => {
    const answer = await pool.request({ method: 'POST', path, body, headers })
    return { status: answer.statusCode, text: await answer.body.text() }
  }
  const { data } = JSON.parse(
    (
      await post({
        what: 'token',
        path: '/common/unAuth/tokens/generate',
        body: Buffer.from(JSON.stringify({ client_id: client.id, client_secret: client.secret })),
      })
    ).text,
  ) as { data: { access_token: string } }
  const batch = `/common/positions/batch?access_token=${data.access_token}`
  const callback = '/callbacks/mdm/the-key'
  const around = (bizId: string, inside: Buffer): Buffer =>
    Buffer.concat([
      Buffer.from(`{"bizId":${JSON.stringify(bizId)},"timestamp":1586825055000,"data":[{"code":"c","position_name":`),
      inside,
      Buffer.from('}]}'),
    ])
  const proof = (bizId: string): string =>
    createHash('md5')
      .update(bizId + client.salt)
      .digest('hex')
  const shots: Shot[] = [
    ...documents.flatMap(({ name, bytes }, i) => [
      { what: `${name} as a batch`, path: batch, body: bytes },
      { what: `${name} in a row`, path: batch, body: around(`document ${i}`, bytes) },
      { what: `${name} as a token request`, path: '/common/unAuth/tokens/generate', body: bytes },
      { what: `${name} as a callback`, path: callback, body: bytes },
      {
        what: `${name} in a callback that is proved`,
        path: callback,
        body: Buffer.concat([
          Buffer.from(`{"resCode":200000,"bizId":"b","access_token":"${proof('b')}","data":`),
          bytes,
          Buffer.from('}'),
        ]),
      },
    ]),
    ...texts.flatMap((one, i) => [
      {
        what: `text ${i} as bizId`,
        path: batch,
        body: Buffer.from(
          JSON.stringify({ bizId: one, timestamp: 1586825055000, data: [{ code: `b${i}`, position_name: 'n' }] }),
        ),
      },
      {
        what: `text ${i} in a row`,
        path: batch,
        body: Buffer.from(
          JSON.stringify({
            bizId: `text ${i}`,
            timestamp: 1586825055000,
            data: [{ code: one, position_name: one, branch_code: one }],
          }),
        ),
      },
      {
        what: `text ${i} as a path`,
        path: `/common/${encodeURIComponent(one.toWellFormed())}/batch`,
        body: Buffer.from('{}'),
      },
      {
        what: `text ${i} as a key`,
        path: `/callbacks/mdm/${encodeURIComponent(one.toWellFormed())}`,
        body: Buffer.from('{}'),
      },
      {
        what: `text ${i} as bizId of a callback`,
        path: callback,
        body: Buffer.from(
          JSON.stringify({ resCode: 200000, bizId: one, access_token: proof(one), data: { created: '1' } }),
        ),
      },
    ]),
  ]
  const wrong: string[] = []
  const statuses = new Map<number, number>()
  let taken = 0
  await inParallel(16, shots, async (shot) => {
    const { status, text } = await post(shot)
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (![200, 400, 401, 404, 409, 413].includes(status)) wrong.push(`${shot.what}: ${status} ${text.slice(0, 200)}`)
    if (/\bat .*\.ts:\d+|node:internal|select |insert /.test(text)) wrong.push(`${shot.what}: a stack or a statement`)
    try {
      JSON.parse(text)
    } catch {
      wrong.push(`${shot.what}: the answer is no JSON: ${text.slice(0, 200)}`)
    }
    if (shot.path === callback && status === 200) wrong.push(`${shot.what}: a callback of no batch was taken`)
    if (shot.path === batch && status === 200) taken++
  })
  assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} are wrong`)
  const [stored] = await db.owner<{ batches: number; out: number }>`
    select (select count(*)::int4 from batch) as batches, (select count(*)::int4 from out_batch) as out`
  assert.deepEqual(stored, { batches: taken, out: 0 })
  // the control: both ways are met, or nothing was proved
  assert.ok(
    taken > 400 && (statuses.get(400) ?? 0) > 1_000 && (statuses.get(401) ?? 0) > 400,
    JSON.stringify([...statuses]),
  )
  assert.equal(mortise.starts, 1)
  await pool.close()
  assert.equal(await mortise.stop(), 0)
})
