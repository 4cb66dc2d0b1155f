/** Durations as people write them (`30s`, `10m`, `1.5h`) and as the engine counts them: milliseconds. */

const units = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const

export const durationPattern = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)$/

/** Milliseconds, or null where the text is no duration. A bare number is milliseconds. */
export const parseDuration = (given: string | number): number | null => {
  if (typeof given === 'number') return Number.isFinite(given) && given >= 0 ? Math.round(given) : null
  const match = durationPattern.exec(given.trim())
  return match ? Math.round(Number(match[1]) * units[match[2] as keyof typeof units]) : null
}

/** The shortest exact spelling: 600000 → `10m`. */
export const writeDuration = (ms: number): string | number => {
  if (ms === 0) return 0
  for (const unit of ['d', 'h', 'm', 's'] as const) if (ms % units[unit] === 0) return `${ms / units[unit]}${unit}`
  return ms
}
