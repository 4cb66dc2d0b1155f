/** The line between Mortise and its PostgreSQL, in our hands: slow, or cut just when the server has committed and not yet been heard. */
import { createServer, connect as dial, type Socket } from 'node:net'
import { freePort } from './ground.ts'

export interface Wire extends AsyncDisposable {
  /** The database's address through the line. */
  url: string
  /** Statements of connections with this application name take so many milliseconds each, one after the other: one disk for all. */
  slow(name: string, ms: number): void
  /**
   * Arms one cut: of the next statement of a connection with this application name the server's whole answer is kept back, up to and with the
   * word that no transaction is open any more, and then both ends are cut.
   */
  cut(name: string): void
  /** Cuts made, by application name. */
  cuts(name: string): number
}

/** The start-up message: length, version, then names and values, each ended by a zero. */
const applicationOf = (startup: Buffer): string => {
  const words = startup.subarray(8).toString().split('\0')
  const at = words.indexOf('application_name')
  return at < 0 ? '' : (words[at + 1] ?? '')
}

/** A prepared statement begins with Parse or Bind; what a pool says to greet is a simple query. */
const beginsStatement = (data: Buffer): boolean => data[0] === 0x50 || data[0] === 0x42

/** ReadyForQuery, idle: the statement has ended, and with it its own transaction. */
const hasCommitted = (tail: Buffer): boolean => tail.subarray(-6).equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49]))

export const openWire = async (databaseUrl: string): Promise<Wire> => {
  const database = new URL(databaseUrl)
  const port = await freePort()
  const sockets = new Set<Socket>()
  const armed = new Map<string, number>()
  const made = new Map<string, number>()
  const delays = new Map<string, number>()
  const freeAt = new Map<string, number>()

  const server = createServer((ours) => {
    const theirs = dial(Number(database.port || 5432), database.hostname)
    let name: string | null = null
    let doomed = false
    let tail: Buffer = Buffer.alloc(0)
    for (const [socket, other] of [
      [ours, theirs],
      [theirs, ours],
    ] as const) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(socket)
          other.destroy()
        })
    }
    ours.on('data', (data: Buffer) => {
      name ??= applicationOf(data)
      const statement = beginsStatement(data)
      const cutsLeft = armed.get(name) ?? 0
      if (statement && cutsLeft > 0 && !doomed) {
        armed.set(name, cutsLeft - 1)
        doomed = true
      }
      const delay = statement ? (delays.get(name) ?? 0) : 0
      if (delay === 0) return void theirs.write(data)
      const goes = Math.max(performance.now(), freeAt.get(name) ?? 0) + delay
      freeAt.set(name, goes)
      ours.pause() // nothing overtakes what is held
      setTimeout(() => {
        theirs.write(data)
        ours.resume()
      }, goes - performance.now())
    })
    theirs.on('data', (data: Buffer) => {
      if (!doomed) return void ours.write(data)
      tail = Buffer.concat([tail, data]).subarray(-6)
      if (!hasCommitted(tail)) return
      made.set(name ?? '', (made.get(name ?? '') ?? 0) + 1)
      ours.destroy()
      theirs.destroy()
    })
  })
  await new Promise<void>((done, failed) => server.once('error', failed).listen(port, '127.0.0.1', done))
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)

  return {
    url: url.href,
    slow: (name, ms) => void delays.set(name, ms),
    cut: (name) => void armed.set(name, (armed.get(name) ?? 0) + 1),
    cuts: (name) => made.get(name) ?? 0,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((done) => {
        server.close(() => done())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
