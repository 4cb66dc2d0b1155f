/**
 * The configuration of one tenant as the management API changes it: read as the file would say it, one part replaced, and the whole checked
 * and applied like a file. Secrets are named and never shown: what is said again by its name stays what it is.
 */
import { randomBytes } from 'node:crypto'
import { parse, stringify } from 'yaml'
import { type Deed, writeDown } from '../access/audit.ts'
import { readCredentials, type StoredCredential } from '../access/credentials.ts'
import { RenewRefused } from '../access/renew.ts'
import { hashSecret, type SecretKey } from '../access/secrets.ts'
import { ApplyRefused, type Change } from '../flows/changes.ts'
import { joinAuth, splitAuth } from '../flows/auth.ts'
import { joinQueues, splitQueues } from '../flows/queues.ts'
import type { Former, Origin, TenantConfig } from '../flows/config.ts'
import { readConfig } from '../flows/file.ts'
import { lockConfiguration } from '../flows/save.ts'
import {
  type Asking,
  type Bringing,
  type Brought,
  type CallerName,
  type Declared,
  type Declaring,
  findIn,
  listIn,
  type Tree,
} from '../http/declaring.ts'
import { isRefused, type Refused, refuse } from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { applyIn, exportConfig, type How, load, type Planned } from './configuration.ts'
import { renewSecret, retireSecret } from './keys.ts'
import { deedOf } from './noted.ts'
import { promote, restoreVersion } from './stored.ts'

interface Place {
  path: string
  say: string
}

export interface DeclareDeps {
  /** Wears `mortise_app`. */
  sql: Sql
  key: SecretKey
  /** The secret that Mortise makes itself, kept in the data folder as a file's `generated` is (access/generated.ts). */
  generate(names: readonly string[]): Promise<Record<string, string>>
  /** The configuration has changed: this node shall use it at once. */
  changed(): Promise<void>
}

interface Stored {
  tree: Tree
  /** Of connections: headers, and what proves who we are (`auth` by the names of `splitAuth`). */
  secrets: ReadonlyMap<string, { value: string; origin: Origin }>
  credentials: ReadonlyMap<string, StoredCredential>
}

const place = (...words: string[]): string => JSON.stringify(words)

const copyOf = (key: SecretKey): SecretKey => (Buffer.isBuffer(key) ? [key] : [key[0], ...key.slice(1)])

const readStored = async (tx: Sql, key: SecretKey, tenantId: string): Promise<Stored> => {
  // A key of its own: the engine's memory of definitions is by key, and what one tenant sees is not all of them (configuration.ts).
  const own = copyOf(key)
  const configuration = await load(tx, own)
  const { tenants } = parse(await exportConfig(tx, own, tenantId)) as { tenants: Tree[] }
  const secrets = new Map<string, { value: string; origin: Origin }>()
  for (const { def, headerOrigins, authOrigins, queueOrigins } of configuration.connections) {
    if (def.tenantId !== tenantId) continue
    for (const [name, value] of Object.entries(splitQueues(def.queues ?? []).secrets))
      secrets.set(place(def.connectionId, 'queues', name), { value, origin: queueOrigins[name] ?? null })
    for (const [name, value] of Object.entries(def.headers))
      secrets.set(place(def.connectionId, 'headers', name), { value, origin: headerOrigins[name] ?? null })
    for (const [name, value] of Object.entries(def.auth ? splitAuth(def.auth).secrets : {}))
      secrets.set(place(def.connectionId, 'auth', name), { value, origin: authOrigins[name] ?? null })
  }
  const credentials = (await readCredentials(tx, own)).filter((one) => one.tenantId === tenantId)
  return {
    tree: tenants[0] ?? { id: tenantId, connections: [] },
    secrets,
    credentials: new Map(credentials.map((one) => [place(one.kind, one.credentialId), one])),
  }
}

const variables = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g
const namesIn = (text: string): string[] => [...text.matchAll(variables)].map(([, name = '']) => name)

