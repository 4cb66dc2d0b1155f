/** Between a moment and what a clock on the wall of some zone shows, as fields of date and time speak. Pure. */

const parts = (at: number, zone: string | null): Record<string, string> =>
  Object.fromEntries(
    new Intl.DateTimeFormat('en-CA', {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
      timeZone: zone ?? undefined,
    })
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  )

/** `2026-01-31T09:30` */
export const toLocal = (at: number, zone: string | null): string => {
  const { year, month, day, hour, minute } = parts(at, zone)
  return `${year}-${month}-${day}T${hour}:${minute}`
}

const asUtc = (text: string): number =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? Date.parse(`${text.slice(0, 16)}:00Z`) : Number.NaN

/** Null: no such text. In an hour that comes twice it is the first one; one that is skipped counts as the hour after. */
export const fromLocal = (text: string, zone: string | null): number | null => {
  const wanted = asUtc(text)
  if (Number.isNaN(wanted)) return null
  const offsets = [wanted - 86_400_000, wanted + 86_400_000].map((at) => asUtc(toLocal(at, zone)) - at)
  const found = offsets.map((offset) => wanted - offset).filter((at) => asUtc(toLocal(at, zone)) === wanted)
  return found.length ? Math.min(...found) : wanted - Math.min(...offsets)
}
