/** A real issuer for tests (`oidc-provider` on a port of its own), and somebody who signs in there as a browser would: with cookies, forms and redirects. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'

export interface Subject {
  email?: string
  email_verified?: boolean
  name?: string
  preferred_username?: string
  groups?: string[]
}

export interface TestIssuer extends AsyncDisposable {
  issuer: string
  /** By login; what is changed here the next sign-in tells. */
  people: Map<string, Subject>
  /** What it answers in place of itself, by path. */
  instead: Map<string, { status: number; body: string; type?: string }>
  close(): Promise<void>
}

export const clientId = 'mortise-test'
export const clientSecret = 'a-secret-of-the-client-that-is-long'

/** `app`: where Mortise is served, which the client's addresses name. */
export const testIssuer = async (app: string): Promise<TestIssuer> => {
  let provider: Provider | null = null
  const instead: TestIssuer['instead'] = new Map()
  const server: Server = createServer((request, answer) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const other = instead.get(path)
    if (other) {
      answer.writeHead(other.status, { 'content-type': other.type ?? 'application/json' }).end(other.body)
      return
    }
    void provider?.callback()(request, answer)
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const people: TestIssuer['people'] = new Map()
  const { warn, info } = console
  console.warn = console.info = () => {} // it warns of its development settings, which are what is wanted here
  provider = new Provider(issuer, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [`${app}/sign-in/back`],
        post_logout_redirect_uris: [`${app}/sign-in`],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    cookies: { keys: ['test'] },
    ttl: { Interaction: 600, Grant: 600, Session: 600, AccessToken: 600, IdToken: 600 },
    pkce: { required: () => true },
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'preferred_username', 'groups'],
    },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, ...people.get(id) }),
    }),
    features: {
      rpInitiatedLogout: {
        logoutSource: (context, form) => {
          context.body = `<!doctype html><title>Sign out</title>${form}`
        },
      },
    },
    // consent was given once and for all
    loadExistingGrant: async (context) => {
      const grant = new context.oidc.provider.Grant({
        clientId: context.oidc.client?.clientId ?? '',
        accountId: context.oidc.session?.accountId ?? '',
      })
      grant.addOIDCScope('openid email profile')
      await grant.save()
      return grant
    },
  })
  Object.assign(console, { warn, info })
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done())
      server.closeAllConnections()
    })
  return { issuer, people, instead, close, [Symbol.asyncDispose]: close }
}

/** Somebody's browser at the issuer: signs in there, and answers the address he is sent back to. */
export const surfer = () => {
  const jar = new Map<string, string>()
  const go = async (url: string, form?: Record<string, string>): Promise<Response> => {
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: {
        cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(form && { method: 'POST', body: new URLSearchParams(form).toString() }),
    })
    for (const one of answer.headers.getSetCookie()) {
      const [pair = ''] = one.split(';')
      const at = pair.indexOf('=')
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)]
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(one)) jar.delete(name)
      else jar.set(name, value)
    }
    return answer
  }
  return {
    go,
    signIn: async (url: string, login: string, app: string): Promise<URL> => {
      let at = url
      let answer = await go(at)
      for (let hops = 0; hops < 12; hops++) {
        const to = answer.headers.get('location')
        if (to !== null) {
          at = new URL(to, at).href
          if (at.startsWith(app)) return new URL(at)
          answer = await go(at)
        } else answer = await go(at, { prompt: 'login', login, password: 'any' })
      }
      throw new Error(`the issuer did not send back: ${at}`)
    },
  }
}
