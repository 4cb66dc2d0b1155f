/** The sandbox tenant: its configuration from examples/sandbox.yaml, its secrets kept in the data folder, and what a visitor needs in sandbox.json. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Generated, writePrivate } from '../access/generated.ts'
import type { Config } from '../flows/config.ts'
import { digest } from '../../protocol/standard.ts'
import { requireConfig } from '../flows/file.ts'
import { admitIn } from '../stage/admit.ts'
import type { Sql } from '../store/sql.ts'

export const sandboxTenantId = 'sandbox'
const FILE = join(import.meta.dirname, '../../examples/sandbox.yaml')

/** The same over restarts; call `generated.keep()` before they are used. */
export interface SandboxSecrets {
  /** Push token. */
  token: string
  /** What the sandbox ERP and CRM ask of their callers. */
  erpToken: string
  crmToken: string
  /** Last part of the webhook's address: `/hooks/crm/{hookSecret}`. */
  hookSecret: string
  clientId: string
  clientSecret: string
  salt: string
  console: { user: string; password: string }
}

export const sandboxSecrets = (generated: Generated): SandboxSecrets => ({
  token: generated.get('sandbox/token/push'),
  erpToken: generated.get('sandbox/erp-token'),
  crmToken: generated.get('sandbox/crm-token'),
  hookSecret: generated.get('sandbox/hook/crm/crm'),
  clientId: 'sandbox-client',
  clientSecret: generated.get('sandbox/batch-client/sandbox-client/secret'),
  salt: generated.get('sandbox/batch-client/sandbox-client/salt'),
  console: { user: 'admin', password: generated.get('sandbox/console-password') },
})

/** `sandboxUrl`: where the sandbox process listens, without a slash at the end. */
export const sandboxConfig = async (generated: Generated, sandboxUrl: string): Promise<Config> => {
  const { erpToken, crmToken } = sandboxSecrets(generated)
  const text = await readFile(FILE, 'utf8')
  const env = { SANDBOX_URL: sandboxUrl.replace(/\/+$/, ''), SANDBOX_ERP_TOKEN: erpToken, SANDBOX_CRM_TOKEN: crmToken }
  return requireConfig({ text, file: 'examples/sandbox.yaml', env, generate: generated.get }).config
}

/** `data/sandbox.json` exactly as names.md says; only its owner can read it. `url` is Mortise's own, as it is now. */
export const writeSandboxJson = async (data: string, url: string, secrets: SandboxSecrets): Promise<string> => {
  const { token, erpToken, crmToken, clientId, clientSecret, salt, console } = secrets
  const file = join(data, 'sandbox.json')
  const content = { url, tenantId: sandboxTenantId, token, erpToken, crmToken, clientId, clientSecret, salt, console }
  await writePrivate(file, `${JSON.stringify(content, null, 2)}\n`)
  return file
}

/** The branch that the master-data document's example speaks of: without it, its position would be refused. */
export const seedMasterData = async (sql: Sql, traceId: string): Promise<void> => {
  const [known] = await sql`
    select 1 as one from document
    where tenant_id = ${sandboxTenantId} and connection_id = 'erp' and object = 'branch' and data_id = 'D001'`
  if (known) return
  const raw = Buffer.from('{"code":"D001","branch_name":"总公司","enabled_flag":"Y"}')
  await sql.retrying((tx) =>
    admitIn(tx, [
      {
        tenant_id: sandboxTenantId,
        connection_id: 'erp',
        object: 'branch',
        data_id: 'D001',
        operation: 'upsert',
        channel: 'batch',
        trace_id: traceId,
        raw,
        master: raw,
        details: null,
        detailsComplete: true,
        masterHash: digest(raw),
        detailsHash: null,
        source_time: null,
        external_id: null,
        version: null,
      },
    ]),
  )
}
