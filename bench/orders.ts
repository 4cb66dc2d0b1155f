/** What the bench sends: the configuration, the 1 kB document of 20 fields and 5 detail lines, and the guide's headers around it. */

export const tenantId = 'bench'
export const token = 'bench-token-0123456789abcdef'
export const customers = 100

/** The number of a record stands in a request as ten digits, so that every request of a run has the same length. */
export const placeholder = '##########'
export const digits = placeholder.length
export const numbered = (n: number): string => String(n).padStart(digits, '0')

const fields = Array.from({ length: 13 }, (_, i) => `F${i + 1}`)
const line = '{ id: text, material: text, qty: decimal, price: decimal, note: text }'
const order = (code: string): string => `
          - code: ${code}
            fields:
              id: text
              number: text
              customerId: { type: reference, references: BD_Customer }
              orderDate: date
              amount: decimal
              rate: decimal
              status: text
              ${fields.map((f) => `${f}: text`).join('\n              ')}
            details:
              - { code: lines, idField: id, fields: ${line} }`
const target = (code: string): string => `
          - code: ${code}
            idField: _id
            externalIdField: sourceId
            fields:
              _id: text
              sourceId: text
              order_no: text
              account_id: { type: reference, references: AccountObj }
              order_date: date
              amount: decimal
              rate: decimal
              status: { type: select, options: ['1', '2', '3'] }
              ${fields.map((f) => `${f.toLowerCase()}: text`).join('\n              ')}
            details:
              - { code: OrderLine, idField: _id, fields: { _id: text, product: text, quantity: decimal, price: decimal, note: text } }`
const pair = (id: string, from: string, to: string, state: string): string => `
      - id: ${id}
        left: ${from}
        right: ${to}
        flows:
          leftToRight:
            state: ${state}
            mapping:
              fields:
                order_no: number
                account_id: { from: customerId, reference: customer }
                order_date: orderDate
                amount: amount
                rate: rate
                status: { from: status, options: { open: '1', approved: '2', closed: '3' } }
                ${fields.map((f) => `${f.toLowerCase()}: ${f}`).join('\n                ')}
              details:
                OrderLine: { from: lines, fields: { product: material, quantity: qty, price: price, note: note } }`

/** W3: the first record's time at the source, and the distance to the next. */
export const sourceStart = Date.UTC(2026, 0, 1)
export const sourceStep = 10
const materialFields = Array.from({ length: 16 }, (_, i) => `F${i + 1}`)

/** A record of 20 fields, some 600 bytes. */
export const materialText = (i: number): string =>
  JSON.stringify({
    objAPIName: 'BD_Material',
    masterFieldVal: {
      id: `M-${numbered(i)}`,
      number: `MAT-${numbered(i)}`,
      price: `${i % 1000}.90`,
      modifyTime: sourceStart + i * sourceStep,
      ...Object.fromEntries(materialFields.map((f, n) => [f, `value ${n + 1} of material ${i}`])),
    },
    detailFieldVals: {},
  })

/** Polled once a year by itself: what the bench reads, it asks for. */
const material = `
          - code: BD_Material
            modifiedField: modifyTime
            poll: { cron: '0 0 1 1 *' }
            fields: { id: text, number: text, price: decimal, modifyTime: datetime, ${materialFields.map((f) => `${f}: text`).join(', ')} }`
/** Paused: its links are written, and nothing is sent. */
const materialPair = `      - id: material
        left: erp/BD_Material
        right: crm/ProductObj
        flows: { leftToRight: { state: paused, mapping: { fields: { name: number, price: price } } } }
`

/**
 * W1 pushes to a pair whose flow is paused: its links are written, and nothing is sent. W2 pushes to one that is enabled. The backlog
 * waits for a target that is down.
 */
export const configuration = (
  targetUrl: string,
  downUrl: string,
  concurrency: number,
  sourceUrl?: string,
): string => `tenants:
  - id: ${tenantId}
    zone: Asia/Shanghai
    tokens: [{ name: load, value: ${token}, ratePerSecond: 1000000 }]
    connections:
      - id: erp
        role: erp
        baseUrl: ${sourceUrl ?? downUrl}/erp/
        pageSize: 1000
        objects:
          - code: BD_Customer
            fields: { id: text, name: text }${order('SAL_Order')}${order('SAL_Inbound')}${order('SAL_Backlog')}${sourceUrl === undefined ? '' : material}
      - id: crm
        role: crm
        baseUrl: ${targetUrl}/crm/
        headers: { token: target-token }
        limits: { concurrency: ${concurrency} }
        objects:
          - code: AccountObj
            idField: _id
            externalIdField: sourceId
            fields: { _id: text, sourceId: text, name: text }
          - code: ProductObj
            idField: _id
            externalIdField: sourceId
            fields: { _id: text, sourceId: text, name: text, price: decimal }${target('OrderObj')}${target('InboundObj')}
      - id: down
        role: crm
        baseUrl: ${downUrl}/crm/
        objects: [{ code: BacklogObj, idField: _id, externalIdField: sourceId, fields: { _id: text, sourceId: text, order_no: text } }]
    pairs:
      - id: customer
        left: erp/BD_Customer
        right: crm/AccountObj
        flows: { leftToRight: { mapping: { fields: { name: name } } } }${pair('order', 'erp/SAL_Order', 'crm/OrderObj', 'enabled')}${pair('inbound', 'erp/SAL_Inbound', 'crm/InboundObj', 'paused')}
      - id: backlog
        left: erp/SAL_Backlog
        right: down/BacklogObj
        flows: { leftToRight: { mapping: { fields: { order_no: number } } } }
${sourceUrl === undefined ? '' : materialPair}`

const master = {
  number: `SO-${placeholder}`,
  customerId: 'C-0000000007',
  orderDate: '2024-05-17',
  amount: '12345678.90',
  rate: '0.0600',
  status: 'approved',
  ...Object.fromEntries(fields.map((f, i) => [f, `value ${i + 1} of order`])),
  F13: '备注：请尽快发货',
}
const rows = [1, 2, 3, 4, 5].map((i) => ({
  id: `L${i}`,
  material: `M-100${i}`,
  qty: `${i}.00`,
  price: '19.90',
  note: `line ${i}`,
}))

export const orderBody = (objAPIName: string): string =>
  JSON.stringify({ objAPIName, masterFieldVal: master, detailFieldVals: { lines: rows } })
export const orderParts = { master: JSON.stringify(master), details: JSON.stringify({ lines: rows }) }

const http = (path: string, headers: Record<string, string>, body: string): string =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: bench',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n')

const guide = (objectApiName: string, id: string) => ({ token, tenantId, objectApiName, version: 'v1', id })

/** A push to `syncpush` as the guide writes it; also what the echo and the plain insert are sent. */
export const push = (object: string): string =>
  http('/erp/syncdata/open/objdata/syncpush', guide(object, `O-${placeholder}`), orderBody(object))

export const customerPush = (): string =>
  http(
    '/erp/syncdata/open/objdata/syncpush',
    guide('BD_Customer', `C-${placeholder}`),
    JSON.stringify({
      objAPIName: 'BD_Customer',
      masterFieldVal: { name: `Customer ${placeholder}` },
      detailFieldVals: {},
    }),
  )
