/** Made by scripts/api-client.ts from the OpenAPI document: what each route takes and answers. A test holds it to the document. */
export interface Routes {
  addEveryKey: {
    path: unknown
    query: unknown
    body: { name: string; scopes: ("see" | "operate" | "configure" | "administer" | "install")[]; days?: number }
    answer: { key: string; name: string; user: string; scopes: string[]; createdAt: string; expiresAt: string; lastUsedAt: string | null; secret: string }
  }
  addEveryUser: {
    path: unknown
    query: unknown
    body: { user: string; name?: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; password?: string }
    answer: { user: string; name: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; home: string; disabled: boolean; createdAt: string; password: string | null }
  }
  addKey: {
    path: { tenant: string }
    query: unknown
    body: { name: string; scopes: ("see" | "operate" | "configure" | "administer" | "install")[]; days?: number }
    answer: { key: string; name: string; user: string; scopes: string[]; createdAt: string; expiresAt: string; lastUsedAt: string | null; secret: string }
  }
  addTenant: {
    path: unknown
    query: unknown
    body: { tenant: string; name?: string; zone?: string }
    answer: { tenant: string; name: string; zone: string; role: string | null }
  }
  addUser: {
    path: { tenant: string }
    query: unknown
    body: { user: string; name?: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; password?: string }
    answer: { user: string; name: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; home: string; disabled: boolean; createdAt: string; password: string | null }
  }
  applyConfiguration: {
    path: { tenant: string }
    query: unknown
    body: { yaml: string; variables?: Record<string, string> }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  bindLink: {
    path: { tenant: string; pair: string }
    query: unknown
    body: { left: string; right: string }
    answer: { link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] }
  }
  changeEveryUser: {
    path: { user: string }
    query: unknown
    body: { name?: string; role?: "viewer" | "operator" | "integrator" | "admin" | "owner"; disabled?: boolean; password?: string; tenants?: Record<string, "viewer" | "operator" | "integrator" | "admin" | "owner"> }
    answer: { user: string; name: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; home: string; disabled: boolean; createdAt: string }
  }
  changeFlowState: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: { state: "enabled" | "paused" | "disabled" }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  changeOwnPassword: {
    path: unknown
    query: unknown
    body: { password: string; newPassword: string }
    answer: undefined
  }
  changeTenant: {
    path: { tenant: string }
    query: unknown
    body: { name?: string; zone?: string }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  changeUser: {
    path: { tenant: string; user: string }
    query: unknown
    body: { name?: string; role?: "viewer" | "operator" | "integrator" | "admin" | "owner"; disabled?: boolean; password?: string }
    answer: { user: string; name: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; home: string; disabled: boolean; createdAt: string }
  }
  declareRecord: {
    path: { tenant: string; link: number }
    query: unknown
    body: { found: string } | { absent: true }
    answer: { link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] }
  }
  estimateRetry: {
    path: { tenant: string }
    query: unknown
    body: { flow?: string; object?: string; state?: ("pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | "due" | "working" | "idle" | "parked")[]; fault?: string; group?: string; from?: string; to?: string; keyword?: string }
    answer: { matched: number }
  }
  exportConfiguration: {
    path: { tenant: string }
    query: unknown
    body: undefined
    answer: string
  }
  exportLinks: {
    path: { tenant: string }
    query: { pair?: string }
    body: undefined
    answer: string
  }
  ignoreRecord: {
    path: { tenant: string; link: number }
    query: unknown
    body: { reason: string }
    answer: { link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] }
  }
  listAudit: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; actor?: string; kind?: string; name?: string; from?: string; to?: string }
    body: undefined
    answer: { items: { id: number; at: string; actor: string; route: string; kind: string; name: string; what: string; before: unknown; after: unknown; traceId: string; address: string }[]; next: string | null }
  }
  listBatchClients: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: Record<string, unknown>[]; next: string | null }
  }
  listCalls: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; pair?: string; target?: string; call?: string; outcome?: string; trace?: string; from?: string; to?: string }
    body: undefined
    answer: { items: ({ attempt: number; at: string; endedAt: string | null; pair: string; link: number; target: string; call: string; traceId: string; outcome: string | null; status: number | null; ms: number | null; bytes: number | null; why: string[] })[]; next: string | null }
  }
  listConnections: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; role?: "erp" | "crm" }
    body: undefined
    answer: { items: Record<string, unknown>[]; next: string | null }
  }
  listEveryAudit: {
    path: unknown
    query: { limit?: number; cursor?: string; actor?: string; kind?: string; name?: string; from?: string; to?: string }
    body: undefined
    answer: { items: { id: number; at: string; actor: string; route: string; kind: string; name: string; what: string; before: unknown; after: unknown; traceId: string; address: string }[]; next: string | null }
  }
  listEveryKey: {
    path: unknown
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ key: string; name: string; user: string; scopes: string[]; createdAt: string; expiresAt: string; lastUsedAt: string | null })[]; next: string | null }
  }
  listEveryUser: {
    path: unknown
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ user: string; name: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; home: string; disabled: boolean; createdAt: string })[]; next: string | null }
  }
  listGroups: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; flow?: string }
    body: undefined
    answer: { items: ({ group: string; what: "record" | "read"; pair: string | null; flow: "leftToRight" | "rightToLeft" | null; connection: string; object: string | null; code: string; stage: string; field: string | null; count: number; states: { failed: number; unknown: number; waiting: number; pending: number }; firstSeen: string | null; lastSeen: string | null; sample: Record<string, unknown>; sentence: string; todo: string })[]; next: string | null }
  }
  listHooks: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: Record<string, unknown>[]; next: string | null }
  }
  listKeys: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ key: string; name: string; user: string; scopes: string[]; createdAt: string; expiresAt: string; lastUsedAt: string | null })[]; next: string | null }
  }
  listLinks: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; pair?: string; id?: string; bound?: "true" | "false" }
    body: undefined
    answer: { items: ({ link: number; pair: string; left: string | null; right: string | null; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" })[]; next: string | null }
  }
  listObjects: {
    path: { tenant: string; connection: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: Record<string, unknown>[]; next: string | null }
  }
  listPairs: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: Record<string, unknown>[]; next: string | null }
  }
  listRecords: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; flow?: string; object?: string; state?: ("pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | "due" | "working" | "idle" | "parked")[]; fault?: string; group?: string; from?: string; to?: string; keyword?: string }
    body: undefined
    answer: { items: ({ link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] })[]; next: string | null }
  }
  listRoles: {
    path: unknown
    query: unknown
    body: undefined
    answer: { roles: ({ role: "viewer" | "operator" | "integrator" | "admin" | "owner"; rights: ("self" | "see" | "operate" | "configure" | "administer" | "install")[] })[]; routes: ({ route: string; right: string | null; only: string | null })[] }
  }
  listTasks: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; state?: "running" | "done" | "failed" | "stopped" }
    body: undefined
    answer: { items: ({ task: string; kind: string; askedBy: string; state: "running" | "done" | "failed" | "stopped"; total: number; done: number; fault: string | null; createdAt: string; endedAt: string | null })[]; next: string | null }
  }
  listTenants: {
    path: unknown
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ tenant: string; name: string; zone: string; role: string | null })[]; next: string | null }
  }
  listTokens: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: Record<string, unknown>[]; next: string | null }
  }
  listUsers: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; role?: "viewer" | "operator" | "integrator" | "admin" | "owner" }
    body: undefined
    answer: { items: ({ user: string; name: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; home: string; disabled: boolean; createdAt: string })[]; next: string | null }
  }
  listVersions: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; kind?: "connection" | "object" | "pair" | "flow"; name?: string }
    body: undefined
    answer: { items: ({ kind: "connection" | "object" | "pair" | "flow"; name: string; number: number; what: "added" | "changed" | "removed"; who: string; at: string; fields: { path: string; before: unknown; after: unknown }[] })[]; next: string | null }
  }
  planConfiguration: {
    path: { tenant: string }
    query: unknown
    body: { yaml: string; variables?: Record<string, string> }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  promote: {
    path: { tenant: string }
    query: unknown
    body: { really?: boolean; plan?: string; from: string }
    answer: { plan: string; changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[] }
  }
  putBatchClient: {
    path: { tenant: string; id: string }
    query: unknown
    body: { secret?: string; formerSecret?: string; salt?: string; formerSalt?: string; formerUntil?: string; origins?: string[] }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  putConnection: {
    path: { tenant: string; connection: string }
    query: unknown
    body: Record<string, unknown>
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  putFlow: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: Record<string, unknown>
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  putHook: {
    path: { tenant: string; id: string }
    query: unknown
    body: { secret?: string; former?: string; formerUntil?: string }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  putMapping: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: Record<string, unknown>
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  putObject: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: { apiName?: string; name?: string; idField?: string; nameField?: string; modifiedField?: string; modifiedGrain?: "millisecond" | "second" | "coarse"; externalIdField?: string; voidedWhen?: { field: string; value: string | number | boolean }; bodies?: { push?: "whole" | "partial"; event?: "whole" | "partial" }; fields?: Record<string, "text" | "decimal" | "integer" | "bool" | "date" | "datetime" | "select" | "multiselect" | "reference" | "person" | "department" | "attachment" | { type?: "text" | "decimal" | "integer" | "bool" | "date" | "datetime" | "select" | "multiselect" | "reference" | "person" | "department" | "attachment"; name?: string; required?: boolean; length?: number; options?: (string | number)[] | Record<string, string>; references?: string; compare?: { trim?: boolean; ignoreCase?: boolean; scale?: number; precision?: "day" | "minute" | "second" | "millisecond" }; format?: string; zone?: string }>; details?: ({ code: string; apiName?: string; name?: string; idField?: string; fields?: Record<string, "text" | "decimal" | "integer" | "bool" | "date" | "datetime" | "select" | "multiselect" | "reference" | "person" | "department" | "attachment" | { type?: "text" | "decimal" | "integer" | "bool" | "date" | "datetime" | "select" | "multiselect" | "reference" | "person" | "department" | "attachment"; name?: string; required?: boolean; length?: number; options?: (string | number)[] | Record<string, string>; references?: string; compare?: { trim?: boolean; ignoreCase?: boolean; scale?: number; precision?: "day" | "minute" | "second" | "millisecond" }; format?: string; zone?: string }> })[] }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  putOptions: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft"; field: string }
    query: { detail?: string }
    body: { options: Record<string, string | number>; unmapped?: "park" | "keep" | "empty" | "default" }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  putPair: {
    path: { tenant: string; pair: string }
    query: unknown
    body: Record<string, unknown>
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  putPreference: {
    path: unknown
    query: unknown
    body: { locale: "zh_CN" | "zh_TW" | "en_US" | "ja_JP" | null; zone: string | null; theme: "light" | "dark" | null }
    answer: { locale: "zh_CN" | "zh_TW" | "en_US" | "ja_JP" | null; zone: string | null; theme: "light" | "dark" | null }
  }
  putToken: {
    path: { tenant: string; id: string }
    query: unknown
    body: { value?: string; former?: string; formerUntil?: string; connections?: (string | number)[]; objects?: string[]; ratePerSecond?: number; expiresAt?: string }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  refetchGroup: {
    path: { tenant: string; group: string }
    query: unknown
    body: undefined
    answer: { asked: number }
  }
  refetchRecord: {
    path: { tenant: string; link: number }
    query: unknown
    body: { side?: "left" | "right" }
    answer: { link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] }
  }
  removeBatchClient: {
    path: { tenant: string; id: string }
    query: unknown
    body: undefined
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  removeConnection: {
    path: { tenant: string; connection: string }
    query: unknown
    body: undefined
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  removeEveryKey: {
    path: { key: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  removeEveryUser: {
    path: { user: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  removeFlow: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: undefined
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  removeHook: {
    path: { tenant: string; id: string }
    query: unknown
    body: undefined
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  removeKey: {
    path: { tenant: string; key: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  removeObject: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: undefined
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  removePair: {
    path: { tenant: string; pair: string }
    query: unknown
    body: undefined
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  removeToken: {
    path: { tenant: string; id: string }
    query: unknown
    body: undefined
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  removeUser: {
    path: { tenant: string; user: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  renewBatchClient: {
    path: { tenant: string; id: string }
    query: unknown
    body: { what?: "secret" | "salt"; formerUntil?: string }
    answer: { secret: string }
  }
  renewHook: {
    path: { tenant: string; id: string }
    query: unknown
    body: { what?: "secret" | "salt"; formerUntil?: string }
    answer: { secret: string }
  }
  renewToken: {
    path: { tenant: string; id: string }
    query: unknown
    body: { what?: "secret" | "salt"; formerUntil?: string }
    answer: { secret: string }
  }
  restoreVersion: {
    path: { tenant: string; kind: "connection" | "object" | "pair" | "flow"; name: string; number: number }
    query: unknown
    body: { really?: boolean; plan?: string }
    answer: { plan: string; changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[] }
  }
  retireBatchClient: {
    path: { tenant: string; id: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  retireHook: {
    path: { tenant: string; id: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  retireToken: {
    path: { tenant: string; id: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  retryMatching: {
    path: { tenant: string }
    query: unknown
    body: { filter: { flow?: string; object?: string; state?: ("pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | "due" | "working" | "idle" | "parked")[]; fault?: string; group?: string; from?: string; to?: string; keyword?: string }; side?: "left" | "right"; expected?: number }
    answer: { task: string; kind: string; askedBy: string; state: "running" | "done" | "failed" | "stopped"; total: number; done: number; fault: string | null; createdAt: string; endedAt: string | null }
  }
  retryRecord: {
    path: { tenant: string; link: number }
    query: unknown
    body: { side?: "left" | "right" }
    answer: { link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] }
  }
  runBody: {
    path: { tenant: string; link: number }
    query: unknown
    body: { body: string; side?: "left" | "right" }
    answer: { link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] }
  }
  showBody: {
    path: { tenant: string; link: number }
    query: { side?: "left" | "right" }
    body: undefined
    answer: { side: "left" | "right"; body: string }
  }
  showCall: {
    path: { tenant: string; attempt: number }
    query: { at: string }
    body: undefined
    answer: { attempt: number; at: string; endedAt: string | null; pair: string; link: number; target: string; call: string; traceId: string; outcome: string | null; status: number | null; ms: number | null; bytes: number | null; why: string[]; request: string | null; answer: string | null }
  }
  showConnection: {
    path: { tenant: string; connection: string }
    query: unknown
    body: undefined
    answer: Record<string, unknown>
  }
  showFlow: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: undefined
    answer: Record<string, unknown>
  }
  showJourney: {
    path: { tenant: string }
    query: { id: string; limit?: number }
    body: undefined
    answer: { links: ({ link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] })[]; arrivals: ({ seq: number; at: string; connection: string; object: string; id: string; operation: string; channel: string; traceId: string; outcome: string; bytes: number; body: string | null; editedBy: string | null })[]; attempts: ({ attempt: number; at: string; endedAt: string | null; pair: string; link: number; target: string; call: string; traceId: string; outcome: string | null; status: number | null; ms: number | null; request: string | null; answer: string | null; fault: Record<string, unknown> | null; why: string[] })[]; staged: ({ connection: string; object: string; id: string; version: number; operation: string; sourceTime: string | null; content: string })[]; reads: ({ connection: string; object: string; id: string; state: string; cause: string; attempts: number; nextAt: string | null; why: string[] })[]; troubles: ({ link: number; group: string; why: string[]; times: number; firstAt: string; lastAt: string; closedAt: string | null; closedBy: string | null; note: string | null })[]; parents: ({ pair: string; link: number | null; left: string | null; right: string | null; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | null; through: string })[]; children: ({ pair: string; link: number | null; left: string | null; right: string | null; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | null; through: string })[] }
  }
  showMapping: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: undefined
    answer: Record<string, unknown>
  }
  showObject: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: undefined
    answer: Record<string, unknown>
  }
  showOptions: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft"; field: string }
    query: { detail?: string }
    body: undefined
    answer: { options: Record<string, string | number>; unmapped?: "park" | "keep" | "empty" | "default" }
  }
  showPair: {
    path: { tenant: string; pair: string }
    query: unknown
    body: undefined
    answer: Record<string, unknown>
  }
  showPreference: {
    path: unknown
    query: unknown
    body: undefined
    answer: { locale: "zh_CN" | "zh_TW" | "en_US" | "ja_JP" | null; zone: string | null; theme: "light" | "dark" | null }
  }
  showPulse: {
    path: { tenant: string }
    query: { span?: "hour" | "day" | "week" }
    body: undefined
    answer: { from: string; to: string; step: number; steps: { at: string; pair: string; target: string; applied: number; refused: number; again: number; unanswered: number; ms: number; backlog: number; oldestMs: number }[] }
  }
  showRecord: {
    path: { tenant: string; link: number }
    query: unknown
    body: undefined
    answer: { link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] }
  }
  showSession: {
    path: unknown
    query: unknown
    body: undefined
    answer: { user: string; name: string; via: "session" | "key"; everywhere: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; tenants: ({ tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; rights: ("self" | "see" | "operate" | "configure" | "administer" | "install")[] })[]; scopes: string[] | null; csrfToken: string; expiresAt: string }
  }
  showStatus: {
    path: { tenant: string }
    query: unknown
    body: undefined
    answer: { at: string; flows: ({ pair: string; flow: "leftToRight" | "rightToLeft"; state: string; source: string; target: string; counts: Record<string, number>; held: number; oldestPending: string | null; sweep: { what: string; done: number; total: number | null } | null })[]; connections: { connection: string; backlog: number; heldByBreaker: number; reads: number; readsFailed: number }[]; decoding: number; decodingFailed: number }
  }
  showStory: {
    path: { tenant: string; link: number }
    query: { limit?: number }
    body: undefined
    answer: { links: ({ link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] })[]; arrivals: ({ seq: number; at: string; connection: string; object: string; id: string; operation: string; channel: string; traceId: string; outcome: string; bytes: number; body: string | null; editedBy: string | null })[]; attempts: ({ attempt: number; at: string; endedAt: string | null; pair: string; link: number; target: string; call: string; traceId: string; outcome: string | null; status: number | null; ms: number | null; request: string | null; answer: string | null; fault: Record<string, unknown> | null; why: string[] })[]; staged: ({ connection: string; object: string; id: string; version: number; operation: string; sourceTime: string | null; content: string })[]; reads: ({ connection: string; object: string; id: string; state: string; cause: string; attempts: number; nextAt: string | null; why: string[] })[]; troubles: ({ link: number; group: string; why: string[]; times: number; firstAt: string; lastAt: string; closedAt: string | null; closedBy: string | null; note: string | null })[]; parents: ({ pair: string; link: number | null; left: string | null; right: string | null; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | null; through: string })[]; children: ({ pair: string; link: number | null; left: string | null; right: string | null; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | null; through: string })[] }
  }
  showTask: {
    path: { tenant: string; task: string }
    query: unknown
    body: undefined
    answer: { task: string; kind: string; askedBy: string; state: "running" | "done" | "failed" | "stopped"; total: number; done: number; fault: string | null; createdAt: string; endedAt: string | null }
  }
  showTenant: {
    path: { tenant: string }
    query: unknown
    body: undefined
    answer: { tenant: string; name: string; zone: string; role: string | null }
  }
  showVersion: {
    path: { tenant: string; kind: "connection" | "object" | "pair" | "flow"; name: string; number: number }
    query: unknown
    body: undefined
    answer: { kind: "connection" | "object" | "pair" | "flow"; name: string; number: number; what: "added" | "changed" | "removed"; who: string; at: string; fields: { path: string; before: unknown; after: unknown }[]; definition: Record<string, unknown> | null }
  }
  signIn: {
    path: unknown
    query: unknown
    body: { user: string; password: string }
    answer: { user: string; name: string; via: "session" | "key"; everywhere: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; tenants: ({ tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; rights: ("self" | "see" | "operate" | "configure" | "administer" | "install")[] })[]; scopes: string[] | null; csrfToken: string; expiresAt: string }
  }
  signOut: {
    path: unknown
    query: unknown
    body: undefined
    answer: undefined
  }
  stopTask: {
    path: { tenant: string; task: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  unbindLink: {
    path: { tenant: string; link: number }
    query: unknown
    body: undefined
    answer: { link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] }
  }
  whoAmI: {
    path: unknown
    query: unknown
    body: undefined
    answer: { user: string; name: string; via: "session" | "key"; everywhere: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; tenants: ({ tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; rights: ("self" | "see" | "operate" | "configure" | "administer" | "install")[] })[]; scopes: string[] | null }
  }
}

export const routes: { readonly [Id in keyof Routes]: readonly [method: string, path: string] } = {
  addEveryKey: ['POST', '/keys'],
  addEveryUser: ['POST', '/users'],
  addKey: ['POST', '/tenants/{tenant}/keys'],
  addTenant: ['POST', '/tenants'],
  addUser: ['POST', '/tenants/{tenant}/users'],
  applyConfiguration: ['POST', '/tenants/{tenant}/configuration/apply'],
  bindLink: ['POST', '/tenants/{tenant}/pairs/{pair}/links'],
  changeEveryUser: ['PATCH', '/users/{user}'],
  changeFlowState: ['PATCH', '/tenants/{tenant}/pairs/{pair}/flows/{flow}'],
  changeOwnPassword: ['PUT', '/session/password'],
  changeTenant: ['PATCH', '/tenants/{tenant}'],
  changeUser: ['PATCH', '/tenants/{tenant}/users/{user}'],
  declareRecord: ['POST', '/tenants/{tenant}/records/{link}/declare'],
  estimateRetry: ['POST', '/tenants/{tenant}/retries/estimate'],
  exportConfiguration: ['GET', '/tenants/{tenant}/configuration'],
  exportLinks: ['GET', '/tenants/{tenant}/links.csv'],
  ignoreRecord: ['POST', '/tenants/{tenant}/records/{link}/ignore'],
  listAudit: ['GET', '/tenants/{tenant}/audit'],
  listBatchClients: ['GET', '/tenants/{tenant}/batch-clients'],
  listCalls: ['GET', '/tenants/{tenant}/calls'],
  listConnections: ['GET', '/tenants/{tenant}/connections'],
  listEveryAudit: ['GET', '/audit'],
  listEveryKey: ['GET', '/keys'],
  listEveryUser: ['GET', '/users'],
  listGroups: ['GET', '/tenants/{tenant}/groups'],
  listHooks: ['GET', '/tenants/{tenant}/hooks'],
  listKeys: ['GET', '/tenants/{tenant}/keys'],
  listLinks: ['GET', '/tenants/{tenant}/links'],
  listObjects: ['GET', '/tenants/{tenant}/connections/{connection}/objects'],
  listPairs: ['GET', '/tenants/{tenant}/pairs'],
  listRecords: ['GET', '/tenants/{tenant}/records'],
  listRoles: ['GET', '/roles'],
  listTasks: ['GET', '/tenants/{tenant}/tasks'],
  listTenants: ['GET', '/tenants'],
  listTokens: ['GET', '/tenants/{tenant}/tokens'],
  listUsers: ['GET', '/tenants/{tenant}/users'],
  listVersions: ['GET', '/tenants/{tenant}/versions'],
  planConfiguration: ['POST', '/tenants/{tenant}/configuration/plan'],
  promote: ['POST', '/tenants/{tenant}/promote'],
  putBatchClient: ['PUT', '/tenants/{tenant}/batch-clients/{id}'],
  putConnection: ['PUT', '/tenants/{tenant}/connections/{connection}'],
  putFlow: ['PUT', '/tenants/{tenant}/pairs/{pair}/flows/{flow}'],
  putHook: ['PUT', '/tenants/{tenant}/hooks/{id}'],
  putMapping: ['PUT', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/mapping'],
  putObject: ['PUT', '/tenants/{tenant}/connections/{connection}/objects/{object}'],
  putOptions: ['PUT', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/options/{field}'],
  putPair: ['PUT', '/tenants/{tenant}/pairs/{pair}'],
  putPreference: ['PUT', '/session/preference'],
  putToken: ['PUT', '/tenants/{tenant}/tokens/{id}'],
  refetchGroup: ['POST', '/tenants/{tenant}/groups/{group}/refetch'],
  refetchRecord: ['POST', '/tenants/{tenant}/records/{link}/refetch'],
  removeBatchClient: ['DELETE', '/tenants/{tenant}/batch-clients/{id}'],
  removeConnection: ['DELETE', '/tenants/{tenant}/connections/{connection}'],
  removeEveryKey: ['DELETE', '/keys/{key}'],
  removeEveryUser: ['DELETE', '/users/{user}'],
  removeFlow: ['DELETE', '/tenants/{tenant}/pairs/{pair}/flows/{flow}'],
  removeHook: ['DELETE', '/tenants/{tenant}/hooks/{id}'],
  removeKey: ['DELETE', '/tenants/{tenant}/keys/{key}'],
  removeObject: ['DELETE', '/tenants/{tenant}/connections/{connection}/objects/{object}'],
  removePair: ['DELETE', '/tenants/{tenant}/pairs/{pair}'],
  removeToken: ['DELETE', '/tenants/{tenant}/tokens/{id}'],
  removeUser: ['DELETE', '/tenants/{tenant}/users/{user}'],
  renewBatchClient: ['POST', '/tenants/{tenant}/batch-clients/{id}/renew'],
  renewHook: ['POST', '/tenants/{tenant}/hooks/{id}/renew'],
  renewToken: ['POST', '/tenants/{tenant}/tokens/{id}/renew'],
  restoreVersion: ['POST', '/tenants/{tenant}/versions/{kind}/{name}/{number}/restore'],
  retireBatchClient: ['POST', '/tenants/{tenant}/batch-clients/{id}/retire'],
  retireHook: ['POST', '/tenants/{tenant}/hooks/{id}/retire'],
  retireToken: ['POST', '/tenants/{tenant}/tokens/{id}/retire'],
  retryMatching: ['POST', '/tenants/{tenant}/retries'],
  retryRecord: ['POST', '/tenants/{tenant}/records/{link}/retry'],
  runBody: ['POST', '/tenants/{tenant}/records/{link}/body'],
  showBody: ['GET', '/tenants/{tenant}/records/{link}/body'],
  showCall: ['GET', '/tenants/{tenant}/calls/{attempt}'],
  showConnection: ['GET', '/tenants/{tenant}/connections/{connection}'],
  showFlow: ['GET', '/tenants/{tenant}/pairs/{pair}/flows/{flow}'],
  showJourney: ['GET', '/tenants/{tenant}/journey'],
  showMapping: ['GET', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/mapping'],
  showObject: ['GET', '/tenants/{tenant}/connections/{connection}/objects/{object}'],
  showOptions: ['GET', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/options/{field}'],
  showPair: ['GET', '/tenants/{tenant}/pairs/{pair}'],
  showPreference: ['GET', '/session/preference'],
  showPulse: ['GET', '/tenants/{tenant}/pulse'],
  showRecord: ['GET', '/tenants/{tenant}/records/{link}'],
  showSession: ['GET', '/session'],
  showStatus: ['GET', '/tenants/{tenant}/status'],
  showStory: ['GET', '/tenants/{tenant}/records/{link}/journey'],
  showTask: ['GET', '/tenants/{tenant}/tasks/{task}'],
  showTenant: ['GET', '/tenants/{tenant}'],
  showVersion: ['GET', '/tenants/{tenant}/versions/{kind}/{name}/{number}'],
  signIn: ['POST', '/session'],
  signOut: ['DELETE', '/session'],
  stopTask: ['DELETE', '/tenants/{tenant}/tasks/{task}'],
  unbindLink: ['DELETE', '/tenants/{tenant}/records/{link}/mapping'],
  whoAmI: ['GET', '/me'],
}
