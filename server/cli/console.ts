/** The console: serves its pages at `/` under a policy that lets nothing else in, and has them built once where they are missing or stale. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { builtOf } from './console-build.ts'

/** Addresses of pages: the console's own router takes over from there. */
const pages = ['/', '/sign-in', '/sign-in/back', '/account', '/t/*']

/** Scripts and styles of our own only; a nonce for the style sheets that the components make as they are shown. No frame, no form, no plug-in. */
const policyOf = (nonce: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

const waitingStyle =
  'body{font:16px/1.6 system-ui,sans-serif;display:grid;place-content:center;height:100vh;margin:0;text-align:center;color:#667;background:#f6f7f8}@media(prefers-color-scheme:dark){body{background:#15171a}}'

const waitingPage = (nonce: string, sentences: readonly string[], again: boolean): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${again ? '<meta http-equiv="refresh" content="2">' : ''}<title>Mortise</title><style nonce="${nonce}">${waitingStyle}</style></head><body><main><h1>Mortise</h1>${sentences.map((one) => `<p>${one}</p>`).join('')}</main></body></html>`

const beingBuilt = [
  'The console is being built; this page looks again by itself.',
  '控制台正在构建，页面会自动刷新。',
  '主控台正在建置，頁面會自動重新整理。',
  'コンソールを構築中です。このページは自動で更新されます。',
]
const notBuilt = [
  'The console is not built: npm run build',
  '控制台尚未构建：npm run build',
  '主控台尚未建置：npm run build',
  'コンソールが構築されていません：npm run build',
]

type State = { is: 'built'; folder: string; page: string } | { is: 'building' } | { is: 'missing' }

const opened = async (folder: string): Promise<State> => ({
  is: 'built',
  folder,
  page: await readFile(join(folder, 'index.html'), 'utf8'),
})

/** True: the tools that build it are installed (a container has the pages instead). */
const canBuild = (): boolean => existsSync(join(import.meta.dirname, '../../node_modules/vite/package.json'))

const buildApart = (): Promise<string> =>
  new Promise((done, failed) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'console-build.ts')], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_ENV: 'production' },
    })
    let said = ''
    let complaint = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-4_000)))
    child.on('error', failed)
    child.on('close', (code) =>
      code === 0 ? done(said.trim().split('\n').at(-1) ?? '') : failed(new Error(complaint)),
    )
  })

export interface ConsoleDeps {
  /** Build it where it is missing or stale; false: serve what there is. */
  build: boolean
  log: { error(fields: object, message: string): void }
}

/** Answers at once; while the pages are being built, a page says so. */
export const mountConsole = async (app: FastifyInstance, { build, log }: ConsoleDeps): Promise<void> => {
  const built = await builtOf()
  let state: State = built === null ? { is: 'missing' } : await opened(built)
  if (state.is === 'missing' && build && canBuild()) {
    state = { is: 'building' }
    void buildApart()
      .then(opened)
      .then((next) => (state = next))
      .catch((error: unknown) => {
        state = { is: 'missing' }
        log.error({ err: error }, 'the console could not be built')
      })
  }
  const show = (reply: FastifyReply): FastifyReply => {
    const nonce = randomBytes(16).toString('base64')
    reply
      .header('Content-Security-Policy', policyOf(nonce))
      .header('Cache-Control', 'no-store')
      .type('text/html; charset=utf-8')
    if (state.is === 'built') return reply.send(state.page.replaceAll('%NONCE%', nonce))
    const isComing = state.is === 'building'
    reply.code(503)
    if (isComing) reply.header('Retry-After', '2')
    return reply.send(waitingPage(nonce, isComing ? beingBuilt : notBuilt, isComing))
  }
  await app.register(async (scope) => {
    // names of assets carry the hash of what is in them
    const root = import.meta.dirname // each call names its own
    await scope.register(fastifyStatic, { root, serve: false, preCompressed: true, immutable: true, maxAge: '365d' })
    for (const page of pages) scope.get(page, (_request, reply) => show(reply))
    scope.get<{ Params: { name: string } }>('/assets/:name', (request, reply) => {
      const { name } = request.params
      if (state.is !== 'built' || !/^[\w.-]+$/.test(name)) return reply.callNotFound()
      return reply.sendFile(name, join(state.folder, 'assets'))
    })
  })
}
