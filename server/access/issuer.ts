/** Talks to an issuer (OpenID Connect, authorization code with PKCE) through the guard of all outgoing calls, and says in words what went wrong. */
import {
  allowInsecureRequests,
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  calculatePKCECodeChallenge,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  customFetch,
  type CustomFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'openid-client'
import { Agent, fetch as undiciFetch } from 'undici'
import { EgressRefused, guardedConnector, checkUrl, type Policy } from '../egress/guard.ts'
import { type Refused, refuse } from '../http/route.ts'
import type { Provider } from './providers.ts'

/** Who came back, as the issuer vouches for it. */
export interface Vouched {
  issuer: string
  subject: string
  /** Verified ones only. */
  email: string | null
  name: string | null
  username: string | null
  groups: string[]
  /** What the issuer wants to see when one signs out there. */
  idToken: string
}

/** What a browser carries (sealed) from the beginning of a sign-in to its end. */
export interface Begun {
  providerId: string
  state: string
  nonce: string
  verifier: string
  at: number
}

export interface Issuers {
  begin(provider: Provider, redirect: string, now: number): Promise<{ url: string; begun: Begun } | Refused>
  /** `query`: what the issuer sent back in the address. */
  finish(provider: Provider, begun: Begun, redirect: string, query: string): Promise<Vouched | Refused>
  /** Where one signs out at the issuer; null: it has no such place. */
  leave(provider: Provider, idToken: string | null, back: string): Promise<string | null>
  /** Whether it can be reached and says what is needed. */
  look(provider: Provider): Promise<Refused | null>
}

const seconds = 10
/** What an issuer says of itself is asked for again after so long. */
const stale = 3_600_000
/** Bytes of one answer: a document of metadata or keys is some kilobytes. */
const most = 1 << 20

class TooLong extends Error {
  override name = 'TooLong'
}

const guardedFetch = (policy: Policy): CustomFetch => {
  // no keep-alive: sign-ins are rare, and what a name resolves to is checked at every call
  const dispatcher = new Agent({
    connect: guardedConnector(policy, { timeout: 5_000 }),
    pipelining: 0,
    maxHeaderSize: 16 << 10,
  })
  return async (url, options) => {
    const checked = checkUrl(url, policy)
    if ('refused' in checked) throw new EgressRefused(`${url}: ${checked.refused}`)
    const answer = await undiciFetch(url, { ...(options as object), redirect: 'manual', dispatcher })
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of answer.body ?? []) {
      size += (chunk as Uint8Array).length
      if (size > most) throw new TooLong(`more than ${most} bytes`)
      chunks.push(chunk as Uint8Array)
    }
    const bare = [204, 205, 304].includes(answer.status)
    return new Response(bare ? null : Buffer.concat(chunks), {
      status: answer.status,
      headers: [...answer.headers].filter(([name]) => !/^content-(encoding|length)$/i.test(name)),
    })
  }
}

const unreachable: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it hung up',
  ENOTFOUND: 'there is no such name',
  EAI_AGAIN: 'the name cannot be looked up now',
  ETIMEDOUT: 'no answer came in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection came about in time',
  OAUTH_TIMEOUT: 'no answer came in time',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by nobody we trust',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by nobody we trust',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by nobody we trust',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}

const causes = function* (error: unknown): Generator<Error> {
  for (let one = error; one instanceof Error; one = one.cause) {
    yield one
    if (one instanceof AggregateError) yield* one.errors.filter((inner) => inner instanceof Error)
  }
}

const codeOf = (error: Error): string => String((error as { code?: unknown }).code ?? '')

/** Why it did not work, as an answer. Pure. */
export const refusalOf = (error: unknown, issuer: string): Refused => {
  if (error instanceof AuthorizationResponseError || error instanceof ResponseBodyError) {
    const said = error.error_description ? `${error.error}: ${error.error_description}` : error.error
    return refuse('issuer.refused', { issuer, said })
  }
  if (error instanceof WWWAuthenticateChallengeError) {
    const { error: said, error_description: more } = error.cause[0]?.parameters ?? {}
    return refuse('issuer.refused', { issuer, said: [said ?? `HTTP ${error.status}`, more].filter(Boolean).join(': ') })
  }
  const all = [...causes(error)]
  for (const one of all) {
    if (one instanceof EgressRefused)
      return refuse('issuer.unreachable', { issuer, said: `not allowed: ${one.message}` })
    const code = codeOf(one)
    if (unreachable[code]) return refuse('issuer.unreachable', { issuer, said: unreachable[code] })
    if (one.name === 'TimeoutError') return refuse('issuer.unreachable', { issuer, said: 'no answer came in time' })
  }
  if (all.some((one) => one.message === 'fetch failed') && !all.some((one) => one instanceof TooLong))
    return refuse('issuer.unreachable', { issuer, said: (all.at(-1) as Error).message })
  const [first, ...deeper] = all
  const status = all
    .map((one) => (one as { cause?: { status?: unknown } }).cause?.status)
    .find((one) => typeof one === 'number')
  const said = [first?.message ?? String(error), status && `HTTP ${status}`, ...deeper.map((one) => one.message)]
  return refuse('issuer.wrong', { issuer, said: [...new Set(said.filter(Boolean))].join('; ').slice(0, 300) })
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)
const texts = (value: unknown): string[] =>
  typeof value === 'string' ? [value] : Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []

