/** What is declared by the start itself: the sandbox tenant with its two systems, and the administrator's file. */
import { readFile } from 'node:fs/promises'
import type { Generated } from '../access/generated.ts'
import type { SecretKey } from '../access/secrets.ts'
import { requireConfig } from '../flows/file.ts'
import { tellProblems } from '../flows/problem.ts'
import { setRecognise } from '../flows/recognise.ts'
import type { Sql } from '../store/sql.ts'
import { apply } from './configuration.ts'
import { noting } from './noted.ts'
import { type SandboxSecrets, sandboxConfig, sandboxTenantId, seedMasterData, writeSandboxJson } from './sandbox.ts'
import { type SandboxProcess, sandboxModes, startSandboxProcess } from './sandbox-process.ts'
import type { Settings } from './settings.ts'

export interface DeclaringWorld {
  sql: Sql
  key: SecretKey
  generated: Generated
  newId(): string
}

/** `ownUrl`: where Mortise will listen; the CRM tells its changes there. */
export const startSandbox = async (
  { sql, key, generated, newId }: DeclaringWorld,
  data: string,
  ownUrl: string,
  secrets: SandboxSecrets,
): Promise<SandboxProcess> => {
  const hook = `${ownUrl.replace('0.0.0.0', '127.0.0.1')}/hooks/crm/${secrets.hookSecret}`
  const sandbox = await startSandboxProcess(data, hook, secrets, 0)
  const config = await sandboxConfig(generated, sandbox.url)
  await generated.keep()
  await apply(sql, key, config, { who: 'start', note: noting('start') })
  for (const [connectionId, mode] of Object.entries(await sandboxModes(sandbox)))
    await setRecognise(sql, sandboxTenantId, connectionId, mode)
  await seedMasterData(sql, newId())
  return sandbox
}

/** `MORTISE_CONFIG`. Throws with file, line and field where it cannot be meant; warnings go to `out`. */
export const applyFile = async (
  { sql, key, generated }: DeclaringWorld,
  file: NonNullable<Settings['config']>,
  out: (text: string) => void,
): Promise<void> => {
  const text = await readFile(file, 'utf8')
  const { config, warnings } = requireConfig({ text, file, env: process.env, generate: generated.get })
  if (warnings.length) out(`${tellProblems(warnings)}\n`)
  await generated.keep()
  await apply(sql, key, config, { who: `MORTISE_CONFIG ${file}`, note: noting('start') })
}

/** Where we listen now: a sandbox that was running before us may still tell a former address. */
export const introduceSandbox = async (
  sandbox: SandboxProcess,
  data: string,
  listening: string,
  secrets: SandboxSecrets,
): Promise<void> => {
  await writeSandboxJson(data, listening, secrets)
  const put = (path: string, body: object): Promise<unknown> =>
    fetch(`${sandbox.url}/sandbox/${path}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }).catch(() => {})
  const { clientId, clientSecret, salt } = secrets
  await put('crm/events', { hook: `${listening}/hooks/crm/${secrets.hookSecret}` })
  await put('caller/settings', { url: listening, clientId, clientSecret, salt })
}
