/** Reads how a connection proves who it is, and keeps its secrets apart from the rest: they are stored encrypted, and an export only names them. */
import type { AuthDef, Carrier, OAuth2Def, SignatureDef, SignedPart } from '../doc/flow.ts'
import type { Origin } from './config.ts'
import { type Context, complain, originOf, words } from './context.ts'
import { parseDuration } from './duration.ts'
import type { Path } from './problem.ts'
import type { ConnectionFile } from './schema.ts'

type AuthFile = NonNullable<ConnectionFile['auth']>

export const authDefaults = {
  oauth2: {
    clientIn: 'basic',
    bodyAs: 'form',
    idName: 'client_id',
    secretName: 'client_secret',
    grantType: 'client_credentials',
    tokenPath: 'access_token',
    expiresPath: 'expires_in',
    lifetime: 3_600_000,
    refreshBefore: 60_000,
    carry: { in: 'header', name: 'Authorization', prefix: 'Bearer ' },
  },
  signature: { join: '', encoding: 'hex', timestampFormat: 'epochMillis' },
} as const

/** Parameters of a token request that are nobody's secret: shown in plans and exports as they are. */
const openParams = new Set(['scope', 'audience', 'resource'])

/** Headers of the interface itself that a signature may cover. */
const wireHeaders = new Set(['content-type', 'idempotency-key', 'id', 'operationtype', 'x-request-id', 'traceparent'])

const oauth2Of = (context: Context, given: NonNullable<AuthFile['oauth2']>, path: Path): OAuth2Def => {
  const d = authDefaults.oauth2
  const url = URL.canParse(given.tokenUrl) ? new URL(given.tokenUrl) : null
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.hash)
    complain(context, [...path, 'tokenUrl'], 'must be an address such as https://erp.example.com/oauth/token')
  return {
    tokenUrl: url?.href ?? given.tokenUrl,
    clientId: String(given.clientId),
    clientSecret: String(given.clientSecret),
    clientIn: given.clientIn ?? d.clientIn,
    bodyAs: given.bodyAs ?? d.bodyAs,
    idName: given.idName ?? d.idName,
    secretName: given.secretName ?? d.secretName,
    grantType: given.grantType ?? d.grantType,
    params: Object.fromEntries(Object.entries(given.params ?? {}).map(([name, value]) => [name, String(value)])),
    tokenPath: given.tokenPath ?? d.tokenPath,
    expiresPath: given.expiresPath ?? d.expiresPath,
    lifetime: (given.lifetime === undefined ? null : parseDuration(given.lifetime)) ?? d.lifetime,
    refreshBefore: (given.refreshBefore === undefined ? null : parseDuration(given.refreshBefore)) ?? d.refreshBefore,
    tokenCodes: words(given.tokenCodes),
    carry: given.carry
      ? { in: given.carry.in ?? 'header', name: given.carry.name, prefix: given.carry.prefix ?? '' }
      : { ...d.carry },
  }
}

const signatureOf = (
  context: Context,
  given: NonNullable<AuthFile['signature']>,
  headers: ReadonlySet<string>,
  path: Path,
): SignatureDef => {
  const d = authDefaults.signature
  const { timestamp, nonce } = given
  const has = (part: SignedPart) => given.sign.includes(part as never)
  if (given.algorithm === 'md5' && !has('secret'))
    complain(
      context,
      [...path, 'sign'],
      'MD5 signs nothing without its salt: name "secret" where it stands among the parts',
    )
  if (given.algorithm === 'hmac-sha256' && has('secret'))
    complain(context, [...path, 'sign'], 'the secret is the key of the HMAC and does not stand among the parts')
  for (const part of ['timestamp', 'nonce'] as const)
    if (has(part) && !given[part])
      complain(
        context,
        [...path, 'sign'],
        `"${part}" is signed, so the target must be told it: declare ${part}: {name}`,
      )
  for (const [i, part] of given.sign.entries()) {
    if (typeof part === 'object' && 'header' in part && !headers.has(part.header.toLowerCase()))
      complain(context, [...path, 'sign', i, 'header'], `header ${part.header} is not sent by this connection`)
  }
  return {
    algorithm: given.algorithm,
    secret: String(given.secret),
    sign: given.sign,
    join: given.join ?? d.join,
    encoding: given.encoding ?? d.encoding,
    put: { in: given.put.in ?? 'header', name: given.put.name, prefix: given.put.prefix ?? '' },
    ...(timestamp && {
      timestamp: { in: timestamp.in ?? 'header', name: timestamp.name, format: timestamp.format ?? d.timestampFormat },
    }),
    ...(nonce && { nonce: { in: nonce.in ?? 'header', name: nonce.name } }),
  }
}

/** Whatever stands twice in a request would be one of two at the target. */
const checkPlaces = (
  context: Context,
  places: readonly (readonly [Path, Carrier])[],
  headers: readonly string[],
): void => {
  const taken = new Set(headers.map((name) => `header ${name.toLowerCase()}`))
  for (const [path, { in: where, name }] of places) {
    if (where === 'header' && !/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name))
      complain(context, path, `"${name}" cannot be the name of a header`)
    if (where === 'header' && wireHeaders.has(name.toLowerCase()))
      complain(context, path, `Mortise sets the header ${name} itself`)
    const key = where === 'header' ? `header ${name.toLowerCase()}` : `query ${name}`
    if (taken.has(key)) complain(context, path, `${key} is set twice on this connection`)
    taken.add(key)
  }
}