export const openIssuers = (policy: () => Policy, clock: () => number = Date.now): Issuers => {
  const known = new Map<string, { at: number; found: Promise<Configuration> }>()

  const configured = async (provider: Provider): Promise<Configuration> => {
    const { issuer, clientId, clientSecret, allowHttp } = provider
    const name = JSON.stringify([issuer, clientId, clientSecret, allowHttp])
    const kept = known.get(name)
    if (kept && clock() - kept.at < stale) return kept.found
    const ask = (authentication: ReturnType<typeof None>) =>
      discovery(new URL(issuer), clientId, clientSecret ?? undefined, authentication, {
        timeout: seconds,
        [customFetch]: guardedFetch(policy()),
        // the signature too, though the token comes from the issuer itself: behind allowHttp anybody may stand between
        execute: [enableNonRepudiationChecks, ...(allowHttp ? [allowInsecureRequests] : [])],
      })
    const found = (async () => {
      if (clientSecret === null) return ask(None())
      const first = await ask(ClientSecretBasic(clientSecret))
      // basic is what every issuer takes unless it says otherwise (OpenID Connect Discovery 1.0, section 3)
      const methods = first.serverMetadata().token_endpoint_auth_methods_supported
      return !methods || methods.includes('client_secret_basic') ? first : ask(ClientSecretPost(clientSecret))
    })()
    known.set(name, { at: clock(), found })
    found.catch(() => known.delete(name))
    return found
  }

  const tried = async <T>(provider: Provider, work: (config: Configuration) => Promise<T>): Promise<T | Refused> => {
    try {
      return await work(await configured(provider))
    } catch (error) {
      return refusalOf(error, provider.issuer)
    }
  }

  return {
    begin: (provider, redirect, now) =>
      tried(provider, async (config) => {
        const begun: Begun = {
          providerId: provider.providerId,
          state: randomState(),
          nonce: randomNonce(),
          verifier: randomPKCECodeVerifier(),
          at: now,
        }
        const url = buildAuthorizationUrl(config, {
          redirect_uri: redirect,
          scope: [...new Set(['openid', ...provider.scopes])].join(' '),
          state: begun.state,
          nonce: begun.nonce,
          code_challenge: await calculatePKCECodeChallenge(begun.verifier),
          code_challenge_method: 'S256',
        })
        return { url: url.href, begun }
      }),
    finish: (provider, begun, redirect, query) =>
      tried(provider, async (config) => {
        const tokens = await authorizationCodeGrant(config, new URL(`${redirect}?${query}`), {
          pkceCodeVerifier: begun.verifier,
          expectedState: begun.state,
          expectedNonce: begun.nonce,
          idTokenExpected: true,
        })
        const claims = tokens.claims()
        if (!claims) throw new Error('no id token came')
        // many issuers keep the address and the groups for the user info
        const lacks = claims.email === undefined || (provider.groups.length > 0 && !(provider.groupsClaim in claims))
        const more =
          lacks && config.serverMetadata().userinfo_endpoint
            ? await fetchUserInfo(config, tokens.access_token, claims.sub)
            : {}
        const all: Record<string, unknown> = { ...more, ...claims }
        return {
          issuer: claims.iss,
          subject: claims.sub,
          email: all.email_verified === true ? text(all.email) : null,
          name: text(all.name),
          username: text(all.preferred_username),
          groups: texts(all[provider.groupsClaim]),
          idToken: tokens.id_token ?? '',
        }
      }),
    leave: async (provider, idToken, back) => {
      const url = await tried(provider, async (config) =>
        config.serverMetadata().end_session_endpoint === undefined
          ? null
          : buildEndSessionUrl(config, {
              post_logout_redirect_uri: back,
              ...(idToken !== null && { id_token_hint: idToken }),
            }).href,
      )
      return typeof url === 'string' ? url : null // without the issuer one is signed out here all the same
    },
    look: async (provider) => {
      const looked = await tried(provider, async (config) => {
        const { authorization_endpoint, token_endpoint, jwks_uri } = config.serverMetadata()
        const missing = Object.entries({ authorization_endpoint, token_endpoint, jwks_uri }).filter(([, one]) => !one)
        if (missing.length) throw new Error(`its metadata lacks ${missing.map(([name]) => name).join(', ')}`)
        return null
      })
      return looked
    },
  }
}
