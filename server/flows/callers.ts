/** Reads who may call: tokens of syncpush, secrets of webhooks, clients of the master-data batch. */
import type { BatchClientConfig, ConnectionConfig, Former, HookConfig, TokenConfig } from './config.ts'
import { type Context, complain, originOf, secretOf, unique } from './context.ts'
import { parseDuration } from './duration.ts'
import { didYouMean, type Path } from './problem.ts'
import type { HookFile, TenantFile } from './schema.ts'

/** Shorter secrets can be guessed; what Mortise makes has 192 bits. */
const SHORTEST = 16

const checkLength = (context: Context, secret: string, path: Path): void => {
  if (secret.length < SHORTEST)
    complain(
      context,
      path,
      `is shorter than ${SHORTEST} characters: make one with "openssl rand -base64 24", or write generated`,
    )
  if (!/^[\x21-\x7e]+$/.test(secret)) complain(context, path, 'may hold printable ASCII characters only, and no spaces')
}

const offsetOf = (moment: number, zone: string): number => {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(moment)
  const part = (type: string) => Number(parts.find((one) => one.type === type)?.value)
  return (
    Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) -
    Math.floor(moment / 1000) * 1000
  )
}

/** A day means its end in the tenant's zone; a moment needs its offset, or it would mean something else on another machine. */
export const parseExpiry = (given: string, zone: string): number | null => {
  const day = /^(\d{4})-(\d\d)-(\d\d)$/.exec(given)
  if (day) {
    const [year, month, date] = [Number(day[1]), Number(day[2]), Number(day[3])]
    const noon = new Date(Date.UTC(year, month - 1, date, 12))
    if (noon.getUTCMonth() !== month - 1 || noon.getUTCDate() !== date) return null
    const local = Date.UTC(year, month - 1, date + 1)
    const guess = local - offsetOf(local, zone)
    return local - offsetOf(guess, zone)
  }
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/.test(given)) return null
  const moment = Date.parse(given.replace(' ', 'T'))
  return Number.isNaN(moment) ? null : moment
}

/** `current`: what it is the former value of; equal ones would be no change. */
const readFormer = (
  context: Context,
  given: string | undefined,
  current: string,
  path: Path,
  name: string,
): Former | null => {
  if (given === undefined) return null
  const { secret, origin } = secretOf(context, given, path, `${name}/former`)
  checkLength(context, secret, path)
  if (secret === current) complain(context, path, 'is the value in use, not a former one')
  return { value: secret, origin }
}

const readFormerUntil = (
  context: Context,
  given: string | undefined,
  former: readonly (Former | null)[],
  zone: string,
  path: Path,
): number | null => {
  if (given === undefined) return null
  if (former.every((one) => one === null)) {
    complain(context, path, 'there is no former value', { part: 'key' })
    return null
  }
  const until = parseExpiry(given, zone)
  if (until === null) complain(context, path, notADay(given))
  return until
}

const notADay = (given: string): string =>
  `"${given}" is not a day (2027-01-31) or a moment with its offset (2027-01-31T18:00:00+08:00)`

const readTokens = (
  context: Context,
  tenant: string,
  zone: string,
  connections: readonly ConnectionConfig[],
  given: TenantFile['tokens'],
  path: Path,
): TokenConfig[] => {
  const known = connections.map((one) => one.def.connectionId)
  unique(
    context,
    given ?? [],
    (one) => String(one.name),
    (i) => [...path, i, 'name'],
    'token',
  )
  return (given ?? []).map((token, i): TokenConfig => {
    const at = [...path, i]
    const name = String(token.name)
    const allowed = token.connections?.map(String) ?? null
    for (const [c, id] of (allowed ?? []).entries()) {
      if (!known.includes(id))
        complain(context, [...at, 'connections', c], `connection "${id}" is not declared${didYouMean(id, known)}`)
    }
    const reachable = connections
      .filter((one) => !allowed || allowed.includes(one.def.connectionId))
      .flatMap((one) => one.objects)
    const objects = token.objects?.map((object, o) => {
      const found = reachable.find((one) => one.code === object) ?? reachable.find((one) => one.apiName === object)
      if (!found && (allowed ?? []).every((id) => known.includes(id)))
        complain(
          context,
          [...at, 'objects', o],
          `object "${object}" is not declared on these connections${didYouMean(
            object,
            reachable.map((one) => one.code),
          )}`,
        )
      return found?.code ?? object
    })
    const { secret, origin } = secretOf(context, token.value, [...at, 'value'], `${tenant}/token/${name}`)
    checkLength(context, secret, [...at, 'value'])
    const expiresAt = token.expiresAt === undefined ? null : parseExpiry(token.expiresAt, zone)
    if (token.expiresAt !== undefined && expiresAt === null) {
      complain(context, [...at, 'expiresAt'], notADay(token.expiresAt))
    }
    const former = readFormer(context, token.former, secret, [...at, 'former'], `${tenant}/token/${name}`)
    return {
      name,
      value: secret,
      origin,
      connections: allowed,
      objects: objects ?? null,
      ratePerSecond: token.ratePerSecond ?? null,
      expiresAt,
      former,
      formerUntil: readFormerUntil(context, token.formerUntil, [former], zone, [...at, 'formerUntil']),
    }
  })
}

export const verifyDefaults = {
  algorithm: 'sha256',
  encoding: 'hex',
  prefix: '',
  key: 'text',
  sign: ['body'],
  tolerance: 300_000,
} as const

