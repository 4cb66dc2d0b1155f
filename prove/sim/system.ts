/** A simulated business system: records, its own clock and stamps, faults on the way, and events that come before answers, twice, late and out of order. */
import type { Change, Connector, Exchange, Read, Reading, Unanswered } from '../../server/doc/connector.ts'
import type { Content, Fields, Millis } from '../../server/doc/document.ts'
import type { Fault } from '../../server/doc/fault.ts'
import type { Recognise } from '../../server/doc/flow.ts'
import type { Outcome, Recognised, RowIds } from '../../server/doc/outcome.ts'
import { envelopeContent } from '../../server/converge/envelope.ts'
import type { Chance, VirtualClock } from './clock.ts'

export interface SystemRecord {
  id: string
  sourceId: string | null
  fields: Record<string, string>
  lines: { id: string; item: string; sourceId: string | null }[]
  stamp: Millis
  voided: boolean
}

export interface Effect {
  at: Millis
  call: 'create' | 'update' | 'void'
  id: string
  sourceId: string
  fields: Record<string, string>
  lines: string[]
}

export interface SystemOptions {
  name: string
  object: string
  recognise: Recognise
  timeout: Millis
  longestProcessing: Millis
  /** Per call: how likely each trouble is. */
  faults: {
    before: number
    after: number
    late: number
    refuse: number
    /** Of the refusals: their code proves nothing (O2), and half of them come from a target that made the record first. */
    unproved: number
    slow: number
    slowRead: number
    again: number
  }
  /** Stores text trimmed and in lower case. */
  normalises: boolean
  /** Stamps records with a modified time. */
  stamps: boolean
  readable: boolean
  /** Shows of a record that we made whose fruit it is; its ledger knows in any case. */
  carries: boolean
  /** Told of every change, with the record as it then stands. */
  changed(record: SystemRecord, operation: 'create' | 'update' | 'void', byUs: boolean): void
}

/** Thrown away by a negative control: no send deadline. */
export interface SystemControls {
  sendDeadline: boolean
}

const fault = (code: Fault['code'], said: string): Fault => ({ code, stage: 'send', said })
/** A tenth of what structuredClone costs. */
const copy = (r: SystemRecord): SystemRecord => ({
  ...r,
  fields: { ...r.fields },
  lines: r.lines.map((l) => ({ ...l })),
})

const exchange: Exchange = { method: 'POST', url: 'sim', ms: 1 }

