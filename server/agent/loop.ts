/** Work in the background: a loop with a name that never overlaps itself, survives its own throws, and drains when it is stopped. */
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'

export interface Stoppable {
  /** Ends once what runs has ended. */
  stop(): Promise<void>
}

export interface Loop extends Stoppable {
  /** Run as soon as possible: at once, or once more after the run that is going on. */
  wake(): void
}

export interface LoopOptions {
  name: string
  /** Pause after a run that asked for nothing else. */
  every: Millis
  /** Answers the pause it wants before the next run, if not `every`; 0 = there is more to do. `signal` = please come to an end. */
  run(signal: AbortSignal): Promise<Millis | void>
  env: Pick<Env, 'sleep' | 'random'>
  log: { error(fields: { loop: string; err: unknown }, message: string): void }
}

/** Why a pause ends early. Without a reason of its own an abort makes an exception with a stack, which nobody reads. */
const cut = 'woken'

const firstPause: Millis = 500
/** A database that is back must not be waited for long; an agent that throws this often costs nothing. */
const longestPause: Millis = 5_000

/** Starts at once with a first run. */
export const startLoop = ({ name, every, run, env, log }: LoopOptions): Loop => {
  const stopping = new AbortController()
  let pause: AbortController | null = null
  let woken = false
  let throws = 0

  const rest = async (ms: Millis, wakeable: boolean): Promise<void> => {
    const mine = new AbortController()
    if (wakeable) pause = mine
    const stop = (): void => mine.abort(cut)
    stopping.signal.addEventListener('abort', stop)
    if (stopping.signal.aborted || (wakeable && woken)) mine.abort(cut)
    // A simulated sleep may reject when it is cut short; that is no trouble.
    await env.sleep(ms, mine.signal).catch(() => {})
    stopping.signal.removeEventListener('abort', stop)
    pause = null
  }

  const turns = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      woken = false
      let wanted: Millis = every
      try {
        wanted = (await run(stopping.signal)) ?? every
        throws = 0
      } catch (err) {
        // A wake must not turn a broken agent into a hot one: this pause cannot be cut short by it.
        if (stopping.signal.aborted) return
        const ms = Math.min(longestPause, firstPause * 2 ** throws++) * (0.5 + env.random() / 2)
        log.error({ loop: name, err }, `${name} failed; next run in ${Math.round(ms)} ms`)
        await rest(ms, false)
        continue
      }
      // Even a run that always has more lets the event loop turn.
      if (wanted <= 0 || woken) await new Promise((resolve) => setImmediate(resolve))
      else await rest(wanted, true)
    }
  }
  const ended = turns()

  return {
    wake() {
      woken = true
      pause?.abort(cut)
    },
    async stop() {
      stopping.abort()
      await ended
    },
  }
}
