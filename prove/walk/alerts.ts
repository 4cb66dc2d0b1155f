/** The whole way of an alert: a record fails, the watchman of the running program sees it, a webhook is told once, the terminal shows it; and a telling that the source refuses is shown. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { run } from '../../server/cli/program.ts'
import { fxiaokeWorld } from './fxiaoke.ts'
import { until } from './world.ts'

export const alertsWalk = {
  name: 'an alert of the running program reaches its webhook once, and the terminal shows what fires and what could not be told',
  run: async (): Promise<void> => {
    await using world = await fxiaokeWorld()
    const posts: string[] = []
    const listener = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        posts.push(Buffer.concat(chunks).toString())
        response.writeHead(204).end()
      })
    })
    await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done))
    listener.unref() // a walk that fails does not keep the process
    let said = ''
    const mortise = async (...args: string[]): Promise<string> => {
      said = ''
      const code = await run(args, {
        env: {
          MORTISE_DATABASE_URL: world.db.url,
          MORTISE_DATA: world.data,
          MORTISE_ALLOW_LOOPBACK: 'on',
          HOOK: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`,
        },
        cwd: world.data,
        out: (text) => void (said += text),
        err: (text) => void (said += text),
        width: 300,
        serve: async () => {},
      })
      assert.equal(code, 0, said)
      return said
    }
    const file = join(world.data, 'alerts.yaml')
    await writeFile(
      file,
      "locale: en_US\nchannels: [{ name: hook, kind: webhook, url: '${HOOK}', secret: shh }]\nrules: { parked: { records: 0 }, sync: { on: false } }\n",
    )
    await mortise('alerts', 'set', file)
    assert.doesNotMatch(await mortise('alerts', 'show'), /shh|127\.0\.0\.1/)
    assert.match(await mortise('alerts', 'test', 'hook'), /Sent/)
    assert.equal(posts.length, 1)

    await world.erp.faults([{ kind: 'refuse', call: 'update', code: '400105', message: 'this field is locked' }])
    const made = await world.erp.create('BD_Customer', { name: 'Odd', grade: 'A' })
    const id = made.id as string
    await world.push(id, { id, name: 'Odd', grade: 'Z' })
    await until('the webhook is told', async () => posts.length === 2, 60_000)
    assert.match(posts[1] ?? '', /"rule":"parked","about":"customer"/)
    assert.match(
      await mortise('alerts'),
      /warning\s+firing\s.*hook sent.*1 record\(s\) of flow customer wait for a person/,
    )
    assert.match(await mortise('show', id), /could not be told: The target refused: 400105 this field is locked/)
    assert.equal(posts.length, 2)
    listener.closeAllConnections()
    await new Promise((done) => listener.close(done))
  },
}
