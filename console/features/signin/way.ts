/** The way in: what is remembered while somebody is away at an issuer, and what happens once somebody is in. */
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate, useRouter } from '@tanstack/react-router'
import { carried } from '../../api/client.ts'
import { type Session, setSession } from '../../ui/session.tsx'

const remembered = 'mortise.way'

/** Where to go afterwards, for this tab alone. */
export const keepWay = (to: string | undefined): void =>
  to === undefined ? sessionStorage.removeItem(remembered) : sessionStorage.setItem(remembered, to)

export const takeWay = (): string | undefined => {
  const to = sessionStorage.getItem(remembered) ?? undefined
  sessionStorage.removeItem(remembered)
  return to
}

export const useEnter = (): ((session: Session, to: string | undefined) => void) => {
  const client = useQueryClient()
  const navigate = useNavigate()
  const router = useRouter()
  return (session, to) => {
    carried.csrfToken = session.csrfToken
    setSession(client, session)
    // only to addresses of our own
    if (to?.startsWith('/t/')) router.history.replace(to)
    else void navigate({ to: '/', replace: true })
  }
}
