/** What functions may look up: the other side's id of a record, and the newest known state of one; of their own tenant only. */
import { quote } from '../connect/standard/body.ts'
import { col, type Sql } from '../store/sql.ts'

interface Place {
  tenant_id: string
  connection_id: string
}

interface Asked {
  key: string
  kind: string
  name: string
  id: string
}

const asked = (keys: readonly string[]): Asked[] =>
  keys.map((key) => {
    const [kind = '', name = '', id = ''] = JSON.parse(key) as string[]
    return { key, kind, name, id }
  })

/** The id on the side that is not ours; where both sides are, the left is ours. */
const mapped = async (sql: Sql, place: Place, all: readonly Asked[]): Promise<[string, string | null][]> => {
  if (!all.length) return []
  const rows = await sql<{ ord: number; id: string | null }>`
    select i.ord::int4 as ord, coalesce(l.right_id, r.left_id) as id
    from unnest(${col.text(all.map((a) => a.name))}::text[], ${col.text(all.map((a) => a.id))}::text[]) with ordinality as i (pair_id, id, ord)
    cross join lateral (
      select p.pair_id, p.left_connection = ${place.connection_id} as is_left from pair p
      where p.tenant_id = ${place.tenant_id} and p.pair_id = i.pair_id
      limit 1) p
    left join lateral (
      select k.right_id from link k
      where p.is_left and k.tenant_id = ${place.tenant_id} and k.pair_id = p.pair_id and k.left_id = i.id
      limit 1) l on true
    left join lateral (
      select k.left_id from link k
      where not p.is_left and k.tenant_id = ${place.tenant_id} and k.pair_id = p.pair_id and k.right_id = i.id
      limit 1) r on true`
  return rows.map(({ ord, id }) => [(all[ord - 1] as Asked).key, id === null ? null : quote(id)])
}

/** `Order`, of the function's own connection, or `crm/Order`. */
const documents = async (sql: Sql, place: Place, all: readonly Asked[]): Promise<[string, string | null][]> => {
  if (!all.length) return []
  const of = all.map(({ name }) => {
    const slash = name.indexOf('/')
    return slash < 0 ? [place.connection_id, name] : [name.slice(0, slash), name.slice(slash + 1)]
  })
  const rows = await sql<{ ord: number; master: string; details: string | null; operation: string }>`
    select i.ord::int4 as ord, d.master, d.details, d.operation
    from unnest(
      ${col.text(of.map(([connection]) => connection as string))}::text[], ${col.text(of.map(([, object]) => object as string))}::text[],
      ${col.text(all.map((a) => a.id))}::text[]) with ordinality as i (connection_id, object, data_id, ord)
    cross join lateral (
      select d.master, d.details, d.operation from document d
      where d.tenant_id = ${place.tenant_id} and d.connection_id = i.connection_id and d.object = i.object and d.data_id = i.data_id
      limit 1) d`
  return rows.map(({ ord, master, details, operation }) => [
    (all[ord - 1] as Asked).key,
    `{"masterFieldVal":${master || '{}'},"detailFieldVals":${details ?? '{}'},"voided":${operation === 'void'}}`,
  ])
}

export const lookUp = async (
  sql: Sql,
  place: Place,
  keys: readonly string[],
): Promise<ReadonlyMap<string, string | null>> => {
  const all = asked(keys.slice(0, 2_000))
  return new Map([
    ...(await mapped(
      sql,
      place,
      all.filter((one) => one.kind === 'mapped'),
    )),
    ...(await documents(
      sql,
      place,
      all.filter((one) => one.kind === 'document'),
    )),
  ])
}
