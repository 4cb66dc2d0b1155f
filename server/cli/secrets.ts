/** `mortise secrets …`: the installation's key, and callers' secrets, for the operator's terminal. */
import { type Command, InvalidArgumentError } from 'commander'
import type { CredentialKind } from '../access/credentials.ts'
import { addKey, dropFormerKeys } from '../access/key.ts'
import type { SecretKey } from '../access/secrets.ts'
import type { Sql } from '../store/sql.ts'
import { keyUse, renewSecret, retireSecret, rotateKeys } from './keys.ts'
import { table } from './table.ts'

export interface SecretsTools {
  withDatabase<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  key(): Promise<SecretKey>
  /** The data folder, and whether the key stands in it. */
  data: string
  keyInFolder: boolean
  asJson(): boolean
  json(value: unknown): void
  say(text: string): void
  err(text: string): void
  refuse(sentence: string): never
  width: number
}

const kinds: Record<string, CredentialKind> = { token: 'push-token', hook: 'hook', client: 'batch-client' }
const kindOf = (text: string): CredentialKind => {
  const kind = kinds[text]
  if (!kind) throw new InvalidArgumentError(`choose among ${Object.keys(kinds).join(', ')}.`)
  return kind
}

const momentOf = (text: string): number => {
  const days = /^(\d{1,4})d$/.exec(text)
  const moment = days ? Date.now() + Number(days[1]) * 86_400_000 : Date.parse(text)
  if (Number.isNaN(moment)) throw new InvalidArgumentError('a number of days such as 30d, or a moment.')
  return moment
}

/** `tools` is asked for when a command runs, for the settings are read then. */
export const addSecretsCommands = (program: Command, tools: () => SecretsTools): void => {
  const secrets = program.command('secrets').description('the key that encrypts secrets, and the secrets of callers')
  const command = (name: string, about: string): Command =>
    secrets.command(name).description(about).option('--json', 'machine-readable')

  command('status', 'which key encrypts how many secrets').action(async () => {
    const { withDatabase, key, asJson, json, say, width } = tools()
    const own = await key()
    const use = await withDatabase((sql) => keyUse(sql, own))
    if (asJson()) return json({ keys: use })
    const rows = use.map((one) => [one.key, one.role, one.connections, one.credentials, one.tokens, one.others])
    say(table(['key', 'role', 'connections', 'callers', 'access tokens', 'others'], rows, width))
    const spare = use.filter((one) => one.role === 'former' && !one.connections && !one.credentials && !one.others)
    if (spare.length) say(`\nNothing is encrypted with ${spare.map((one) => one.key).join(', ')} any more: it may go.`)
  })

  command('rotate', 'encrypt everything with the newest key; may be stopped and run again').action(async () => {
    const { withDatabase, key, asJson, json, say, err } = tools()
    const own = await key()
    const { done, refused } = await withDatabase((sql) => rotateKeys(sql, own))
    if (asJson()) json({ done, refused })
    else {
      say(
        done
          ? `${done} secrets are encrypted with the newest key now.`
          : 'Everything is encrypted with the newest key.',
      )
      for (const sentence of refused) err(`${sentence}\n`)
    }
    if (refused.length) tools().refuse(`${refused.length} secrets could not be read and stay as they are.`)
  })

  command('new-key', 'put a new key before that of the data folder').action(async () => {
    const { data, keyInFolder, asJson, json, say, refuse } = tools()
    if (!keyInFolder)
      refuse(
        'The key comes from MORTISE_SECRET_KEY: set it to the new key, a comma, and the former one, on every node.',
      )
    const file = await addKey(data)
    if (asJson()) json({ file })
    else
      say(
        `${file} holds a new key before the former one. Restart Mortise, then: mortise secrets rotate, mortise secrets drop-former-keys`,
      )
  })

  command('drop-former-keys', 'leave only the newest key in the data folder').action(async () => {
    const { withDatabase, key, data, keyInFolder, asJson, json, say, refuse } = tools()
    if (!keyInFolder) refuse('The key comes from MORTISE_SECRET_KEY: leave out the former one there.')
    const own = await key()
    const use = await withDatabase((sql) => keyUse(sql, own))
    const needed = use.filter((one) => one.role === 'former' && one.connections + one.credentials + one.others > 0)
    if (needed.length)
      refuse(`${needed.map((one) => one.key).join(', ')} is still needed. Run first: mortise secrets rotate`)
    const dropped = await dropFormerKeys(data)
    if (asJson()) json({ dropped })
    else say(dropped === 1 ? 'One former key was dropped.' : `${dropped} former keys were dropped.`)
  })

  const ofCaller = (name: string, about: string): Command =>
    command(`${name} <kind> <id>`, about).requiredOption('--tenant <id>', 'of this tenant')

  ofCaller('renew', 'make a new secret of a caller (token, hook, client); the former one stays valid beside it')
    .option('--salt', 'the salt of a client')
    .option('--until <when>', 'the former one ends by itself: 30d, or a moment', momentOf)
    .action(async (kind: string, id: string, options: { tenant: string; salt?: boolean; until?: number }) => {
      const { withDatabase, key, asJson, json, say } = tools()
      const own = await key()
      const asked = {
        kind: kindOf(kind),
        credentialId: id,
        what: options.salt ? ('salt' as const) : ('secret' as const),
        formerUntil: options.until ?? null,
      }
      const value = await withDatabase((sql) => renewSecret(sql, own, options.tenant, asked))
      if (asJson()) json({ value })
      else
        say(`${value}\nIt is shown only now. The former value stays valid until: mortise secrets retire ${kind} ${id}`)
    })

  ofCaller('retire', 'end the former value of a caller’s secret').action(
    async (kind: string, id: string, options: { tenant: string }) => {
      const { withDatabase, key, asJson, json, say } = tools()
      const own = await key()
      await withDatabase((sql) => retireSecret(sql, own, options.tenant, kindOf(kind), id))
      if (asJson()) json({ retired: id })
      else say(`Only the new value of ${kind} ${id} lets in now.`)
    },
  )
}
