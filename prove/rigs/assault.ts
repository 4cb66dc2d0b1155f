/** Sends what nobody should send to every public door, and says where the answer was not the one it should have been. */
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { hookUrl, type RigTenant } from './config.ts'
import { documents, isAcceptable, texts } from './corpus.ts'
import { inParallel } from './pusher.ts'

const guidePath = '/erp/syncdata/open/objdata/syncpush'
const openPath = '/cgi/crm/erp/syncdata/objdata/push'

export interface Shot {
  what: string
  path: string
  headers: string[]
  body: Buffer
  /** `any`: stored or refused, but never anything else. */
  wanted: 'stored' | 'refused' | 'any'
  /** Of the record, where it is stored. */
  id: string
}

export interface Findings {
  /** Answers that should not have been. */
  wrong: string[]
  /** Ids of what was answered with success. */
  stored: string[]
  shots: number
}

const text = (value: string): string => JSON.stringify(value)
const wire = (value: string): string => Buffer.from(value, 'utf8').toString('latin1')
const around = (before: string, middle: Buffer, after: string): Buffer =>
  Buffer.concat([Buffer.from(before), middle, Buffer.from(after)])

/** A body that names `id`, with `value` in the place of one field's value. */
type Body = (id: string, value: Buffer, field?: string) => Buffer
interface Door {
  name: string
  path: string
  headers(id: string): string[]
  body: Body
}

/** The three doors. The field `free` is not mapped, so that any value may stand there; only what comes by the first door goes on to a target. */
const doorsOf = (tenant: RigTenant): Door[] => {
  const caller = ['token', tenant.pushToken, 'tenantId', tenant.id]
  return [
    {
      name: 'guide',
      path: guidePath,
      headers: (id) => [...caller, 'objectApiName', 'BD_Material', 'id', wire(id)],
      body: (id, value, field = 'free') =>
        around(`{"objAPIName":"BD_Material","masterFieldVal":{"number":${text(id)},"${field}":`, value, '}}'),
    },
    {
      name: 'open',
      path: openPath,
      headers: () => ['Authorization', `Bearer ${tenant.pushToken}`],
      body: (id, value) =>
        around(
          `{"data":{"objAPIName":"BD_Customer","id":${text(id)},"masterFieldVal":{"number":${text(id)},"free":`,
          value,
          '}}}',
        ),
    },
    {
      name: 'hook',
      path: hookUrl('', tenant.id),
      headers: () => [],
      body: (id, value) =>
        around(
          `{"tenantId":${text(tenant.id)},"objectApiName":"AccountObj","dataId":${text(id)},"operation":"update","changedAt":1,"masterFieldVal":{"name":${text(id)},"last_modified_time":1714950489123,"free":`,
          value,
          '}}',
        ),
    },
  ]
}

/** Each document as a whole body, and as the value of a field. */
const ofDocuments = (doors: Door[]): Shot[] =>
  doors.flatMap((door) =>
    documents.flatMap(({ name, bytes }, i): Shot[] => {
      const id = `${door.name}-doc-${i}`
      const inside = door.body(id, bytes)
      const isNothing = door.name === 'hook' && /^\s*\[\s*\]\s*$/.test(bytes.toString())
      const whole: Shot = {
        what: `${door.name}: ${name} as a whole`,
        path: door.path,
        headers: door.headers(`${id}-whole`),
        body: bytes,
        wanted: 'refused',
        id: `${id}-whole`,
      }
      return [
        ...(isNothing ? [] : [whole]), // a list of no events is nothing to complain about
        {
          ...whole,
          what: `${door.name}: ${name} in a field`,
          headers: door.headers(id),
          body: inside,
          wanted: isAcceptable(inside) ? 'stored' : 'refused',
          id,
        },
      ]
    }),
  )

/** Each text as a value (at the first door of a field that is mapped), and as a key. */
const ofTexts = (doors: Door[]): Shot[] =>
  doors.flatMap((door) =>
    texts.flatMap((one, i) =>
      [text(one), `{${text(`k${one}`)}:0}`].map((value, k): Shot => {
        const id = `${door.name}-text-${i}-${k}`
        const body = door.body(id, Buffer.from(value), k === 0 && door.name === 'guide' ? 'name' : 'free')
        return {
          what: `${door.name}: ${value} as a ${k ? 'key' : 'value'}`,
          path: door.path,
          headers: door.headers(id),
          body,
          wanted: isAcceptable(body) ? 'stored' : 'refused',
          id,
        }
      }),
    ),
  )

/** What HTTP itself forbids in a header is sent over a bare socket. */
const fitsHeader = (value: string): boolean => ![...value].some((c) => c < ' ' || c === '\u007f')

