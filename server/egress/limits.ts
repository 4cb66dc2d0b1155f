/** How many calls a target may get now: concurrency, rate, daily quota, hold and breaker as one state machine over a given `now` (promises 13, 14). */
import type { Millis } from '../doc/document.ts'

export interface LimitsDef {
  concurrency: number
  /** Calls in any second, measured at the first byte. */
  perSecond?: number
  /**
   * How many may start back to back. `burst` calls in any `burst / perSecond` seconds: 100 calls per 20 s is
   * `{perSecond: 5, burst: 100}`. Absent: `perSecond`, so that no second holds more.
   */
  burst?: number
  perDay?: number
}

export type Blocked = 'concurrency' | 'rate' | 'day' | 'hold' | 'breaker'

/** `free` 0: `why`, and `at` where time alone ends it (else the end of a running call does). */
export interface Slots {
  free: number
  at?: Millis
  why?: Blocked
}

/** What the end of a call says of its target's health. `nothing`: it never left, or we cut it ourselves. */
export type Health = 'fine' | 'failing' | 'nothing'

export interface Ticket {
  readonly epoch: number
  sent: boolean
}

export interface Limits {
  slots(now: Millis): Slots
  /** Takes a slot, or says why not. Every ticket must be ended, once. */
  take(now: Millis): Ticket | Slots
  /** The first byte is about to leave: this is the instant that the rate counts. */
  sent(ticket: Ticket, now: Millis): void
  end(ticket: Ticket, health: Health, now: Millis): void
  /** 429: no call before `until`, or before a pause of our own where the target named none. Answers the instant. */
  throttled(now: Millis, until?: Millis): Millis
  /** For metrics and the console. */
  view(now: Millis): { breaker: 'closed' | 'open' | 'recovering'; running: number; heldUntil: Millis | null }
}

/** Network delay squeezes calls together on their way; the windows are this much longer than the limit says. */
const rateMargin = 1.02
/** The breaker opens after so many failures in a row, or so many among the last `remembered`. */
const inARow = 5
const among = 10
const remembered = 20
const firstPause: Millis = 1_000
const longestPause: Millis = 30_000
/** A target that says "come back next year" is asked again tomorrow. */
export const longestHold: Millis = 24 * 3_600_000
const firstHold: Millis = 1_000
const longestOwnHold: Millis = 60_000

const utcDayEnd = (now: Millis): Millis => (Math.floor(now / 86_400_000) + 1) * 86_400_000

/** Start times of the last `size` calls. Exact for every window, where a token bucket lets twice its rate through in one second. */
const startLog = (size: number, window: Millis) => {
  const times: Millis[] = []
  let head = 0
  const forget = (now: Millis): void => {
    while (head < times.length && (times[head] ?? 0) <= now - window) head++
    if (head > 64 && head * 2 > times.length) {
      times.splice(0, head)
      head = 0
    }
  }
  return {
    push(now: Millis): void {
      // The wall clock was set back: what lies ahead of it counts from now on, else the target would be held until it catches up.
      for (let i = times.length - 1; i >= head && (times[i] ?? 0) > now; i--) times[i] = now
      times.push(now)
    },
    room(now: Millis): number {
      forget(now)
      for (let i = times.length - 1; i >= head && (times[i] ?? 0) > now; i--) times[i] = now
      return size - (times.length - head)
    },
    nextAt: (): Millis => (times[head] ?? 0) + window,
  }
}

/**
 * `random` jitters the breaker's pause; `dayEnd` is the end of the target's calendar day; `usedToday` seeds the daily quota after a
 * restart. cockatiel's breaker was not taken: it owns its timers and lets one probe through, where promise 13 asks for 1, 2, 4, 8.
 */
