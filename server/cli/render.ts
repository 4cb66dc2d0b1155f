/** What commands show to a person: status, lists and journeys as text. Pure. */
import { tellChange } from '../flows/changes.ts'
import type { Version } from '../flows/versions.ts'
import type { ErrorGroup } from '../maintain/groups.ts'
import type { IdPage } from '../maintain/ids.ts'
import { type Journey, timeLine } from '../maintain/journey.ts'
import type { Page, RecordRow } from '../maintain/records.ts'
import type { Relative } from '../maintain/relatives.ts'
import type { Status } from '../maintain/status.ts'
import { ago, clock, fit, table } from './table.ts'

const flowName = { left: 'leftToRight', right: 'rightToLeft' } as const

const standsOf = ({ states }: ErrorGroup): string =>
  Object.entries(states)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ')

/** One paragraph each: how many and where, the sentence, what to do, and the command that does it. */
const renderGroups = (groups: readonly ErrorGroup[], now: number): string =>
  groups
    .map((one) => {
      const flow = one.flow
        ? `${one.flow.pairId}${one.flow.from ? ` ${flowName[one.flow.from]}` : ''}`
        : `reading ${one.connectionId}/${one.object}`
      const seen =
        one.firstSeen === null
          ? ''
          : `  first ${ago(now - one.firstSeen)} ago, last ${ago(now - (one.lastSeen ?? one.firstSeen))} ago`
      const kind = [one.code, one.stage, one.field].filter((word) => word !== null).join(' · ')
      return [
        `${one.group}  ${standsOf(one)}  ${flow}  ${kind}${seen}`,
        `  ${fit(one.sentence, 400)}`,
        `  ${one.advice}`,
        `  mortise retry --group ${one.group}`,
      ].join('\n')
    })
    .join('\n')

export const renderStatus = (status: Status, groups: readonly ErrorGroup[], width: number): string => {
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
  const queues = status.queues.length
    ? `\n\n${table(
        ['tenant', 'connection', 'queue', 'state', 'nodes', 'lag', 'taken', ''],
        status.queues.map((one) => [
          one.tenantId,
          one.connectionId,
          `${one.queueId} (${one.kind}${one.kind === 'kafka' ? ', experimental' : ''})`,
          one.state,
          one.nodes,
          one.lag ?? '',
          one.taken,
          one.fault ?? '',
        ]),
        width,
      )}`
    : ''
  const refused = status.refusedEvents
    ? `\n\n${status.refusedEvents} events of queues could not be read (docs/queues.md, "What could not be read").`
    : ''
  const decoding = status.decoding
    ? `\n\n${status.decoding} arrivals wait to be decoded, ${status.decodingFailed} of them with a fault.`
    : ''
  const counted =
    status.at - status.countedAt > 5_000
      ? `\n\nPending, syncing, skipped and succeeded were counted ${ago(status.at - status.countedAt)} ago.`
      : ''
  const restoring = status.restoring
    .map(
      (one) =>
        `\n${one.tenantId}/${one.connectionId}: nothing is sent since a backup of ${new Date(one.backupAt).toISOString()} was restored; ${one.scanned} of its records looked at, ${one.bound} made known${one.why === null ? '' : ` (${one.why})`}.`,
    )
    .join('')
  const trouble = groups.length ? `\n\nerror groups\n${renderGroups(groups, status.at)}` : ''
  return `${flows}\n\n${connections}${queues}${refused}${counted}${decoding}${restoring && `\n${restoring}`}${trouble}`
}

const idOf = (end: RecordRow['left']): string => end.id ?? '(none yet)'
const stateOf = (row: RecordRow): string => `${row.shown}${row.held ? ' (held)' : ''}`

/** The first sentence, or what else there is to say. */
const whyOf = (row: RecordRow): string => {
  if (row.why.length) return row.why.length > 1 ? `${row.why[0]} (and ${row.why.length - 1} more)` : (row.why[0] ?? '')
  return row.state === 'idle' || row.state === 'parked' ? (row.reason ?? '') : ''
}