export const readAuth = (
  context: Context,
  given: AuthFile,
  headers: readonly string[],
  path: Path,
): { auth: AuthDef; origins: Record<string, Origin> } => {
  const auth: AuthDef = {}
  const places: [Path, Carrier][] = []
  const { basic, apiKey, oauth2, signature } = given
  if (basic) {
    auth.basic = { user: String(basic.user), password: String(basic.password) }
    if (auth.basic.user.includes(':')) complain(context, [...path, 'basic', 'user'], 'a user’s name has no colon')
    places.push([[...path, 'basic'], { in: 'header', name: 'Authorization' }])
  }
  if (apiKey) {
    auth.apiKey = { in: apiKey.in ?? 'header', name: apiKey.name, value: String(apiKey.value) }
    places.push([[...path, 'apiKey', 'name'], auth.apiKey])
  }
  if (oauth2) {
    auth.oauth2 = oauth2Of(context, oauth2, [...path, 'oauth2'])
    places.push([oauth2.carry ? [...path, 'oauth2', 'carry', 'name'] : [...path, 'oauth2'], auth.oauth2.carry])
  }
  if (signature) {
    const at = [...path, 'signature']
    const { put, timestamp, nonce } = signature
    const own = [put, timestamp, nonce].flatMap((one) => (one && one.in !== 'query' ? [one.name] : []))
    const carried = places.flatMap(([, place]) => (place.in === 'header' ? [place.name] : []))
    const sent = new Set([...headers, ...carried, ...own.slice(1)].map((name) => name.toLowerCase()))
    for (const name of wireHeaders) sent.add(name)
    auth.signature = signatureOf(context, signature, sent, at)
    places.push([[...at, 'put', 'name'], auth.signature.put])
    if (auth.signature.timestamp) places.push([[...at, 'timestamp', 'name'], auth.signature.timestamp])
    if (auth.signature.nonce) places.push([[...at, 'nonce', 'name'], auth.signature.nonce])
  }
  if (!Object.keys(auth).length)
    complain(context, path, 'is empty: declare basic, apiKey, oauth2 or signature, or leave it out')
  checkPlaces(context, places, headers)
  const origins = Object.fromEntries(
    Object.keys(splitAuth(auth).secrets).map((name) => [
      name,
      originOf(context.read.written([...path, ...nameParts(name)])),
    ]),
  )
  return { auth, origins }
}

/** `oauth2.params.a.b` is the parameter `a.b`. */
const nameParts = (name: string): string[] => {
  const [kind = '', field = '', ...rest] = name.split('.')
  return rest.length ? [kind, field, rest.join('.')] : [kind, field]
}

/** The definition without its secrets, and the secrets by name (`oauth2.clientSecret`, `oauth2.params.code`). */
export const splitAuth = (auth: AuthDef): { open: AuthDef; secrets: Record<string, string> } => {
  const { basic, apiKey, oauth2, signature, callback } = auth
  const secrets: Record<string, string> = {}
  const open: AuthDef = {}
  if (basic) {
    secrets['basic.password'] = basic.password
    open.basic = { ...basic, password: '' }
  }
  if (apiKey) {
    secrets['apiKey.value'] = apiKey.value
    open.apiKey = { ...apiKey, value: '' }
  }
  if (oauth2) {
    secrets['oauth2.clientSecret'] = oauth2.clientSecret
    const params: Record<string, string> = {}
    for (const [name, value] of Object.entries(oauth2.params)) {
      params[name] = openParams.has(name) ? value : ''
      if (!openParams.has(name)) secrets[`oauth2.params.${name}`] = value
    }
    open.oauth2 = { ...oauth2, clientSecret: '', params }
  }
  if (signature) {
    secrets['signature.secret'] = signature.secret
    open.signature = { ...signature, secret: '' }
  }
  if (callback) {
    secrets['callback.key'] = callback.key
    secrets['callback.salt'] = callback.salt
    if (callback.formerSalt !== undefined) secrets['callback.formerSalt'] = callback.formerSalt
    open.callback = { key: '', salt: '', ...(callback.formerSalt !== undefined && { formerSalt: '' }) }
  }
  return { open, secrets }
}

/** Whether a parameter of a token request is kept among the secrets. */
export const isOpenParam = (name: string): boolean => openParams.has(name)

/** What `splitAuth` took apart. */
export const joinAuth = (open: AuthDef, secrets: Readonly<Record<string, string>>): AuthDef => {
  const { basic, apiKey, oauth2, signature, callback } = open
  const of = (name: string): string => secrets[name] ?? ''
  return {
    ...(basic && { basic: { ...basic, password: of('basic.password') } }),
    ...(apiKey && { apiKey: { ...apiKey, value: of('apiKey.value') } }),
    ...(oauth2 && {
      oauth2: {
        ...oauth2,
        clientSecret: of('oauth2.clientSecret'),
        params: Object.fromEntries(
          Object.entries(oauth2.params).map(([name, value]) => [
            name,
            openParams.has(name) ? value : of(`oauth2.params.${name}`),
          ]),
        ),
      },
    }),
    ...(signature && { signature: { ...signature, secret: of('signature.secret') } }),
    ...(callback && {
      callback: {
        key: of('callback.key'),
        salt: of('callback.salt'),
        ...(callback.formerSalt !== undefined && { formerSalt: of('callback.formerSalt') }),
      },
    }),
  }
}