const headerNames = [
  'token',
  'tenantId',
  'objectApiName',
  'dataCenterId',
  'operationType',
  'version',
  'directSync',
  'locale',
  'Idempotency-Key',
  'X-Request-Id',
  'Content-Type',
  'Content-Encoding',
  'Accept-Language',
  'Authorization',
  'Cookie',
  'Forwarded',
]

/** Each text in a header of each door, one header after the other, beside good ones (so that some stand twice). */
const ofHeaders = (doors: Door[]): Shot[] =>
  doors.flatMap((door) =>
    texts.filter(fitsHeader).map((one, i): Shot => {
      const name = headerNames[i % headerNames.length] as string
      const id = `${door.name}-head-${i}`
      return {
        what: `${door.name}: ${text(one)} as ${name}`,
        path: door.path,
        headers: [...door.headers(id), name, wire(one)],
        body: door.body(id, Buffer.from('0')),
        wanted: 'any',
        id,
      }
    }),
  )

/** Each text as an id: in the header, in the newer body, in the event; and as a part of the address. */
const ofIds = (doors: Door[], tenant: RigTenant): Shot[] =>
  texts.flatMap((one, i): Shot[] => {
    const [guide, open, hook] = doors as [Door, Door, Door]
    // Another name in front: of two doors with one id nobody could say which stored it.
    return [
      ...(fitsHeader(one)
        ? [
            {
              what: `guide: ${text(one)} in an id`,
              path: guide.path,
              headers: guide.headers(`h${one}`),
              body: guide.body('x', Buffer.from('0')),
              wanted: 'any' as const,
              id: `guide-id-${i}`,
            },
          ]
        : []),
      ...[open, hook].map(
        (door): Shot => ({
          what: `${door.name}: ${text(one)} in an id`,
          path: door.path,
          headers: [],
          body: door.body(`${door.name}${one}`, Buffer.from('0')),
          wanted: 'any',
          id: `${door.name}-id-${i}`,
        }),
      ),
      ...(one.isWellFormed()
        ? [
            {
              what: `hook: ${text(one)} as a secret`,
              path: `/hooks/crm/${encodeURIComponent(one)}`,
              headers: [],
              body: hook.body('x', Buffer.from('0')),
              wanted: 'refused' as const,
              id: tenant.id,
            },
          ]
        : []),
    ]
  })

const ways = [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', (bytes: Buffer) => brotliCompressSync(bytes, { params: { 0: 1 } })],
] as const

/** Good bodies compressed, broken ones, and bombs. */
const ofEncodings = (doors: Door[], bombs: number): Shot[] => {
  const zeros = Buffer.alloc(21 * 1024 * 1024, 0x20)
  return ways.flatMap(([encoding, squeeze]) => {
    const bomb = squeeze(zeros)
    return doors.flatMap((door): Shot[] => {
      const shot = (what: string, body: Buffer, wanted: Shot['wanted'], n = 0): Shot => {
        const id = `${door.name}-${encoding}-${what}-${n}`
        return {
          what: `${door.name}: ${what} (${encoding})`,
          path: door.path,
          headers: [...door.headers(id), 'Content-Encoding', encoding],
          body,
          wanted,
          id,
        }
      }
      const good = (what: string): Buffer => squeeze(door.body(`${door.name}-${encoding}-${what}-0`, Buffer.from('0')))
      return [
        shot('whole', good('whole'), 'stored'),
        shot('cut', good('cut').subarray(0, -9), 'refused'),
        shot('plain', door.body('plain', Buffer.from('0')), 'refused'),
        shot('empty', Buffer.alloc(0), 'refused'),
        ...Array.from({ length: bombs }, (_, n) => shot('bomb', bomb, 'refused', n)),
      ]
    })
  })
}

/** Up to the limit, and over it. */
const ofSizes = (doors: Door[], sizes: number[]): Shot[] =>
  doors.flatMap((door) =>
    sizes.map((size): Shot => {
      const id = `${door.name}-size-${size}`
      return {
        what: `${door.name}: ${size} MB`,
        path: door.path,
        headers: door.headers(id),
        body: door.body(id, Buffer.from(text('x'.repeat(size << 20)))),
        wanted: size <= 4 ? 'stored' : 'refused',
        id,
      }
    }),
  )

const ofNoise = (doors: Door[], count: number, seed: number): Shot[] => {
  const bodies = fc.sample(
    fc.oneof(
      fc.json({ stringUnit: 'grapheme' }).map((json) => Buffer.from(json)),
      fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
      fc.string({ unit: 'binary', maxLength: 40 }).map((one) => Buffer.from(text(one))),
    ),
    { numRuns: count, seed },
  )
  return doors.flatMap((door) =>
    bodies.flatMap((bytes, i): Shot[] => {
      const id = `${door.name}-noise-${i}`
      const inside = door.body(id, bytes)
      const shot: Shot = {
        what: `${door.name}: noise ${i} of seed ${seed}`,
        path: door.path,
        headers: door.headers(id),
        body: inside,
        wanted: isAcceptable(inside) ? 'stored' : 'refused',
        id,
      }
      return [shot, { ...shot, headers: door.headers(`${id}-whole`), body: bytes, wanted: 'any', id: `${id}-whole` }]
    }),
  )
}

