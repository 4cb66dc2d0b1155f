#!/usr/bin/env node
/** `node scripts/prepare.mjs <script> …`: on a machine with any Node from 20 on, installs what is missing and runs the script under Node 24. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync, utimesSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

// This file and server/cli/bin.js are plain JavaScript without dependencies: they are all that runs before `npm ci` and before Node 24.
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const NODE = 24

const runtimeFolder = join(
  root,
  'node_modules',
  `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`,
)
const runtime = join(runtimeFolder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
const isNewEnough = Number.parseInt(process.versions.node, 10) >= NODE

const readJson = (path) => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

/** Compares npm's own record of what it installed with the lock file. Times of files say nothing after a checkout or a copy. */
const isInstalled = (withTools) => {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages ?? {}
  const present = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages
  if (!present) return false
  for (const [path, { version, dev, optional, devOptional }] of Object.entries(wanted)) {
    if (path === '' || present[path]?.version === version) continue
    if (present[path] || !(optional || devOptional || (dev && !withTools))) return false
  }
  return isNewEnough || existsSync(runtime)
}

/** One at a time: the holder keeps the folder's time fresh, and one that was killed is recognised by its age. */
const holdingLock = async (work) => {
  const lock = join(root, '.runtime', 'install.lock')
  mkdirSync(dirname(lock), { recursive: true })
  for (;;) {
    try {
      mkdirSync(lock)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
      if (age > 15_000) rmSync(lock, { recursive: true, force: true })
      else await wait(200)
    }
  }
  const beat = setInterval(() => utimesSync(lock, new Date(), new Date()), 2_000)
  try {
    return await work()
  } finally {
    clearInterval(beat)
    rmSync(lock, { recursive: true, force: true })
  }
}

const npm = () => {
  const cli = process.env.npm_execpath
  if (cli?.endsWith('npm-cli.js')) return [process.execPath, [cli]]
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', []]
}

/** Runs npm quietly; what it said is shown only when it failed. */
const runNpm = async (...args) => {
  const [command, before] = npm()
  const line = [...before, ...args, '--include=dev', '--include=optional', '--no-audit', '--no-fund']
  const child = spawn(command, line, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], shell: command.endsWith('.cmd') })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  child.on('error', (error) => (output += error.message))
  const code = await new Promise((done) => child.once('close', done))
  return { code, output }
}

/**
 * npm 11 refuses a lock file that lacks optional packages of other platforms, also when the registry at hand does not have them.
 * True when that is all it complains about: then `npm install --no-save` installs exactly what the lock file pins, and does not write it.
 */
const lacksOnlyOptional = (output) => {
  if (/Invalid: /.test(output)) return false
  const missing = [...output.matchAll(/Missing: (@?[^@\s]+)@\S* from lock file/g)].map(([, name]) => name)
  const packages = Object.values(readJson(join(root, 'package-lock.json'))?.packages ?? {})
  const optional = new Set(packages.flatMap((one) => Object.keys(one.optionalDependencies ?? {})))
  return missing.length > 0 && missing.every((name) => optional.has(name))
}

const install = async (withTools) => {
  if (isInstalled(withTools)) return
  await holdingLock(async () => {
    if (isInstalled(withTools)) return
    process.stderr.write('Installing dependencies (npm ci) …\n') // standard output belongs to the command that was asked for
    let { code, output } = await runNpm('ci')
    if (code !== 0 && lacksOnlyOptional(output)) ({ code, output } = await runNpm('install', '--no-save'))
    if (code === 0) return
    process.stderr.write(`${output.slice(-4_000)}\n`)
    throw new Error(
      `npm could not install the dependencies (${code}). The registry must be reachable at the first start: npm config get registry`,
    )
  })
}

const findNode = () => {
  if (isNewEnough) return process.execPath
  if (existsSync(runtime)) return runtime
  throw new Error(
    `Mortise needs Node ${NODE}; this is ${process.version}, and npm has none for ${process.platform}-${process.arch}. Install Node ${NODE} or newer: https://nodejs.org`,
  )
}

/** Becomes Node 24 running `args` (flags, then a script relative to this checkout, then its own arguments). The working folder stays. */
export const run = async (args) => {
  const at = args.findIndex((arg) => !arg.startsWith('-'))
  const script = args[at] ?? ''
  const line = [...args.slice(0, at), resolve(root, script), ...args.slice(at + 1)]
  await install(!script.startsWith('server/'))
  const node = findNode()
  const env = {
    ...process.env,
    // Compiled code is kept: ready in half the time, and 27 MB less, since nothing need strip types.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, '.runtime', 'compile-cache'),
    // Records are garbage within milliseconds: with 16 MB for the young ones, a tenth of all CPU went into moving those that were still in use.
    NODE_OPTIONS: process.env.NODE_OPTIONS?.includes('semi-space')
      ? process.env.NODE_OPTIONS
      : `${process.env.NODE_OPTIONS ?? ''} --max-semi-space-size=32`.trim(),
    PATH: `${join(root, 'node_modules', '.bin')}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH ?? ''}`,
  }
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.removeAllListeners('warning') // "execve is experimental" is not the user's business
    process.on('warning', () => {})
    process.execve(node, [node, ...line], env) // no parent left over: signals are exact, and a second Node costs 40 MB
  }
  const child = spawn(node, line, { stdio: 'inherit', env })
  // a terminal sends Ctrl-C to both of us; only a signal meant for this process alone is handed on
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY
  process.on('SIGINT', () => onTerminal || child.kill('SIGINT'))
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  const [code, signal] = await new Promise((done, fail) =>
    child.once('exit', (...how) => done(how)).once('error', fail),
  )
  process.exit(signal ? 128 + constants.signals[signal] : code)
}

const isMain =
  process.argv[1] !== undefined && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url))
if (isMain) {
  await run(process.argv.slice(2)).catch((error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  })
}
