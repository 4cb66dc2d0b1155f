/** How many calls a target may get now: concurrency, rates, daily quota, quiet hours, hold and breaker as one state machine over a given `now` (promises 13, 14). */
import type { Millis } from '../doc/document.ts'
import type { LimitsDef } from '../doc/flow.ts'

export type { LimitsDef }

/** `share`: the nodes' common allowance is being asked for. `interface`: only calls of this lane must wait. */
export type Blocked = 'concurrency' | 'rate' | 'interface' | 'day' | 'quiet' | 'hold' | 'breaker' | 'share'

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
  readonly lane: string | undefined
  sent: boolean
}

/** What this node was given of an allowance that all nodes share (`allowance.ts`). */
export interface Granted {
  /** `calls` 0: all nodes together have used the day up. */
  day?: { calls: number; endsIn: Millis }
  /** Instants to start at: the first so long after the answer, then `every` ms. Each lapses `slack` after it, counted from the question. */
  starts?: { first: Millis; every: Millis; count: number; slack: Millis }
}

export interface Limits {
  /** For whoever takes on work: what a lease would bring is counted as there, until the day is known to be used up. */
  slots(now: Millis, lane?: string): Slots
  /** Takes a slot, or says why not. Every ticket must be ended, once. `lane`: the interface that is called, where each has its own rates. */
  take(now: Millis, lane?: string): Ticket | Slots
  /** Asked at the first byte: quiet hours, or another day, may have begun while it connected. */
  refuses(now: Millis): Slots | null
  /** The first byte is about to leave: this is the instant that the rate counts. */
  sent(ticket: Ticket, now: Millis): void
  end(ticket: Ticket, health: Health, now: Millis): void
  /** 429: no call (of the lane) before `until`, or before a pause of our own where the target named none. Answers the instant. */
  throttled(now: Millis, until?: Millis, lane?: string): Millis
  /** What should be asked of the common allowance, before it runs out. */
  wants(now: Millis): { day: boolean; starts: boolean }
  granted(given: Granted, asked: Millis, now: Millis): void
  /** The calls of the day that were leased and not made; they are forgotten here. */
  giveBack(): number
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
/** A question to the common allowance takes some ms; whoever is told to wait for it looks again then. */
const shareWait: Millis = 25
/** The day is used up, but another node may give back what it leased. */
const askAgain: Millis = 15_000

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

/** Every rate of a target as "so many calls in any so many ms". */
export const ratesOf = (def: LimitsDef): { calls: number; every: Millis }[] => {
  const burst = def.perSecond ? Math.max(1, Math.floor(def.burst ?? def.perSecond)) : 0
  return [
    ...(def.perSecond ? [{ calls: burst, every: (burst / def.perSecond) * 1000 }] : []),
    ...(def.per ?? []).map(({ calls, every }) => ({ calls: Math.max(1, Math.floor(calls)), every })),
  ]
}

export interface LimitsOptions {
  random: () => number
  dayEnd?: (now: Millis) => Millis
  usedToday?: number
  quietUntil?: (now: Millis) => Millis | null
  /** Calls of the day, and starts, are leased from what all nodes share: none without a grant. */
  shared?: { day: boolean; pace: boolean }
}

/**
 * `random` jitters the breaker's pause; `dayEnd` is the end of the target's calendar day; `usedToday` seeds the daily quota where it is
 * not shared. cockatiel's breaker was not taken: it owns its timers and lets one probe through, where promise 13 asks for 1, 2, 4, 8.
 */
export const createLimits = (def: LimitsDef, options: LimitsOptions): Limits => {
  const dayEnd = options.dayEnd ?? utcDayEnd
  const quietUntil = options.quietUntil ?? (() => null)
  const shared = options.shared ?? { day: false, pace: false }
  const concurrency = Math.max(1, Math.floor(def.concurrency))
  const rates = ratesOf(def).map(({ calls, every }) => startLog(calls, every * rateMargin))

  /** Each interface by itself: its starts, those taken and not sent, its hold. */
  const lanes = new Map<
    string,
    { starts: ReturnType<typeof startLog>[]; unsent: number; hold: Millis; holds: number }
  >()
  const laneOf = (name: string) => {
    let lane = lanes.get(name)
    if (!lane) {
      const starts = (def.perInterface ?? []).map(({ calls, every }) =>
        startLog(Math.max(1, Math.floor(calls)), every * rateMargin),
      )
      lanes.set(name, (lane = { starts, unsent: 0, hold: 0, holds: 0 }))
    }
    return lane
  }

  let running = 0
  /** Taken, and no byte has left yet: they hold room of the rate and of the day. */
  let unsent = 0
  let heldUntil: Millis = 0
  let ownHolds = 0
  let today = options.usedToday ?? 0
  let dayEndsAt: Millis | null = null
  /** Leased of the day and not sent yet; the size of the last lease; when to ask again after an empty one. */
  let dayLeft = 0
  let lastLease = 0
  let dayOut = false
  let askAt: Millis = 0
  /** Starts that were leased, in order. */
  let leased: { from: Millis; until: Millis }[] = []
  let leasedAt: Millis = 0

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
    if (def.perDay !== undefined && !shared.day && (dayEndsAt === null || now >= dayEndsAt)) {
      if (dayEndsAt !== null) today = 0
      dayEndsAt = dayEnd(now)
    }
    if (shared.day && dayEndsAt !== null && now >= dayEndsAt) {
      dayEndsAt = null
      dayLeft = 0
      dayOut = false
      askAt = 0
    }
    // The wall clock was set back: instants leased before mean nothing now.
    if (now < leasedAt) {
      leased = []
      leasedAt = now
    }
    while (leased[0] && leased[0].until <= now) leased.shift()
  }

