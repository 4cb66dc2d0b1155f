/** When runs begin: evenly, between hours, on days, by cron, and across the changes of summer time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { zoneOf } from '../map/zone.ts'
import { nextRun, nextRuns } from './schedule.ts'
import { gapsIn, nextWindow, slicesOf } from './windows.ts'

const at = (text: string): number => Date.parse(text)
const shown = (runs: number[]): string[] => runs.map((run) => new Date(run).toISOString())
const shanghai = zoneOf('Asia/Shanghai') as NonNullable<ReturnType<typeof zoneOf>>
const berlin = zoneOf('Europe/Berlin') as NonNullable<ReturnType<typeof zoneOf>>
const minutes = (n: number): number => n * 60_000

test('every six minutes: evenly, whatever the wall clock does', () => {
  assert.deepEqual(shown(nextRuns({ every: minutes(6) }, berlin, at('2026-03-29T00:55:00Z'), 3)), [
    '2026-03-29T01:00:00.000Z',
    '2026-03-29T01:06:00.000Z',
    '2026-03-29T01:12:00.000Z',
  ])
})

test('between hours of the wall clock, on weekdays', () => {
  const office = { every: minutes(30), hours: { from: '08:00', to: '18:00' }, days: ['mon' as const, 'fri' as const] }
  // 2026-11-27 is a Friday; Shanghai is UTC+8
  assert.deepEqual(shown(nextRuns(office, shanghai, at('2026-11-27T09:10:00Z'), 3)), [
    '2026-11-27T09:30:00.000Z',
    '2026-11-30T00:00:00.000Z',
    '2026-11-30T00:30:00.000Z',
  ])
})

test('hours that cross midnight belong to the day on which they begin', () => {
  const night = { every: minutes(60), hours: { from: '22:00', to: '02:00' }, days: ['sun' as const] }
  assert.deepEqual(shown(nextRuns(night, shanghai, at('2026-11-29T15:30:00Z'), 3)), [
    '2026-11-29T16:00:00.000Z',
    '2026-11-29T17:00:00.000Z',
    '2026-12-06T14:00:00.000Z',
  ])
})

test('days of the month that a month does not have are passed over', () => {
  const last = { every: 86_400_000, monthDays: [31] }
  assert.deepEqual(shown(nextRuns(last, shanghai, at('2026-01-31T00:00:00Z'), 2)), [
    '2026-03-30T16:00:00.000Z',
    '2026-05-30T16:00:00.000Z',
  ])
  assert.equal(
    nextRun({ every: minutes(6), monthDays: [29], days: ['thu'] }, shanghai, at('2026-03-01T00:00:00Z')) !== null,
    true,
  )
})

test('an hour that is shown twice, and one that is skipped, lose and double no run', () => {
  const hourly = { every: minutes(30), hours: { from: '01:00', to: '04:00' } }
  // Berlin puts its clocks back at 01:00 UTC on 2026-10-25: 01:00 to 04:00 lasts four hours there
  assert.equal(nextRuns(hourly, berlin, at('2026-10-24T12:00:00Z'), 8).at(-1), at('2026-10-25T02:30:00Z'))
  // and forward on 2026-03-29: two hours
  assert.deepEqual(shown(nextRuns(hourly, berlin, at('2026-03-28T12:00:00Z'), 5)).slice(-2), [
    '2026-03-29T01:30:00.000Z',
    '2026-03-29T23:00:00.000Z',
  ])
})

test('cron, in a zone', () => {
  assert.deepEqual(shown(nextRuns({ cron: '0 2 * * 1-5' }, shanghai, at('2026-11-27T00:00:00Z'), 2)), [
    '2026-11-29T18:00:00.000Z',
    '2026-11-30T18:00:00.000Z',
  ])
})

test('the next run is always later, and the one before it is never skipped', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: at('2024-01-01T00:00:00Z'), max: at('2028-01-01T00:00:00Z') }),
      fc.integer({ min: 1, max: 2_000 }),
      fc.constantFrom(shanghai, berlin),
      fc.option(fc.record({ from: fc.integer({ min: 0, max: 23 }), to: fc.integer({ min: 0, max: 23 }) }), {
        nil: undefined,
      }),
      (after, every, zone, hours) => {
        const clock = (hour: number): string => `${String(hour).padStart(2, '0')}:00`
        const when = {
          every: minutes(every),
          ...(hours && hours.from !== hours.to && { hours: { from: clock(hours.from), to: clock(hours.to) } }),
        }
        const next = nextRun(when, zone, after)
        assert.ok(next !== null && next > after)
        assert.equal(nextRun(when, zone, next - 1), next)
        assert.equal(nextRun(when, zone, Math.floor((after + next) / 2)), next)
      },
    ),
  )
})

test('a window reaches back by the overlap, ends before now, and is a slice at most', () => {
  const poll = { overlap: 600_000, lag: 10_000, slice: 86_400_000 }
  assert.deepEqual(nextWindow(1_000_000, 2_000_000, poll), { from: 400_000, to: 1_990_000 })
  assert.equal(nextWindow(1_990_000, 2_000_000, poll), null)
  assert.deepEqual(nextWindow(0, 10 * 86_400_000, poll), { from: -600_000, to: 86_400_000 })
})

test('gaps and slices', () => {
  assert.deepEqual(
    gapsIn({ from: 0, to: 100 }, [
      { from: 10, to: 30 },
      { from: 20, to: 40 },
      { from: 60, to: 200 },
    ]),
    [
      { from: 0, to: 10 },
      { from: 40, to: 60 },
    ],
  )
  assert.deepEqual(gapsIn({ from: 0, to: 100 }, []), [{ from: 0, to: 100 }])
  assert.deepEqual(slicesOf({ from: 0, to: 25 }, 10), [
    { from: 0, to: 10 },
    { from: 10, to: 20 },
    { from: 20, to: 25 },
  ])
})
