/** Signing in and being known again: sessions by cookie with a token against forged requests, and a delay that grows with every failed try. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Caller } from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import { at, type Sql } from '../store/sql.ts'
import { isPassword } from './password.ts'
import { hashSecret } from './secrets.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** Without a request for so long, a session ends; and in any case after the other. */
const idle = 12 * HOUR
const longest = 7 * 24 * HOUR

// ── the delay ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Many people share an address, so that it is given more tries than a name. */
const patience = { user: 10, address: 100 }

/**
 * Takes a try before the password is looked at, so that a hundred at once are a hundred tries. Answers 0, or for how many more seconds
 * there is none. After `free` failures each further one doubles the pause: 2 s, 4 s … 15 min.
 */
const takeTry = async (sql: Sql, subject: string, free: number): Promise<number> => {
  const [taken] = await sql`
    insert into sign_in_try as t (subject, failures)
    values (${subject}, 1)
    on conflict (subject) do update set
      failures = case when t.last_at < clock_timestamp() - interval '1 day' then 1 else t.failures + 1 end,
      last_at = clock_timestamp(),
      until = clock_timestamp() + case when t.failures + 1 <= ${free}::int4 or t.last_at < clock_timestamp() - interval '1 day' then interval '0'
        else least(900, power(2, least(10, t.failures + 1 - ${free}::int4))) * interval '1 second' end
    where t.until <= clock_timestamp()
    returning failures`
  if (taken) return 0
  const [row] = await sql<{ seconds: number }>`
    select greatest(1, ceil(extract(epoch from until - clock_timestamp())))::int4 as seconds
    from sign_in_try
    where subject = ${subject}`
  return row?.seconds ?? 1
}

const subjectsOf = (userId: string, address: string) => ({
  user: `user:${createHash('sha256').update(userId.toLowerCase()).digest('hex')}`,
  address: `address:${address}`,
})

export type SignedIn =
  | { kind: 'in'; token: string; userId: string }
  | { kind: 'refused' }
  | { kind: 'wait'; seconds: number }

/** One and the same answer, after the same work, for a wrong password, an unknown name and a disabled account. */
export const signIn = async (sql: Sql, userId: string, password: string, address: string): Promise<SignedIn> => {
  const subjects = subjectsOf(userId, address)
  for (const by of ['user', 'address'] as const) {
    const seconds = await takeTry(sql, subjects[by], patience[by])
    if (seconds > 0) return { kind: 'wait', seconds }
  }
  const [found] = await sql<{ user_id: string; password: string | null; disabled: boolean }>`
    select user_id, password, disabled
    from who_signs_in(${userId})`
  const right = await isPassword(found?.password ?? null, password)
  if (!found || !right || found.disabled) return { kind: 'refused' }
  await sql`
    delete from sign_in_try
    where subject = ${subjects.user}`
  await sql`
    update sign_in_try set failures = greatest(0, failures - 1)
    where subject = ${subjects.address}`
  const token = randomBytes(32).toString('base64url')
  const now = Date.now()
  await asTenant(
    sql,
    '',
    (tx) => tx`
      insert into session (hash, user_id, expires_at, address)
      values (${hashSecret(token)}, ${found.user_id}, ${at(now + idle)}, ${address})`,
    found.user_id,
  )
  return { kind: 'in', token, userId: found.user_id }
}

/** Whether the password is this user's; counted like a sign-in. */
export const provesIt = async (sql: Sql, userId: string, password: string): Promise<boolean | number> => {
  const seconds = await takeTry(sql, subjectsOf(userId, '').user, patience.user)
  if (seconds > 0) return seconds
  const [found] = await sql<{ password: string | null }>`select password from who_signs_in(${userId})`
  return isPassword(found?.password ?? null, password)
}

// ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export interface Session {
  caller: Caller
  expiresAt: number
}

interface Row {
  user_id: string
  name: string
  home: string
  everywhere: string | null
  roles: string | null
  created_at: number
  seen_at: number
  expires_at: number
}

const rolesOf = (roles: string | null): Record<string, string> =>
  roles === null ? {} : (JSON.parse(roles) as Record<string, string>)

/** The caller behind a cookie, or null. Each use moves the end of the session on, at most once a minute. */
export const sessionOf = async (sql: Sql, token: string): Promise<Session | null> => {
  const hash = hashSecret(token)
  const [row] = await sql<Row>`
    select *
    from who_has_session(${hash})`
  if (!row) return null
  const now = Date.now()
  let expiresAt = row.expires_at
  if (now - row.seen_at > MINUTE) {
    expiresAt = Math.min(row.created_at + longest, now + idle)
    await asTenant(
      sql,
      '',
      (tx) => tx`
        update session set seen_at = ${at(now)}, expires_at = ${at(expiresAt)}
        where hash = ${hash}`,
      row.user_id,
    )
  }
  return {
    caller: {
      userId: row.user_id,
      name: row.name,
      via: 'session',
      actor: row.user_id,
      home: row.home,
      everywhere: row.everywhere,
      roles: rolesOf(row.roles),
      key: null,
    },
    expiresAt,
  }
}

export const endSession = (sql: Sql, userId: string, token: string): Promise<unknown> =>
  asTenant(sql, '', (tx) => tx`delete from session where hash = ${hashSecret(token)}`, userId)

/** After a new password, or for an account that may no longer: everybody signed in as this user is out, save `besides`. */
export const endSessionsOf = async (sql: Sql, userId: string, besides: string | null): Promise<void> => {
  const kept = besides === null ? null : hashSecret(besides)
  await asTenant(
    sql,
    '',
    (tx) => tx`
      delete from session
      where user_id = ${userId} and (${kept}::bytea is null or hash <> ${kept}::bytea)`,
    userId,
  )
}

// ── against forged requests ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Readable only by who can read an answer of ours: a foreign page can send our cookie and never this. */
export const forgeryToken = (token: string): string =>
  createHash('sha256').update('mortise csrf ').update(token).digest('base64url')

const same = (a: string, b: string): boolean => {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Our own page, or a program that sends neither header. */
export const isOwnOrigin = (headers: Headers, host: string): boolean => {
  const { origin } = headers
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  if (origin === undefined) return true
  return typeof origin === 'string' && URL.canParse(origin) && new URL(origin).host === host
}

export const mayChange = (headers: Headers, host: string, token: string): boolean => {
  const given = headers['x-csrf-token']
  return isOwnOrigin(headers, host) && typeof given === 'string' && same(given, forgeryToken(token))
}

/** `__Host-` binds the cookie to this very host, which browsers accept over TLS only. */
export const cookieName = (secure: boolean): string => (secure ? '__Host-mortise' : 'mortise')

export const cookieFor = (token: string, secure: boolean, maxAge: number = longest / 1000): string =>
  `${cookieName(secure)}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAge}${secure ? '; Secure' : ''}`

export const expired = (secure: boolean): string => cookieFor('', secure, 0)
