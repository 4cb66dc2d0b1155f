/** The template of master-data objects: what people expect of such interfaces, with the fields, lengths and required flags that are published for them. An administrator takes an object of it and changes what differs. */
import type { ObjectFile } from './schema.ts'

export const templateNames = [
  'department',
  'branch',
  'costCentre',
  'position',
  'employee',
  'supplier',
  'supplierAccount',
  'customer',
  'project',
  'valueList',
] as const
export type TemplateName = (typeof templateNames)[number]

type Fields = NonNullable<ObjectFile['fields']>
type Field = Exclude<Fields[string], string>
type Names = readonly [zh_CN: string, zh_TW: string, en_US: string, ja_JP: string]

const called = ([zh_CN, zh_TW, en_US, ja_JP]: Names): Pick<Field, 'name' | 'names'> => ({
  name: zh_CN,
  names: { zh_TW, en_US, ja_JP },
})
const text = (names: Names, length: number, more: Field = {}): Field => ({ ...called(names), length, ...more })
const must = { required: true } as const
/** `references`: code of the object in this template; `soft`: it may come later. */
const ref = (names: Names, references: string, more: Field = {}): Field => ({
  ...called(names),
  type: 'reference',
  references,
  length: 64,
  ...more,
})
const day = (names: Names): Field => ({ ...called(names), type: 'date', format: 'yyyy-MM-dd' })

const code: Names = ['编码', '編碼', 'Code', 'コード']
const enabled: Field = {
  ...called(['启用标识', '啟用標識', 'Enabled flag', '有効フラグ']),
  type: 'select',
  options: ['Y', 'N'],
}
const description = text(['描述', '描述', 'Description', '説明'], 255)
const branch: Names = ['分公司编码', '分公司編碼', 'Branch code', '支社コード']
const department: Names = ['部门编码', '部門編碼', 'Department code', '部門コード']
const currency = text(['币种', '幣別', 'Currency', '通貨'], 16)
const columns: Fields = Object.fromEntries(
  Array.from({ length: 10 }, (_, i) => [
    `column${i + 1}`,
    text([`扩展字段${i + 1}`, `擴展欄位${i + 1}`, `Column ${i + 1}`, `拡張項目${i + 1}`], 255),
  ]),
)
const object = (
  path: string,
  name: string,
  nameField: string,
  own: Fields,
  key: Names = code,
): Omit<ObjectFile, 'code'> => ({
  name,
  idField: 'code',
  nameField,
  batch: { path },
  fields: { code: text(key, 64, must), ...own, enabled_flag: enabled, ...columns },
})

