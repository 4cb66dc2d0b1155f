/** Asks the target what became of an earlier create; where it is asked by sending the create again, that is written down like any call (C2, R1). */
import type { Connector, Unanswered } from '../doc/connector.ts'
import type { Recognised } from '../doc/outcome.ts'
import type { Claimed, Marked } from './road.ts'
import type { Round } from './round.ts'

export const recognised = async (
  { road, env, signal }: Pick<Round, 'road' | 'env' | 'signal'>,
  connector: Connector,
  link: Claimed,
  earlier: Unanswered,
  sendBy: number,
): Promise<Recognised> => {
  const { tenant_id, pair_id, link_id, lease_token } = link
  let marked: Marked | null = null
  let began = 0
  const mayRepeat = async (): Promise<boolean> => {
    if (!earlier.bytes) return false
    const { key: idem_key, traceId: trace_id, bytes: request } = earlier
    marked = await road.repeat({ tenant_id, pair_id, link_id, lease_token, idem_key, trace_id, request })
    began = env.monotonic()
    return marked !== null
  }
  const found = await connector.recognise(earlier, sendBy, signal, mayRepeat)
  const repeated = marked as Marked | null // set in the callback, which the compiler does not see
  if (repeated) {
    await road.ended(link, {
      attempt_id: repeated.attempt_id,
      started_at: repeated.sent_at,
      ...told(found),
      status: null,
      answer: null,
      ms: env.monotonic() - began,
    })
  }
  return found
}

/** What the log says of the repetition. */
const told = (found: Recognised): { outcome: string; fault: string | null } => {
  switch (found.kind) {
    case 'found':
      return { outcome: 'applied', fault: null }
    case 'answered':
      return {
        outcome: found.outcome.kind,
        fault: found.outcome.kind === 'applied' ? null : JSON.stringify(found.outcome.why),
      }
    case 'cannot tell':
      return { outcome: 'unknown', fault: JSON.stringify(found.why) }
    case 'several':
    case 'absent':
      return { outcome: 'unknown', fault: null }
  }
}
