/** The sandbox beside Mortise: a process of its own that outlives our crashes, found again by its file, and shown under our own address. */
import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { SandboxSecrets } from './sandbox.ts'

export interface SandboxProcess {
  url: string
  pid: number
  /** True when it was running before us. */
  found: boolean
}

const program = join(import.meta.dirname, '../../sandbox/main.ts')

/** Starts it, or finds the one that holds the file. It is detached: what happens to us must not happen to the witness. */
export const startSandboxProcess = async (
  data: string,
  hook: string,
  secrets: SandboxSecrets,
  port: number,
): Promise<SandboxProcess> => {
  const folder = join(data, 'sandbox')
  await mkdir(folder, { recursive: true })
  const log = openSync(join(folder, 'sandbox.log'), 'a', 0o600)
  const child = spawn(
    process.execPath,
    [program, '--file', join(folder, 'journal.jsonl'), '--port', String(port), '--hook', hook],
    {
      detached: true,
      stdio: ['ignore', 'pipe', log],
      env: { ...process.env, SANDBOX_ERP_TOKEN: secrets.erpToken, SANDBOX_CRM_TOKEN: secrets.crmToken },
    },
  )
  const line = await new Promise<string>((done, failed) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part
      const end = text.indexOf('\n')
      if (end >= 0) done(text.slice(0, end))
    })
    child.once('error', failed)
    child.once('exit', (code) =>
      failed(new Error(`the sandbox ended with ${code}; see ${join(folder, 'sandbox.log')}`)),
    )
  })
  child.stdout?.destroy()
  child.unref()
  const said = JSON.parse(line) as { port: number; pid: number; running?: boolean }
  return { url: `http://127.0.0.1:${said.port}`, pid: said.pid, found: said.running === true }
}

export type RecogniseMode = 'byId' | 'byWindow' | 'externalIdUnique' | 'idempotencyHeader' | 'none'

/**
 * Everything under `/sandbox/` goes to that process unchanged. What a mode switch offers is also what our own connection expects from
 * then on: `switched` is told before the answer goes out.
 */
export const showSandbox = (
  app: FastifyInstance,
  sandbox: SandboxProcess,
  switched: (connectionId: string, mode: RecogniseMode) => Promise<void>,
): void => {
  const target = new URL(sandbox.url)
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_, payload, done) => done(null, payload))
    scope.all('/sandbox/*', (req, reply) => {
      reply.hijack()
      const mode = req.method === 'PUT' ? /^\/sandbox\/(erp|crm)\/mode$/.exec(req.url) : null
      const up = request(
        {
          host: target.hostname,
          port: target.port,
          method: req.method,
          path: req.url,
          headers: { ...req.raw.headers, host: target.host },
        },
        (answer) => {
          const pass = (): void => {
            reply.raw.writeHead(answer.statusCode ?? 502, answer.headers)
            answer.pipe(reply.raw)
          }
          if (!mode || answer.statusCode !== 200) return pass()
          const parts: Buffer[] = []
          answer.on('data', (part: Buffer) => parts.push(part))
          answer.on('end', () => {
            const body = Buffer.concat(parts)
            const { recognise } = JSON.parse(body.toString()) as { recognise: RecogniseMode }
            void switched(mode[1] as string, recognise)
              .catch(() => {})
              .then(() => {
                reply.raw.writeHead(200, answer.headers)
                reply.raw.end(body)
              })
          })
        },
      )
      up.on('error', () => {
        if (!reply.raw.headersSent) reply.raw.writeHead(502)
        reply.raw.end()
      })
      req.raw.pipe(up)
      reply.raw.on('close', () => up.destroy())
    })
  })
}

/** What the systems offer right now, as they were left. */
export const sandboxModes = async (sandbox: SandboxProcess): Promise<Record<'erp' | 'crm', RecogniseMode>> => {
  const mode = async (side: string): Promise<RecogniseMode> => {
    const answer = await fetch(`${sandbox.url}/sandbox/${side}/mode`)
    return ((await answer.json()) as { recognise: RecogniseMode }).recognise
  }
  return { erp: await mode('erp'), crm: await mode('crm') }
}