const readVerify = (
  context: Context,
  given: NonNullable<HookFile['verify']>,
  path: Path,
  name: string,
): NonNullable<HookConfig['verify']> => {
  const d = verifyDefaults
  const { secret, origin } = secretOf(context, given.secret, [...path, 'secret'], name)
  const sign = given.sign ?? [...d.sign]
  if (!sign.includes('body'))
    complain(context, [...path, 'sign'], 'the body is not among what is signed: anybody could change it')
  const { timestamp } = given
  if (
    timestamp &&
    !sign.some(
      (one) =>
        typeof one === 'object' && 'header' in one && one.header.toLowerCase() === timestamp.header.toLowerCase(),
    )
  )
    complain(
      context,
      [...path, 'sign'],
      `header ${timestamp.header} tells the time and is not signed: anybody could change it`,
    )
  const tolerance = timestamp?.tolerance === undefined ? null : parseDuration(timestamp.tolerance)
  return {
    secret,
    origin,
    former:
      given.former === undefined
        ? null
        : { value: given.former, origin: originOf(context.read.written([...path, 'former'])) },
    header: given.header,
    algorithm: given.algorithm ?? d.algorithm,
    encoding: given.encoding ?? d.encoding,
    prefix: given.prefix ?? d.prefix,
    key: given.key ?? d.key,
    sign,
    ...(timestamp && { timestamp: { header: timestamp.header, tolerance: tolerance ?? d.tolerance } }),
  }
}

const readHooks = (
  context: Context,
  tenant: string,
  zone: string,
  connections: readonly ConnectionConfig[],
  given: TenantFile['hooks'],
  path: Path,
): HookConfig[] => {
  const known = connections.map((one) => one.def.connectionId)
  unique(
    context,
    given ?? [],
    (one) => `${one.connection}/${one.name ?? one.connection}`,
    (i) => [...path, i],
    'hook',
  )
  return (given ?? []).map((hook, i): HookConfig => {
    const connectionId = String(hook.connection)
    const name = hook.name ?? connectionId
    if (!known.includes(connectionId))
      complain(
        context,
        [...path, i, 'connection'],
        `connection "${connectionId}" is not declared${didYouMean(connectionId, known)}`,
      )
    const { secret, origin } = secretOf(
      context,
      hook.secret,
      [...path, i, 'secret'],
      `${tenant}/hook/${connectionId}/${name}`,
    )
    checkLength(context, secret, [...path, i, 'secret'])
    if (!/^[A-Za-z0-9._~-]+$/.test(secret))
      complain(context, [...path, i, 'secret'], 'is part of an address: letters, digits, ".", "_", "~" and "-" only')
    const at = [...path, i]
    const former = readFormer(context, hook.former, secret, [...at, 'former'], `${tenant}/hook/${connectionId}/${name}`)
    const keyed = hook.verify?.former === undefined ? null : { value: hook.verify.former, origin: null }
    const formerUntil = readFormerUntil(context, hook.formerUntil, [former, keyed], zone, [...at, 'formerUntil'])
    const verify = hook.verify
      ? readVerify(context, hook.verify, [...at, 'verify'], `${tenant}/hook/${connectionId}/${name}/verify`)
      : null
    return { connectionId, name, secret, origin, former, formerUntil, verify }
  })
}

const readClients = (
  context: Context,
  tenant: string,
  zone: string,
  given: TenantFile['batchClients'],
  path: Path,
): BatchClientConfig[] => {
  unique(
    context,
    given ?? [],
    (one) => String(one.id),
    (i) => [...path, i, 'id'],
    'batch client',
  )
  return (given ?? []).map((client, i): BatchClientConfig => {
    const at = [...path, i]
    const clientId = String(client.id)
    const own = secretOf(context, client.secret, [...at, 'secret'], `${tenant}/batch-client/${clientId}/secret`)
    checkLength(context, own.secret, [...at, 'secret'])
    const salt = secretOf(context, client.salt, [...at, 'salt'], `${tenant}/batch-client/${clientId}/salt`)
    const named = `${tenant}/batch-client/${clientId}`
    const formerSecret = readFormer(
      context,
      client.formerSecret,
      own.secret,
      [...at, 'formerSecret'],
      `${named}/secret`,
    )
    const formerSalt = readFormer(context, client.formerSalt, salt.secret, [...at, 'formerSalt'], `${named}/salt`)
    for (const [o, origin] of (client.origins ?? []).entries()) {
      const parsed = URL.canParse(origin) ? new URL(origin) : null
      if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.origin !== origin) {
        const meant =
          parsed && /^https?:$/.test(parsed.protocol)
            ? `; write ${parsed.origin}`
            : '; write for example https://hr.example.com'
        complain(context, [...at, 'origins', o], `"${origin}" is not an origin (scheme, host, port)${meant}`)
      }
    }
    return {
      clientId,
      secret: own.secret,
      secretOrigin: own.origin,
      salt: salt.secret,
      saltOrigin: salt.origin,
      formerSecret,
      formerSalt,
      formerUntil: readFormerUntil(context, client.formerUntil, [formerSecret, formerSalt], zone, [
        ...at,
        'formerUntil',
      ]),
      origins: client.origins ?? [],
    }
  })
}

export const readCallers = (
  context: Context,
  tenant: string,
  zone: string,
  connections: readonly ConnectionConfig[],
  given: TenantFile,
  path: Path,
) => ({
  tokens: readTokens(context, tenant, zone, connections, given.tokens, [...path, 'tokens']),
  hooks: readHooks(context, tenant, zone, connections, given.hooks, [...path, 'hooks']),
  batchClients: readClients(context, tenant, zone, given.batchClients, [...path, 'batchClients']),
})
