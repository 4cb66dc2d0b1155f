/** One record by its id, asked for again where the source is only busy for a moment: a 5xx is no news of a record. */
import type { Connector, Read, Reading } from '../doc/connector.ts'
import type { Env } from '../doc/env.ts'
import type { FaultCode } from '../doc/fault.ts'

/** As the pages of a window are (connect/pager.ts). */
const mostTries = 5
const passing: ReadonlySet<FaultCode> = new Set<FaultCode>(['send.timeout', 'send.cut', 'send.status'])

export const findPatiently = async (
  connector: Connector,
  object: string,
  id: string,
  env: Pick<Env, 'sleep' | 'random'>,
  signal: AbortSignal,
): Promise<Read<Reading | null>> => {
  for (let tries = 1; ; tries++) {
    const read = await connector.find(object, id, signal)
    if (read.kind === 'read' || read.calm || signal.aborted || tries >= mostTries) return read
    if (!passing.has(read.why.code)) return read
    await env.sleep(100 * 2 ** tries * (0.5 + env.random() / 2), signal)
  }
}
