/** What the sandbox CRM and the sandbox ERP hold: their objects, details and fields, by the names the documentation promises. */

export type SystemName = 'erp' | 'crm'

/** `text` and `date` are kept as given; the others are checked, so that refusals exist. */
export type Field =
  | { name: string; kind: 'text' | 'date' | 'decimal'; required?: boolean }
  | { name: string; kind: 'option'; options: readonly string[]; required?: boolean }
  | { name: string; kind: 'reference'; to: string; required?: boolean }

export type DetailDef = { name: string; prefix: string; idField: string; fields: Map<string, Field> }

export type ObjectDef = {
  name: string
  /** Ids are `<prefix>-000001` and on. Every object and detail of both systems has a prefix of its own. */
  prefix: string
  idField: string
  /** Set by the sandbox on each effective change, ms since the epoch; what a caller sends for it is ignored. */
  timeField: string
  fields: Map<string, Field>
  details: Map<string, DetailDef>
}

/** Carried by every object: the id of the same record on the other side. */
export const SOURCE_ID = 'sourceId'
/** `"true"` in the master fields of a voided record, else absent. Owned by the sandbox like the time field. */
export const VOIDED = 'voided'

const text = (...names: string[]): Field[] => names.map((name) => ({ name, kind: 'text' }))
const date = (name: string): Field => ({ name, kind: 'date' })
const decimal = (...names: string[]): Field[] => names.map((name) => ({ name, kind: 'decimal' }))
const option = (name: string, ...options: string[]): Field => ({ name, kind: 'option', options })
const reference = (name: string, to: string): Field => ({ name, kind: 'reference', to })
const required = (name: string): Field => ({ name, kind: 'text', required: true })

const byName = (fields: Field[]): Map<string, Field> => new Map(fields.map((field) => [field.name, field]))

type Plan = { fields: Field[]; details?: Record<string, { prefix: string; fields: Field[] }> }

const system = (idField: string, timeField: string, plans: Record<string, Plan & { prefix: string }>) =>
  new Map(
    Object.entries(plans).map(([name, plan]): [string, ObjectDef] => [
      name,
      {
        name,
        prefix: plan.prefix,
        idField,
        timeField,
        fields: byName(plan.fields),
        details: new Map(
          Object.entries(plan.details ?? {}).map(([detail, { prefix, fields }]) => [
            detail,
            { name: detail, prefix, idField, fields: byName(fields) },
          ]),
        ),
      },
    ]),
  )

/** The guide's own example, so that it runs unchanged. Its fields are free text and none is required. */
export const GUIDE_OBJECT = 'ERP 侧对象的 APIName'

const erp = system('id', 'modifyTime', {
  BD_Customer: {
    prefix: 'C',
    fields: [...text('number', 'taxNo'), required('name'), option('grade', 'A', 'B', 'C'), ...decimal('creditLimit')],
    details: { contacts: { prefix: 'CT', fields: text('name', 'mobile') } },
  },
  BD_Material: { prefix: 'M', fields: [...text('number', 'name', 'unit'), ...decimal('price')] },
  SAL_SaleOrder: {
    prefix: 'SO',
    fields: [
      ...text('number', 'status'),
      reference('customerId', 'BD_Customer'),
      date('orderDate'),
      ...decimal('amount'),
    ],
    details: {
      lines: { prefix: 'L', fields: [reference('materialId', 'BD_Material'), ...decimal('qty', 'price', 'amount')] },
    },
  },
  [GUIDE_OBJECT]: {
    prefix: 'G',
    fields: text('Key1', 'Key2', 'Key3'),
    details: {
      '明细 apiName1': { prefix: 'GA', fields: text('Key4', 'Key5', 'Key6') },
      '明细 apiName2': { prefix: 'GB', fields: text('Key4', 'Key5', 'Key6') },
    },
  },
})

const crm = system('_id', 'last_modified_time', {
  AccountObj: {
    prefix: 'A',
    fields: [
      ...text('account_no', 'tax_no'),
      required('name'),
      option('level', '1', '2', '3'),
      ...decimal('credit_limit'),
    ],
    details: { ContactObj: { prefix: 'AC', fields: text('name', 'mobile') } },
  },
  ProductObj: { prefix: 'P', fields: [...text('product_code', 'name', 'unit'), ...decimal('price')] },
  SalesOrderObj: {
    prefix: 'S',
    fields: [
      ...text('name', 'life_status'),
      reference('account_id', 'AccountObj'),
      date('order_date'),
      ...decimal('amount'),
    ],
    details: {
      SalesOrderProductObj: {
        prefix: 'SP',
        fields: [reference('product_id', 'ProductObj'), ...decimal('quantity', 'price', 'subtotal')],
      },
    },
  },
  GuideObj: {
    prefix: 'GO',
    fields: text('key1', 'key2', 'key3'),
    details: {
      GuideLine1Obj: { prefix: 'GX', fields: text('key4', 'key5', 'key6') },
      GuideLine2Obj: { prefix: 'GY', fields: text('key4', 'key5', 'key6') },
    },
  },
})

export const objectsOf: Record<SystemName, Map<string, ObjectDef>> = { erp, crm }
