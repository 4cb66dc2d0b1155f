/** A node with the duties that `DUTIES` names, so that a rig can kill the one that listens without waiting for leases of calls under way. */
import { readDuties } from '../../server/cli/settings.ts'
import { serve } from '../../server/main.ts'

await serve(readDuties(process.env.DUTIES ?? 'listen'))
process.exit(0)
