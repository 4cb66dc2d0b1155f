/** An ERP of somebody else, behind the guide's four interfaces as its authors understood them, is polled, fetched and compared with nothing but configuration. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { freshDatabase } from '../../server/store/fresh.ts'
import { freePort, openGround, pause, until } from '../rigs/ground.ts'
import { textOf } from '../rigs/judge.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'examples/legacy-erp')

interface Customer {
  FCUSTID: number
  FNUMBER: string
  FNAME: string
  FCREDIT: string | null
}

/** The ERP in a process of its own, used as its users use it. */
const startErp = async () => {
  const child = spawn(process.execPath, [join(folder, 'server.cjs'), '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = await new Promise<string>((done) => {
    let said = ''
    child.stdout.on('data', (part: Buffer) => {
      const found = /listening on (\d+)/.exec((said += part.toString()))
      if (found?.[1]) done(found[1])
    })
  })
  const url = `http://127.0.0.1:${port}`
  const screen = async <T>(name: string, body: object = {}): Promise<T> => {
    const answer = await fetch(`${url}/ui/customer/${name}`, { method: 'POST', body: JSON.stringify(body) })
    const { status, payload } = (await answer.json()) as { status: { code: string; text: string }; payload: T }
    assert.equal(status.code, 'OK', status.text)
    return payload
  }
  return { url, screen, list: () => screen<Customer[]>('list'), [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

test('a foreign ERP with its own zone, pages, order and habits is polled with configuration alone, and nothing is lost', {
  timeout: 300_000,
}, async () => {
  await using db = await freshDatabase()
  await using ground = await openGround()
  using erp = await startErp()
  const port = await freePort()
  const secret = 'hook-of-the-crm-of-legacy'
  const witness = await ground.witness({ hook: `http://127.0.0.1:${port}/hooks/crm/${secret}`, tenant: 'legacy' })

  // ── what was there before anybody joined it to anything: seventy customers of one import, and pages hold forty ──
  const customer = (i: number) => ({ FNUMBER: `K${1000 + i}`, FNAME: `客户 ${i}`, FCREDIT: `${i}.50` })
  const old = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 10)
  await erp.screen('import', { date: `${old} 09:30:00`, rows: Array.from({ length: 70 }, (_, i) => customer(i)) })
  const env = {
    LEGACY_URL: erp.url,
    LEGACY_PASSWORD: 'secret',
    CRM_URL: witness.url,
    CRM_TOKEN: witness.tokens.crmToken,
    CRM_HOOK: secret,
  }
  const config: unknown = parse(readFileSync(join(folder, 'mortise.yaml'), 'utf8'))
  const mortise = await ground.mortise({ config, databaseUrl: db.url, port, env })
  await mortise.start()
  const terminal = (...args: string[]): Promise<{ code: number; out: string }> =>
    new Promise((done) => {
      const main = join(root, 'server/cli/main.ts')
      const own = { ...process.env, MORTISE_DATABASE_URL: db.url }
      execFile(process.execPath, [main, ...args], { env: own }, (error, out) =>
        done({ code: error ? Number(error.code) : 0, out }),
      )
    })
  const accounts = async () =>
    new Map((await witness.crm.records('AccountObj')).map((one) => [textOf(one.masterFieldVal.account_no), one]))
  const agree = async (): Promise<boolean> => {
    const [theirs, ours] = await Promise.all([erp.list(), accounts()])
    return (
      theirs.length === ours.size &&
      theirs.every((one) => {
        const fields = ours.get(one.FNUMBER)?.masterFieldVal
        return fields && textOf(fields.name) === one.FNAME && textOf(fields.credit_limit) === one.FCREDIT
      })
    )
  }
  const past = await terminal('backfill', 'jinfeng', 'BD_Customer', '--from', '4d', '--json')
  assert.equal(past.code, 0, past.out)
  assert.equal((JSON.parse(past.out) as { created: number }).created, 70)
  await until('the past has arrived', agree, 60_000, 100)

  // ── its users work while it is polled: late commits, edits of one record in a row, and an import that fills a second ──
  const [first, second] = await erp.list()
  assert.ok(first && second)
  const contacts = [
    { FNAME: 'Li', FPHONE: '007' },
    { FNAME: 'Wang', FPHONE: '008' },
  ]
  const saves = Array.from({ length: 20 }, async (_, i) => {
    await pause(i * 150)
    await erp.screen('save', { master: { FNUMBER: `N${i}`, FNAME: `new ${i}`, FCREDIT: '1.10' }, contacts })
    await erp.screen('save', { master: { FCUSTID: second.FCUSTID, FNAME: `renamed ${i}` } })
  })
  await erp.screen('import', { rows: Array.from({ length: 130 }, (_, i) => customer(100 + i)) })
  await Promise.all(saves)
  await erp.screen('save', { master: { FCUSTID: first.FCUSTID, FCREDIT: '12345678901234567890.12' } })
  await until('what they did has arrived', agree, 60_000, 100)
  const made = (await accounts()).get('N7')
  assert.deepEqual(made?.detailFieldVals.ContactObj?.map((row) => textOf(row.mobile)).sort(), ['007', '008'])

  // ── and the other two interfaces: what the CRM makes and changes goes there, once, and does not come back as another ──
  const { id } = await witness.crm.create('AccountObj', {
    account_no: 'CRM-1',
    name: 'made in the CRM',
    credit_limit: '5.00',
  })
  await until('the ERP has it', async () => (await erp.list()).some((one) => one.FNUMBER === 'CRM-1'), 60_000, 100)
  await witness.crm.update('AccountObj', id as string, { name: 'changed in the CRM' })
  await until(
    'and its change',
    async () => (await erp.list()).some((one) => one.FNAME === 'changed in the CRM'),
    60_000,
    100,
  )
  await pause(3_000)
  assert.ok(await agree(), 'nothing came back as another record')

  const compared = await terminal('reconcile', 'customer', '--json')
  assert.equal(compared.code, 0, compared.out)
  const { found, same } = JSON.parse(compared.out) as { found: Record<string, number>; same: number }
  assert.deepEqual(found, { onlySource: 0, onlyTarget: 0, different: 0, unclear: 0 }, compared.out)
  assert.ok(same >= 221, `${same} are the same`)
  const gaps = await terminal('poll', 'gaps', 'jinfeng', 'BD_Customer', '--json')
  assert.deepEqual((JSON.parse(gaps.out) as { gaps: unknown[] }).gaps, [])
  assert.equal(await mortise.stop(), 0)
})

test('its program knows nothing of Mortise', () => {
  const text = readFileSync(join(folder, 'server.cjs'), 'utf8')
  assert.deepEqual(
    [...text.matchAll(/require\("([^"]+)"\)/g)].map(([, name]) => name),
    ['node:http', 'node:sqlite'],
  )
})
