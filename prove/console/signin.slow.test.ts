/** Signing in through the page of a real browser: a second factor from its QR code to its reset, a tenant that requires one, an issuer that really runs, and one's own sessions. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { codeAt, stepOf } from '../../server/access/totp.ts'
import { build } from '../../server/cli/console-build.ts'
import { type Running, start } from '../../server/main.ts'
import { type FreshDatabase, freshDatabase } from '../../server/store/fresh.ts'
import { clientId, clientSecret, type TestIssuer, testIssuer } from '../api/issuer.ts'
import { openBrowser, watchedPage } from './browser.ts'

let browser: Browser | { reason: string }
let db: FreshDatabase
let running: Running
let corp: TestIssuer
let data: string
let admin: { user: string; password: string }

before(async () => {
  browser = await openBrowser()
  if ('reason' in browser) return
  await build()
  db = await freshDatabase()
  data = await mkdtemp(join(tmpdir(), 'mortise-sign-in-'))
  process.env.MORTISE_ALLOW_LOOPBACK = 'on' // the issuer runs beside us
  running = await start(
    { port: 0, host: '127.0.0.1', data, databaseUrl: db.url, sandbox: false, config: null },
    () => {},
  )
  const secrets = JSON.parse(await readFile(join(data, 'generated-secrets.json'), 'utf8')) as Record<string, string>
  admin = { user: 'admin', password: secrets['sandbox/console-password'] ?? '' }
  corp = await testIssuer(running.url)
})

after(async () => {
  if (!browser || 'reason' in browser) return
  await browser.close()
  await corp.close()
  await running.stop()
  await rm(data, { recursive: true, force: true })
  await db[Symbol.asyncDispose]()
})

const english = { 'mortise.locale': 'en_US', 'mortise.theme': 'light' }

const signIn = async (page: Page, user: string, password: string): Promise<void> => {
  await page.goto(`${running.url}/sign-in`)
  await page.fill('#user', user)
  await page.fill('#password', password)
  await page.press('#password', 'Enter')
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

test('a second factor: required by the tenant, set up before the door, asked for at sign-in, reset by an administrator; sessions are seen and ended', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  const boss = await watchedPage(browser, english)
  await signIn(boss.page, admin.user, admin.password)
  await boss.page.waitForSelector('.nothing')
  assert.equal(await callFrom(boss.page, 'POST', '/tenants', { tenant: 'acme', name: 'Acme' }), 201)
  await boss.page.goto(`${running.url}/t/acme/settings/users`)
  await boss.page.click('button:has-text("New user")')
  await boss.page.fill('#user', 'tess')
  await boss.page.fill('#email', 'tess@corp.example')
  await boss.page.click('.ant-modal-footer button:has-text("Create")')
  const password = (await boss.page.textContent('.secret-once'))?.trim() ?? ''
  assert.equal(await callFrom(boss.page, 'PUT', '/tenants/acme/sign-in-rule', { secondFactor: 'required' }), 200)

  const tess = await watchedPage(browser, english)
  const { page } = tess
  await signIn(page, 'tess', password)
  await page.waitForSelector('h1:has-text("A second factor is required")')
  await page.goto(`${running.url}/t/acme/connections`)
  await page.waitForSelector('h1:has-text("A second factor is required")')
  await page.fill('#second_password', password)
  await page.click('button:has-text("Set up")')
  await page.waitForSelector('[role=img] svg')
  const secret = ((await page.textContent('.secret-text')) ?? '').replaceAll(' ', '')
  assert.match(secret, /^[A-Z2-7]{32}$/)
  await page.fill('#second_code', codeAt(secret, stepOf(Date.now()) - 1))
  await page.click('button:has-text("Turn on")')
  await page.waitForSelector('.codes li')
  const codes = (await page.locator('.codes code').allTextContents()).map((one) => one.trim())
  assert.equal(codes.length, 10)
  await page.click('button:has-text("I have kept them")')
  await page.waitForSelector('#main h1:has-text("Connections")') // where he wanted to go

  const other = await watchedPage(browser, english)
  await signIn(other.page, 'tess', password)
  await other.page.fill('#code', '12345')
  await other.page.click('button:has-text("Sign in")')
  await other.page.waitForSelector('text=The code is wrong')
  await other.page.fill('#code', codes[0] as string)
  await other.page.press('#code', 'Enter')
  await other.page.waitForSelector('#main h1')

  await page.goto(`${running.url}/t/acme/account`)
  await page.waitForSelector('text=9 recovery codes left')
  await page.waitForSelector('.one:has-text("this one"):has-text("Chrome")')
  await page.click('button:has-text("End all others")')
  await page.waitForSelector('button:has-text("End all others")', { state: 'detached' })
  await other.page.goto(`${running.url}/t/acme/account`)
  await other.page.waitForSelector('#password')

  // the rule holds for who made it, too: he may not even take it back
  assert.equal(await callFrom(boss.page, 'PUT', '/tenants/acme/sign-in-rule', { secondFactor: 'optional' }), 403)
  await db.owner`delete from sign_in_rule`
  await boss.page.goto(`${running.url}/t/acme/settings/users`)
  await boss.page.click('.one:has-text("tess"):has-text("second factor") button:has-text("Change")')
  await boss.page.click('button:has-text("Take second factor away")')
  await boss.page.click('.ant-modal-confirm button:has-text("Yes")')
  await boss.page.waitForSelector('.one:has-text("tess") .state-succeeded', { state: 'detached' })
  await boss.page.goto(`${running.url}/t/acme/settings/audit?kind=user&name=tess`)
  await boss.page.waitForSelector(
    '.one:has-text("changeUser") .diff:has-text("secondFactor"):has-text("on"):has-text("off")',
  )
  await signIn(page, 'tess', password)
  await page.waitForSelector('#main h1')
  assert.deepEqual(
    [...boss.errors, ...tess.errors, ...other.errors].filter((one) => !/status of (401|403|400)/.test(one)),
    [],
    'a refusal stands in the browser’s own log, and nothing else',
  )
  for (const one of [boss, tess, other]) await one.close()
})

test('an owner adds an issuer, people sign in there and are signed out there; what goes wrong is said on the page', async (t) => {
  if ('reason' in browser) return t.skip(browser.reason)
  const boss = await watchedPage(browser, english)
  await signIn(boss.page, admin.user, admin.password)
  await boss.page.waitForSelector('#main h1')
  await boss.page.goto(`${running.url}/t/acme/settings/installation`)
  await boss.page.click('button:has-text("New issuer")')
  const fields = { provider: 'corp', name: 'Corp', issuer: corp.issuer, clientId, clientSecret }
  for (const [field, value] of Object.entries(fields)) await boss.page.fill(`#${field}`, value)
  await boss.page.check('#allowHttp')
  await boss.page.click('.ant-modal-footer button:has-text("Save")')
  await boss.page.click('.one:has-text("Corp") button:has-text("Test")')
  await boss.page.waitForSelector('text=It answers and says what is needed')
  assert.deepEqual(boss.errors, [])
  await boss.close()

  corp.people.set('s-7', { email: 'tess@corp.example', email_verified: true })
  corp.people.set('s-8', { email: 'stranger@corp.example', email_verified: true })
  const atIssuer = async (page: Page, login: string) => {
    await page.route('https://**', (route) => route.abort()) // its page asks for a font from elsewhere
    await page.waitForSelector('input[name=login]')
    await page.fill('input[name=login]', login)
    await page.fill('input[name=password]', 'any')
    await page.click('button[type=submit]')
  }
  const tess = await watchedPage(browser, english)
  const { page } = tess
  await page.goto(`${running.url}/t/acme/account`)
  await page.click('button:has-text("Sign in with Corp")')
  await atIssuer(page, 's-7')
  await page.waitForSelector('#main h1:has-text("My account")') // where she wanted to go
  await page.waitForSelector('text=You sign in at an issuer', { state: 'detached' }) // she has a password as well
  await page.waitForSelector('.one:has-text("this one"):has-text("at an issuer")')
  assert.equal(new URL(page.url()).search, '', 'the code is gone from the address')
  assert.deepEqual(
    tess.errors.filter((one) => one.startsWith(running.url)), // the issuer's page asks for a picture of its own
    [],
  )
  await page.click('button[aria-label="My account"]')
  await page.click('.ant-dropdown-menu-item:has-text("Sign out")')
  await page.waitForSelector('#op\\.logoutForm', { state: 'attached' }) // the issuer's own page
  await tess.close()

  const stranger = await watchedPage(browser, { ...english, 'mortise.locale': 'zh_CN' })
  await stranger.page.goto(`${running.url}/sign-in`)
  await stranger.page.click('button:has-text("用 Corp 登录")')
  await atIssuer(stranger.page, 's-8')
  await stranger.page.waitForSelector('text=这里没有 stranger@corp.example 的账户')
  await stranger.page.click('text=回到登录页')
  await stranger.page.waitForSelector('#password')
  await stranger.close()
})