/** Every n-th, beginning somewhere else with each seed. */
export const share = <T>(all: readonly T[], n: number, seed: number): T[] => all.filter((_, i) => i % n === seed % n)

/** In the order in which it is sent. The short form sends all documents, and a share of the rest that differs with the seed. */
export const shotsAt = (tenant: RigTenant, long: boolean, seed: number): Shot[] => {
  const doors = doorsOf(tenant)
  const rest = [...ofTexts(doors), ...ofHeaders(doors), ...ofIds(doors, tenant)]
  return [
    ...ofDocuments(doors),
    ...(long ? rest : share(rest, 5, seed)),
    ...ofNoise(doors, long ? 1_500 : 100, seed),
    ...ofSizes(doors, [6, 20]),
    ...ofEncodings(doors, long ? 20 : 2),
  ]
}

/** Large, and good: not a part of the assault, but beside it they must come through. */
export const largeShots = (tenant: RigTenant): Shot[] => ofSizes(doorsOf(tenant), [4])

/** The control's share: one door, bodies only. */
export const guideShots = (tenant: RigTenant): Shot[] => ofDocuments(doorsOf(tenant).slice(0, 1))

const refusals = new Set([400, 401, 404, 405, 409, 413, 429, 431])

const complaint = (shot: Shot, status: number, body: string): string | null => {
  const say = (what: string): string => `${shot.what}: ${what}: ${status} ${body.slice(0, 200)}`
  if (/node_modules|\bat \S+ \(|\.ts:\d/.test(body)) return say('shows our insides')
  if (!body.startsWith('{')) return say('is no answer of ours')
  if (status === 200) return shot.wanted === 'refused' ? say('was taken in') : null
  if (!refusals.has(status)) return say('is an answer that must not be')
  return shot.wanted === 'stored' ? say('was refused') : null
}

/** Fires all, `clients` at a time; goes on whatever happens. */
export const fire = async (base: string, shots: readonly Shot[], clients = 12): Promise<Findings> => {
  const { hostname, port } = new URL(base)
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const found: Findings = { wrong: [], stored: [], shots: shots.length }
  const send = ({ path, headers, body }: Shot): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const all = ['Host', 'door', 'Content-Length', String(body.length), ...headers]
      const call = request({ hostname, port, agent, path, method: 'POST', headers: all, timeout: 30_000 }, (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
      })
      call.on('timeout', () => call.destroy(new Error('no answer')))
      call.on('error', reject)
      call.end(body)
    })
  await inParallel(clients, shots, async (shot) => {
    try {
      const { status, text: body } = await send(shot)
      const wrong = complaint(shot, status, body)
      if (wrong !== null) found.wrong.push(wrong)
      if (status === 200 && !body.startsWith('{"accepted":0')) found.stored.push(shot.id)
    } catch (error) {
      found.wrong.push(`${shot.what}: ${(error as Error).message}`)
    }
  })
  agent.destroy()
  return found
}

/** HTTP that is none. Each must be answered with a 4xx, or with nothing. */
export const garble = async (base: string): Promise<string[]> => {
  const { hostname, port } = new URL(base)
  const line = `POST ${guidePath} HTTP/1.1\r\n`
  const wrong: string[] = []
  const lines = [
    'GARBAGE\r\n\r\n',
    '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
    `${line}id: a\u0000b\r\n\r\n`,
    `${line}bad header\r\n\r\n`,
    `${line}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
    `${line}Content-Length: -1\r\n\r\n`,
    `${line}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${line}Transfer-Encoding: gzip\r\n\r\n`,
    `${line}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nx`,
    `${line}x: ${'y'.repeat(20_000)}\r\n\r\n`,
    `POST /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
    `POST ${guidePath} HTTP/9.9\r\n\r\n`,
    'POST /erp/%zz HTTP/1.1\r\nContent-Length: 0\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    ...texts.filter((one) => !fitsHeader(one)).map((one) => `${line}id: ${wire(one)}\r\n\r\n`),
  ]
  await inParallel(8, lines, async (bytes) => {
    const answer = await new Promise<string>((resolve) => {
      let got = ''
      const socket = connect(Number(port), hostname, () => socket.write(Buffer.from(bytes, 'latin1')))
      socket.setTimeout(300, () => socket.destroy())
      socket.on('data', (chunk) => {
        got += chunk
        if (got.includes('}')) socket.destroy()
      })
      socket.on('error', () => {}).on('close', () => resolve(got))
    })
    if (answer !== '' && !/^HTTP\/1\.1 4\d\d /.test(answer)) wrong.push(`${text(bytes.slice(0, 60))}: ${answer}`)
  })
  return wrong
}
