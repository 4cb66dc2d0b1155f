/** `mortise backup` and `mortise restore`: the whole database into one file and back, for the operator's terminal. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command as Program } from 'commander'
import { beginRestore, endRestore, readRestoring } from '../converge/restore.ts'
import { migrationsFor, readManifest, restoreBackup, verifyBackup, writeBackup } from '../store/backup.ts'
import { MigrationRefused, migrate, readMigrations } from '../store/migrate.ts'
import { type Command, Done, exitCodes } from './command.ts'

const waits =
  'Nothing is sent to any connection until what it holds by now has been read and made known (mortise status shows it). Start Mortise.'

const programVersion = async (): Promise<string> =>
  (JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string }).version

export const backupCommands = (program: Program, command: Command): void => {
  program
    .command('backup <file>')
    .description('write the whole database into one file, while Mortise runs')
    .option('--verify', 'only read such a file to its end: is it whole and undamaged?')
    .option('--json', 'machine-readable')
    .action(async (given: string, { verify }: { verify?: boolean }) => {
      const file = resolve(command.outside.cwd, given)
      if (verify) {
        const { manifest, rows } = await verifyBackup(file)
        const when = new Date(manifest.at).toISOString()
        if (command.asJson) command.json({ file, at: manifest.at, version: manifest.version, rows })
        else command.say(`${given} is whole: ${rows} rows, as of ${when}, by Mortise ${manifest.version}.`)
        return
      }
      await command.withDatabase(false, async ({ url, sql }) => {
        const known = await readMigrations()
        const [applied] = await sql<{ count: number }>`select count(*) as count from migration`
        if (applied?.count !== known.length)
          throw new Done(exitCodes.refused, 'The database is not of this version. Run: mortise migrate')
        const done = await writeBackup(url, file, await programVersion())
        if (command.asJson) command.json({ file, ...done })
        else
          command.say(
            `${given}: ${done.rows} rows of ${done.tables} tables, ${done.bytes} bytes, as of ${new Date(done.at).toISOString()}.\nThe key is not in it: keep MORTISE_SECRET_KEY, or the data folder's secret.key, apart from it.`,
          )
      })
    })

  program
    .command('restore [file]')
    .description('fill an empty database from a backup; sends then wait until the targets have been looked at')
    .option('--replace', 'the database may hold something: all of it goes')
    .option(
      '--mark <moment>',
      'the database was restored by other means (pg_restore, a snapshot) to this moment: sends wait as well',
    )
    .option('--release <connection>', 'send to this connection again, although it could not be looked at')
    .option('--tenant <id>', 'of this tenant (with --release)')
    .option('--json', 'machine-readable')
    .action(
      async (
        given: string | undefined,
        options: { replace?: boolean; mark?: string; release?: string; tenant?: string },
      ) => {
        if ([given, options.mark, options.release].filter((one) => one !== undefined).length !== 1)
          throw new Done(exitCodes.usage, 'One of them: a file, --mark, or --release.')
        if (options.release !== undefined) return release(options.release, options.tenant)
        if (options.mark !== undefined) return markRestored(options.mark)
        const file = resolve(command.outside.cwd, given ?? '')
        const known = await readMigrations()
        const wanted = migrationsFor(await readManifest(file), known)
        await command.withDatabase(true, async ({ url, sql }) => {
          await migrate(sql, wanted).catch((error: unknown) => {
            if (!(error instanceof MigrationRefused)) throw error
            throw new Done(
              exitCodes.refused,
              `This database has been brought to a newer version than the backup's. Restore into an empty one. (${error.message})`,
            )
          })
          const done = await restoreBackup(url, file, {
            replace: options.replace === true,
            before: (tx, manifest) => beginRestore(tx, manifest.at),
          })
          await migrate(sql, known)
          if (command.asJson) command.json({ file, ...done })
          else command.say(`Restored: ${done.rows} rows of ${done.tables} tables.\n${waits}`)
        })
      },
    )

  const markRestored = async (moment: string): Promise<void> => {
    const at = Date.parse(moment)
    if (!Number.isFinite(at) || at > Date.now())
      throw new Done(exitCodes.usage, `--mark ${moment}: give the moment of the backup, such as 2026-11-25T03:00:00Z.`)
    await command.withDatabase(false, async ({ sql }) => {
      const connections = await beginRestore(sql, at)
      if (command.asJson) command.json({ connections, at })
      else command.say(`Marked: ${connections} connections. Restart every node of Mortise that runs.\n${waits}`)
    })
  }

  const release = (connectionId: string, tenantId: string | undefined): Promise<void> =>
    command.withDatabase(false, async ({ sql }) => {
      const waiting = (await readRestoring(sql)).filter(
        (one) => one.connection_id === connectionId && (tenantId === undefined || one.tenant_id === tenantId),
      )
      for (const one of waiting) await endRestore(sql, one, 'person')
      if (command.asJson) command.json({ released: waiting.length })
      else
        command.say(
          waiting.length ? `Released: ${connectionId}.` : `Nothing waits for ${connectionId} since a restore.`,
        )
      if (!waiting.length) command.code = exitCodes.notFound
    })
}
