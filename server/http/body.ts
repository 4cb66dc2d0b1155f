/** Reads a request's body as bytes, whatever its Content-Type says: at most 5 MB on the wire, 20 MB inflated (contracts.md section 1, 007). */
import type { IncomingMessage } from 'node:http'
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib'

export interface BodyLimits {
  wire: number
  inflated: number
}
export const recordLimits: BodyLimits = { wire: 5 * 1024 * 1024, inflated: 20 * 1024 * 1024 }

export type Body =
  | { kind: 'body'; bytes: Buffer }
  | { kind: 'too large'; limit: 'wire' | 'inflated' }
  | { kind: 'not decodable'; encoding: string }
  /** The sender went away in the middle: nobody is left to be answered, but nothing may be stored either. */
  | { kind: 'cut off' }
  /** The doors hold as much as they may; nothing was kept of this one. */
  | { kind: 'busy' }

/** What the doors of one process may hold of bodies that are not whole yet, so that memory ends somewhere before callers do. */
export interface BodyGate {
  enter(): boolean
  hold(bytes: number): boolean
  leave(held: number): void
  now(): { bodies: number; bytes: number }
}

export const bodyGate = (most: { bodies: number; bytes: number }): BodyGate => {
  let bodies = 0
  let bytes = 0
  return {
    enter: () => bodies < most.bodies && ++bodies > 0,
    hold: (more) => {
      if (bytes + more > most.bytes) return false
      bytes += more
      return true
    },
    leave: (held) => {
      bodies--
      bytes -= held
    },
    now: () => ({ bodies, bytes }),
  }
}

/** 1,000 senders of a few kB each, or some 25 of 5 MB: more than one core reads in a second either way. */
const everyDoor = bodyGate({ bodies: 1_000, bytes: 128 * 1024 * 1024 })

/** What is discarded of a refused body so that its sender can read the answer; beyond it the connection ends. */
const patience = 64 * 1024 * 1024
const nothing = Buffer.alloc(0)

/** Bytes held at the gate; given back by whoever entered. */
interface Held {
  bytes: number
}

const read = (
  request: IncomingMessage,
  limit: number,
  length: number,
  gate: BodyGate,
  held: Held | null,
): Promise<Body> =>
  new Promise((resolve) => {
    let chunks: Buffer[] | null = []
    let size = 0
    const refuse = (why: Body) => {
      chunks = null
      resolve(why)
    }
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (chunks === null || held === null) {
        if (size > patience) request.destroy()
        return
      }
      if (size > limit) return refuse({ kind: 'too large', limit: 'wire' })
      if (!gate.hold(chunk.length)) return refuse({ kind: 'busy' })
      held.bytes += chunk.length
      chunks.push(chunk)
    })
    request.on('end', () => {
      if (chunks === null) return
      const [only] = chunks
      resolve({
        kind: 'body',
        bytes: chunks.length === 1 && only ? only : chunks.length ? Buffer.concat(chunks, size) : nothing,
      })
    })
    request.on('error', () => resolve({ kind: 'cut off' }))
    request.on('close', () => resolve({ kind: 'cut off' }))
    if (held === null) refuse({ kind: 'busy' })
    else if (length > limit) refuse({ kind: 'too large', limit: 'wire' })
  })

// Two bodies are inflated at a time: a hundred bombs in parallel would else hold 100 × 20 MB.
const inflaters = 2
let inflating = 0
const queue: (() => void)[] = []
const turn = async (): Promise<void> => {
  if (inflating < inflaters) inflating++
  else await new Promise<void>((resolve) => queue.push(resolve))
}
const done = (): void => {
  const next = queue.shift()
  if (next) next()
  else inflating--
}

/** Some clients send raw deflate and call it deflate; a zlib header is recognised by its check bits. */
const hasZlibHeader = (bytes: Buffer): boolean =>
  bytes.length >= 2 && ((bytes[0] ?? 0) & 15) === 8 && (((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)) % 31 === 0

type Inflate = (
  bytes: Buffer,
  options: { maxOutputLength: number },
  done: (error: NodeJS.ErrnoException | null, out: Buffer) => void,
) => void

const wayOf = (encoding: string, bytes: Buffer): Inflate | null => {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return gunzip
    case 'br':
      return brotliDecompress
    case 'deflate':
      return hasZlibHeader(bytes) ? inflate : inflateRaw
    default:
      return null
  }
}

const inflated = async (bytes: Buffer, encoding: string, limit: number): Promise<Body> => {
  const way = wayOf(encoding, bytes)
  if (way === null) return { kind: 'not decodable', encoding }
  await turn()
  try {
    return await new Promise<Body>((resolve) =>
      way(bytes, { maxOutputLength: limit }, (error, out) => {
        if (!error) resolve({ kind: 'body', bytes: out })
        else if (error.code === 'ERR_BUFFER_TOO_LARGE') resolve({ kind: 'too large', limit: 'inflated' })
        else resolve({ kind: 'not decodable', encoding })
      }),
    )
  } finally {
    done()
  }
}

/** `encoding` and `length` are the raw header values. Never rejects. */
export const readBody = async (
  request: IncomingMessage,
  encoding: string | undefined,
  length: string | undefined,
  limits: BodyLimits = recordLimits,
  gate: BodyGate = everyDoor,
): Promise<Body> => {
  const held: Held | null = gate.enter() ? { bytes: 0 } : null
  try {
    const body = await read(request, limits.wire, length === undefined ? 0 : Number(length), gate, held)
    if (encoding === undefined || body.kind !== 'body') return body
    const named = encoding.trim().toLowerCase()
    return named === '' || named === 'identity' ? body : await inflated(body.bytes, named, limits.inflated)
  } finally {
    if (held) gate.leave(held.bytes)
  }
}
