/** Where a target's access token is kept for all nodes, closed with the installation's key: one node asks for a new one, the others find it here. */
import type { Millis } from '../../doc/document.ts'
import type { Sql } from '../../store/sql.ts'

export interface Kept {
  token: string
  /** Left to live, and lived in all, in milliseconds. */
  left: Millis
  lifetime: Millis
  /** What it was asked for with: another client's token is none of ours. */
  with: string
}

export interface Shelf {
  /** The newest token, where one is kept and can be read; `serial` grows with every one. */
  read(): Promise<{ serial: number; kept: Kept | null }>
  /** The right to ask for the one after `serial`, for 30 s. False: somebody else has it, or has got one. */
  claim(serial: number): Promise<boolean>
  keep(kept: Kept): Promise<void>
  release(): Promise<void>
}

/** For one process alone. */
export const ownShelf = (): Shelf => ({
  read: async () => ({ serial: 0, kept: null }),
  claim: async () => true,
  keep: async () => {},
  release: async () => {},
})

/** Closes and opens secrets of one place; null: not with our keys, or damaged (access/secrets.ts). */
export interface Seal {
  close(place: string, secret: string): Buffer
  open(place: string, envelope: Buffer): string | null
}

export const tokenPlace = (tenantId: string, connectionId: string): string => `token/${tenantId}/${connectionId}`

export const openShelf = (deps: {
  sql: Sql
  seal: Seal
  tenantId: string
  connectionId: string
  /** Names this node; fences a token that comes after the right to ask has gone to another. */
  who: string
}): Shelf => {
  const { sql, seal, tenantId, connectionId, who } = deps
  const place = tokenPlace(tenantId, connectionId)
  return {
    async read() {
      const [row] = await sql<{ serial: number; token: Buffer | null; left: number | null }>`
        select serial, token, extract(epoch from expires_at - clock_timestamp())::float8 * 1000 as left
        from target_token
        where tenant_id = ${tenantId} and connection_id = ${connectionId}`
      const text = row?.token ? seal.open(place, row.token) : null
      return {
        serial: row?.serial ?? 0,
        kept: text === null ? null : { ...(JSON.parse(text) as Omit<Kept, 'left'>), left: row?.left ?? 0 },
      }
    },
    async claim(serial) {
      const rows = await sql`
        insert into target_token as t (tenant_id, connection_id, asking, asking_until)
        values (${tenantId}, ${connectionId}, ${who}, clock_timestamp() + interval '30 seconds')
        on conflict (tenant_id, connection_id) do update set
          asking = excluded.asking,
          asking_until = excluded.asking_until
        where t.serial = ${serial} and t.asking_until <= clock_timestamp()
        returning 1`
      return rows.length > 0
    },
    async keep({ left, ...kept }) {
      await sql`
        update target_token set
          token = ${seal.close(place, JSON.stringify(kept))},
          expires_at = clock_timestamp() + ${left}::float8 * interval '1 millisecond',
          serial = serial + 1,
          asking = null,
          asking_until = '-infinity'
        where tenant_id = ${tenantId} and connection_id = ${connectionId} and asking = ${who}`
    },
    async release() {
      await sql`
        update target_token set
          asking = null,
          asking_until = '-infinity'
        where tenant_id = ${tenantId} and connection_id = ${connectionId} and asking = ${who}`
    },
  }
}

/** Tokens that another key closed are dropped: they are asked for again at the next call, which costs less than to carry them over. */
export const dropTokens = (sql: Sql, keyName: string): Promise<number> => sql.affected`
  update target_token set
    token = null,
    expires_at = null,
    serial = serial + 1
  where token is not null and encode(substring(token from 2 for 4), 'hex') <> ${keyName}`
