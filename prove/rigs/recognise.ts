/** R1, R2: every way to recognise an earlier create, with every way to lose its answer: exactly one record, or a person is asked and nothing is sent again. */
import assert from 'node:assert/strict'
import type { Fault } from '../../sandbox/faults.ts'
import type { Recognise } from '../../sandbox/system.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import type { ConnectionFile } from '../../server/flows/schema.ts'
import { configOf, rigTenant } from './config.ts'
import { openGround, until } from './ground.ts'
import { type Expected, judge, ledgerOf, mustBeClean, mustShow, textOf } from './judge.ts'
import { inParallel, openPusher } from './pusher.ts'
import { type Rig, say } from './rig.ts'
import { openWatch } from './watch.ts'

/** How an answer gets lost. 1,500 ms is within the declared timeout + longestProcessing. */
const losses: Record<string, (aim: Pick<Fault, 'call' | 'where' | 'nth'>) => Fault> = {
  'cut after': (aim) => ({ ...aim, kind: 'cutAfter' }),
  'cut before': (aim) => ({ ...aim, kind: 'cutBefore' }),
  'late, cut': (aim) => ({ ...aim, kind: 'lateCommit', ms: 1_500, answer: 'cut' }),
  'late, 504': (aim) => ({ ...aim, kind: 'lateCommit', ms: 1_500, answer: '504' }),
  'late, hanging': (aim) => ({ ...aim, kind: 'lateCommit', ms: 1_500, answer: 'hang' }),
  hanging: (aim) => ({ ...aim, kind: 'hang', effect: true }),
  '500 with effect': (aim) => ({ ...aim, kind: 'status', status: 500, effect: true }),
  '502 without': (aim) => ({ ...aim, kind: 'status', status: 502 }),
  'a success that breaks the rule': (aim) => ({ ...aim, kind: 'wrongShape' }),
}

interface Mode {
  id: string
  /** What the target offers. */
  offers: Recognise
  /** What the connection says it offers. */
  declared: Partial<ConnectionFile>
}

const modes: Mode[] = [
  { id: 'by-id', offers: 'byId', declared: { recognise: 'byId' } },
  { id: 'by-window', offers: 'byWindow', declared: { recognise: 'byWindow' } },
  {
    id: 'unique',
    offers: 'externalIdUnique',
    declared: { recognise: 'externalIdUnique', duplicate: { codes: '409001', idPath: 'data.masterDataId' } },
  },
  { id: 'keys', offers: 'idempotencyHeader', declared: { recognise: 'idempotencyHeader' } },
  { id: 'none', offers: 'none', declared: { recognise: 'none' } },
  // The controls: a connection that promises for its target what the target does not keep.
  { id: 'liar-by-id', offers: 'none', declared: { recognise: 'byId' } },
  { id: 'liar-keys', offers: 'none', declared: { recognise: 'idempotencyHeader' } },
]

export const recogniseRig: Rig = {
  name: 'recognise',
  promise: '3 (R1, R2)',
  about:
    'five ways to recognise × nine ways to lose the answer of a create: exactly one record, or parked and never sent again',
  run: async (long) => {
    const each = long ? 30 : 2
    await using ground = await openGround()
    await using db = await freshDatabase()
    const worlds = await Promise.all(
      modes.map(async (mode) => {
        const witness = await ground.witness({ tenant: mode.id })
        // Without events: a record that was told by its own system needs no recognising.
        await Promise.all([witness.crm.events({ mode: 'off' }), witness.crm.mode(mode.offers)])
        const tenant = rigTenant({ id: mode.id, witness, crm: mode.declared, pairs: ['material'] })
        return { mode, witness, tenant }
      }),
    )
    const mortise = await ground.mortise({
      config: configOf(...worlds.map((world) => world.tenant)),
      databaseUrl: db.url,
    })
    await mortise.start()
    await using watch = openWatch(() => db.url)

    const cases = Object.entries(losses).flatMap(([loss, make], l) =>
      Array.from({ length: each }, (_, i) => ({
        loss,
        id: `R-${l}-${i}`,
        fault: make({ call: 'create', where: { product_code: `R-${l}-${i}` }, nth: 1 }),
      })),
    )
    const isWell = (id: string): boolean => id.includes('-well-')
    const edited = (index: number): boolean => index % 2 === 1
    const push = (id: string, edit: number) => ({
      object: 'BD_Material',
      id,
      master: { number: id, name: `物料 ${id}`, unit: String(edit) },
    })
    await Promise.all(
      worlds.map(async ({ witness, tenant }) => {
        await witness.crm.faults(cases.map((one) => one.fault))
        await using pusher = openPusher(mortise.url, tenant)
        // Four that go well beside each that does not: a target that fails again and again is left alone for a while (promise 14).
        await inParallel(8, cases, async ({ id }) => {
          for (let i = 0; i < 4; i++) await pusher.insist(push(`${id}-well-${i}`, 0))
          await pusher.insist(push(id, 0))
        })
        await until(
          `all creates of ${tenant.id} have been tried`,
          async () => (await ledgerOf(witness.crm, { call: 'create' })).length >= cases.length * 5,
          long ? 600_000 : 120_000,
        )
        // What arrives while nobody knows must be there in the end, and must not be sent before (R1).
        await inParallel(
          16,
          cases.filter((_, i) => edited(i)),
          async ({ id }) => void (await pusher.insist(push(id, 1))),
        )
      }),
    )
    const rested = await watch.rest()
    for (const { mode, witness } of worlds) {
      const hits = await witness.crm.faultHits()
      const missed = hits.filter((hit) => hit.hits === 0)
      assert.deepEqual(missed, [], `${mode.id}: every loss happened`)
      const calls = await ledgerOf(witness.crm)
      const creates = calls.filter(
        (call) => call.call === 'create' && !isWell(textOf(call.body?.masterFieldVal?.product_code)),
      )
      const expected = new Map(
        cases.map(({ id }, i): [string, Expected] => [
          id,
          { fields: { product_code: id, unit: edited(i) ? '1' : '0' } },
        ]),
      )
      for (const { id } of cases) for (let i = 0; i < 4; i++) expected.set(`${id}-well-${i}`, { fields: { unit: '0' } })
      const verdict = await judge(witness.crm, 'ProductObj', expected, 'unit')
      if (mode.id.startsWith('liar')) {
        mustShow(`a target that does not offer what ${mode.id} declares`, verdict, ['duplicated'])
        continue
      }
      if (mode.offers !== 'none') {
        await mustBeClean(`recognise ${mode.id}`, verdict)
        say(`recognise: ${mode.id}: ${cases.length} lost answers, ${creates.length} create calls, one record each`)
        continue
      }
      assert.deepEqual(verdict.duplicated, [], 'none: nothing twice')
      assert.equal(creates.length, cases.length, 'none: a create is never sent again by itself')
      assert.equal(
        calls.filter((call) => call.call === 'update').length,
        0,
        'none: nothing goes out before a person has spoken',
      )
    }
    const parked = await watch.parked()
    const unknown = parked.filter((row) => row.reason === 'unknown' && row.sent_call === 'create')
    assert.equal(
      unknown.length,
      cases.length,
      `all of "none" are shown, and nobody else is: ${JSON.stringify(parked.slice(0, 3))}`,
    )
    assert.equal(rested.parked, unknown.length)
    say(`recognise: none: ${unknown.length} shown as unknown, none sent again; both controls doubled`)
  },
}
