/** `mortise check`: the conformance test of a connection's interface, for one object, with a report for whoever mends the system. */
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { type Command as Program, Option } from 'commander'
import { openErp, type Send, type Subject } from '../../conformance/erp.ts'
import { reportText } from '../../conformance/report.ts'
import { rules } from '../../conformance/rules/index.ts'
import { runRules } from '../../conformance/run.ts'
import { type Locale, locales } from '../../protocol/codes.ts'
import { secretKey } from '../access/key.ts'
import { createEnv } from '../agent/env.ts'
import { openAuth } from '../connect/auth/auth.ts'
import type { ConnectionDef } from '../doc/flow.ts'
import type { ObjectDef } from '../doc/object.ts'
import { checkUrl, guardedConnector, type Policy } from '../egress/guard.ts'
import { exampleOf, ownFields } from '../objects/interface/examples.ts'
import { type Command, type Common, Done, exitCodes } from './command.ts'
import { load } from './configuration.ts'
import { readSettings } from './settings.ts'

interface Checking extends Common {
  object?: string
  locale: Locale
  yes?: boolean
}

/** What of a declared object a record for the test is made of; references are left out, for what they name need not exist. */
export const subjectOf = (object: ObjectDef, connection: ConnectionDef): Subject => {
  const own = ownFields(object)
  const free = object.fields.filter((field) => !own.has(field.code) && field.code !== object.externalIdField)
  const values = (fields: typeof free) =>
    Object.fromEntries(
      fields
        .filter((field) => !['reference', 'person', 'department', 'attachment'].includes(field.type) || field.required)
        .map((field) => [field.code, JSON.stringify(exampleOf(field, connection.zone))]),
    )
  const texts = free.filter((field) => field.type === 'text' && (field.length ?? 99) >= 6).map((field) => field.code)
  const [textField, otherTextField] = [
    ...texts.filter((code) => code === object.nameField),
    ...texts.filter((code) => code !== object.nameField),
  ]
  const decimalField = free.find((field) => field.type === 'decimal')?.code
  return {
    apiName: object.apiName,
    idField: object.idField,
    ...(object.externalIdField !== undefined && { externalIdField: object.externalIdField }),
    ...(textField !== undefined && { textField }),
    ...(otherTextField !== undefined && { otherTextField }),
    ...(decimalField !== undefined && { decimalField }),
    master: values(free),
    details: object.details.map((detail) => ({
      name: detail.apiName ?? detail.code,
      ...(detail.idField !== undefined && { idField: detail.idField }),
      row: values(detail.fields.filter((field) => field.code !== detail.idField)),
    })),
    result: connection.result,
    notFoundCodes: connection.notFoundCodes,
  }
}

/** Calls as the connection makes them, behind the same guard; `wrong`: every secret replaced. */
const senderOf = (connection: ConnectionDef, policy: Policy) => {
  const checked = checkUrl(connection.baseUrl, policy)
  if ('refused' in checked) throw new Done(exitCodes.refused, `${connection.connectionId}: ${checked.refused}`)
  const { url } = checked
  const base = url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`
  const agent = new Agent({ connect: guardedConnector(policy, { timeout: 10_000 }) })
  const { auth: declared, result, zone, timeout } = connection
  const auth = declared && openAuth({ auth: declared, result, zone, env: createEnv(), policy, timeout })
  const send: Send = async ({ method, path, headers, body, proof }) => {
    const own = Object.fromEntries(
      Object.entries(connection.headers).map(([name, value]) => [
        name,
        proof === 'wrong' && !/^(?:accept|content-type|user-agent)/i.test(name)
          ? 'not-the-secret'
          : Buffer.from(value).toString('latin1'),
      ]),
    )
    const query = url.search.slice(1)
    const whole = `${base}${path}${query ? `${path.includes('?') ? '&' : '?'}${query}` : ''}`
    let proved = { path: whole, headers: { ...own, ...headers } as Record<string, string> }
    if (auth && proof === 'right') {
      const bytes = body === null ? null : Buffer.from(body)
      const got = await auth.prove({ method, path: whole, headers: proved.headers, body: bytes }, timeout)
      if (got.kind === 'none') throw new Error(got.said)
      proved = got.request
    }
    const answer = await request(`${url.origin}${proved.path}`, {
      method,
      headers: proved.headers,
      body,
      dispatcher: agent,
      signal: AbortSignal.timeout(timeout),
    })
    const date = answer.headers.date
    return {
      status: answer.statusCode,
      headers: { date: Array.isArray(date) ? date[0] : date },
      text: await answer.body.text(),
    }
  }
  return {
    send,
    close: async () => {
      await auth?.close()
      await agent.close()
    },
  }
}

const find = async (command: Command, connectionId: string, options: Checking) =>
  command.withDatabase(false, async ({ sql }) => {
    const { env, cwd } = command.outside
    const { data } = readSettings(env, cwd)
    const configuration = await load(sql, await secretKey(data, env))
    const found = configuration.connections
      .map(({ def }) => def)
      .filter((def) => def.connectionId === connectionId && (options.tenant ?? def.tenantId) === def.tenantId)
    const [connection, ...more] = found
    if (!connection)
      throw new Done(exitCodes.notFound, `There is no connection ${connectionId}; mortise status lists them.`)
    if (more.length)
      throw new Done(exitCodes.usage, `Several tenants have a connection ${connectionId}: say which with --tenant.`)
    const objects = configuration.objects.of(connection.tenantId, connectionId)
    const object = options.object === undefined ? objects[0] : objects.find((one) => one.code === options.object)
    if (!object) throw new Done(exitCodes.notFound, `There is no object ${options.object ?? ''} on ${connectionId}.`)
    return { connection, object }
  })

const checkConnection = async (command: Command, connectionId: string, options: Checking): Promise<void> => {
  const { connection, object } = await find(command, connectionId, options)
  const question = `This makes about 25 records of ${object.code} in ${connection.baseUrl}, changes and voids some of them. Go on?`
  if (!options.yes && !(await command.sure(question)))
    throw new Done(exitCodes.refused, `${question} Nothing was done; --yes does it. Use a test system.`)
  const { env, cwd } = command.outside
  const allowLoopback = readSettings(env, cwd).sandbox || env.MORTISE_ALLOW_LOOPBACK === 'on'
  const { send, close } = senderOf(connection, { kind: 'connection', allowLoopback })
  const clock = {
    now: () => Date.now(),
    random: () => randomBytes(8).toString('hex'),
    pause: (ms: number) => wait(ms),
  }
  const bar = command.bar(rules.length, 'rules')
  try {
    const report = await runRules(rules, openErp(subjectOf(object, connection), send, clock), () => bar.step(1))
    bar.end()
    if (command.asJson) command.json({ connection: connectionId, object: object.code, ...report })
    else command.say(reportText(report, { system: connection.baseUrl, object: object.code }, options.locale))
    if (!report.conforms) command.code = exitCodes.unfinished
  } finally {
    bar.end()
    await close()
  }
}

export const checkCommand = (program: Program, command: Command): void => {
  program
    .command('check <connection>')
    .description('the conformance test of a system’s interface, with a report in Markdown; makes records in it')
    .option('--object <code>', 'the object that is tried; default the first')
    .option('--tenant <id>', 'where several tenants have a connection of that name')
    .addOption(new Option('--locale <locale>', 'language of the report').choices([...locales]).default('en_US'))
    .option('--yes', 'make the records without asking')
    .option('--json', 'machine-readable, with the sentences in four languages')
    .action((connectionId: string, options: Checking) => checkConnection(command, connectionId, options))
}
