/** Reads how a Fxiaoke connection calls its Open API, as the token machinery and the connector take it; and writes it down again. */
import { tokenCodes } from '../connect/fxiaoke/codes.ts'
import type { AuthDef, ConnectionDef, FxiaokeDef } from '../doc/flow.ts'
import type { Origin } from './config.ts'
import { type Context, complain, originOf } from './context.ts'
import type { Path } from './problem.ts'
import type { ConnectionFile } from './schema.ts'

type Given = NonNullable<ConnectionFile['fxiaoke']>

/** A token lives 7,200 s there; it is used for 6,600 of them, and the next one is asked for meanwhile. */
const lifetime = 7_200_000
const refreshBefore = 600_000

/** Names of the secrets in `auth`, and in the file. */
const places = { 'oauth2.clientSecret': 'appSecret', 'oauth2.params.permanentCode': 'permanentCode' } as const

export const readFxiaoke = (
  context: Context,
  given: Given,
  baseUrl: string,
  path: Path,
): { auth: AuthDef; said: FxiaokeDef; origins: Record<string, Origin> } => {
  for (const key of ['enterprise', 'user', 'appId'] as const)
    if (!/^[\x21-\x7e]+$/.test(String(given[key]))) complain(context, [...path, key], 'must be printable ASCII')
  return {
    auth: {
      oauth2: {
        tokenUrl: URL.canParse(baseUrl) ? new URL('oauth2.0/token', baseUrl).href : baseUrl,
        clientId: String(given.appId),
        clientSecret: String(given.appSecret),
        clientIn: 'body',
        bodyAs: 'json',
        idName: 'appId',
        secretName: 'appSecret',
        grantType: 'app_secret',
        grantName: 'grantType',
        freshQuery: 'thirdTraceId',
        params: { permanentCode: String(given.permanentCode) },
        tokenPath: 'accessToken',
        expiresPath: 'expiresIn',
        lifetime,
        refreshBefore,
        tokenCodes,
        carry: { in: 'header', name: 'Authorization', prefix: 'Bearer ' },
      },
    },
    said: {
      enterprise: String(given.enterprise),
      user: String(given.user),
      triggerWorkFlow: given.triggerWorkFlow ?? false,
      triggerApprovalFlow: given.triggerApprovalFlow ?? false,
    },
    origins: Object.fromEntries(
      Object.entries(places).map(([name, key]) => [name, originOf(context.read.written([...path, key]))]),
    ),
  }
}

/** As the file says it; `named` gives a secret's name in place of its value. */
export const fxiaokeTree = (
  def: ConnectionDef,
  named: (name: string) => string,
): Record<string, unknown> | undefined => {
  const { fxiaoke, auth } = def
  if (!fxiaoke) return undefined
  return {
    appId: auth?.oauth2?.clientId ?? '',
    appSecret: named('oauth2.clientSecret'),
    permanentCode: named('oauth2.params.permanentCode'),
    enterprise: fxiaoke.enterprise,
    user: fxiaoke.user,
    ...(fxiaoke.triggerWorkFlow && { triggerWorkFlow: true }),
    ...(fxiaoke.triggerApprovalFlow && { triggerApprovalFlow: true }),
  }
}
