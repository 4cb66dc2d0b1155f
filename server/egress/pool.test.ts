/** The way out over real sockets: what left, what did not, and what nobody knows. */
import assert from 'node:assert/strict'
import { createServer as createHttp, type RequestListener, type Server as HttpServer } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import zlib from 'node:zlib'
import { createLimits, type LimitsDef } from './limits.ts'
import { type Call, createPool, headerText, type Pool, type Reply, refuseRequest, retryInstant } from './pool.ts'

const env = { now: Date.now, monotonic: () => performance.now() }

const listening = async <T extends Server | HttpServer>(server: T): Promise<T> => {
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return server
}
const originOf = (server: Server | HttpServer): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

interface Target extends AsyncDisposable {
  origin: string
  pool: Pool
  /** Requests as raw text, one entry per time that a request line with that body was seen. */
  seen: string[]
  sockets: Socket[]
}

const poolOf = (origin: string, limits: Partial<LimitsDef> = {}, extra: object = {}): Pool =>
  createPool({
    origin,
    connections: limits.concurrency ?? 4,
    policy: { kind: 'connection', allowLoopback: true },
    limits: createLimits({ concurrency: 4, ...limits }, { random: Math.random }),
    env,
    ...extra,
  })

const httpTarget = async (listener: RequestListener, limits?: Partial<LimitsDef>): Promise<Target> => {
  const seen: string[] = []
  const server = await listening(
    createHttp((req, res) => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', () => {
        seen.push(Buffer.concat(chunks).toString())
        listener(req, res)
      })
    }),
  )
  const pool = poolOf(originOf(server), limits)
  return {
    origin: originOf(server),
    pool,
    seen,
    sockets: [],
    async [Symbol.asyncDispose]() {
      await pool.close()
      server.closeAllConnections()
      server.close()
    },
  }
}

/** A bare TCP target: `onRequest` runs for each complete request (the n-th on that socket), with the socket to answer or cut. */
const tcpTarget = async (
  onRequest: (socket: Socket, nth: number, connection: number) => void,
  onConnect?: (socket: Socket) => void,
): Promise<Target> => {
  const seen: string[] = []
  const sockets: Socket[] = []
  const server = await listening(
    createTcp((socket) => {
      const connection = sockets.push(socket)
      let text = ''
      let nth = 0
      socket.on('error', () => {})
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        const head = text.indexOf('\r\n\r\n')
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
        if (head < 0 || text.length < head + 4 + length) return
        seen.push(text)
        text = ''
        onRequest(socket, ++nth, connection)
      })
      onConnect?.(socket)
    }),
  )
  const pool = poolOf(originOf(server))
  return {
    origin: originOf(server),
    pool,
    seen,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await pool.close()
      server.close()
    },
  }
}

