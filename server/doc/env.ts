/** The outside world of the state machine: time, chance and named pauses, so that the simulator can run it by the hundred thousand seeds. */
import type { Millis } from './document.ts'

/** Of a polled window, in the order in which they come (promise 10). */
export const windowPoints = [
  'window begun',
  'version drawn',
  'page read',
  'window read not ended',
  'page not stored',
  'stored not advanced',
  'advanced not committed',
  'committed not woken',
  'window ended',
  'run not ended',
] as const
export type WindowPoint = (typeof windowPoints)[number]

/** Places where a crash or a pause must do no harm (convergence.md, "How it is proved"). */
export type Point =
  | 'claimed not decided'
  | 'decided not committed'
  | 'waiting not re-read'
  | 'marked not sent'
  | 'between the deadline check and the first byte'
  | 'sent not settled'
  | 'settled not woken'
  | 'read not admitted'
  | WindowPoint

export interface Env {
  /** Wall clock. */
  now(): Millis
  /** Never jumps; for deadlines. */
  monotonic(): Millis
  /** [0, 1) */
  random(): number
  /** 128 random bits, for keys and trace ids. */
  id(): string
  sleep(ms: Millis, signal?: AbortSignal): Promise<void>
  /** Does nothing in production. */
  point(at: Point): Promise<void>
}
