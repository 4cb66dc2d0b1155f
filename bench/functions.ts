/** `npm run bench -- functions [batches]`: what a record costs in a function: 20 fields and 5 lines in, the same renamed out, in batches of 64. CPU of all threads. */
import { openFunctions } from '../server/functions/pool.ts'

const target = 200
const size = 64

const document = JSON.stringify({
  objAPIName: 'SAL_SaleOrder',
  masterFieldVal: Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`field${i}`, i % 3 ? `value ${i}` : 100.5 + i]),
  ),
  detailFieldVals: {
    lines: Array.from({ length: 5 }, (_, i) => ({ id: `r${i}`, materialId: `m${i}`, qty: i, price: 1.1, amount: 1.5 })),
  },
})
const code = `function receive(order) {
  const master = {}
  for (const key in order.masterFieldVal) master[key.toUpperCase()] = order.masterFieldVal[key]
  return [{
    id: order.masterFieldVal.field1,
    masterFieldVal: master,
    detailFieldVals: { lines: order.detailFieldVals.lines.map((line) => ({ ...line, unit: 'pcs' })) },
  }]
}`

/** CPU µs and wall µs a record; the first batches warm up. Answers whether the target is met. */
export const functionBench = async ([given]: readonly string[]): Promise<boolean> => {
  const batches = Number(given ?? 60)
  await using pool = openFunctions()
  const inputs = Array.from({ length: size }, () => document)
  const some = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const results = await pool.run({ key: 'bench', kind: 'receive', code, inputs })
      const bad = results.find((one) => one.kind !== 'done')
      if (bad) throw new Error(JSON.stringify(bad))
    }
  }
  await some(Math.ceil(batches / 4))
  const [cpu, began] = [process.cpuUsage(), performance.now()]
  await some(batches)
  const { user, system } = process.cpuUsage(cpu)
  const [cpuEach, wallEach] = [
    (user + system) / (batches * size),
    ((performance.now() - began) * 1_000) / (batches * size),
  ]
  console.log(
    `functions in batches of ${size}: ${cpuEach.toFixed(0)} µs of CPU a record (target ${target}), ${wallEach.toFixed(0)} µs of time`,
  )
  return cpuEach <= target
}
