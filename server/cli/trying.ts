/** What people try out across rooms: a connection step by step, and one call of an object's interface. */
import { probe, type ProbeStep } from '../connect/probe.ts'
import type { Env } from '../doc/env.ts'
import { sentence } from '../doc/fault.ts'
import type { LearnDeps } from '../objects/learn-routes.ts'
import type { PlaygroundDeps } from '../objects/playground.ts'
import type { openDirectory } from './directory.ts'

export interface TryingDeps {
  directory: Pick<ReturnType<typeof openDirectory>, 'trial'>
  env: Env
  /** Our own address; undefined before the doors are open. */
  address(): string | undefined
}

/** Longer than a call may take, and no longer than a person waits. */
const patience = 60_000

export const pushPath = '/erp/syncdata/open/objdata/syncpush'

export const tryingOf = ({ directory, env, address }: TryingDeps) => ({
  probe: async (tenantId: string, connectionId: string): Promise<ProbeStep[] | undefined> => {
    const trial = directory.trial(tenantId, connectionId)
    if (!trial) return undefined
    const { def, objects, policy, connector } = trial
    try {
      return await probe(
        {
          connection: def,
          object: objects[0]?.code,
          connector,
          policy,
          now: env.now,
          monotonic: env.monotonic,
        },
        AbortSignal.timeout(patience),
      )
    } finally {
      await connector.close()
    }
  },

  ask: (async ({ tenantId, connectionId, object }, { name, params }) => {
    const trial = directory.trial(tenantId, connectionId)
    const found = trial?.objects.find((one) => one.code === object)
    try {
      // The guide's calls are tried at systems that speak the guide.
      if (!trial || !found || !('ask' in trial.connector)) return undefined
      const query = new URLSearchParams({ objAPIName: found.apiName, ...params, includeDetail: 'true' })
      // %20 and not +: some systems decode a path and not a form
      return await trial.connector.ask(name, query.toString().replaceAll('+', '%20'), AbortSignal.timeout(patience))
    } finally {
      await trial?.connector.close()
    }
  }) satisfies PlaygroundDeps['ask'],
  fetchRecord: (async (tenantId, connectionId, object, id, locale) => {
    const trial = directory.trial(tenantId, connectionId)
    if (!trial) return undefined
    const { connector } = trial
    try {
      // The others describe their objects themselves (learn).
      if (!('ask' in connector)) return undefined
      const params = `objAPIName=${encodeURIComponent(object)}&dataId=${encodeURIComponent(id)}&includeDetail=true`
      const { exchange, why } = await connector.ask('queryMasterById', params, AbortSignal.timeout(patience))
      return why ? { said: sentence(why, locale) } : { answer: exchange.answer ?? '' }
    } finally {
      await connector.close()
    }
  }) satisfies LearnDeps['fetchRecord'],
  push: (async (headers, body) => {
    const began = env.monotonic()
    const answer = await fetch(`${address() ?? ''}${pushPath}`, {
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(patience),
    })
    const text = await answer.text()
    return { status: answer.status, answer: text, ms: Math.round((env.monotonic() - began) * 10) / 10 }
  }) satisfies PlaygroundDeps['push'],
})
