/** Runs one seed and prints everything that touched its rows, in order: `npm run prove -- trace <seed> [text to look for]`. */
import type { Claimed, FetchEnd, FetchRow, Mark, Settle, Settled } from '../../server/converge/road.ts'
import type { Arrival, Hint } from '../../server/doc/document.ts'
import { isClean } from './judge.ts'
import { drawFor, everythingOn, type Protections, without as lacking } from './scenario.ts'
import { runSeed, start } from './world.ts'

const told: Record<string, (a: never[], r: never) => string[]> = {
  admit: ([rows]: Arrival[][], r: { kind: string; version?: number }[]) =>
    (rows ?? []).map(
      (x, i) =>
        `admit   ${x.data_id} ${x.operation} ${x.channel} v${r[i]?.version ?? '-'} ${r[i]?.kind} ${x.master ?? ''} ${x.details ?? ''}`,
    ),
  hint: ([rows]: Hint[][]) => (rows ?? []).map((x) => `hint    ${x.data_id} ${x.cause}`),
  claim: (_: never[], r: Claimed[]) =>
    r.map(
      (l) =>
        `claim   #${l.link_id} ${l.left_id}/${l.right_id} ${l.was} g${l.settled}/${l.generation} asked ${l.asked_generation}${l.asked_side ?? ''} v${l.left_version}/${l.right_version} agreed ${l.left_agreed_version}/${l.right_agreed_version} sent ${l.sent_call ?? '-'} ${l.sent_side ?? ''} seen ${l.sent_seen} voided ${l.voided_at !== null} later ${l.later_side}`,
    ),
  mark: ([marks]: Mark[][], r: unknown[]) =>
    (marks ?? []).map((m, i) => `mark    #${m.link_id} ${m.call} ${m.side} ${r[i] ? '' : 'REFUSED'} ${m.request}`),
  settle: ([rows]: Settle[][], r: Settled[]) =>
    (rows ?? []).map(
      (s, i) =>
        `settle  #${s.link_id} ${r[i]?.held ? `-> ${r[i]?.state}` : 'FENCED'} ${s.state} ${s.reason ?? ''} answered ${s.answered} id ${s.id?.value ?? ''} again ${s.again} ask ${s.ask ?? ''} target ${JSON.stringify(s.target)} ${s.fault ?? ''}`,
    ),
  bind: ([l, side, id]: [Claimed, string, string], r: string) => [`bind    #${l.link_id} ${side} ${id} ${r}`],
  endFetch: ([row, end]: [FetchRow, FetchEnd]) => [`fetched ${row.data_id} ${JSON.stringify(end)}`],
  rerun: ([l]: { link_id: number }[][]) => [`rerun   ${(l ?? []).map((x) => `#${x.link_id}`)}`],
} as never

/** `without`: the protection that a control takes away. Answers whether the seed is clean. */
export const trace = async (seed: number, wanted: string, without: keyof Protections | null): Promise<boolean> => {
  const say = (at: number, text: string): void => {
    if (text.includes(wanted)) console.log(`${String(at - start).padStart(8)}  ${text}`)
  }
  const { memory: _, ...verdict } = await runSeed(drawFor(seed, without), {
    protections: without ? lacking(without) : everythingOn,
    road: (memory, clock) =>
      Object.fromEntries(
        Object.entries(memory.road).map(([name, f]) => [
          name,
          async (...a: never[]) => {
            const answer = (await (f as (...a: never[]) => Promise<unknown>)(...a)) as never
            for (const line of told[name]?.(a, answer) ?? []) say(clock.now(), line)
            return answer
          },
        ]),
      ) as never,
    effect: say,
    log: { info() {}, warn() {}, error: (fields, message) => console.log(message, fields) },
  })
  console.log(JSON.stringify(verdict, null, 1))
  return isClean(verdict)
}
