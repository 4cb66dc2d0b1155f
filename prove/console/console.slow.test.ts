/** The console in a real browser, on a whole Mortise with its sandbox: a failure is found, mended for its group and replayed; roles and tenants hold on the pages; every page is clean. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { build } from '../../server/cli/console-build.ts'
import { type Running, start } from '../../server/main.ts'
import { type FreshDatabase, freshDatabase } from '../../server/store/fresh.ts'
import { openBrowser, type Watched, watchedPage } from './browser.ts'
import { axeOf, goWithin, ofTheData, ownWords } from './clean.ts'

interface Secrets {
  token: string
  console: { user: string; password: string }
}

let browser: Browser | { reason: string }
let db: FreshDatabase
let running: Running
let data: string
let secrets: Secrets

before(async () => {
  browser = await openBrowser()
  if ('reason' in browser) return
  await build()
  db = await freshDatabase()
  data = await mkdtemp(join(tmpdir(), 'mortise-console-'))
  const settings = { port: 0, host: '127.0.0.1', data, databaseUrl: db.url, sandbox: true, config: null }
  running = await start(settings, () => {})
  secrets = JSON.parse(await readFile(join(data, 'sandbox.json'), 'utf8')) as Secrets
})

after(async () => {
  if (!browser || 'reason' in browser) return
  await browser.close()
  await running.stop()
  await rm(data, { recursive: true, force: true })
  await db[Symbol.asyncDispose]()
})

const push = async (id: string, fields: Record<string, string>): Promise<void> => {
  const answer = await fetch(`${running.url}/erp/syncdata/open/objdata/syncpush`, {
    method: 'POST',
    headers: { token: secrets.token, tenantId: 'sandbox', objectApiName: 'BD_Customer', id },
    body: JSON.stringify({ objAPIName: 'BD_Customer', masterFieldVal: fields }),
  })
  assert.match(await answer.text(), /s106240000/, `${id} was not taken`)
}

const signIn = async (page: Page, user: string, password: string): Promise<void> => {
  await page.goto(`${running.url}/sign-in`)
  await page.fill('#user', user)
  await page.fill('#password', password)
  await page.press('#password', 'Enter')
}

const asAdmin = async (page: Page): Promise<void> => {
  await signIn(page, secrets.console.user, secrets.console.password)
  await page.waitForSelector('#main h1')
}

/** Called as the page calls: with its cookie, its token and its origin. */
const callFrom = (page: Page, method: string, path: string, body?: unknown): Promise<number> =>
  page.evaluate(
    async ([how, where, what]) => {
      const session = (await (await fetch('/api/v1/session')).json()) as { csrfToken: string }
      const headers = { 'x-csrf-token': session.csrfToken, 'content-type': 'application/json' }
      return (await fetch(`/api/v1${where}`, { method: how as string, headers, body: JSON.stringify(what) })).status
    },
    [method, path, body ?? {}] as const,
  )

const english = { 'mortise.locale': 'en_US', 'mortise.theme': 'light' }

test('a record fails, is found in data maintenance, its group is mended and replayed, and its journey tells all of it', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  const watched = await watchedPage(browser, english)
  const { page } = watched
  for (const [id, grade] of [
    ['W-1', 'X'],
    ['W-2', 'X'],
    ['W-3', 'Y'],
  ] as const)
    await push(id, { number: id, name: `Wood ${id}`, grade })
  await asAdmin(page)
  await page.click('nav >> text=Data maintenance')
  await page.waitForSelector('.group:has-text("is not mapped") .many:has-text("3")')

  await page.click('.group button:has-text("Fix and replay")')
  const [first, second] = [page.locator('#v0'), page.locator('#v1')]
  await first.fill('1')
  await second.fill('2')
  await second.press('Tab') // the list of options goes away
  await page.click('button:has-text("Fix and re-run 3 records")')
  await page.waitForSelector('text=Nothing is left in this group.')
  await page.click('.ant-modal-footer button:has-text("Close")')

  await page.fill('#search', 'W-1')
  await page.press('#search', 'Enter')
  await page.waitForSelector('h1:has-text("W-1") .state-succeeded')
  const story = await page.textContent('.line')
  assert.match(
    story ?? '',
    /Create → crm.*Succeeded.*The trouble ended.*Failed.*option X is not mapped.*Came in by push/s,
  )
  const sent = await page.textContent('.card:has-text("As it was mapped and sent last")')
  assert.match(sent ?? '', /"level": "1"/)
  assert.deepEqual(watched.errors, [])
  await watched.close()
})

