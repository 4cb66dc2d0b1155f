/** Who may do what: one function says what a role may, one table says what each route needs, and nothing else decides. Pure. */
import { type Caller, type Refused, refuse } from '../http/route.ts'

/** Each may what the one before it may, and more. */
export const roles = ['viewer', 'operator', 'integrator', 'admin', 'owner'] as const
export type Role = (typeof roles)[number]

export const rights = ['self', 'see', 'operate', 'configure', 'administer', 'install'] as const
export type Right = (typeof rights)[number]

/** Rights that a key can be given; the rest is for signed-in people. */
export const scopes = ['see', 'operate', 'configure', 'administer', 'install'] as const satisfies readonly Right[]

/** `self`: one's own account. `install`: tenants and the people of the installation, which only an owner everywhere has. */
export const may = (role: Role, right: Right): boolean => {
  switch (right) {
    case 'self':
    case 'see':
      return true
    case 'operate':
      return roles.indexOf(role) >= roles.indexOf('operator')
    case 'configure':
      return roles.indexOf(role) >= roles.indexOf('integrator')
    case 'administer':
      return roles.indexOf(role) >= roles.indexOf('admin')
    case 'install':
      return role === 'owner'
  }
}

export interface Need {
  right: Right
  /** Not with a key. */
  only?: 'session'
}

