/** Word between two nodes of one database: it arrives, it is throttled with the first at once, and nobody hears after a stop. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshDatabase } from './fresh.ts'
import { listen, notifier } from './listen.ts'

const heardBy = (url: string, channel: string) => {
  const words: (string | null)[] = []
  let told = (): void => {}
  const listening = listen(url, channel, (word) => {
    words.push(word)
    told()
  })
  return {
    words,
    stop: listening.stop,
    until: async (enough: () => boolean): Promise<void> => {
      while (!enough()) await new Promise<void>((done) => (told = done))
    },
  }
}

test('a word is heard by another node, and the first look after connecting covers what was missed', async () => {
  await using db = await freshDatabase()
  const node = heardBy(db.url, 'mortise_test')
  await node.until(() => node.words.includes(null))
  const mouth = notifier(db.sql, 'mortise_test', 'a')
  mouth.tell()
  await node.until(() => node.words.includes('a'))
  mouth.stop()
  await node.stop()
})

test('a hundred words at once become two: the first, and one for all the rest', async () => {
  await using db = await freshDatabase()
  const node = heardBy(db.url, 'mortise_test')
  await node.until(() => node.words.includes(null))
  const mouth = notifier(db.sql, 'mortise_test', 'a', 20)
  for (let i = 0; i < 100; i++) mouth.tell()
  await node.until(() => node.words.filter((w) => w === 'a').length === 2)
  const after = notifier(db.sql, 'mortise_test', 'end')
  after.tell()
  await node.until(() => node.words.includes('end'))
  assert.equal(node.words.filter((w) => w === 'a').length, 2)
  mouth.stop()
  after.stop()
  await node.stop()
})
