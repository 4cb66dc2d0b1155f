/** What the terminal says when Mortise is ready: what to open, and what to try, ready to be copied. */
import type { SandboxSecrets } from './sandbox.ts'

export interface Greeting {
  url: string
  sandbox: boolean
  data: string
  secrets: SandboxSecrets
  /** The installation's first user was made by this start: its password is told here and stands in the data folder. */
  isFirst: boolean
}

const guideBody = `{
  "objAPIName": "ERP 侧对象的 APIName",
  "masterFieldVal": { "Key1": "value1", "Key2": "value2", "Key3": "value3" },
  "detailFieldVals": {
    "明细 apiName1": [ { "Key4": "value4", "Key5": "value5", "Key6": "value6" } ],
    "明细 apiName2": [ { "Key4": "value7", "Key5": "value8", "Key6": "value9" } ]
  }
}`

const signIn = ({ url, secrets }: Greeting): string => `
Sign in as ${secrets.console.user} with ${secrets.console.password}, which is told this once; change it. The management API describes itself at ${url}/api/docs
`

export const greeting = (said: Greeting): string => {
  const { url, sandbox, data, secrets, isFirst } = said
  if (!sandbox) return `Mortise is ready: ${url}\n${isFirst ? signIn(said) : ''}`
  return `
Mortise 榫卯 is ready: ${url}     (data in ${data}; stop with Ctrl-C)

Push a record as the ERP of the guide does. It is stored before the answer comes:

  curl -s ${url}/erp/syncdata/open/objdata/syncpush \\
    -H 'token: ${secrets.token}' -H 'tenantId: sandbox' -H 'version: v1' \\
    -H 'objectApiName: ERP 侧对象的 APIName' -H 'id: G-1' \\
    -d '${guideBody}'

See it in the sandbox CRM:

  curl -s ${url}/sandbox/crm/records/GuideObj

Make a customer in the sandbox CRM, and see it arrive in the ERP:

  curl -s ${url}/sandbox/crm/create -H 'token: ${secrets.crmToken}' \\
    -d '{"objAPIName":"AccountObj","masterFieldVal":{"name":"Zhang & Sons","level":"1","credit_limit":12345678901234567890.12}}'
  curl -s ${url}/sandbox/erp/records/BD_Customer

What happened, and why:

  npx mortise status
  npx mortise show G-1

The console: user ${secrets.console.user}, password ${secrets.console.password}

  ${url}

The management API describes itself at ${url}/api/docs

The same secrets stand in ${data}/sandbox.json.
`
}
