/** Objects as a CRM describes them, ready to be declared: for the API and for `mortise learn`. Nothing is saved. */
import { stringify } from 'yaml'
import type { Command as Program } from 'commander'
import { secretKey } from '../access/key.ts'
import { createEnv } from '../agent/env.ts'
import type { FxiaokeConnector } from '../connect/fxiaoke/fxiaoke.ts'
import { sentence } from '../doc/fault.ts'
import { objectTree } from '../flows/export.ts'
import type { Learning } from '../objects/learn.ts'
import { type Command, type Common, Done, exitCodes } from './command.ts'
import { load } from './configuration.ts'
import { openDirectory } from './directory.ts'
import { readSettings } from './settings.ts'

type Describing = Pick<FxiaokeConnector, 'learn' | 'offered'>

/** What the API is handed; `undefined` where the connection's system describes nothing. */
export const learning = (of: (tenantId: string, connectionId: string) => Describing | undefined): Learning => ({
  async learn(tenantId, connectionId, object, details, signal) {
    const connector = of(tenantId, connectionId)
    if (!connector) return undefined
    const learnt = await connector.learn(object, details, signal)
    return learnt.kind === 'read' ? { tree: objectTree(learnt.value, { overlap: 0 }) } : { said: sentence(learnt.why) }
  },
  async offered(tenantId, connectionId, signal) {
    const connector = of(tenantId, connectionId)
    if (!connector) return undefined
    const list = await connector.offered(signal)
    return list.kind === 'read' ? { objects: list.value } : { said: sentence(list.why) }
  },
})

interface Options extends Common {
  details?: string
}

export const learnCommand = (program: Program, command: Command): void => {
  program
    .command('learn <connection> [object]')
    .description('an object as the CRM describes it, as YAML for the file; without an object, those that there are')
    .option('--details <codes>', 'its detail objects, with commas between them')
    .option('--tenant <id>', 'whose; needed where several tenants have such a connection')
    .option('--json', 'machine-readable')
    .action((connectionId: string, object: string | undefined, options: Options) =>
      command.withDatabase(false, async ({ sql }) => {
        const { env, cwd } = command.outside
        const key = await secretKey(readSettings(env, cwd).data, env)
        const configuration = await load(sql, key)
        const found = configuration.connections.filter(
          ({ def }) =>
            def.connectionId === connectionId && (options.tenant === undefined || def.tenantId === options.tenant),
        )
        const [one, other] = found
        if (!one) throw new Done(exitCodes.notFound, `There is no connection ${connectionId}.`)
        if (other)
          throw new Done(exitCodes.usage, `Several tenants have a connection ${connectionId}: name one with --tenant.`)
        const directory = openDirectory({
          env: createEnv(),
          log: { error: () => {}, info: () => {}, warn: () => {} } as never,
          allowLoopback: env.MORTISE_SANDBOX !== 'off' || env.MORTISE_ALLOW_LOOPBACK === 'on',
          denied: [],
        })
        directory.refresh(configuration)
        try {
          const { learn, offered } = learning(directory.describing)
          const signal = AbortSignal.timeout(60_000)
          const told =
            object === undefined
              ? await offered(one.def.tenantId, connectionId, signal)
              : await learn(one.def.tenantId, connectionId, object, options.details?.split(',') ?? [], signal)
          if (!told)
            throw new Done(
              exitCodes.refused,
              `Connection ${connectionId} is of kind ${one.def.kind}, which describes no objects.`,
            )
          if ('said' in told) throw new Done(exitCodes.refused, told.said)
          if (command.asJson) return command.json(told)
          command.say(
            'tree' in told
              ? stringify([told.tree])
              : told.objects.map(({ code, name }) => `${code}  ${name}`).join('\n'),
          )
        } finally {
          await directory.close()
        }
      }),
    )
}
