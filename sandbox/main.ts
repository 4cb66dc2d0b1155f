/** The sandbox as a process of its own: `node sandbox/main.ts --file <path> --erp-token … --crm-token …`; says where it is in one JSON line. */
import { parseArgs } from 'node:util'
import { SandboxRunning, startSandbox } from './sandbox.ts'

const { values } = parseArgs({
  options: {
    file: { type: 'string' },
    port: { type: 'string' },
    'erp-token': { type: 'string' },
    'crm-token': { type: 'string' },
    hook: { type: 'string' },
    tenant: { type: 'string' },
    'with-parent': { type: 'boolean' },
  },
})

const setting = (name: 'file' | 'port' | 'erp-token' | 'crm-token' | 'hook' | 'tenant'): string | undefined =>
  values[name] ?? process.env[`SANDBOX_${name.toUpperCase().replace('-', '_')}`] ?? undefined

const needed = (name: 'file' | 'erp-token' | 'crm-token'): string => {
  const value = setting(name)
  if (value) return value
  process.stderr.write(`sandbox: --${name} is missing (or SANDBOX_${name.toUpperCase().replace('-', '_')})\n`)
  process.exit(2)
}

const portOf = (text: string | undefined): number => {
  const port = Number(text ?? 0)
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port
  process.stderr.write(`sandbox: --port ${text} is no port\n`)
  process.exit(2)
}

try {
  const hook = setting('hook')
  const tenantId = setting('tenant')
  const sandbox = await startSandbox({
    file: needed('file'),
    port: portOf(setting('port')),
    erpToken: needed('erp-token'),
    crmToken: needed('crm-token'),
    ...(hook ? { hook } : {}),
    ...(tenantId ? { tenantId } : {}),
    log: (line) => process.stderr.write(`sandbox: ${line}\n`),
  })
  const stop = (): void => void sandbox.stop().then(() => process.exit(0))
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  // A test's child must not outlive a test that was killed: the pipe ends with the parent, however it dies.
  if (values['with-parent']) process.stdin.on('end', stop).on('error', stop).resume()
  process.stdout.write(`${JSON.stringify({ port: sandbox.port, pid: process.pid })}\n`)
} catch (error) {
  if (error instanceof SandboxRunning) {
    // Whoever starts a sandbox twice wants to talk to it, and finds it: the first one goes on.
    process.stdout.write(`${JSON.stringify({ port: error.port, pid: error.pid, running: true })}\n`)
    process.exit(0)
  }
  process.stderr.write(`sandbox: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
