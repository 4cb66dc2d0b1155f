/** The configuration of a rig: the sandbox tenant of examples/sandbox.yaml with times that a test can wait for. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { ConnectionFile, PairFile, TenantFile } from '../../server/flows/schema.ts'
import type { Witness } from './ground.ts'

const example = readFileSync(join(import.meta.dirname, '../../examples/sandbox.yaml'), 'utf8')

/**
 * Shorter than in the example: a lost answer is resolved after 1 s (timeout) + 2 s + 1 s (longestProcessing) + 5 s, and a record is
 * believed absent 2 s (overlap) later. The witness keeps what is declared here, unless a rig says otherwise.
 */
export const times = { timeout: 1_000, longestProcessing: 1_000, overlap: 2_000, lateness: 5_000 }

/** R1 and R2 in milliseconds, as declared above: how long resolving one lost answer may take. */
export const settling = times.timeout + 2_000 + times.longestProcessing + 5_000 + times.overlap

const hookSecret = (tenantId: string, connection: string): string => `hook-secret-of-${tenantId}-${connection}`

export interface RigTenant {
  id: string
  pushToken: string
  file: TenantFile
}

export interface RigTenantOptions {
  id?: string
  witness: Witness
  erp?: Partial<ConnectionFile>
  crm?: Partial<ConnectionFile>
  /** Only these pairs; default all. */
  pairs?: string[]
  edit?: (tenant: TenantFile) => void
}

export const rigTenant = ({ id = 'sandbox', witness, erp, crm, pairs, edit }: RigTenantOptions): RigTenant => {
  const { tenants } = parse(example.replaceAll(/\$\{(\w+)\}/g, '$1')) as { tenants: TenantFile[] }
  const file = tenants[0] as TenantFile
  const pushToken = `push-token-of-${id}`
  file.id = id
  const connections = {
    erp: { token: witness.tokens.erpToken, own: erp },
    crm: { token: witness.tokens.crmToken, own: crm },
  }
  for (const connection of file.connections) {
    const { token, own } = connections[connection.id as 'erp' | 'crm']
    Object.assign(
      connection,
      { ...times, baseUrl: `${witness.url}/sandbox/${connection.id}/`, headers: { token } },
      own,
    )
  }
  file.tokens = [{ name: 'push', value: pushToken }]
  file.hooks = ['crm', 'erp'].map((connection) => ({ connection, secret: hookSecret(id, connection) }))
  file.batchClients = []
  if (pairs) file.pairs = file.pairs?.filter((pair) => pairs.includes(String(pair.id)))
  edit?.(file)
  return { id, pushToken, file }
}

export const pairOf = (tenant: TenantFile, id: string): PairFile => {
  const found = tenant.pairs?.find((pair) => pair.id === id)
  if (!found) throw new Error(`no pair ${id}`)
  return found
}

export const configOf = (...tenants: RigTenant[]): unknown => ({ tenants: tenants.map(({ file }) => file) })

/** Known before there is a configuration: a witness is told where to, and its address then goes into the configuration. */
export const hookUrl = (base: string, tenantId = 'sandbox', connection = 'crm'): string =>
  `${base}/hooks/${connection}/${hookSecret(tenantId, connection)}`
