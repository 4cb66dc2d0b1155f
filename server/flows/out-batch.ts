/** Reads how batches are sent to another system, as the token machinery and the connector take it; and writes it down again. */
import type { AuthDef, ConnectionDef, OutBatchDef } from '../doc/flow.ts'
import { type Origin, outBatchDefaults } from './config.ts'
import { parseExpiry } from './callers.ts'
import { type Context, complain, originOf, secretOf } from './context.ts'
import { parseDuration, writeDuration } from './duration.ts'
import type { Path } from './problem.ts'
import type { ConnectionFile } from './schema.ts'

/** A token lives 7,200 s there; the next one is asked for a while before its end. */
const lifetime = 7_200_000
const refreshBefore = 300_000

/** Names of the secrets in `auth`, and in the file. */
const places = {
  'oauth2.clientSecret': 'clientSecret',
  'callback.salt': 'salt',
  'callback.formerSalt': 'formerSalt',
} as const

const tokenUrlOf = (baseUrl: string): string =>
  URL.canParse(baseUrl) ? new URL('unAuth/tokens/generate', baseUrl).href : baseUrl

/** Scheme, host, port and perhaps a path: where `/callbacks/…` is appended. */
const addressOf = (context: Context, given: string, path: Path): string => {
  const url = URL.canParse(given) ? new URL(given) : null
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username)
    complain(context, path, `"${given}" is not an address: write for example https://mortise.example.com`)
  return given.replace(/\/+$/, '')
}

export const readOutBatch = (
  context: Context,
  connection: ConnectionFile,
  place: { tenantId: string; zone: string; baseUrl: string },
  at: Path,
): { auth: AuthDef; said: OutBatchDef; origins: Record<string, Origin> } | undefined => {
  const given = connection.batch
  const path = [...at, 'batch']
  if (connection.readable)
    complain(context, [...at, 'readable'], 'such an interface has no queries of records', { part: 'key' })
  if (!given) {
    complain(
      context,
      [...at, 'kind'],
      'kind masterdata-batch needs "batch": {clientId, clientSecret, salt, callbackUrl}',
    )
    return undefined
  }
  const d = outBatchDefaults
  if (given.callbackUrl !== undefined && given.salt === undefined)
    complain(context, [...path, 'callbackUrl'], 'a callback that nobody can verify is of no use: declare salt as well')
  if (given.formerSalt !== undefined && given.salt === undefined)
    complain(context, [...path, 'formerSalt'], 'there is no salt', { part: 'key' })
  const formerUntil = given.formerUntil === undefined ? null : parseExpiry(given.formerUntil, place.zone)
  if (given.formerUntil !== undefined && (formerUntil === null || given.formerSalt === undefined))
    complain(
      context,
      [...path, 'formerUntil'],
      given.formerSalt === undefined
        ? 'there is no former value'
        : `"${given.formerUntil}" is not a day (2027-01-31) or a moment with its offset (2027-01-31T18:00:00+08:00)`,
    )
  if (given.callbackUrl === undefined && given.query === false)
    complain(context, path, 'with neither callbackUrl nor query nobody tells what became of a batch', { part: 'key' })
  const key = secretOf(
    context,
    given.callbackKey,
    [...path, 'callbackKey'],
    `${place.tenantId}/callback/${connection.id}`,
  )
  if (!/^[A-Za-z0-9._~-]+$/.test(key.secret))
    complain(context, [...path, 'callbackKey'], 'is part of an address: letters, digits, ".", "_", "~" and "-" only')
  const duration = (said: string | number | undefined, usual: number): number =>
    said === undefined ? usual : (parseDuration(said) ?? usual)
  return {
    auth: {
      oauth2: {
        tokenUrl: given.tokenUrl ?? tokenUrlOf(place.baseUrl),
        clientId: String(given.clientId),
        clientSecret: String(given.clientSecret),
        clientIn: 'body',
        bodyAs: 'json',
        idName: 'client_id',
        secretName: 'client_secret',
        grantType: '',
        params: {},
        tokenPath: 'data.access_token',
        expiresPath: 'data.expires_in',
        lifetime,
        refreshBefore,
        tokenCodes: ['4010000'],
        carry: { in: 'header', name: 'Authorization', prefix: 'Bearer ' },
      },
      ...(given.salt !== undefined && {
        callback: {
          key: key.secret,
          salt: String(given.salt),
          ...(given.formerSalt !== undefined && { formerSalt: String(given.formerSalt) }),
        },
      }),
    },
    said: {
      maxRows: given.maxRows ?? d.maxRows,
      fillFor: duration(given.fillFor, d.fillFor),
      perDay: given.perDay ?? d.perDay,
      perHour: given.perHour ?? d.perHour,
      callbackUrl:
        given.callbackUrl === undefined ? null : addressOf(context, given.callbackUrl, [...path, 'callbackUrl']),
      signed: given.signed ?? d.signed,
      query: given.query ?? d.query,
      answerWithin: duration(given.answerWithin, d.answerWithin),
      locale: given.locale ?? d.locale,
      formerUntil,
    },
    origins: {
      'callback.key': key.origin,
      ...Object.fromEntries(
        Object.entries(places)
          .filter(([, key]) => given[key] !== undefined)
          .map(([name, key]) => [name, originOf(context.read.written([...path, key]))]),
      ),
    },
  }
}

const unless = <T>(value: T, usual: T): T | undefined => (value === usual ? undefined : value)

/** As the file says it; `named` gives a secret's name in place of its value. */
export const outBatchTree = (
  def: ConnectionDef,
  named: (name: string) => string,
): Record<string, unknown> | undefined => {
  const { batch, auth } = def
  if (!batch) return undefined
  const d = outBatchDefaults
  const duration = (key: 'fillFor' | 'answerWithin') => (batch[key] === d[key] ? undefined : writeDuration(batch[key]))
  const tree: Record<string, unknown> = {
    clientId: auth?.oauth2?.clientId ?? '',
    clientSecret: named('oauth2.clientSecret'),
    tokenUrl: unless(auth?.oauth2?.tokenUrl ?? '', tokenUrlOf(def.baseUrl)),
    salt: auth?.callback && named('callback.salt'),
    formerSalt: auth?.callback?.formerSalt === undefined ? undefined : named('callback.formerSalt'),
    formerUntil: batch.formerUntil === null ? undefined : new Date(batch.formerUntil).toISOString(),
    callbackUrl: batch.callbackUrl ?? undefined,
    callbackKey: auth?.callback && named('callback.key'),
    signed: unless(batch.signed, d.signed),
    query: unless(batch.query, d.query),
    answerWithin: duration('answerWithin'),
    maxRows: unless<number>(batch.maxRows, d.maxRows),
    fillFor: duration('fillFor'),
    perDay: unless<number>(batch.perDay, d.perDay),
    perHour: unless<number>(batch.perHour, d.perHour),
    locale: unless<string>(batch.locale, d.locale),
  }
  return Object.fromEntries(Object.entries(tree).filter(([, value]) => value !== undefined))
}
