/** Virtual time and chance: one thing happens at a time, in an order that the seed decides, and never otherwise. */

/** Small, fast and good enough for schedules (mulberry32). */
export const chance = (seed: number) => {
  let a = seed >>> 0
  const next = (): number => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return {
    next,
    below: (n: number): number => Math.floor(next() * n),
    yes: (p: number): boolean => next() < p,
    between: (from: number, to: number): number => from + Math.floor(next() * (to - from + 1)),
    pick: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T,
  }
}
export type Chance = ReturnType<typeof chance>

interface Event {
  at: number
  order: number
  run: () => void
}

/** So much at one instant is a loop that asks again without a pause. */
const tooMany = 20_000

/** `pick` chooses whose turn it is among `n` calls that are ready at the same instant. */
export const virtualClock = (start: number, pick: (n: number) => number = () => 0) => {
  const heap: Event[] = []
  let now = start
  let order = 0
  let steps = 0
  const turns: (() => Promise<void>)[] = []
  let immediates: (() => void)[] = []
  /** A turn is being taken: what the store does to get its answer is no business of the simulation. */
  let real = false

  const push = (event: Event): void => {
    let i = heap.push(event) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      const parent = heap[up] as Event
      if (parent.at < event.at || (parent.at === event.at && parent.order < event.order)) break
      heap[i] = parent
      i = up
    }
    heap[i] = event
  }

  const pop = (): void => {
    const last = heap.pop()
    if (!last || !heap.length) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      const left = heap[child] as Event
      if (right && (right.at < left.at || (right.at === left.at && right.order < left.order))) child++
      const down = heap[child] as Event
      if (last.at < down.at || (last.at === down.at && last.order < down.order)) break
      heap[i] = down
      i = child
    }
    heap[i] = last
  }

  // A tick runs only when no promise is left that can go on: that is how "everything that can run has run" is told, and it costs a
  // tenth of a turn of the event loop.
  const quiet = (): Promise<void> => new Promise((done) => process.nextTick(done))

  /**
   * Lets everything run that can run without time passing. Calls of the store are taken one at a time, each when all else is quiet: so
   * their order is the same over memory and over a database.
   */
  const drain = async (): Promise<void> => {
    for (let round = 0; ; round++) {
      await quiet()
      if (round > tooMany) throw new Error('no end of work at one instant')
      if (immediates.length) {
        const ready = immediates
        immediates = []
        for (const run of ready) run()
        continue
      }
      const turn = turns.length > 1 ? turns.splice(pick(turns.length), 1)[0] : turns.pop()
      if (!turn) return
      await turn()
    }
  }

  return {
    now: () => now,
    steps: () => steps,
    after: (ms: number, run: () => void): void => push({ at: now + Math.max(0, ms), order: order++, run }),
    sleep: (ms: number): Promise<void> =>
      new Promise((done) => push({ at: now + Math.max(0, ms), order: order++, run: done })),
    /** Does `work` when its turn comes; no time passes over it. */
    inTurn: <T>(work: () => Promise<T>): Promise<T> =>
      new Promise((done, failed) =>
        turns.push(async () => {
          real = true
          try {
            const value = await work()
            real = false
            done(value)
          } catch (error) {
            real = false
            failed(error)
          }
        }),
      ),
    /** Runs until `until` (virtual ms) or until `stop()` says so. */
    run: async (until: number, stop: () => boolean = () => false): Promise<void> => {
      // Loops let the event loop turn between two runs; here that is a turn of ours.
      const turn = globalThis.setImmediate
      globalThis.setImmediate = ((run: () => void) =>
        real ? turn(run) : immediates.push(run)) as unknown as typeof turn
      try {
        await drain()
        for (let event = heap[0]; event && event.at <= until && !stop(); event = heap[0]) {
          pop()
          now = event.at
          steps++
          event.run()
          await drain()
        }
        if (!stop()) now = Math.max(now, until)
      } finally {
        globalThis.setImmediate = turn
      }
    },
  }
}
export type VirtualClock = ReturnType<typeof virtualClock>
