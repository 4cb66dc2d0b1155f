/** The sandbox's file survives kill -9: what was answered is there after a restart. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Line, openJournal, type Place } from './journal.ts'

const freshFile = () => {
  const folder = mkdtempSync(join(tmpdir(), 'journal-'))
  return { file: join(folder, 'deep', 'journal.jsonl'), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
}
const replayed = (file: string) => {
  const lines: Line[] = []
  const places: Place[] = []
  const journal = openJournal(file, (line, place) => {
    lines.push(line)
    places.push(place)
  })
  return { journal, lines, places }
}

test('what is appended is read back and replayed, texts byte for byte', async () => {
  using world = freshFile()
  const first = replayed(world.file).journal
  const texts = ['{"a":1.10,"b":"]],[["}', '"𠮷 榫卯"', 'null']
  const places = [first.append({ k: 'x', about: '明细 ]' }, texts), first.append({ k: 'y' })]
  assert.deepEqual(first.read(places), [
    { head: { k: 'x', about: '明细 ]' }, texts },
    { head: { k: 'y' }, texts: [] },
  ])
  first.close()
  const again = replayed(world.file)
  assert.deepEqual(again.lines[0]?.texts, texts)
  assert.deepEqual(again.places, places)
  again.journal.close()
})

test('each line is one JSON document', async () => {
  using world = freshFile()
  const { journal } = replayed(world.file)
  journal.append({ k: 'x' }, ['{"amount":10.25}'])
  await journal.written()
  const [line] = readFileSync(world.file, 'utf8').split('\n')
  assert.deepEqual((JSON.parse(line as string) as unknown[]).slice(1), [{ k: 'x' }, { amount: 10.25 }])
  journal.close()
})

test('written() resolves only when the bytes are in the file', async () => {
  using world = freshFile()
  const { journal } = replayed(world.file)
  journal.append({ k: 'x' })
  assert.equal(readFileSync(world.file, 'utf8'), '')
  await journal.written()
  assert.match(readFileSync(world.file, 'utf8'), /"k":"x"/)
  journal.close()
})

test('a last line that a crash cut in half is dropped, and the next one does not stick to it', async () => {
  using world = freshFile()
  const first = replayed(world.file).journal
  first.append({ n: 1 })
  first.close()
  appendFileSync(world.file, '[[7],{"n":2')
  const second = replayed(world.file)
  assert.deepEqual(
    second.lines.map((line) => line.head),
    [{ n: 1 }],
  )
  second.journal.append({ n: 3 })
  second.journal.close()
  const third = replayed(world.file)
  assert.deepEqual(
    third.lines.map((line) => line.head),
    [{ n: 1 }, { n: 3 }],
  )
  third.journal.close()
})

test('lines longer than the read buffer are replayed whole', () => {
  using world = freshFile()
  const first = replayed(world.file).journal
  const long = JSON.stringify('榫'.repeat(1_500_000))
  first.append({ n: 1 }, [long])
  first.append({ n: 2 })
  first.close()
  const again = replayed(world.file)
  assert.equal(again.lines[0]?.texts[0], long)
  assert.deepEqual(again.lines[1]?.head, { n: 2 })
  again.journal.close()
})
