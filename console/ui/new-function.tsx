/** A new function 函数 of one kind: named, and begun with code that does nothing yet and an example that holds. */
import { Form, Input, Modal, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useChange } from './asking.ts'
import { Problem } from './told.tsx'

export const fnKinds = ['receive', 'beforeMapping', 'beforeWrite', 'afterWrite'] as const
export type FnKind = (typeof fnKinds)[number]

const record = '{"id":"7","params":{},"masterFieldVal":{"name":"Oak"},"detailFieldVals":{}}'

/** Comments are English, as in every function that the documents show. */
const firstOf: Record<FnKind, { code: string; example: { name: string; input: string; output: string } }> = {
  receive: {
    code: `// a push in no standard form becomes documents
function receive(message) {
  const one = JSON.parse(message.body)
  return [{ id: one.id, masterFieldVal: { name: one.name } }]
}
`,
    example: {
      name: 'one record',
      input: '{"body":"{\\"id\\":\\"7\\",\\"name\\":\\"Oak\\"}"}',
      output: '[{"id":"7","masterFieldVal":{"name":"Oak"}}]',
    },
  },
  beforeMapping: {
    code: `// sees the source's record before it is mapped, and may change it
function beforeMapping(record) {
  // return { skip: 'why' } leaves this record out
  return record
}
`,
    example: { name: 'one record', input: record, output: record },
  },
  beforeWrite: {
    code: `// sees what is about to be sent, and may change mapped fields
function beforeWrite(call) {
  // return { skip: 'why' } sends nothing
  return call
}
`,
    example: { name: 'one record', input: record, output: record },
  },
  afterWrite: {
    code: `// is told of each call that was applied
function afterWrite(call) {
  return { note: \`\${call.action} of \${call.id}\` }
}
`,
    example: {
      name: 'a create',
      input: '{"action":"create","id":"S-1"}',
      output: '{"note":"create of S-1"}',
    },
  },
}

/** `kind`: only of this one; else it is chosen. */
export const NewFunction = ({
  kind: only,
  onDone,
  onMade,
}: {
  kind?: FnKind
  onDone: () => void
  onMade: (name: string) => void
}) => {
  const { t } = useTranslation()
  const put = useChange('putFunction', { quiet: true })
  const [kind, setKind] = useState<FnKind>(only ?? 'receive')
  const [form] = Form.useForm<{ name: string }>()
  const save = ({ name }: { name: string }) =>
    put.mutate(
      { path: { function: name }, body: { kind, code: firstOf[kind].code, examples: [firstOf[kind].example] } },
      { onSuccess: () => onMade(name) },
    )
  return (
    <Modal
      open
      title={only ? t('fn.newOf', { kind: t(`fn.kind.${only}`) }) : t('fn.new')}
      onCancel={onDone}
      okText={t('act.create')}
      cancelText={t('act.cancel')}
      confirmLoading={put.isPending}
      onOk={form.submit}
    >
      <Form form={form} layout="vertical" requiredMark={false} onFinish={save}>
        {!only && (
          <Form.Item label={t('fn.kind')} htmlFor="fn-kind" extra={t(`fn.kindSay.${kind}`)}>
            <Select
              id="fn-kind"
              value={kind}
              options={fnKinds.map((value) => ({ value, label: t(`fn.kind.${value}`) }))}
              onChange={(next: FnKind) => setKind(next)}
            />
          </Form.Item>
        )}
        <Form.Item
          name="name"
          label={t('fn.name')}
          extra={t('fn.nameSay')}
          rules={[{ required: true, pattern: /^[A-Za-z][A-Za-z0-9_-]{0,63}$/, message: t('fn.nameRule') }]}
        >
          <Input placeholder={kind === 'receive' ? 'orders' : 'withTax'} autoFocus />
        </Form.Item>
        {put.error !== null && <Problem error={put.error} />}
      </Form>
    </Modal>
  )
}
