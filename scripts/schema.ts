/** Writes docs/schema/mortise.schema.json, with which editors complete and check configuration files: `node scripts/schema.ts`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jsonSchema } from '../server/flows/schema.ts'

writeFileSync(
  join(import.meta.dirname, '../docs/schema/mortise.schema.json'),
  `${JSON.stringify(jsonSchema(), null, 2)}\n`,
)
