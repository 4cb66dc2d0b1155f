/** A real browser for tests of the console: Debian's chromium, installed where that is allowed; and a page that remembers whatever went wrong on it. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Where the browser is, installed when that is allowed; or why there is none. */
const findBrowser = (): string | { reason: string } => {
  const path = places.find((one) => existsSync(one))
  if (path !== undefined) return path
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    return { reason: 'no chromium here, and only root on Debian may install it' }
  const apt = (...args: string[]) =>
    spawnSync('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      stdio: 'ignore',
      timeout: 400_000,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0
  const installed = () => apt('install', '--no-install-recommends', 'chromium', 'fonts-noto-cjk')
  if (!installed() && !(apt('update') && installed())) return { reason: 'apt-get has no chromium for this machine' }
  return places.find((one) => existsSync(one)) ?? { reason: 'apt-get put no chromium where it belongs' }
}

/** The browser, or why there is none. */
export const openBrowser = async (): Promise<Browser | { reason: string }> => {
  const path = findBrowser()
  if (typeof path !== 'string') return path
  return chromium.launch({
    executablePath: path,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

export interface Watched {
  page: Page
  /** Errors of the page's console, uncaught ones, and answers 5xx. */
  errors: string[]
  close(): Promise<void>
}

/** `settings`: what this browser remembers (`mortise.locale`, `mortise.theme`). */
export const watchedPage = async (
  browser: Browser,
  settings: Record<string, string>,
  options: BrowserContextOptions = {},
): Promise<Watched> => {
  const context = await browser.newContext({ viewport: { width: 1_360, height: 860 }, ...options })
  await context.addInitScript((remembered) => {
    for (const [name, value] of Object.entries(remembered))
      (
        globalThis as unknown as { localStorage: Map<string, string> & { setItem(n: string, v: string): void } }
      ).localStorage.setItem(name, value)
  }, settings)
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const errors: string[] = []
  page.on('console', (said) => {
    if (said.type() === 'error') errors.push(`${page.url()}: ${said.text()}`)
  })
  page.on('pageerror', (error) => errors.push(`${page.url()}: ${error.message}`))
  page.on('response', (answer) => {
    if (answer.status() >= 500) errors.push(`${answer.url()}: ${answer.status()}`)
  })
  return { page, errors, close: () => context.close() }
}

// scripts/test.ts runs this file beside the quick tests, so that no test waits for an installation
if (import.meta.main) findBrowser()
