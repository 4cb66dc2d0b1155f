/** Reads a window of changes completely while its rows move: windows are bisected until a page is not full (promise 9). */
import type { Page, Read, Reading, Window } from '../doc/connector.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Fault, FaultCode } from '../doc/fault.ts'

/** What was learnt of a target's pages; kept per connection and object, so that it is learnt once. */
export interface PageMemory {
  /** Rows asked for at once; shrinks when pages are too slow or too long, or when the target caps them. */
  size: number
  /** A short page of so many rows was the end: asked behind it, nothing came. */
  honest: number
  /** A short page of so many rows was not the end. */
  capped: number
}
export const pageMemory = (size: number): PageMemory => ({ size, honest: 0, capped: 0 })

export interface Sweep<P extends Page> {
  /** One page. The caller draws the page's version before each call (A1). */
  read(window: Window, signal: AbortSignal): Promise<Read<P>>
  object: string
  /** [from, to) in the source's own clock. */
  from: Millis
  to: Millis
  memory: PageMemory
  env: Pick<Env, 'now' | 'sleep' | 'random'>
  signal: AbortSignal
  /** Pages in ascending order of their windows; a record may come more than once, the later reading is newer. `true`: enough. */
  visit(page: P): boolean | undefined | void | Promise<boolean | undefined | void>
  /** Everything before this instant was read and visited. */
  progress?(until: Millis): void | Promise<void>
  /** How long one page may be waited for where the target says when (Retry-After, breaker). */
  patience?: Millis
}

export interface Swept {
  requests: number
  /** False when `visit` had enough. */
  complete: boolean
}

/** Passes over one full millisecond; more disagreement than this is no reading at all. */
const mostPasses = 10
/** Tries of one page. */
const mostTries = 5
const smallestPage = 10
/** After so many pages without trouble one that shrank grows again: seven bad moments must not make a million rows a hundred thousand requests. */
const calmPages = 20
/** Share of a page that the next window is made to fill: fuller ones overflow too often, emptier ones cost requests. */
const fill = 0.6
const mostGrowth = 4

/** Trouble that a smaller page may heal. */
const heavy: ReadonlySet<FaultCode> = new Set<FaultCode>(['send.timeout', 'send.cut', 'send.status'])

const rows = (page: Page): number => page.readings.length + (page.bad?.length ?? 0)

/**
 * Width of the part of a full window that ends where a page is filled as it should, had the page shown the oldest rows. A guess: it saves
 * the twenty halvings down to a bulk import's second, and where it is wrong the next step halves.
 */
const guess = (page: Page, from: Millis, to: Millis): Millis | null => {
  const times = page.readings
    .map((reading) => reading.document.source_time ?? -1)
    .filter((time) => time >= from && time < to)
    .sort((a, b) => a - b)
  if (times.length * 2 < rows(page)) return null
  const time = times[Math.floor(times.length * fill)] ?? from
  return Math.min(Math.max(1, time - from), to - from - 1)
}

/**
 * Offset paging over moving rows skips what slides across a page's edge, and neither the order of rows nor `totalNum` may be believed.
 * So a window counts as read only when one request, one snapshot, held all of it; one that is full is halved. Windows go from old to
 * new: a row edited meanwhile moves into a part that is still to be read, or behind `to`, where the next window finds it. Each window
 * is asked a millisecond wider on both sides, since nobody says whether its ends are inclusive. The next window's width follows from
 * the rows of the last (halving from the top alone reads 2.2 times the pages), a full one is cut by the times of its rows, or in halves. A failed page fails the whole: absence may then not be believed.
 */