test('a viewer is offered nothing that changes, an operator retries and does not edit mappings, and another tenant is not there', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  const admin = await watchedPage(browser, english)
  await asAdmin(admin.page)
  const made = async (path: string, body: object) =>
    assert.equal(await callFrom(admin.page, 'POST', path, body), 201, path)
  await made('/tenants', { tenant: 'other', name: 'Other' })
  for (const [user, tenant, role] of [
    ['vera', 'sandbox', 'viewer'],
    ['otto', 'sandbox', 'operator'],
    ['bert', 'other', 'owner'],
  ])
    await made(`/tenants/${tenant}/users`, { user, role, password: `password of ${user}` })
  await push('V-1', { number: 'V-1', name: 'View', grade: 'Z' })
  await admin.close()

  const buttons = async (page: Page): Promise<string[]> =>
    (await page.locator('#main button:visible').allTextContents()).map((one) => one.trim())
  const walk = async (user: string, look: (page: Page, watched: Watched) => Promise<void>) => {
    const watched = await watchedPage(browser as Browser, english)
    await signIn(watched.page, user, `password of ${user}`)
    await watched.page.waitForSelector('#main')
    await look(watched.page, watched)
    await watched.close()
  }
  const toRecord = async (page: Page) => {
    await page.goto(`${running.url}/t/sandbox/find?id=V-1`)
    await page.waitForSelector('h1:has-text("V-1")')
    await page.waitForSelector('.line li')
  }

  await walk('vera', async (page) => {
    await page.goto(`${running.url}/t/sandbox/maintain`)
    await page.waitForSelector('.group')
    assert.deepEqual(
      (await buttons(page)).filter((one) => /re-run|fix|ignore/i.test(one)),
      [],
    )
    await toRecord(page)
    assert.deepEqual(
      (await buttons(page)).filter((one) => /re-|edit|bind|ignore/i.test(one)),
      [],
    )
    await page.goto(`${running.url}/t/sandbox/flows/customer/leftToRight`)
    await page.waitForSelector('h2:has-text("Field mapping")')
    assert.deepEqual(await buttons(page), [])
    await page.goto(`${running.url}/t/sandbox/settings/callers`)
    await page.waitForSelector('.one:has-text("push")')
    assert.deepEqual(await buttons(page), [])
    assert.deepEqual(await page.locator('.tabs a').allTextContents(), [
      'Tokens and clients',
      'API keys',
      'Versions',
      'Tenant',
    ])
    assert.equal(await callFrom(page, 'PUT', '/tenants/sandbox/sign-in-rule', { secondFactor: 'optional' }), 403)
    assert.equal(await callFrom(page, 'PATCH', '/tenants/sandbox/users/otto', { secondFactor: 'off' }), 403)
    // whatever page she goes to: she sees, copies and downloads, and changes nothing
    const harmless =
      /^(Copy|Show|Export CSV|Export|Download|Open the page|Markdown|OpenAPI|Records|Show all|Load more|)$/
    for (const path of pages.filter((one) => !/^(account|find|settings)/.test(one))) {
      await goWithin(page, `/t/sandbox/${path}`, 80)
      const offered = await page.locator('#main button:enabled:visible, #main a.ant-btn:visible').allTextContents()
      assert.deepEqual(
        offered.map((one) => one.trim()).filter((one) => !harmless.test(one)),
        [],
        `a viewer at /${path}`,
      )
    }
    const link = new URL((await toRecord(page), page.url())).pathname.split('/').at(-1)
    assert.equal(await callFrom(page, 'POST', `/tenants/sandbox/records/${link}/retry`), 403)
    assert.equal(
      await callFrom(page, 'PATCH', '/tenants/sandbox/pairs/customer/flows/leftToRight', { state: 'paused' }),
      403,
    )
  })

  await walk('otto', async (page) => {
    await toRecord(page)
    const offered = await buttons(page)
    for (const deed of ['Re-fetch and sync', 'Re-run', 'Edit and re-run', 'Ignore'])
      assert.ok(offered.includes(deed), `${deed} of ${offered.join(', ')}`)
    await page.goto(`${running.url}/t/sandbox/flows/customer/leftToRight`)
    await page.waitForSelector('h2:has-text("Field mapping")')
    assert.deepEqual(await buttons(page), ['Pause', 'Disable'])
    for (const path of [
      'flows/customer/leftToRight/mapping',
      'objects/erp/BD_Customer',
      'connections/erp',
      'settings/callers',
    ]) {
      await goWithin(page, `/t/sandbox/${path}`)
      assert.deepEqual(
        (await buttons(page)).filter((one) => /^(save|edit|auto|learn|new|remove|add)/i.test(one)),
        [],
        `an operator at /${path}`,
      )
    }
    assert.equal(
      await callFrom(page, 'PUT', '/tenants/sandbox/pairs/customer/flows/leftToRight/mapping', { fields: {} }),
      403,
    )
  })

  await walk('bert', async (page) => {
    await page.goto(`${running.url}/t/sandbox/maintain`)
    await page.waitForSelector('[role=alert]')
    const seen = await page.textContent('#main')
    assert.doesNotMatch(seen ?? '', /V-1|W-1|not mapped/)
    assert.match(seen ?? '', /There is no tenant sandbox here/)
    for (const path of ['', 'mapping', 'calls', 'connections/erp', 'flows/customer/leftToRight', 'settings/audit']) {
      await page.goto(`${running.url}/t/sandbox/${path}`)
      await page.waitForSelector('#main [role=alert], #main .nothing')
      assert.doesNotMatch((await page.textContent('#main')) ?? '', /V-1|AccountObj|BD_Customer|admin/, `/${path}`)
    }
    // nor is anything of it found from his own
    await page.goto(`${running.url}/t/other/find?id=V-1`)
    await page.waitForSelector('text=Nothing is known by V-1')
    for (const path of ['records', 'pairs', 'connections', 'calls', 'audit', 'users', 'search?text=V-1', 'export'])
      assert.equal(
        await page.evaluate(async (where) => (await fetch(`/api/v1/tenants/sandbox/${where}`)).status, path),
        404,
        path,
      )
    assert.equal(await callFrom(page, 'POST', '/tenants/sandbox/retries/estimate', { keyword: 'V' }), 404)
  })
})

