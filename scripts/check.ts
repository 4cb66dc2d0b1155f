/** `npm run check`: format, lint, types and unused code, side by side; says which failed and shows only those. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const checks: Record<string, string[]> = {
  'format (biome)': ['biome', 'format', '--colors=off', '.'],
  'lint (oxlint)': ['oxlint', '--type-aware', '--deny-warnings'],
  'types (tsc)': ['tsc', '--noEmit'],
  'types of the console (tsc)': ['tsc', '--noEmit', '-p', 'console'],
  'unused (knip)': ['knip', '--no-progress'],
}

const run = (name: string, [tool = '', ...args]: string[]) =>
  new Promise<boolean>((resolve) => {
    const began = performance.now()
    const child = spawn(join(root, 'node_modules', '.bin', tool), args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.on('error', (error) => (output += error.message))
    child.on('close', (code) => {
      const seconds = ((performance.now() - began) / 1000).toFixed(1)
      console.log(`${code === 0 ? '✔' : '✖'} ${name} ${seconds} s${code === 0 ? '' : `\n${output.trimEnd()}\n`}`)
      resolve(code === 0)
    })
  })

const passed = await Promise.all(Object.entries(checks).map(([name, command]) => run(name, command)))
process.exitCode = passed.every(Boolean) ? 0 : 1
