/** Builds the console's pages with Vite, packs them, and puts them where the server looks: a process of its own, so that none of it stays in memory. */
import { createHash } from 'node:crypto'
import { existsSync, globSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const root = join(import.meta.dirname, '../..')
const source = join(root, 'console')
export const builtFolder = join(root, '.runtime', 'console')

/** Name of what these sources become: the same text is the same build, whatever a checkout or a copy did to the files' times. */
export const sourceName = async (): Promise<string> => {
  const hash = createHash('sha256')
  const files = globSync('**/*.{ts,tsx,css,json,html,svg}', { cwd: source, exclude: ['**/*.test.ts'] })
  for (const file of files.map((one) => one.replaceAll('\\', '/')).sort())
    hash.update(`${file}\0`).update(await readFile(join(source, file)))
  return hash.digest('hex').slice(0, 16)
}

/** Where the build of these sources stands, or null where there is none yet. */
export const builtOf = async (): Promise<string | null> => {
  if (!existsSync(source)) {
    // a container has the pages and not their sources
    const [only] = existsSync(builtFolder)
      ? (await readdir(builtFolder)).filter((name) => /^[0-9a-f]{16}$/.test(name))
      : []
    return only === undefined ? null : join(builtFolder, only)
  }
  const folder = join(builtFolder, await sourceName())
  return existsSync(join(folder, 'index.html')) ? folder : null
}

/** Smaller copies beside each file that is worth it; the server sends the one that the browser takes. */
const pack = async (folder: string): Promise<void> => {
  for (const name of await readdir(join(folder, 'assets'))) {
    const path = join(folder, 'assets', name)
    const bytes = await readFile(path)
    if (bytes.length < 1_000 || !/\.(js|css|svg|json)$/.test(name)) continue
    await writeFile(`${path}.gz`, gzipSync(bytes, { level: 9 }))
    const params = { [constants.BROTLI_PARAM_QUALITY]: 9 }
    await writeFile(`${path}.br`, brotliCompressSync(bytes, { params }))
  }
}

const ageOf = async (path: string): Promise<number> => Date.now() - ((await stat(path).catch(() => null))?.mtimeMs ?? 0)
const day = 24 * 3_600_000

/** The holder of a lock has written its number into it; one that is gone holds nothing. */
const isHeld = async (lock: string): Promise<boolean> => {
  const holder = Number(await readFile(join(lock, 'holder'), 'utf8').catch(() => 'nobody yet'))
  if (Number.isNaN(holder)) return (await ageOf(lock)) < 10_000 // between making the folder and writing the number
  try {
    process.kill(holder, 0)
    return true
  } catch {
    return false
  }
}

/** Builds, unless somebody else is at it or has done it; answers the folder. */
export const build = async (): Promise<string> => {
  const before = await builtOf()
  if (before !== null) return before
  await mkdir(builtFolder, { recursive: true })
  const folder = join(builtFolder, await sourceName())
  const lock = `${folder}.lock`
  for (;;) {
    try {
      await mkdir(lock)
      await writeFile(join(lock, 'holder'), String(process.pid))
      break
    } catch {
      if (await isHeld(lock)) await new Promise((done) => setTimeout(done, 300))
      else await rm(lock, { recursive: true, force: true })
      if (existsSync(join(folder, 'index.html'))) return folder
    }
  }
  try {
    // done by whoever let go of the lock just now: building it again would take it from under a server that shows it
    if (existsSync(join(folder, 'index.html'))) return folder
    const fresh = `${folder}.${process.pid}`
    const vite = await import('vite')
    await vite.build({
      root: source,
      configFile: join(source, 'vite.config.ts'),
      logLevel: 'warn',
      build: { outDir: fresh },
    })
    await pack(fresh)
    await rm(folder, { recursive: true, force: true })
    await rename(fresh, folder)
    // former builds, which a server that was started before may still show for a while, and what a killed one left
    for (const name of await readdir(builtFolder))
      if (/^[0-9a-f]{16}(\.\d+)?$/.test(name) && (await ageOf(join(builtFolder, name))) > day)
        await rm(join(builtFolder, name), { recursive: true, force: true })
    return folder
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  const folder = await build()
  process.stdout.write(`${folder}\n`)
}
