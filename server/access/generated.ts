/** Secrets that Mortise makes itself (`value: generated`): made once, kept in the data folder for their owner to read, the same after each start. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'

const FILE = 'generated-secrets.json'

/** Answers the secret of that name, such as `sandbox/token/push`. */
export interface Generated {
  file: string
  get(name: string): string
  /** Writes what was made since it was read; nothing to do when nothing was. Call it before the secrets are used. */
  keep(): Promise<void>
}

/** 192 random bits: above the 128 that reliability.md asks for, and without characters that a shell or a URL would change. */
export const makeSecret = (): string => randomBytes(24).toString('base64url')

const read = async (file: string): Promise<Map<string, string>> => {
  try {
    return new Map(Object.entries(JSON.parse(await readFile(file, 'utf8')) as Record<string, string>))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw new Error(`${file} cannot be read: ${(error as Error).message}`)
  }
}

/** Writes a file only its owner can read, whole or not at all. */
export const writePrivate = async (file: string, content: string): Promise<void> => {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(draft, file)
}

export const openGenerated = async (folder: string): Promise<Generated> => {
  const file = join(folder, FILE)
  const secrets = await read(file)
  let made = false
  return {
    file,
    get: (name) => {
      const kept = secrets.get(name)
      if (kept !== undefined) return kept
      const secret = makeSecret()
      secrets.set(name, secret)
      made = true
      return secret
    },
    keep: async () => {
      if (!made) return
      await mkdir(folder, { recursive: true })
      await writePrivate(file, `${JSON.stringify(Object.fromEntries(secrets), null, 2)}\n`)
      made = false
    },
  }
}
