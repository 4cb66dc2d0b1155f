/** What makes a page of the console clean: gone to as by a link, judged by axe, and read without what other systems sent. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

interface AxeResult {
  violations: { id: string; impact: string; help: string; nodes: { html: string; failureSummary: string }[] }[]
}

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** As a click on a link does: the page stays and shows another address. */
export const goWithin = async (page: Page, path: string, pause = 450): Promise<void> => {
  await page.evaluate(`history.pushState({}, '', ${JSON.stringify(path)}); dispatchEvent(new Event('popstate'))`)
  await page.waitForTimeout(pause) // its code, its data; colours fade in
  await page.waitForSelector('.ant-skeleton', { state: 'detached' })
  await page.waitForSelector('#main h1')
}

/** What axe finds that is serious or worse. */
export const axeOf = async (page: Page): Promise<string[]> => {
  // through the debugger: the page's own policy lets no script of others in
  if (!(await page.evaluate('"axe" in globalThis'))) await page.evaluate(await readFile(axePath, 'utf8'))
  const { violations } = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as AxeResult
  return violations
    .filter((one) => ['serious', 'critical'].includes(one.impact))
    .map(
      (one) =>
        `${one.id} (${one.help}): ${one.nodes.map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join(' | ')}`,
    )
}

/** The text of the page, without bodies that other systems sent. */
export const ownWords = (page: Page): Promise<string> =>
  page.evaluate(() => {
    interface Place {
      textContent: string
      querySelectorAll(which: string): Iterable<{ remove(): void }>
    }
    const { document } = globalThis as unknown as { document: { body: { cloneNode(deep: boolean): Place } } }
    const copy = document.body.cloneNode(true)
    for (const body of copy.querySelectorAll('pre, script, style')) body.remove()
    return copy.textContent
  })

/** Names that the sandbox gives its own things. */
export const ofTheData =
  /ERP 侧对象的 APIName|明细 apiName\d?|客户|联系人|产品|物料|销售订单|明细|分公司|部门|岗位|position_name不能为空/g
