/** The mapping alone, without database or network: CPU of a record of 20 fields and 5 lines, by plain rules and by formulas (issue 5: 40 µs, ten times that). */
import type { Document, Side } from '../server/doc/document.ts'
import type { ConnectionDef, Plan } from '../server/doc/flow.ts'
import { requireConfig } from '../server/flows/file.ts'
import { parseContent } from '../server/map/content.ts'
import { compilePair } from '../server/map/plan.ts'
import { configuration, orderParts } from './orders.ts'

interface MappingFigure {
  what: string
  /** CPU of one record, µs: the median of the rounds. */
  micros: number
  limit: number
}

const document = (): Document => ({
  tenant_id: 'bench',
  connection_id: 'erp',
  object: 'SAL_Order',
  data_id: 'SO-1',
  version: 1,
  operation: 'upsert',
  content_hash: Buffer.alloc(0),
  source_time: null,
  external_id: null,
  content: parseContent(orderParts.master, orderParts.details),
})

/** The same fields and lines, each computed. */
const asFormulas = (yaml: string): string =>
  yaml
    .replace('order_no: number', "order_no: { formula: 'UPPER(TRIM(number))' }")
    .replace('order_date: orderDate', 'order_date: { formula: \'DATEADD(orderDate, 1, "day")\' }')
    .replace('amount: amount', "amount: { formula: 'SUM(lines.qty * lines.price)' }")
    .replace('rate: rate', "rate: { formula: 'ROUND(rate * 1.13, 4)' }")
    .replace(/(f\d+): (F\d+)/g, '$1: { formula: \'IF(LEN($2) > 3, CONCAT(LEFT($2, 8), "-", $2), $2)\' }')
    .replace(
      'product: material, quantity: qty, price: price, note: note',
      "product: { formula: 'UPPER(material)' }, quantity: { formula: 'ROUND(qty, 2)' }, price: { formula: 'ROUND(price * 1.1, 2)' }, note: { formula: 'COALESCE(note, material)' }",
    )

const planOf = (yaml: string): Plan => {
  const { config } = requireConfig({
    text: yaml,
    file: 'bench',
    env: {},
    generate: (name) => `${name}-secret-0123456789`,
  })
  const [tenant] = config.tenants
  const pair = tenant?.pairs.find((one) => one.def.left.object === 'SAL_Order')
  if (!tenant || !pair) throw new Error('the bench has no such pair')
  const end = (side: Side) => {
    const connection = tenant.connections.find((one) => one.def.connectionId === pair.def[side].connectionId)
    const object = connection?.objects.find((one) => one.code === pair.def[side].object)
    if (!connection || !object) throw new Error(`no ${side} side`)
    return { object, def: connection.def as ConnectionDef }
  }
  const [left, right] = [end('left'), end('right')]
  const made = compilePair(
    pair.def,
    { left: left.object, right: right.object },
    { left: left.def, right: right.def },
    { pairOf: (id) => tenant.pairs.find((one) => one.def.pairId === id)?.def },
  )
  if ('problems' in made || !made.pair.plans.left) throw new Error(JSON.stringify(made))
  return made.pair.plans.left
}

const rounds = 7

/** The median round, so that a neighbour of the machine does not count. */
const measure = (plan: Plan, doc: Document, records: number): number => {
  const refs = new Map(plan.references(doc).map((r) => [`${r.pairId}/${r.side}/${r.id}`, { targetId: 'ACC-1' }]))
  const input = { source: doc, target: null, targetId: null, detailIds: {}, refs, now: 1_700_000_000_000 }
  const once = (): void => {
    const made = plan.apply(input)
    if (made.kind !== 'mapped') throw new Error(JSON.stringify(made))
  }
  for (let i = 0; i < records; i++) once()
  const found: number[] = []
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < records; i++) once()
    const { user, system } = process.cpuUsage(before)
    found.push((user + system) / records)
  }
  return found.sort((a, b) => a - b)[Math.floor(rounds / 2)] as number
}

const mappingBench = (records = 20_000): MappingFigure[] => {
  const yaml = configuration('http://127.0.0.1:1', 'http://127.0.0.1:2', 8)
  const doc = document()
  return [
    { what: 'plain rules, 20 fields and 5 lines', micros: measure(planOf(yaml), doc, records), limit: 40 },
    {
      what: 'the same as formulas',
      micros: measure(planOf(asFormulas(yaml)), doc, Math.ceil(records / 4)),
      limit: 400,
    },
  ]
}

/** Prints the figures; true where one is above its limit. */
export const tellMapping = (args: readonly string[], say: (line: string) => void): boolean => {
  const figures = mappingBench(args.includes('--short') ? 4_000 : 20_000)
  for (const { what, micros, limit } of figures)
    say(`${micros <= limit ? '✔' : '✖'} ${what}: ${micros.toFixed(1)} µs of CPU a record (at most ${limit})`)
  return figures.some(({ micros, limit }) => micros > limit)
}
