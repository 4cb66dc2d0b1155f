/** A master-data system of the sandbox: it takes batches as such interfaces do, calls back, keeps a ledger of every call, and misbehaves on demand. */
import { createHash, createHmac } from 'node:crypto'
import { generator } from './faults.ts'

/** What it does wrong, and with which calls: `batch`, `query` and `callback` are counted apart. */
export type MasterFault = {
  kind: (typeof masterKinds)[number]
  call?: MasterCall
  nth?: number | number[]
  rate?: number
  seed?: number
  status?: number
  code?: number
  message?: string
  seconds?: number
  ms?: number
}
export type MasterCall = 'batch' | 'query' | 'callback'

/**
 * batch: `cutBefore` (nothing happens), `cutAfter` (taken, the answer lost), `status`, `throttle` (429), `refuse` (`code`), `failed` (taken, and the
 * failure form in the end), `hang`. callback: `lost` (never sent), `forged` (a wrong token, then the real one later), `twice`, `late` (`ms`).
 * query: `status`, `cutBefore`.
 */
export const masterKinds = [
  'cutBefore',
  'cutAfter',
  'status',
  'throttle',
  'refuse',
  'failed',
  'hang',
  'lost',
  'forged',
  'twice',
  'late',
] as const

const meant: Record<MasterFault['kind'], MasterCall> = {
  cutBefore: 'batch',
  cutAfter: 'batch',
  status: 'batch',
  throttle: 'batch',
  refuse: 'batch',
  failed: 'batch',
  hang: 'batch',
  lost: 'callback',
  forged: 'callback',
  twice: 'callback',
  late: 'callback',
}

export interface MasterSettings {
  clientId: string
  clientSecret: string
  salt: string
  /** Up to so many rows are answered at once; 0: never. */
  atOnce: number
  /** A batch that is not answered at once takes so long. */
  workMs: number
  perHour: number
  perDay: number
  /** `GET batches/{bizId}` tells results. */
  query: boolean
  /** Callbacks carry Standard Webhooks headers. */
  sign: boolean
  /** The same bizId has one effect. */
  idempotent: boolean
}

interface Batch {
  bizId: string
  path: string
  hash: string
  state: 'running' | 'done' | 'failed'
  data: Record<string, unknown> | null
  url: string | null
}

export interface MasterCallRow {
  n: number
  at: number
  call: MasterCall | 'token'
  path: string
  bizId: string
  rows: number
  status: number | null
  effect: boolean
  fault?: string
}

export interface MasterRecord {
  code: string
  fields: Record<string, unknown>
  /** How often a row wrote it, and the batches that did. */
  writes: string[]
}

export type MasterReply = { status: number; body: string; headers?: Record<string, string> } | 'cut' | 'hang'

const md5 = (text: string): string => createHash('md5').update(text, 'utf8').digest('hex')
const json = JSON.stringify

type Row = Record<string, unknown>

/** What is wrong with a row: no code, or a name that is empty. */
const wrongWith = (row: Row): string[] => {
  const wrong: string[] = []
  if (typeof row.code !== 'string' || row.code === '') wrong.push('编码不能为空')
  for (const [field, value] of Object.entries(row))
    if (/(^|_)name$/.test(field) && (value === '' || value === null)) wrong.push(`${field}不能为空`)
  return wrong
}

