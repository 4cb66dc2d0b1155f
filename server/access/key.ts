/** The installation's secret key: MORTISE_SECRET_KEY where it is set, else made once and kept in the data folder. */
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { writePrivate } from './generated.ts'
import type { SecretKey } from './secrets.ts'

const FILE = 'secret.key'
const BYTES = 32

/** A key that cannot be used; the sentence is for the operator and never shows the key. */
export class KeyRefused extends Error {
  override name = 'KeyRefused'
}

/** 32 bytes, written as 64 hex digits or as base64. Passphrases are refused: they would look safe and not be. */
export const parseKey = (text: string, from: string): Buffer => {
  const trimmed = text.trim()
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, 'hex')
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)) {
    const key = Buffer.from(trimmed, 'base64')
    if (key.length === BYTES) return key
  }
  throw new KeyRefused(`${from} must hold 32 random bytes as base64 or hex. Make one with: openssl rand -base64 32`)
}

/** One key, or several while it is being changed: the newest first, with commas or line ends between. */
export const parseKeys = (text: string, from: string): SecretKey => {
  const [first, ...more] = text
    .trim()
    .split(/[\s,]+/)
    .filter((one) => one !== '')
    .map((one) => parseKey(one, from))
  if (!first) throw new KeyRefused(`${from} holds no key. Make one with: openssl rand -base64 32`)
  return more.length ? [first, ...more] : first
}

const readIfThere = async (file: string): Promise<string | null> => {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Writes `content` as `file` unless it exists; whole or not at all, on disk before it has its name. */
const writeOnce = async (file: string, content: string): Promise<void> => {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await link(draft, file) // unlike rename, refuses to replace what another start made in the meantime
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await unlink(draft)
  }
}

/** The key of this installation. Two starts at once on one folder end with the same key. */
export const secretKey = async (folder: string, env: NodeJS.ProcessEnv = process.env): Promise<SecretKey> => {
  const given = env.MORTISE_SECRET_KEY
  if (given) return parseKeys(given, 'MORTISE_SECRET_KEY')
  const file = join(folder, FILE)
  const kept = await readIfThere(file)
  if (kept !== null) return parseKeys(kept, file)
  await mkdir(folder, { recursive: true })
  await writeOnce(file, `${randomBytes(BYTES).toString('base64')}\n`)
  return parseKeys((await readIfThere(file)) ?? '', file)
}

/** Puts a new key before those of the data folder; the former ones go on opening what they closed. Answers the file. */
export const addKey = async (folder: string): Promise<string> => {
  const file = join(folder, FILE)
  const kept = await readIfThere(file)
  if (kept === null) throw new KeyRefused(`There is no key in ${file} to take the place of.`)
  parseKeys(kept, file)
  await writePrivate(file, `${randomBytes(BYTES).toString('base64')}\n${kept.trim()}\n`)
  return file
}

/** Leaves only the newest key in the data folder; answers how many were dropped. */
export const dropFormerKeys = async (folder: string): Promise<number> => {
  const file = join(folder, FILE)
  const lines = ((await readIfThere(file)) ?? '').split(/[\s,]+/).filter((one) => one !== '')
  const [newest] = lines
  if (newest === undefined) throw new KeyRefused(`There is no key in ${file}.`)
  if (lines.length > 1) await writePrivate(file, `${newest}\n`)
  return lines.length - 1
}
