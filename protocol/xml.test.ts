/** XML against a corpus of what is fine and what is refused, and the round trip of any fields. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readXml, writeXml, type Xml, xmlName } from './xml.ts'

const fine: [string, unknown][] = [
  ['<a/>', ''],
  ['<a></a>', ''],
  ['<?xml version="1.0" encoding="GBK"?>\n<a>x</a>\n', 'x'],
  ['<a><b>007</b><b> 1.10 </b></a>', { b: ['007', ' 1.10 '] }],
  [
    '<a><n>12345678901234567890.12</n><t>true</t><e>1e5</e><h>0x1F</h></a>',
    { n: '12345678901234567890.12', t: 'true', e: '1e5', h: '0x1F' },
  ],
  ['<a x="1&amp;2" y=\'&#20013;\'>t&#x4e2d;&lt;</a>', { '@x': '1&2', '@y': '中', '#text': 't中<' }],
  ['<a><e><![CDATA[<x&amp;>]]></e></a>', { e: '<x&amp;>' }],
  ['<a><!-- <!DOCTYPE x> --><b>1</b><?go now?></a>', { b: '1' }],
  ['<a>x<!-- c -->y</a>', 'xy'],
  ['<s:a xmlns:s="u"><s:b>1</s:b></s:a>', { '@xmlns:s': 'u', 's:b': '1' }],
  ['<a>&amp;lt;</a>', '&lt;'],
  ['<客户 编号="1"><名称>中文</名称></客户>', { '@编号': '1', 名称: '中文' }],
]
for (const [text, value] of fine)
  test(`reads ${text.slice(0, 60)}`, () => {
    const read = readXml(text)
    assert.ok(!('wrong' in read), JSON.stringify(read))
    assert.deepEqual(read.value, value)
  })

const bomb = `<!DOCTYPE b [<!ENTITY a "${'x'.repeat(10)}">${Array.from({ length: 9 }, (_, i) => `<!ENTITY a${i} "&a;&a;&a;">`).join('')}]><b>&a8;</b>`
const refused: [string, RegExp][] = [
  ['', /empty/],
  [' \n', /empty/],
  ['x', /./],
  ['{"a":1}', /./],
  ['<!DOCTYPE a><a/>', /DOCTYPE/],
  ['<!doctype a><a/>', /DOCTYPE/],
  ['<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', /DOCTYPE/],
  [bomb, /DOCTYPE/],
  ['<a>&foo;</a>', /entity &foo;/],
  ['<a>&nbsp;</a>', /entity/],
  ['<a x="&foo;"/>', /entity/],
  ['<a>&</a>', /./],
  ['<a>&#0;</a>', /./],
  ['<a>&#xD800;</a>', /./],
  ['<a>\u0001</a>', /character/],
  ['<a>\ud800</a>', /surrogate/],
  ['<a><b></a>', /closing tag/],
  ['<a>', /./],
  ['<a', /./],
  ['</a>', /./],
  ['<a/><b/>', /\broot\b/],
  ['<a/><a/>', /\broot\b/],
  ['<a/>junk', /beside the root/],
  ['junk<a/>', /./],
  ['<a/>junk<!-- c -->', /beside the root/],
  ['<a b=1/>', /Attribute/],
  ['<a b="1" b="2"/>', /repeated/],
  ['<a><__proto__>1</__proto__></a>', /reserved/],
  ['<a><constructor>1</constructor></a>', /reserved/],
  ['<a>'.repeat(100) + '</a>'.repeat(100), /nested|deep/],
  [`<a>${'<b/>'.repeat(200_001)}</a>`, /elements/],
]
for (const [text, why] of refused)
  test(`refuses ${JSON.stringify(text.slice(0, 60))}`, () => {
    const read = readXml(text)
    assert.ok('wrong' in read, JSON.stringify(read).slice(0, 200))
    assert.match(read.wrong, why)
  })

test('names that XML does not have travel escaped, and come back', () => {
  assert.equal(xmlName('明细 apiName1'), '明细_x0020_apiName1')
  const fields = { '明细 apiName1': [{ Key4: 'a & b' }, { Key4: '<' }], _x0020_: '1', '1a': '2', 'a/b': '3' }
  const read = readXml(writeXml('request', fields))
  assert.deepEqual(read, { root: 'request', value: fields })
})

/** Text that XML can carry. */
const text = fc.string({ unit: 'binary' }).map((s) => s.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/gu, ''))
// oxlint-disable-next-line no-control-regex
const unprintable = /[\u0000-\u001f\ufffe\uffff]/
const key = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter(
    (s) =>
      !s.startsWith('@') &&
      s !== '#text' &&
      s !== '#cdata' &&
      !['__proto__', 'constructor'].includes(s) &&
      s.isWellFormed() &&
      !unprintable.test(s),
  )
/** What the parser calls reserved beside those. */
const parserReserved = /^(hasOwnProperty|toString|valueOf|prototype|__define|__lookup)/
test('any fields written are read again, text for text', () => {
  const row = fc.dictionary(key, text, { minKeys: 1, maxKeys: 5 })
  const value = fc.dictionary(key, fc.oneof(text, row, fc.array(row, { minLength: 2, maxLength: 3 })), {
    minKeys: 1,
    maxKeys: 5,
  })
  fc.assert(
    fc.property(value, (fields) => {
      if (
        JSON.stringify(fields).match(/"(?:hasOwnProperty|toString|valueOf|prototype|__\w+)"/) ||
        Object.keys(fields).some((k) => parserReserved.test(k))
      )
        return
      const read = readXml(writeXml('request', fields as Xml))
      assert.ok(!('wrong' in read), JSON.stringify([fields, read]))
      assert.deepEqual(read.value, JSON.parse(JSON.stringify(fields)))
    }),
    { numRuns: 100 },
  )
})

test('nothing that is thrown at it makes it throw', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        '<',
        '>',
        '/',
        'a',
        '&',
        ';',
        '#',
        '"',
        '=',
        ' ',
        '<a>',
        '</a>',
        '<![CDATA[',
        ']]>',
        '<!--',
        '-->',
        '<?',
        '?>',
        '<!DOCTYPE',
      ),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(pieces, (all) => void readXml(all.join(''))),
    { numRuns: 2_000 },
  )
})
