/** Where the `mortise` command starts: hands the process to `run` and ends with its code. */
import { run } from './program.ts'

// A reader that has seen enough (`mortise records | head`) ends us quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  width: process.stdout.isTTY ? process.stdout.columns : 0,
  serve: async (only) => {
    const { serve } = await import('../main.ts')
    await serve(only)
  },
})
