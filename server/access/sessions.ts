/** Signing in and being known again: sessions by cookie with a token against forged requests, and a delay that grows with every failed try. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Caller } from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import { at, type Sql } from '../store/sql.ts'
import { isPassword } from './password.ts'
import { hasSecondFactor, takeCode } from './second-factor.ts'
import { hashSecret, open, type SecretKey, seal } from './secrets.ts'

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

/** A right answer ends the delay of the name; the address gets its try back. */
const forget = async (sql: Sql, subjects: ReturnType<typeof subjectsOf>, whole: boolean): Promise<void> => {
  if (whole)
    await sql`
      delete from sign_in_try
      where subject = ${subjects.user}`
  await sql`
    update sign_in_try set failures = greatest(0, failures - 1)
    where subject = ${subjects.address}`
}

export type SignedIn =
  | { kind: 'in'; token: string; userId: string }
  | { kind: 'refused' }
  /** The password is right, and a code of the second factor is asked for. */
  | { kind: 'code' }
  | { kind: 'wrong code' }
  | { kind: 'wait'; seconds: number }

export interface From {
  address: string
  /** As the browser names itself. */
  agent: string
}

/** One and the same answer, after the same work, for a wrong password, an unknown name and a disabled account. */
export const signIn = async (
  sql: Sql,
  key: SecretKey,
  asked: { user: string; password: string; code?: string | undefined },
  from: From,
): Promise<SignedIn> => {
  const subjects = subjectsOf(asked.user, from.address)
  for (const by of ['user', 'address'] as const) {
    const seconds = await takeTry(sql, subjects[by], patience[by])
    if (seconds > 0) return { kind: 'wait', seconds }
  }
  const [found] = await sql<{ user_id: string; password: string | null; disabled: boolean }>`
    select user_id, password, disabled
    from who_signs_in(${asked.user})`
  const right = await isPassword(found?.password ?? null, asked.password)
  if (!found || !right || found.disabled) return { kind: 'refused' }
  if (await hasSecondFactor(sql, found.user_id)) {
    if (!asked.code) {
      // The try of the name stays counted: who has the password only must not begin anew with each.
      await forget(sql, subjects, false)
      return { kind: 'code' }
    }
    if (!(await takeCode(sql, key, found.user_id, asked.code, Date.now()))) return { kind: 'wrong code' }
  }
  await forget(sql, subjects, true)
  const token = await addSession(sql, found.user_id, from, null)
  return { kind: 'in', token, userId: found.user_id }
}

/** Whether this is the user's password, or a code of his second factor; counted like a sign-in. A number: so many seconds to wait. */
const proves = async (sql: Sql, userId: string, look: () => Promise<boolean>): Promise<boolean | number> => {
  const { user } = subjectsOf(userId, '')
  const seconds = await takeTry(sql, user, patience.user)
  if (seconds > 0) return seconds
  if (!(await look())) return false
  await sql`
    delete from sign_in_try
    where subject = ${user}`
  return true
}

export const provesIt = (sql: Sql, userId: string, password: string): Promise<boolean | number> =>
  proves(sql, userId, async () => {
    const [found] = await sql<{ password: string | null }>`select password from who_signs_in(${userId})`
    return isPassword(found?.password ?? null, password)
  })

export const provesByCode = (sql: Sql, userId: string, take: () => Promise<boolean>): Promise<boolean | number> =>
  proves(sql, userId, take)

export const hasPassword = async (sql: Sql, userId: string): Promise<boolean> => {
  const [found] = await sql<{ password: string | null }>`select password from who_signs_in(${userId})`
  return (found?.password ?? null) !== null
}

// ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export interface Session {
  caller: Caller
  expiresAt: number
  /** Of one that an issuer vouched for. */
  issuer: { providerId: string; hint: string | null } | null
}

const hintPlace = (token: string): string => `session/${hashSecret(token).toString('hex')}`

/** Answers the token of the cookie. `issuer`: who vouched, with the id token that it wants to see when one signs out there. */
export const addSession = async (
  sql: Sql,
  userId: string,
  { address, agent }: From,
  issuer: { providerId: string; hint: string; key: SecretKey } | null,
): Promise<string> => {
  const token = randomBytes(32).toString('base64url')
  const hint = issuer && seal(issuer.key, hintPlace(token), issuer.hint)
  await asTenant(
    sql,
    '',
    (tx) => tx`
      insert into session (hash, user_id, expires_at, address, agent, via, provider_id, hint)
      values (${hashSecret(token)}, ${userId}, ${at(Date.now() + idle)}, ${address}, ${agent.slice(0, 300)},
        ${issuer ? 'issuer' : 'password'}, ${issuer?.providerId ?? null}, ${hint})`,
    userId,
  )
  return token
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
  via: 'password' | 'issuer'
  provider_id: string | null
  hint: Buffer | null
  lacks: string[]
}

const rolesOf = (roles: string | null): Record<string, string> =>
  roles === null ? {} : (JSON.parse(roles) as Record<string, string>)

/** The caller behind a cookie, or null. Each use moves the end of the session on, at most once a minute. */
export const sessionOf = async (sql: Sql, token: string, key: SecretKey | null = null): Promise<Session | null> => {
  const hash = hashSecret(token)
  const [row] = await sql<Row>`
    select *
    from who_is_in(${hash})`
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
      lacks: row.lacks,
    },
    expiresAt,
    issuer: row.provider_id === null ? null : { providerId: row.provider_id, hint: hintOf(row.hint, token, key) },
  }
}

/** Without the key, or under one that is gone: the issuer will ask instead. */
const hintOf = (hint: Buffer | null, token: string, key: SecretKey | null): string | null => {
  if (hint === null || key === null) return null
  try {
    return open(key, hintPlace(token), hint)
  } catch {
    return null
  }
}

export interface ListedSession {
  sessionId: string
  current: boolean
  createdAt: number
  seenAt: number
  expiresAt: number
  address: string
  agent: string
  via: 'password' | 'issuer'
}

/** One's own, the last used first. A session is named by the beginning of its hash, which opens nothing. */
export const readSessions = (sql: Sql, userId: string, token: string): Promise<ListedSession[]> =>
  asTenant(
    sql,
    '',
    async (tx) => {
      const rows = await tx<Row & { session_id: string; current: boolean; address: string; agent: string }>`
        select encode(substring(hash for 8), 'hex') as session_id, hash = ${hashSecret(token)} as current,
          created_at, seen_at, expires_at, address, agent, via
        from session
        where user_id = ${userId} and expires_at > clock_timestamp()
        order by seen_at desc`
      return rows.map((row) => ({
        sessionId: row.session_id,
        current: row.current,
        createdAt: row.created_at,
        seenAt: row.seen_at,
        expiresAt: row.expires_at,
        address: row.address,
        agent: row.agent,
        via: row.via,
      }))
    },
    userId,
  )

/** False: there is none of that name. */
export const endNamedSession = async (sql: Sql, userId: string, sessionId: string): Promise<boolean> =>
  (await asTenant(
    sql,
    '',
    (tx) => tx.affected`
      delete from session
      where user_id = ${userId} and encode(substring(hash for 8), 'hex') = ${sessionId}`,
    userId,
  )) > 0

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