const ok = (body = 'ok', headers = ''): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`

const post = (target: { pool: Pool }, body = 'body', more: Partial<Call> = {}): Promise<Reply> & { sent: number } => {
  const counted = { sent: 0 }
  const promise = target.pool.call({
    method: 'POST',
    path: '/create',
    headers: { 'content-type': 'text/plain' },
    body: Buffer.from(body),
    timeout: 2_000,
    ...more,
    sent: () => {
      counted.sent++
      more.sent?.()
    },
  })
  return Object.defineProperty(promise, 'sent', { get: () => counted.sent }) as Promise<Reply> & { sent: number }
}

const until = async (what: () => boolean): Promise<void> => {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 2))
}
const line = (reply: Reply): string =>
  reply.kind === 'answer' ? `answer ${reply.status} ${reply.body}` : `${reply.kind} ${reply.why}`

test('an answer comes with status, headers, body and the two instants around it', async () => {
  await using target = await httpTarget((_, res) => res.writeHead(201, { 'x-a': 'b' }).end('hello'))
  const before = Date.now()
  const reply = await post(target)
  assert.ok(reply.kind === 'answer')
  assert.equal(reply.status, 201)
  assert.equal(reply.headers['x-a'], 'b')
  assert.equal(reply.body.toString(), 'hello')
  assert.ok(before <= reply.sentAt && reply.sentAt <= reply.headersAt && reply.headersAt <= Date.now())
})

test('O1: a refused connection sent nothing', async () => {
  const server = await listening(createTcp())
  const origin = originOf(server)
  await new Promise((resolve) => server.close(resolve))
  const pool = poolOf(origin)
  const call = post({ pool })
  const reply = await call
  assert.equal(line(reply), 'unsent connection')
  assert.match(reply.kind === 'unsent' ? reply.said : '', /ECONNREFUSED/)
  assert.equal(call.sent, 0)
  await pool.close()
})

test('O1: a name that does not resolve sent nothing', async () => {
  const pool = poolOf(
    'http://erp.invalid',
    {},
    {
      resolve: (_: string, done: (err: Error, a: []) => void) =>
        done(Object.assign(new Error('getaddrinfo ENOTFOUND erp.invalid'), { code: 'ENOTFOUND' }), []),
    },
  )
  assert.equal(line(await post({ pool })), 'unsent connection')
  await pool.close()
})

test('O1: a connection that never opens ends with its deadline, and nothing was sent', async () => {
  const pool = poolOf('http://erp.invalid', {}, { resolve: () => {} })
  const call = post({ pool }, 'x', { timeout: 100 })
  assert.equal(line(await call), 'unsent connection')
  assert.equal(call.sent, 0)
  await pool.close()
})

test('a refused address is told apart from a refused connection', async () => {
  const pool = poolOf('http://169.254.169.254')
  const call = post({ pool })
  assert.equal(line(await call), 'unsent egress')
  assert.equal(call.sent, 0)
  await pool.close()
})

test('O4: a connection that is reset when it opens, with the request on its way, is unknown', async () => {
  await using target = await tcpTarget(
    () => {},
    (socket) => socket.resetAndDestroy(),
  )
  const call = post(target)
  const reply = await call
  // Before the first byte could leave it is honest to say so; after `sent()`, nobody knows.
  if (call.sent) assert.equal(line(reply), 'lost cut')
  else assert.equal(line(reply), 'unsent connection')
})

test('O4: cut after the request was read is unknown, and it was sent once', async () => {
  await using target = await tcpTarget((socket) => socket.destroy())
  const call = post(target)
  assert.equal(line(await call), 'lost cut')
  assert.equal(call.sent, 1)
  assert.equal(target.seen.length, 1)
})

test('O4: half an answer is unknown', async () => {
  await using target = await tcpTarget((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"code"'))
  const reply = await post(target)
  assert.equal(line(reply), 'lost cut')
  assert.equal(reply.kind === 'lost' && reply.status, 200)
})

test('O4: half the headers, garbage, and a chunked answer without its end are unknown', async () => {
  for (const answer of [
    'HTTP/1.1 200 OK\r\ncontent-le',
    'SSH-2.0-OpenSSH\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n',
  ]) {
    await using target = await tcpTarget((socket) => socket.end(answer))
    assert.equal(line(await post(target)), 'lost cut', answer)
  }
})

test('O4: no answer within the total deadline is unknown, though bytes keep dripping', async () => {
  await using target = await tcpTarget((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n')
    const drip = setInterval(() => socket.write('x'), 10)
    socket.on('close', () => clearInterval(drip))
  })
  const began = performance.now()
  assert.equal(line(await post(target, 'x', { timeout: 150 })), 'lost timeout')
  assert.ok(performance.now() - began < 1_000)
})

test('a keep-alive connection that the peer closed while idle is not used: a new one is, once', async () => {
  await using target = await tcpTarget((socket) => socket.write(ok()))
  assert.equal(line(await post(target, 'one')), 'answer 200 ok')
  const [first] = target.sockets
  await new Promise((resolve) => {
    first?.once('close', resolve)
    first?.end()
  })
  assert.equal(line(await post(target, 'two')), 'answer 200 ok')
  assert.equal(target.sockets.length, 2)
  assert.equal(target.seen.filter((text) => text.endsWith('two')).length, 1)
})

test('never sent twice: a connection that closes under the request is reported as unknown or unsent, over 200 races', async () => {
  let close = false
  await using target = await tcpTarget((socket, nth) => {
    if (nth > 1) return // The second request on a socket is read, and lost with it.
    socket.write(ok())
    if (close) setTimeout(() => socket.destroy(), Math.random() * 3)
  })
  close = true
  const replies = new Map<string, { line: string; sent: number }>()
  for (let i = 0; i < 200; i++) {
    const call = post(target, `body-${i};`, { timeout: 1_000 })
    replies.set(`body-${i};`, { line: line(await call), sent: call.sent })
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
  }
  for (const [body, reply] of replies) {
    const times = target.seen.filter((text) => text.endsWith(body)).length
    assert.ok(times <= 1, `${body} arrived ${times} times`)
    assert.ok(reply.sent <= 1)
    if (reply.line.startsWith('unsent')) assert.equal(times, 0, body)
    if (reply.line.startsWith('answer')) assert.equal(times, 1, body)
  }
  assert.ok([...replies.values()].filter((r) => r.line.startsWith('answer')).length > 50)
})

test('a bomb does not inflate beyond the limit, small or large, whatever the encoding', async () => {
  const zeros = Buffer.alloc(40 * 1024 * 1024)
  const bombs = {
    gzip: zlib.gzipSync(zeros),
    deflate: zlib.deflateSync(zeros),
    br: zlib.brotliCompressSync(zeros, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
  }
  let name: keyof typeof bombs = 'gzip'
  await using target = await httpTarget((_, res) => res.writeHead(200, { 'content-encoding': name }).end(bombs[name]))
  for (name of ['gzip', 'deflate', 'br'] as const)
    assert.equal(line(await post(target, 'x', { timeout: 5_000 })), 'lost size', name)
})

test('an answer of more than 10 MB is cut off while it arrives', async () => {
  await using target = await httpTarget((_, res) => {
    const more = (): boolean => res.write(Buffer.alloc(1 << 20, 120))
    res.on('drain', more)
    more()
  })
  assert.equal(line(await post(target, 'x', { timeout: 5_000 })), 'lost size')
})

test('gzip, deflate and br answers are read; broken and unknown encodings are unknown', async () => {
  const bodies: [string, Buffer, string][] = [
    ['gzip', zlib.gzipSync('hello'), 'answer 200 hello'],
    ['x-gzip', zlib.gzipSync('hello'), 'answer 200 hello'],
    ['deflate', zlib.deflateSync('hello'), 'answer 200 hello'],
    ['br', zlib.brotliCompressSync('hello'), 'answer 200 hello'],
    ['identity', Buffer.from('hello'), 'answer 200 hello'],
    ['gzip', Buffer.from('hello'), 'lost encoding'],
    ['gzip', zlib.gzipSync('hello hello hello').subarray(0, 20), 'lost encoding'],
    ['zstd', Buffer.from('hello'), 'lost encoding'],
  ]
  let at = 0
  await using target = await httpTarget((_, res) =>
    res.writeHead(200, { 'content-encoding': bodies[at]?.[0] ?? '' }).end(bodies[at]?.[1]),
  )
  for (; at < bodies.length; at++) assert.equal(line(await post(target)), bodies[at]?.[2])
})

test('a redirect is an answer, and is not followed', async () => {
  await using target = await httpTarget((_, res) => res.writeHead(302, { location: '/elsewhere' }).end())
  assert.equal(line(await post(target)), 'answer 302 ')
  assert.equal(target.seen.length, 1)
})

test('204 and 1xx before the answer are read', async () => {
  await using target = await httpTarget((_, res) => {
    res.writeProcessing()
    res.writeHead(204).end()
  })
  assert.equal(line(await post(target)), 'answer 204 ')
})

test('C2: past sendBy nothing leaves, neither at once nor from the queue', async () => {
  const held: (() => void)[] = []
  await using target = await httpTarget((_, res) => held.push(() => res.end('ok')), { concurrency: 1 })
  const over = post(target, 'over', { sendBy: performance.now() - 1 })
  assert.equal(line(await over), 'unsent late')
  const first = post(target, 'first')
  await until(() => held.length === 1)
  const queued = post(target, 'queued', { sendBy: performance.now() + 60 })
  assert.equal(line(await queued), 'unsent late')
  assert.equal(queued.sent, 0)
  held[0]?.()
  assert.equal(line(await first), 'answer 200 ok')
  assert.deepEqual(target.seen, ['first'])
})

test('C2: a connection that opens after sendBy carries nothing', async () => {
  await using target = await httpTarget((_, res) => res.end('ok'))
  let open: () => void = () => {}
  const pool = poolOf(
    target.origin.replace('127.0.0.1', 'slow.invalid'),
    {},
    {
      resolve: (_: string, done: (err: null, a: object[]) => void) => {
        open = () => done(null, [{ address: '127.0.0.1', family: 4 }])
      },
    },
  )
  const call = post({ pool }, 'late', { sendBy: performance.now() + 60 })
  const reply = await call
  open()
  assert.equal(line(reply), 'unsent late')
  assert.equal(line(await post(target, 'other')), 'answer 200 ok')
  await until(() => target.seen.length > 0)
  await pool.close()
  assert.deepEqual(target.seen, ['other'])
  assert.equal(call.sent, 0)
})

test('shutting down: what has not started is unsent, what has is unknown', async () => {
  await using target = await httpTarget(() => {}, { concurrency: 1 })
  const stop = new AbortController()
  const first = post(target, 'first', { signal: stop.signal })
  const second = post(target, 'second', { signal: stop.signal })
  await until(() => target.seen.length === 1)
  stop.abort()
  assert.equal(line(await first), 'lost aborted')
  assert.equal(line(await second), 'unsent aborted')
  assert.equal(line(await post(target, 'third', { signal: stop.signal })), 'unsent aborted')
})

test('close waits for what has started and refuses the rest', async () => {
  const held: (() => void)[] = []
  await using target = await httpTarget((_, res) => held.push(() => res.end('ok')), { concurrency: 1 })
  const first = post(target, 'first')
  const second = post(target, 'second')
  await until(() => held.length === 1)
  const closed = target.pool.close()
  assert.equal(line(await second), 'unsent closed')
  assert.equal(line(await post(target, 'third')), 'unsent closed')
  held[0]?.()
  assert.equal(line(await first), 'answer 200 ok')
  await closed
})

test('no more calls run at once than the concurrency, and the rate is held, though the pool is asked for more', async () => {
  let now = 0
  let most = 0
  await using target = await httpTarget(
    (_, res) => {
      most = Math.max(most, ++now)
      setTimeout(() => {
        now--
        res.end('ok')
      }, 5)
    },
    { concurrency: 3, perSecond: 40, burst: 10 },
  )
  const replies = await Promise.all(Array.from({ length: 30 }, (_, i) => post(target, String(i), { timeout: 5_000 })))
  assert.ok(replies.every((reply) => reply.kind === 'answer'))
  assert.equal(most, 3)
})

test('429 holds the target until Retry-After; waiting calls are handed back', async () => {
  await using target = await httpTarget((_, res) => res.writeHead(429, { 'retry-after': '7' }).end(), {
    concurrency: 1,
  })
  const [first, second] = await Promise.all([post(target, 'first'), post(target, 'second')])
  assert.equal(line(first), 'answer 429 ')
  const at = first.kind === 'answer' ? (first.retryAt ?? 0) : 0
  assert.ok(Math.abs(at - Date.now() - 7_000) < 1_500)
  assert.equal(line(second), 'unsent limited')
  assert.equal(second.kind === 'unsent' && second.at, at)
  assert.equal(target.pool.slots().free, 0)
  assert.equal(target.seen.length, 1)
})

test('the breaker opens on failures, and hands waiting calls back', async () => {
  await using target = await httpTarget((_, res) => res.writeHead(500).end('x'), { concurrency: 1 })
  const replies = await Promise.all(Array.from({ length: 8 }, (_, i) => post(target, String(i))))
  assert.deepEqual(replies.map(line), [...Array(5).fill('answer 500 x'), ...Array(3).fill('unsent breaker')])
  assert.equal(target.pool.slots().why, 'breaker')
})

test('malformed requests are told, and wedge nothing', async () => {
  await using target = await httpTarget((_, res) => res.end('ok'), { concurrency: 2 })
  for (let i = 0; i < 10; i++) {
    assert.equal(line(await post(target, 'x', { headers: { token: `a\r\nb${i}` } })), 'unsent request')
    assert.equal(line(await post(target, 'x', { path: '/a b' })), 'unsent request')
    assert.equal(line(await post(target, 'x', { headers: { expect: '100-continue' } })), 'unsent request')
  }
  assert.equal(line(await post(target)), 'answer 200 ok')
  assert.match(refuseRequest('/x', { 'a b': 'c' }) ?? '', /name/)
})

test('Chinese header text arrives as UTF-8 bytes', async () => {
  let got = ''
  await using target = await httpTarget((req, res) => {
    got = Buffer.from(String(req.headers.id), 'latin1').toString('utf8')
    res.end('ok')
  })
  await post(target, 'x', { headers: { id: headerText('客户-一') } })
  assert.equal(got, '客户-一')
})

test('a throw of sent() stops the request before its first byte', async () => {
  await using target = await httpTarget((_, res) => res.end('ok'))
  await assert.rejects(
    post(target, 'bad', {
      sent: () => {
        throw new Error('no mark')
      },
    }),
    /no mark/,
  )
  assert.equal(line(await post(target, 'good')), 'answer 200 ok')
  assert.deepEqual(target.seen, ['good'])
})

test('Retry-After: seconds, a date against the target’s own clock, and nonsense', () => {
  assert.equal(retryInstant('7', undefined, 1_000), 8_000)
  const theirs = 'Wed, 21 Oct 2015 07:28:00 GMT'
  assert.equal(retryInstant('Wed, 21 Oct 2015 07:28:30 GMT', theirs, 5_000), 35_000)
  assert.equal(retryInstant('Wed, 21 Oct 2015 07:00:00 GMT', theirs, 5_000), 5_000)
  assert.equal(retryInstant('soon', theirs, 5_000), undefined)
  assert.equal(retryInstant(undefined, theirs, 5_000), undefined)
})
