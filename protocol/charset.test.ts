/** GBK and GB18030 against tables of their own: every character of GBK both ways, and bytes that are none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { charsetNamed, charsetOf, declaredIn, decodeBytes, encodeText } from './charset.ts'

const bytesOf = (text: string, charset: 'utf-8' | 'gbk' | 'gb18030'): string => {
  const encoded = encodeText(text, charset)
  return 'bytes' in encoded ? encoded.bytes.toString('hex') : `lost ${encoded.lost}`
}

test('known bytes, both ways', () => {
  const known: [string, 'gbk' | 'gb18030', string][] = [
    ['中', 'gbk', 'd6d0'],
    ['榫卯', 'gbk', 'e9be' + 'c3ae'],
    ['ABC 007', 'gbk', '41424320303037'],
    ['𠮷', 'gb18030', '9534b235'],
    ['€', 'gb18030', 'a2e3'],
  ]
  for (const [text, charset, hex] of known) {
    assert.equal(bytesOf(text, charset), hex, text)
    assert.equal(decodeBytes(Buffer.from(hex, 'hex'), charset), text)
  }
})

test('every two-byte character of GBK comes back as the bytes it was', () => {
  let seen = 0
  const other: string[] = []
  for (let lead = 0x81; lead <= 0xfe; lead++)
    for (let trail = 0x40; trail <= 0xfe; trail++) {
      if (trail === 0x7f) continue
      const bytes = Buffer.from([lead, trail])
      const text = decodeBytes(bytes, 'gbk')
      if (text === null || [...text].length !== 1 || /[\ue000-\uf8ff]/.test(text)) continue
      seen++
      const back = encodeText(text, 'gb18030')
      if (!('bytes' in back) || decodeBytes(back.bytes, 'gb18030') !== text) other.push(bytes.toString('hex'))
    }
  assert.ok(seen > 21_000, String(seen))
  assert.deepEqual(other, [])
})

test('any text goes through UTF-8 and GB18030; what GBK lacks is named and never a question mark', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }).filter((s) => s.isWellFormed() && !s.startsWith('\ufeff')),
      (text) => {
        for (const charset of ['utf-8', 'gb18030', 'gbk'] as const) {
          const encoded = encodeText(text, charset)
          if ('bytes' in encoded) assert.equal(decodeBytes(encoded.bytes, charset), text)
          else assert.ok(charset !== 'utf-8' && text.includes(encoded.lost))
        }
      },
    ),
  )
  assert.equal(bytesOf('a𠮷', 'gbk'), 'lost 𠮷')
})

test('bytes that are none of the charset are told, and a byte order mark is no text', () => {
  for (const hex of ['d6', 'ff', '8130']) assert.equal(decodeBytes(Buffer.from(hex, 'hex'), 'gbk'), null, hex)
  assert.equal(decodeBytes(Buffer.from([0xd6, 0xd0]), 'utf-8'), null)
  assert.equal(decodeBytes(Buffer.from('\ufeffa'), 'utf-8'), 'a')
})

test('charsets are found in headers and in XML declarations', () => {
  assert.equal(charsetOf('application/xml; charset="GBK"'), 'GBK')
  assert.equal(charsetOf('text/plain;charset=gb18030; x=1'), 'gb18030')
  assert.equal(charsetOf('text/plain'), undefined)
  assert.equal(declaredIn(Buffer.from('<?xml version="1.0" encoding="gb2312"?><a/>')), 'gb2312')
  assert.equal(charsetNamed('GB2312'), 'gbk')
  assert.equal(charsetNamed('shift_jis'), undefined)
})
