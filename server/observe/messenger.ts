/** Sends one message over one channel, behind the egress guard: SMTP by nodemailer, robots and webhooks by POST. Null = sent, else why not. */
import net, { isIP } from 'node:net'
import type { Locale } from '../../protocol/codes.ts'
import type { Env } from '../doc/env.ts'
import { checkUrl, guardedLookup, type Policy, refuseAddress } from '../egress/guard.ts'
import { createLimits } from '../egress/limits.ts'
import { createPool } from '../egress/pool.ts'
import type { Channel } from './alert-settings.ts'
import { dingtalk, feishu, messageOf, type Post, refusedBy, type Told, webhook, wecom } from './messages.ts'

export interface Messenger {
  /** `recipient` empty: the channel's own readers. `id` is the same with each try. */
  send(channel: Channel, locale: Locale, told: readonly Told[], recipient: string, id: string): Promise<string | null>
}

export interface MessengerDeps {
  env: Pick<Env, 'now' | 'monotonic' | 'random'>
  /** What an administrator has configured may be private; loopback only with the sandbox. */
  allowLoopback: boolean
  denied: { host: string; port: number }[]
}

const patience = 15_000

/** A socket to an address that was checked, so that a name cannot lead elsewhere between check and connect. */
const guardedSocket = (host: string, port: number, policy: Policy): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const refused = isIP(host) ? refuseAddress(host, port, policy) : null
    if (refused) return reject(new Error(refused))
    const socket = net.connect({ host, port, lookup: guardedLookup(port, policy), timeout: patience })
    socket.once('connect', () => {
      socket.setTimeout(0)
      resolve(socket)
    })
    socket.once('timeout', () => socket.destroy(new Error(`no connection within ${patience} ms`)))
    socket.once('error', reject)
  })

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 300)

export const openMessenger = (deps: MessengerDeps): Messenger => {
  const { env } = deps
  const policy: Policy = { kind: 'connection', allowLoopback: deps.allowLoopback, denied: deps.denied }

  const post = async (
    address: string,
    { query, headers, body }: Post,
    kind: Exclude<Channel['kind'], 'mail'>,
  ): Promise<string | null> => {
    const checked = checkUrl(address, policy)
    if ('refused' in checked) return `the address is not allowed: ${checked.refused}`
    const { url } = checked
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
    const pool = createPool({
      origin: url.origin,
      connections: 1,
      policy,
      limits: createLimits({ concurrency: 1 }, { random: () => env.random() }),
      env,
      maxAnswer: 64 * 1024,
    })
    try {
      const reply = await pool.call({
        method: 'POST',
        path: url.pathname + url.search,
        headers,
        body: Buffer.from(body),
        timeout: patience,
      })
      return reply.kind === 'answer' ? refusedBy(kind, reply.status, reply.body.toString()) : reply.said
    } finally {
      await pool.close()
    }
  }

  const mail = async (
    channel: Extract<Channel, { kind: 'mail' }>,
    message: ReturnType<typeof messageOf>,
    recipient: string,
    id: string,
  ): Promise<string | null> => {
    const tls = channel.tls ?? 'starttls'
    const port = channel.port ?? (tls === 'always' ? 465 : 587)
    const to = recipient ? [recipient] : (channel.to ?? [])
    if (!to.length) return 'the channel has no recipient'
    const { createTransport } = await import('nodemailer') // with the first mail, not with the program
    const transport = createTransport({
      host: channel.host,
      port,
      secure: tls === 'always',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'never',
      ...(channel.user && { auth: { user: channel.user, pass: channel.password ?? '' } }),
      connectionTimeout: patience,
      greetingTimeout: patience,
      socketTimeout: patience,
      disableFileAccess: true,
      disableUrlAccess: true,
      getSocket: (_options: unknown, done: (error: Error | null, socket?: { connection: net.Socket }) => void) =>
        void guardedSocket(channel.host, port, policy).then(
          (connection) => done(null, { connection }),
          (error: Error) => done(error),
        ),
    } as Parameters<typeof createTransport>[0])
    try {
      const text = [...message.lines, ...(message.link ? ['', message.link] : [])].join('\n')
      const sent = (await transport.sendMail({
        from: channel.from,
        to,
        subject: message.title,
        text,
        messageId: `<${id}@mortise>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
      })) as { rejected?: string[] }
      return sent.rejected?.length ? `refused for ${sent.rejected.join(', ')}` : null
    } finally {
      transport.close()
    }
  }

  return {
    async send(channel, locale, told, recipient, id) {
      const message = messageOf(told, locale)
      const now = env.now()
      try {
        switch (channel.kind) {
          case 'mail':
            return await mail(channel, message, recipient, id)
          case 'wecom':
            return await post(channel.url ?? '', wecom(message), 'wecom')
          case 'dingtalk':
            return await post(channel.url ?? '', dingtalk(message, channel.secret, now), 'dingtalk')
          case 'feishu':
            return await post(channel.url ?? '', feishu(message, channel.secret, now), 'feishu')
          case 'webhook':
            return await post(channel.url ?? '', webhook(told, message, channel.secret ?? '', id, now), 'webhook')
        }
      } catch (error) {
        return words(error)
      }
    },
  }
}
