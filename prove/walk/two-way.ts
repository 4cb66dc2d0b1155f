/** Both sides change one record: nothing is overwritten, both values are shown, a person chooses at the API or the terminal; echoes are counted and move nothing. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../server/cli/program.ts'
import { fxiaokeWorld } from './fxiaoke.ts'
import { until } from './world.ts'

const flows = `
          leftToRight: { mapping: { fields: { account_no: number, name: name, credit_limit: creditLimit } } }
          rightToLeft: { mapping: { fields: { number: account_no, name: name, creditLimit: credit_limit } } }`

interface Shown {
  left: { id: string; version: number }
  right: { id: string; version: number }
  fields: { left: string; right: string; leftValue: string; rightValue: string; changed: string[] }[]
}

export const twoWayWalk = {
  name: 'a conflict is kept, shown with both values, and resolved by a person: by the API for one side, at the terminal for the other, and field by field',
  run: async (): Promise<void> => {
    await using world = await fxiaokeWorld({ flows, conflict: 'ask' })
    const generated = JSON.parse(await readFile(join(world.data, 'generated-secrets.json'), 'utf8')) as Record<
      string,
      string
    >
    const signedIn = await fetch(`${world.url}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'admin', password: generated['sandbox/console-password'] }),
    })
    assert.equal(signedIn.status, 200, await signedIn.clone().text())
    const cookie = signedIn.headers
      .getSetCookie()
      .map((one) => one.split(';')[0])
      .join('; ')
    const { csrfToken: csrf } = (await signedIn.json()) as { csrfToken: string }
    const api = async <T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> => {
      const answer = await fetch(`${world.url}/api/v1/tenants/acme/${path}`, {
        method,
        headers: { cookie, 'X-CSRF-Token': csrf, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: (await answer.json()) as T }
    }

    const made = await world.erp.create('BD_Customer', { name: 'Acme', number: 'N-1' })
    const id = made.id as string
    await world.push(id, { id, name: 'Acme', number: 'N-1' })
    const account = await until('the account is there', async () => (await world.crm.bySource('AccountObj', id))[0])
    await world.atRest()
    // The CRM told of our own create: it came back, and nothing followed.
    await until('the echo is counted', async () =>
      /mortise_echoes_total\{tenant="acme",flow="customer"\} [1-9]/.test(
        await (await fetch(`${world.url}/metrics`)).text(),
      ),
    )
    await world.atRest()
    assert.equal((await world.erp.ledger({ call: 'update' })).length, 0)

    const collide = async (left: string, right: string, number = 'N-1'): Promise<number> => {
      await world.crm.faults([{ kind: 'retryAfter', call: 'update', where: { name: left } }])
      await world.push(id, { id, name: left, number })
      await until('our update is held off', async () => (await world.crm.faultHits()).some((hit) => hit.hits > 0))
      await world.crm.update('AccountObj', account.id, { name: right })
      const list = await until('the conflict is shown', async () => {
        const { body } = await api<{ conflicts: { link: number }[] }>('GET', 'conflicts')
        return body.conflicts.length === 1 && body.conflicts
      })
      await world.crm.faults([])
      return list[0]?.link as number
    }

    const link = await collide('Left Ltd', 'Right Ltd')
    const { body: shown } = await api<Shown>('GET', `conflicts/${link}`)
    const name = shown.fields.find((field) => field.left === 'name')
    assert.deepEqual(
      [name?.right, name?.leftValue, name?.rightValue, name?.changed],
      ['name', 'Left Ltd', 'Right Ltd', ['left', 'right']],
    )
    const number = shown.fields.find((field) => field.left === 'number')
    assert.deepEqual([number?.leftValue, number?.rightValue, number?.changed], ['N-1', 'N-1', []])
    // Nothing was overwritten meanwhile.
    assert.equal((await world.crm.record('AccountObj', account.id))?.masterFieldVal.name, 'Right Ltd')
    assert.equal((await world.erp.ledger({ call: 'update' })).length, 0)
    const stale = await api('POST', `conflicts/${link}/resolve`, { take: 'right', expected: { left: 1, right: 1 } })
    assert.equal(stale.status, 409)
    const expected = { left: shown.left.version, right: shown.right.version }
    assert.equal((await api('POST', `conflicts/${link}/resolve`, { take: 'right', expected })).status, 200)
    await until(
      'the ERP follows',
      async () => (await world.erp.record('BD_Customer', id))?.masterFieldVal.name === 'Right Ltd',
    )
    await world.atRest()
    assert.equal((await world.erp.ledger({ call: 'update' })).length, 1)

    await collide('Left Inc', 'Right Inc')
    let said = ''
    const outside = {
      env: { MORTISE_DATABASE_URL: world.db.url, MORTISE_DATA: world.data, MORTISE_SANDBOX: 'off' },
      cwd: world.data,
      out: (text: string) => void (said += text),
      err: (text: string) => void (said += text),
      width: 200,
      serve: async () => {},
    }
    assert.equal(await run(['conflicts', String(link)], outside), 0)
    assert.match(said, /name\s+Left Inc\s+Right Inc\s+name\s+left, right/)
    assert.equal(await run(['conflicts', String(link), '--take', 'left'], outside), 0, said)
    await until(
      'the CRM follows',
      async () => (await world.crm.record('AccountObj', account.id))?.masterFieldVal.name === 'Left Inc',
    )
    await world.atRest()
    // Some of each: the number of the left, the name of the right; both systems hold both, and nothing goes on after that.
    await collide('Left Co', 'Right Co', 'N-2')
    const { body: mixed } = await api<Shown>('GET', `conflicts/${link}`)
    const taking = { take: 'left', expected: { left: mixed.left.version, right: mixed.right.version } }
    const nowhere = await api('POST', `conflicts/${link}/resolve`, { ...taking, but: [{ left: 'grade', right: 'x' }] })
    assert.equal(nowhere.status, 409)
    const before = [await world.erp.ledger({ call: 'update' }), await world.crm.ledger({ call: 'update' })]
    const chosen = await api('POST', `conflicts/${link}/resolve`, { ...taking, but: [{ left: 'name', right: 'name' }] })
    assert.equal(chosen.status, 200, JSON.stringify(chosen.body))
    await until('both hold some of each', async () => {
      const [here, there] = [
        await world.erp.record('BD_Customer', id),
        await world.crm.record('AccountObj', account.id),
      ].map((one) => one?.masterFieldVal)
      return (
        here?.name === 'Right Co' && here.number === 'N-2' && there?.name === 'Right Co' && there.account_no === 'N-2'
      )
    })
    await world.atRest()
    const after = [await world.erp.ledger({ call: 'update' }), await world.crm.ledger({ call: 'update' })]
    assert.ok(
      after.every((calls, i) => calls.length === (before[i]?.length ?? 0) + 1),
      'each system was written once',
    )
    const turns = await until('the counts are written down', async () => {
      const { body } = await api<{ pairs: { pair: string; conflicts: number; today: { echoes: number } }[] }>(
        'GET',
        'two-way',
      )
      const [pair] = body.pairs
      return pair && pair.today.echoes > 0 && pair
    })
    assert.deepEqual([turns.pair, turns.conflicts], ['customer', 0])
  },
}
