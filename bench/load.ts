/** The load generator, a process of its own: keep-alive connections that send one prepared request after another over bare sockets. */
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { digits, numbered, placeholder } from './orders.ts'

export interface Job {
  port: number
  /** A whole request; each placeholder becomes the record's number. */
  request: string
  connections: number
  /** Number of the first record. */
  first: number
  /** Ends after so many seconds, or so many requests. */
  seconds?: number
  count?: number
  /** Requests a second, spread evenly, whatever the answers do; absent: each connection sends when its answer has come. */
  rate?: number
  /** Also say when each request was due (wall clock, ms). */
  times?: boolean
}

export interface Report {
  sent: number
  failed: number
  /** Requests that were answered with 200, per second. */
  rate: number
  seconds: number
  p50: number
  p99: number
  max: number
  /** First words of an answer that was not 200. */
  trouble: string | null
  times?: Float64Array
}

export const quantile = (sorted: Float64Array | number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0

const placesOf = (request: Buffer): number[] => {
  const places: number[] = []
  for (let at = request.indexOf(placeholder); at >= 0; at = request.indexOf(placeholder, at + digits)) places.push(at)
  return places
}

/** Length of the complete answer at the start of `bytes`, or 0 while more must come. */
const answerLength = (bytes: Buffer): number => {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return 0
  const length = /^content-length: *(\d+)/im.exec(bytes.toString('latin1', 0, end + 2))?.[1]
  const whole = end + 4 + Number(length ?? 0)
  return bytes.length >= whole ? whole : 0
}

export const run = (job: Job): Promise<Report> =>
  new Promise((resolve, reject) => {
    const template = Buffer.from(job.request)
    const places = placesOf(template)
    const most = job.count ?? Number.POSITIVE_INFINITY
    const clock = Date.now() - performance.now()
    const times: number[] = []
    const taken: number[] = []
    let next = 0
    let open = 0
    let failed = 0
    let trouble: string | null = null
    let usual = -1 // length of the usual answer: a chunk of it needs no parsing
    let ended = false
    const idle: (() => void)[] = []
    const due: number[] = []
    const sockets: Socket[] = []
    const began = performance.now()
    const until = job.seconds === undefined ? Number.POSITIVE_INFINITY : began + job.seconds * 1000
    let last = began

    const finish = (): void => {
      if (ended) return
      ended = true
      for (const socket of sockets) socket.destroy()
      const sorted = Float64Array.from(taken).sort()
      const seconds = (last - began) / 1000
      resolve({
        sent: next,
        failed,
        rate: (taken.length - failed) / seconds,
        seconds,
        p50: quantile(sorted, 0.5),
        p99: quantile(sorted, 0.99),
        max: sorted.at(-1) ?? 0,
        trouble,
        ...(job.times && { times: Float64Array.from(times) }),
      })
    }

    const openConnection = (): void => {
      const socket = connect(job.port, '127.0.0.1')
      socket.setNoDelay(true)
      sockets.push(socket)
      const request = Buffer.from(template)
      let sentAt = 0
      let rest: Buffer | null = null

      const send = (at: number): void => {
        const name = numbered(job.first + next)
        for (const place of places) request.write(name, place, digits, 'latin1')
        if (job.times) times[next] = clock + at
        next++
        open++
        sentAt = at
        socket.write(request)
      }
      const goOn = (): void => {
        const now = performance.now()
        if (job.rate) {
          const at = due.shift()
          if (at !== undefined) return send(at)
          idle.push(goOn)
        } else if (next < most && now < until) return send(now)
        if (!open && (next >= most || now >= until)) finish()
      }
      const answered = (status: number, bytes: Buffer): void => {
        last = performance.now()
        open--
        taken.push(last - sentAt)
        if (status !== 50) {
          failed++
          trouble ??= bytes.toString('latin1', 0, 300)
        }
        goOn()
      }
      socket.on('connect', goOn)
      socket.on('data', (chunk: Buffer) => {
        if (!rest && chunk.length === usual && chunk[9] === 50) return answered(50, chunk)
        const bytes = rest ? Buffer.concat([rest, chunk]) : chunk
        const length = answerLength(bytes)
        if (!length) {
          rest = bytes
          return
        }
        rest = null
        usual = length
        answered(bytes[9] ?? 0, bytes)
      })
      socket.on('error', reject)
      socket.on('close', () => {
        if (!ended) reject(new Error('the server closed a connection'))
      })
    }
    for (let i = 0; i < job.connections; i++) openConnection()

    if (job.rate) {
      const gap = 1000 / job.rate
      let planned = 0
      const tick = (): void => {
        if (ended) return
        const now = performance.now()
        for (; planned < most && began + planned * gap <= now && now < until; planned++) {
          due.push(began + planned * gap)
          idle.shift()?.()
        }
        if (planned >= most || now >= until) {
          if (!open && !due.length) return finish()
          setTimeout(tick, 5)
        } else setTimeout(tick, Math.max(0, began + planned * gap - performance.now()))
      }
      tick()
    }
  })

if (import.meta.main) {
  process.on('message', (job: Job) => {
    run(job).then(
      (report) => process.send?.({ report }),
      (error: Error) => process.send?.({ error: error.message }),
    )
  })
  process.on('disconnect', () => process.exit(0))
}
