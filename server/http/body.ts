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

/** What is discarded of a refused body so that its sender can read the answer; beyond it the connection ends. */
const patience = 64 * 1024 * 1024
const nothing = Buffer.alloc(0)

const read = (request: IncomingMessage, limit: number, length: number): Promise<Body> =>
  new Promise((resolve) => {
    let chunks: Buffer[] | null = []
    let size = 0
    const refuse = () => {
      chunks = null
      resolve({ kind: 'too large', limit: 'wire' })
    }
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (chunks === null) {
        if (size > patience) request.destroy()
        return
      }
      if (size > limit) return refuse()
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
    if (length > limit) refuse()
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
): Promise<Body> => {
  const body = await read(request, limits.wire, length === undefined ? 0 : Number(length))
  if (encoding === undefined || body.kind !== 'body') return body
  const named = encoding.trim().toLowerCase()
  return named === '' || named === 'identity' ? body : inflated(body.bytes, named, limits.inflated)
}