  /** `taking`: what is only hoped for of the common allowance does not count. */
  const room = (now: Millis, taking: boolean, lane: string | undefined): Slots => {
    turn(now)
    const quiet = quietUntil(now)
    if (quiet !== null) return { free: 0, at: quiet, why: 'quiet' }
    if (now < heldUntil) return { free: 0, at: heldUntil, why: 'hold' }
    if (breaker === 'open') return { free: 0, at: openUntil, why: 'breaker' }
    let free = concurrency - running
    let why: Blocked = 'concurrency'
    let at: Millis | undefined
    const least = (left: number, reason: Blocked, when?: Millis): void => {
      if (left >= free) return
      free = left
      why = reason
      at = when
    }
    if (lane !== undefined) {
      const own = laneOf(lane)
      if (own.hold - now > longestHold) own.hold = now + longestHold
      if (now < own.hold) return { free: 0, at: own.hold, why: 'hold' }
      for (const starts of own.starts) {
        const sentRoom = starts.room(now)
        least(sentRoom - own.unsent, 'interface', sentRoom <= 0 ? starts.nextAt() : undefined)
      }
    }
    if (breaker === 'recovering') least(width - runningOfEpoch, 'breaker')
    for (const starts of rates) {
      const sentRoom = starts.room(now)
      least(sentRoom - unsent, 'rate', sentRoom <= 0 ? starts.nextAt() : undefined)
    }
    if (shared.day) {
      if (dayOut) least(dayLeft - unsent, 'day', dayLeft <= 0 ? (dayEndsAt ?? undefined) : undefined)
      else if (taking) least(dayLeft - unsent, 'share', now + shareWait)
    } else if (def.perDay !== undefined) {
      least(def.perDay - today - unsent, 'day', def.perDay - today <= 0 ? (dayEndsAt ?? undefined) : undefined)
    }
    if (shared.pace && taking && free > 0) {
      const open = leased.findIndex((start) => start.from > now)
      const first = leased[0]
      if (!first) least(0, 'share', now + shareWait)
      else least(open < 0 ? leased.length : open, 'rate', first.from > now ? first.from : undefined)
    }
    if (free > 0) return { free }
    return at === undefined ? { free: 0, why } : { free: 0, why, at }
  }

  return {
    slots: (now, lane) => room(now, false, lane),
    take(now, lane) {
      const found = room(now, true, lane)
      if (found.free <= 0) return found
      // The start is used up here: a call that must connect first lapses no slot of its own.
      if (shared.pace) leased.shift()
      running++
      runningOfEpoch++
      unsent++
      if (lane !== undefined) laneOf(lane).unsent++
      return { epoch, lane, sent: false }
    },
    refuses(now) {
      turn(now)
      const quiet = quietUntil(now)
      if (quiet !== null) return { free: 0, at: quiet, why: 'quiet' }
      // A ticket holds a call of its day's lease; only midnight takes it away.
      return shared.day && dayLeft <= 0 ? { free: 0, at: now + shareWait, why: 'share' } : null
    },
    sent(ticket, now) {
      if (ticket.sent) return
      ticket.sent = true
      unsent--
      for (const starts of rates) starts.push(now)
      if (ticket.lane !== undefined) {
        const own = laneOf(ticket.lane)
        own.unsent--
        for (const starts of own.starts) starts.push(now)
      }
      turn(now)
      today++
      if (shared.day) dayLeft--
    },
    end(ticket, health, now) {
      running--
      const own = ticket.lane === undefined ? null : laneOf(ticket.lane)
      if (!ticket.sent) {
        unsent--
        if (own) own.unsent--
      }
      if (own && health === 'fine') own.holds = 0
      if (ticket.epoch !== epoch) return
      runningOfEpoch--
      if (health === 'fine') {
        ownHolds = 0
        fine()
      } else if (health === 'failing') failing(now)
    },
    throttled(now, until, lane) {
      if (lane !== undefined) {
        const its = laneOf(lane)
        // Calls that were refused together are one refusal: the pause grows with the next window, not with each of them.
        if (until === undefined && now < its.hold) return its.hold
        const pause = Math.min(longestOwnHold, firstHold * 2 ** its.holds) * (0.75 + options.random() / 4)
        if (until === undefined) its.holds = Math.min(its.holds + 1, 16)
        its.hold = Math.max(its.hold, Math.min(until ?? now + pause, now + longestHold))
        return its.hold
      }
      const own = Math.min(longestOwnHold, firstHold * 2 ** ownHolds)
      if (until === undefined) ownHolds = Math.min(ownHolds + 1, 16)
      const wanted = until ?? now + own * (0.75 + options.random() / 4)
      heldUntil = Math.max(heldUntil, Math.min(wanted, now + longestHold))
      return heldUntil
    },
    wants(now) {
      turn(now)
      return {
        day: shared.day && now >= askAt && dayLeft - unsent <= lastLease / 2,
        starts: shared.pace && leased.length === 0,
      }
    },
    granted({ day, starts }, asked, now) {
      turn(now)
      if (day) {
        dayLeft += day.calls
        lastLease = day.calls
        dayEndsAt = now + day.endsIn
        dayOut = day.calls === 0
        askAt = dayOut ? now + askAgain : 0
      }
      if (starts) {
        leasedAt = now
        for (let i = 0; i < starts.count; i++) {
          const after = starts.first + i * starts.every
          const start = { from: now + after, until: asked + after + starts.slack }
          if (start.until > start.from) leased.push(start)
        }
      }
    },
    giveBack() {
      const unused = Math.max(0, dayLeft - unsent)
      dayLeft -= unused
      return unused
    },
    view(now) {
      turn(now)
      return { breaker, running, heldUntil: now < heldUntil ? heldUntil : null }
    },
  }
}
