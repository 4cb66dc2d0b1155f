/**
 * `npm run bench -- functions [batches]`: what a record costs in a function of each kind: 20 fields and 5 lines in, the same renamed or changed
 * out, in batches of 64 as the decoder and the engine hand them over. CPU of all threads.
 */
import type { FunctionKind } from '../server/doc/function.ts'
import { openFunctions } from '../server/functions/pool.ts'

const target = 200
const size = 64

const fields = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`field${i}`, i % 3 ? `value ${i}` : 100.5 + i]))
const lines = Array.from({ length: 5 }, (_, i) => ({
  id: `r${i}`,
  materialId: `m${i}`,
  qty: i,
  price: 1.1,
  amount: 1.5,
}))
const body = { masterFieldVal: fields, detailFieldVals: { lines } }
const of = { pair: 'order', object: 'SAL_SaleOrder' }

interface Bench {
  kind: FunctionKind
  input: string
  code: string
}

const benches: Bench[] = [
  {
    kind: 'receive',
    input: JSON.stringify({ objAPIName: 'SAL_SaleOrder', ...body }),
    code: `function receive(order) {
  const master = {}
  for (const key in order.masterFieldVal) master[key.toUpperCase()] = order.masterFieldVal[key]
  return [{
    id: order.masterFieldVal.field1,
    masterFieldVal: master,
    detailFieldVals: { lines: order.detailFieldVals.lines.map((line) => ({ ...line, unit: 'pcs' })) },
  }]
}`,
  },
  {
    kind: 'beforeMapping',
    input: JSON.stringify({ ...of, id: 'SO-1', targetId: null, params: { rate: 1.13 }, ...body }),
    code: `function beforeMapping(record) {
  const { masterFieldVal: order, detailFieldVals, params } = record
  if (order.field1.startsWith('TEST')) return { skip: 'a test order' }
  order.total = order.field0.times(params.rate).round(2)
  for (const line of detailFieldVals.lines) line.unit = 'pcs'
  return record
}`,
  },
  {
    kind: 'beforeWrite',
    input: JSON.stringify({ ...of, action: 'create', id: null, sourceId: 'SO-1', params: {}, ...body }),
    code: `function beforeWrite(call) {
  const { field0, field1 } = call.masterFieldVal
  call.masterFieldVal.field2 = hash('md5', \`\${field0}|\${field1}\`)
  for (const line of call.detailFieldVals.lines) line.materialId = line.materialId.toUpperCase()
  return call
}`,
  },
  {
    kind: 'afterWrite',
    input: JSON.stringify({
      ...of,
      action: 'create',
      id: 'S-1',
      sourceObject: 'SAL_SaleOrder',
      sourceId: 'SO-1',
      at: '2026-01-01T00:00:00.000Z',
    }),
    code: `function afterWrite(call) {
  if (call.action === 'create') return { note: \`\${call.id} was made of \${call.sourceId}\` }
}`,
  },
]

/** CPU µs and wall µs a record; the first batches warm up. */
const measure = async ({ kind, input, code }: Bench, batches: number): Promise<{ cpu: number; wall: number }> => {
  await using pool = openFunctions()
  const inputs = Array.from({ length: size }, () => input)
  const some = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const results = await pool.run({ key: 'bench', kind, code, inputs })
      const bad = results.find((one) => one.kind !== 'done')
      if (bad) throw new Error(JSON.stringify(bad))
    }
  }
  await some(Math.ceil(batches / 4))
  const [cpu, began] = [process.cpuUsage(), performance.now()]
  await some(batches)
  const { user, system } = process.cpuUsage(cpu)
  const records = batches * size
  return { cpu: (user + system) / records, wall: ((performance.now() - began) * 1_000) / records }
}

/** Answers whether each kind meets the target. */
export const functionBench = async ([given]: readonly string[]): Promise<boolean> => {
  let met = true
  for (const one of benches) {
    const { cpu, wall } = await measure(one, Number(given ?? 60))
    met &&= cpu <= target
    console.log(
      `${cpu <= target ? '✔' : '✖'} ${one.kind} in batches of ${size}: ${cpu.toFixed(0)} µs of CPU a record (at most ${target}), ${wall.toFixed(0)} µs of time`,
    )
  }
  return met
}