export const createMasterdata = ({
  now,
  log,
  after = (ms, run) => setTimeout(run, ms),
}: {
  now: () => number
  log: (line: string) => void
  after?: (ms: number, run: () => void) => { unref?(): unknown }
}) => {
  const settings: MasterSettings = {
    clientId: 'mortise',
    clientSecret: 'secret-of-mortise-at-the-sandbox',
    salt: 'salt-of-mortise-at-the-sandbox',
    atOnce: 200,
    workMs: 50,
    perHour: 50,
    perDay: 100,
    query: true,
    sign: true,
    idempotent: true,
  }
  const tokens = new Map<string, number>()
  const batches = new Map<string, Batch>()
  const records = new Map<string, Map<string, MasterRecord>>()
  const ledger: MasterCallRow[] = []
  const counts = new Map<string, number[]>()
  let over = 0
  let armed: { fault: MasterFault; seen: number; hits: number; draw: () => number }[] = []

  const fire = (call: MasterCall): MasterFault | null => {
    let found: MasterFault | null = null
    for (const one of armed) {
      if ((one.fault.call ?? meant[one.fault.kind]) !== call) continue
      one.seen++
      const { nth, rate } = one.fault
      const hit =
        nth === undefined
          ? rate === undefined || one.draw() < rate
          : Array.isArray(nth)
            ? nth.includes(one.seen)
            : nth === one.seen
      if (!hit || found) continue
      one.hits++
      found = one.fault
    }
    return found
  }

  const note = (row: Omit<MasterCallRow, 'n' | 'at'>): void =>
    void ledger.push({ n: ledger.length + 1, at: now(), ...row })
  const says = (
    status: number,
    code: number,
    message: string,
    more: Row = {},
    headers: Record<string, string> = {},
  ): MasterReply => ({
    status,
    body: json({ resCode: code, resMsg: message, ...more }),
    headers,
  })

  /** The clock hour and the calendar day of Shanghai. */
  const used = (path: string): { hour: number; day: number; reset: number } => {
    const all = counts.get(path) ?? []
    const shift = 8 * 3_600_000
    const hourOf = (at: number): number => Math.floor(at / 3_600_000)
    const dayOf = (at: number): number => Math.floor((at + shift) / 86_400_000)
    const [hour, day] = [hourOf(now()), dayOf(now())]
    return {
      hour: all.filter((at) => hourOf(at) === hour).length,
      day: all.filter((at) => dayOf(at) === day).length,
      reset: Math.ceil(((hour + 1) * 3_600_000 - now()) / 1000),
    }
  }

  const run = (path: string, bizId: string, rows: readonly Row[]): Record<string, unknown> => {
    const held = records.get(path) ?? new Map<string, MasterRecord>()
    records.set(path, held)
    const validatorErrors: Record<string, string[]> = {}
    const warnings: Record<string, string[]> = {}
    let created = 0
    let updated = 0
    for (const [i, row] of rows.entries()) {
      const wrong = wrongWith(row)
      if (wrong.length) {
        validatorErrors[String(i + 1)] = wrong
        continue
      }
      const code = row.code as string
      const known = held.get(code)
      if (known) {
        updated++
        known.fields = { ...known.fields, ...row }
        known.writes.push(bizId)
      } else {
        created++
        held.set(code, { code, fields: { ...row }, writes: [bizId] })
      }
      if (typeof row.parent_code === 'string' && row.parent_code !== '' && !held.has(row.parent_code))
        warnings[String(i + 1)] = [`上级编码${row.parent_code}不存在`]
    }
    return {
      created: `此次请求新建成功了${created}条数据`,
      updated: `此次请求更新成功了${updated}条数据`,
      dbErrors: [],
      warnings,
      validatorErrors,
    }
  }

  const post = async (batch: Batch, body: string, headers: Record<string, string>): Promise<boolean> => {
    try {
      const answer = await fetch(batch.url as string, { method: 'POST', body, headers, redirect: 'manual' })
      await answer.arrayBuffer()
      note({ call: 'callback', path: batch.path, bizId: batch.bizId, rows: 0, status: answer.status, effect: false })
      return answer.status >= 200 && answer.status < 300
    } catch (error) {
      note({ call: 'callback', path: batch.path, bizId: batch.bizId, rows: 0, status: null, effect: false })
      log(`callback of ${batch.bizId}: ${String(error)}`)
      return false
    }
  }

  const tell = (batch: Batch): void => {
    if (batch.url === null) return
    const fault = fire('callback')
    if (fault?.kind === 'lost') return
    const of = (salt: string): [string, Record<string, string>] => {
      const head =
        batch.data === null
          ? { resCode: 5000000, resMsg: '服务器异常、请稍后再试' }
          : { resCode: 200000, resMsg: 'success' }
      const body = json({
        ...head,
        bizId: batch.bizId,
        access_token: md5(batch.bizId + salt),
        ...(batch.data && { data: batch.data }),
      })
      const headers: Record<string, string> = { 'content-type': 'application/json' }
      if (settings.sign) {
        const id = `msg_${md5(batch.bizId)}`
        const seconds = String(Math.floor(now() / 1000))
        const mac = createHmac('sha256', salt).update(`${id}.${seconds}.${body}`).digest('base64')
        Object.assign(headers, {
          'webhook-id': id,
          'webhook-timestamp': seconds,
          'webhook-signature': `v1,${mac}`,
        })
      }
      return [body, headers]
    }
    const send = async (): Promise<void> => {
      if (fault?.kind === 'forged') await post(batch, ...of('not-the-salt'))
      let pause = 100
      while (!(await post(batch, ...of(settings.salt))) && pause < 30_000) {
        await new Promise<void>((done) => void after(pause, done).unref?.())
        pause *= 2
      }
      if (fault?.kind === 'twice') await post(batch, ...of(settings.salt))
    }
    const wait = fault?.kind === 'late' ? (fault.ms ?? 1_000) : 0
    after(wait, () => void send()).unref?.()
  }

  const answerOf = (batch: Batch): MasterReply =>
    says(200, 200000, 'success', { bizId: batch.bizId, ...(batch.data && { data: batch.data }) })

  const isCaller = (authorization: string | null, query: URLSearchParams): boolean => {
    const given = query.get('access_token') ?? /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? ''
    return (tokens.get(given) ?? 0) > now()
  }

  const take = (path: string, text: string): MasterReply => {
    const fault = fire('batch')
    const failing = fault ? { fault: fault.kind } : {}
    const refusal = (
      status: number,
      code: number,
      message: string,
      headers: Record<string, string> = {},
    ): MasterReply => {
      note({ call: 'batch', path, bizId: String(bizId ?? ''), rows: rows.length, status, effect: false, ...failing })
      return says(status, code, message, {}, headers)
    }
    let body: Row
    try {
      body = JSON.parse(text) as Row
    } catch {
      body = {}
    }
    const { bizId, url, data } = body
    const rows = Array.isArray(data) ? (data as Row[]) : []
    if (typeof bizId !== 'string' || !rows.length) return refusal(400, 4000002, '请求体的结构不符合要求')
    const lost = (reply: 'cut' | 'hang', effect: boolean): MasterReply => {
      note({ call: 'batch', path, bizId, rows: rows.length, status: null, effect, ...failing })
      return reply
    }
    if (fault?.kind === 'cutBefore') return lost('cut', false)
    if (fault?.kind === 'hang') return lost('hang', false)
    if (fault?.kind === 'status') return refusal(fault.status ?? 500, 5000000, '服务器异常、请稍后再试')
    if (fault?.kind === 'refuse') return refusal(400, fault.code ?? 4000002, fault.message ?? '请求体的结构不符合要求')
    if (fault?.kind === 'throttle')
      return refusal(429, 4290000, '超出调用次数限制', { 'retry-after': String(fault.seconds ?? 1) })
    const hash = md5(text)
    const before = batches.get(`${path}\n${bizId}`)
    if (before && settings.idempotent) {
      if (before.hash !== hash) return refusal(409, 4090000, '此 bizId 已用于另一个请求')
      if (fault?.kind === 'cutAfter') return lost('cut', false)
      note({ call: 'batch', path, bizId, rows: rows.length, status: 200, effect: false, ...failing })
      return answerOf({ ...before, data: rows.length <= settings.atOnce ? before.data : null })
    }
    const { hour, day, reset } = used(path)
    if (hour >= settings.perHour || day >= settings.perDay) {
      over++
      return refusal(429, 4290000, '超出调用次数限制', { 'retry-after': String(reset) })
    }
    counts.set(path, [...(counts.get(path) ?? []), now()])
    const batch: Batch = {
      bizId,
      path,
      hash,
      state: 'running',
      data: null,
      url: typeof url === 'string' && url !== '' ? url : null,
    }
    batches.set(`${path}\n${bizId}`, batch)
    const work = (): void => {
      if (fault?.kind === 'failed') batch.state = 'failed'
      else {
        batch.data = run(path, bizId, rows)
        batch.state = 'done'
      }
      tell(batch)
    }
    const atOnce = rows.length <= settings.atOnce && fault?.kind !== 'failed'
    if (atOnce) work()
    else after(settings.workMs, work).unref?.()
    if (fault?.kind === 'cutAfter') return lost('cut', true)
    note({ call: 'batch', path, bizId, rows: rows.length, status: 200, effect: true, ...failing })
    return says(
      200,
      200000,
      'success',
      { bizId, ...(atOnce && { data: batch.data }) },
      {
        'ratelimit-limit': String(settings.perHour),
        'ratelimit-remaining': String(Math.max(0, settings.perHour - hour - 1)),
        'ratelimit-reset': String(reset),
      },
    )
  }

  const told = (bizId: string, path: string | null): MasterReply => {
    const fault = fire('query')
    const batch = [...batches.values()].find((one) => one.bizId === bizId && (path === null || one.path === path))
    const status =
      fault?.kind === 'cutBefore' ? null : fault ? (fault.status ?? 500) : settings.query && batch ? 200 : 404
    note({
      call: 'query',
      path: path ?? '',
      bizId,
      rows: 0,
      status,
      effect: false,
      ...(fault && { fault: fault.kind }),
    })
    if (fault?.kind === 'cutBefore') return 'cut'
    if (fault) return says(fault.status ?? 500, 5000000, '服务器异常、请稍后再试')
    if (!settings.query || !batch) return says(404, 4040000, '没有该批次')
    if (batch.state === 'failed')
      return says(200, 5000000, '服务器异常、请稍后再试', { bizId, data: { state: 'failed' } })
    return says(200, 200000, 'success', { bizId, data: { state: batch.state, ...batch.data } })
  }

  const handle = async (asked: {
    method: string
    /** Below `common/`. */
    path: string
    query: URLSearchParams
    authorization: string | null
    text: string | null
  }): Promise<MasterReply> => {
    const { method, path, query, text } = asked
    if (method === 'POST' && path === 'unAuth/tokens/generate') {
      const given = JSON.parse(text ?? '{}') as Row
      const ok = given.client_id === settings.clientId && given.client_secret === settings.clientSecret
      note({ call: 'token', path: '', bizId: '', rows: 0, status: ok ? 200 : 401, effect: ok })
      if (!ok) return says(401, 4010000, 'client_id 或 client_secret 不正确')
      const token = md5(`${now()} ${tokens.size} ${Math.random()}`)
      tokens.set(token, now() + 7_200_000)
      return says(200, 200000, 'success', {
        data: { access_token: token, token_type: 'bearer', scope: 'write', expires_in: 7_200 },
      })
    }
    if (!isCaller(asked.authorization, query)) return says(401, 4010000, 'access_token 无效或已过期')
    const posted = /^(.+)\/batch$/.exec(path)?.[1]
    if (method === 'POST' && posted !== undefined) return take(posted, text ?? '')
    const bizId = /^batches\/([^/]+)$/.exec(path)?.[1]
    if (method === 'GET' && bizId !== undefined) return told(decodeURIComponent(bizId), query.get('path'))
    return says(404, 4040000, '没有该接口')
  }

  return {
    handle,
    settings: () => ({ ...settings, over }),
    set: (given: unknown): string | null => {
      if (typeof given !== 'object' || given === null) return 'an object of settings is expected'
      const wrong = Object.keys(given).find((key) => !(key in settings))
      if (wrong !== undefined) return `there is no setting ${wrong}`
      Object.assign(settings, given)
      return null
    },
    faults: () => armed.map(({ fault, seen, hits }) => ({ ...fault, seen, hits })),
    setFaults: (list: unknown): string | null => {
      if (!Array.isArray(list)) return 'a list of faults is expected; [] clears'
      for (const [i, fault] of (list as MasterFault[]).entries())
        if (!masterKinds.includes(fault?.kind)) return `fault ${i}: kind is none of ${masterKinds.join(', ')}`
      armed = (list as MasterFault[]).map((fault, i) => ({
        fault,
        seen: 0,
        hits: 0,
        draw: generator((fault.seed ?? 1) * 1_000_003 + i),
      }))
      return null
    },
    ledger: (): readonly MasterCallRow[] => ledger,
    records: (path: string): MasterRecord[] => [...(records.get(path)?.values() ?? [])],
  }
}

export type Masterdata = ReturnType<typeof createMasterdata>
