/** Whether we may listen where we are told to; asked before anything is started, so that a second start on a taken port touches nothing. */
import { once } from 'node:events'
import { createServer } from 'node:net'

export class AddressRefused extends Error {
  override name = 'AddressRefused'
}

const sentences: Record<string, (at: { host: string; port: number }) => string> = {
  EADDRINUSE: ({ host, port }) =>
    `Port ${port} of ${host} is taken: another Mortise is running here, or another program. End it, or choose another port: MORTISE_PORT=${port + 1} npm start`,
  EACCES: ({ port }) => `This user may not listen on port ${port}; choose one above 1023: MORTISE_PORT=7070 npm start`,
  EADDRNOTAVAIL: ({ host }) => `MORTISE_HOST is ${host}, which is no address of this machine.`,
  ENOTFOUND: ({ host }) => `MORTISE_HOST is ${host}, which is no name that is known here.`,
}

/** Throws AddressRefused with a sentence; anything else as it comes. */
export const mayListen = async (at: { host: string; port: number }): Promise<void> => {
  const server = createServer()
  try {
    server.listen(at.port, at.host)
    await once(server, 'listening')
  } catch (error) {
    const sentence = sentences[(error as NodeJS.ErrnoException).code ?? '']
    throw sentence ? new AddressRefused(sentence(at), { cause: error }) : error
  } finally {
    if (server.listening) await new Promise<void>((closed) => server.close(() => closed()))
  }
}
