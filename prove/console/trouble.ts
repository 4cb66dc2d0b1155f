/** What goes wrong in a sandbox on an ordinary day: options that are not mapped, an order that waits for its product, amounts that are none, a paused flow, an alert that fires. */
import { sandboxClient } from '../../sandbox/client.ts'
import type { Sql } from '../../server/store/sql.ts'
import { type Lived, type SandboxFile, until } from './lived.ts'

interface Row {
  link: number
  state: string
}

const customers = [
  ['K-1001', 'Birch & Sons Joinery', 'X'],
  ['K-1002', 'Fjord Timber AS', 'X'],
  ['K-1003', 'Harbour Furniture Ltd', 'X'],
  ['K-1004', 'Linden Werkstätten GmbH', 'Y'],
  ['K-1005', '上海松木家具有限公司', 'Y'],
  ['K-1006', 'Maple Lane Interiors', 'A'],
  ['K-1007', '株式会社ひのき', 'B'],
  ['K-1008', 'Cedar & Co.', 'C'],
] as const

/** An hour and a week of traffic, as the keeper writes them minute by minute. */
const pastTraffic = async (sql: Sql): Promise<void> => {
  await sql`
    insert into pulse (tenant_id, pair_id, target_connection, minute, applied, refused, ms, backlog, oldest_ms)
    select 'sandbox', pair, target, date_trunc('minute', clock_timestamp()) - n * interval '1 minute',
      (6 + 5 * sin(n / 7.0) + 3 * sin(n / 2.3))::int, case when n % 17 = 4 then 2 else 0 end, 900,
      (4 + 4 * sin(n / 11.0))::int, (2000 + 1800 * sin(n / 11.0))::int
    from generate_series(2, 10000) as n
    cross join (values ('customer', 'crm'), ('material', 'crm'), ('order', 'erp')) as flows (pair, target)
    where n < 70 or n % 60 < 3
    on conflict do nothing`
}

export const trouble = async (url: string, secrets: SandboxFile, { api }: Lived, sql: Sql) => {
  await pastTraffic(sql)
  await using sandbox = sandboxClient(url, secrets)
  const push = async (object: string, id: string, masterFieldVal: Record<string, string>) => {
    const answer = await fetch(`${url}/erp/syncdata/open/objdata/syncpush`, {
      method: 'POST',
      headers: { token: secrets.token, tenantId: 'sandbox', objectApiName: encodeURIComponent(object), id },
      body: JSON.stringify({ objAPIName: object, masterFieldVal }),
    })
    if (!/s106240000/.test(await answer.text())) throw new Error(`${id} was not taken`)
  }
  const rows = async (query: string) => (await api<{ items: Row[] }>('GET', `records?${query}`)).items
  for (const [number, name, grade] of customers)
    await push('BD_Customer', number, { number, name, grade, creditLimit: '20000.00' })
  for (const number of ['K-2001', 'K-2002'])
    await push('BD_Customer', number, { number, name: `Walnut House ${number}`, grade: 'A', creditLimit: 'plenty' })

  // a product that only the CRM knows: the order of it waits
  const { id: product } = await sandbox.crm.create('ProductObj', {
    product_code: 'P-77',
    name: 'Teak board',
    unit: 'm',
  })
  const account = await until('an account is there', async () => (await sandbox.crm.records('AccountObj'))[0]?.id)
  for (const name of ['SO-2026-0117', 'SO-2026-0118'])
    await sandbox.crm.create(
      'SalesOrderObj',
      { name, account_id: account, order_date: '2026-03-02', amount: '1250.00', life_status: 'normal' },
      { SalesOrderProductObj: [{ product_id: product, quantity: '100', price: '12.50', subtotal: '1250.00' }] },
    )

  // what comes in while its flow is paused is kept
  await api('PATCH', 'pairs/guide/flows/leftToRight', { state: 'paused' })
  for (const id of ['G-1', 'G-2', 'G-3'])
    await push('ERP 侧对象的 APIName', id, { Key1: id, Key2: 'kept', Key3: 'until it is resumed' })

  const { rules, ...alerts } = await api<{ rules: object }>('GET', 'alerts/settings')
  await api('PUT', 'alerts/settings', { ...alerts, rules: { ...rules, parked: { records: 2, level: 'critical' } } })
  await until('an alert fires', async () => (await api<{ alerts: unknown[] }>('GET', 'alerts?state=firing')).alerts[0])

  const one = (query: string) => until(`there is one of ${query}`, async () => (await rows(query))[0]?.link)
  const call = await until('a call was refused or taken', async () => {
    const { items } = await api<{ items: { attempt: number; at: string }[] }>('GET', 'calls?pair=material&limit=1')
    return items[0]
  })
  await api('PUT', '../../session/preference', { guide: { hidden: true, seen: [] } })
  return {
    failed: await one('state=failed&keyword=K-1001'),
    waiting: await one('state=waiting'),
    succeeded: await one('state=succeeded&keyword=K-1006'),
    call: { attempt: call.attempt, at: call.at },
  }
}