/** What each route of the management API needs, by its id; null: anybody. A route that is not here cannot be mounted. */
export const needs: Readonly<Record<string, Need | null>> = {
  // access
  signIn: null,
  showSession: { right: 'self', only: 'session' },
  signOut: { right: 'self', only: 'session' },
  changeOwnPassword: { right: 'self', only: 'session' },
  showPreference: { right: 'self', only: 'session' },
  putPreference: { right: 'self', only: 'session' },
  showAccount: { right: 'self', only: 'session' },
  beginSecondFactor: { right: 'self', only: 'session' },
  confirmSecondFactor: { right: 'self', only: 'session' },
  dropSecondFactor: { right: 'self', only: 'session' },
  renewRecoveryCodes: { right: 'self', only: 'session' },
  listSessions: { right: 'self', only: 'session' },
  endSession: { right: 'self', only: 'session' },
  endOtherSessions: { right: 'self', only: 'session' },
  listOwnKeys: { right: 'see' },
  showSignIn: null,
  beginSignIn: null,
  finishSignIn: null,
  leaveIssuer: { right: 'self', only: 'session' },
  listProviders: { right: 'install' },
  putProvider: { right: 'install', only: 'session' },
  removeProvider: { right: 'install', only: 'session' },
  testProvider: { right: 'install', only: 'session' },
  showSignInRule: { right: 'administer' },
  putSignInRule: { right: 'administer', only: 'session' },
  showEverySignInRule: { right: 'install' },
  putEverySignInRule: { right: 'install', only: 'session' },
  whoAmI: { right: 'self' },
  listRoles: { right: 'self' },
  listEveryUser: { right: 'install' },
  addEveryUser: { right: 'install', only: 'session' },
  changeEveryUser: { right: 'install', only: 'session' },
  removeEveryUser: { right: 'install', only: 'session' },
  listUsers: { right: 'administer' },
  addUser: { right: 'administer', only: 'session' },
  changeUser: { right: 'administer', only: 'session' },
  removeUser: { right: 'administer', only: 'session' },
  listKeys: { right: 'administer' },
  addKey: { right: 'see', only: 'session' },
  removeKey: { right: 'see', only: 'session' },
  listEveryKey: { right: 'install' },
  addEveryKey: { right: 'install', only: 'session' },
  removeEveryKey: { right: 'install', only: 'session' },
  listAudit: { right: 'administer' },
  listEveryAudit: { right: 'install' },
  // flows
  listTenants: { right: 'self' },
  addTenant: { right: 'install' },
  showTenant: { right: 'see' },
  changeTenant: { right: 'administer' },
  listConnections: { right: 'see' },
  showConnection: { right: 'see' },
  putConnection: { right: 'configure' },
  changeQueueState: { right: 'operate' },
  removeConnection: { right: 'configure' },
  listPairs: { right: 'see' },
  showPair: { right: 'see' },
  putPair: { right: 'configure' },
  removePair: { right: 'configure' },
  showFlow: { right: 'see' },
  putFlow: { right: 'configure' },
  changeFlowState: { right: 'operate' },
  removeFlow: { right: 'configure' },
  showMapping: { right: 'see' },
  putMapping: { right: 'configure' },
  showOptions: { right: 'see' },
  putOptions: { right: 'configure' },
  previewRecord: { right: 'operate' },
  dryRun: { right: 'operate' },
  proposeMapping: { right: 'see' },
  checkFormula: { right: 'see' },
  runMappingTests: { right: 'see' },
  listDrift: { right: 'see' },
  clearDrift: { right: 'configure' },
  listTokens: { right: 'see' },
  putToken: { right: 'configure' },
  removeToken: { right: 'configure' },
  renewToken: { right: 'configure' },
  retireToken: { right: 'configure' },
  listHooks: { right: 'see' },
  putHook: { right: 'configure' },
  removeHook: { right: 'configure' },
  renewHook: { right: 'configure' },
  retireHook: { right: 'configure' },
  listBatchClients: { right: 'see' },
  putBatchClient: { right: 'configure' },
  removeBatchClient: { right: 'configure' },
  renewBatchClient: { right: 'configure' },
  retireBatchClient: { right: 'configure' },
  planConfiguration: { right: 'configure' },
  applyConfiguration: { right: 'configure' },
  exportConfiguration: { right: 'see' },
  listVersions: { right: 'see' },
  showVersion: { right: 'see' },
  restoreVersion: { right: 'configure' },
  promote: { right: 'configure' },
  // objects
  listObjects: { right: 'see' },
  showObject: { right: 'see' },
  putObject: { right: 'configure' },
  removeObject: { right: 'configure' },
  // poll
  listPolls: { right: 'see' },
  listPollWindows: { right: 'see' },
  listPollGaps: { right: 'see' },
  runPoll: { right: 'operate' },
  pausePoll: { right: 'operate' },
  resumePoll: { right: 'operate' },
  readPollAgain: { right: 'operate' },
  estimateBackfill: { right: 'operate' },
  addBackfill: { right: 'operate' },
  listBackfills: { right: 'see' },
  showBackfill: { right: 'see' },
  pauseBackfill: { right: 'operate' },
  stopBackfill: { right: 'operate' },
  continueBackfill: { right: 'operate' },
  addComparison: { right: 'operate' },
  listComparisons: { right: 'see' },
  showComparison: { right: 'see' },
  listCompared: { right: 'see' },
  exportCompared: { right: 'see' },
  stopComparison: { right: 'operate' },
  repairCompared: { right: 'operate' },
  listPlanned: { right: 'see' },
  runPlanned: { right: 'operate' },
  addDeletionSweep: { right: 'operate' },
  listDeletionSweeps: { right: 'see' },
  showDeletionSweep: { right: 'see' },
  stopDeletionSweep: { right: 'operate' },
  listGone: { right: 'see' },
  markGone: { right: 'operate' },
  testConnection: { right: 'configure' },
  showInterface: { right: 'see' },
  showInterfacePage: { right: 'see' },
  showInterfaceMarkdown: { right: 'see' },
  showInterfaceOpenapi: { right: 'see' },
  learnSample: { right: 'configure' },
  learnRecord: { right: 'configure' },
  showObjectJson: { right: 'see' },
  showObjectYaml: { right: 'see' },
  showObjectSheet: { right: 'see' },
  importObject: { right: 'configure' },
  tryInterface: { right: 'configure' },
  listShares: { right: 'see' },
  addShare: { right: 'configure' },
  removeShare: { right: 'configure' },
  offeredObjects: { right: 'configure' },
  learnObject: { right: 'configure' },
  // observe
  listAlerts: { right: 'see' },
  showAlertSettings: { right: 'see' },
  putAlertSettings: { right: 'administer' },
  testChannel: { right: 'administer' },
  // listen
  listQueues: { right: 'see' },
  listRefusedEvents: { right: 'see' },
  showRefusedEvent: { right: 'operate' },
  retryRefusedEvents: { right: 'operate' },
  removeRefusedEvent: { right: 'operate' },
  // decode
  listFunctions: { right: 'see' },
  showFunction: { right: 'see' },
  putFunction: { right: 'configure' },
  removeFunction: { right: 'configure' },
  testFunctions: { right: 'operate' },
  tryFunction: { right: 'configure' },
  resumeFunction: { right: 'operate' },
  proposeReader: { right: 'configure' },
  listDecodes: { right: 'see' },
  showDecode: { right: 'operate' },
  retryDecodes: { right: 'operate' },
  // batch
  listTemplates: { right: 'self' },
  listBatches: { right: 'see' },
  showBatch: { right: 'see' },
  exportRejected: { right: 'see' },
  resendCallback: { right: 'operate' },
  listOutBatches: { right: 'see' },
  showOutBatch: { right: 'see' },
  listOutLanes: { right: 'see' },
  askOutBatch: { right: 'operate' },
  // maintain
  listTwoWay: { right: 'see' },
  listConflicts: { right: 'see' },
  showConflict: { right: 'operate' },
  resolveConflict: { right: 'operate' },
  showStatus: { right: 'see' },
  listRecords: { right: 'see' },
  showRecord: { right: 'see' },
  listGroups: { right: 'see' },
  showJourney: { right: 'see' },
  search: { right: 'see' },
  showStory: { right: 'see' },
  retryRecord: { right: 'operate' },
  declareRecord: { right: 'operate' },
  ignoreRecord: { right: 'operate' },
  refetchRecord: { right: 'operate' },
  showBody: { right: 'operate' },
  runBody: { right: 'operate' },
  refetchGroup: { right: 'operate' },
  estimateRetry: { right: 'see' },
  retryMatching: { right: 'operate' },
  listLinks: { right: 'see' },
  bindLink: { right: 'operate' },
  unbindLink: { right: 'operate' },
  exportLinks: { right: 'see' },
  listTasks: { right: 'see' },
  showTask: { right: 'see' },
  stopTask: { right: 'operate' },
  listCalls: { right: 'see' },
  showCall: { right: 'see' },
  showPulse: { right: 'see' },
}

