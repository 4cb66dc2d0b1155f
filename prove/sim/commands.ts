/** The simulator from the command line: many seeds, the controls, the replay on PostgreSQL, and one seed step by step. */
import { availableParallelism } from 'node:os'
import { freshDatabase } from '../../server/store/fresh.ts'
import { look, names, protections, writeDown } from './controls.ts'
import { isClean, violations } from './judge.ts'
import { prepareReplay, replaySeed } from './replay.ts'
import { draw, everythingOn, type Protections } from './scenario.ts'
import { type Answer, describe, range, runSeeds } from './seeds.ts'
import { trace } from './trace.ts'

const number = (text: string | undefined, otherwise: number): number => {
  const n = text === undefined ? otherwise : Number(text)
  if (!Number.isInteger(n) || n < 0) throw new Error(`${text} is not a number`)
  return n
}

const fromTime = (): number => Date.now() % 1_000_000_000

/** A line that is written over on a terminal, and now and then where there is none. */
const progress = (total: number): ((done: number, more: string) => void) => {
  const began = performance.now()
  let last = 0
  return (done, more) => {
    const now = performance.now()
    const every = process.stdout.isTTY ? 500 : 30_000
    if (now - last < every && done < total) return
    last = now
    const seconds = Math.round((now - began) / 1_000)
    const line = `${done} of ${total} seeds, ${seconds} s, ${more}`
    process.stdout.write(process.stdout.isTTY ? `\r${line}\x1b[K${done < total ? '' : '\n'}` : `${line}\n`)
  }
}

const table = (rows: [string, string | number][]): void => {
  const width = Math.max(...rows.map(([name]) => name.length))
  for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`)
}

const sum = (answer: Answer): [string, number][] =>
  violations.map((kind) => [kind, answer.bad.filter((one) => one[kind].length).length])

export const sim = async ([count, first]: string[]): Promise<boolean> => {
  const total = number(count, 10_000)
  const from = number(first, fromTime())
  console.log(`${total} seeds from ${from} on ${availableParallelism()} threads`)
  const show = progress(total)
  const began = performance.now()
  const answer = await runSeeds(range(from, total), { progress: (so) => show(so.seeds, `${so.bad.length} not clean`) })
  for (const one of answer.bad.slice(0, 20)) console.log(describe(one))
  const { seeds, hits, calls, bad } = answer
  table([
    ['seeds', seeds],
    ['crashes and freezes that hit work in flight', hits],
    ['calls that took effect', calls],
    ...sum(answer),
    ['not clean', bad.length],
    ['seconds', ((performance.now() - began) / 1_000).toFixed(1)],
  ])
  return bad.length === 0 && seeds === total
}

export const replay = async ([count, first]: string[]): Promise<boolean> => {
  const total = number(count, 1_000)
  const from = number(first, fromTime())
  await using db = await freshDatabase({ pool: { max: 1 } })
  await prepareReplay(db.sql)
  const [{ server_version: version } = { server_version: '?' }] = await db.sql<{
    server_version: string
  }>`show server_version`
  console.log(`${total} seeds from ${from} on PostgreSQL ${version}`)
  const show = progress(total)
  let calls = 0
  let different = 0
  let unclean = 0
  for (let i = 0; i < total; i++) {
    const scenario = draw(from + i)
    const replayed = await replaySeed(db.sql, scenario)
    calls += replayed.calls
    if (replayed.difference) {
      different++
      // Once more, with the rows compared after every call: names the call that first made a difference.
      const closer = await replaySeed(db.sql, scenario, { closely: true })
      if (different <= 5) console.log(`seed ${scenario.seed}: ${closer.difference ?? replayed.difference}`)
    } else if (!isClean(replayed.verdict)) {
      unclean++
      console.log(describe(replayed.verdict))
    }
    show(i + 1, `${different} different`)
  }
  table([
    ['seeds', total],
    ['calls on both stores', calls],
    ['not the same', different],
    ['not clean', unclean],
  ])
  return different === 0 && unclean === 0
}

/** No control may need more seeds than this. */
const bound = 10_000

export const controls = async ([what]: string[]): Promise<boolean> => {
  const found = {} as Record<keyof Protections, number[]>
  for (const protection of protections) {
    const { seeds, looked } = await look(protection, 6, bound)
    found[protection] = seeds
    console.log(
      `${protection.padEnd(16)}  ${seeds.length ? 'caught' : 'NOT CAUGHT'}: ${names[protection]} in seeds ${seeds.join(', ')} (${looked} looked at)`,
    )
  }
  const enough = protections.every((name) => found[name].length >= 3)
  if (what === 'write' && enough) writeDown(found)
  return enough
}

export const traceSeed = async (args: string[]): Promise<boolean> => {
  const at = args.indexOf('--without')
  const without = at < 0 ? null : (args[at + 1] as keyof Protections)
  if (without !== null && !(without in everythingOn)) throw new Error(`there is no protection ${without}`)
  const [seed, wanted = ''] = at < 0 ? args : [...args.slice(0, at), ...args.slice(at + 2)]
  return trace(number(seed, 1), wanted, without)
}
