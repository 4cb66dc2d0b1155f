/** Rows as CSV that a spreadsheet may open: a cell that it would take for a formula is escaped, and read back as it was. Pure. */
import { parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'

/** What spreadsheets compute, behind any number of our own escapes: escaping and reading back are each other's exact reverse. */
const formula = /^'*[=+\-@\t\r]/

export const escapeCell = (text: string): string => (formula.test(text) ? `'${text}` : text)
export const readCell = (text: string): string => (text.startsWith("'") && formula.test(text) ? text.slice(1) : text)

export const writeRows = (rows: readonly (readonly string[])[]): string =>
  stringify(rows.map((row) => row.map(escapeCell)))

export interface CsvRow {
  /** In the file. */
  line: number
  cells: Record<string, string>
}

/** Rows by the names of the first line. Throws an Error whose sentence names the line. */
export const readRows = (text: string): CsvRow[] => {
  const rows = parse(text, {
    bom: true,
    columns: true,
    skip_empty_lines: true,
    trim: false,
    info: true,
  }) as unknown as {
    info: { lines: number }
    record: Record<string, string>
  }[]
  return rows.map(({ info, record }) => ({
    line: info.lines,
    cells: Object.fromEntries(
      Object.entries(record).map(([name, cell]) => [name.trim().toLowerCase(), readCell(cell)]),
    ),
  }))
}
