/** How one person wants the console: language, time zone, looks, and how far he is on its guided first run. Nothing of it decides anything else. */
import type { Sql } from '../store/sql.ts'

export interface Guide {
  hidden: boolean
  /** Steps that nothing else tells of. */
  seen: string[]
}

export interface Preference {
  locale: string | null
  zone: string | null
  theme: string | null
  /** Null: not begun. */
  guide: Guide | null
}

export const readPreference = async (tx: Sql, userId: string): Promise<Preference> => {
  const [row] = await tx<Omit<Preference, 'guide'> & { guide: string | null }>`
    select locale, zone, theme, guide
    from preference
    where user_id = ${userId}`
  if (!row) return { locale: null, zone: null, theme: null, guide: null }
  return { ...row, guide: row.guide === null ? null : (JSON.parse(row.guide) as Guide) }
}

/** What is not said stays; answers the whole. */
export const putPreference = async (tx: Sql, userId: string, change: Partial<Preference>): Promise<Preference> => {
  const next = { ...(await readPreference(tx, userId)), ...change }
  const { locale, zone, theme, guide } = next
  await tx`
    insert into preference (user_id, locale, zone, theme, guide)
    values (${userId}, ${locale}, ${zone}, ${theme}, ${guide && JSON.stringify(guide)}::jsonb)
    on conflict (user_id) do update set
      locale = excluded.locale, zone = excluded.zone, theme = excluded.theme, guide = excluded.guide`
  return next
}
