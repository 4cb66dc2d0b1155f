/** `mortise check` against a running installation: the sandbox's ERP conforms, one that loses its digits does not, and nothing is written without a word. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from '../../server/cli/program.ts'
import { freshWorld, type World } from '../walk/world.ts'

const terminal = async (world: World, ...args: string[]) => {
  let [out, err] = ['', '']
  const code = await run(args, {
    env: { MORTISE_DATA: world.data, MORTISE_DATABASE_URL: world.db.url, MORTISE_SANDBOX: 'on' },
    cwd: world.data,
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    width: 0,
    serve: async () => {},
  })
  return { code, out, err }
}

test('the sandbox’s systems are checked with what is declared of them, in the language that is asked for', async () => {
  await using world = await freshWorld()
  const unasked = await terminal(world, 'check', 'erp')
  assert.equal(unasked.code, 3)
  assert.match(unasked.err, /--yes does it/)
  assert.deepEqual(await world.erp.records('BD_Customer'), [])

  for (const [connection, object] of [
    ['erp', 'BD_Customer'],
    ['erp', 'SAL_SaleOrder'],
    ['crm', 'AccountObj'],
  ] as const) {
    const { code, out } = await terminal(world, 'check', connection, '--object', object, '--yes', '--json')
    const report = JSON.parse(out) as {
      conforms: boolean
      findings: { id: string; verdict: { kind: string; saw?: string } }[]
    }
    assert.deepEqual(
      report.findings.filter((one) => one.verdict.kind === 'fail').map((one) => [one.id, one.verdict.saw?.slice(0, 9)]),
      [['key', 'two recor']],
      `${connection} ${object}`,
    )
    assert.deepEqual([code, report.conforms], [0, true])
  }
  assert.ok((await world.erp.records('BD_Customer')).length > 10)

  await world.erp.faults([{ kind: 'noOrder', shuffle: true, seed: 5 }])
  const wrong = await terminal(world, 'check', 'erp', '--object', 'BD_Customer', '--yes', '--locale', 'ja_JP')
  assert.equal(wrong.code, 6)
  assert.match(wrong.out, /^# 適合性レポート/)
  assert.match(wrong.out, /\| batch\.pages \| .+ \| \*\*不合格\*\* \|/)
  assert.doesNotMatch(wrong.out, new RegExp(world.file().erpToken))
  assert.equal((await terminal(world, 'check', 'nowhere', '--yes')).code, 5)
  assert.equal((await terminal(world, 'check', 'erp', '--object', 'Nothing', '--yes')).code, 5)
})