export const needOf = (routeId: string): Need | null => {
  const need = needs[routeId]
  if (need === undefined)
    throw new Error(`route ${routeId} does not stand in the table of rights (server/access/rights.ts)`)
  return need
}

const higher = (a: Role | null, b: Role | null): Role | null => {
  if (a === null || b === null) return a ?? b
  return roles.indexOf(a) >= roles.indexOf(b) ? a : b
}

/** The caller's role in a tenant, or in the installation (null). */
export const roleOf = (who: Caller, tenantId: string | null): Role | null =>
  higher(who.everywhere as Role | null, tenantId === null ? null : ((who.roles[tenantId] as Role | undefined) ?? null))

export const absentTenant = (tenantId: string): Refused => refuse('absent', { what: `tenant ${tenantId}` })

/**
 * Null = may. A tenant in which the caller has no role is answered as one that does not exist, and so is any tenant but its own for a key.
 * (That a tenant exists at all is asked of the database, for those who have a role everywhere.)
 */
export const permit = (who: Caller, routeId: string, tenantId: string | null): Refused | null => {
  const need = needOf(routeId)
  if (need === null) return null
  const role = roleOf(who, tenantId)
  if (tenantId !== null && (role === null || (who.key && ![tenantId, '*'].includes(who.key.tenantId))))
    return absentTenant(tenantId)
  if (need.only === 'session' && who.key) return refuse('session.only')
  if (need.right === 'self') return null
  if (who.lacks?.some((one) => one === '*' || one === tenantId)) return refuse('second.needed')
  // what concerns the installation is not for a tenant's key, whoever made it
  const held = tenantId === null && who.key && who.key.tenantId !== '*' ? null : role
  if (held === null || !may(held, need.right)) return refuse('role.refused', { role: held ?? '-', right: need.right })
  if (who.key && !who.key.scopes.includes(need.right)) return refuse('scope.refused', { right: need.right })
  return null
}

/** A role can be given or taken by those who have at least it themselves. */
export const mayGive = (own: Role | null, role: Role | null): boolean =>
  own !== null && (role === null || roles.indexOf(own) >= roles.indexOf(role))
