/** A world with an ERP of the guide and a Fxiaoke CRM, both in the sandbox: a fresh database, one configuration file, Mortise in this process. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freshSandbox, tokens } from '../../sandbox/world.ts'
import { start } from '../../server/main.ts'
import { freshDatabase } from '../../server/store/fresh.ts'
import { until } from './world.ts'

export interface FxiaokeWorldOptions {
  /** More of the CRM's connection, as YAML lines of that level. */
  crm?: string
  /** Flows of the pair `customer` (left erp/BD_Customer, right crm/AccountObj) in place of the usual ones. */
  flows?: string
  conflict?: string
}

const usual = `
          leftToRight:
            actions: { void: invalid }
            writeBack: { sync_id: id, sync_state: status, sync_error: error, sync_at: time, crm_no: { field: account_no } }
            mapping: { fields: { account_no: number, name: name, level: { from: grade, options: { A: 1, B: 2, C: 3 }, unmapped: park } } }`

const fileOf = (
  url: string,
  hook: string,
  { crm = '', flows = usual, conflict = 'left' }: FxiaokeWorldOptions,
): string => `tenants:
  - id: acme
    connections:
      - id: erp
        role: erp
        baseUrl: ${url}/sandbox/erp/
        headers: { token: ${tokens.erpToken} }
        timeout: 2s
        longestProcessing: 500ms
        overlap: 1s
        objects:
          - code: BD_Customer
            modifiedField: modifyTime
            modifiedGrain: millisecond
            externalIdField: sourceId
            fields:
              id: text
              number: text
              name: text
              grade: { type: select, options: [A, B, C] }
              creditLimit: decimal
              modifyTime: { type: datetime, format: epochMillis }
              sourceId: text
              owner: text
              sync_id: text
              sync_state: text
              sync_error: text
              sync_at: { type: datetime, format: iso }
              crm_no: text
      - id: crm
        kind: fxiaoke
        role: crm
        baseUrl: ${url}/sandbox/crm/
        fxiaoke: { appId: FSAID_1, appSecret: ${tokens.crmToken}, permanentCode: code, enterprise: sandbox, user: 1000 }
        timeout: 2s
        longestProcessing: 500ms
        overlap: 1s${crm}
        objects:
          - code: AccountObj
            idField: _id
            modifiedField: last_modified_time
            modifiedGrain: millisecond
            externalIdField: sourceId
            voidedWhen: { field: life_status, value: invalid }
            fields:
              _id: text
              account_no: text
              name: text
              level: { type: select, options: ['1', '2', '3'] }
              credit_limit: decimal
              last_modified_time: { type: datetime, format: epochMillis }
              sourceId: text
              life_status: text
              sync_state: text
    pairs:
      - id: customer
        left: erp/BD_Customer
        right: crm/AccountObj
        conflict: ${conflict}
        flows:${flows}
    tokens:
      - { name: push, value: push-token-of-the-test }
    hooks:
      - { connection: crm, secret: ${hook} }
`

export const fxiaokeWorld = async (options: FxiaokeWorldOptions = {}) => {
  process.env.MORTISE_ALLOW_LOOPBACK = 'on'
  const db = await freshDatabase()
  const sandbox = await freshSandbox({ tenantId: 'acme' })
  const data = await mkdtemp(join(tmpdir(), 'mortise-fxiaoke-'))
  const config = join(data, 'mortise.yaml')
  const hook = 'hook-secret-of-the-test'
  await writeFile(config, fileOf(sandbox.url, hook, options))
  const running = await start(
    { port: 0, host: '127.0.0.1', data, databaseUrl: db.url, sandbox: false, config },
    () => {},
  )
  await sandbox.crm.events({ hook: `${running.url}/hooks/crm/${hook}` })
  return {
    db,
    sql: db.sql,
    url: running.url,
    data,
    erp: sandbox.erp,
    crm: sandbox.crm,
    /** The Open API face: what it let through and refused; and its settings. */
    face: async (settings?: Record<string, unknown>) => {
      const answer = await fetch(`${sandbox.url}/sandbox/crm/fxiaoke`, {
        ...(settings && { method: 'PUT', body: JSON.stringify(settings) }),
      })
      return (await answer.json()) as { taken: Record<string, number>; refused: Record<string, number> }
    },
    push: async (id: string, master: Record<string, unknown>): Promise<string> => {
      const answer = await fetch(`${running.url}/erp/syncdata/open/objdata/syncpush`, {
        method: 'POST',
        headers: { token: 'push-token-of-the-test', tenantId: 'acme', version: 'v1', id, objectApiName: 'BD_Customer' },
        body: JSON.stringify({ objAPIName: 'BD_Customer', masterFieldVal: master }),
      })
      return ((await answer.json()) as { errCode: string }).errCode
    },
    atRest: (limit?: number) =>
      until(
        'the engine is at rest',
        async () => {
          const [row] = await db.sql<{ busy: number }>`
            select (select count(*) from link where state in ('due', 'working', 'unknown'))::int4
                 + (select count(*) from "fetch" where state = 'due')::int4
                 + (select count(*) from write_back where told < wanted)::int4 as busy`
          return row?.busy === 0
        },
        limit,
      ),
    [Symbol.asyncDispose]: async () => {
      await running.stop()
      await sandbox[Symbol.asyncDispose]()
      await rm(data, { recursive: true, force: true })
      await db[Symbol.asyncDispose]()
    },
  }
}