export const simulatedSystem = (clock: VirtualClock, dice: Chance, o: SystemOptions, controls: SystemControls) => {
  const records = new Map<string, SystemRecord>()
  const effects: Effect[] = []
  const answers = new Map<string, Outcome>()
  const refused = new Set<string>()
  let ids = 0
  let rows = 0
  let calm = false
  let free = 6
  const trouble = (p: number): boolean => !calm && dice.yes(p)

  const norm = (text: string): string => (o.normalises ? text.trim().toLowerCase() : text)
  const text = (f: Fields, key: string): string | undefined => (key in f ? String(f[key] ?? '') : undefined)

  const write = (record: SystemRecord, content: Content): (string | null)[] => {
    for (const key of ['name', 'note', 'ref']) {
      const value = text(content.masterFieldVal, key)
      if (value !== undefined) record.fields[key] = key === 'ref' ? value : norm(value)
    }
    const source = text(content.masterFieldVal, 'sourceId')
    if (source) record.sourceId = source
    const lines = content.detailFieldVals.lines
    if (!lines) return []
    const before = new Map(record.lines.map((l) => [l.id, l]))
    record.lines = lines.map((l) => {
      const id = text(l, 'id')
      const known = id ? before.get(id) : undefined
      return {
        id: known?.id ?? `${o.name}-r${++rows}`,
        item: norm(text(l, 'item') ?? ''),
        sourceId: text(l, 'sourceId') ?? known?.sourceId ?? null,
      }
    })
    return record.lines.map((l) => l.id)
  }

  const stamp = (record: SystemRecord): void => {
    record.stamp = Math.max(clock.now(), record.stamp + 1)
  }

  /** The effect itself. Answers what a caller that hears it is told. */
  const commit = (change: Pick<Change, 'action' | 'bytes' | 'targetId' | 'sourceId' | 'key'>): Outcome => {
    const kept = o.recognise === 'idempotencyHeader' ? answers.get(change.key) : undefined
    if (kept) return kept
    const content = envelopeContent(change.bytes) ?? { masterFieldVal: {}, detailFieldVals: {} }
    let record: SystemRecord | undefined
    if (change.action === 'create') {
      if (o.recognise === 'externalIdUnique') {
        const twin = [...records.values()].find((r) => r.sourceId === change.sourceId)
        if (twin)
          return { kind: 'refused', proved: true, why: { ...fault('send.refused', 'duplicate'), value: twin.id } }
      }
      record = { id: `${o.name}-${++ids}`, sourceId: change.sourceId, fields: {}, lines: [], stamp: 0, voided: false }
      records.set(record.id, record)
    } else {
      record = records.get(change.targetId ?? '')
      if (!record) return { kind: 'refused', proved: true, why: fault('send.refused', 'unknown id') }
    }
    let lineIds: (string | null)[] = []
    if (change.action === 'void') record.voided = true
    else {
      lineIds = write(record, content)
      record.voided = false
    }
    stamp(record)
    effects.push({
      at: clock.now(),
      call: change.action,
      id: record.id,
      sourceId: change.sourceId,
      fields: { ...record.fields },
      lines: record.lines.map((l) => l.item),
    })
    o.changed(copy(record), change.action, true)
    const rowIds: RowIds = lineIds.length ? { lines: lineIds } : {}
    const outcome: Outcome = { kind: 'applied', targetId: record.id, rowIds }
    answers.set(change.key, outcome)
    return outcome
  }

  const call = async (change: Parameters<typeof commit>[0], sent: () => void, sendBy: number): Promise<Outcome> => {
    if (controls.sendDeadline && clock.now() >= sendBy)
      return { kind: 'again', calm: true, at: clock.now(), why: fault('send.again', 'too late to send') }
    if (trouble(o.faults.again)) return { kind: 'again', why: fault('send.again', '429') }
    sent()
    free--
    try {
      await clock.sleep(dice.between(1, 30))
      if (trouble(o.faults.before)) return { kind: 'unknown', why: fault('send.cut', 'before') }
      // A target that keeps keys looks at the key first; one that keeps an id unique may find other faults before that.
      if (!answers.has(change.key) && trouble(o.faults.refuse)) {
        if (o.faults.unproved === 0 || !dice.yes(o.faults.unproved))
          return { kind: 'refused', proved: true, why: fault('send.refused', 'no') }
        // What it refuses under a key that it knows, it refused without an effect.
        if (!refused.has(change.key) && dice.yes(0.5)) commit(change)
        refused.add(change.key)
        return { kind: 'refused', proved: false, why: fault('send.refused', 'no, or so it says') }
      }
      if (trouble(o.faults.late)) {
        // The request is swallowed and takes effect later, within the longest processing time; the caller hears nothing.
        clock.after(dice.between(0, o.timeout + o.longestProcessing - 100), () => void commit(change))
        await clock.sleep(dice.yes(0.5) ? 10 : o.timeout)
        return { kind: 'unknown', why: fault('send.timeout', 'late') }
      }
      const outcome = commit(change)
      if (trouble(o.faults.after)) return { kind: 'unknown', why: fault('send.cut', 'after') }
      await clock.sleep(trouble(o.faults.slow) ? dice.between(500, 3_000) : dice.between(0, 30))
      return outcome
    } finally {
      free++
    }
  }

  const shown = (record: SystemRecord): Reading => {
    const master: Fields = {
      id: record.id,
      name: '',
      note: '',
      ref: '',
      ...record.fields,
      ...(o.carries && record.sourceId !== null && { sourceId: record.sourceId }),
    }
    const details = {
      lines: record.lines.map((l) => ({
        id: l.id,
        item: l.item,
        ...(l.sourceId !== null && { sourceId: l.sourceId }),
      })),
    }
    return {
      data_id: record.id,
      master: Buffer.from(JSON.stringify({ ...master, ...(o.stamps && { modified: record.stamp }) })),
      details: Buffer.from(JSON.stringify(details)),
      document: {
        content: { masterFieldVal: master, detailFieldVals: details },
        source_time: o.stamps ? record.stamp : null,
      },
    }
  }

  const find = async (id: string): Promise<Read<Reading | null>> => {
    await clock.sleep(dice.between(1, 20))
    if (trouble(o.faults.before)) return { kind: 'failed', why: fault('read.failed', 'reset') }
    const record = records.get(id)
    const value = record && !record.voided ? shown(record) : null // a voided record is gone from the interface
    await clock.sleep(trouble(o.faults.slowRead) ? dice.between(500, 3_000) : dice.between(1, 20))
    return { kind: 'read', value }
  }

  const recognise = async (
    earlier: Unanswered,
    sendBy: number,
    mayRepeat: () => Promise<boolean>,
  ): Promise<Recognised> => {
    const cannot = (said: string): Recognised => ({
      kind: 'cannot tell',
      why: { code: 'resolve.cannotTell', stage: 'resolve', said },
    })
    switch (o.recognise) {
      case 'none':
        return { kind: 'cannot tell', why: { code: 'resolve.none', stage: 'resolve' } }
      case 'idempotencyHeader':
      case 'externalIdUnique': {
        if (!earlier.bytes) return cannot('no bytes')
        if (!(await mayRepeat())) return cannot('the claim ran out')
        const outcome = await call(
          { action: 'create', bytes: earlier.bytes, targetId: null, sourceId: earlier.sourceId, key: earlier.key },
          () => {},
          sendBy,
        )
        const twin =
          outcome.kind === 'refused' && outcome.why.said === 'duplicate'
            ? records.get(outcome.why.value ?? '')
            : undefined
        if (twin) return { kind: 'found', targetId: twin.id, content: shown(twin).document.content }
        return { kind: 'answered', outcome }
      }
      case 'byId':
      case 'byWindow': {
        await clock.sleep(dice.between(1, 40))
        if (trouble(o.faults.before)) return cannot('reset')
        const found = [...records.values()].filter((r) => r.sourceId === earlier.sourceId)
        const [one, ...more] = found
        if (!one) return { kind: 'absent' }
        if (more.length) return { kind: 'several', targetIds: found.map((r) => r.id) }
        const content = shown(one).document.content
        await clock.sleep(dice.between(1, 40))
        return { kind: 'found', targetId: one.id, content }
      }
    }
  }

  const connector = (): Connector => ({
    encode: (outgoing) =>
      Buffer.from(
        JSON.stringify({
          masterFieldVal: outgoing.content.masterFieldVal,
          detailFieldVals: outgoing.content.detailFieldVals,
        }),
      ),
    write: async (change, sent, sendBy) => ({ outcome: await call(change, sent, sendBy), exchange }),
    recognise: (earlier, sendBy, _signal, mayRepeat) => recognise(earlier, sendBy, mayRepeat),
    changes: async () => ({ kind: 'read', value: { readings: [], full: false } }),
    find: (_, id) => find(id),
    slots: () => ({ free: Math.max(0, free) }),
    close: async () => {},
  })

  return {
    records,
    effects,
    connector,
    shown,
    /** From here on nothing fails any more: the end of a run must come to rest. */
    calmDown: () => {
      calm = true
    },
    /** A person's own edits at this system. */
    edit: (id: string | null, fields: Record<string, string>, lines: string[] | null): SystemRecord => {
      const record =
        id === null
          ? { id: `${o.name}-u${++ids}`, sourceId: null, fields: {}, lines: [], stamp: 0, voided: false }
          : records.get(id)
      if (!record) throw new Error(`no record ${id}`)
      records.set(record.id, record)
      for (const [k, v] of Object.entries(fields)) record.fields[k] = k === 'ref' ? v : norm(v)
      if (lines)
        record.lines = lines.map((item, i) => ({
          id: record.lines[i]?.id ?? `${o.name}-r${++rows}`,
          item: norm(item),
          sourceId: record.lines[i]?.sourceId ?? null,
        }))
      record.voided = false
      stamp(record)
      o.changed(copy(record), id === null ? 'create' : 'update', false)
      return record
    },
    discard: (id: string): void => {
      const record = records.get(id)
      if (!record || record.voided) return
      record.voided = true
      stamp(record)
      o.changed(copy(record), 'void', false)
    },
  }
}

export type SimulatedSystem = ReturnType<typeof simulatedSystem>
