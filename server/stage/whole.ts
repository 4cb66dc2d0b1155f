/** Rows that need more than the one statement: Idempotency-Keys before it, readings that our own writes overtook around it; in the caller's transaction. */
import type { Admitted, Millis } from '../doc/document.ts'
import type { Sql } from '../store/sql.ts'
import { takeKeys } from './keys.ts'
import { isReading, overtakenReadings, readAgain, staleReadings } from './readings.ts'
import { admitStatement, type Row } from './statement.ts'

/** As `admitStatement`, for any rows. Answers in the order given. */
export const admitWhole = async (tx: Sql, rows: readonly Row[], now: Millis | null): Promise<Admitted[]> => {
  const answers: (Admitted | null)[] = rows.some((row) => row.pushKey)
    ? await takeKeys(tx, rows, now)
    : rows.map(() => null)
  const live = rows.flatMap((row, place) => (answers[place] ? [] : [{ row, place }]))
  if (!live.length) return answers as Admitted[]
  const readings = live.filter(({ row }) => isReading(row))
  const stale = new Set<number>()
  if (readings.length)
    for (const i of await staleReadings(
      tx,
      readings.map(({ row }) => row),
    ))
      stale.add(readings[i]?.place as number)
  const admitted = await admitStatement(
    tx,
    live.map(({ row, place }) => (stale.has(place) ? { ...row, stale: true } : row)),
    now,
  )
  for (const [i, { place }] of live.entries()) answers[place] = admitted[i] as Admitted
  if (readings.length) await askAgain(tx, readings, answers as Admitted[], now)
  return answers as Admitted[]
}

/** What was stale before, or was overtaken by a settle while it was staged, is answered `reread` and read again. */
const askAgain = async (
  tx: Sql,
  readings: readonly { row: Row; place: number }[],
  answers: Admitted[],
  now: Millis | null,
): Promise<void> => {
  const of = ({ row, place }: { row: Row; place: number }) => {
    const answer = answers[place] as Exclude<Admitted, { kind: 'repeated' }>
    return { row, place, seq: answer.seq, kind: answer.kind }
  }
  const staged = readings.map(of).filter(({ kind }) => kind !== 'reread' && kind !== 'superseded')
  for (const i of await overtakenReadings(tx, staged)) {
    const { place, seq } = staged[i] as { place: number; seq: number }
    answers[place] = { kind: 'reread', seq }
  }
  await readAgain(
    tx,
    readings.map(of).filter(({ kind }) => kind === 'reread'),
    now,
  )
}
