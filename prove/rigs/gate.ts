/** A door in front of a target that can be shut (connections refused) or left hanging (nothing is ever answered): a dead system, without killing the witness. */
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { freePort } from './ground.ts'

export interface Gate extends AsyncDisposable {
  url: string
  /** open: passed on; shut: refused; hanging: taken, and never answered. */
  set(state: 'open' | 'shut' | 'hanging'): Promise<void>
}

export const openGate = async (target: string): Promise<Gate> => {
  const { hostname, port: targetPort } = new URL(target)
  const port = await freePort()
  const sockets = new Set<Socket>()
  let state: 'open' | 'shut' | 'hanging' = 'open'
  let server: Server | null = null

  const listen = (): Promise<void> =>
    new Promise((done, failed) => {
      server = createServer((socket) => {
        sockets.add(socket)
        socket.on('error', () => {}).on('close', () => sockets.delete(socket))
        if (state === 'hanging') return void socket.resume()
        const behind = dial(Number(targetPort), hostname)
        behind.on('error', () => socket.destroy()).on('close', () => socket.destroy())
        socket.on('close', () => behind.destroy())
        socket.pipe(behind).pipe(socket)
      })
      server.once('error', failed).listen(port, '127.0.0.1', done)
    })
  const shut = async (): Promise<void> => {
    const closed = new Promise<void>((done) => (server ? server.close(() => done()) : done()))
    for (const socket of sockets) socket.destroy()
    await closed
    server = null
  }
  await listen()

  return {
    url: `http://127.0.0.1:${port}`,
    set: async (next) => {
      state = next
      if (server) await shut()
      if (next !== 'shut') await listen()
    },
    [Symbol.asyncDispose]: shut,
  }
}