export const renderRecords = ({ records: rows, next }: Page, now: number, width: number): string => {
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
  return next === null ? list : `${list}\n\nThe next page: --cursor ${next}`
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

const relative = (one: Relative): (string | number)[] => [
  one.pairId,
  one.linkId === null ? '' : String(one.linkId),
  one.left ?? '(none yet)',
  one.right ?? '(none yet)',
  one.shown ?? 'not known yet',
  one.through,
]

/** A body below its moment: how it begins, or all of it. */
const body = (text: string | undefined, word: string, width: number, full: boolean): string[] => {
  if (text === undefined || text === '') return []
  const most = full ? 100_000 : Math.max(60, (width || 160) - 12 - word.length)
  return [`    ${word} ${fit(text, most)}`]
}

export const renderJourney = (journey: Journey, now: number, width: number, full: boolean): string => {
  const parts = journey.links.map((row) => linkText(row, now))
  if (!journey.links.length) parts.push('No link: no pair of objects takes this record, or it was never staged.')
  const moments = timeLine(journey)
  if (moments.length) {
    const lines = moments.flatMap((one) => [
      `${clock(one.at, true)}  ${one.what.padEnd(7)}  ${fit(one.say, full ? 4_000 : 400)}${one.traceId ? `  trace ${one.traceId}` : ''}`,
      ...body(one.request, one.what === 'came in' ? 'body' : 'sent', width, full),
      ...body(one.answer, 'answered', width, full),
    ])
    parts.push(`story\n${lines.join('\n')}`)
  }
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
  if (journey.decodes.length) {
    parts.push(
      `to be decoded\n${table(
        ['push', 'object', 'state', 'tries', 'group', 'why'],
        journey.decodes.map((one) => [
          one.seq,
          `${one.connectionId}/${one.object}`,
          one.state,
          one.attempts,
          one.group ?? '',
          [...one.why, ...(one.logs === null ? [] : [`console: ${one.logs}`])].join(' '),
        ]),
        width,
      )}`,
    )
  }
  if (journey.afterWrite.length) {
    parts.push(
      `after write\n${table(
        ['call', 'at', 'state', 'said'],
        journey.afterWrite.map((one) => [
          one.call,
          clock(one.at, true),
          one.state,
          [...one.why, one.note ?? '', ...(one.logs === null ? [] : [`console: ${one.logs}`])].join(' ').trim(),
        ]),
        width,
      )}`,
    )
  }
  const family = ['pair', 'link', 'left', 'right', 'state', 'through']
  if (journey.parents.length) parts.push(`refers to\n${table(family, journey.parents.map(relative), width)}`)
  if (journey.children.length) parts.push(`waiting for it\n${table(family, journey.children.map(relative), width)}`)
  return parts.join('\n\n')
}

export const renderIds = (page: IdPage, width: number): string => {
  if (!page.ids.length) return 'No mappings match.'
  const list = table(
    ['link', 'tenant', 'pair', 'left', 'right', 'state'],
    page.ids.map((one) => [
      String(one.linkId),
      one.tenantId,
      one.pairId,
      one.left ?? '(none yet)',
      one.right ?? '(none yet)',
      one.shown,
    ]),
    width,
  )
  return page.next === null ? list : `${list}\n\nThe next page: --cursor ${page.next}`
}

export const renderVersions = (versions: readonly Version[], width: number): string => {
  if (!versions.length) return 'No versions match.'
  return versions
    .map((one) => {
      const head = `${clock(one.at)}  ${one.who}  tenant ${one.tenantId}  version ${one.number}`
      const change = tellChange({
        tenantId: one.tenantId,
        kind: one.kind,
        name: one.name,
        what: one.what,
        fields: one.fields,
      })
      return `${head}\n${change
        .split('\n')
        .map((line) => `  ${fit(line, width || 200)}`)
        .join('\n')}`
    })
    .join('\n')
}
