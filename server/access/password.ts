/** Passwords at rest: argon2id with its cost in front (OWASP's 19 MiB, 2 passes), and a check that takes as long for a user who does not exist. */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'

const cost = { memory: 19_456, passes: 2, parallelism: 1 }
const SALT = 16
const TAG = 32

/** Shorter ones can be guessed at any cost. */
export const shortestPassword = 10
export const longestPassword = 1_024

interface Stored {
  memory: number
  passes: number
  parallelism: number
  salt: Buffer
  tag: Buffer
}

// 19 MiB each: a flood of sign-ins must wait for its turn and not fill the memory.
const together = 4
let running = 0
const waiting: (() => void)[] = []

const derive = async (
  password: string,
  { memory, passes, parallelism, salt }: Omit<Stored, 'tag'>,
): Promise<Buffer> => {
  if (running < together) running++
  else await new Promise<void>((resolve) => waiting.push(resolve))
  try {
    return await new Promise<Buffer>((resolve, reject) =>
      argon2(
        'argon2id',
        { message: password.normalize('NFC'), nonce: salt, parallelism, memory, passes, tagLength: TAG },
        (error, tag) => (error ? reject(error) : resolve(tag)),
      ),
    )
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}

const plain = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '')

/** In the PHC form that other programs read too: `$argon2id$v=19$m=19456,t=2,p=1$salt$tag`. */
export const hashPassword = async (password: string): Promise<string> => {
  const salt = randomBytes(SALT)
  const tag = await derive(password, { ...cost, salt })
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${plain(salt)}$${plain(tag)}`
}

const read = (stored: string): Stored | null => {
  const parts = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(stored)
  if (!parts) return null
  const [, memory, passes, parallelism, salt = '', tag = ''] = parts
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  }
}

const nobody: Stored = { ...cost, salt: Buffer.alloc(SALT), tag: Buffer.alloc(TAG) }

/** `stored` null: there is no such user, or he has no password; the same work is done, and the answer is no. */
export const isPassword = async (stored: string | null, password: string): Promise<boolean> => {
  const known = (stored === null ? null : read(stored)) ?? nobody
  const tag = await derive(password, known)
  return timingSafeEqual(tag, known.tag) && known !== nobody
}
