/** The pages of reading, comparing, batches, functions, alerts and conflicts in a real browser: one real deed on each, and every one of them clean in four languages. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { sandboxClient } from '../../sandbox/client.ts'
import { build } from '../../server/cli/console-build.ts'
import { type Running, start } from '../../server/main.ts'
import { type FreshDatabase, freshDatabase } from '../../server/store/fresh.ts'
import { openBrowser, watchedPage } from './browser.ts'
import { axeOf, goWithin, ofTheData, ownWords } from './clean.ts'
import { type Ear, functionName, type Lived, live, openEar, pushPost, type SandboxFile, until } from './lived.ts'

let browser: Browser | { reason: string }
let db: FreshDatabase
let running: Running
let data: string
let secrets: SandboxFile
let ear: Ear
let lived: Lived

before(async () => {
  browser = await openBrowser()
  if ('reason' in browser) return
  await build()
  db = await freshDatabase()
  data = await mkdtemp(join(tmpdir(), 'mortise-pages-'))
  const settings = { port: 0, host: '127.0.0.1', data, databaseUrl: db.url, sandbox: true, config: null }
  running = await start(settings, () => {})
  secrets = JSON.parse(await readFile(join(data, 'sandbox.json'), 'utf8')) as SandboxFile
  ear = await openEar()
  lived = await live(running.url, secrets, db.owner, ear)
})

after(async () => {
  if (!browser || 'reason' in browser) return
  await browser.close()
  await ear?.close()
  await running.stop()
  await rm(data, { recursive: true, force: true })
  await db[Symbol.asyncDispose]()
})

const signIn = async (page: Page, { user, password } = secrets.console): Promise<void> => {
  await page.goto(`${running.url}/sign-in`)
  await page.fill('#user', user)
  await page.fill('#password', password)
  await page.press('#password', 'Enter')
  await page.waitForSelector('#main h1')
}

const places = () => [
  'polls',
  'polls/erp/BD_Material',
  'history',
  'compare',
  `compare/${lived.comparison}`,
  'gone',
  `gone/${lived.sweep}`,
  'batches',
  `batches/${lived.batch}`,
  'out-batches',
  `out-batches/${lived.outgoing}`,
  'connections',
  'connections/erp',
  'unread?connection=erp',
  'flows/customer/leftToRight',
  'flows/customer/leftToRight?tab=versions',
  'functions',
  `functions/${functionName}`,
  `functions/${functionName}?tab=examples`,
  `functions/${functionName}?tab=failed`,
  `functions/${functionName}?tab=versions`,
  'alerts/open',
  'alerts/past',
  'alerts/settings',
  'conflicts',
  `conflicts/${lived.conflict}`,
  'find?id=board',
]
/** What looks another way on a phone is judged there as well; the walk of all pages is by the wide one. */
const judgedOnThePhone = /polls\/|compare\/|functions\/\w+$|conflicts\/|out-batches|connections\/|flows\//

test('each page in each language: no error in its console, nothing beyond its edge, no Chinese in English, nothing serious for axe', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  const phone = { width: 390, height: 800 }
  const wide = { width: 1_440, height: 900 }
  const looks = [
    { locale: 'en_US', theme: 'light', viewport: wide, axe: true },
    { locale: 'ja_JP', theme: 'dark', viewport: phone, axe: true },
    { locale: 'zh_CN', theme: 'dark', viewport: wide, axe: false },
    { locale: 'zh_TW', theme: 'light', viewport: phone, axe: false },
  ]
  const found: string[] = []
  for (const { locale, theme, viewport, axe } of looks) {
    const settings = { 'mortise.locale': locale, 'mortise.theme': theme }
    const watched = await watchedPage(browser, settings, { viewport, reducedMotion: 'reduce' })
    const { page } = watched
    await signIn(page)
    const titles = new Set<string>()
    for (const path of axe ? places() : places().filter((one) => !one.includes('tab='))) {
      await goWithin(page, `/t/sandbox/${path}`, 80)
      const where = `${locale} /${path}`
      titles.add((await page.textContent('#main h1')) ?? '')
      const over = await page.evaluate(
        'Math.max(document.documentElement.scrollWidth - innerWidth, document.getElementById("main").scrollWidth - document.getElementById("main").clientWidth)',
      )
      if ((over as number) > 0) found.push(`${where}: ${String(over)} px beyond the edge`)
      const text = await ownWords(page)
      if (locale === 'en_US') {
        const chinese = (text.replaceAll(ofTheData, '').match(/[\u3040-\u30ff\u4e00-\u9fff].{0,20}/g) ?? []).join(' | ')
        if (chinese) found.push(`${where}: ${chinese}`)
      }
      // a key that no catalogue knows would be shown as it is
      const key =
        /\b(?:poll|history|compare|gone|batch|queue|unread|fn|alert|conflict|work|stretch)\.[a-z]\w+(?:\.\w+)?\b/.exec(
          text,
        )
      if (key && !text.includes(`${key[0]}.example`)) found.push(`${where}: the bare key ${key[0]}`)
      if (axe && (viewport === wide || judgedOnThePhone.test(path)))
        found.push(...(await axeOf(page)).map((one) => `${where}: ${one}`))
    }
    assert.ok(titles.size >= 13, `the walk went from page to page: ${[...titles].join(', ')}`)
    found.push(...watched.errors)
    await watched.close()
  }
  assert.deepEqual(found, [])
})

