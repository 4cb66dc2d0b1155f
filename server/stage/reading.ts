/** A record that we read ourselves, as a row for the door: the same hashes as what is pushed to us, and a version drawn before the request (A1). */
import { digest } from '../../protocol/standard.ts'
import type { Reading } from '../doc/connector.ts'
import type { Arrival, RecordKey } from '../doc/document.ts'
import { isVoided, type ObjectDef } from '../doc/object.ts'

export const readingArrival = (
  key: RecordKey,
  object: ObjectDef | undefined,
  reading: Reading,
  version: number,
  traceId: string,
  channel: 'fetch' | 'poll' = 'fetch',
): Arrival => {
  const { masterFieldVal, detailFieldVals } = reading.document.content
  const external = object?.externalIdField ? masterFieldVal[object.externalIdField] : undefined
  const details = reading.details
  return {
    tenant_id: key.tenant_id,
    connection_id: key.connection_id,
    object: key.object,
    data_id: key.data_id,
    operation: isVoided(object, masterFieldVal) ? 'void' : 'upsert',
    channel,
    trace_id: traceId,
    raw: Buffer.concat([
      Buffer.from('{"masterFieldVal":'),
      reading.master,
      Buffer.from(',"detailFieldVals":'),
      details ?? Buffer.from('{}'),
      Buffer.from('}'),
    ]),
    master: reading.master,
    details,
    detailsComplete: details === null || (object?.details ?? []).every((d) => d.code in detailFieldVals),
    masterHash: digest(reading.master),
    detailsHash: details ? digest(details) : null,
    source_time: reading.document.source_time,
    external_id: external === undefined || external === null || external === '' ? null : String(external),
    version,
  }
}