export const createLimits = (
  def: LimitsDef,
  options: { random: () => number; dayEnd?: (now: Millis) => Millis; usedToday?: number },
): Limits => {
  const dayEnd = options.dayEnd ?? utcDayEnd
  const concurrency = Math.max(1, Math.floor(def.concurrency))
  const burst = def.perSecond ? Math.max(1, Math.floor(def.burst ?? def.perSecond)) : 0
  const starts = def.perSecond ? startLog(burst, (burst / def.perSecond) * 1000 * rateMargin) : null

  let running = 0
  /** Taken, and no byte has left yet: they hold room of the rate and of the day. */
  let unsent = 0
  let heldUntil: Millis = 0
  let ownHolds = 0
  let today = options.usedToday ?? 0
  let dayEndsAt: Millis | null = null

  let breaker: 'closed' | 'open' | 'recovering' = 'closed'
  /** Grows when the breaker opens: what was started before says nothing about the recovery. */
  let epoch = 0
  let openUntil: Millis = 0
  let openings = 0
  let row = 0
  let recent: boolean[] = []
  let width = 1
  let streak = 0
  let runningOfEpoch = 0

  const open = (now: Millis): void => {
    const pause = Math.min(longestPause, firstPause * 2 ** openings) * (0.5 + options.random() / 2)
    breaker = 'open'
    openUntil = now + pause
    openings++
    epoch++
    runningOfEpoch = 0
  }

  const fine = (): void => {
    if (breaker === 'closed') {
      row = 0
      recent.push(false)
      if (recent.length > remembered) recent.shift()
    } else if (breaker === 'recovering' && ++streak >= width) {
      streak = 0
      width *= 2
      if (width >= concurrency) {
        breaker = 'closed'
        openings = 0
        row = 0
        recent = []
      }
    }
  }

  const failing = (now: Millis): void => {
    if (breaker === 'recovering') return open(now)
    if (breaker === 'open') return
    row++
    recent.push(true)
    if (recent.length > remembered) recent.shift()
    if (row >= inARow || recent.filter(Boolean).length >= among) open(now)
  }

  const turn = (now: Millis): void => {
    if (openUntil - now > longestPause) openUntil = now + longestPause
    if (heldUntil - now > longestHold) heldUntil = now + longestHold
    if (breaker === 'open' && now >= openUntil) {
      breaker = 'recovering'
      width = 1
      streak = 0
    }
    if (def.perDay !== undefined && (dayEndsAt === null || now >= dayEndsAt)) {
      if (dayEndsAt !== null) today = 0
      dayEndsAt = dayEnd(now)
    }
  }

  const slots = (now: Millis): Slots => {
    turn(now)
    if (now < heldUntil) return { free: 0, at: heldUntil, why: 'hold' }
    if (breaker === 'open') return { free: 0, at: openUntil, why: 'breaker' }
    let free = concurrency - running
    let why: Blocked = 'concurrency'
    let at: Millis | undefined
    if (breaker === 'recovering' && width - runningOfEpoch < free) {
      free = width - runningOfEpoch
      why = 'breaker'
    }
    if (starts) {
      const sentRoom = starts.room(now)
      if (sentRoom - unsent < free) {
        free = sentRoom - unsent
        why = 'rate'
        at = sentRoom <= 0 ? starts.nextAt() : undefined
      }
    }
    if (def.perDay !== undefined && def.perDay - today - unsent < free) {
      free = def.perDay - today - unsent
      why = 'day'
      at = def.perDay - today <= 0 ? (dayEndsAt ?? undefined) : undefined
    }
    if (free > 0) return { free }
    return at === undefined ? { free: 0, why } : { free: 0, why, at }
  }

  return {
    slots,
    take(now) {
      const found = slots(now)
      if (found.free <= 0) return found
      running++
      runningOfEpoch++
      unsent++
      return { epoch, sent: false }
    },
    sent(ticket, now) {
      if (ticket.sent) return
      ticket.sent = true
      unsent--
      starts?.push(now)
      turn(now)
      today++
    },
    end(ticket, health, now) {
      running--
      if (!ticket.sent) unsent--
      if (ticket.epoch !== epoch) return
      runningOfEpoch--
      if (health === 'fine') {
        ownHolds = 0
        fine()
      } else if (health === 'failing') failing(now)
    },
    throttled(now, until) {
      const own = Math.min(longestOwnHold, firstHold * 2 ** ownHolds)
      if (until === undefined) ownHolds = Math.min(ownHolds + 1, 16)
      const wanted = until ?? now + own * (0.75 + options.random() / 4)
      heldUntil = Math.max(heldUntil, Math.min(wanted, now + longestHold))
      return heldUntil
    },
    view(now) {
      turn(now)
      return { breaker, running, heldUntil: now < heldUntil ? heldUntil : null }
    },
  }
}