test('a viewer sees these pages and is offered nothing that changes', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  const vera = { user: 'vera', password: 'password of vera' }
  await lived.api('POST', 'users', { ...vera, role: 'viewer' })
  const watched = await watchedPage(browser, { 'mortise.locale': 'en_US' }, { reducedMotion: 'reduce' })
  const { page } = watched
  await signIn(page, vera)
  const harmless = /^(Copy|\d+(Different|Only in the|Unclear).*|Refused rows \(CSV\)|Export CSV)$/
  for (const path of places().filter((one) => !/conflicts\/|tab=|find/.test(one))) {
    await goWithin(page, `/t/sandbox/${path}`, 80)
    const offered = await page.locator('#main button:enabled:visible, #main a.ant-btn:visible').allTextContents()
    assert.deepEqual(
      offered.map((one) => one.trim()).filter((one) => one !== '' && !harmless.test(one)),
      [],
      path,
    )
  }
  await goWithin(page, '/t/sandbox/polls/erp/BD_Material', 80)
  assert.equal(await page.locator('.ledger-gap:enabled').count(), 0, 'gaps are shown, and not to be pressed')
  assert.ok((await page.locator('button.ledger-gap').count()) > 0)
  assert.deepEqual(watched.errors, [])
  await watched.close()
})

test('a gap is pressed and read, history is fetched by ids, what differs is repaired, what is gone is marked', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  await using sandbox = sandboxClient(running.url, secrets)
  const watched = await watchedPage(browser, { 'mortise.locale': 'en_US', 'mortise.theme': 'light' })
  const { page } = watched
  await signIn(page)
  const to = (path: string) => page.goto(`${running.url}/t/sandbox/${path}`)
  const confirm = (name: string) => page.click(`.ant-modal-footer button:has-text("${name}")`)

  await to('polls/erp/BD_Material')
  await page.click('.ledger-gap')
  await confirm('Read this stretch')
  const { items } = await until('the stretch was read', async () => {
    const windows = await lived.api<{ items: { cause: string; state: string; askedBy: string }[] }>(
      'GET',
      'polls/erp/BD_Material/windows?limit=20',
    )
    return windows.items.some((one) => one.cause === 'again' && one.state === 'done') && windows
  })
  assert.equal(items.find((one) => one.cause === 'again')?.askedBy, 'Administrator')
  // by itself, without a reload
  await page.waitForSelector('.ledger-lane:has-text("Again") .ledger-bar.read')
  await page.click('button:has-text("Pause")')
  await page.waitForSelector('h1 .state-waiting:has-text("Paused")')
  await page.click('button:has-text("Resume")')
  await page.waitForSelector('text=Next five runs')

  await to('history')
  await page.click('button:has-text("New history task")')
  // Its list may be drawn anew under the pointer: what counts is that the choice stands.
  for (
    let tries = 0;
    (await page.locator('.ant-modal .ant-select:has-text("erp/BD_Material")').count()) === 0;
    tries++
  ) {
    assert.ok(tries < 5, 'the object cannot be chosen')
    await page.click('#history-place')
    await page.click('.ant-select-item-option:has-text("erp/BD_Material")')
    await page.waitForSelector('.ant-select-dropdown', { state: 'hidden', timeout: 3_000 }).catch(() => {})
  }
  await page.click('.ant-segmented-item:has-text("By ids")')
  await page.fill('#history-ids', `${lived.ids[0]}\n${lived.ids[1]}, ${lived.ids[1]}`)
  await page.waitForSelector('text=2 records are to be read')
  await confirm('Begin')
  await page.waitForSelector('.one:has-text("By ids") .state-succeeded')
  await page.waitForSelector('.one:has-text("By ids"):has-text("2 seen")')

  await to(`compare/${lived.comparison}`)
  await page.waitForSelector('.found:has-text("99.00"):has-text("12.50")')
  await page.click('button:has-text("Repair all of this kind")')
  await confirm('Repair 2 records')
  await until('the CRM holds what the ERP says', async () =>
    (await sandbox.crm.records('ProductObj')).every((one) => one.masterFieldVal.price !== '99.00'),
  )

  await to(`gone/${lived.sweep}`)
  await page.check('input[aria-label="Choose record M-GONE"]')
  await page.click('.selection button:has-text("Mark as gone")')
  await confirm('Mark as gone')
  await page.waitForSelector('.one:has-text("M-GONE"):has-text("marked by Administrator")')
  assert.deepEqual(watched.errors, [])
  await watched.close()
})

