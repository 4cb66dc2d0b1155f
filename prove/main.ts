/** `npm run prove -- <rig> …`: the long forms of the proofs (docs/reliability.md). Without a name: what there is. */
import { rigs } from './rigs/index.ts'
import { controls, replay, sim, traceSeed } from './sim/commands.ts'

export interface Command {
  usage: string
  about: string
  /** Answers whether the promise held. */
  run(args: string[]): Promise<boolean>
}

/** By name; the rigs of docs/reliability.md also by the number of their promise. */
const commands: Record<string, Command> = {
  sim: { usage: 'sim <seeds> [from]', about: 'seeds of the simulator, over memory (promises 2-8, 19, 20)', run: sim },
  replay: {
    usage: 'replay <seeds> [from]',
    about: 'seeds of the simulator, on PostgreSQL and over memory in step',
    run: replay,
  },
  controls: {
    usage: 'controls [write]',
    about: 'takes away one protection after another: each must be missed',
    run: controls,
  },
  trace: { usage: 'trace <seed> [text] [--without <protection>]', about: 'one seed, step by step', run: traceSeed },
}

/** The promises of a rig; what stands in brackets are rules. */
const numbersOf = (promise: string): string[] => promise.replace(/\(.*\)/, '').match(/\d+/g) ?? []

for (const rig of rigs) {
  commands[rig.name] = {
    usage: `${rig.name} [${rig.figure ? `short | ${rig.figure}` : 'short'}]`,
    about: `${rig.about} (${numbersOf(rig.promise).length > 1 ? 'promises ' : numbersOf(rig.promise).length ? 'promise ' : ''}${rig.promise})`,
    run: async ([form]) => {
      await rig.run(form !== 'short', rig.figure && /^\d+$/.test(form ?? '') ? Number(form) : undefined)
      return true
    },
  }
}

/** The rigs of one promise, by its number. */
const proving = (number: string): Command | undefined => {
  const own = rigs.filter((rig) => numbersOf(rig.promise).includes(number))
  if (!/^\d+$/.test(number) || !own.length) return undefined
  return {
    usage: number,
    about: own.map((rig) => rig.name).join(', '),
    run: async ([form]) => {
      for (const rig of own) await rig.run(form !== 'short')
      return true
    },
  }
}

const help = (): void => {
  const width = Math.max(...Object.values(commands).map((c) => c.usage.length))
  console.log('npm run prove -- <what>\n')
  for (const { usage, about } of Object.values(commands)) console.log(`  ${usage.padEnd(width)}  ${about}`)
}

const [name = '', ...args] = process.argv.slice(2)
const command = commands[name] ?? proving(name)
if (!command) {
  help()
  process.exitCode = name === '' || name === 'help' ? 0 : 2
} else {
  process.exitCode = (await command.run(args)) ? 0 : 1
}
