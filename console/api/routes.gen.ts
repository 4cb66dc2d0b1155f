/** Made by scripts/api-client.ts from the OpenAPI document: what each route takes and answers. A test holds it to the document. */
export interface Routes {
  addBackfill: {
    path: { tenant: string }
    query: unknown
    body: { connection: string; object: string; ranges?: { from: string; to: string }[]; ids?: string[]; mapped?: string; where?: Record<string, string>; compare?: boolean; startAt?: string }
    answer: { id: string; connection: string; object: string; by: "ranges" | "ids" | "mapped"; compare: boolean; where: Record<string, string> | null; askedBy: string; state: "not reached" | "queued" | "running" | "paused" | "stopped" | "error" | "success"; total: number; done: number; share: number; endsAt: string | null; createdAt: string; startedAt: string | null; endedAt: string | null; requests: number; seen: number; created: number; changed: number; unchanged: number; failed: number; fault: Record<string, unknown> | null; why: string[] }
  }
  addComparison: {
    path: { tenant: string }
    query: unknown
    body: { pair: string; side?: "left" | "right"; from?: string; to?: string; repair?: ("onlySource" | "different")[]; repairMost?: number }
    answer: { id: string; pair: string; side: "left" | "right"; from: string; to: string; askedBy: string; state: "queued" | "running" | "stopped" | "error" | "success"; createdAt: string; startedAt: string | null; endedAt: string | null; looked: number; same: number; found: { onlySource: number; onlyTarget: number; different: number; unclear: number }; scheduled: boolean; repair: ("onlySource" | "different")[]; repaired: number; fault: Record<string, unknown> | null; why: string[] }
  }
  addDeletionSweep: {
    path: { tenant: string }
    query: unknown
    body: { connection: string; object: string; onGone?: "ask" | "mark"; everyMinutes?: number; startAt?: string }
    answer: { id: string; connection: string; object: string; onGone: "ask" | "mark"; everyMinutes: number | null; askedBy: string; state: "not reached" | "queued" | "running" | "stopped" | "error" | "success"; phase: "source" | "staged"; createdAt: string; startedAt: string | null; endedAt: string | null; seen: number; staged: number; gone: number; fault: Record<string, unknown> | null; why: string[] }
  }
  addEveryKey: {
    path: unknown
    query: unknown
    body: { name: string; scopes: ("see" | "operate" | "configure" | "administer" | "install")[]; days?: number }
    answer: { key: string; name: string; user: string; scopes: string[]; createdAt: string; expiresAt: string; lastUsedAt: string | null; secret: string }
  }
  addEveryUser: {
    path: unknown
    query: unknown
    body: { user: string; name?: string; email?: string | ""; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; password?: string }
    answer: { user: string; name: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; home: string; disabled: boolean; email: string | null; secondFactor: "on" | "off"; tenants: Record<string, "viewer" | "operator" | "integrator" | "admin" | "owner"> | null; createdAt: string; password: string | null }
  }
  addKey: {
    path: { tenant: string }
    query: unknown
    body: { name: string; scopes: ("see" | "operate" | "configure" | "administer" | "install")[]; days?: number }
    answer: { key: string; name: string; user: string; scopes: string[]; createdAt: string; expiresAt: string; lastUsedAt: string | null; secret: string }
  }
  addShare: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: { days?: number }
    answer: { share: string; url: string; expiresAt: string | null }
  }
  addTenant: {
    path: unknown
    query: unknown
    body: { tenant: string; name?: string; zone?: string }
    answer: { tenant: string; name: string; zone: string; bodyDays: number | null; role: string | null }
  }
  addUser: {
    path: { tenant: string }
    query: unknown
    body: { user: string; name?: string; email?: string | ""; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; password?: string }
    answer: { user: string; name: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; home: string; disabled: boolean; email: string | null; secondFactor: "on" | "off"; tenants: Record<string, "viewer" | "operator" | "integrator" | "admin" | "owner"> | null; createdAt: string; password: string | null }
  }
  applyConfiguration: {
    path: { tenant: string }
    query: unknown
    body: { yaml: string; variables?: Record<string, string> }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  askOutBatch: {
    path: { tenant: string; batch: number }
    query: unknown
    body: undefined
    answer: { batch: number; connection: string; object: string; path: string; bizId: string; state: "ready" | "accepted" | "done" | "split" | "lost"; rows: number; applied: number | null; refused: number | null; posts: number; asks: number; madeAt: string; postedAt: string | null; acceptedAt: string | null; answerBy: string | null; endedAt: string | null; nextAt: string | null; toldBy: "answer" | "callback" | "query" | null; status: number | null; said: string | null; askedAt: string | null; callback: "none" | "awaited" | "taken" | "unneeded" | "missing"; callbackAt: string | null; callbacksRefused: number; canAsk: boolean }
  }
  beginSecondFactor: {
    path: unknown
    query: unknown
    body: { password: string }
    answer: { secret: string; uri: string }
  }
  beginSignIn: {
    path: { provider: string }
    query: unknown
    body: undefined
    answer: { url: string }
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
    body: { name?: string; role?: "viewer" | "operator" | "integrator" | "admin" | "owner"; disabled?: boolean; password?: string; email?: string | ""; secondFactor?: "off"; tenants?: Record<string, "viewer" | "operator" | "integrator" | "admin" | "owner" | null> }
    answer: { user: string; name: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; home: string; disabled: boolean; email: string | null; secondFactor: "on" | "off"; tenants: Record<string, "viewer" | "operator" | "integrator" | "admin" | "owner"> | null; createdAt: string }
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
  changeQueueState: {
    path: { tenant: string; connection: string; queue: string }
    query: unknown
    body: { state: "enabled" | "paused" }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  changeTenant: {
    path: { tenant: string }
    query: unknown
    body: { name?: string; zone?: string; bodyDays?: number | null }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  changeUser: {
    path: { tenant: string; user: string }
    query: unknown
    body: { name?: string; role?: "viewer" | "operator" | "integrator" | "admin" | "owner"; disabled?: boolean; password?: string; email?: string | ""; secondFactor?: "off" }
    answer: { user: string; name: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; home: string; disabled: boolean; email: string | null; secondFactor: "on" | "off"; tenants: Record<string, "viewer" | "operator" | "integrator" | "admin" | "owner"> | null; createdAt: string }
  }
  checkFormula: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: { formula: string; detail?: string }
    answer: { problems: { at: number; say: string }[]; canonical: string | null }
  }
  clearDrift: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: undefined
    answer: undefined
  }
  confirmSecondFactor: {
    path: unknown
    query: unknown
    body: { code: string }
    answer: { recoveryCodes: string[] }
  }
  continueBackfill: {
    path: { tenant: string; backfill: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  declareRecord: {
    path: { tenant: string; link: number }
    query: unknown
    body: { found: string } | { absent: true }
    answer: { link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] }
  }
  dropSecondFactor: {
    path: unknown
    query: unknown
    body: { code: string }
    answer: undefined
  }
  dryRun: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: undefined
    answer: { task: string }
  }
  endOtherSessions: {
    path: unknown
    query: unknown
    body: undefined
    answer: undefined
  }
  endSession: {
    path: { session: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  estimateBackfill: {
    path: { tenant: string }
    query: unknown
    body: { connection: string; object: string; ranges?: { from: string; to: string }[]; ids?: string[]; mapped?: string; where?: Record<string, string>; compare?: boolean; startAt?: string }
    answer: { total: number; unit: "milliseconds" | "records"; staged: number }
  }
  estimateRetry: {
    path: { tenant: string }
    query: unknown
    body: { flow?: string; object?: string; state?: ("pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | "due" | "working" | "idle" | "parked")[]; fault?: string; group?: string; from?: string; to?: string; keyword?: string }
    answer: { matched: number }
  }
  exportCompared: {
    path: { tenant: string; comparison: string }
    query: unknown
    body: undefined
    answer: string
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
  exportRejected: {
    path: { tenant: string; batch: number }
    query: unknown
    body: undefined
    answer: string
  }
  finishSignIn: {
    path: unknown
    query: unknown
    body: { query: string }
    answer: { user: string; name: string; via: "session" | "key"; everywhere: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; tenants: ({ tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; rights: ("self" | "see" | "operate" | "configure" | "administer" | "install")[] })[]; scopes: string[] | null; lacks: string[]; csrfToken: string; expiresAt: string; issuer: string | null }
  }
  ignoreRecord: {
    path: { tenant: string; link: number }
    query: unknown
    body: { reason: string }
    answer: { link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] }
  }
  importObject: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: { form: "json" | "yaml" | "xlsx"; content: string; really?: boolean }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  learnObject: {
    path: { tenant: string; connection: string }
    query: unknown
    body: { object: string; details?: string[] }
    answer: Record<string, unknown>
  }
  learnRecord: {
    path: { tenant: string; connection: string }
    query: unknown
    body: { object: string; id: string }
    answer: { object: Record<string, unknown>; records: number; notes: ({ note: string; field: string | null; say: string })[] }
  }
  learnSample: {
    path: { tenant: string; connection: string }
    query: unknown
    body: { sample: string; object?: string }
    answer: { object: Record<string, unknown>; records: number; notes: ({ note: string; field: string | null; say: string })[] }
  }
  leaveIssuer: {
    path: unknown
    query: unknown
    body: undefined
    answer: { url: string | null }
  }
  listAlerts: {
    path: { tenant: string }
    query: { state?: "pending" | "firing" | "recovered"; before?: number; limit?: number }
    body: undefined
    answer: { alerts: ({ alert: number; rule: string; about: string; level: "info" | "warning" | "critical"; state: "pending" | "firing" | "recovered"; sentence: string; figures: Record<string, string | number>; since: string; firedAt: string | null; recoveredAt: string | null; notices: ({ what: "fired" | "recovered"; channel: string; recipient: string; state: "due" | "sent" | "failed" | "dropped"; attempts: number; fault: string | null; at: string | null })[] })[] }
  }
  listAudit: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; actor?: string; kind?: string; name?: string; from?: string; to?: string }
    body: undefined
    answer: { items: { id: number; at: string; actor: string; route: string; kind: string; name: string; what: string; before: unknown; after: unknown; traceId: string; address: string }[]; next: string | null }
  }
  listBackfills: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ id: string; connection: string; object: string; by: "ranges" | "ids" | "mapped"; compare: boolean; where: Record<string, string> | null; askedBy: string; state: "not reached" | "queued" | "running" | "paused" | "stopped" | "error" | "success"; total: number; done: number; share: number; endsAt: string | null; createdAt: string; startedAt: string | null; endedAt: string | null; requests: number; seen: number; created: number; changed: number; unchanged: number; failed: number; fault: Record<string, unknown> | null; why: string[] })[]; next: string | null }
  }
  listBatchClients: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: Record<string, unknown>[]; next: string | null }
  }
  listBatches: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; client?: string; path?: string; state?: "waiting" | "running" | "done" | "failed" }
    body: undefined
    answer: { items: ({ batch: number; client: string; path: string; bizId: string; connection: string; object: string; locale: string; traceId: string; receivedAt: string; endedAt: string | null; state: "waiting" | "running" | "done" | "failed"; rows: number; done: number; created: number | null; updated: number | null; failed: number | null; why: string | null; callback: { id: string; url: string; state: "due" | "delivered" | "gone" | "given up" | "held"; attempts: number; nextAt: string | null; deliveredAt: string | null; status: number | null; said: string | null } | null })[]; next: string | null }
  }
  listCalls: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; pair?: string; target?: string; call?: string; outcome?: string; trace?: string; from?: string; to?: string }
    body: undefined
    answer: { items: ({ attempt: number; at: string; endedAt: string | null; pair: string; link: number; target: string; call: string; traceId: string; outcome: string | null; status: number | null; ms: number | null; bytes: number | null; why: string[] })[]; next: string | null }
  }
  listCompared: {
    path: { tenant: string; comparison: string }
    query: { limit?: number; cursor?: string; kind?: "onlySource" | "onlyTarget" | "different" | "unclear" }
    body: undefined
    answer: { items: ({ kind: "onlySource" | "onlyTarget" | "different" | "unclear"; source: string | null; target: string | null; fields: ({ field: string; expected: string | null; held: string | null })[]; fault: string | null; why: string[]; repairedAt: string | null })[]; next: string | null }
  }
  listComparisons: {
    path: { tenant: string }
    query: { pair?: string; scheduled?: "true" | "false" }
    body: undefined
    answer: { items: ({ id: string; pair: string; side: "left" | "right"; from: string; to: string; askedBy: string; state: "queued" | "running" | "stopped" | "error" | "success"; createdAt: string; startedAt: string | null; endedAt: string | null; looked: number; same: number; found: { onlySource: number; onlyTarget: number; different: number; unclear: number }; scheduled: boolean; repair: ("onlySource" | "different")[]; repaired: number; fault: Record<string, unknown> | null; why: string[] })[] }
  }
  listConflicts: {
    path: { tenant: string }
    query: { after?: number; limit?: number }
    body: undefined
    answer: { conflicts: ({ link: number; pair: string; left: string; right: string; since: string | null })[] }
  }
  listConnections: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; role?: "erp" | "crm" }
    body: undefined
    answer: { items: Record<string, unknown>[]; next: string | null }
  }
  listDecodes: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; state?: "due" | "failed" | "held"; group?: string; object?: string }
    body: undefined
    answer: { items: ({ seq: number; receivedAt: string; connection: string; object: string; trace: string; operation: string; state: "due" | "failed" | "held"; attempts: number; failedAt: string | null; group: string | null; fault: unknown; why: string | null })[]; next: string | null }
  }
  listDeletionSweeps: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ id: string; connection: string; object: string; onGone: "ask" | "mark"; everyMinutes: number | null; askedBy: string; state: "not reached" | "queued" | "running" | "stopped" | "error" | "success"; phase: "source" | "staged"; createdAt: string; startedAt: string | null; endedAt: string | null; seen: number; staged: number; gone: number; fault: Record<string, unknown> | null; why: string[] })[]; next: string | null }
  }
  listDrift: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: undefined
    answer: { items: ({ kind: "unknown" | "missing" | "type" | "option" | "unmapped"; field: string; value: string; sample: string | null; record: string; count: number; firstAt: string; lastAt: string })[] }
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
    answer: { items: ({ user: string; name: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; home: string; disabled: boolean; email: string | null; secondFactor: "on" | "off"; tenants: Record<string, "viewer" | "operator" | "integrator" | "admin" | "owner"> | null; createdAt: string })[]; next: string | null }
  }
  listFunctions: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ name: string; kind?: string; code: string; time?: number | string; memory?: number; examples?: { name: string; input: string; output: string; found?: Record<string, string> }[]; suspended: { since: string; why: string } | null })[]; next: string | null }
  }
  listGone: {
    path: { tenant: string; sweep: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ id: string; markedBy: string | null; markedAt: string | null })[]; next: string | null }
  }
  listGroups: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; flow?: string }
    body: undefined
    answer: { items: ({ group: string; what: "record" | "read" | "decode"; pair: string | null; flow: "leftToRight" | "rightToLeft" | null; connection: string; object: string | null; code: string; stage: string; field: string | null; count: number; states: { failed: number; unknown: number; waiting: number; pending: number }; firstSeen: string | null; lastSeen: string | null; sample: Record<string, unknown>; sentence: string; todo: string })[]; next: string | null }
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
  listOutBatches: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; connection?: string; state?: "ready" | "accepted" | "done" | "split" | "lost" }
    body: undefined
    answer: { items: ({ batch: number; connection: string; object: string; path: string; bizId: string; state: "ready" | "accepted" | "done" | "split" | "lost"; rows: number; applied: number | null; refused: number | null; posts: number; asks: number; madeAt: string; postedAt: string | null; acceptedAt: string | null; answerBy: string | null; endedAt: string | null; nextAt: string | null; toldBy: "answer" | "callback" | "query" | null; status: number | null; said: string | null; askedAt: string | null; callback: "none" | "awaited" | "taken" | "unneeded" | "missing"; callbackAt: string | null; callbacksRefused: number; canAsk: boolean })[]; next: string | null; waiting: { connection: string; object: string; queued: number; oldestMs: number }[] }
  }
  listOutLanes: {
    path: { tenant: string }
    query: unknown
    body: undefined
    answer: { items: ({ connection: string; object: string; path: string; queued: number; oldestMs: number | null; hour: { used: number; limit: number; endsAt: string }; day: { used: number; limit: number; endsAt: string }; heldUntil: string | null; why: string | null; maxRows: number; fillForMs: number; callsBack: boolean; asks: boolean })[] }
  }
  listOwnKeys: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ key: string; name: string; user: string; scopes: string[]; createdAt: string; expiresAt: string; lastUsedAt: string | null })[]; next: string | null }
  }
  listPairs: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: Record<string, unknown>[]; next: string | null }
  }
  listPlanned: {
    path: { tenant: string }
    query: unknown
    body: undefined
    answer: { items: ({ kind: "reconcile" | "sweep"; name: string; schedule: Record<string, unknown>; zone: string; nextRuns: string[]; began: string | null; task: string | null; state: string | null })[] }
  }
  listPollGaps: {
    path: { tenant: string; connection: string; object: string }
    query: { from?: string; to?: string }
    body: undefined
    answer: { within: { from: string; to: string } | null; gaps: { from: string; to: string }[] }
  }
  listPollWindows: {
    path: { tenant: string; connection: string; object: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ id: number; cause: "schedule" | "again"; from: string; to: string; readUntil: string; state: "wanted" | "reading" | "done"; askedBy: string | null; startedAt: string | null; endedAt: string | null; requests: number; seen: number; created: number; changed: number; unchanged: number; failed: number; fault: Record<string, unknown> | null; why: string[] })[]; next: string | null }
  }
  listPolls: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ connection: string; object: string; schedule: Record<string, unknown> | null; zone: string | null; state: "waiting" | "reading" | "paused" | "trouble"; pausedBy: string | null; readUntil: string; lastRun: string | null; nextRuns: string[]; late: boolean; openWindows: number; skewMs: number | null; attempts: number; fault: Record<string, unknown> | null; why: string[] })[]; next: string | null }
  }
  listProviders: {
    path: unknown
    query: unknown
    body: undefined
    answer: { items: ({ name: string; issuer: string; allowHttp: boolean; clientId: string; scopes: string[]; matchEmail: boolean; create: boolean; defaultRole: { tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" } | null; groupsClaim: string; groups: ({ tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; group: string })[]; enabled: boolean; provider: string; hasSecret: boolean; signInAddress: string })[]; signInAddress: string }
  }
  listQueues: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ connection: string; queue: string; kind: "rabbitmq" | "nats" | "kafka"; experimental: boolean; state: "connecting" | "listening" | "reconnecting" | "paused"; since: string; seenAt: string; node: string; lag: number | null; taken: number; refused: number; kept: number; connects: number; lastAt: string | null; fault: string | null })[]; next: string | null }
  }
  listRecords: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; flow?: string; object?: string; state?: ("pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | "due" | "working" | "idle" | "parked")[]; fault?: string; group?: string; from?: string; to?: string; keyword?: string }
    body: undefined
    answer: { items: ({ link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] })[]; next: string | null }
  }
  listRefusedEvents: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; connection?: string }
    body: undefined
    answer: { items: ({ event: number; connection: string; queue: string; place: string; at: string; object: string; id: string; traceId: string; code: string; path: string | null; why: string; bytes: number })[]; next: string | null }
  }
  listRoles: {
    path: unknown
    query: unknown
    body: undefined
    answer: { roles: ({ role: "viewer" | "operator" | "integrator" | "admin" | "owner"; rights: ("self" | "see" | "operate" | "configure" | "administer" | "install")[] })[]; routes: ({ route: string; right: string | null; only: string | null })[] }
  }
  listSessions: {
    path: unknown
    query: unknown
    body: undefined
    answer: { items: ({ session: string; current: boolean; via: "password" | "issuer"; createdAt: string; seenAt: string; expiresAt: string; address: string; agent: string })[] }
  }
  listShares: {
    path: { tenant: string; connection: string; object: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ share: string; madeBy: string; createdAt: string; expiresAt: string | null })[]; next: string | null }
  }
  listTasks: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; state?: "running" | "done" | "failed" | "stopped" }
    body: undefined
    answer: { items: ({ task: string; kind: string; askedBy: string; state: "running" | "done" | "failed" | "stopped"; total: number; done: number; fault: string | null; result: unknown; createdAt: string; endedAt: string | null })[]; next: string | null }
  }
  listTemplates: {
    path: unknown
    query: unknown
    body: undefined
    answer: { items: { template: string; object: Record<string, unknown> }[] }
  }
  listTenants: {
    path: unknown
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: ({ tenant: string; name: string; zone: string; bodyDays: number | null; role: string | null })[]; next: string | null }
  }
  listTokens: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string }
    body: undefined
    answer: { items: Record<string, unknown>[]; next: string | null }
  }
  listTwoWay: {
    path: { tenant: string }
    query: unknown
    body: undefined
    answer: { pairs: { pair: string; conflict: string; left: string; right: string; leftToRight: string; rightToLeft: string; today: { echoes: number; flips: number }; week: { echoes: number; flips: number }; conflicts: number; loops: number }[] }
  }
  listUsers: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; role?: "viewer" | "operator" | "integrator" | "admin" | "owner" }
    body: undefined
    answer: { items: ({ user: string; name: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; home: string; disabled: boolean; email: string | null; secondFactor: "on" | "off"; tenants: Record<string, "viewer" | "operator" | "integrator" | "admin" | "owner"> | null; createdAt: string })[]; next: string | null }
  }
  listVersions: {
    path: { tenant: string }
    query: { limit?: number; cursor?: string; kind?: "connection" | "object" | "pair" | "flow" | "function"; name?: string }
    body: undefined
    answer: { items: ({ kind: "connection" | "object" | "pair" | "flow" | "function"; name: string; number: number; what: "added" | "changed" | "removed"; who: string; at: string; fields: { path: string; before: unknown; after: unknown }[] })[]; next: string | null }
  }
  markGone: {
    path: { tenant: string; sweep: string }
    query: unknown
    body: { ids?: string[] }
    answer: { marked: number }
  }
  offeredObjects: {
    path: { tenant: string; connection: string }
    query: unknown
    body: undefined
    answer: { objects: { code: string; name: string }[] }
  }
  pauseBackfill: {
    path: { tenant: string; backfill: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  pausePoll: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  planConfiguration: {
    path: { tenant: string }
    query: unknown
    body: { yaml: string; variables?: Record<string, string> }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  previewRecord: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: { id: string; record?: string; mapping?: Record<string, unknown>; functions?: Record<string, unknown>; code?: Record<string, Record<string, unknown>> }
    answer: { would: { kind: "create" | "update" | "void" | "skip" | "bind" | "wait" | "park" | "resolve"; reason: string | null; faults: ({ code: string; field: string | null; sentence: string; todo: string })[] }; source: string | null; target: string | null; targetId: string | null; rules: ({ to: string; from: string | null; formula: string | null; read: string | null; made: string | null; left: "absent" | "policy" | "reference" | "fault" | null })[]; mapped: string | null; functions: ({ kind: "beforeMapping" | "beforeWrite"; name: string; given: string | null; made: string | null; skipped: string | null; faults: ({ code: string; field: string | null; sentence: string; todo: string })[]; logs: string[] })[]; request: { method: string; url: string; headers: Record<string, string>; body: string } | null; references: ({ field: string; pair: string; id: string; missing: string; found: string | null })[]; matches: ({ by: string; hits: ({ id: string; boundTo: string | null })[] })[]; asksTarget: boolean }
  }
  promote: {
    path: { tenant: string }
    query: unknown
    body: { really?: boolean; plan?: string; from: string }
    answer: { plan: string; changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[] }
  }
  proposeMapping: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: undefined
    answer: { fields: ({ to: string; from: string; by: "code" | "label" | "pinyin" | "initials" | "words"; score: number; options?: Record<string, string>; reference?: string })[]; open: string[]; details: ({ from: string; to: string; fields: ({ to: string; from: string; by: "code" | "label" | "pinyin" | "initials" | "words"; score: number; options?: Record<string, string>; reference?: string })[]; open: string[] })[] }
  }
  proposeReader: {
    path: { tenant: string }
    query: unknown
    body: { sample: string; connection?: string; object?: string; reader?: Record<string, unknown> }
    answer: { reader: Record<string, unknown> | null; documents: ({ id: string; operation: string | null; fields: string | null; details: string | null })[]; said: string | null }
  }
  putAlertSettings: {
    path: { tenant: string }
    query: unknown
    body: Record<string, unknown>
    answer: { locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; link?: string; calm?: number; quiet?: ({ from: string; to: string; days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[] })[]; channels?: ({ name: string; least?: "info" | "warning" | "critical"; locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; kind: "mail"; host: string; port?: number; tls?: "always" | "starttls" | "never"; user?: string; password?: string; from: string; to?: string[] } | { name: string; least?: "info" | "warning" | "critical"; locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; kind: "wecom"; url?: string } | { name: string; least?: "info" | "warning" | "critical"; locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; kind: "dingtalk"; url?: string; secret?: string } | { name: string; least?: "info" | "warning" | "critical"; locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; kind: "feishu"; url?: string; secret?: string } | { name: string; least?: "info" | "warning" | "critical"; locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; kind: "webhook"; url?: string; secret?: string })[]; rules?: { service?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number; forMs?: number }; sync?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number; withinMs?: number }; breaker?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number }; noData?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number }; backlog?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number; oldestMs?: number }; parked?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number }; loop?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number }; conflict?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number }; quota?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; percent?: number }; callback?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; tries?: number }; function?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number }; pollGap?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; forMs?: number }; clock?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number }; clockPaused?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number }; overdue?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; forMs?: number }; differences?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number }; record?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number } }; noData?: { connection: string; object?: string; minutes: number }[]; owner?: { channel: string; people?: Record<string, string> } }
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
  putEverySignInRule: {
    path: unknown
    query: unknown
    body: { secondFactor: "optional" | "required" }
    answer: { secondFactor: "optional" | "required" }
  }
  putFlow: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: Record<string, unknown>
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  putFunction: {
    path: { tenant: string; function: string }
    query: unknown
    body: { kind?: "receive" | "beforeMapping" | "beforeWrite" | "afterWrite"; code: string; time?: number | string; memory?: number; examples?: { name: string; input: unknown; output: unknown; found?: Record<string, unknown> }[] }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  putHook: {
    path: { tenant: string; id: string }
    query: unknown
    body: { secret?: string; former?: string; formerUntil?: string; verify?: { secret: string; former?: string; header: string; algorithm?: "sha1" | "sha256" | "sha512"; encoding?: "hex" | "base64" | "base64url"; prefix?: string; key?: "text" | "base64"; sign?: ("body" | { header: string } | { text: string })[]; timestamp?: { header: string; tolerance?: number | string } } }
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
    body: Record<string, unknown>
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
    body: { locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP" | null; zone?: string | null; theme?: "light" | "dark" | null; guide?: { hidden: boolean; seen: string[] } | null }
    answer: { locale: "zh_CN" | "zh_TW" | "en_US" | "ja_JP" | null; zone: string | null; theme: "light" | "dark" | null; guide: { hidden: boolean; seen: string[] } | null }
  }
  putProvider: {
    path: { provider: string }
    query: unknown
    body: { name: string; issuer: string; allowHttp?: boolean; clientId: string; scopes?: string[]; matchEmail?: boolean; create?: boolean; defaultRole?: { tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" } | null; groupsClaim?: string; groups?: ({ tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; group: string })[]; enabled?: boolean; clientSecret?: string }
    answer: { name: string; issuer: string; allowHttp: boolean; clientId: string; scopes: string[]; matchEmail: boolean; create: boolean; defaultRole: { tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner" } | null; groupsClaim: string; groups: ({ tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; group: string })[]; enabled: boolean; provider: string; hasSecret: boolean; signInAddress: string }
  }
  putSignInRule: {
    path: { tenant: string }
    query: unknown
    body: { secondFactor: "optional" | "required" }
    answer: { secondFactor: "optional" | "required" }
  }
  putToken: {
    path: { tenant: string; id: string }
    query: unknown
    body: { value?: string; former?: string; formerUntil?: string; connections?: (string | number)[]; objects?: string[]; ratePerSecond?: number; expiresAt?: string }
    answer: { changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[]; warnings: { path: string; say: string }[]; secrets: { name: string; secret: string }[] }
  }
  readPollAgain: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: { from: string; to: string } | { gaps: true }
    answer: { windows: number }
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
  removeFunction: {
    path: { tenant: string; function: string }
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
  removeProvider: {
    path: { provider: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  removeRefusedEvent: {
    path: { tenant: string; event: number }
    query: unknown
    body: undefined
    answer: undefined
  }
  removeShare: {
    path: { tenant: string; connection: string; object: string; share: string }
    query: unknown
    body: undefined
    answer: undefined
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
  renewRecoveryCodes: {
    path: unknown
    query: unknown
    body: { code: string }
    answer: { recoveryCodes: string[] }
  }
  renewToken: {
    path: { tenant: string; id: string }
    query: unknown
    body: { what?: "secret" | "salt"; formerUntil?: string }
    answer: { secret: string }
  }
  repairCompared: {
    path: { tenant: string; comparison: string }
    query: unknown
    body: { kind: "onlySource" | "different"; ids?: string[]; estimate?: boolean }
    answer: { records: number }
  }
  resendCallback: {
    path: { tenant: string; batch: number }
    query: unknown
    body: undefined
    answer: { batch: number; client: string; path: string; bizId: string; connection: string; object: string; locale: string; traceId: string; receivedAt: string; endedAt: string | null; state: "waiting" | "running" | "done" | "failed"; rows: number; done: number; created: number | null; updated: number | null; failed: number | null; why: string | null; callback: { id: string; url: string; state: "due" | "delivered" | "gone" | "given up" | "held"; attempts: number; nextAt: string | null; deliveredAt: string | null; status: number | null; said: string | null } | null }
  }
  resolveConflict: {
    path: { tenant: string; link: number }
    query: unknown
    body: { take: "left" | "right"; expected?: { left: number; right: number }; but?: ({ left: string | null; right: string | null })[] }
    answer: { resolved: "left" | "right" }
  }
  restoreVersion: {
    path: { tenant: string; kind: "connection" | "object" | "pair" | "flow" | "function"; name: string; number: number }
    query: unknown
    body: { really?: boolean; plan?: string }
    answer: { plan: string; changes: ({ kind: string; name: string; what: "added" | "changed" | "removed"; fields: { path: string; before: unknown; after: unknown }[]; follows?: string })[] }
  }
  resumeFunction: {
    path: { tenant: string; function: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  resumePoll: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: undefined
    answer: undefined
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
  retryDecodes: {
    path: { tenant: string }
    query: unknown
    body: { seqs?: number[]; group?: string; range?: { connection: string; object: string; from: string; until: string }; dryRun?: boolean }
    answer: { count: number }
  }
  retryMatching: {
    path: { tenant: string }
    query: unknown
    body: { filter: { flow?: string; object?: string; state?: ("pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | "due" | "working" | "idle" | "parked")[]; fault?: string; group?: string; from?: string; to?: string; keyword?: string }; side?: "left" | "right"; expected?: number }
    answer: { task: string; kind: string; askedBy: string; state: "running" | "done" | "failed" | "stopped"; total: number; done: number; fault: string | null; result: unknown; createdAt: string; endedAt: string | null }
  }
  retryRecord: {
    path: { tenant: string; link: number }
    query: unknown
    body: { side?: "left" | "right" }
    answer: { link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] }
  }
  retryRefusedEvents: {
    path: { tenant: string }
    query: unknown
    body: { connection?: string; event?: number; after?: number }
    answer: { taken: number; refused: number; next: number | null }
  }
  runBody: {
    path: { tenant: string; link: number }
    query: unknown
    body: { body: string; side?: "left" | "right" }
    answer: { link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] }
  }
  runMappingTests: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: undefined
    answer: { tests: { name: string; passed: boolean; wrong: string[] }[] }
  }
  runPlanned: {
    path: { tenant: string }
    query: unknown
    body: { kind: "reconcile" | "sweep"; name: string }
    answer: undefined
  }
  runPoll: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  search: {
    path: { tenant: string }
    query: { text: string }
    body: undefined
    answer: { records: ({ link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] })[]; staged: { connection: string; object: string; id: string }[]; pushes: { seq: number; connection: string; object: string; state: string; why: string[] }[]; batches: { batch: number; client: string; path: string; bizId: string; object: string }[]; named: ({ connection: string; object: string; id: string; name: string; records: ({ link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] })[] })[]; complete: boolean }
  }
  showAccount: {
    path: unknown
    query: unknown
    body: undefined
    answer: { user: string; name: string; home: string; password: boolean; secondFactor: { since: string | null; recoveryCodes: number; wantedBy: string[] } }
  }
  showAlertSettings: {
    path: { tenant: string }
    query: unknown
    body: undefined
    answer: { locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; link?: string; calm?: number; quiet?: ({ from: string; to: string; days?: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[] })[]; channels?: ({ name: string; least?: "info" | "warning" | "critical"; locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; kind: "mail"; host: string; port?: number; tls?: "always" | "starttls" | "never"; user?: string; password?: string; from: string; to?: string[] } | { name: string; least?: "info" | "warning" | "critical"; locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; kind: "wecom"; url?: string } | { name: string; least?: "info" | "warning" | "critical"; locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; kind: "dingtalk"; url?: string; secret?: string } | { name: string; least?: "info" | "warning" | "critical"; locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; kind: "feishu"; url?: string; secret?: string } | { name: string; least?: "info" | "warning" | "critical"; locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; kind: "webhook"; url?: string; secret?: string })[]; rules?: { service?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number; forMs?: number }; sync?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number; withinMs?: number }; breaker?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number }; noData?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number }; backlog?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number; oldestMs?: number }; parked?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number }; loop?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number }; conflict?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number }; quota?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; percent?: number }; callback?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; tries?: number }; function?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number }; pollGap?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; forMs?: number }; clock?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number }; clockPaused?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number }; overdue?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; forMs?: number }; differences?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number; records?: number }; record?: { on?: boolean; level?: "info" | "warning" | "critical"; hold?: number } }; noData?: { connection: string; object?: string; minutes: number }[]; owner?: { channel: string; people?: Record<string, string> } }
  }
  showBackfill: {
    path: { tenant: string; backfill: string }
    query: unknown
    body: undefined
    answer: { id: string; connection: string; object: string; by: "ranges" | "ids" | "mapped"; compare: boolean; where: Record<string, string> | null; askedBy: string; state: "not reached" | "queued" | "running" | "paused" | "stopped" | "error" | "success"; total: number; done: number; share: number; endsAt: string | null; createdAt: string; startedAt: string | null; endedAt: string | null; requests: number; seen: number; created: number; changed: number; unchanged: number; failed: number; fault: Record<string, unknown> | null; why: string[] }
  }
  showBatch: {
    path: { tenant: string; batch: number }
    query: unknown
    body: undefined
    answer: { batch: number; client: string; path: string; bizId: string; connection: string; object: string; locale: string; traceId: string; receivedAt: string; endedAt: string | null; state: "waiting" | "running" | "done" | "failed"; rows: number; done: number; created: number | null; updated: number | null; failed: number | null; why: string | null; callback: { id: string; url: string; state: "due" | "delivered" | "gone" | "given up" | "held"; attempts: number; nextAt: string | null; deliveredAt: string | null; status: number | null; said: string | null } | null; result: Record<string, unknown> | null; tries: ({ at: string; status: number | null; said: string | null; ms: number })[] }
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
  showComparison: {
    path: { tenant: string; comparison: string }
    query: unknown
    body: undefined
    answer: { id: string; pair: string; side: "left" | "right"; from: string; to: string; askedBy: string; state: "queued" | "running" | "stopped" | "error" | "success"; createdAt: string; startedAt: string | null; endedAt: string | null; looked: number; same: number; found: { onlySource: number; onlyTarget: number; different: number; unclear: number }; scheduled: boolean; repair: ("onlySource" | "different")[]; repaired: number; fault: Record<string, unknown> | null; why: string[] }
  }
  showConflict: {
    path: { tenant: string; link: number }
    query: unknown
    body: undefined
    answer: { link: number; pair: string; since: string | null; left: { id: string; version: number; sourceTime: string | null; voided: boolean }; right: { id: string; version: number; sourceTime: string | null; voided: boolean }; fields: ({ left: string | null; right: string | null; leftValue: string | null; rightValue: string | null; changed: ("left" | "right")[]; owner: "left" | "right" | null; takes: ("left" | "right")[] })[] }
  }
  showConnection: {
    path: { tenant: string; connection: string }
    query: unknown
    body: undefined
    answer: Record<string, unknown>
  }
  showDecode: {
    path: { tenant: string; seq: number }
    query: unknown
    body: undefined
    answer: { seq: number; receivedAt: string; connection: string; object: string; trace: string; operation: string; state: "due" | "failed" | "held"; attempts: number; failedAt: string | null; group: string | null; fault: unknown; why: string | null; logs: string | null; body: { contentType: string; headers: Record<string, string>; text: string | null; base64: string } | null }
  }
  showDeletionSweep: {
    path: { tenant: string; sweep: string }
    query: unknown
    body: undefined
    answer: { id: string; connection: string; object: string; onGone: "ask" | "mark"; everyMinutes: number | null; askedBy: string; state: "not reached" | "queued" | "running" | "stopped" | "error" | "success"; phase: "source" | "staged"; createdAt: string; startedAt: string | null; endedAt: string | null; seen: number; staged: number; gone: number; fault: Record<string, unknown> | null; why: string[] }
  }
  showEverySignInRule: {
    path: unknown
    query: unknown
    body: undefined
    answer: { secondFactor: "optional" | "required" }
  }
  showFlow: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft" }
    query: unknown
    body: undefined
    answer: Record<string, unknown>
  }
  showFunction: {
    path: { tenant: string; function: string }
    query: unknown
    body: undefined
    answer: { name: string; kind?: string; code: string; time?: number | string; memory?: number; examples?: { name: string; input: string; output: string; found?: Record<string, string> }[]; suspended: { since: string; why: string } | null }
  }
  showInterface: {
    path: { tenant: string; connection: string; object: string }
    query: { locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP" }
    body: undefined
    answer: { locale: "zh_CN" | "zh_TW" | "en_US" | "ja_JP"; title: string; intro: string; addresses: { theirs: string; ours: string }; object: { code: string; apiName: string; name: string; idField: string; modifiedField: string | null; externalIdField: string | null }; fields: { code: string; name: string; type: string; kind: string; required: boolean; example: unknown; note: string }[]; details: ({ code: string; name: string; idField: string | null; fields: { code: string; name: string; type: string; kind: string; required: boolean; example: unknown; note: string }[] })[]; offers: ({ id: string; title: string; say: string; notes: string[]; method: "GET" | "POST"; url: string; headers: { name: string; value: string; required: boolean; say: string }[]; query: { name: string; value: string; required: boolean; say: string }[]; body: unknown; answer: unknown; failure: unknown; curl: string })[]; calls: ({ id: string; title: string; say: string; notes: string[]; method: "GET" | "POST"; url: string; headers: { name: string; value: string; required: boolean; say: string }[]; query: { name: string; value: string; required: boolean; say: string }[]; body: unknown; answer: unknown; failure: unknown; curl: string })[]; codes: { code: string; http: number; sentence: string }[]; batchCodes: { code: string; http: number; sentence: string }[]; placeholders: { id: string; rowId: string; otherId: string; referredId: string; secrets: string[] } }
  }
  showInterfaceMarkdown: {
    path: { tenant: string; connection: string; object: string }
    query: { locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP" }
    body: undefined
    answer: string
  }
  showInterfaceOpenapi: {
    path: { tenant: string; connection: string; object: string }
    query: { locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP" }
    body: undefined
    answer: string
  }
  showInterfacePage: {
    path: { tenant: string; connection: string; object: string }
    query: { locale?: "zh_CN" | "zh_TW" | "en_US" | "ja_JP" }
    body: undefined
    answer: string
  }
  showJourney: {
    path: { tenant: string }
    query: { id: string; limit?: number }
    body: undefined
    answer: { links: ({ link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] })[]; arrivals: ({ seq: number; at: string; connection: string; object: string; id: string; operation: string; channel: string; traceId: string; outcome: string; bytes: number; body: string | null; editedBy: string | null })[]; told: ({ link: number; at: string | null; open: boolean; why: string[] })[]; afterWrite: ({ link: number; call: string; at: string; state: "open" | "failed" | "said"; why: string[]; note: string | null; logs: string | null })[]; attempts: ({ attempt: number; at: string; endedAt: string | null; pair: string; link: number; target: string; call: string; traceId: string; outcome: string | null; status: number | null; ms: number | null; request: string | null; answer: string | null; fault: Record<string, unknown> | null; why: string[] })[]; staged: ({ connection: string; object: string; id: string; version: number; operation: string; sourceTime: string | null; content: string })[]; reads: ({ connection: string; object: string; id: string; state: string; cause: string; attempts: number; nextAt: string | null; why: string[] })[]; troubles: ({ link: number; group: string; why: string[]; times: number; firstAt: string; lastAt: string; closedAt: string | null; closedBy: string | null; note: string | null })[]; parents: ({ pair: string; link: number | null; left: string | null; right: string | null; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | null; through: string })[]; children: ({ pair: string; link: number | null; left: string | null; right: string | null; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | null; through: string })[]; decodes: ({ seq: number; connection: string; object: string; state: string; attempts: number; group: string | null; why: string[]; logs: string | null })[] }
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
  showObjectJson: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: undefined
    answer: string
  }
  showObjectSheet: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: undefined
    answer: string
  }
  showObjectYaml: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: undefined
    answer: string
  }
  showOptions: {
    path: { tenant: string; pair: string; flow: "leftToRight" | "rightToLeft"; field: string }
    query: { detail?: string }
    body: undefined
    answer: { options: Record<string, string | number>; unmapped?: "park" | "keep" | "empty" | "default" }
  }
  showOutBatch: {
    path: { tenant: string; batch: number }
    query: { after?: number; limit?: number }
    body: undefined
    answer: { batch: number; connection: string; object: string; path: string; bizId: string; state: "ready" | "accepted" | "done" | "split" | "lost"; rows: number; applied: number | null; refused: number | null; posts: number; asks: number; madeAt: string; postedAt: string | null; acceptedAt: string | null; answerBy: string | null; endedAt: string | null; nextAt: string | null; toldBy: "answer" | "callback" | "query" | null; status: number | null; said: string | null; askedAt: string | null; callback: "none" | "awaited" | "taken" | "unneeded" | "missing"; callbackAt: string | null; callbacksRefused: number; canAsk: boolean; items: ({ row: number; code: string; pair: string; link: number; outcome: "applied" | "refused" | "again" | "unknown" | null; why: string | null; warnings: string[] })[] }
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
    answer: { locale: "zh_CN" | "zh_TW" | "en_US" | "ja_JP" | null; zone: string | null; theme: "light" | "dark" | null; guide: { hidden: boolean; seen: string[] } | null }
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
  showRefusedEvent: {
    path: { tenant: string; event: number }
    query: unknown
    body: undefined
    answer: { event: number; connection: string; queue: string; place: string; at: string; object: string; id: string; traceId: string; code: string; path: string | null; why: string; bytes: number; text: string; base64: string }
  }
  showSession: {
    path: unknown
    query: unknown
    body: undefined
    answer: { user: string; name: string; via: "session" | "key"; everywhere: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; tenants: ({ tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; rights: ("self" | "see" | "operate" | "configure" | "administer" | "install")[] })[]; scopes: string[] | null; lacks: string[]; csrfToken: string; expiresAt: string; issuer: string | null }
  }
  showSignIn: {
    path: unknown
    query: unknown
    body: undefined
    answer: { providers: { provider: string; name: string }[] }
  }
  showSignInRule: {
    path: { tenant: string }
    query: unknown
    body: undefined
    answer: { secondFactor: "optional" | "required" }
  }
  showStatus: {
    path: { tenant: string }
    query: unknown
    body: undefined
    answer: { at: string; flows: ({ pair: string; flow: "leftToRight" | "rightToLeft"; state: string; source: string; target: string; counts: Record<string, number>; held: number; oldestPending: string | null; sweep: { what: string; done: number; total: number | null } | null })[]; connections: { connection: string; backlog: number; heldByBreaker: number; reads: number; readsFailed: number }[]; decoding: number; decodingFailed: number; queues: ({ connection: string; queue: string; kind: string; state: string; nodes: number; lag: number | null; taken: number; fault: string | null })[]; refusedEvents: number }
  }
  showStory: {
    path: { tenant: string; link: number }
    query: { limit?: number }
    body: undefined
    answer: { links: ({ link: number; pair: string; left: { connection: string; object: string; id: string | null }; right: { connection: string; object: string; id: string | null }; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped"; engineState: string; reason: string | null; held: boolean; target: string; attempts: number; since: string | null; nextAt: string | null; firstSeenAt: string; voidedAt: string | null; generation: number; settled: number; waitsFor: string[] | null; unanswered: { at: string; call: string; side: string } | null; fault: Record<string, unknown> | null; group: string | null; why: string[] })[]; arrivals: ({ seq: number; at: string; connection: string; object: string; id: string; operation: string; channel: string; traceId: string; outcome: string; bytes: number; body: string | null; editedBy: string | null })[]; told: ({ link: number; at: string | null; open: boolean; why: string[] })[]; afterWrite: ({ link: number; call: string; at: string; state: "open" | "failed" | "said"; why: string[]; note: string | null; logs: string | null })[]; attempts: ({ attempt: number; at: string; endedAt: string | null; pair: string; link: number; target: string; call: string; traceId: string; outcome: string | null; status: number | null; ms: number | null; request: string | null; answer: string | null; fault: Record<string, unknown> | null; why: string[] })[]; staged: ({ connection: string; object: string; id: string; version: number; operation: string; sourceTime: string | null; content: string })[]; reads: ({ connection: string; object: string; id: string; state: string; cause: string; attempts: number; nextAt: string | null; why: string[] })[]; troubles: ({ link: number; group: string; why: string[]; times: number; firstAt: string; lastAt: string; closedAt: string | null; closedBy: string | null; note: string | null })[]; parents: ({ pair: string; link: number | null; left: string | null; right: string | null; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | null; through: string })[]; children: ({ pair: string; link: number | null; left: string | null; right: string | null; state: "pending" | "syncing" | "succeeded" | "waiting" | "unknown" | "failed" | "skipped" | null; through: string })[]; decodes: ({ seq: number; connection: string; object: string; state: string; attempts: number; group: string | null; why: string[]; logs: string | null })[] }
  }
  showTask: {
    path: { tenant: string; task: string }
    query: unknown
    body: undefined
    answer: { task: string; kind: string; askedBy: string; state: "running" | "done" | "failed" | "stopped"; total: number; done: number; fault: string | null; result: unknown; createdAt: string; endedAt: string | null }
  }
  showTenant: {
    path: { tenant: string }
    query: unknown
    body: undefined
    answer: { tenant: string; name: string; zone: string; bodyDays: number | null; role: string | null }
  }
  showVersion: {
    path: { tenant: string; kind: "connection" | "object" | "pair" | "flow" | "function"; name: string; number: number }
    query: unknown
    body: undefined
    answer: { kind: "connection" | "object" | "pair" | "flow" | "function"; name: string; number: number; what: "added" | "changed" | "removed"; who: string; at: string; fields: { path: string; before: unknown; after: unknown }[]; definition: Record<string, unknown> | null }
  }
  signIn: {
    path: unknown
    query: unknown
    body: { user: string; password: string; code?: string }
    answer: { user: string; name: string; via: "session" | "key"; everywhere: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; tenants: ({ tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; rights: ("self" | "see" | "operate" | "configure" | "administer" | "install")[] })[]; scopes: string[] | null; lacks: string[]; csrfToken: string; expiresAt: string; issuer: string | null }
  }
  signOut: {
    path: unknown
    query: unknown
    body: undefined
    answer: undefined
  }
  stopBackfill: {
    path: { tenant: string; backfill: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  stopComparison: {
    path: { tenant: string; comparison: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  stopDeletionSweep: {
    path: { tenant: string; sweep: string }
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
  testChannel: {
    path: { tenant: string }
    query: unknown
    body: { channel: string; recipient?: string }
    answer: { sent: boolean; why: string | null }
  }
  testConnection: {
    path: { tenant: string; connection: string }
    query: unknown
    body: undefined
    answer: { ok: boolean; steps: ({ step: "dns" | "connect" | "tls" | "auth" | "read"; ok: boolean; ms: number; sentence: string; code?: string; todo?: string })[] }
  }
  testFunctions: {
    path: { tenant: string }
    query: unknown
    body: undefined
    answer: { ok: boolean; runs: ({ function: string; example: string; ok: boolean; said: string | null; output: string | null; logs: string[] })[] }
  }
  testProvider: {
    path: { provider: string }
    query: unknown
    body: undefined
    answer: undefined
  }
  tryFunction: {
    path: { tenant: string; function: string }
    query: unknown
    body: { input: string; code?: string; kind?: string }
    answer: { ok: boolean; output: string | null; said: string | null; line: number | null; logs: string[] }
  }
  tryInterface: {
    path: { tenant: string; connection: string; object: string }
    query: unknown
    body: { call: "queryMasterById"; id: string } | { call: "queryMasterBatch"; from: number; to: number; offset?: number; limit?: number } | { call: "syncpush"; token: string; id?: string; operationType?: "3"; directSync?: boolean; body?: string }
    answer: { request: { method: string; url: string; headers: Record<string, string>; body: string | null }; status: number | null; ms: number; answer: string | null; fault: { code: string; sentence: string; todo: string } | null }
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
    answer: { user: string; name: string; via: "session" | "key"; everywhere: "viewer" | "operator" | "integrator" | "admin" | "owner" | null; tenants: ({ tenant: string; role: "viewer" | "operator" | "integrator" | "admin" | "owner"; rights: ("self" | "see" | "operate" | "configure" | "administer" | "install")[] })[]; scopes: string[] | null; lacks: string[] }
  }
}

export const routes: { readonly [Id in keyof Routes]: readonly [method: string, path: string] } = {
  addBackfill: ['POST', '/tenants/{tenant}/backfills'],
  addComparison: ['POST', '/tenants/{tenant}/comparisons'],
  addDeletionSweep: ['POST', '/tenants/{tenant}/deletion-sweeps'],
  addEveryKey: ['POST', '/keys'],
  addEveryUser: ['POST', '/users'],
  addKey: ['POST', '/tenants/{tenant}/keys'],
  addShare: ['POST', '/tenants/{tenant}/connections/{connection}/objects/{object}/interface/shares'],
  addTenant: ['POST', '/tenants'],
  addUser: ['POST', '/tenants/{tenant}/users'],
  applyConfiguration: ['POST', '/tenants/{tenant}/configuration/apply'],
  askOutBatch: ['POST', '/tenants/{tenant}/out-batches/{batch}/ask'],
  beginSecondFactor: ['POST', '/session/second-factor'],
  beginSignIn: ['POST', '/sign-in/{provider}'],
  bindLink: ['POST', '/tenants/{tenant}/pairs/{pair}/links'],
  changeEveryUser: ['PATCH', '/users/{user}'],
  changeFlowState: ['PATCH', '/tenants/{tenant}/pairs/{pair}/flows/{flow}'],
  changeOwnPassword: ['PUT', '/session/password'],
  changeQueueState: ['PATCH', '/tenants/{tenant}/connections/{connection}/queues/{queue}'],
  changeTenant: ['PATCH', '/tenants/{tenant}'],
  changeUser: ['PATCH', '/tenants/{tenant}/users/{user}'],
  checkFormula: ['POST', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/formula'],
  clearDrift: ['DELETE', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/drift'],
  confirmSecondFactor: ['PUT', '/session/second-factor'],
  continueBackfill: ['POST', '/tenants/{tenant}/backfills/{backfill}/continue'],
  declareRecord: ['POST', '/tenants/{tenant}/records/{link}/declare'],
  dropSecondFactor: ['POST', '/session/second-factor/off'],
  dryRun: ['POST', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/dry-run'],
  endOtherSessions: ['DELETE', '/sessions'],
  endSession: ['DELETE', '/sessions/{session}'],
  estimateBackfill: ['POST', '/tenants/{tenant}/backfills/estimate'],
  estimateRetry: ['POST', '/tenants/{tenant}/retries/estimate'],
  exportCompared: ['GET', '/tenants/{tenant}/comparisons/{comparison}/found.csv'],
  exportConfiguration: ['GET', '/tenants/{tenant}/configuration'],
  exportLinks: ['GET', '/tenants/{tenant}/links.csv'],
  exportRejected: ['GET', '/tenants/{tenant}/batches/{batch}/rejected'],
  finishSignIn: ['POST', '/session/issuer'],
  ignoreRecord: ['POST', '/tenants/{tenant}/records/{link}/ignore'],
  importObject: ['PUT', '/tenants/{tenant}/connections/{connection}/objects/{object}/import'],
  learnObject: ['POST', '/tenants/{tenant}/connections/{connection}/learn'],
  learnRecord: ['POST', '/tenants/{tenant}/connections/{connection}/learn-record'],
  learnSample: ['POST', '/tenants/{tenant}/connections/{connection}/learn-sample'],
  leaveIssuer: ['GET', '/session/issuer'],
  listAlerts: ['GET', '/tenants/{tenant}/alerts'],
  listAudit: ['GET', '/tenants/{tenant}/audit'],
  listBackfills: ['GET', '/tenants/{tenant}/backfills'],
  listBatchClients: ['GET', '/tenants/{tenant}/batch-clients'],
  listBatches: ['GET', '/tenants/{tenant}/batches'],
  listCalls: ['GET', '/tenants/{tenant}/calls'],
  listCompared: ['GET', '/tenants/{tenant}/comparisons/{comparison}/found'],
  listComparisons: ['GET', '/tenants/{tenant}/comparisons'],
  listConflicts: ['GET', '/tenants/{tenant}/conflicts'],
  listConnections: ['GET', '/tenants/{tenant}/connections'],
  listDecodes: ['GET', '/tenants/{tenant}/decodes'],
  listDeletionSweeps: ['GET', '/tenants/{tenant}/deletion-sweeps'],
  listDrift: ['GET', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/drift'],
  listEveryAudit: ['GET', '/audit'],
  listEveryKey: ['GET', '/keys'],
  listEveryUser: ['GET', '/users'],
  listFunctions: ['GET', '/tenants/{tenant}/functions'],
  listGone: ['GET', '/tenants/{tenant}/deletion-sweeps/{sweep}/gone'],
  listGroups: ['GET', '/tenants/{tenant}/groups'],
  listHooks: ['GET', '/tenants/{tenant}/hooks'],
  listKeys: ['GET', '/tenants/{tenant}/keys'],
  listLinks: ['GET', '/tenants/{tenant}/links'],
  listObjects: ['GET', '/tenants/{tenant}/connections/{connection}/objects'],
  listOutBatches: ['GET', '/tenants/{tenant}/out-batches'],
  listOutLanes: ['GET', '/tenants/{tenant}/out-lanes'],
  listOwnKeys: ['GET', '/tenants/{tenant}/own-keys'],
  listPairs: ['GET', '/tenants/{tenant}/pairs'],
  listPlanned: ['GET', '/tenants/{tenant}/planned'],
  listPollGaps: ['GET', '/tenants/{tenant}/polls/{connection}/{object}/gaps'],
  listPollWindows: ['GET', '/tenants/{tenant}/polls/{connection}/{object}/windows'],
  listPolls: ['GET', '/tenants/{tenant}/polls'],
  listProviders: ['GET', '/sign-in-providers'],
  listQueues: ['GET', '/tenants/{tenant}/queues'],
  listRecords: ['GET', '/tenants/{tenant}/records'],
  listRefusedEvents: ['GET', '/tenants/{tenant}/refused-events'],
  listRoles: ['GET', '/roles'],
  listSessions: ['GET', '/sessions'],
  listShares: ['GET', '/tenants/{tenant}/connections/{connection}/objects/{object}/interface/shares'],
  listTasks: ['GET', '/tenants/{tenant}/tasks'],
  listTemplates: ['GET', '/templates/master-data'],
  listTenants: ['GET', '/tenants'],
  listTokens: ['GET', '/tenants/{tenant}/tokens'],
  listTwoWay: ['GET', '/tenants/{tenant}/two-way'],
  listUsers: ['GET', '/tenants/{tenant}/users'],
  listVersions: ['GET', '/tenants/{tenant}/versions'],
  markGone: ['POST', '/tenants/{tenant}/deletion-sweeps/{sweep}/mark'],
  offeredObjects: ['GET', '/tenants/{tenant}/connections/{connection}/offered'],
  pauseBackfill: ['POST', '/tenants/{tenant}/backfills/{backfill}/pause'],
  pausePoll: ['POST', '/tenants/{tenant}/polls/{connection}/{object}/pause'],
  planConfiguration: ['POST', '/tenants/{tenant}/configuration/plan'],
  previewRecord: ['POST', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/preview'],
  promote: ['POST', '/tenants/{tenant}/promote'],
  proposeMapping: ['GET', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/mapping/proposals'],
  proposeReader: ['POST', '/tenants/{tenant}/readers/propose'],
  putAlertSettings: ['PUT', '/tenants/{tenant}/alerts/settings'],
  putBatchClient: ['PUT', '/tenants/{tenant}/batch-clients/{id}'],
  putConnection: ['PUT', '/tenants/{tenant}/connections/{connection}'],
  putEverySignInRule: ['PUT', '/sign-in-rule'],
  putFlow: ['PUT', '/tenants/{tenant}/pairs/{pair}/flows/{flow}'],
  putFunction: ['PUT', '/tenants/{tenant}/functions/{function}'],
  putHook: ['PUT', '/tenants/{tenant}/hooks/{id}'],
  putMapping: ['PUT', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/mapping'],
  putObject: ['PUT', '/tenants/{tenant}/connections/{connection}/objects/{object}'],
  putOptions: ['PUT', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/options/{field}'],
  putPair: ['PUT', '/tenants/{tenant}/pairs/{pair}'],
  putPreference: ['PUT', '/session/preference'],
  putProvider: ['PUT', '/sign-in-providers/{provider}'],
  putSignInRule: ['PUT', '/tenants/{tenant}/sign-in-rule'],
  putToken: ['PUT', '/tenants/{tenant}/tokens/{id}'],
  readPollAgain: ['POST', '/tenants/{tenant}/polls/{connection}/{object}/again'],
  refetchGroup: ['POST', '/tenants/{tenant}/groups/{group}/refetch'],
  refetchRecord: ['POST', '/tenants/{tenant}/records/{link}/refetch'],
  removeBatchClient: ['DELETE', '/tenants/{tenant}/batch-clients/{id}'],
  removeConnection: ['DELETE', '/tenants/{tenant}/connections/{connection}'],
  removeEveryKey: ['DELETE', '/keys/{key}'],
  removeEveryUser: ['DELETE', '/users/{user}'],
  removeFlow: ['DELETE', '/tenants/{tenant}/pairs/{pair}/flows/{flow}'],
  removeFunction: ['DELETE', '/tenants/{tenant}/functions/{function}'],
  removeHook: ['DELETE', '/tenants/{tenant}/hooks/{id}'],
  removeKey: ['DELETE', '/tenants/{tenant}/keys/{key}'],
  removeObject: ['DELETE', '/tenants/{tenant}/connections/{connection}/objects/{object}'],
  removePair: ['DELETE', '/tenants/{tenant}/pairs/{pair}'],
  removeProvider: ['DELETE', '/sign-in-providers/{provider}'],
  removeRefusedEvent: ['DELETE', '/tenants/{tenant}/refused-events/{event}'],
  removeShare: ['DELETE', '/tenants/{tenant}/connections/{connection}/objects/{object}/interface/shares/{share}'],
  removeToken: ['DELETE', '/tenants/{tenant}/tokens/{id}'],
  removeUser: ['DELETE', '/tenants/{tenant}/users/{user}'],
  renewBatchClient: ['POST', '/tenants/{tenant}/batch-clients/{id}/renew'],
  renewHook: ['POST', '/tenants/{tenant}/hooks/{id}/renew'],
  renewRecoveryCodes: ['POST', '/session/second-factor/recovery-codes'],
  renewToken: ['POST', '/tenants/{tenant}/tokens/{id}/renew'],
  repairCompared: ['POST', '/tenants/{tenant}/comparisons/{comparison}/repair'],
  resendCallback: ['POST', '/tenants/{tenant}/batches/{batch}/callback'],
  resolveConflict: ['POST', '/tenants/{tenant}/conflicts/{link}/resolve'],
  restoreVersion: ['POST', '/tenants/{tenant}/versions/{kind}/{name}/{number}/restore'],
  resumeFunction: ['POST', '/tenants/{tenant}/functions/{function}/resume'],
  resumePoll: ['POST', '/tenants/{tenant}/polls/{connection}/{object}/resume'],
  retireBatchClient: ['POST', '/tenants/{tenant}/batch-clients/{id}/retire'],
  retireHook: ['POST', '/tenants/{tenant}/hooks/{id}/retire'],
  retireToken: ['POST', '/tenants/{tenant}/tokens/{id}/retire'],
  retryDecodes: ['POST', '/tenants/{tenant}/decodes/retry'],
  retryMatching: ['POST', '/tenants/{tenant}/retries'],
  retryRecord: ['POST', '/tenants/{tenant}/records/{link}/retry'],
  retryRefusedEvents: ['POST', '/tenants/{tenant}/refused-events/retry'],
  runBody: ['POST', '/tenants/{tenant}/records/{link}/body'],
  runMappingTests: ['POST', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/mapping/tests'],
  runPlanned: ['POST', '/tenants/{tenant}/planned/run'],
  runPoll: ['POST', '/tenants/{tenant}/polls/{connection}/{object}/run'],
  search: ['GET', '/tenants/{tenant}/search'],
  showAccount: ['GET', '/session/account'],
  showAlertSettings: ['GET', '/tenants/{tenant}/alerts/settings'],
  showBackfill: ['GET', '/tenants/{tenant}/backfills/{backfill}'],
  showBatch: ['GET', '/tenants/{tenant}/batches/{batch}'],
  showBody: ['GET', '/tenants/{tenant}/records/{link}/body'],
  showCall: ['GET', '/tenants/{tenant}/calls/{attempt}'],
  showComparison: ['GET', '/tenants/{tenant}/comparisons/{comparison}'],
  showConflict: ['GET', '/tenants/{tenant}/conflicts/{link}'],
  showConnection: ['GET', '/tenants/{tenant}/connections/{connection}'],
  showDecode: ['GET', '/tenants/{tenant}/decodes/{seq}'],
  showDeletionSweep: ['GET', '/tenants/{tenant}/deletion-sweeps/{sweep}'],
  showEverySignInRule: ['GET', '/sign-in-rule'],
  showFlow: ['GET', '/tenants/{tenant}/pairs/{pair}/flows/{flow}'],
  showFunction: ['GET', '/tenants/{tenant}/functions/{function}'],
  showInterface: ['GET', '/tenants/{tenant}/connections/{connection}/objects/{object}/interface'],
  showInterfaceMarkdown: ['GET', '/tenants/{tenant}/connections/{connection}/objects/{object}/interface.md'],
  showInterfaceOpenapi: ['GET', '/tenants/{tenant}/connections/{connection}/objects/{object}/interface.openapi.json'],
  showInterfacePage: ['GET', '/tenants/{tenant}/connections/{connection}/objects/{object}/interface.html'],
  showJourney: ['GET', '/tenants/{tenant}/journey'],
  showMapping: ['GET', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/mapping'],
  showObject: ['GET', '/tenants/{tenant}/connections/{connection}/objects/{object}'],
  showObjectJson: ['GET', '/tenants/{tenant}/connections/{connection}/objects/{object}/definition.json'],
  showObjectSheet: ['GET', '/tenants/{tenant}/connections/{connection}/objects/{object}/definition.xlsx'],
  showObjectYaml: ['GET', '/tenants/{tenant}/connections/{connection}/objects/{object}/definition.yaml'],
  showOptions: ['GET', '/tenants/{tenant}/pairs/{pair}/flows/{flow}/options/{field}'],
  showOutBatch: ['GET', '/tenants/{tenant}/out-batches/{batch}'],
  showPair: ['GET', '/tenants/{tenant}/pairs/{pair}'],
  showPreference: ['GET', '/session/preference'],
  showPulse: ['GET', '/tenants/{tenant}/pulse'],
  showRecord: ['GET', '/tenants/{tenant}/records/{link}'],
  showRefusedEvent: ['GET', '/tenants/{tenant}/refused-events/{event}'],
  showSession: ['GET', '/session'],
  showSignIn: ['GET', '/sign-in'],
  showSignInRule: ['GET', '/tenants/{tenant}/sign-in-rule'],
  showStatus: ['GET', '/tenants/{tenant}/status'],
  showStory: ['GET', '/tenants/{tenant}/records/{link}/journey'],
  showTask: ['GET', '/tenants/{tenant}/tasks/{task}'],
  showTenant: ['GET', '/tenants/{tenant}'],
  showVersion: ['GET', '/tenants/{tenant}/versions/{kind}/{name}/{number}'],
  signIn: ['POST', '/session'],
  signOut: ['DELETE', '/session'],
  stopBackfill: ['POST', '/tenants/{tenant}/backfills/{backfill}/stop'],
  stopComparison: ['POST', '/tenants/{tenant}/comparisons/{comparison}/stop'],
  stopDeletionSweep: ['POST', '/tenants/{tenant}/deletion-sweeps/{sweep}/stop'],
  stopTask: ['DELETE', '/tenants/{tenant}/tasks/{task}'],
  testChannel: ['POST', '/tenants/{tenant}/alerts/test'],
  testConnection: ['POST', '/tenants/{tenant}/connections/{connection}/test'],
  testFunctions: ['POST', '/tenants/{tenant}/functions/test'],
  testProvider: ['POST', '/sign-in-providers/{provider}/test'],
  tryFunction: ['POST', '/tenants/{tenant}/functions/{function}/try'],
  tryInterface: ['POST', '/tenants/{tenant}/connections/{connection}/objects/{object}/interface/try'],
  unbindLink: ['DELETE', '/tenants/{tenant}/records/{link}/mapping'],
  whoAmI: ['GET', '/me'],
}
