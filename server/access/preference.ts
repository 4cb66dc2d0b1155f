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

/** What is not said stays, also what another page says at the same moment; answers the whole. */
export const putPreference = async (tx: Sql, userId: string, change: Partial<Preference>): Promise<Preference> => {
  const { locale = null, zone = null, theme = null, guide = null } = change
  const says = (name: keyof Preference): boolean => change[name] !== undefined
  await tx`
    insert into preference as p (user_id, locale, zone, theme, guide)
    values (${userId}, ${locale}, ${zone}, ${theme}, ${guide && JSON.stringify(guide)}::jsonb)
    on conflict (user_id) do update set
      locale = case when ${says('locale')}::bool then excluded.locale else p.locale end,
      zone = case when ${says('zone')}::bool then excluded.zone else p.zone end,
      theme = case when ${says('theme')}::bool then excluded.theme else p.theme end,
      guide = case when ${says('guide')}::bool then excluded.guide else p.guide end`
  return readPreference(tx, userId)
}
