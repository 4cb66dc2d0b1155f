/** Group commit for hints: those that are ready together go in one statement, and are answered after its commit (A2). */
import type { Hint } from '../doc/document.ts'
import { BufferUnavailable } from './admit.ts'

const most = 256

export const groupHints = (commit: (rows: Hint[]) => Promise<void>, woke: () => void, limit = 20_000) => {
  let queue: { row: Hint; done: () => void; failed: (error: unknown) => void }[] = []
  let running = false
  let idle: (() => void) | null = null

  const run = async (): Promise<void> => {
    while (queue.length) {
      const batch = queue.splice(0, most)
      try {
        await commit(batch.map((w) => w.row))
        for (const w of batch) w.done()
        woke()
      } catch (error) {
        for (const w of batch) w.failed(error)
      }
    }
    running = false
    idle?.()
  }

  return {
    hint: (row: Hint): Promise<void> => {
      if (queue.length >= limit) return Promise.reject(new BufferUnavailable('too much is waiting to be stored'))
      return new Promise((done, failed) => {
        queue.push({ row, done, failed })
        if (running) return
        running = true
        queueMicrotask(() => void run())
      })
    },
    close: (): Promise<void> => (running ? new Promise((done) => (idle = done)) : Promise.resolve()),
  }
}
