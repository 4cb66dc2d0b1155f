/** Auto-match: what it proposes for objects as people really name them, and what it leaves alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { detail, field, object } from './fixture.ts'
import { proposeMapping } from './propose.ts'

const named = (code: string, name: string, type: Parameters<typeof field>[1] = 'text', more = {}) =>
  field(code, type, { name, ...more })

const erp = object(
  'BD_Customer',
  [
    named('FNumber', '客户编码'),
    named('FName', '客户名称', 'text'),
    named('taxNo', '税号'),
    named('FGrade', '等级', 'select', {
      options: [
        { value: 'A', label: '重点' },
        { value: 'B', label: '普通' },
      ],
    }),
    field('creditLimit', 'decimal'),
    named('fax', '传真'),
    named('beizhu', '备注'),
    named('signedOn', '签约日期', 'date'),
    field('regionId', 'reference', { references: 'BD_Region' }),
    named('attach', '附件', 'attachment'),
  ],
  {
    details: [detail('contacts', [field('name', 'text'), field('mobile_phone', 'text')])],
    modifiedField: 'modifyTime',
  },
)
const crm = object(
  'AccountObj',
  [
    named('account_no', '客户编码'),
    named('kehumingcheng', 'Account name', 'text', { required: true }),
    named('tax_no__c', 'Tax'),
    named('level', '等级', 'select', {
      options: [
        { value: '1', label: '普通' },
        { value: '2', label: '重点' },
      ],
    }),
    named('credit_limit', 'Limit', 'decimal'),
    named('remark', '备注'),
    named('qyrq', 'Signed', 'date'),
    named('owner', '负责人', 'person', { required: true }),
    field('region_id', 'reference', { references: 'RegionObj' }),
    named('chuanzhen', 'Fax number', 'decimal'),
  ],
  { details: [detail('ContactObj', [field('Name', 'text'), field('mobilePhone', 'text')])] },
)

test('fields meet by code, label, pinyin and initials; options and references come along; types that do not fit stay apart', async () => {
  const { fields, open, details } = await proposeMapping(erp, crm, (from, to) =>
    from === 'BD_Region' && to === 'RegionObj' ? 'region' : undefined,
  )
  assert.deepEqual(
    fields.map(({ to, from, by }) => [to, from, by]),
    [
      ['account_no', 'FNumber', 'label'],
      ['kehumingcheng', 'FName', 'pinyin'],
      ['tax_no__c', 'taxNo', 'code'],
      ['level', 'FGrade', 'label'],
      ['credit_limit', 'creditLimit', 'code'],
      ['remark', 'beizhu', 'label'],
      ['qyrq', 'signedOn', 'initials'],
      ['region_id', 'regionId', 'code'],
      ['chuanzhen', 'fax', 'pinyin'],
    ],
  )
  assert.deepEqual(fields.find(({ to }) => to === 'level')?.options, { A: '2', B: '1' })
  assert.equal(fields.find(({ to }) => to === 'region_id')?.reference, 'region')
  assert.deepEqual(open, ['owner'], 'required, and nothing is proposed for it')
  assert.deepEqual(
    details.map((one) => [one.from, one.to, ...one.fields.map(({ to, from }) => `${to}: ${from}`)]),
    [['contacts', 'ContactObj', 'Name: name', 'mobilePhone: mobile_phone']],
  )
})

test('nothing is proposed where nothing is alike, and each field once', async () => {
  const none = await proposeMapping(
    object('L', [field('alpha', 'text')]),
    object('R', [field('beta', 'text', { required: true })]),
  )
  assert.deepEqual([none.fields, none.open], [[], ['beta']])
  const twice = await proposeMapping(
    object('L', [field('name', 'text'), field('Name', 'text')]),
    object('R', [field('NAME', 'text')]),
  )
  assert.equal(twice.fields.length, 1)
  const apart = await proposeMapping(object('L', [field('due', 'date')]), object('R', [field('due', 'bool')]))
  assert.deepEqual(apart.fields, [])
})
