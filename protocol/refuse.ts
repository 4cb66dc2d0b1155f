/** From what the scanner and the cutter found wrong to the door's codes (contracts.md section 1). */
import { type Refusal, refusal } from './codes.ts'
import { type Defect, position } from './scan.ts'
import type { Misshape } from './standard.ts'

export const ofDefect = (body: Buffer, { kind, at, path }: Defect): Refusal => {
  switch (kind) {
    case 'depth':
    case 'nodes':
      return refusal('s306240007', kind, { path })
    default:
      return refusal('s306240001', kind, { path, ...position(body, at) })
  }
}

export const ofMisshape = ({ path, expected }: Misshape): Refusal => refusal('s306240002', 'shape', { path, expected })
export const ofReserved = (path: string): Refusal => refusal('s306240002', 'reserved', { path })
