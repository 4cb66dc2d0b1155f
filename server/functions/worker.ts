/**
 * Runs functions in QuickJS inside a worker thread: one world per function, one deadline per record, and a note of which record is being
 * worked on. A world serves some batches (making one costs 2 ms) and is then made anew; whoever hits a limit takes its worker along.
 */
import { setPriority } from 'node:os'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import {
  newQuickJSWASMModule,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSWASMModule,
  RELEASE_SYNC,
} from 'quickjs-emscripten'
import { markedJson, plainJson } from './exact.ts'
import { prelude } from './prelude.ts'
import { tool } from './tools.ts'

export interface Batch {
  kind: string
  code: string
  /** JSON text of each argument. */
  inputs: string[]
  time: number
  memory: number
  /** Epoch ms after which no further record begins. */
  until?: number
  /** What look-ups find, by their key; null: nothing. */
  found: [string, string | null][]
}

export type Limit = 'time' | 'memory'

export type One =
  | { kind: 'done'; output: string; logs: string[] }
  /** It asked for these, which were not supplied. */
  | { kind: 'asks'; keys: string[]; logs: string[] }
  | { kind: 'threw'; said: string; line?: number; logs: string[] }
  | { kind: 'over'; limit: Limit; logs: string[] }

export interface Ran {
  results: One[]
  /** A limit was hit: this worker is to be replaced. */
  tainted: boolean
}

const mostLogs = 100
const longestLog = 2_000
/** A result that is larger than what a door takes is none. */
const longestOutput = 20 << 20

interface World {
  runtime: QuickJSRuntime
  vm: QuickJSContext
  entry: QuickJSHandle
  turn: Turn
  records: number
}

/** Kept at a time, the last used last; a world's garbage and whatever its function left lying about go with it. */
const mostWorlds = 8
const mostRecords = 2_000

interface Turn {
  until: number
  logs: string[]
  asks: Set<string>
  found: Map<string, string | null>
}

const textOfError = (vm: QuickJSContext, handle: QuickJSHandle): { name: string; message: string; stack: string } => {
  const dumped = vm.dump(handle) as unknown
  if (typeof dumped === 'object' && dumped !== null) {
    const { name, message, stack } = dumped as Record<string, unknown>
    return { name: String(name ?? 'Error'), message: String(message ?? ''), stack: String(stack ?? '') }
  }
  return { name: 'Error', message: String(dumped), stack: '' }
}

/** Where in the person's code: the first place of the stack that is in it. */
const lineOf = (stack: string): number | undefined => {
  const found = /function\.js:(\d+)/.exec(stack)?.[1]
  return found === undefined ? undefined : Number(found)
}

const ended = (vm: QuickJSContext, handle: QuickJSHandle, logs: string[], overTime: boolean): One => {
  const { name, message, stack } = textOfError(vm, handle)
  if (overTime || (name === 'InternalError' && message === 'interrupted')) return { kind: 'over', limit: 'time', logs }
  if (name === 'InternalError' && message === 'out of memory') return { kind: 'over', limit: 'memory', logs }
  const line = lineOf(stack)
  const said = `${name === 'Error' ? '' : `${name}: `}${message}`.slice(0, 1_000)
  return { kind: 'threw', said, ...(line !== undefined && { line }), logs }
}

const host = (turn: Turn, request: string): string => {
  const [name, ...args] = JSON.parse(request) as [string, ...unknown[]]
  try {
    switch (name) {
      case 'log':
        if (turn.logs.length < mostLogs) turn.logs.push(String(args[0]).slice(0, longestLog))
        return '{"value":null}'
      case 'exactJson':
        return JSON.stringify({ value: markedJson(String(args[0])) })
      case 'plainJson':
        return JSON.stringify({ value: plainJson(String(args[0])) })
      case 'lookup': {
        const key = JSON.stringify(args)
        const found = turn.found.get(key)
        if (found !== undefined) return JSON.stringify({ value: found === null ? null : { json: markedJson(found) } })
        turn.asks.add(key)
        return '{"value":{"missing":true}}'
      }
      default:
        return JSON.stringify({ value: tool(Date.now, name, args) })
    }
  } catch (error) {
    return JSON.stringify({ fault: error instanceof Error ? error.message : String(error) })
  }
}

/** Ms of processor time of this very thread: on a busy machine a function that hardly got to run has not gone over its limit. */
const spent = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