interface Understood {
  config: TenantConfig
  warnings: Place[]
  /** Names of the secrets that have to be made. */
  wanted: string[]
  hashOf(secret: string): Buffer
}

/** `path` without the tenant in front; `focus` becomes `body`, so that a caller who sent one part finds his own place. */
const shortPath = (path: string, tenantId: string, focus: string): string => {
  const inTenant = path.replace(`tenants[${tenantId}]`, '').replace(/^\./, '')
  return focus !== '' && inTenant.startsWith(focus) ? `body${inTenant.slice(focus.length)}` : inTenant
}

/** Reads the file; what is named and not given is taken from what is stored at the same place. Pure but for chance. */
const understand = (
  text: string,
  tenantId: string,
  stored: Stored,
  given: Readonly<Record<string, string>>,
  secrets: Readonly<Record<string, string>>,
  focus: string,
): Understood | Refused => {
  const mark = `kept.${randomBytes(16).toString('hex')}`
  const known = new Set(namesIn(stringify(stored.tree)))
  const env = Object.fromEntries(
    namesIn(text).flatMap((name) => {
      const value = given[name] ?? (known.has(name) ? `${mark}.${name}` : undefined)
      return value === undefined ? [] : [[name, value]]
    }),
  )
  const wanted: string[] = []
  const generate = (name: string): string => {
    const [, kind = '', ...words] = name.split('/')
    const isFormer = words.at(-1) === 'former'
    const rest = isFormer ? words.slice(0, -1) : words
    const at =
      kind === 'token'
        ? place('push-token', rest.join('/'))
        : kind === 'hook'
          ? place('hook', rest.join('/'))
          : place('batch-client', rest.slice(0, -1).join('/'))
    const isSalt = kind === 'batch-client' && rest.at(-1) === 'salt'
    const of = isFormer ? (isSalt ? 'formerSaltOrigin' : 'formerOrigin') : isSalt ? 'saltOrigin' : 'origin'
    if (stored.credentials.get(at)?.definition[of] === 'generated')
      return `${mark}.generated.${Buffer.from(name).toString('hex')}` // each its own: equal secrets would be refused
    wanted.push(name)
    return secrets[name] ?? `${mark}.made.${name.replaceAll(/[^A-Za-z0-9._-]/g, '-')}`
  }
  const { config, problems } = readConfig({ text, file: 'request', env, generate })
  const told = (level: 'error' | 'warning'): Place[] =>
    problems
      .filter((one) => one.level === level)
      .map((one) => ({ path: shortPath(one.path, tenantId, focus), say: one.say }))
  const no = (places: Place[]): Refused =>
    refuse('config.invalid', { said: places[0]?.say ?? '' }, { path: places[0]?.path ?? '', problems: places })
  if (!config) return no(told('error'))
  const [tenant, ...more] = config.tenants
  if (!tenant || more.length || tenant.tenantId !== tenantId)
    return no([{ path: 'tenants', say: `must describe the tenant ${tenantId} and no other` }])

  const isKept = (value: string) => value.includes(mark) && !value.startsWith(`${mark}.made.`)
  const missing: Place[] = []
  const hashes = new Map<string, Buffer>()
  for (const { def, headerOrigins, authOrigins, queueOrigins } of tenant.connections) {
    const at = `connections[${def.connectionId}]`
    const keptOf = (kind: 'headers' | 'auth' | 'queues', name: string, origins: Record<string, Origin>): string => {
      const kept = stored.secrets.get(place(def.connectionId, kind, name))
      if (!kept) missing.push({ path: `${at}.${kind}.${name}`, say: 'is not given' })
      else if (kept.origin === null) origins[name] = null
      return kept?.value ?? ''
    }
    for (const [name, value] of Object.entries(def.headers))
      if (isKept(value)) def.headers[name] = keptOf('headers', name, headerOrigins)
    if (def.auth) {
      const parts = splitAuth(def.auth)
      for (const [name, value] of Object.entries(parts.secrets))
        if (isKept(value)) parts.secrets[name] = keptOf('auth', name, authOrigins)
      def.auth = joinAuth(parts.open, parts.secrets)
    }
    if (def.queues) {
      const parts = splitQueues(def.queues)
      for (const [name, value] of Object.entries(parts.secrets))
        if (isKept(value)) parts.secrets[name] = keptOf('queues', name, queueOrigins)
      def.queues = joinQueues(parts.open, parts.secrets)
    }
  }
  const originIn = (kept: StoredCredential | undefined, key: string): Origin =>
    (kept?.definition[key] as Origin | undefined) ?? null
  /** A text of its own for each kept secret, so that its hash is found again when it is stored. */
  const keep = (kind: StoredCredential['kind'], id: string, path: string): { secret: string; origin: Origin } => {
    const kept = stored.credentials.get(place(kind, id))
    if (!kept) missing.push({ path, say: 'is not given' })
    else hashes.set(`${mark}.${kind}.${id}`, kept.hash)
    return { secret: `${mark}.${kind}.${id}`, origin: originIn(kept, 'origin') }
  }
  /** The former secret; or the one in use, where the caller names that one: this is how a secret is changed with two valid. */
  const keepFormer = (
    kind: StoredCredential['kind'],
    id: string,
    said: Former | null,
    shownNow: unknown,
    path: string,
  ): Former | null => {
    if (said === null || !isKept(said.value)) return said
    const kept = stored.credentials.get(place(kind, id))
    const isCurrent = said.origin !== null && said.origin === shownNow
    const hash = isCurrent ? kept?.hash : kept?.formerHash
    if (!hash) missing.push({ path, say: 'is not given' })
    else hashes.set(`${mark}.former.${kind}.${id}`, hash)
    return {
      value: `${mark}.former.${kind}.${id}`,
      origin: isCurrent ? originIn(kept, 'origin') : originIn(kept, 'formerOrigin'),
    }
  }
  for (const token of tenant.tokens) {
    const at = `tokens[${token.name}]`
    if (isKept(token.value)) {
      const { secret, origin } = keep('push-token', token.name, `${at}.value`)
      Object.assign(token, { value: secret, origin })
    }
    const shown = findIn(stored.tree, 'tokens', 'name', token.name)?.value
    token.former = keepFormer('push-token', token.name, token.former, shown, `${at}.former`)
  }
  for (const hook of tenant.hooks) {
    const id = `${hook.connectionId}/${hook.name}`
    const at = `hooks[${hook.name}]`
    if (isKept(hook.secret)) Object.assign(hook, keep('hook', id, `${at}.secret`))
    const shown = listIn(stored.tree, 'hooks').find((one) => `${one.connection}/${one.name ?? one.connection}` === id)
    hook.former = keepFormer('hook', id, hook.former, shown?.secret, `${at}.former`)
    const { verify } = hook
    const kept = stored.credentials.get(place('hook', id))
    if (verify && isKept(verify.secret)) {
      if (kept?.sealed.verify === undefined) missing.push({ path: `${at}.verify.secret`, say: 'is not given' })
      verify.secret = kept?.sealed.verify ?? ''
      verify.origin = originIn(kept, 'verifyOrigin')
    }
    if (verify?.former && isKept(verify.former.value)) {
      // named as the one in use: this is how the key is changed with two valid
      const isCurrent = verify.former.origin !== null && verify.former.origin === (shown?.verify as Tree)?.secret
      const value = isCurrent ? kept?.sealed.verify : kept?.sealed.formerVerify
      if (value === undefined) missing.push({ path: `${at}.verify.former`, say: 'is not given' })
      verify.former = {
        value: value ?? '',
        origin: originIn(kept, isCurrent ? 'verifyOrigin' : 'formerVerifyOrigin'),
      }
    }
  }
  for (const client of tenant.batchClients) {
    const at = `batchClients[${client.clientId}]`
    const kept = stored.credentials.get(place('batch-client', client.clientId))
    const shown = findIn(stored.tree, 'batchClients', 'id', client.clientId)
    if (isKept(client.secret)) {
      const { secret, origin } = keep('batch-client', client.clientId, `${at}.secret`)
      Object.assign(client, { secret, secretOrigin: origin })
    }
    const formerSecret = client.formerSecret
    client.formerSecret = keepFormer('batch-client', client.clientId, formerSecret, shown?.secret, `${at}.formerSecret`)
    if (isKept(client.salt)) {
      if (!kept) missing.push({ path: `${at}.salt`, say: 'is not given' })
      client.salt = kept?.sealed.salt ?? ''
      client.saltOrigin = originIn(kept, 'saltOrigin')
    }
    if (client.formerSalt && isKept(client.formerSalt.value)) {
      const isCurrent = client.formerSalt.origin !== null && client.formerSalt.origin === shown?.salt
      const value = isCurrent ? kept?.sealed.salt : kept?.sealed.formerSalt
      if (value === undefined) missing.push({ path: `${at}.formerSalt`, say: 'is not given' })
      client.formerSalt = { value: value ?? '', origin: originIn(kept, isCurrent ? 'saltOrigin' : 'formerSaltOrigin') }
    }
  }
  if (missing.length) return no(missing.map(({ path, say }) => ({ path: shortPath(path, tenantId, focus), say })))
  const left = JSON.stringify({ ...tenant, tokens: [], hooks: [], batchClients: [] })
  if (left.includes(mark)) return no([{ path: '', say: 'a variable outside of secrets must be given in variables' }])
  return {
    config: tenant,
    warnings: told('warning'),
    wanted,
    hashOf: (secret) => hashes.get(secret) ?? hashSecret(secret),
  }
}

