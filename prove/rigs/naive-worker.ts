/** The control of the freeze rig: a worker with leases, as many job tables have them, but without tokens and without a send deadline. */
import { createServer } from 'node:http'
import pg from 'pg'
import { request } from 'undici'

const db = new pg.Pool({ connectionString: process.env.DATABASE ?? '', max: 2 })

const work = async (): Promise<void> => {
  for (;;) {
    const { rows } = await db.query<{ id: string }>(
      `update job set lease_until = clock_timestamp() + interval '1500 milliseconds'
       where id in (
         select id from job where not done and (lease_until is null or lease_until < clock_timestamp()) order by id limit 5 for update skip locked)
       returning id`,
    )
    for (const { id } of rows) {
      await new Promise((done) => setTimeout(done, 30)) // reads, maps
      await request(`${process.env.TARGET}/sandbox/crm/create`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', token: process.env.TOKEN ?? '' },
        body: JSON.stringify({ objAPIName: 'ProductObj', masterFieldVal: { sourceId: id, name: id } }),
      }).then((answer) => answer.body.dump())
      await db.query('update job set done = true where id = $1', [id])
    }
    if (!rows.length) await new Promise((done) => setTimeout(done, 100))
  }
}

createServer((_, res) => res.writeHead(200).end()).listen(Number(process.env.MORTISE_PORT), '127.0.0.1')
await work()