export const sweep = async <P extends Page>(options: Sweep<P>): Promise<Read<Swept>> => {
  const { object, from, to, memory, env, signal, visit } = options
  let requests = 0
  /** What a page is, where nothing is in the way. */
  let whole = memory.size
  let calm = 0
  let patient = calmPages
  /** After which request the page last grew. */
  let grew = -1

  const failed = (why: Fault): Read<never> => ({ kind: 'failed', why })
  const stopped = (): Read<never> => failed({ code: 'send.closed', stage: 'read' })

  const ask = async (a: Millis, b: Millis, offset: number): Promise<Read<P>> => {
    for (let tries = 1; ; tries++) {
      if (signal.aborted) return stopped()
      requests++
      const page = await options.read({ object, from: a - 1, to: b + 1, offset, limit: memory.size }, signal)
      if (page.kind === 'read') {
        if (memory.size < whole && ++calm >= patient) {
          memory.size = Math.min(whole, Math.ceil(memory.size * 1.5))
          calm = 0
          grew = requests
        }
        return page
      }
      calm = 0
      // Larger was too large, not the moment bad: the next attempt comes later.
      if (grew === requests - 1) patient *= 4
      if (signal.aborted || tries >= mostTries) return page
      if (page.at !== undefined || page.calm) {
        const wait = (page.at ?? env.now() + 1_000) - env.now()
        if (wait > (options.patience ?? 60_000)) return page
        await env.sleep(Math.max(wait, 1), signal)
      } else if (heavy.has(page.why.code)) {
        // Offsets of a pass count rows, not pages: a smaller page may go on where the larger one failed.
        memory.size = Math.min(memory.size, Math.max(smallestPage, Math.floor(memory.size / 2)))
        await env.sleep(200 * 2 ** tries * (0.5 + env.random() / 2), signal)
      } else return page
    }
  }

  /** A short page may be the target's own cap. Asked once for each record length of a short page, so a handful of times in all. */
  const reallyFull = async (page: P, a: Millis, b: Millis): Promise<Read<boolean>> => {
    const count = rows(page)
    if (page.full) return { kind: 'read', value: true }
    if (count <= memory.honest || count < smallestPage) return { kind: 'read', value: false }
    const behind = await ask(a, b, count)
    if (behind.kind === 'failed') return behind
    const seen = new Set(page.readings.map((reading) => reading.data_id))
    if (behind.value.readings.every((reading) => seen.has(reading.data_id))) {
      memory.honest = count
      return { kind: 'read', value: false }
    }
    // Once may be a row that just moved in; the same length twice is a cap.
    if (memory.capped === count) memory.size = whole = count
    memory.capped = count
    return { kind: 'read', value: true }
  }

  /** One full millisecond: offset paging, repeated until two passes agree. A skipped row stands behind one that left, which then is missing. */
  const millisecond = async (a: Millis): Promise<Read<boolean>> => {
    let last: Set<string> | null = null
    for (let pass = 0; pass < mostPasses; pass++) {
      const ids = new Set<string>()
      let count = 0
      for (;;) {
        const page = await ask(a, a + 1, count)
        if (page.kind === 'failed') return page
        const before = ids.size
        for (const { data_id } of page.value.readings) ids.add(data_id)
        for (const [i, { data_id }] of (page.value.bad ?? []).entries()) ids.add(data_id ?? `\u0000${count + i}`)
        if (await visit(page.value)) return { kind: 'read', value: true }
        count += rows(page.value)
        // An empty page ends a pass, and so does one that repeats itself: a target that ignores the offset.
        if (ids.size === before) break
      }
      if (last && last.size === ids.size && [...ids].every((id) => last?.has(id))) return { kind: 'read', value: false }
      last = ids
    }
    return failed({
      code: 'read.failed',
      stage: 'read',
      said: `the rows of one millisecond (${a}) keep changing while they are read`,
    })
  }

  let at = from
  let fulls = 0
  let width = Math.max(1, to - from)
  while (at < to) {
    const end = Math.min(at + width, to)
    const page = await ask(at, end, 0)
    if (page.kind === 'failed') return page
    const full = await reallyFull(page.value, at, end)
    if (full.kind === 'failed') return full
    if (full.value && end - at > 1) {
      const half = Math.max(1, Math.floor((end - at) / 2))
      width = fulls++ % 2 ? half : (guess(page.value, at, end) ?? half)
      continue
    }
    if (full.value) {
      const enough = await millisecond(at)
      if (enough.kind === 'failed') return enough
      if (enough.value) return { kind: 'read', value: { requests, complete: false } }
    } else {
      if (rows(page.value) && (await visit(page.value))) return { kind: 'read', value: { requests, complete: false } }
      const growth = Math.min(mostGrowth, (fill * memory.size) / Math.max(1, rows(page.value)))
      width = Math.max(1, Math.round((end - at) * growth))
    }
    fulls = 0
    at = end
    await options.progress?.(at)
  }
  return { kind: 'read', value: { requests, complete: true } }
}

/** All readings of a window by id, the newest of each. */
export const readAll = async (
  options: Omit<Sweep<Page>, 'visit'>,
): Promise<Read<{ readings: Map<string, Reading>; bad: NonNullable<Page['bad']>; requests: number }>> => {
  const readings = new Map<string, Reading>()
  const bad: NonNullable<Page['bad']> = []
  const swept = await sweep({
    ...options,
    visit(page: Page) {
      for (const reading of page.readings) readings.set(reading.data_id, reading)
      if (page.bad) bad.push(...page.bad)
    },
  })
  if (swept.kind === 'failed') return swept
  return { kind: 'read', value: { readings, bad, requests: swept.value.requests } }
}
