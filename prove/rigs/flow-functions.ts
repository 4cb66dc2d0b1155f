/** Flows beside each other: one whose function loops or takes all memory, before mapping or before write; the other's records all arrive, about as soon as they do alone. */
import assert from 'node:assert/strict'
import { dropSuspension, suspensions } from '../../server/decode/suspensions.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { configOf, pairOf, rigTenant } from './config.ts'
import { openGround, pause, until } from './ground.ts'
import { ledgerOf } from './judge.ts'
import { openPusher } from './pusher.ts'
import { say } from './rig.ts'
import { openWatch } from './watch.ts'

const kinds = ['beforeMapping', 'beforeWrite'] as const
type Kind = (typeof kinds)[number]
const deeds = ['loops', 'takes all memory'] as const
type Deed = (typeof deeds)[number]
interface Mode {
  kind: Kind
  deed: Deed
}

const badObject = 'ERP 侧对象的 APIName'
const every = 20

/** Which function of the flow misbehaves, and how, is said by the record's id. */
const markOf = ({ kind, deed }: Mode): string => `${kind}-${deed === 'loops' ? 'L' : 'M'}-`
const codeOf = (kind: Kind): string => `function ${kind}(one) {
  const id = one.sourceId ?? one.id
  if (id.startsWith('${kind}-L-')) for (;;);
  if (id.startsWith('${kind}-M-')) for (const all = []; ; ) all.push(new Array(100000).fill(id))
  return one
}`

const median = (all: readonly number[]): number =>
  [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN

const p95 = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? Number.NaN

/** The function is told and suspended each time, the other flow's records arrive, and, by the medians of the rounds, about as soon as alone. */
export const besideFlows = async (rounds: number, pushes: number, modes: readonly Mode[]): Promise<void> => {
  await using db = await freshDatabase()
  await using ground = await openGround()
  const witness = await ground.witness()
  const tenant = rigTenant({
    witness,
    pairs: ['material', 'guide'],
    crm: { timeout: '3s' }, // both functions before a write have a second
    edit: (file) => {
      file.functions = kinds.map((kind) => ({ name: kind, kind, code: codeOf(kind) }))
    },
  })
  const flow = pairOf(tenant.file, 'guide').flows?.leftToRight
  if (!flow) throw new Error('the pair guide has no flow')
  flow.functions = Object.fromEntries(kinds.map((kind) => [kind, kind]))
  const mortise = await ground.mortise({ config: configOf(tenant), databaseUrl: db.url })
  await mortise.start()
  await using watch = openWatch(() => db.url)
  await using pusher = openPusher(mortise.url, tenant, { clients: 32 })

  const begun = new Map<string, number>()
  const taken: Promise<unknown>[] = []
  const push = (object: string, id: string): void => {
    begun.set(id, Date.now())
    const master = object === badObject ? { Key1: id } : { number: id, name: id, unit: '0' }
    taken.push(pusher.insist({ object, id, master }))
  }
  /** From the beginning of its push until the target heard of it. */
  const arrivals = async (ids: readonly string[]): Promise<number[]> => {
    await Promise.all(taken.splice(0))
    return until(
      'all of the other flow arrived',
      async () => {
        const at = new Map<string, number>()
        for (const call of await ledgerOf(witness.crm, { call: 'create', object: 'ProductObj' }))
          at.set(String(call.body?.masterFieldVal?.product_code), call.at)
        const found = ids.flatMap((id) => at.get(id) ?? [])
        return found.length === ids.length && ids.map((id) => (at.get(id) as number) - (begun.get(id) as number))
      },
      120_000,
      250,
    )
  }
  const isSuspended = async (kind: Kind): Promise<boolean> =>
    (await suspensions(await watch.sql(), tenant.id)).some(({ name }) => name === kind)

  /** Good records alone, or beside bad ones until the function is suspended: what comes after that is as alone. */
  const phase = async (name: string, count: number, mode: Mode | null): Promise<number[]> => {
    const ids: string[] = []
    let over = false
    for (let i = 0; i < count && !over; i++) {
      if (mode && i % 4 === 0) push(badObject, `${name}-${i}`)
      const id = `G-${name}-${i}`
      ids.push(id)
      push('BD_Material', id)
      if (mode && i % 10 === 9) over = await isSuspended(mode.kind)
      await pause(every)
    }
    if (mode) await until(`${mode.kind} is suspended`, () => isSuspended(mode.kind), 120_000, 250)
    return arrivals(ids)
  }

  /** What the function did is told on the records of this mark. It runs again afterwards; what it held up stays where it is. */
  const told = async (mode: Mode, mark: string): Promise<void> => {
    const sql = await watch.sql()
    const many = async (): Promise<number> => {
      const [row] = await sql<{ count: number }>`
        select count(*)::int4 as count
        from link
        where state = 'parked' and left_id like ${`${mark}%`} and fault::json->>'code' in ('function.over', 'function.suspended')`
      return row?.count ?? 0
    }
    // Not each of the three that were over: on a busy machine a claim may run out meanwhile, and its record waits for the suspended function.
    await until(`records say that ${mode.kind} ${mode.deed}`, async () => (await many()) >= 1, 60_000, 100)
    // What is still due would run into it again, and suspend it anew for the next mode.
    await watch.rest()
    await dropSuspension(sql, tenant.id, mode.kind)
  }

  await phase('warm', 60, null)
  const figures = new Map<string, { alone: number; beside: number }[]>()
  for (let round = 0; round < rounds; round++)
    for (const mode of modes) {
      const name = `${mode.kind} ${mode.deed}`
      const mark = `${markOf(mode)}${round}`
      const alone = p95(await phase(`${mark}-alone`, pushes, null))
      const beside = p95(await phase(`${mark}-beside`, pushes * 4, mode))
      await told(mode, mark)
      figures.set(name, [...(figures.get(name) ?? []), { alone, beside }])
    }
  assert.equal(await mortise.stop(), 0, mortise.said())
  const slow: string[] = []
  for (const [name, found] of figures) {
    const [alone, beside] = [median(found.map((one) => one.alone)), median(found.map((one) => one.beside))]
    const rest = found.map((one) => `${one.alone}/${one.beside}`).join(' ')
    say(`functions of flows: ${name}: p95 ${alone} ms alone, ${beside} ms beside it (by rounds: ${rest})`)
    // below 15 ms a timer of the test's own machine decides
    if (beside > Math.max(alone * 1.5, alone + 15)) slow.push(`${name}: ${alone} ms alone, ${beside} ms beside it`)
  }
  assert.deepEqual(slow, [])
}

export const everyMode: readonly Mode[] = kinds.flatMap((kind) => deeds.map((deed) => ({ kind, deed })))
