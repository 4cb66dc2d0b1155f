/** Where the `mortise` command starts: hands the process to `run` and ends with its code. */
import { text } from 'node:stream/consumers'
import { run } from './program.ts'

// A reader that has seen enough (`mortise records | head`) ends us quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  out: (said) => void process.stdout.write(said),
  err: (said) => void process.stderr.write(said),
  interactive: process.stdin.isTTY && process.stdout.isTTY,
  input: () => text(process.stdin),
  width: process.stdout.isTTY ? process.stdout.columns : 0,
  serve: async (only) => {
    const { serve } = await import('../main.ts')
    await serve(only)
  },
})
