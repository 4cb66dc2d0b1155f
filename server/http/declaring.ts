/** What rooms are handed to read and change the configuration of a tenant (main.ts), and the shape in which a change is answered. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type Answered, type Asked, ok, type Refused, refuse } from './route.ts'

/** A tenant, connection, pair … as the configuration file writes it. */
export type Tree = Record<string, unknown>

export interface Declared {
  tree: Tree
  changes: readonly {
    kind: string
    name: string
    what: 'added' | 'changed' | 'removed'
    fields: readonly { path: string; before: unknown; after: unknown }[]
    follows?: string
  }[]
  warnings: readonly { path: string; say: string }[]
  made: readonly { name: string; secret: string }[]
}

export interface Asking {
  tenantId: string
  actor: string
  route: string
  traceId: string
  address: string
}

/** What would change, or what changed, under the name that stands for exactly that. */
export interface Brought {
  plan: string
  changes: Declared['changes']
}

/** `really` false: only planned. `plan`: refused where the change is no longer that one. */
export interface Bringing {
  really: boolean
  plan?: string | undefined
}

/** As credentials are named where they are stored. */
export interface CallerName {
  kind: 'push-token' | 'hook' | 'batch-client'
  id: string
}

export interface Declaring {
  tree(tenantId: string): Promise<Tree>
  edit(
    asking: Asking,
    focus: string,
    edit: (now: Tree) => Tree | Refused,
    create?: boolean,
    /** False: only what would change. */
    really?: boolean,
  ): Promise<Declared | Refused>
  plan(asking: Asking, yaml: string, variables: Record<string, string>): Promise<Declared | Refused>
  apply(asking: Asking, yaml: string, variables: Record<string, string>): Promise<Declared | Refused>
  exported(tenantId: string): Promise<string>
  /** One thing is made what it was in that version. */
  restore(
    asking: Asking,
    version: { kind: 'connection' | 'object' | 'pair' | 'flow' | 'function'; name: string; number: number },
    how: Bringing,
  ): Promise<Brought | Refused>
  /** A new secret, or salt, beside the one in use, which lets in until then; null: until it is retired. Null: there is no such caller. */
  renew(
    asking: Asking,
    caller: CallerName,
    what: 'secret' | 'salt',
    formerUntil: number | null,
  ): Promise<string | null | Refused>
  /** From now on only the new one lets in. */
  retire(asking: Asking, caller: CallerName): Promise<true | null | Refused>
  /** Objects, pairs and flows of another tenant are carried to this one. */
  promote(asking: Asking, from: string, how: Bringing): Promise<Brought | Refused>
}

export const askingOf = (asked: Asked<unknown, unknown, unknown>, route: string, tenantId: string): Asking => ({
  tenantId,
  actor: asked.who.actor,
  route,
  traceId: asked.traceId,
  address: asked.address,
})

export const changeShape = z.object({
  kind: z.string(),
  name: z.string(),
  what: z.enum(['added', 'changed', 'removed']),
  fields: z.array(z.object({ path: z.string(), before: z.unknown(), after: z.unknown() })),
  follows: z.string().optional().describe('What this means for records.'),
})

export const declaredShape = z.object({
  changes: z.array(changeShape).describe('Empty: it was so already.'),
  warnings: z.array(z.object({ path: z.string(), say: z.string() })),
  secrets: z
    .array(z.object({ name: z.string(), secret: z.string() }))
    .describe('Made by this change; shown this once.'),
})

export const shownDeclared = (declared: Declared): z.input<typeof declaredShape> => ({
  changes: declared.changes.map((one) => ({ ...one, fields: [...one.fields] })),
  warnings: [...declared.warnings],
  secrets: [...declared.made],
})

/** With `of`, the answer carries the tag of what was declared, for the next `If-Match`. */
export const answered = (
  declared: Declared | Refused,
  of?: Shown,
): Answered<z.input<typeof declaredShape>> | Refused => {
  if ('refuse' in declared) return declared
  const is = of?.(declared.tree)
  return ok(shownDeclared(declared), is === undefined ? undefined : { ETag: tagOf(is) })
}

// ── one thing, as it was seen ────────────────────────────────────────────────────────────────────────────────────────────────────────
/** What GET answers of a thing of the tenant; undefined: it is not there. */
export type Shown = (now: Tree) => unknown

/** The same for as long as the thing is said in the same words. */
export const tagOf = (shown: unknown): string =>
  `"${createHash('sha256').update(JSON.stringify(shown)).digest('base64url').slice(0, 22)}"`

export const tagged = <A>(shown: A): Answered<A> => ok(shown, { ETag: tagOf(shown) })

/** `If-Match`: the edit is refused where the thing is no longer what its caller saw. Asked in the edit's own transaction. */
export const ifMatch =
  (asked: Pick<Asked<unknown, unknown, unknown>, 'headers'>, of: Shown, edit: (now: Tree) => Tree | Refused) =>
  (now: Tree): Tree | Refused => {
    const wanted = asked.headers['if-match']
    if (wanted === undefined) return edit(now)
    const tags = String(wanted)
      .split(',')
      .map((tag) => tag.trim())
    const is = of(now)
    const fits = is !== undefined && (tags.includes('*') || tags.includes(tagOf(is)))
    return fits ? edit(now) : refuse('changed.since')
  }

// ── trees ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const listIn = (tree: Tree, key: string): Tree[] => (Array.isArray(tree[key]) ? (tree[key] as Tree[]) : [])

export const findIn = (tree: Tree, list: string, key: string, id: string): Tree | undefined =>
  listIn(tree, list).find((one) => String(one[key]) === id)

/** The entry replaced, or put behind the others. */
export const putIn = (tree: Tree, list: string, is: (entry: Tree) => boolean, entry: Tree): Tree => {
  const all = listIn(tree, list)
  const at = all.findIndex(is)
  return { ...tree, [list]: at < 0 ? [...all, entry] : all.with(at, entry) }
}

/** Null where it was not there. */
export const dropIn = (tree: Tree, list: string, is: (entry: Tree) => boolean): Tree | null => {
  const all = listIn(tree, list)
  return all.some(is) ? { ...tree, [list]: all.filter((entry) => !is(entry)) } : null
}

export const absent = (what: string): Refused => refuse('absent', { what })
