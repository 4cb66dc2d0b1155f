/** What commands show to a person: status, lists and journeys as text. Pure. */
import type { Journey } from '../maintain/journey.ts'
import type { RecordRow } from '../maintain/records.ts'
import type { Status } from '../maintain/status.ts'
import { ago, clock, fit, table } from './table.ts'

const flowName = { left: 'leftToRight', right: 'rightToLeft' } as const

export const renderStatus = (status: Status, width: number): string => {
  if (!status.flows.length) return 'No flows are configured. Apply a configuration: mortise apply FILE.yaml'
  const flows = table(
    [
      'tenant',
      'flow',
      'state',
      'pending',
      'syncing',
      'waiting',
      'unknown',
      'failed',
      'skipped',
      'succeeded',
      'oldest pending',
      'from → to',
    ],
    status.flows.map((flow) => {
      const { pending, syncing, waiting, unknown, failed, skipped, succeeded } = flow.counts
      const sweep = flow.sweep
        ? ` (${flow.sweep.what}${flow.sweep.total === null ? '' : ` ${flow.sweep.done}/${flow.sweep.total}`})`
        : ''
      const oldest =
        flow.oldestDue === null
          ? ''
          : flow.oldestDue <= status.at
            ? ago(status.at - flow.oldestDue)
            : `in ${ago(flow.oldestDue - status.at)}`
      return [
        flow.tenantId,
        `${flow.pairId} ${flowName[flow.from]}`,
        `${flow.state}${sweep}`,
        pending,
        syncing,
        waiting,
        unknown,
        failed,
        skipped,
        succeeded,
        oldest,
        `${flow.source.connectionId}/${flow.source.object} → ${flow.target.connectionId}/${flow.target.object}`,
      ]
    }),
    width,
  )
  const connections = table(
    ['tenant', 'connection', 'backlog', 'held by breaker', 'to read', 'reads failed'],
    status.connections.map((one) => [
      one.tenantId,
      one.connectionId,
      one.backlog,
      one.heldByBreaker,
      one.reads,
      one.readsFailed,
    ]),
  )
  const decoding = status.decoding
    ? `\n\n${status.decoding} arrivals wait to be decoded, ${status.decodingFailed} of them with a fault.`
    : ''
  const restoring = status.restoring
    .map(
      (one) =>
        `\n${one.tenantId}/${one.connectionId}: nothing is sent since a backup of ${new Date(one.backupAt).toISOString()} was restored; ${one.scanned} of its records looked at, ${one.bound} made known${one.why === null ? '' : ` (${one.why})`}.`,
    )
    .join('')
  return `${flows}\n\n${connections}${decoding}${restoring && `\n${restoring}`}`
}

const idOf = (end: RecordRow['left']): string => end.id ?? '(none yet)'
const stateOf = (row: RecordRow): string => `${row.shown}${row.held ? ' (held)' : ''}`

/** The first sentence, or what else there is to say. */
const whyOf = (row: RecordRow): string => {
  if (row.why.length) return row.why.length > 1 ? `${row.why[0]} (and ${row.why.length - 1} more)` : (row.why[0] ?? '')
  return row.state === 'idle' || row.state === 'parked' ? (row.reason ?? '') : ''
}

export const renderRecords = (rows: readonly RecordRow[], limit: number, now: number, width: number): string => {
  if (!rows.length) return 'No records match.'
  const list = table(
    ['link', 'pair', 'left', 'right', 'state', 'since', 'tries', 'why'],
    rows.map((row) => [
      String(row.linkId),
      row.pairId,
      idOf(row.left),
      idOf(row.right),
      stateOf(row),
      row.since === null ? '' : ago(now - row.since),
      row.attempts,
      whyOf(row),
    ]),
    width,
  )
  return rows.length < limit ? list : `${list}\n\nThe first ${limit}; more with --limit.`
}

const linkText = (row: RecordRow, now: number): string => {
  const side = (end: RecordRow['left']) => `${end.connectionId}/${end.object} ${idOf(end)}`
  const lines = [
    `link ${row.linkId} of pair ${row.pairId}, tenant ${row.tenantId}`,
    `  left    ${side(row.left)}`,
    `  right   ${side(row.right)}`,
    `  state   ${stateOf(row)}${row.reason ? ` (${row.reason})` : ''}`,
  ]
  for (const why of row.why) lines.push(`  why     ${why}`)
  if (row.waitOn?.length) lines.push(`  waits   for ${row.waitOn.join(', ')}`)
  if (row.sent) lines.push(`  unanswered  ${row.sent.call} to the ${row.sent.side} side, sent ${clock(row.sent.at)}`)
  if (row.since !== null)
    lines.push(`  trouble since ${clock(row.since)} (${ago(now - row.since)}), ${row.attempts} tries`)
  if (['due', 'waiting', 'unknown'].includes(row.state))
    lines.push(`  next    ${row.nextAt <= now ? 'now' : clock(row.nextAt)}`)
  if (row.voidedAt !== null) lines.push(`  voided  ${clock(row.voidedAt)}`)
  lines.push(`  first seen ${clock(row.firstArrivalAt)}, generation ${row.generation}, settled ${row.settled}`)
  return lines.map((line) => fit(line, 2000)).join('\n')
}

export const renderJourney = (journey: Journey, now: number, width: number): string => {
  const parts = journey.links.map((row) => linkText(row, now))
  if (!journey.links.length) parts.push('No link: no pair of objects takes this record, or it was never staged.')
  if (journey.staged.length) {
    parts.push(
      `staged\n${table(
        ['record', 'version', 'operation', 'modified at its source'],
        journey.staged.map((one) => [
          `${one.connectionId}/${one.object} ${one.id}`,
          one.version,
          one.operation,
          one.sourceTime === null ? '' : clock(one.sourceTime, true),
        ]),
      )}`,
    )
  }
  if (journey.fetches.length) {
    parts.push(
      `to be read\n${table(
        ['record', 'state', 'cause', 'tries', 'next', 'why'],
        journey.fetches.map((one) => [
          `${one.connectionId}/${one.object} ${one.id}`,
          one.state,
          one.cause,
          one.attempts,
          clock(one.nextAt),
          one.why.join(' '),
        ]),
        width,
      )}`,
    )
  }
  if (journey.arrivals.length) {
    parts.push(
      `came in\n${table(
        ['at', 'record', 'operation', 'by', 'outcome', 'bytes', 'trace'],
        journey.arrivals.map((one) => [
          clock(one.receivedAt, true),
          `${one.connectionId} ${one.id}`,
          one.operation,
          one.channel,
          one.outcome,
          one.bytes,
          one.traceId,
        ]),
      )}`,
    )
  }
  if (journey.attempts.length) {
    parts.push(
      `calls\n${table(
        ['at', 'call', 'to', 'outcome', 'status', 'ms', 'trace', 'why'],
        journey.attempts.map((one) => [
          clock(one.startedAt, true),
          one.call,
          one.target,
          one.outcome ?? 'under way or unanswered',
          one.status === null ? '' : String(one.status),
          one.ms === null ? '' : String(one.ms),
          one.traceId,
          one.why.join(' '),
        ]),
        width,
      )}`,
    )
  }
  return parts.join('\n\n')
}
