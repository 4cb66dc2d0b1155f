/** A system that implements the guide, as a vendor would write it: create, update and the two queries over HTTP, records in memory. It shares no code with the server or its sandbox. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

type Master = Record<string, unknown>
interface Held {
  objAPIName: string
  masterFieldVal: Master
  at: number
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += part as string
  return text
}

export interface Shop {
  url: string
  token: string
  /** Calls that came in, by the interface's own name. */
  calls: string[]
  [Symbol.asyncDispose](): Promise<void>
}

export const openShop = async (): Promise<Shop> => {
  const token = 'shop-token-of-the-vendor'
  const held = new Map<string, Held>()
  const calls: string[] = []
  const server = createServer((request, answer) => {
    const say = (code: string, message: string, data: unknown = null) => {
      answer.setHeader('content-type', 'application/json')
      answer.end(JSON.stringify({ code, message, data }))
    }
    const serve = async () => {
      const url = new URL(request.url ?? '/', 'http://shop')
      const call = url.pathname.split('/').at(-1) ?? ''
      calls.push(call)
      if (request.headers.token !== token) return say('401001', 'token')
      const object = url.searchParams.get('objAPIName') ?? ''
      const shown = ({ objAPIName, masterFieldVal }: Held) => ({ objAPIName, masterFieldVal, detailFieldVals: {} })
      if (call === 'queryMasterBatch') {
        const [from, to] = ['startTime', 'endTime'].map((name) => Number(url.searchParams.get(name)))
        const found = [...held.values()].filter(
          (one) => one.objAPIName === object && one.at >= (from ?? 0) && one.at < (to ?? 0),
        )
        return say('0', 'ok', { totalNum: found.length, dataList: found.map(shown) })
      }
      if (call === 'queryMasterById') {
        const found = held.get(url.searchParams.get('dataId') ?? '')
        return say('0', 'ok', found ? shown(found) : null)
      }
      const body = JSON.parse(await bodyOf(request)) as { objAPIName: string; masterFieldVal: Master }
      const id = String(body.masterFieldVal.id ?? `SH-${held.size + 1}`)
      held.set(id, {
        ...body,
        masterFieldVal: { ...held.get(id)?.masterFieldVal, ...body.masterFieldVal, id },
        at: Date.now(),
      })
      return say('0', 'ok', { masterDataId: id, detailDataIds: {} })
    }
    serve().catch((error: unknown) => say('500000', String(error)))
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/api/`,
    token,
    calls,
    [Symbol.asyncDispose]: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}
