/** The backup file's own form: a gzip stream of frames, each a letter, a length and its bytes. Small enough to be read without us: see docs/operate.md. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'

/** M manifest, T a table begins, D its rows as COPY text, E it ends, S sequences, Z the end. */
export type Kind = 'M' | 'T' | 'D' | 'E' | 'S' | 'Z'

export interface Frame {
  kind: Kind
  bytes: Buffer
}

/** A file that is not a whole backup; the sentence is for the operator. */
export class BackupRefused extends Error {
  override name = 'BackupRefused'
}

const most = 64 << 20

export const frame = (kind: Kind, bytes: Buffer): Buffer => {
  const head = Buffer.allocUnsafe(5)
  head.write(kind, 0, 'latin1')
  head.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}

export const jsonFrame = (kind: Kind, value: unknown): Buffer => frame(kind, Buffer.from(JSON.stringify(value)))

/** Frames of a file, in order. `Z` comes last and holds the hash of all bytes before it: a file without it is a part of one. */
export async function* readFrames(file: string): AsyncGenerator<Frame> {
  const source = createReadStream(file)
  const unzipped = createGunzip()
  source.on('error', (error) => unzipped.destroy(error))
  source.pipe(unzipped)
  const hash = createHash('sha256')
  let rest: Buffer = Buffer.alloc(0)
  let ended = false
  try {
    for await (const part of unzipped) {
      rest = rest.length ? Buffer.concat([rest, part as Buffer]) : (part as Buffer)
      while (rest.length >= 5) {
        const length = rest.readUInt32BE(1)
        if (length > most) throw new BackupRefused(`${file} is not a backup of Mortise.`)
        if (rest.length < 5 + length) break
        const kind = rest.toString('latin1', 0, 1) as Kind
        const bytes = rest.subarray(5, 5 + length)
        if (ended) throw new BackupRefused(`${file} has something behind its end.`)
        if (kind === 'Z') {
          const { sha256 } = JSON.parse(bytes.toString()) as { sha256: string }
          if (sha256 !== hash.digest('hex')) throw new BackupRefused(`${file} is damaged: its checksum does not fit.`)
          ended = true
        } else hash.update(rest.subarray(0, 5 + length))
        yield { kind, bytes }
        rest = rest.subarray(5 + length)
      }
    }
  } catch (error) {
    const code = (error as { code?: string }).code ?? ''
    if (code.startsWith('Z_'))
      throw new BackupRefused(`${file} is damaged, or no backup of Mortise: ${(error as Error).message}.`)
    throw error
  } finally {
    source.destroy()
  }
  if (!ended || rest.length) throw new BackupRefused(`${file} is only a part of a backup: its end is missing.`)
}
