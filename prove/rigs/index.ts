/** The rigs with real processes, by name: what `npm run prove` and the tests beside them run. */
import { badInputRig } from './bad-input.ts'
import { batchesRig } from './batches.ts'
import { cutRig } from './cut.ts'
import { dispatchRig } from './dispatch.ts'
import { diskRig } from './disk.ts'
import { echoRig } from './echo.ts'
import { freezeRig } from './freeze.ts'
import { fxiaokeRig } from './fxiaoke.ts'
import { functionsRig } from './functions.ts'
import { growsRig } from './grows.ts'
import { historyRig } from './history.ts'
import { killRig } from './kill.ts'
import { lateRig } from './late.ts'
import { linesRig } from './lines.ts'
import { noisyRig } from './noisy.ts'
import { ordersRig } from './orders.ts'
import { neighboursRig, outageRig } from './outage.ts'
import { overloadRig } from './overload.ts'
import { parentsRig } from './parents.ts'
import { poisonRig } from './poison.ts'
import { pollRig } from './poll.ts'
import { recogniseRig } from './recognise.ts'
import { restoreRig } from './restore.ts'
import type { Rig } from './rig.ts'
import { queuesRig } from './queues.ts'
import { rollingRig } from './rolling.ts'
import { upgradeRig } from './upgrade.ts'
import { windowsRig } from './windows.ts'

export const rigs: readonly Rig[] = [
  killRig,
  recogniseRig,
  fxiaokeRig,
  lateRig,
  freezeRig,
  ordersRig,
  poisonRig,
  pollRig,
  windowsRig,
  historyRig,
  growsRig,
  outageRig,
  neighboursRig,
  noisyRig,
  functionsRig,
  diskRig,
  cutRig,
  overloadRig,
  linesRig,
  parentsRig,
  echoRig,
  badInputRig,
  queuesRig,
  rollingRig,
  restoreRig,
  upgradeRig,
  batchesRig,
  dispatchRig,
]
