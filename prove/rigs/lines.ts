/** Promise 18: a target that loses detail lines or does not tell their ids has not applied the document; that is shown, and repaired once it keeps them. */
import assert from 'node:assert/strict'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, hookUrl, rigTenant } from './config.ts'
import { freePort, openGround, type Witness } from './ground.ts'
import { type Expected, judge, ledgerOf, mustBeClean, mustShow } from './judge.ts'
import { inParallel, openPusher } from './pusher.ts'
import { type Rig, say } from './rig.ts'
import { openWatch } from './watch.ts'

const lines = 7
const push = (id: string, edit: number) => ({
  object: 'BD_Customer',
  id,
  master: { number: id, name: `customer ${id}`, taxNo: String(edit) },
  details: {
    contacts: Array.from({ length: lines }, (_, i) => ({
      id: `${id}-${i}`,
      name: `contact ${i} of ${id}, ${edit}`,
      mobile: String(i),
    })),
  },
})
const expectedOf = (ids: string[], edit: number): Map<string, Expected> =>
  new Map(
    ids.map((id) => [
      id,
      {
        fields: { account_no: id, tax_no: String(edit) },
        rows: {
          ContactObj: {
            field: 'name',
            values: Array.from({ length: lines }, (_, i) => `contact ${i} of ${id}, ${edit}`),
          },
        },
      },
    ]),
  )

export const linesRig: Rig = {
  name: 'lines',
  promise: '18',
  about:
    'the target drops every third line, or tells no row ids: no document counts as applied with lines missing; all are shown, and whole in the end',
  run: async (long) => {
    const records = long ? 400 : 24
    await using ground = await openGround()
    await using db = await freshDatabase()
    const port = await freePort()
    const witness = await ground.witness({ hook: hookUrl(`http://127.0.0.1:${port}`) })
    const tenant = rigTenant({ witness, pairs: ['customer'] })
    const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: db.url, port })
    await mortise.start()
    await using watch = openWatch(() => db.url)
    await using pusher = openPusher(mortise.url, tenant)
    const all = Array.from({ length: records }, (_, i) => `L-${i}`)
    // Thirds: lines lost at the create; lines lost at an update; ids not told (the rows are there, and are found by reading back).
    const [atCreate, atUpdate, untold] = [0, 1, 2].map((rest) => all.filter((_, i) => i % 3 === rest)) as [
      string[],
      string[],
      string[],
    ]

    await inParallel(16, atUpdate, async (id) => void (await pusher.insist(push(id, 0))))
    await watch.rest()
    await mustBeClean('lines, before', await judge(witness.crm, 'AccountObj', expectedOf(atUpdate, 0)))
    await witness.crm.faults([
      ...[...atCreate, ...atUpdate].map((id) => ({
        kind: 'dropDetailRow' as const,
        every: 3,
        where: { account_no: id },
      })),
      ...untold.map((id) => ({ kind: 'missingDetailIds' as const, where: { account_no: id } })),
    ])
    await inParallel(16, atUpdate, async (id) => void (await pusher.insist(push(id, 1))))
    await inParallel(16, [...atCreate, ...untold], async (id) => void (await pusher.insist(push(id, 1))))
    // Long enough for everything to be looked at once, and to be shown.
    await watch.rest(60_000).catch(() => {})
    const hits = (await witness.crm.faultHits()).filter((hit) => hit.hits === 0)
    assert.deepEqual(hits, [], 'every document met its fault')

    // The control: where the target loses lines, the judge must see it, else the rest proves nothing.
    mustShow(
      'a target that drops lines',
      await judge(witness.crm, 'AccountObj', expectedOf([...atCreate, ...atUpdate], 1)),
      ['stale'],
    )
    await mustBeClean('lines, ids not told', await judgeOnly(witness, untold))
    const shown = await (await watch.sql())<{
      left_id: string
      state: string
      reason: string | null
      fault: string | null
    }>`
      select left_id, state, reason, fault from link where left_id = any(${[...atCreate, ...atUpdate]}::text[])`
    const hidden = shown.filter((row) => row.state === 'idle' || row.fault === null)
    assert.deepEqual(
      hidden.slice(0, 3),
      [],
      `${hidden.length} documents with missing lines count as applied, or show no reason`,
    )

    // The pair leads both ways: lines that the target lost must not be deleted at their source.
    const back = (await ledgerOf(witness.erp)).filter((call) => ['create', 'update', 'invalid'].includes(call.call))
    assert.deepEqual(back.slice(0, 2), [], 'lost lines came back as a change of the target')

    await witness.crm.faults([])
    // What is parked is mended by a person or by the record's next change: here by the change.
    await inParallel(16, all, async (id) => void (await pusher.insist(push(id, 2))))
    const sight = await watch.rest(120_000)
    await mustBeClean('lines, repaired', await judge(witness.crm, 'AccountObj', expectedOf(all, 2)), async () =>
      JSON.stringify((await watch.parked()).slice(0, 3)),
    )
    assert.equal(sight.parked, 0, JSON.stringify((await watch.parked()).slice(0, 3)))
    assert.equal(await mortise.stop(), 0)
    say(
      `lines: ${atCreate.length + atUpdate.length} documents lost lines and were all shown, ${untold.length} were told without row ids; all whole in the end`,
    )
  },
}

const judgeOnly = async (witness: Witness, ids: string[]) => {
  const verdict = await judge(witness.crm, 'AccountObj', expectedOf(ids, 1))
  return { ...verdict, strange: [] }
}