const open = (
  module: QuickJSWASMModule,
  batch: Batch,
  turn: Turn,
): World | { failed: One; runtime: QuickJSRuntime; vm: QuickJSContext } => {
  const runtime = module.newRuntime()
  runtime.setMemoryLimit(batch.memory << 20)
  runtime.setMaxStackSize(512 << 10)
  runtime.setInterruptHandler(() => spent() > turn.until)
  const vm = runtime.newContext()
  const reach = vm.newFunction('host', (request) => vm.newString(host(turn, vm.getString(request))))
  vm.setProp(vm.global, '__host', reach)
  reach.dispose()
  vm.unwrapResult(vm.evalCode(prelude, 'prelude.js')).dispose()
  const fail = (handle: QuickJSHandle) => {
    const failed = ended(vm, handle, turn.logs, spent() > turn.until)
    handle.dispose()
    return { failed, runtime, vm }
  }
  const enter = vm.getProp(vm.global, '__enter')
  vm.unwrapResult(vm.evalCode('delete globalThis.__enter', 'prelude.js')).dispose()
  const loaded = vm.evalCode(batch.code, 'function.js')
  if (loaded.error) {
    enter.dispose() // a handle that is left behind aborts the runtime when it is freed, and with it the worker
    return fail(loaded.error)
  }
  loaded.value.dispose()
  const own = vm.unwrapResult(vm.evalCode(`(() => (typeof ${batch.kind} === 'function' ? ${batch.kind} : undefined))`))
  const entered = vm.callFunction(enter, vm.undefined, own)
  own.dispose()
  enter.dispose()
  if (entered.error) return fail(entered.error)
  return { runtime, vm, entry: entered.value, turn, records: 0 }
}

const close = (world: { runtime: QuickJSRuntime; vm: QuickJSContext; entry?: QuickJSHandle }): boolean => {
  try {
    world.entry?.dispose()
    world.vm.dispose()
    world.runtime.dispose()
    return true
  } catch {
    return false // what a limit left behind is not always whole; the worker is replaced
  }
}

const call = ({ vm, entry, turn }: World, input: string): One => {
  let json: string
  try {
    json = markedJson(input)
  } catch (error) {
    return { kind: 'threw', said: `the input is not JSON: ${String(error)}`, logs: turn.logs }
  }
  const argument = vm.newString(json)
  const result = vm.callFunction(entry, vm.undefined, argument)
  argument.dispose()
  if (result.error) {
    const one = ended(vm, result.error, turn.logs, spent() > turn.until)
    result.error.dispose()
    return one.kind === 'threw' && turn.asks.size ? { kind: 'asks', keys: [...turn.asks], logs: turn.logs } : one
  }
  const output = vm.getString(result.value)
  result.value.dispose()
  if (turn.asks.size) return { kind: 'asks', keys: [...turn.asks], logs: turn.logs }
  if (output.length > longestOutput) return { kind: 'threw', said: 'the result is larger than 20 MB', logs: turn.logs }
  return { kind: 'done', output: plainJson(output), logs: turn.logs }
}

const worlds = new Map<string, World>()

const worldOf = (module: QuickJSWASMModule, batch: Batch): World | { failed: One; whole: boolean } => {
  const key = `${batch.kind} ${batch.memory} ${batch.code}`
  const known = worlds.get(key)
  worlds.delete(key)
  if (known && known.records < mostRecords) {
    worlds.set(key, known)
    return known
  }
  let whole = !known || close(known)
  if (worlds.size >= mostWorlds) {
    const [oldest, world] = worlds.entries().next().value as [string, World]
    worlds.delete(oldest)
    whole = close(world) && whole
  }
  const turn: Turn = { until: spent() + batch.time, logs: [], asks: new Set(), found: new Map() }
  const opened = open(module, batch, turn)
  if ('failed' in opened) return { failed: opened.failed, whole: close(opened) && whole }
  worlds.set(key, opened)
  return opened
}

const run = (module: QuickJSWASMModule, batch: Batch, at: Int32Array): Ran => {
  Atomics.store(at, 0, 0)
  const world = worldOf(module, batch)
  if ('failed' in world) {
    // code that does not load does not load for any record
    const over = world.failed.kind === 'over'
    return {
      results: over ? [world.failed] : batch.inputs.map(() => world.failed),
      tainted: over || !world.whole,
    }
  }
  const { turn } = world
  turn.found = new Map(batch.found)
  const results: One[] = []
  for (const [i, input] of batch.inputs.entries()) {
    if (i > 0 && batch.until !== undefined && Date.now() > batch.until) break // the pool leaves what has not begun
    Atomics.store(at, 0, i)
    turn.logs = []
    turn.asks = new Set()
    turn.until = spent() + batch.time
    world.records++
    const one = call(world, input)
    results.push(one)
    if (one.kind === 'over') return { results, tainted: true } // the pool goes on in a fresh worker
  }
  return { results, tainted: false }
}

const serve = async (port: MessagePort): Promise<void> => {
  const { progress, last } = workerData as { progress: SharedArrayBuffer; last: boolean }
  const at = new Int32Array(progress)
  // On Linux 0 is this thread alone: what loops here shall not take the processor from the rest of the house.
  if (last && process.platform === 'linux') setPriority(0, 15)
  const module = await newQuickJSWASMModule(RELEASE_SYNC)
  port.on('message', (batch: Batch) => {
    const ran = run(module, batch, at)
    Atomics.store(at, 0, -1)
    port.postMessage(ran)
  })
  port.postMessage('ready')
}

if (parentPort) await serve(parentPort)
