/** The control of the rig `queues`: a consumer that lets the broker count a message as done when it is delivered, and then carries it on. */
import { createServer } from 'node:http'
import { connect } from 'amqplib'
import { Pool } from 'undici'

const { url, queue, target, token, slow } = JSON.parse(process.env.AUTO_ACK ?? '{}') as {
  url: string
  queue: string
  target: string
  token: string
  slow: number
}
const pool = new Pool(target, { connections: 8 })
const model = await connect(url)
const channel = await model.createChannel()
const carry = async (body: Buffer): Promise<void> => {
  const { dataId } = JSON.parse(body.toString()) as { dataId: string }
  await new Promise((done) => setTimeout(done, slow))
  const master = { number: dataId, name: dataId, sourceId: dataId }
  const answer = await pool.request({
    method: 'POST',
    path: '/sandbox/erp/create',
    headers: { token, 'content-type': 'application/json' },
    body: JSON.stringify({ objAPIName: 'BD_Customer', masterFieldVal: master }),
  })
  await answer.body.dump()
}
await channel.consume(queue, (message) => message && void carry(message.content).catch(() => {}), { noAck: true })
createServer((_, answer) => answer.end()).listen(Number(process.env.MORTISE_PORT), '127.0.0.1')