// ── the trail ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const byId = (list: readonly Tree[], key: string, id: string) => list.find((one) => String(one[key]) === id)
const without = (tree: Tree | undefined, ...keys: string[]): Tree | undefined =>
  tree && Object.fromEntries(Object.entries(tree).filter(([key]) => !keys.includes(key)))

/** What the file says of the thing that a change names; secrets stand there by their names. */
const thingOf = (tree: Tree, { kind, name }: Change): Tree | undefined => {
  switch (kind) {
    case 'tenant':
      return { name: tree.name, zone: tree.zone, ...(tree.bodyDays !== undefined && { bodyDays: tree.bodyDays }) }
    case 'connection':
      return without(byId(listIn(tree, 'connections'), 'id', name), 'objects')
    case 'object': {
      const [connectionId = '', ...code] = name.split('/')
      return byId(
        listIn(byId(listIn(tree, 'connections'), 'id', connectionId) ?? {}, 'objects'),
        'code',
        code.join('/'),
      )
    }
    case 'function':
      return byId(listIn(tree, 'functions'), 'name', name)
    case 'pair':
      return without(byId(listIn(tree, 'pairs'), 'id', name), 'flows')
    case 'flow': {
      const [pairId = '', side = ''] = name.split(' ')
      return (byId(listIn(tree, 'pairs'), 'id', pairId)?.flows as Record<string, Tree> | undefined)?.[side]
    }
    case 'token':
      return byId(listIn(tree, 'tokens'), 'name', name)
    case 'hook':
      return listIn(tree, 'hooks').find((one) => `${one.connection}/${one.name ?? one.connection}` === name)
    case 'batch client':
      return byId(listIn(tree, 'batchClients'), 'id', name)
  }
}