test('a failed record is edited and re-run, another is ignored with a reason, a third is bound by hand; what was done stands in the journey and in the trail', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  const watched = await watchedPage(browser, english)
  const { page } = watched
  await push('E-1', { number: 'E-1', name: 'Edit', grade: 'A', creditLimit: 'plenty' })
  await push('E-2', { number: 'E-2', name: 'Ignore', grade: 'A', creditLimit: 'plenty' })
  await push('E-3', { number: 'E-3', name: 'Bind', grade: 'A', creditLimit: 'plenty' })
  await asAdmin(page)
  const toRecord = async (id: string) => {
    await page.goto(`${running.url}/t/sandbox/find?id=${id}`)
    await page.waitForSelector(`h1:has-text("${id}") .state-failed`)
  }

  await toRecord('E-1')
  await page.click('button:has-text("Edit and re-run")')
  await page.click('.cm-content')
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText(
    '{"objAPIName":"BD_Customer","masterFieldVal":{"number":"E-1","name":"Edit","grade":"A","creditLimit":"12345678901234567890.12"}}',
  )
  await page.click('button:has-text("Save and run")')
  await page.waitForSelector('h1:has-text("E-1") .state-succeeded')
  await page.waitForSelector('.line >> text=Edited by admin')
  assert.match(
    (await page.textContent('.card:has-text("As it was mapped and sent last")')) ?? '',
    /12345678901234567890\.12/,
    'no digit was lost',
  )

  await toRecord('E-2')
  await page.click('button:has-text("Ignore")')
  await page.fill('#reason', 'known test data')
  await page.click('button:has-text("Ignore 1 record")')
  await page.waitForSelector('.line >> text=Ignored by admin: known test data')

  await toRecord('E-3')
  await page.click('button:has-text("Bind id")')
  await page.fill('#right', 'A-999999')
  await page.click('.ant-modal-footer button:has-text("Bind")')
  await page.waitForSelector('.joint >> text=A-999999')

  await page.goto(`${running.url}/t/sandbox/settings/audit`)
  for (const route of ['runBody', 'ignoreRecord', 'bindLink']) await page.waitForSelector(`.one:has-text("${route}")`)
  assert.deepEqual(watched.errors, [])
  await watched.close()
})

