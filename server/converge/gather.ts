/** Single questions that are asked while one query runs go together in the next (C4: what settles together is looked up together). */

const most = 256

interface Asked<K, A> {
  key: K
  done: (answer: A) => void
  failed: (error: unknown) => void
}

/** Every question is answered by a query that began after it was asked. */
export const gather = <K, A>(read: (keys: K[]) => Promise<A[]>): ((key: K) => Promise<A>) => {
  let queue: Asked<K, A>[] = []
  let running = false

  const run = async (): Promise<void> => {
    while (queue.length) {
      const batch = queue.slice(0, most)
      queue = queue.slice(most)
      try {
        const answers = await read(batch.map((q) => q.key))
        for (const [i, q] of batch.entries()) q.done(answers[i] as A)
      } catch (error) {
        for (const q of batch) q.failed(error)
      }
    }
    running = false
  }

  return (key) =>
    new Promise((done, failed) => {
      queue.push({ key, done, failed })
      if (running) return
      running = true
      queueMicrotask(() => void run())
    })
}
