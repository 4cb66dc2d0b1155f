/** Rate, concurrency, quota and breaker of a target, moment by moment. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { zoneOf } from '../map/zone.ts'
import { createLimits, type Limits, type LimitsDef, type LimitsOptions, longestHold, type Ticket } from './limits.ts'
import { everOpen, quietUntil, weekdays } from './quiet.ts'

const make = (def: LimitsDef, options: Partial<Omit<LimitsOptions, 'random'>> & { random?: number } = {}) =>
  createLimits(def, { ...options, random: () => options.random ?? 1 })

const taken = (limits: Limits, now: number): Ticket => {
  const ticket = limits.take(now)
  assert.ok('epoch' in ticket, `a slot at ${now}`)
  return ticket
}
const start = (limits: Limits, now: number): Ticket => {
  const ticket = taken(limits, now)
  limits.sent(ticket, now)
  return ticket
}
const fail = (limits: Limits, now: number, times: number): void => {
  for (let i = 0; i < times; i++) limits.end(start(limits, now), 'failing', now)
}

test('no more calls run at once than the concurrency', () => {
  const limits = make({ concurrency: 2 })
  const first = start(limits, 0)
  start(limits, 0)
  assert.deepEqual(limits.slots(0), { free: 0, why: 'concurrency' })
  limits.end(first, 'fine', 1)
  assert.deepEqual(limits.slots(1), { free: 1 })
})

test('no window of one second holds more starts than perSecond, whatever the traffic', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.record({ wait: fc.integer({ min: 0, max: 400 }), tries: fc.integer({ min: 1, max: 30 }) }), {
        maxLength: 60,
      }),
      (perSecond, traffic) => {
        const limits = make({ concurrency: 1000, perSecond })
        const starts: number[] = []
        let now = 0
        for (const { wait, tries } of traffic) {
          now += wait
          for (let i = 0; i < tries; i++) {
            const ticket = limits.take(now)
            if (!('epoch' in ticket)) {
              assert.ok(ticket.at !== undefined && ticket.at > now)
              break
            }
            limits.sent(ticket, now)
            limits.end(ticket, 'fine', now)
            starts.push(now)
          }
        }
        for (const [i, at] of starts.entries()) {
          assert.ok(starts.slice(i).filter((t) => t < at + 1000).length <= perSecond)
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('a steady stream gets 98 % of the rate', () => {
  const limits = make({ concurrency: 10, perSecond: 50 })
  let started = 0
  for (let now = 0; now < 10_000; now++) {
    const ticket = limits.take(now)
    if (!('epoch' in ticket)) continue
    limits.sent(ticket, now)
    limits.end(ticket, 'fine', now)
    started++
  }
  assert.ok(started >= 490 && started <= 500, String(started))
})

test('the rate counts the first byte: a call that connects slowly still keeps its distance', () => {
  const limits = make({ concurrency: 10, perSecond: 2 })
  const slow = taken(limits, 0)
  start(limits, 0)
  assert.equal(limits.slots(900).free, 0)
  limits.sent(slow, 900)
  assert.deepEqual(limits.slots(1_030), { free: 1 })
  start(limits, 1_030)
  assert.equal(limits.slots(1_800).free, 0)
  assert.equal(limits.slots(1_921).free, 1)
})

test('a call that never left gives its room back', () => {
  const limits = make({ concurrency: 10, perSecond: 1, perDay: 1 })
  limits.end(taken(limits, 0), 'nothing', 0)
  assert.deepEqual(limits.slots(0), { free: 1 })
})

test('burst: 100 calls per 20 s', () => {
  const limits = make({ concurrency: 1000, perSecond: 5, burst: 100 })
  assert.equal(limits.slots(0).free, 100)
  for (let i = 0; i < 100; i++) start(limits, i)
  const blocked = limits.slots(15_000)
  assert.equal(blocked.why, 'rate')
  assert.equal(blocked.at, 20_400)
})

test('fractions of a call per second work', () => {
  const limits = make({ concurrency: 5, perSecond: 0.5 })
  start(limits, 0)
  assert.equal(limits.slots(2_000).at, 2_040)
  assert.equal(limits.slots(2_040).free, 1)
})

test('a clock that is set back does not hold the target until it catches up', () => {
  const limits = make({ concurrency: 5, perSecond: 1 })
  start(limits, 1_000_000)
  limits.throttled(1_000_000, 1_500_000)
  assert.equal(limits.slots(5_000).why, 'hold')
  const held = limits.slots(5_000).at ?? 0
  assert.ok(held <= 5_000 + longestHold)
  const again = make({ concurrency: 5, perSecond: 1 })
  start(again, 1_000_000)
  assert.equal(again.slots(5_000).at, 6_020)
  assert.equal(again.slots(6_020).free, 1)
})

test('perDay ends with the day and is seeded after a restart', () => {
  const limits = make({ concurrency: 5, perDay: 10 }, { usedToday: 8, dayEnd: (n) => (Math.floor(n / 100) + 1) * 100 })
  assert.equal(limits.slots(0).free, 2)
  start(limits, 0)
  start(limits, 1)
  assert.deepEqual(limits.slots(50), { free: 0, why: 'day', at: 100 })
  assert.equal(limits.slots(100).free, 3)
})

test('429 holds every call until the instant that the target names, and never beyond a day', () => {
  const limits = make({ concurrency: 5 })
  assert.equal(limits.throttled(0, 7_000), 7_000)
  assert.deepEqual(limits.slots(6_999), { free: 0, at: 7_000, why: 'hold' })
  assert.equal(limits.slots(7_000).free, 5)
  assert.equal(limits.throttled(7_000, 1e15), 7_000 + longestHold)
})

test('429 without Retry-After holds for a growing pause, which an answer resets', () => {
  const limits = make({ concurrency: 5 })
  assert.equal(limits.throttled(0), 1_000)
  assert.equal(limits.throttled(1_000), 3_000)
  assert.equal(limits.throttled(3_000), 7_000)
  limits.end(start(limits, 7_000), 'fine', 7_000)
  assert.equal(limits.throttled(7_000), 8_000)
})

test('429 does not count against the breaker', () => {
  const limits = make({ concurrency: 5 })
  for (let i = 0; i < 50; i++) {
    limits.throttled(i * 100_000, i * 100_000 + 1)
    limits.end(start(limits, i * 100_000 + 2), 'nothing', i * 100_000 + 2)
  }
  assert.equal(limits.view(5_000_001).breaker, 'closed')
})

test('five failures in a row open the breaker; four with a success between do not', () => {
  const limits = make({ concurrency: 5 })
  fail(limits, 0, 4)
  limits.end(start(limits, 0), 'fine', 0)
  fail(limits, 0, 4)
  assert.equal(limits.view(0).breaker, 'closed')
  fail(limits, 0, 1)
  assert.deepEqual(limits.slots(0), { free: 0, at: 1_000, why: 'breaker' })
})

test('half of the last twenty failing opens the breaker; a tenth does not', () => {
  const half = make({ concurrency: 5 })
  for (let i = 0; i < 10; i++) {
    half.end(start(half, i), 'failing', i)
    if (half.view(i).breaker === 'closed') half.end(start(half, i), 'fine', i)
  }
  assert.equal(half.view(10).breaker, 'open')
  const tenth = make({ concurrency: 5 })
  for (let i = 0; i < 1_000; i++) tenth.end(start(tenth, i), i % 10 ? 'fine' : 'failing', i)
  assert.equal(tenth.view(1_000).breaker, 'closed')
})

test('after an outage one probe goes, then 2, 4, 8, up to the limit (promise 13)', () => {
  const limits = make({ concurrency: 10 })
  fail(limits, 0, 5)
  assert.equal(limits.slots(999).free, 0)
  const seen: number[] = []
  for (let now = 1_000; limits.view(now).breaker !== 'closed'; now++) {
    const { free } = limits.slots(now)
    seen.push(free)
    const wave = Array.from({ length: free }, () => start(limits, now))
    assert.equal(limits.slots(now).free, 0)
    for (const ticket of wave) limits.end(ticket, 'fine', now)
  }
  assert.deepEqual(seen, [1, 2, 4, 8])
  assert.equal(limits.slots(2_000).free, 10)
})

test('a failing probe opens again for twice as long, up to 30 s', () => {
  const limits = make({ concurrency: 10 })
  fail(limits, 0, 5)
  let now = 0
  const pauses: number[] = []
  for (let i = 0; i < 8; i++) {
    const at = limits.slots(now).at ?? 0
    pauses.push(at - now)
    now = at
    fail(limits, now, 1)
  }
  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
})

test('what was started before the breaker opened says nothing about the recovery, and holds no probe back', () => {
  const limits = make({ concurrency: 10 })
  const hanging = start(limits, 0)
  const late = start(limits, 0)
  fail(limits, 0, 5)
  const probe = start(limits, 1_000)
  limits.end(hanging, 'failing', 1_001)
  limits.end(late, 'fine', 1_002)
  assert.equal(limits.view(1_002).breaker, 'recovering')
  assert.equal(limits.slots(1_002).free, 0)
  limits.end(probe, 'fine', 1_003)
  assert.equal(limits.slots(1_003).free, 2)
})

test('a probe that never left lets the next one try', () => {
  const limits = make({ concurrency: 10 })
  fail(limits, 0, 5)
  limits.end(taken(limits, 1_000), 'nothing', 1_000)
  assert.equal(limits.slots(1_000).free, 1)
})

test('recovery never exceeds the rate', () => {
  const limits = make({ concurrency: 100, perSecond: 10 })
  fail(limits, 0, 5)
  const starts: number[] = []
  for (let now = 1_000; now < 8_000; now += 10) {
    for (;;) {
      const ticket = limits.take(now)
      if (!('epoch' in ticket)) break
      limits.sent(ticket, now)
      limits.end(ticket, 'fine', now)
      starts.push(now)
    }
  }
  for (const at of starts) assert.ok(starts.filter((t) => t >= at && t < at + 1000).length <= 10)
  assert.ok(starts.length >= 60)
})

test('random traffic never leaks a slot and never runs above the concurrency', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2_000 })), { maxLength: 120 }),
      (concurrency, steps) => {
        const limits = make({ concurrency, perSecond: 20 }, { random: 0.3 })
        const open: Ticket[] = []
        let now = 0
        for (const [what, wait] of steps) {
          now += wait
          if (what === 0 || open.length === 0) {
            const ticket = limits.take(now)
            if ('epoch' in ticket) open.push(ticket)
          } else {
            const ticket = open.shift()
            if (!ticket) continue
            if (what !== 3) limits.sent(ticket, now)
            limits.end(ticket, what === 1 ? 'fine' : what === 2 ? 'failing' : 'nothing', now)
          }
          assert.ok(open.length <= concurrency)
          assert.equal(limits.view(now).running, open.length)
        }
        for (const ticket of open) limits.end(ticket, 'nothing', now)
        now += 10_000_000
        assert.ok(limits.slots(now).free >= 1)
      },
    ),
    { numRuns: 300 },
  )
})

test('several rates hold at once: 5 a second and 100 in any 20 s, whatever the traffic', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 3, max: 40 }),
      fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 30, maxLength: 150 }),
      (perSecond, calls, waits) => {
        const limits = make({ concurrency: 1000, perSecond, per: [{ calls, every: 5_000 }] })
        const starts: number[] = []
        let now = 0
        for (const wait of waits) {
          now += wait
          for (;;) {
            const ticket = limits.take(now)
            if (!('epoch' in ticket)) {
              assert.ok(ticket.why === 'rate' && ticket.at !== undefined && ticket.at > now)
              break
            }
            limits.sent(ticket, now)
            limits.end(ticket, 'fine', now)
            starts.push(now)
          }
        }
        for (const [window, most] of [
          [1_000, perSecond],
          [5_000, calls],
        ] as const)
          for (const [i, at] of starts.entries())
            assert.ok(starts.slice(i).filter((t) => t < at + window).length <= most, `${window}: ${starts}`)
      },
    ),
    { numRuns: 200 },
  )
})

// ── quiet hours ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const zone = (name: string) => {
  const found = zoneOf(name)
  assert.ok(found, name)
  return found
}

test('quiet hours: across midnight, by weekday, whole days, adjoining ones as one', () => {
  const shanghai = zone('Asia/Shanghai')
  const at = (text: string) => Date.parse(`${text}+08:00`)
  const night = [{ from: 22 * 60, to: 6 * 60 }]
  assert.equal(quietUntil(at('2026-03-04T21:59:59.999'), night, shanghai), null)
  assert.equal(quietUntil(at('2026-03-04T22:00:00'), night, shanghai), at('2026-03-05T06:00:00'))
  assert.equal(quietUntil(at('2026-03-05T05:59:59'), night, shanghai), at('2026-03-05T06:00:00'))
  assert.equal(quietUntil(at('2026-03-05T06:00:00'), night, shanghai), null)
  const weekend = [
    { from: 0, to: 0, days: ['sat', 'sun'] as const },
    { from: 18 * 60, to: 24 * 60, days: ['fri'] as const },
  ].map((one) => ({ ...one, days: [...one.days] }))
  assert.equal(quietUntil(at('2026-03-06T17:59:00'), weekend, shanghai), null, 'a Friday')
  assert.equal(quietUntil(at('2026-03-06T18:00:00'), weekend, shanghai), at('2026-03-09T00:00:00'))
  assert.equal(quietUntil(at('2026-03-08T12:00:00'), weekend, shanghai), at('2026-03-09T00:00:00'))
})

test('quiet hours follow the wall clock over a change of summer time', () => {
  const berlin = zone('Europe/Berlin')
  const night = [{ from: 60, to: 4 * 60 }]
  // 2026-03-29: 02:00 becomes 03:00, so the quiet stretch lasts two hours; 2026-10-25: four.
  assert.equal(quietUntil(Date.parse('2026-03-29T00:00:00Z'), night, berlin), Date.parse('2026-03-29T02:00:00Z'))
  assert.equal(quietUntil(Date.parse('2026-10-24T23:00:00Z'), night, berlin), Date.parse('2026-10-25T03:00:00Z'))
})

test('no call starts in a quiet hour, the end is told exactly, and the target is called again after it', () => {
  const rule = fc.record(
    {
      from: fc.integer({ min: 0, max: 1439 }),
      to: fc.integer({ min: 0, max: 1440 }),
      days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: ['from', 'to'] },
  )
  fc.assert(
    fc.property(
      fc.array(rule, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('Asia/Shanghai', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata'),
      fc.integer({ min: 0, max: 400 * 24 * 60 }),
      (rules, name, minutes) => {
        fc.pre(everOpen(rules))
        const where = zone(name)
        const limits = make({ concurrency: 3 }, { quietUntil: (now) => quietUntil(now, rules, where) })
        const now = Date.parse('2026-01-01T00:00:00Z') + minutes * 60_000
        const wallQuiet = (instant: number): boolean => {
          const wall = new Date(instant + where.offset(instant))
          const minute = wall.getUTCHours() * 60 + wall.getUTCMinutes()
          const today = weekdays[(wall.getUTCDay() + 6) % 7] as (typeof weekdays)[number]
          const yesterday = weekdays[(wall.getUTCDay() + 5) % 7] as (typeof weekdays)[number]
          return rules.some(({ from, to, days }) =>
            to > from
              ? (!days || days.includes(today)) && minute >= from && minute < to
              : ((!days || days.includes(today)) && minute >= from) ||
                ((!days || days.includes(yesterday)) && minute < to),
          )
        }
        // Hours that a change of summer time repeats or skips are read by the instants of their ends, not by the wall.
        fc.pre(where.offset(now - 26 * 3_600_000) === where.offset(now + 8 * 24 * 3_600_000))
        const { free, at, why } = limits.slots(now)
        assert.equal(free === 0, wallQuiet(now), `${new Date(now).toISOString()} ${JSON.stringify(rules)}`)
        if (free) return
        assert.ok(why === 'quiet' && at !== undefined && at > now)
        assert.ok('why' in limits.take(now))
        assert.ok(limits.refuses(now))
        assert.ok(wallQuiet(at - 60_000) && !wallQuiet(at), `ends at ${new Date(at).toISOString()}`)
        assert.equal(limits.slots(at).free, 3)
      },
    ),
    { numRuns: 400 },
  )
})

test('rules that are never open are told as such', () => {
  assert.equal(everOpen([{ from: 0, to: 0 }]), false)
  assert.equal(
    everOpen([
      { from: 6 * 60, to: 18 * 60 },
      { from: 18 * 60, to: 6 * 60 },
    ]),
    false,
  )
  assert.equal(everOpen([{ from: 1, to: 0 }]), true)
})

// ── what all nodes share ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
test('a shared day: not one call without a lease, and what is left of it is given back', () => {
  const limits = make({ concurrency: 5, perDay: 100 }, { shared: { day: true, pace: false } })
  assert.equal(limits.slots(0).free, 5, 'work may be taken on: the lease is asked for by the call')
  assert.deepEqual(limits.take(0), { free: 0, why: 'share', at: 25 })
  assert.deepEqual(limits.wants(0), { day: true, starts: false })
  limits.granted({ day: { calls: 3, endsIn: 1_000 } }, 0, 1)
  start(limits, 1)
  assert.equal(limits.wants(1).day, false)
  start(limits, 1)
  assert.equal(limits.wants(1).day, true, 'asked for before it runs out')
  assert.equal(limits.giveBack(), 1)
  assert.ok('why' in limits.take(2))
  limits.granted({ day: { calls: 0, endsIn: 999 } }, 2, 2)
  assert.deepEqual(limits.slots(3), { free: 0, why: 'day', at: 1_001 })
  assert.equal(limits.wants(3).day, false)
  assert.equal(limits.slots(1_001).free, 3, 'the next day')
  assert.ok('why' in limits.take(1_001))
})

test('a call that connects over midnight waits for a lease of the new day', () => {
  const limits = make({ concurrency: 5, perDay: 100 }, { shared: { day: true, pace: false } })
  limits.granted({ day: { calls: 3, endsIn: 10 } }, 0, 0)
  taken(limits, 9)
  assert.equal(limits.refuses(9), null)
  assert.equal(limits.refuses(10)?.why, 'share')
})

test('shared starts are used in their time, or not at all', () => {
  const limits = make({ concurrency: 5, perSecond: 100 }, { shared: { day: false, pace: true } })
  assert.deepEqual(limits.wants(0), { day: false, starts: true })
  limits.granted({ starts: { first: 10, every: 20, count: 3, slack: 15 } }, 0, 2)
  assert.deepEqual(limits.take(5), { free: 0, why: 'rate', at: 12 })
  start(limits, 12)
  assert.ok('why' in limits.take(13))
  start(limits, 40)
  assert.deepEqual(limits.take(46), { free: 0, why: 'rate', at: 52 })
  assert.ok('why' in limits.take(66), 'lapsed')
  assert.equal(limits.wants(66).starts, true)
})

test('whatever is leased, taken, cut, given back and ended, no day holds more calls than were leased for it', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          what: fc.constantFrom('lease', 'take', 'take', 'take', 'send', 'send', 'cut', 'end', 'back', 'empty'),
          wait: fc.integer({ min: 0, max: 60 }),
          size: fc.integer({ min: 1, max: 6 }),
        }),
        { minLength: 60, maxLength: 200 },
      ),
      (steps) => {
        const day = 1_000
        const endOf = (now: number) => (Math.floor(now / day) + 1) * day
        const limits = make({ concurrency: 8, perDay: 1_000 }, { shared: { day: true, pace: false } })
        const leased = new Map<number, number>()
        const sent = new Map<number, number>()
        const add = (to: Map<number, number>, now: number, by: number) =>
          to.set(endOf(now), (to.get(endOf(now)) ?? 0) + by)
        const connecting: Ticket[] = []
        const running: Ticket[] = []
        let now = 0
        for (const { what, wait, size } of steps) {
          now += wait
          if (what === 'lease' && limits.wants(now).day) {
            limits.granted({ day: { calls: size, endsIn: endOf(now) - now } }, now, now)
            add(leased, now, size)
          } else if (what === 'empty' && limits.wants(now).day) {
            limits.granted({ day: { calls: 0, endsIn: endOf(now) - now } }, now, now)
          } else if (what === 'take') {
            const ticket = limits.take(now)
            if ('epoch' in ticket) connecting.push(ticket)
          } else if (what === 'send') {
            const ticket = connecting.shift()
            if (!ticket) continue
            if (limits.refuses(now)) limits.end(ticket, 'nothing', now)
            else {
              limits.sent(ticket, now)
              running.push(ticket)
              add(sent, now, 1)
            }
          } else if (what === 'cut') {
            const ticket = connecting.pop()
            if (ticket) limits.end(ticket, 'nothing', now)
          } else if (what === 'end') {
            const ticket = running.shift()
            if (ticket) limits.end(ticket, 'fine', now)
          } else if (what === 'back') {
            // Asked now, so that leases of a day that is over are not taken for this one's.
            limits.wants(now)
            add(leased, now, -limits.giveBack())
          }
          for (const [end, calls] of sent)
            assert.ok(calls <= (leased.get(end) ?? 0), `${calls} sent, ${leased.get(end)} leased`)
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('each interface has its own rate and its own hold; the target as a whole is not held by one of them', () => {
  const limits = make({ concurrency: 100, perInterface: [{ calls: 2, every: 1_000 }] })
  const call = (lane: string, now: number) => {
    const ticket = limits.take(now, lane)
    if ('epoch' in ticket) {
      limits.sent(ticket, now)
      limits.end(ticket, 'fine', now)
    }
    return ticket
  }
  for (let i = 0; i < 2; i++) assert.ok('epoch' in call('create', 0))
  assert.deepEqual(call('create', 10), { free: 0, why: 'interface', at: 1_020 })
  assert.ok('epoch' in call('get', 10))
  assert.deepEqual(limits.slots(10), { free: 100 })
  assert.ok('epoch' in call('create', 1_020))
  // Refused together, they are one refusal; in the next window the pause is longer.
  assert.deepEqual(
    [1, 2, 3].map(() => limits.throttled(2_000, undefined, 'create')),
    [3_000, 3_000, 3_000],
  )
  assert.deepEqual(limits.slots(2_500, 'create'), { free: 0, why: 'hold', at: 3_000 })
  assert.equal(limits.slots(2_500, 'get').free > 0, true)
  assert.equal(limits.throttled(3_000, undefined, 'create'), 5_000)
})

test('a ticket that never sent gives its room of the interface back', () => {
  const limits = make({ concurrency: 10, perInterface: [{ calls: 1, every: 1_000 }] })
  const ticket = limits.take(0, 'create')
  assert.ok('epoch' in ticket)
  assert.equal(limits.slots(0, 'create').free, 0)
  limits.end(ticket, 'nothing', 0)
  assert.equal(limits.slots(0, 'create').free, 1)
})