export const templates: Readonly<Record<TemplateName, Omit<ObjectFile, 'code'>>> = {
  department: object(
    'departments/v2',
    '部门',
    'department_name',
    {
      department_name: text(['部门名称', '部門名稱', 'Department name', '部門名'], 255, must),
      parent_code: ref(['上级部门编码', '上級部門編碼', 'Parent department code', '上位部門コード'], 'department', {
        soft: true,
      }),
      branch_code: ref(branch, 'branch'),
      cost_centre_code: ref(
        ['成本中心编码', '成本中心編碼', 'Cost centre code', 'コストセンターコード'],
        'costCentre',
        { soft: true },
      ),
      manager_code: ref(['负责人编码', '負責人編碼', 'Manager code', '責任者コード'], 'employee', { soft: true }),
      description,
    },
    department,
  ),
  branch: object(
    'branches',
    '分公司',
    'branch_name',
    {
      branch_name: text(['分公司名称', '分公司名稱', 'Branch name', '支社名'], 255, must),
      parent_code: ref(['上级分公司编码', '上級分公司編碼', 'Parent branch code', '上位支社コード'], 'branch', {
        soft: true,
      }),
      tax_number: text(['纳税人识别号', '納稅人識別號', 'Tax number', '納税者番号'], 64),
      address: text(['地址', '地址', 'Address', '住所'], 255),
      currency,
      description,
    },
    branch,
  ),
  costCentre: object('costCenters', '成本中心', 'cost_centre_name', {
    cost_centre_name: text(['成本中心名称', '成本中心名稱', 'Cost centre name', 'コストセンター名'], 255, must),
    parent_code: ref(
      ['上级成本中心编码', '上級成本中心編碼', 'Parent cost centre code', '上位コストセンターコード'],
      'costCentre',
      { soft: true },
    ),
    branch_code: ref(branch, 'branch', { soft: true }),
    manager_code: ref(['负责人编码', '負責人編碼', 'Manager code', '責任者コード'], 'employee', { soft: true }),
    description,
  }),
  position: object(
    'positions',
    '岗位',
    'position_name',
    {
      branch_code: ref(branch, 'branch'),
      position_name: text(['岗位名称', '崗位名稱', 'Position name', '役職名'], 64, must),
      department_code: ref(department, 'department', { soft: true, length: 255 }),
      parent_code: ref(['上级岗位编码', '上級崗位編碼', 'Parent position code', '上位役職コード'], 'position', {
        soft: true,
        length: 255,
      }),
      description,
      approval_level: { ...called(['审批级别', '審批級別', 'Approval level', '承認レベル']), type: 'integer' },
    },
    ['岗位编码', '崗位編碼', 'Position code', '役職コード'],
  ),
  employee: object(
    'employees',
    '员工',
    'employee_name',
    {
      employee_name: text(['员工姓名', '員工姓名', 'Employee name', '社員名'], 128, must),
      email: text(['邮箱', '郵箱', 'E-mail', 'メール'], 128),
      mobile: text(['手机号', '手機號', 'Mobile', '携帯電話'], 32),
      branch_code: ref(branch, 'branch'),
      department_code: ref(department, 'department'),
      position_code: ref(['岗位编码', '崗位編碼', 'Position code', '役職コード'], 'position', { soft: true }),
      supervisor_code: ref(['上级编码', '上級編碼', 'Supervisor code', '上司コード'], 'employee', { soft: true }),
      entry_date: day(['入职日期', '到職日期', 'Entry date', '入社日']),
      leave_date: day(['离职日期', '離職日期', 'Leave date', '退社日']),
    },
    ['员工编码', '員工編碼', 'Employee code', '社員コード'],
  ),
  supplier: object(
    'suppliers',
    '供应商',
    'supplier_name',
    {
      supplier_name: text(['供应商名称', '供應商名稱', 'Supplier name', '仕入先名'], 255, must),
      tax_number: text(['纳税人识别号', '納稅人識別號', 'Tax number', '納税者番号'], 64),
      branch_code: ref(branch, 'branch', { soft: true }),
      contact: text(['联系人', '聯絡人', 'Contact', '担当者'], 128),
      phone: text(['电话', '電話', 'Phone', '電話番号'], 64),
      address: text(['地址', '地址', 'Address', '住所'], 255),
      description,
    },
    ['供应商编码', '供應商編碼', 'Supplier code', '仕入先コード'],
  ),
  supplierAccount: object('supplierAccounts', '供应商账户', 'account_name', {
    supplier_code: ref(['供应商编码', '供應商編碼', 'Supplier code', '仕入先コード'], 'supplier', must),
    account_name: text(['账户名称', '帳戶名稱', 'Account name', '口座名義'], 255, must),
    account_number: text(['银行账号', '銀行帳號', 'Account number', '口座番号'], 64, must),
    bank_name: text(['开户行', '開戶行', 'Bank', '銀行名'], 255),
    bank_code: text(['联行号', '聯行號', 'Bank code', '銀行コード'], 64),
    currency,
  }),
  customer: object(
    'customers',
    '客户',
    'customer_name',
    {
      customer_name: text(['客户名称', '客戶名稱', 'Customer name', '得意先名'], 255, must),
      tax_number: text(['纳税人识别号', '納稅人識別號', 'Tax number', '納税者番号'], 64),
      branch_code: ref(branch, 'branch', { soft: true }),
      contact: text(['联系人', '聯絡人', 'Contact', '担当者'], 128),
      phone: text(['电话', '電話', 'Phone', '電話番号'], 64),
      address: text(['地址', '地址', 'Address', '住所'], 255),
      description,
    },
    ['客户编码', '客戶編碼', 'Customer code', '得意先コード'],
  ),
  project: object(
    'projects',
    '项目',
    'project_name',
    {
      project_name: text(['项目名称', '專案名稱', 'Project name', 'プロジェクト名'], 255, must),
      parent_code: ref(['上级项目编码', '上級專案編碼', 'Parent project code', '上位プロジェクトコード'], 'project', {
        soft: true,
      }),
      branch_code: ref(branch, 'branch', { soft: true }),
      department_code: ref(department, 'department', { soft: true }),
      manager_code: ref(['负责人编码', '負責人編碼', 'Manager code', '責任者コード'], 'employee', { soft: true }),
      start_date: day(['开始日期', '開始日期', 'Start date', '開始日']),
      end_date: day(['结束日期', '結束日期', 'End date', '終了日']),
      budget: { ...called(['预算', '預算', 'Budget', '予算']), type: 'decimal' },
      description,
    },
    ['项目编码', '專案編碼', 'Project code', 'プロジェクトコード'],
  ),
  valueList: object('lovs', '值列表', 'value_name', {
    list_code: text(['值列表编码', '值列表編碼', 'List code', '値リストコード'], 64, must),
    value_name: text(['值名称', '值名稱', 'Value name', '値名'], 255, must),
    parent_code: ref(['上级编码', '上級編碼', 'Parent code', '上位コード'], 'valueList', { soft: true }),
    sort_order: { ...called(['排序', '排序', 'Order', '並び順']), type: 'integer' },
    description,
  }),
}
