/** A caller of Mortise's master-data batch: it sends batches when it is told to, keeps the callbacks it received with its own verdict on each, and misbehaves on demand. */
import { createHash, createHmac, randomUUID } from 'node:crypto'

export interface CallerSettings {
  /** Mortise's address. */
  url: string
  clientId: string
  clientSecret: string
  salt: string
}

/** `answers`: what it says to a callback, in turn; `cut` ends the connection, `slow` answers after 20 s. The last one stays. */
export interface CallerFaults {
  answers: (number | 'cut' | 'slow')[]
}

/** What is to be sent. */
export interface Sending {
  path: string
  /** The rows themselves, or how many to make up. */
  data?: Record<string, unknown>[]
  rows?: number
  bizId?: string
  /** Header `locale`. */
  locale?: string
  /** Default: our own listener; null: none. */
  url?: string | null
  /** `lost`: the answer is not waited for; `replay`: the same bytes once more; `badRows`: every n-th made-up row has no name. */
  fault?: 'lost' | 'replay'
  badRows?: number
}

export interface Heard {
  n: number
  at: number
  headers: Record<string, string>
  body: string
  bizId: string | null
  /** MD5 and signature, computed here. */
  token: boolean
  signature: boolean
  /** What was answered. */
  answered: number | 'cut' | 'slow'
}

export interface Sent {
  n: number
  at: number
  bizId: string
  path: string
  rows: number
  status: number | null
  answer: unknown
}

const nameOf = (path: string): string =>
  ({ positions: 'position_name', 'departments/v2': 'department_name', branches: 'branch_name' })[path] ?? 'name'

const madeUp = ({ path, rows = 1, badRows }: Sending, bizId: string): Record<string, unknown>[] =>
  Array.from({ length: rows }, (_, i) => ({
    code: `${bizId.slice(0, 24)}-${i + 1}`,
    [nameOf(path)]: badRows !== undefined && (i + 1) % badRows === 0 ? '' : `row ${i + 1}`,
    enabled_flag: 'Y',
  }))

export const createCaller = ({
  now,
  log,
  own,
}: {
  now: () => number
  log: (line: string) => void
  own: () => string
}) => {
  let settings: CallerSettings = { url: '', clientId: '', clientSecret: '', salt: '' }
  let faults: CallerFaults = { answers: [] }
  let token: { value: string; until: number } | null = null
  const heard: Heard[] = []
  const sent: Sent[] = []

  const ask = async (
    path: string,
    body: string,
    headers: Record<string, string>,
  ): Promise<{ status: number; answer: unknown }> => {
    const answer = await fetch(`${settings.url}${path}`, { method: 'POST', body, headers })
    const text = await answer.text()
    try {
      return { status: answer.status, answer: JSON.parse(text) as unknown }
    } catch {
      return { status: answer.status, answer: text }
    }
  }

  const tokenOf = async (): Promise<string> => {
    if (token && token.until > now()) return token.value
    const given = await ask(
      '/common/unAuth/tokens/generate',
      JSON.stringify({ client_id: settings.clientId, client_secret: settings.clientSecret }),
      {},
    )
    const data = (given.answer as { data?: { access_token?: string; expires_in?: number } }).data
    if (!data?.access_token) throw new Error(`no token: ${given.status} ${JSON.stringify(given.answer)}`)
    token = { value: data.access_token, until: now() + (data.expires_in ?? 60) * 1_000 - 60_000 }
    return token.value
  }

  const send = async (what: Sending): Promise<Sent> => {
    const bizId = what.bizId ?? randomUUID()
    const data = what.data ?? madeUp(what, bizId)
    const url = what.url === undefined ? `${own()}/sandbox/caller/callback` : what.url
    const body = JSON.stringify({ bizId, timestamp: now(), ...(url !== null && { url }), data })
    const row: Sent = {
      n: sent.length + 1,
      at: now(),
      bizId,
      path: what.path,
      rows: data.length,
      status: null,
      answer: null,
    }
    sent.push(row)
    const headers = { authorization: `Bearer ${await tokenOf()}`, ...(what.locale && { locale: what.locale }) }
    const once = (): Promise<{ status: number; answer: unknown }> => ask(`/common/${what.path}/batch`, body, headers)
    if (what.fault === 'lost') {
      const leaving = new AbortController()
      await fetch(`${settings.url}/common/${what.path}/batch`, {
        method: 'POST',
        body,
        headers,
        signal: leaving.signal,
      })
        .then(() => leaving.abort())
        .catch((error: unknown) => log(`lost on purpose: ${String(error)}`))
      return row
    }
    const first = await once()
    Object.assign(row, first)
    if (what.fault === 'replay') {
      const again = await once()
      sent.push({ ...row, n: sent.length + 1, at: now(), ...again })
    }
    return row
  }

  /** A callback came in: judged with code of our own, noted, and answered as the faults say. */
  const hear = (headers: Record<string, string>, body: string): number | 'cut' | 'slow' => {
    let told: { bizId?: unknown; access_token?: unknown } = {}
    try {
      told = JSON.parse(body) as typeof told
    } catch {
      // kept as it came
    }
    const bizId = typeof told.bizId === 'string' ? told.bizId : null
    const md5 = createHash('md5').update(`${bizId}${settings.salt}`, 'utf8').digest('hex')
    const mac = createHmac('sha256', settings.salt)
      .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`)
      .digest('base64')
    const answered = (faults.answers.length > 1 ? faults.answers.shift() : faults.answers[0]) ?? 200
    heard.push({
      n: heard.length + 1,
      at: now(),
      headers,
      body,
      bizId,
      token: told.access_token === md5,
      signature: (headers['webhook-signature'] ?? '').split(' ').includes(`v1,${mac}`),
      answered,
    })
    return answered
  }

  return {
    send,
    hear,
    callbacks: (bizId: string | null): Heard[] => heard.filter((one) => bizId === null || one.bizId === bizId),
    sent: (): readonly Sent[] => sent,
    settings: () => ({ ...settings, clientSecret: settings.clientSecret ? '…' : '', salt: settings.salt ? '…' : '' }),
    set: (given: unknown): string | null => {
      const next = { ...settings, ...(given as Partial<CallerSettings>) }
      if (Object.values(next).some((one) => typeof one !== 'string')) return 'settings are texts'
      settings = { ...next, url: next.url.replace(/\/+$/, '') }
      token = null
      return null
    },
    faults: () => faults,
    setFaults: (given: unknown): string | null => {
      const answers = (given as Partial<CallerFaults>)?.answers ?? (Array.isArray(given) && !given.length ? [] : null)
      if (!Array.isArray(answers) || !answers.every((one) => one === 'cut' || one === 'slow' || Number.isInteger(one)))
        return 'answers is a list of statuses, "cut" and "slow"; [] clears'
      faults = { answers: [...answers] }
      return null
    },
  }
}

export type Caller = ReturnType<typeof createCaller>
