/** Every answer of the management API that says no: status, sentence and what to do, in four languages. docs/api.md lists the same. */
import type { Locale, Sentences } from '../../protocol/codes.ts'

interface Said {
  status: number
  sentence: Sentences
  todo: Sentences
}

type Four = [zh_CN: string, zh_TW: string, en_US: string, ja_JP: string]
const four = ([zh_CN, zh_TW, en_US, ja_JP]: Four): Sentences => ({ zh_CN, zh_TW, en_US, ja_JP })
const of = (status: number, sentence: Four, todo: Four): Said => ({
  status,
  sentence: four(sentence),
  todo: four(todo),
})

export const apiCodes = {
  'signIn.needed': of(
    401,
    [
      '此接口需要登录或 API 密钥',
      '此介面需要登入或 API 金鑰',
      'This needs a sign-in or an API key',
      'サインインまたは API キーが必要です',
    ],
    [
      '请求头发送 Authorization: Bearer <密钥>，或先登录',
      '請在請求標頭傳送 Authorization: Bearer <金鑰>，或先登入',
      'Send Authorization: Bearer <key>, or sign in first',
      'Authorization: Bearer <キー> を送信するか、先にサインインしてください',
    ],
  ),
  'signIn.refused': of(
    401,
    [
      '用户名或密码不正确',
      '使用者名稱或密碼不正確',
      'User or password is wrong',
      'ユーザー名またはパスワードが違います',
    ],
    [
      '核对后重试；忘记密码请联系管理员重置',
      '請核對後重試；忘記密碼請聯絡管理員重設',
      'Check both; an administrator can set a new password',
      '確認して再試行してください。忘れた場合は管理者に再設定を依頼してください',
    ],
  ),
  'signIn.wait': of(
    429,
    ['登录失败次数过多', '登入失敗次數過多', 'Too many failed sign-ins', 'サインインの失敗が多すぎます'],
    ['{seconds} 秒后再试', '{seconds} 秒後再試', 'Try again in {seconds} s', '{seconds} 秒後に再試行してください'],
  ),
  'signIn.code': of(
    401,
    [
      '需要第二重验证的验证码',
      '需要第二重驗證的驗證碼',
      'A code of the second factor is needed',
      '二段階認証のコードが必要です',
    ],
    [
      '输入身份验证器显示的六位数字，或一个恢复码',
      '輸入驗證器顯示的六位數字，或一個復原碼',
      'Give the six digits that the authenticator shows, or a recovery code',
      '認証アプリの 6 桁の数字、またはリカバリーコードを入力してください',
    ],
  ),
  'code.wrong': of(
    400,
    [
      '验证码不正确，或已用过',
      '驗證碼不正確，或已用過',
      'The code is wrong, or was used before',
      'コードが違うか、すでに使用済みです',
    ],
    [
      '等待下一个验证码；并核对手机的时间',
      '等待下一個驗證碼；並核對手機的時間',
      'Wait for the next code; and see that the clock of the telephone is right',
      '次のコードを待ってください。端末の時計も確認してください',
    ],
  ),
  'second.needed': of(
    403,
    [
      '此处要求第二重验证，而你的账户没有设置',
      '此處要求第二重驗證，而你的帳戶沒有設定',
      'A second factor is required here, and your account has none',
      'ここでは二段階認証が必須ですが、アカウントに設定されていません',
    ],
    [
      '在“我的账户”页面设置第二重验证',
      '在「我的帳戶」頁面設定第二重驗證',
      'Set one up on the page of your account',
      'アカウントのページで設定してください',
    ],
  ),
  'second.on': of(
    409,
    ['第二重验证已启用', '第二重驗證已啟用', 'A second factor is on already', '二段階認証はすでに有効です'],
    [
      '要更换手机，先关闭再重新设置',
      '要更換手機，先關閉再重新設定',
      'To change the telephone, turn it off and set it up anew',
      '端末を変更するには、一度無効にしてから設定し直してください',
    ],
  ),
  'second.off': of(
    409,
    [
      '没有启用或正在设置的第二重验证',
      '沒有啟用或正在設定的第二重驗證',
      'There is no second factor that this could be done to',
      '対象となる二段階認証がありません',
    ],
    ['先开始设置', '先開始設定', 'Begin to set one up first', '先に設定を開始してください'],
  ),
  'issuer.unreachable': of(
    502,
    [
      '无法连接登录服务 {issuer}：{said}',
      '無法連線登入服務 {issuer}：{said}',
      'The issuer {issuer} could not be reached: {said}',
      '発行者 {issuer} に接続できませんでした：{said}',
    ],
    [
      '稍后再试，或用密码登录；管理员请核对其地址与网络',
      '稍後再試，或用密碼登入；管理員請核對其位址與網路',
      'Try again later, or sign in with a password; an owner checks its address and the network',
      '後でもう一度試すか、パスワードでサインインしてください。管理者はアドレスとネットワークを確認してください',
    ],
  ),
  'issuer.refused': of(
    403,
    [
      '登录服务 {issuer} 拒绝了：{said}',
      '登入服務 {issuer} 拒絕了：{said}',
      'The issuer {issuer} refused: {said}',
      '発行者 {issuer} が拒否しました：{said}',
    ],
    [
      '重新登录；若再次发生，请管理员核对客户端编号、密钥与回调地址',
      '重新登入；若再次發生，請管理員核對用戶端編號、金鑰與回呼位址',
      'Sign in again; if it stays, an owner checks client id, secret and redirect address',
      'もう一度サインインしてください。続く場合は管理者がクライアント ID、シークレット、リダイレクト先を確認してください',
    ],
  ),
  'issuer.wrong': of(
    502,
    [
      '登录服务 {issuer} 的回答不正确：{said}',
      '登入服務 {issuer} 的回答不正確：{said}',
      'What the issuer {issuer} answered is not right: {said}',
      '発行者 {issuer} の応答が正しくありません：{said}',
    ],
    [
      '重新登录；若再次发生，请管理员核对其地址与两边的时钟',
      '重新登入；若再次發生，請管理員核對其位址與兩邊的時鐘',
      'Sign in again; if it stays, an owner checks its address and both clocks',
      'もう一度サインインしてください。続く場合は管理者がアドレスと双方の時計を確認してください',
    ],
  ),
  'issuer.stale': of(
    409,
    [
      '这次登录不是在此浏览器开始的，或已过期',
      '這次登入不是在此瀏覽器開始的，或已過期',
      'This sign-in was not begun in this browser, or too long ago',
      'このサインインはこのブラウザーで開始されていないか、期限切れです',
    ],
    [
      '从登录页重新开始',
      '從登入頁重新開始',
      'Begin anew on the sign-in page',
      'サインインページからやり直してください',
    ],
  ),
  'account.absent': of(
    403,
    [
      '这里没有 {who} 的账户',
      '這裡沒有 {who} 的帳戶',
      'There is no account for {who} here',
      '{who} のアカウントはここにありません',
    ],
    [
      '请管理员建立账户，或给你的群组一个角色',
      '請管理員建立帳戶，或給你的群組一個角色',
      'Ask an administrator for an account, or for a role for one of your groups',
      '管理者にアカウントの作成、またはグループへのロール付与を依頼してください',
    ],
  ),
  'account.disabled': of(
    403,
    ['账户 {who} 已停用', '帳戶 {who} 已停用', 'The account {who} is disabled', 'アカウント {who} は無効です'],
    ['请联系管理员', '請聯絡管理員', 'Ask an administrator', '管理者に依頼してください'],
  ),
  'origin.refused': of(
    403,
    [
      '请求并非来自本系统的页面',
      '請求並非來自本系統的頁面',
      'The request does not come from a page of this server',
      'このサーバーのページからのリクエストではありません',
    ],
    [
      '使用会话时须带 X-CSRF-Token（见 GET /api/v1/session），程序请改用 API 密钥',
      '使用工作階段時須帶 X-CSRF-Token（見 GET /api/v1/session），程式請改用 API 金鑰',
      'With a session send X-CSRF-Token (see GET /api/v1/session); programs use an API key',
      'セッションでは X-CSRF-Token が必要です（GET /api/v1/session を参照）。プログラムは API キーを使用してください',
    ],
  ),
  'role.refused': of(
    403,
    [
      '角色 {role} 没有权限 {right}',
      '角色 {role} 沒有權限 {right}',
      'The role {role} does not have the right {right}',
      'ロール {role} には権限 {right} がありません',
    ],
    [
      '请联系租户的管理员',
      '請聯絡租戶的管理員',
      'Ask an administrator of the tenant',
      'テナントの管理者に依頼してください',
    ],
  ),
  'scope.refused': of(
    403,
    [
      '此 API 密钥的范围不含 {right}',
      '此 API 金鑰的範圍不含 {right}',
      'The scopes of this API key do not include {right}',
      'この API キーの範囲に {right} は含まれていません',
    ],
    [
      '新建一个包含所需范围的密钥',
      '新建一個包含所需範圍的金鑰',
      'Make a key with the scope that is needed',
      '必要な範囲を持つキーを作成してください',
    ],
  ),
  'session.only': of(
    403,
    [
      '此操作只能由登录的人执行，不能用 API 密钥',
      '此操作只能由登入的人執行，不能用 API 金鑰',
      'Only a signed-in person may do this, not an API key',
      'この操作はサインインした人のみ可能で、API キーではできません',
    ],
    ['请先登录', '請先登入', 'Sign in', 'サインインしてください'],
  ),
  absent: of(
    404,
    ['找不到 {what}', '找不到 {what}', 'There is no {what} here', '{what} は見つかりません'],
    [
      '核对编号；列表接口会显示现有的全部',
      '請核對編號；清單介面會顯示現有的全部',
      'Check the id; the list shows what there is',
      'ID を確認してください。一覧で存在するものを確認できます',
    ],
  ),
  'request.invalid': of(
    400,
    [
      '请求内容不正确：{said}',
      '請求內容不正確：{said}',
      'The request is not right: {said}',
      'リクエストが正しくありません：{said}',
    ],
    [
      '按 /api/docs 的说明修改 path 所指之处',
      '請依 /api/docs 的說明修改 path 所指之處',
      'Mend what path points to, as /api/docs describes it',
      '/api/docs に従って path の箇所を修正してください',
    ],
  ),
  'config.invalid': of(
    422,
    [
      '配置不正确：{said}',
      '設定不正確：{said}',
      'The configuration is not right: {said}',
      '設定が正しくありません：{said}',
    ],
    [
      'problems 列出了每一处；没有任何更改',
      'problems 列出了每一處；沒有任何更改',
      'problems lists every place; nothing was changed',
      'problems に全箇所があります。何も変更されていません',
    ],
  ),
  'config.refused': of(
    409,
    [
      '以现状不能更改：{said}',
      '以現狀不能更改：{said}',
      'As things stand this cannot be changed: {said}',
      '現在の状態では変更できません：{said}',
    ],
    [
      '先处理所说的情况再重试',
      '請先處理所說的情況再重試',
      'See to what is said, then try again',
      '示された状況を解消してから再試行してください',
    ],
  ),
  'changed.since': of(
    412,
    [
      '读取之后已有更改，没有写入',
      '讀取之後已有變更，沒有寫入',
      'It has changed since it was read; nothing was written',
      '読み取った後に変更されています。書き込みは行われていません',
    ],
    [
      '重新读取并比较，然后再改',
      '請重新讀取並比較，然後再改',
      'Read it again, compare, then change it',
      'もう一度読み取って比べてから変更してください',
    ],
  ),
  taken: of(
    409,
    ['{what} 已存在', '{what} 已存在', '{what} exists already', '{what} は既に存在します'],
    [
      '换一个名称，或修改已有的',
      '換一個名稱，或修改已有的',
      'Choose another name, or change the one there is',
      '別の名前にするか、既存のものを変更してください',
    ],
  ),
  'task.state': of(
    409,
    [
      '{what} 当前状态为 {state}，不能这样操作',
      '{what} 目前狀態為 {state}，不能這樣操作',
      '{what} is {state}: that cannot be done to it now',
      '{what} は {state} のため、この操作はできません',
    ],
    ['先查看其状态', '先查看其狀態', 'Look at its state first', '先に状態を確認してください'],
  ),
  'batch.unasked': of(
    409,
    [
      '连接器 {connection} 没有结果查询接口，只能等待应答或回调',
      '連接器 {connection} 沒有結果查詢介面，只能等待應答或回呼',
      'Connection {connection} has no query for results: they come with the answer or by callback',
      '接続 {connection} には結果の照会がありません。応答またはコールバックを待ちます',
    ],
    [
      '对方提供查询接口时，把 batch.query 设为 true',
      '對方提供查詢介面時，把 batch.query 設為 true',
      'Where the system has one, set batch.query to true',
      '相手に照会がある場合は batch.query を true にしてください',
    ],
  ),
  'record.settled': of(
    409,
    [
      '此记录没有等待人工确认的新增',
      '此記錄沒有等待人工確認的新增',
      'This record has no unanswered create that waits for a person',
      'このレコードには人の確認を待つ作成がありません',
    ],
    ['刷新后查看其当前状态', '重新整理後查看其目前狀態', 'Look at its state again', '現在の状態を再確認してください'],
  ),
  'record.refused': of(
    409,
    [
      '此记录现在不能这样处理：{said}',
      '此記錄現在不能這樣處理：{said}',
      'This cannot be done about the record now: {said}',
      'このレコードは今この操作ができません：{said}',
    ],
    [
      '先查看该记录的状态，或按提示更正',
      '請先查看該記錄的狀態，或按提示更正',
      'Look at its state, or mend what is said',
      'レコードの状態を確認するか、示された点を修正してください',
    ],
  ),
  'link.refused': of(
    409,
    [
      'ID 映射不能这样更改：{said}',
      'ID 對應不能這樣更改：{said}',
      'The ID mapping cannot be changed so: {said}',
      'ID マッピングをそのようには変更できません：{said}',
    ],
    [
      '先查看相关记录',
      '請先查看相關記錄',
      'Look at the records concerned first',
      '関係するレコードを先に確認してください',
    ],
  ),
  'count.changed': of(
    409,
    [
      '符合条件的记录现有 {found} 条，而非 {expected} 条',
      '符合條件的記錄現有 {found} 筆，而非 {expected} 筆',
      '{found} records match now, not {expected}',
      '現在 {found} 件が該当し、{expected} 件ではありません',
    ],
    ['重新估算并确认', '請重新估算並確認', 'Estimate again and confirm', '再度見積もって確認してください'],
  ),
  'user.elsewhere': of(
    403,
    [
      '此账号由别处管理',
      '此帳號由別處管理',
      'This account is looked after elsewhere',
      'このアカウントは別の場所で管理されています',
    ],
    [
      '只能更改其在本租户的角色；其他更改请联系安装的管理员',
      '只能更改其在本租戶的角色；其他更改請聯絡安裝的管理員',
      'Only its role in this tenant can be changed here; for the rest ask the owner of the installation',
      'このテナントでのロールのみ変更できます。その他は導入環境の所有者に依頼してください',
    ],
  ),
  'user.last': of(
    409,
    ['必须至少留下一个 owner', '必須至少留下一個 owner', 'One owner must remain', '少なくとも一人の owner が必要です'],
    [
      '先让另一人成为 owner',
      '請先讓另一人成為 owner',
      'Make somebody else owner first',
      '先に別の人を owner にしてください',
    ],
  ),
  'role.above': of(
    403,
    [
      '不能授予或更改高于自己的角色',
      '不能授予或更改高於自己的角色',
      'A role above your own can neither be given nor changed',
      '自分より上のロールは付与も変更もできません',
    ],
    ['请联系 owner', '請聯絡 owner', 'Ask an owner', 'owner に依頼してください'],
  ),
  'other.refused': of(
    409,
    [
      '对方系统没有给出结果：{said}',
      '對方系統沒有給出結果：{said}',
      'The other system did not answer: {said}',
      '相手のシステムから結果を得られません：{said}',
    ],
    [
      '检查该连接器的凭据与权限后再试',
      '請檢查該連接器的憑證與權限後再試',
      'Check the connection’s credentials and rights, then try again',
      'コネクションの認証情報と権限を確認してから再試行してください',
    ],
  ),
  unavailable: of(
    503,
    [
      '数据库暂时不可用',
      '資料庫暫時無法使用',
      'The database is not available now',
      'データベースが一時的に利用できません',
    ],
    ['稍后再试', '請稍後再試', 'Try again later', '後でもう一度お試しください'],
  ),
} as const satisfies Record<string, Said>

export type ApiCode = keyof typeof apiCodes

export const fill = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole)

/** Status, sentence and advice of a code in one language. */
export const sayApi = (code: ApiCode, values: Readonly<Record<string, string>>, locale: Locale) => {
  const { status, sentence, todo } = apiCodes[code]
  return { status, detail: fill(sentence[locale], values), todo: fill(todo[locale], values) }
}
