/** The guide's record as XML in GBK, through a function and through a reader without code, from the real door into the target; what fails is seen, mended and run again over the API. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { encodeText } from '../../protocol/charset.ts'
import { signedIn } from '../api/signed-in.ts'
import { freshWorld, until, type World } from './world.ts'

const guide = 'ERP 侧对象的 APIName'

const gbk = (text: string): Buffer => {
  const encoded = encodeText(text, 'gbk')
  assert.ok('bytes' in encoded)
  return encoded.bytes
}

const guideXml = (no: string) => `<?xml version="1.0" encoding="GBK"?>
<Records><Record no="${no}"><Key1>值 &amp; 1</Key1><Key2>007</Key2><Key3>1.10</Key3>
<Line1><Key4>榫卯</Key4><Key5>12345678901234567890.12</Key5></Line1><Line2><Key4>a</Key4></Line2><Line2><Key4>b</Key4></Line2></Record></Records>`

const code = `
function receive(message) {
  const { Records } = xml.parse(message.body)
  const list = (value) => value === undefined ? [] : Array.isArray(value) ? value : [value]
  return list(Records.Record).map((one) => {
    if (one['@no'] === 'BAD') throw new Error('no such number: ' + one['@no'])
    console.log(\`record \${one['@no']}\`)
    return {
      id: one['@no'],
      masterFieldVal: { Key1: one.Key1, Key2: one.Key2, Key3: one.Key3 },
      detailFieldVals: { '明细 apiName1': list(one.Line1), '明细 apiName2': list(one.Line2) },
    }
  })
}`

describe('non-standard pushes', () => {
  let world: World
  let signed: Awaited<ReturnType<typeof signedIn>>
  const api = async <T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<T & { status: number }> => {
    const answer = await signed(method, path, body)
    const text = await answer.text()
    return { ...((text ? JSON.parse(text) : {}) as T), status: answer.status }
  }
  const declare = async (object: string, receive: unknown): Promise<void> => {
    const path = `/connections/erp/objects/${encodeURIComponent(object)}`
    const { status: _status, ...now } = await api('GET', path)
    const put = await api('PUT', path, { ...now, receive })
    assert.equal(put.status, 200, JSON.stringify(put))
  }
  const push = (object: string, body: Buffer, more: Record<string, string> = {}) =>
    fetch(`${world.url()}/erp/syncdata/open/objdata/syncpush`, {
      method: 'POST',
      headers: {
        token: world.file().token,
        tenantId: 'sandbox',
        objectApiName: encodeURIComponent(object),
        'content-type': 'application/xml; charset=GBK',
        ...more,
      },
      body: new Uint8Array(body),
    }).then((answer) => answer.json() as Promise<{ errCode: string; errMsg: string; traceMsg: string }>)

  before(async () => {
    world = await freshWorld()
    signed = await signedIn(world)
  })
  after(() => world[Symbol.asyncDispose]())

  test('a function whose example fails, or whose code does not load, is not saved; a good one is, with a version', async () => {
    const example = { name: 'one', input: { body: guideXml('1') }, output: '[]' }
    const refused = await api<{ title: string }>('PUT', '/functions/guide', {
      kind: 'receive',
      code,
      examples: [example],
    })
    assert.equal(refused.status, 409, JSON.stringify(refused))
    assert.match(JSON.stringify(refused), /example one/)
    assert.notEqual(
      (await api('PUT', '/functions/guide', { kind: 'receive', code: 'function receive( {' })).status,
      200,
    )
    const good = {
      ...example,
      output:
        '[{"id":"1","masterFieldVal":{"Key1":"值 & 1","Key2":"007","Key3":"1.10"},"detailFieldVals":{"明细 apiName1":[{"Key4":"榫卯","Key5":"12345678901234567890.12"}],"明细 apiName2":[{"Key4":"a"},{"Key4":"b"}]}}]',
    }
    const put = await api('PUT', '/functions/guide', { kind: 'receive', code, examples: [good] })
    assert.equal(put.status, 200, JSON.stringify(put))
    const shown = await api<{ code: string }>('GET', '/functions/guide')
    assert.equal(shown.code, code, 'template literals of the code are no variables of the file')
    const { items } = await api<{ items: { kind: string; name: string }[] }>('GET', '/versions?kind=function')
    assert.deepEqual(
      items.map((one) => one.name),
      ['guide'],
    )
    assert.equal((await api<{ ok: boolean }>('POST', '/functions/test')).ok, true)
  })

  const lands = async (id: string): Promise<void> => {
    const record = await until(`${id} is in the CRM`, async () => (await world.crm.bySource('GuideObj', id))[0])
    assert.deepEqual(
      [record.masterFieldVal.key1, record.masterFieldVal.key2, record.masterFieldVal.key3],
      ['值 & 1', '007', '1.10'],
    )
    const rows = (detail: string) => record.detailFieldVals[detail] as { key4: string; key5?: string }[]
    assert.deepEqual(
      rows('GuideLine1Obj').map((row) => [row.key4, row.key5]),
      [['榫卯', '12345678901234567890.12']],
    )
    assert.deepEqual(
      rows('GuideLine2Obj').map((row) => row.key4),
      ['a', 'b'],
    )
  }

  test('XML in GBK through a function lands with exact text; directSync waits for it', async () => {
    await declare(guide, { charset: 'gbk', function: 'guide' })
    const answer = await push(guide, gbk(guideXml('F-007')), { directSync: 'true' })
    assert.equal(answer.errCode, 's106240000', JSON.stringify(answer))
    await lands('F-007')
  })

  test('what its function refuses is a group of 数据维护 with the raw body; mended, the group runs again and lands', async () => {
    const failed = await push(guide, gbk(guideXml('BAD')), { directSync: 'true' })
    assert.equal(failed.errCode, 's306240201', JSON.stringify(failed))
    assert.match(failed.errMsg, /no such number/)
    const { items: groups } = await api<{ items: { group: string; what: string; count: number; sentence: string }[] }>(
      'GET',
      '/groups',
    )
    const group = groups.find((one) => one.what === 'decode')
    assert.equal(group?.count, 1)
    const { items } = await api<{ items: { seq: number; why: string }[] }>('GET', `/decodes?group=${group?.group}`)
    const one = await api<{ body: { text: string } }>('GET', `/decodes/${items[0]?.seq}`)
    assert.match(one.body.text, /榫卯/)
    const story = await api<{ decodes: unknown[]; arrivals: unknown[] }>('GET', `/journey?id=${failed.traceMsg}`)
    assert.deepEqual([story.decodes.length, story.arrivals.length], [1, 1], JSON.stringify(story))
    const mended = code.replace("'BAD'", "'WORSE'")
    assert.equal((await api('PUT', '/functions/guide', { kind: 'receive', code: mended })).status, 200)
    const again = await api<{ count: number }>('POST', '/decodes/retry', { group: group?.group })
    assert.equal(again.count, 1, JSON.stringify(again))
    await lands('BAD')
  })

  test('the same through a reader that was proposed from a sample, without code', async () => {
    const proposed = await api<{ reader: Record<string, unknown>; documents: { id: string }[] }>(
      'POST',
      '/readers/propose',
      { sample: guideXml('S'), connection: 'erp', object: guide },
    )
    assert.equal(proposed.documents[0]?.id, 'S', JSON.stringify(proposed))
    const details = { '明细 apiName1': { rows: 'Line1' }, '明细 apiName2': { rows: 'Line2' } }
    await declare(guide, { charset: 'gbk', reader: { ...proposed.reader, details } })
    assert.equal((await push(guide, gbk(guideXml('R-007')))).errCode, 's106240000')
    await lands('R-007')
  })

  test('amounts as CSV through a reader land digit for digit', async () => {
    await declare('BD_Customer', {
      reader: { kind: 'csv', id: 'no', fields: { number: 'no', name: 'name', grade: 'grade', creditLimit: 'limit' } },
    })
    await push('BD_Customer', Buffer.from('no,name,grade,limit\n007,"Acme, Ltd",A,12345678901234567890.10\n'), {
      'content-type': 'text/csv',
    })
    const record = await until(
      'the account is in the CRM',
      async () => (await world.crm.bySource('AccountObj', '007'))[0],
    )
    assert.deepEqual([record.masterFieldVal.account_no, record.masterFieldVal.name], ['007', 'Acme, Ltd'])
    const [row] = await world.sql<{
      request: Buffer
    }>`select request from attempt where convert_from(request, 'UTF8') like '%Acme, Ltd%' limit 1`
    assert.match(row?.request.toString() ?? '', /12345678901234567890\.10/)
  })

  test('an object without either refuses at once, and XML with a DOCTYPE is a fault', async () => {
    assert.equal((await push('BD_Material', Buffer.from('<a/>'))).errCode, 's306240009')
    const answer = await push(guide, Buffer.from('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'), {
      directSync: 'true',
    })
    assert.deepEqual([answer.errCode, /DOCTYPE/.test(answer.errMsg)], ['s306240201', true], JSON.stringify(answer))
  })
})
