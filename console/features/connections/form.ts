/** Between a connection as it is declared and the fields of its form. What the form does not show stays as it is. Pure. */

export type Tree = Record<string, unknown>

/** An empty secret keeps the one that is stored: its name goes back. */
export interface FormValues {
  role: string
  kind: string
  baseUrl: string
  zone?: string
  timeout?: string
  recognise?: string
  readable: boolean
  headers: { name: string; value?: string; stored?: string }[]
  auth: '' | 'basic' | 'apiKey' | 'oauth2' | 'signature'
  basic: { user?: string; password?: string }
  apiKey: { in?: string; name?: string; value?: string }
  oauth2: { tokenUrl?: string; clientId?: string; clientSecret?: string }
  limits: { concurrency?: number | null; perSecond?: number | null; perDay?: number | null }
  result: { codePath?: string; messagePath?: string; dataPath?: string; successCodes?: string }
  /** Of kind masterdata-batch; secrets that are left empty stay. */
  batch: {
    clientId?: string
    clientSecret?: string
    salt?: string
    callbackUrl?: string
    query?: boolean
    maxRows?: number | null
    perHour?: number | null
    perDay?: number | null
    fillFor?: string
    answerWithin?: string
  }
  /** Of kind fxiaoke, likewise. */
  fxiaoke: {
    appId?: string
    appSecret?: string
    permanentCode?: string
    enterprise?: string
    user?: string
    triggerWorkFlow?: boolean
    triggerApprovalFlow?: boolean
  }
}

const tree = (value: unknown): Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {}
const text = (value: unknown): string | undefined => (value === undefined || value === null ? undefined : String(value))

export const valuesOf = (connection: Tree): FormValues => {
  const auth = tree(connection.auth)
  const [kind = ''] = Object.keys(auth) as FormValues['auth'][]
  const result = tree(connection.result)
  const codes = result.successCodes
  return {
    role: String(connection.role ?? 'erp'),
    kind: String(connection.kind ?? 'standard'),
    baseUrl: String(connection.baseUrl ?? ''),
    zone: text(connection.zone),
    timeout: text(connection.timeout),
    recognise: text(connection.recognise),
    readable: connection.readable !== false,
    headers: Object.entries(tree(connection.headers)).map(([name, stored]) => ({ name, stored: String(stored) })),
    auth: kind,
    basic: { user: text(tree(auth.basic).user) },
    apiKey: { in: text(tree(auth.apiKey).in) ?? 'header', name: text(tree(auth.apiKey).name) },
    oauth2: { tokenUrl: text(tree(auth.oauth2).tokenUrl), clientId: text(tree(auth.oauth2).clientId) },
    limits: tree(connection.limits) as FormValues['limits'],
    batch: {
      ...tree(connection.batch),
      clientSecret: undefined,
      salt: undefined,
      query: tree(connection.batch).query !== false,
    },
    fxiaoke: { ...tree(connection.fxiaoke), appSecret: undefined, permanentCode: undefined },
    result: {
      codePath: text(result.codePath),
      messagePath: text(result.messagePath),
      dataPath: text(result.dataPath),
      successCodes: Array.isArray(codes) ? codes.join(', ') : text(codes),
    },
  }
}

/** Leaves out what is empty. */
const filled = (values: Tree): Tree =>
  Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== ''),
  )

const orNothing = (name: string, value: Tree): Tree => (Object.keys(value).length ? { [name]: value } : {})

/** What is emptied goes; what the form does not show, and secrets that were not typed anew, stay. */
const batchOf = (before: Tree, { query = true, clientSecret, salt, ...said }: FormValues['batch']): Tree => ({
  ...Object.fromEntries(Object.entries(before).filter(([name]) => !(name in said) && name !== 'query')),
  ...filled(said),
  ...filled({ clientSecret, salt }),
  ...(query ? {} : { query: false }),
})

/** As for batches; what is switched off is the usual, and not said. */
const fxiaokeOf = (before: Tree, { appSecret, permanentCode, ...said }: FormValues['fxiaoke']): Tree => ({
  ...Object.fromEntries(Object.entries(before).filter(([name]) => !(name in said))),
  ...Object.fromEntries(Object.entries(filled(said)).filter(([, value]) => value !== false)),
  ...filled({ appSecret, permanentCode }),
})

export const connectionOf = (before: Tree, said: FormValues): Tree => {
  const {
    id: _id,
    objects: _objects,
    headers: _headers,
    auth: _auth,
    batch: _batch,
    fxiaoke: _fxiaoke,
    limits,
    result,
    ...kept
  } = before
  const stored = tree(before.auth)
  const own = said.auth === '' ? {} : tree(stored[said.auth])
  const auth: Record<string, Tree> = {
    basic: { ...own, ...filled({ user: said.basic.user, password: said.basic.password }) },
    apiKey: { ...own, ...filled({ in: said.apiKey.in, name: said.apiKey.name, value: said.apiKey.value }) },
    oauth2: {
      ...own,
      ...filled({
        tokenUrl: said.oauth2.tokenUrl,
        clientId: said.oauth2.clientId,
        clientSecret: said.oauth2.clientSecret,
      }),
    },
    signature: own,
  }
  const codes = said.result.successCodes
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
  const simple = { zone: said.zone, timeout: said.timeout, recognise: said.recognise }
  const without = Object.fromEntries(Object.entries(kept).filter(([name]) => !(name in simple) && name !== 'readable'))
  const headers = Object.fromEntries(
    said.headers.flatMap(({ name, value, stored: before }) =>
      name && (value || before) ? [[name, value || before]] : [],
    ),
  )
  return {
    ...without,
    role: said.role,
    ...(said.kind !== 'standard' || before.kind !== undefined ? { kind: said.kind } : {}),
    baseUrl: said.baseUrl,
    ...filled(simple),
    ...(said.readable ? {} : { readable: false }),
    ...orNothing('headers', headers),
    ...(said.auth === '' ? {} : { auth: { [said.auth]: auth[said.auth] ?? {} } }),
    ...(said.kind === 'masterdata-batch' && { batch: batchOf(tree(before.batch), said.batch) }),
    ...(said.kind === 'fxiaoke' && { fxiaoke: fxiaokeOf(tree(before.fxiaoke), said.fxiaoke) }),
    ...orNothing('limits', filled({ ...tree(limits), ...said.limits })),
    ...orNothing(
      'result',
      filled({
        ...tree(result),
        codePath: said.result.codePath,
        messagePath: said.result.messagePath,
        dataPath: said.result.dataPath,
        successCodes: codes === undefined || codes.length === 0 ? undefined : codes,
      }),
    ),
  }
}
