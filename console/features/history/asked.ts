/** What a history task is asked for, from what a person filled in. Pure. */

export interface Where {
  field: string
  value: string
}

/** One id a line, or separated by commas, semicolons, tabs; a heading of a CSV file may be among them and is what the person sees. */
export const idsIn = (text: string): string[] => [
  ...new Set(
    text
      .replace(/^\ufeff/, '')
      .split(/[\r\n,;\t]+/)
      .map((one) => one.trim().replace(/^"(.*)"$/, '$1'))
      .filter((one) => one !== ''),
  ),
]

export const whereOf = (rows: readonly Where[]): Record<string, string> | undefined => {
  const said = rows.filter((row) => row.field.trim() !== '')
  return said.length ? Object.fromEntries(said.map((row) => [row.field.trim(), row.value])) : undefined
}
