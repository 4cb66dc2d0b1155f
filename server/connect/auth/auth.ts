/** How calls to a target prove who they are (product.md, Connect): basic, API key, OAuth2, signature, put onto a request right before it leaves. */
import type { Millis } from '../../doc/document.ts'
import type { Env } from '../../doc/env.ts'
import type { AuthDef } from '../../doc/flow.ts'
import type { Policy, Resolver } from '../../egress/guard.ts'
import { ownShelf, type Shelf } from './shelf.ts'
import { carry, type Request, sign } from './sign.ts'
import { openTokenSource } from './token.ts'

export type Proved =
  | { kind: 'ready'; request: Request; token: string | null }
  | { kind: 'none'; said: string; at: Millis }

export interface Auth {
  /** May wait for a token, for so long at most; the same request twice gets another timestamp and nonce. */
  prove(request: Request, within: Millis, signal?: AbortSignal): Promise<Proved>
  /** Business codes that say that the token is not valid. */
  tokenCodes: readonly string[]
  refused(token: string): boolean
  taken(token: string): void
  blockedUntil(): Millis | null
  /** Whatever must never be shown. */
  secrets(): readonly string[]
  close(): Promise<void>
}

export interface AuthDeps {
  auth: AuthDef
  result: { codePath: string; messagePath: string }
  zone: string
  env: Pick<Env, 'now' | 'monotonic' | 'random' | 'sleep' | 'id'>
  policy: Policy
  resolve?: Resolver
  timeout: Millis
  shelf?: Shelf
}

/** Nobody's secret: masked, they would blacken words of every answer. */
const openParams = new Set(['scope', 'audience', 'resource'])

const userPass = ({ user, password }: NonNullable<AuthDef['basic']>): string =>
  Buffer.from(`${user}:${password}`).toString('base64')

/** The declared secrets and what is made of them. Pure. */
export const secretsOf = ({ basic, apiKey, oauth2, signature, callback }: AuthDef): string[] => [
  ...(callback
    ? [callback.key, callback.salt, ...(callback.formerSalt === undefined ? [] : [callback.formerSalt])]
    : []),
  ...(basic ? [basic.password, userPass(basic)] : []),
  ...(apiKey ? [apiKey.value] : []),
  ...(oauth2
    ? [
        oauth2.clientSecret,
        ...Object.entries(oauth2.params).flatMap(([name, value]) => (openParams.has(name) ? [] : [value])),
        Buffer.from(`${encodeURIComponent(oauth2.clientId)}:${encodeURIComponent(oauth2.clientSecret)}`).toString(
          'base64',
        ),
      ]
    : []),
  ...(signature ? [signature.secret] : []),
]

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

export const openAuth = (deps: AuthDeps): Auth => {
  const { auth, env } = deps
  const { basic, apiKey, oauth2, signature } = auth
  const source = oauth2
    ? openTokenSource({
        def: oauth2,
        result: deps.result,
        env,
        policy: deps.policy,
        resolve: deps.resolve,
        timeout: Math.min(15_000, deps.timeout),
        shelf: deps.shelf ?? ownShelf(),
      })
    : null
  const declared = secretsOf(auth)
  return {
    async prove(request, within, signal) {
      let token: string | null = null
      let whole = request
      if (basic) whole = carry(whole, { in: 'header', name: 'Authorization' }, `Basic ${userPass(basic)}`)
      if (apiKey) whole = carry(whole, apiKey, apiKey.in === 'header' ? latin1(apiKey.value) : apiKey.value)
      if (source && oauth2) {
        const got = await source.get(within, signal)
        if (got.kind === 'none') return got
        token = got.token
        whole = carry(whole, oauth2.carry, oauth2.carry.prefix + token)
      }
      if (signature) whole = sign(signature, whole, { now: env.now(), nonce: env.id(), zone: deps.zone })
      return { kind: 'ready', request: whole, token }
    },
    tokenCodes: oauth2?.tokenCodes ?? [],
    refused: (token) => source?.refused(token) ?? false,
    taken: (token) => source?.taken(token),
    blockedUntil: () => source?.blockedUntil() ?? null,
    secrets: () => (source ? [...declared, ...source.secrets()] : declared),
    close: async () => source?.close(),
  }
}
