/** Master and details out of a body that carries them by the names of the standard format, whatever else it carries. */
import type { Content } from '../doc/document.ts'
import { parseContent } from '../map/content.ts'

export const envelopeContent = (body: Buffer): Content | null => {
  try {
    const whole = parseContent(body, null).masterFieldVal
    const master = whole.masterFieldVal
    const details = whole.detailFieldVals
    if (typeof master !== 'object' || master === null || Array.isArray(master)) return null
    return {
      masterFieldVal: master as Content['masterFieldVal'],
      detailFieldVals: (typeof details === 'object' && details !== null ? details : {}) as Content['detailFieldVals'],
    }
  } catch {
    return null
  }
}