test('an administrator connects a system, declares an object from a sample, makes a token, a user and a key, pauses a flow, and brings a version back', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  const watched = await watchedPage(browser, english)
  const { page } = watched
  await asAdmin(page)
  const to = (path: string) => page.goto(`${running.url}/t/sandbox/${path}`)
  const confirm = (name: string) => page.click(`.ant-modal-footer button:has-text("${name}")`)

  await to('connections')
  await page.click('button:has-text("New connection")')
  await page.fill('#id', 'mdm')
  await page.fill('#baseUrl', 'https://mdm.example.com/api/')
  await page.fill('#header', 'token')
  await page.fill('#value', 'a-secret-nobody-reads')
  await confirm('Create')
  await page.waitForSelector('h1:has-text("mdm")')
  await page.fill('#limits_perSecond', '5')
  await page.click('button:has-text("Save")')
  await page.waitForSelector('text=limits.perSecond')
  assert.doesNotMatch(await page.content(), /a-secret-nobody-reads/, 'a secret does not come back')

  await to('objects')
  await page.click('button:has-text("New object")')
  await page.click('.ant-modal .ant-select')
  await page.click('.ant-select-item-option[title="mdm"]')
  await page.fill(
    '#sample',
    '{"objAPIName":"MD_Branch","masterFieldVal":{"id":"B1","name":"North","opened":"2026-01-31"},"detailFieldVals":{"desks":[{"no":1}]}}',
  )
  await page.waitForSelector('text=Found 3 fields and 1 details.')
  await page.fill('#code', 'MD_Branch')
  await confirm('Create')
  await page.waitForSelector('h1:has-text("MD_Branch")')
  await page.waitForSelector('tr:has-text("opened"):has-text("Date")')

  await to('settings/callers')
  await page.click('button:has-text("New token")')
  await page.fill('#id', 'second')
  await confirm('Create')
  const token = (await page.textContent('.secret-once'))?.trim() ?? ''
  assert.match(token, /^\S{20,}$/)
  await to('settings/users')
  await page.click('button:has-text("New user")')
  await page.fill('#user', 'nina')
  await confirm('Create')
  const password = (await page.textContent('.secret-once'))?.trim() ?? ''
  await to('settings/keys')
  await page.click('button:has-text("New API key")')
  await page.fill('#name', 'report')
  await confirm('Create')
  const key = (await page.textContent('.secret-once'))?.trim() ?? ''
  const asked = await fetch(`${running.url}/api/v1/tenants/sandbox/status`, {
    headers: { authorization: `Bearer ${key}` },
  })
  assert.equal(asked.status, 200)

  await to('flows/material/leftToRight')
  await page.click('button:has-text("Pause")')
  await page.waitForSelector('h1 .state-waiting')
  await to('settings/versions?kind=flow&name=material%20leftToRight')
  await page.click('.one:has-text("version 1") button:has-text("Bring back")')
  await page.waitForSelector('.ant-modal .diff:has-text("paused")')
  await confirm('Bring it back')
  await page.waitForSelector('.one:has-text("version 3")')
  await to('flows/material/leftToRight')
  await page.waitForSelector('h1 .state-succeeded')
  assert.deepEqual(watched.errors, [])
  await watched.close()

  const hers = await watchedPage(browser, english)
  await signIn(hers.page, 'nina', password)
  await hers.page.waitForSelector('#main h1')
  await hers.page.click('button[aria-label="My account"]')
  await hers.page.click('text=Looks and time zone')
  await hers.page.click('#own-theme')
  await hers.page.click('.ant-select-item-option:has-text("Dark")')
  await hers.page.waitForSelector('html[data-theme=dark]', { state: 'attached' })
  await hers.page.click('.ant-modal-footer button:has-text("Done")')
  await hers.page.click('button[aria-label="Language"]')
  const kept = hers.page.waitForResponse(
    (answer) => answer.url().endsWith('/session/preference') && answer.request().method() === 'PUT',
  )
  await hers.page.click('text=日本語')
  await hers.page.waitForSelector('h1:has-text("概要")')
  await kept // who closes the page before that has not chosen
  await hers.close()
  // the account remembers, not only the browser
  const elsewhere = await watchedPage(browser, english)
  await signIn(elsewhere.page, 'nina', password)
  await elsewhere.page.waitForSelector('h1:has-text("概要")')
  await elsewhere.page.waitForSelector('html[data-theme=dark]', { state: 'attached' })
  await elsewhere.page.click('button[aria-label="アカウント"]')
  await elsewhere.page.click('text=サインアウト')
  await elsewhere.page.waitForSelector('#password')
  await elsewhere.close()
})

