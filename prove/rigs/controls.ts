/** Starts the naive relay of naive.ts with the routes of the sandbox's pairs: the control of most rigs. */
import { fileURLToPath } from 'node:url'
import type { Ground, Program, Witness } from './ground.ts'

const routes = {
  BD_Customer: {
    target: 'crm',
    object: 'AccountObj',
    idField: '_id',
    fields: { number: 'account_no', name: 'name', taxNo: 'tax_no' },
    details: { contacts: 'ContactObj' },
  },
  BD_Material: {
    target: 'crm',
    object: 'ProductObj',
    idField: '_id',
    fields: { number: 'product_code', name: 'name', unit: 'unit', price: 'price' },
  },
  'ERP 侧对象的 APIName': { target: 'dead', object: 'GuideObj', idField: '_id', fields: { Key1: 'key1' } },
  AccountObj: {
    target: 'erp',
    object: 'BD_Customer',
    idField: 'id',
    fields: { account_no: 'number', name: 'name', tax_no: 'taxNo' },
  },
  SalesOrderObj: {
    target: 'erp',
    object: 'SAL_SaleOrder',
    idField: 'id',
    fields: { name: 'number', account_id: 'customerId' },
  },
}

export const startNaive = async (
  ground: Ground,
  witness: Witness,
  {
    port,
    timeout = 1_000,
    slots = 16,
    serial = false,
    deadUrl = 'http://127.0.0.1:9',
  }: { port?: number; timeout?: number; slots?: number; serial?: boolean; deadUrl?: string } = {},
): Promise<Program> => {
  const targets = {
    crm: { url: witness.url, token: witness.tokens.crmToken },
    erp: { url: witness.url, token: witness.tokens.erpToken },
    dead: { url: deadUrl, token: '' },
  }
  const program = await ground.program(
    fileURLToPath(new URL('./naive.ts', import.meta.url)),
    { NAIVE: JSON.stringify({ targets, routes, slots, timeout, serial }) },
    port,
  )
  await program.start()
  return program
}
