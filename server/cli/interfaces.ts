/** 生成 api across rooms: what the configuration says of an object and its system, as the pages of its interface need it. */
import type { Described } from '../objects/interface/interface.ts'
import type { Configuration } from './configuration.ts'

/** By the object's code. Values of headers stay behind: only their names go on. */
export const describedIn =
  (configuration: () => Configuration) =>
  (tenantId: string, connectionId: string, code: string): Described | undefined => {
    const { objects, connection, catalog } = configuration()
    const def = connection(tenantId, connectionId)
    const object = objects.of(tenantId, connectionId).find((one) => one.code === code)
    if (!def || !object) return undefined
    const { role, baseUrl, headers, auth, result, readable, zone, pageSize } = def
    return {
      tenantId,
      object,
      connection: {
        connectionId,
        role,
        baseUrl,
        headers: Object.keys(headers),
        auth,
        result,
        readable,
        zone,
        pageSize,
      },
      centers: catalog.erp(tenantId).length,
    }
  }