const pages = [
  '',
  'maintain',
  'mapping',
  'calls',
  'tasks',
  'connections',
  'connections/erp',
  'objects',
  'objects/erp/BD_Customer',
  'flows',
  'flows/customer/leftToRight',
  'flows/customer/leftToRight/mapping',
  'settings/callers',
  'settings/users',
  'settings/keys',
  'settings/versions',
  'settings/audit',
  'settings/tenant',
  'settings/installation',
  'account',
  'find?id=W-2',
]

/** What is worth a walk with a phone: watching and repairing. */
const onThePhone = [
  '',
  'maintain',
  'find?id=W-2',
  'calls',
  'connections/erp',
  'flows/customer/leftToRight',
  'settings/callers',
]

test('every page: no error in its console, nothing beyond its edge, no Chinese in English, nothing serious for axe; light and dark, wide and as a phone', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  const looks = [
    { settings: english, options: {} },
    {
      settings: { 'mortise.locale': 'ja_JP', 'mortise.theme': 'dark' },
      options: { viewport: { width: 390, height: 800 } },
    },
  ]
  for (const { settings, options } of looks) {
    const watched = await watchedPage(browser, settings, options)
    const { page } = watched
    const found: string[] = []
    const seen = new Set<string>()
    await page.goto(`${running.url}/sign-in`)
    await page.waitForSelector('#password')
    found.push(...(await axeOf(page)).map((one) => `sign-in: ${one}`))
    await asAdmin(page)
    await page.waitForSelector(`html[data-theme=${settings['mortise.theme'] ?? 'light'}]`)
    for (const path of options === looks[0]?.options ? pages : onThePhone) {
      await goWithin(page, `/t/sandbox/${path}`)
      seen.add((await page.textContent('#main h1')) ?? '')
      const where = `${settings['mortise.locale']} /${path}`
      const over = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
      if ((over as number) > 0) found.push(`${where}: ${String(over)} px beyond the edge`)
      if (settings === english) {
        const chinese = (
          (await ownWords(page)).replaceAll(ofTheData, '').match(/[\u3040-\u30ff\u4e00-\u9fff].{0,20}/g) ?? []
        ).join(' | ')
        if (chinese) found.push(`${where}: ${chinese}`)
      }
      found.push(...(await axeOf(page)).map((one) => `${where}: ${one}`))
    }
    assert.deepEqual(found, [])
    assert.deepEqual(watched.errors, [])
    assert.ok(
      seen.size >= (options === looks[0]?.options ? 12 : 6),
      `the walk went from page to page: ${[...seen].join(', ')}`,
    )
    await watched.close()
  }
})

test('the page comes under a policy that lets in our own only; assets are kept for a year; the first load is small', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  const answer = await fetch(running.url)
  const policy = answer.headers.get('content-security-policy') ?? ''
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self' 'nonce-[\w+/=]{20,}'/)
  assert.doesNotMatch(policy, /unsafe|\*|https?:/)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  const again = await fetch(running.url)
  assert.notEqual(again.headers.get('content-security-policy'), policy, 'a nonce is used once')
  const page = await answer.text()
  const [asset] = /\/assets\/index-[\w-]+\.js/.exec(page) ?? []
  const script = await fetch(`${running.url}${asset}`, { headers: { 'accept-encoding': 'br' } })
  assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable')
  assert.equal(script.headers.get('content-encoding'), 'br')
  assert.equal((await fetch(`${running.url}/assets/..%2Findex.html`)).status, 404)
  assert.equal((await fetch(`${running.url}/t/sandbox/maintain`)).status, 200, 'an address of a page is a page')
  assert.equal((await fetch(`${running.url}/nowhere`)).status, 404)

  // what the overview of somebody who is signed in asks for until it is still, without the picture and the plots that come after it
  const watched = await watchedPage(browser, english)
  const got: [string, number][] = []
  watched.page.on('response', async (one) => {
    const path = new URL(one.url()).pathname
    if (!path.startsWith('/assets/')) return
    const packed = await fetch(`${running.url}${path}`, { headers: { 'accept-encoding': 'gzip' } })
    got.push([path, Number(packed.headers.get('content-length') ?? 0)])
  })
  await asAdmin(watched.page)
  await watched.page.waitForLoadState('networkidle')
  const late = /\/(road|plots)-/
  const bytes = got.filter(([path]) => !late.test(path)).reduce((sum, [, size]) => sum + size, 0)
  assert.ok(got.length > 5 && bytes > 100_000, 'the assets were counted')
  assert.ok(bytes <= 450_000, `${bytes} bytes packed: ${got.map(([path, size]) => `${path} ${size}`).join(', ')}`)
  await watched.close()
})
