/** Waits for work, but no longer than so many ms, and leaves no timer behind: one that stays keeps the whole process. */
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'

/** True: the work ended in time. What it answers, or throws, is for whoever holds it. */
export const within = async (env: Pick<Env, 'sleep'>, ms: Millis, work: Promise<unknown>): Promise<boolean> => {
  const over = new AbortController()
  try {
    const ended = work.then(
      () => true,
      () => true,
    )
    return await Promise.race([ended, env.sleep(ms, over.signal).then(() => false)])
  } finally {
    over.abort()
  }
}
