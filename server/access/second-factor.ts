/** The second factor of an account: set up, confirmed, asked for, taken away; and the recovery codes beside it. */
import { createHash, randomBytes } from 'node:crypto'
import { asTenant } from '../store/roles.ts'
import { at, type Sql } from '../store/sql.ts'
import { open, type SecretKey, seal } from './secrets.ts'
import { makeTotpSecret, stepOfCode, toBase32 } from './totp.ts'

export const secondFactorPlace = (userId: string): string => `second_factor/${userId}`

const recoveryCodes = 10

/** What a person typed or copied: spaces, hyphens and small letters are the same code. */
const plain = (code: string): string => code.replaceAll(/[\s-]/g, '').toUpperCase()
const hashCode = (code: string): Buffer => createHash('sha256').update('mortise recovery ').update(code).digest()

/** 80 random bits, in fours. */
const makeRecoveryCode = (): string => (toBase32(randomBytes(10)).match(/.{4}/g) as string[]).join('-')

const asSelf = <T>(sql: Sql, userId: string, work: (tx: Sql) => Promise<T>): Promise<T> =>
  asTenant(sql, '', work, userId)

export interface Standing {
  /** Since when it is on; null: it is not. */
  since: number | null
  codesLeft: number
}

export const standingOf = (sql: Sql, userId: string): Promise<Standing> =>
  asSelf(sql, userId, async (tx) => {
    const [row] = await tx<{ since: number | null; codes_left: number }>`
      select f.confirmed_at as since, (
        select count(*)::int4
        from recovery_code c
        where c.user_id = f.user_id and c.used_at is null) as codes_left
      from second_factor f
      where f.user_id = ${userId}`
    return { since: row?.since ?? null, codesLeft: row?.codes_left ?? 0 }
  })

/** A secret for the authenticator, which does not count until a code of it came back. Null where one is on already. */
export const beginSecondFactor = async (sql: Sql, key: SecretKey, userId: string): Promise<string | null> => {
  const secret = makeTotpSecret()
  // apart, and not `do update`: people's role may write the secret and not read it, and `excluded` reads it
  const begun = await asSelf(sql, userId, async (tx) => {
    await tx`
      delete from second_factor
      where user_id = ${userId} and confirmed_at is null`
    return tx.affected`
      insert into second_factor (user_id, secret)
      values (${userId}, ${seal(key, secondFactorPlace(userId), secret)})
      on conflict (user_id) do nothing`
  })
  return begun === 1 ? secret : null
}

const putCodes = async (tx: Sql, userId: string): Promise<string[]> => {
  const codes = Array.from({ length: recoveryCodes }, makeRecoveryCode)
  await tx`
    delete from recovery_code
    where user_id = ${userId}`
  for (const code of codes)
    await tx`
      insert into recovery_code (user_id, hash)
      values (${userId}, ${hashCode(plain(code))})`
  return codes
}

const secretOf = async (sql: Sql, key: SecretKey, userId: string, confirmed: boolean): Promise<string | null> => {
  const [row] = await sql<{ secret: Buffer; confirmed: boolean }>`
    select secret, confirmed
    from who_has_second_factor(${userId})`
  return row && row.confirmed === confirmed ? open(key, secondFactorPlace(userId), row.secret) : null
}

/** The first code of a new authenticator. Answers the recovery codes, which are told this once. */
export const confirmSecondFactor = async (
  sql: Sql,
  key: SecretKey,
  { userId, home }: { userId: string; home: string },
  code: string,
  now: number,
  written: (tx: Sql) => Promise<void>,
): Promise<string[] | 'wrong' | 'none'> => {
  const secret = await secretOf(sql, key, userId, false)
  if (secret === null) return 'none'
  const step = stepOfCode(secret, plain(code), now)
  if (step === null) return 'wrong'
  const work = async (tx: Sql) => {
    const turned = await tx.affected`
      update second_factor set confirmed_at = ${at(now)}, last_step = ${step}
      where user_id = ${userId} and confirmed_at is null`
    if (turned === 0) return 'none'
    const codes = await putCodes(tx, userId)
    await written(tx)
    return codes
  }
  return asTenant(sql, home, work, userId)
}

/** Whether the account asks for a code at all. */
export const hasSecondFactor = async (sql: Sql, userId: string): Promise<boolean> => {
  const [row] = await sql<{ confirmed: boolean }>`
    select confirmed
    from who_has_second_factor(${userId})`
  return row?.confirmed ?? false
}

/** Takes a code, so that it does not open twice: of the authenticator, or a recovery code. */
export const takeCode = async (
  sql: Sql,
  key: SecretKey,
  userId: string,
  given: string,
  now: number,
): Promise<boolean> => {
  const code = plain(given)
  if (!/^\d{6}$/.test(code)) {
    const used = await asSelf(
      sql,
      userId,
      (tx) => tx.affected`
        update recovery_code set used_at = ${at(now)}
        where user_id = ${userId} and hash = ${hashCode(code)} and used_at is null`,
    )
    return used === 1
  }
  const secret = await secretOf(sql, key, userId, true)
  const step = secret === null ? null : stepOfCode(secret, code, now)
  if (step === null) return false
  // two at once with one code: the row lets in the first
  const taken = await asSelf(
    sql,
    userId,
    (tx) => tx.affected`
      update second_factor set last_step = ${step}
      where user_id = ${userId} and confirmed_at is not null and last_step < ${step}`,
  )
  return taken === 1
}

/** Ten new ones; the former end. */
export const renewCodes = (
  sql: Sql,
  { userId, home }: { userId: string; home: string },
  written: (tx: Sql) => Promise<void>,
): Promise<string[]> =>
  asTenant(
    sql,
    home,
    async (tx) => {
      const codes = await putCodes(tx, userId)
      await written(tx)
      return codes
    },
    userId,
  )

/** In a transaction that may see the account. */
export const dropSecondFactor = async (tx: Sql, userId: string): Promise<void> => {
  await tx`
    delete from second_factor
    where user_id = ${userId}`
}

/** Puts secrets of second factors under the installation's newest key, slice by slice. */
export const resealSecondFactors = async (
  tx: Sql,
  how: { keyName: string; reseal(place: string, envelope: Buffer): Buffer | string },
  after: string,
  limit: number,
): Promise<{ done: number; refused: string[]; after: string | null }> => {
  const rows = await tx<{ user_id: string; secret: Buffer }>`
    select user_id, secret
    from second_factor
    where encode(substring(secret from 2 for 4), 'hex') <> ${how.keyName} and user_id collate "C" > ${after}
    order by user_id collate "C"
    limit ${limit}
    for update`
  const refused: string[] = []
  let done = 0
  for (const row of rows) {
    const closed = how.reseal(secondFactorPlace(row.user_id), row.secret)
    if (typeof closed === 'string') {
      refused.push(closed)
      continue
    }
    await tx`
      update second_factor set secret = ${closed}
      where user_id = ${row.user_id}`
    done++
  }
  return { done, refused, after: rows.length < limit ? null : (rows.at(-1)?.user_id ?? null) }
}
