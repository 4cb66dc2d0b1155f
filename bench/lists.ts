/** `npm run bench -- lists [records]`: how long every list takes with a million records in the database; each must answer within 300 ms. */
import { declare, fill, lists, type Mix } from './lists-world.ts'
import { takeTally } from '../server/maintain/tally.ts'
import { freshDatabase } from '../server/store/fresh.ts'

const limit = 300
const rounds = 7

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN

/** Medians and worst of each list, in milliseconds; the first call of each is warm-up. */
const measure = async (count: number, mix: Mix, analysed: boolean): Promise<number> => {
  await using db = await freshDatabase()
  await declare(db.sql)
  const began = performance.now()
  await fill(db.sql, count, mix)
  if (analysed) await db.sql.unsafe('vacuum analyze')
  console.log(
    `\n${count} records, ${mix}, ${analysed ? 'vacuumed and analysed' : 'as written'} (filled in ${Math.round((performance.now() - began) / 1000)} s)`,
  )
  const tally = await takeTally(db.sql)
  if (tally !== null) console.log(`counted in the background in ${Math.round(tally)} ms`)
  let over = 0
  for (const [name, ask] of Object.entries(lists)) {
    await ask(db.sql)
    const times: number[] = []
    for (let i = 0; i < rounds; i++) {
      const start = performance.now()
      await ask(db.sql)
      times.push(performance.now() - start)
    }
    const middle = median(times)
    if (middle > limit) over++
    console.log(
      `${name.padEnd(44)} ${middle.toFixed(1).padStart(8)} ms   worst ${Math.max(...times)
        .toFixed(1)
        .padStart(8)} ms${middle > limit ? '   MISSED' : ''}`,
    )
  }
  return over
}

export const listBench = async (args: readonly string[]): Promise<number> => {
  const count = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 1_000_000)
  let over = 0
  for (const mix of ['mixed', 'trouble', 'backlog'] as const)
    for (const analysed of mix === 'mixed' ? [false, true] : [true]) over += await measure(count, mix, analysed)
  console.log(`\n${over ? `${over} lists took more than ${limit} ms` : `Every list within ${limit} ms.`}`)
  return over
}