test('a callback goes out again, a function is mended under its examples, a channel is tested, a conflict is decided, and the box finds by name and bizId', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  await using sandbox = sandboxClient(running.url, secrets)
  const watched = await watchedPage(browser, { 'mortise.locale': 'en_US', 'mortise.theme': 'light' })
  const { page } = watched
  await signIn(page)
  const to = (path: string) => page.goto(`${running.url}/t/sandbox/${path}`)
  const told = (path: string) => ear.heard.filter((one) => one.path === path).length

  await to(`batches/${lived.batch}`)
  await page.waitForSelector('tr:has-text("Refused"):has-text("Branch code D999 does not exist")')
  const before = told('/told')
  await page.click('button:has-text("Send the callback again")')
  await until('it was told again', async () => told('/told') > before)
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('a:has-text("Refused rows (CSV)")')])
  assert.match(await readFile(await download.path(), 'utf8'), /P2.*D999|D999.*P2/s)

  await to(`functions/${functionName}`)
  const type = async (text: string) => {
    await page.click('.editor.code .cm-content')
    await page.keyboard.press('Control+a')
    // else the browser itself gives the new text the style of the old
    await page.keyboard.press('Delete')
    await page.keyboard.insertText(text)
  }
  await type('function receive(message) {\n  return [}\n}')
  await page.waitForSelector('.editor.code .cm-lint-marker-error')
  await page.click('button:has-text("Save and run examples")')
  await page.waitForSelector('[role=alert]')
  const versions = async () =>
    (await lived.api<{ items: unknown[] }>('GET', `versions?kind=function&name=${functionName}`)).items.length
  assert.equal(await versions(), 2, 'what fails is not saved')
  await type(
    `function receive(message) {
  const order = JSON.parse(message.body)
  console.log('looked at', (order.items ?? []).length)
  return (order.items ?? []).map((one) => ({ id: one.no, masterFieldVal: { number: one.no, name: one.name, price: one.price.plus(one.tax) } }))
}`,
  )
  await page.click('.bench button:has-text("Run")')
  await page.waitForSelector('.bench figure:has-text("looked at 1")')
  await page.click('button:has-text("Save and run examples")')
  await page.waitForSelector('text=Saved; 1 example holds')
  assert.equal(await versions(), 3)
  await page.click('.tabs >> text=Versions')
  await page.waitForSelector('.one:has-text("version 3") .lines .new:has-text("looked at")')
  await page.click('.tabs >> text=Failed pushes')
  await page.click('button:has-text("Decode this one again")')
  await page.waitForSelector('text=Nothing failed, nothing is held')

  await to('alerts/settings')
  const heard = told('/alerts')
  await page.click('.one:has-text("hook") button:has-text("Send a test")')
  await page.waitForSelector('text=hook took the test')
  assert.ok(told('/alerts') > heard)
  await page.fill('input[aria-label="Failed records: records"]', '7')
  await page.click('.selection button:has-text("Save")')
  await page.waitForSelector('.selection', { state: 'detached' })
  const saved = await lived.api<{ rules: { parked: object }; channels: { name: string }[]; quiet: unknown[] }>(
    'GET',
    'alerts/settings',
  )
  assert.deepEqual(saved.rules.parked, { records: 7, level: 'critical' })
  assert.deepEqual([saved.channels.length, saved.quiet.length], [1, 1], 'the rest stays')

  await to('conflicts')
  await page.click('.rows .one')
  await page.waitForSelector('tr:has-text("Acme Left Ltd"):has-text("Acme Right Ltd")')
  await page.click('.choose th:has-text("Left") button:has-text("Take all")')
  await page.click('button:has-text("Take it")')
  await page.waitForSelector('text=No conflicts')
  await until('the CRM follows', async () =>
    (await sandbox.crm.records('AccountObj')).some((one) => one.masterFieldVal.name === 'Acme Left Ltd'),
  )

  const find = async (text: string) => {
    await page.fill('#search', text)
    await page.press('#search', 'Enter')
  }
  await find('walnut')
  await page.waitForSelector(`h1:has-text("${lived.ids[2]}")`)
  await find('spring-2026')
  await page.waitForSelector('h1:has-text("spring-2026")')
  const { items } = await lived.api<{ items: { traceId: string; pair: string }[] }>(
    'GET',
    'calls?pair=material&limit=1',
  )
  await find(items[0]?.traceId as string)
  await page.waitForSelector('.joint')
  await find('nothing of the kind')
  await page.waitForSelector('text=Nothing is known by nothing of the kind')
  // the browser's own notes of what was refused on purpose (the broken code), and of the conflict that is over
  const expected = /functions\/orders: Failed to load resource.* 409 |conflicts(\/\d+)?: Failed to load resource.* 404 /
  assert.deepEqual(
    watched.errors.filter((one) => !expected.test(one)),
    [],
  )
  await watched.close()
})

