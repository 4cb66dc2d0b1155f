/**
 * Pictures of every page of the console in four languages, light and dark, wide and as a phone: `npm run screenshots -- [folder]`, of some with
 * `--only=<pattern of names>` and `--looks=<pattern>`, and those of the READMEs with `--readme docs/console`. It starts a Mortise of its own
 * with its sandbox and lets something of everything happen.
 */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Browser, Page, Request } from 'playwright-core'
import { openBrowser, watchedPage } from '../prove/console/browser.ts'
import { goWithin } from '../prove/console/clean.ts'
import { functionName, live, openEar, type SandboxFile } from '../prove/console/lived.ts'
import { type Happened, type Place, placesOf, routes, unseen } from '../prove/console/places.ts'
import { trouble } from '../prove/console/trouble.ts'
import { build } from '../server/cli/console-build.ts'
import { start } from '../server/main.ts'
import { freshDatabase } from '../server/store/fresh.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    looks: { type: 'string', default: '' },
    readme: { type: 'boolean', default: false },
  },
})
const folder = resolve(positionals[0] ?? 'screenshots')
const [wanted, wantedLooks] = [new RegExp(values.only), new RegExp(values.looks)]

interface Look {
  name: string
  locale: string
  theme: 'light' | 'dark'
  width: number
  height: number
  /** How names of pictures of the READMEs end. These are no higher than a window. */
  readme?: '.png' | '.zh.png'
}

const looks: Look[] = ['zh_CN', 'zh_TW', 'en_US', 'ja_JP'].flatMap((locale) =>
  (['light', 'dark'] as const).flatMap((theme) => [
    { name: `${locale}-${theme}`, locale, theme, width: 1_440, height: 900 },
    { name: `${locale}-${theme}-phone`, locale, theme, width: 390, height: 844 },
  ]),
)

const ofReadmes: Look[] = [
  { name: 'README', locale: 'en_US', theme: 'light', width: 1_200, height: 680, readme: '.png' },
  { name: 'README.zh-CN', locale: 'zh_CN', theme: 'light', width: 1_200, height: 680, readme: '.zh.png' },
]

/** Counts what is asked for and not answered; a stream of events stays open and does not count. */
const underWay = (page: Page): (() => number) => {
  const open = new Set<Request>()
  page.on('request', (one) => {
    if (one.resourceType() !== 'eventsource') open.add(one)
  })
  for (const event of ['requestfinished', 'requestfailed'] as const)
    page.on(event as 'requestfinished', (one) => open.delete(one))
  return () => open.size
}

const settled = async (page: Page, busy: () => number): Promise<void> => {
  for (let quiet = 0, tries = 0; quiet < 4 && tries < 100; tries++) {
    await page.waitForTimeout(60)
    quiet = busy() === 0 && (await page.locator('.ant-skeleton').count()) === 0 ? quiet + 1 : 0
  }
}

/** The page scrolls within its frame: the window is made as high as what it holds. */
const picture = async (page: Page, { name, width, height, readme }: Look, place: Place): Promise<void> => {
  if (readme)
    return void (await page.screenshot({ path: join(folder, `${place.readme}${readme}`), animations: 'disabled' }))
  const held = (await page.evaluate(
    '(() => { const main = document.getElementById("main"); return main ? main.scrollHeight + main.offsetTop : document.documentElement.scrollHeight })()',
  )) as number
  if (held > height) {
    await page.setViewportSize({ width, height: Math.min(held, 6_000) })
    await page.waitForTimeout(150)
  }
  await page.screenshot({ path: join(folder, name, `${place.name}.png`), fullPage: true, animations: 'disabled' })
  if (held > height) await page.setViewportSize({ width, height })
}

const walk = async (browser: Browser, url: string, secrets: SandboxFile, look: Look, places: Place[]) => {
  const { locale, theme, width, height } = look
  const remembered = { 'mortise.locale': locale, 'mortise.theme': theme }
  const watched = await watchedPage(browser, remembered, {
    viewport: { width, height },
    reducedMotion: 'reduce',
    locale: locale.replace('_', '-'),
  })
  const { page } = watched
  const busy = underWay(page)
  for (const place of places.filter((one) => one.stranger)) {
    await page.goto(url + place.path)
    await settled(page, busy)
    await picture(page, look, place)
  }
  await page.goto(`${url}/sign-in`)
  await page.fill('#user', secrets.console.user)
  await page.fill('#password', secrets.console.password)
  await page.press('#password', 'Enter')
  await page.waitForSelector('#main h1')
  let isOpen = false
  for (const place of places.filter((one) => !one.stranger)) {
    // a dialog goes away with its page only
    if (isOpen || !place.path.startsWith('/t/')) await page.goto(url + place.path)
    else await goWithin(page, place.path, 60)
    await settled(page, busy)
    for (const one of place.press ?? []) await page.locator(one).first().click()
    if (place.press) await settled(page, busy)
    await picture(page, look, place)
    isOpen = place.press !== undefined || !place.path.startsWith('/t/')
  }
  for (const error of watched.errors) console.error(`${look.name}: ${error}`)
  await watched.close()
}

const shoot = async (): Promise<void> => {
  const browser = await openBrowser()
  if ('reason' in browser) throw new Error(browser.reason)
  await build()
  await using db = await freshDatabase()
  const data = await mkdtemp(join(tmpdir(), 'mortise-screenshots-'))
  const settings = { port: 0, host: '127.0.0.1', data, databaseUrl: db.url, sandbox: true, config: null }
  const running = await start(settings, () => {})
  const ear = await openEar()
  try {
    const secrets = JSON.parse(await readFile(join(data, 'sandbox.json'), 'utf8')) as SandboxFile
    const lived = await live(running.url, secrets, db.owner, ear)
    const happened: Happened = {
      function: functionName,
      ...lived,
      ...(await trouble(running.url, secrets, lived, db.owner)),
    }
    const places = placesOf(happened)
    const missing = unseen(routes(), places)
    if (missing.length > 0)
      throw new Error(`no picture is taken of ${missing.join(', ')}: add it to prove/console/places.ts`)
    for (const look of (values.readme ? ofReadmes : looks).filter((one) => wantedLooks.test(one.name))) {
      await mkdir(look.readme ? folder : join(folder, look.name), { recursive: true })
      const seen = places.filter(
        (one) => wanted.test(one.name) && (look.readme ? one.readme : look.width > 760 || one.phone),
      )
      await walk(browser, running.url, secrets, look, seen)
      console.log(`${look.name}: ${seen.length} pictures`)
    }
    console.log(folder)
  } finally {
    await browser.close()
    await ear.close()
    await running.stop()
    await rm(data, { recursive: true, force: true })
  }
}

await shoot()