const deedsOf = (changes: readonly Change[], before: Tree, after: Tree): Deed[] =>
  changes.map((change) => {
    const [was, is] = [thingOf(before, change), thingOf(after, change)]
    const hidden = change.what === 'changed' && JSON.stringify(was) === JSON.stringify(is)
    return {
      kind: change.kind,
      name: change.name,
      what: change.what,
      before: change.what === 'added' ? null : was,
      // a new secret shows in no value: the names of the fields say that there was one
      after: change.what === 'removed' ? null : hidden ? { ...is, changed: change.fields.map((one) => one.path) } : is,
    }
  })

// ── what rooms are handed ────────────────────────────────────────────────────────────────────────────────────────────────────────────
export interface Drafting {
  /** The tenant with a part replaced, read and checked as saving it would, and kept nowhere. */
  drafted(tenantId: string, focus: string, edit: (now: Tree) => Tree | Refused): Promise<TenantConfig | Refused>
}

export const declaring = ({ sql, key, generate, changed }: DeclareDeps): Declaring & Drafting => {
  const isThere = async (tx: Sql, tenantId: string): Promise<boolean> =>
    (await tx`select from tenant where tenant_id = ${tenantId}`).length > 0

  const tree = (tenantId: string): Promise<Tree> =>
    asTenant(sql, tenantId, async (tx) =>
      (await isThere(tx, tenantId)) ? (await readStored(tx, key, tenantId)).tree : { id: tenantId, connections: [] },
    )

  /** `say` answers the file's text, given what stands now. Planned only, it is applied and rolled back. */
  const change = async (
    asking: Asking,
    say: (now: Tree) => string | Refused,
    how: { really: boolean; focus?: string; variables?: Record<string, string>; create?: boolean },
  ): Promise<Declared | Refused> => {
    const { tenantId } = asking
    const { really, focus = '', variables: given = {}, create = false } = how
    let secrets: Record<string, string> = {}
    const back = new Error('planned')
    let planned: Declared | null = null
    const attempt = async (): Promise<Declared | Refused | { make: string[] }> =>
      asTenant(sql, tenantId, async (tx) => {
        await lockConfiguration(tx)
        const stored: Stored =
          create && !(await isThere(tx, tenantId))
            ? { tree: { id: tenantId, connections: [] }, secrets: new Map(), credentials: new Map() }
            : await readStored(tx, key, tenantId)
        const text = say(stored.tree)
        if (typeof text !== 'string') return text
        const understood = understand(text, tenantId, stored, given, secrets, focus)
        if ('refuse' in understood) return understood
        const unmade = understood.wanted.filter((name) => secrets[name] === undefined)
        if (really && unmade.length) return { make: unmade }
        const who = { who: asking.actor }
        const { changes } = await applyIn(tx, key, [understood.config], 'declared', who, understood.hashOf)
        const after = changes.length ? (await readStored(tx, key, tenantId)).tree : stored.tree
        const made = understood.wanted.flatMap((name) => {
          const secret = secrets[name]
          return secret === undefined ? [] : [{ name: name.split('/').slice(1).join('/'), secret }]
        })
        const declared: Declared = { tree: after, changes, warnings: understood.warnings, made }
        if (!really) {
          planned = declared
          throw back
        }
        await writeDown(tx, tenantId, asking, deedsOf(changes, stored.tree, after))
        return declared
      })
    try {
      let answer = await attempt()
      if ('make' in answer) {
        secrets = await generate(answer.make) // kept on disk before they let anybody in
        answer = await attempt()
      }
      if ('make' in answer) throw new Error('a secret was asked for twice')
      if (!('refuse' in answer) && answer.changes.length) await changed()
      return answer
    } catch (error) {
      if (error === back && planned) return planned
      if (error instanceof ApplyRefused)
        return refuse(
          'config.refused',
          { said: error.reasons[0] ?? '' },
          { problems: error.reasons.map((one) => ({ path: focus === '' ? '' : 'body', say: one })) },
        )
      throw error
    }
  }

  /** What is stored taken up again (stored.ts), with its deeds in the same transaction. */
  const bring = async (
    asking: Asking,
    { really, plan }: Bringing,
    work: (tx: Sql, own: SecretKey, how: How) => Promise<Planned>,
  ): Promise<Brought | Refused> => {
    const { tenantId, actor } = asking
    const note: How['note'] = (tx, changes) => writeDown(tx, tenantId, asking, changes.map(deedOf))
    try {
      const brought = await asTenant(sql, tenantId, (tx) => work(tx, copyOf(key), { who: actor, really, plan, note }))
      if (really && brought.changes.length) await changed()
      return brought
    } catch (error) {
      if (!(error instanceof ApplyRefused)) throw error
      const problems = error.reasons.map((one) => ({ path: '', say: one }))
      return refuse('config.refused', { said: error.reasons[0] ?? '' }, { problems })
    }
  }

  /** What is done to the secret of one caller, and its deed; null where there is no such caller. */
  const withCaller = async <T>(
    asking: Asking,
    { kind, id }: CallerName,
    after: Record<string, unknown>,
    work: (tx: Sql) => Promise<T>,
  ): Promise<T | null | Refused> => {
    const { tenantId } = asking
    try {
      const done = await asTenant(sql, tenantId, async (tx) => {
        const [known] = await tx`
          select from credential where tenant_id = ${tenantId} and kind = ${kind} and credential_id = ${id}`
        if (!known) return null
        const made = await work(tx)
        const named = kind === 'push-token' ? 'token' : kind === 'hook' ? 'hook' : 'batch client'
        await writeDown(tx, tenantId, asking, [{ kind: named, name: id, what: 'changed', after }])
        return made
      })
      if (done !== null) await changed()
      return done
    } catch (error) {
      if (error instanceof RenewRefused) return refuse('config.refused', { said: error.message })
      throw error
    }
  }

  return {
    tree,
    drafted: (tenantId, focus, edit) =>
      asTenant(sql, tenantId, async (tx) => {
        const stored = await readStored(tx, key, tenantId)
        const next = edit(structuredClone(stored.tree))
        if (isRefused(next)) return next
        const text = stringify({ tenants: [next] }, { lineWidth: 0 })
        const understood = understand(text, tenantId, stored, {}, {}, focus)
        return 'refuse' in understood ? understood : understood.config
      }),
    renew: (asking, caller, what, formerUntil) =>
      withCaller(
        asking,
        caller,
        { renewed: what, formerUntil: formerUntil === null ? null : new Date(formerUntil).toISOString() },
        (tx) =>
          renewSecret(tx, copyOf(key), asking.tenantId, {
            kind: caller.kind,
            credentialId: caller.id,
            what,
            formerUntil,
          }),
      ),
    retire: (asking, caller) =>
      withCaller(asking, caller, { retired: 'former' }, async (tx) => {
        await retireSecret(tx, copyOf(key), asking.tenantId, caller.kind, caller.id)
        return true as const
      }),
    restore: (asking, version, how) =>
      bring(asking, how, (tx, own, asked) => restoreVersion(tx, own, { tenantId: asking.tenantId, ...version }, asked)),
    promote: (asking, from, how) =>
      bring(asking, how, (tx, own, asked) => promote(tx, own, { from, to: asking.tenantId }, asked)),
    /** Replaces a part: `edit` answers the tenant's tree as it shall be. `focus`: the part's path, told as `body`. */
    edit: (asking, focus, edit, create = false, really = true) =>
      change(
        asking,
        (now) => {
          const next = edit(structuredClone(now))
          return 'refuse' in next ? (next as unknown as Refused) : stringify({ tenants: [next] }, { lineWidth: 0 })
        },
        { really, focus, create },
      ),
    plan: (asking, yaml, given) => change(asking, () => yaml, { really: false, variables: given }),
    apply: (asking, yaml, given) => change(asking, () => yaml, { really: true, variables: given }),
    exported: (tenantId) => asTenant(sql, tenantId, (tx) => exportConfig(tx, copyOf(key), tenantId)),
  }
}