test('the target is asked after a batch that nobody told of, a queue is heard again, a message is taken off, a function is made in its step, and a version comes back', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  const watched = await watchedPage(browser, { 'mortise.locale': 'en_US', 'mortise.theme': 'light' })
  const { page } = watched
  await signIn(page)
  const to = (path: string) => page.goto(`${running.url}/t/sandbox/${path}`)

  await fetch(`${running.url}/sandbox/masterdata/faults`, {
    method: 'PUT',
    body: JSON.stringify([{ kind: 'lost', rate: 1 }]),
  })
  await pushPost(running.url, secrets, 'H-9', 'Wheelwright')
  const open = await until('the batch waits for its callback', async () => {
    const { items } = await lived.api<{ items: { batch: number; canAsk: boolean }[] }>(
      'GET',
      'out-batches?state=accepted',
    )
    return items.find((one) => one.canAsk)?.batch
  })
  // else it is asked after by itself while a busy machine opens the page
  await db.owner`update out_batch set next_at = clock_timestamp() + interval '1 hour' where state = 'accepted'`
  await to('out-batches')
  await page.click(`.one[href$="/${open}"]:has-text("awaited")`)
  await page.waitForSelector('h1 .state-syncing:has-text("Result awaited")')
  await page.click('button:has-text("Ask for the result now")')
  // by itself, without a reload
  await page.waitForSelector('h1 .state-succeeded:has-text("Done")')
  await page.waitForSelector('.line li:has-text("Ended"):has-text("told when asked")')
  await page.click('tr:has-text("Succeeded") a')
  await page.waitForSelector('h1:has-text("H-9")')

  await to('connections/erp')
  await page.waitForSelector('article[aria-label="changes"]:has-text("Not connected"):has-text("ECONNREFUSED")')
  await page.click('article[aria-label="stream"]:has-text("Experimental") button:has-text("Resume listening")')
  await page.waitForSelector('article[aria-label="stream"] button:has-text("Pause listening")')
  await page.click('article[aria-label="stream"] button:has-text("Pause listening")')
  await page.waitForSelector('article[aria-label="stream"] .state-waiting:has-text("Paused")')
  await page.click('article[aria-label="changes"] a:has-text("See 1 message")')
  await page.click('.one:has-text("BD_Nobody") summary')
  await page.waitForSelector('.one figure:has-text("N-1")')
  await page.click('.one:has-text("BD_Nobody") button:has-text("Read again")')
  await page.waitForSelector('text=It still cannot be read')
  await page.click('.one:has-text("BD_Nobody") button:has-text("Remove")')
  await page.click('.ant-popover button:has-text("Remove")')
  await page.waitForSelector('text=Every message could be read')

  const functions = async () =>
    (await lived.api<{ functions?: unknown }>('GET', 'pairs/customer/flows/leftToRight')).functions
  await to('flows/customer/leftToRight')
  await page.click('button[aria-label="Change: Functions"]')
  await page.click('button[aria-label="On: Before mapping"]')
  await page.click('fieldset:has-text("Before mapping") button:has-text("New function")')
  await page.fill('.ant-modal input', 'withTax')
  await page.click('.ant-modal-footer button:has-text("Create")')
  await page.waitForSelector('fieldset:has-text("Before mapping") a:has-text("withTax")')
  await page.click('.step:has-text("Functions") button:has-text("Save")')
  await page.waitForSelector('.step:has-text("Functions") dd:has-text("version 1")')
  assert.deepEqual(await functions(), { beforeMapping: 'withTax' })
  await page.click('.tabs >> text=Versions')
  await page.waitForSelector('.one:has-text("as it is now"):has-text("withTax")')
  await page.locator('.one button:has-text("Bring back")').last().click()
  await page.click('.ant-modal-footer button:has-text("Bring it back")')
  await until('the flow is what it was', async () => (await functions()) === undefined)
  await page.waitForSelector('.one:has-text("as it is now"):has-text("version 3")')
  assert.deepEqual(watched.errors, [])
  await watched.close()
})
