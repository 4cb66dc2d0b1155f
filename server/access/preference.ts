/** How one person wants the console: language, time zone, looks. Nothing of it decides anything else. */
import type { Sql } from '../store/sql.ts'

export interface Preference {
  locale: string | null
  zone: string | null
  theme: string | null
}

export const readPreference = async (tx: Sql, userId: string): Promise<Preference> => {
  const [row] = await tx<{ locale: string | null; zone: string | null; theme: string | null }>`
    select locale, zone, theme
    from preference
    where user_id = ${userId}`
  return row ?? { locale: null, zone: null, theme: null }
}

export const putPreference = async (tx: Sql, userId: string, { locale, zone, theme }: Preference): Promise<void> => {
  await tx`
    insert into preference (user_id, locale, zone, theme)
    values (${userId}, ${locale}, ${zone}, ${theme})
    on conflict (user_id) do update set locale = excluded.locale, zone = excluded.zone, theme = excluded.theme`
}
