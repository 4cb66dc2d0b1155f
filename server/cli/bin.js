#!/usr/bin/env node
/** The `mortise` command on whatever Node there is: becomes Node 24 running server/cli/main.ts. */
import { run } from '../../scripts/prepare.mjs'

await run(['server/cli/main.ts', ...process.argv.slice(2)]).catch((error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
