/** A list as every page shows it: its trouble, its waiting, what to do where there is nothing yet, or its rows. */
import { Button, Skeleton } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Problem } from './told.tsx'

export const Listing = ({
  list,
  none,
  children,
}: {
  list: { error: unknown; isPending: boolean; items: readonly unknown[]; refetch(): unknown }
  /** What is said, and offered, where it is empty. */
  none: ReactNode
  children: ReactNode
}) => {
  if (list.error) return <Problem error={list.error} retry={() => void list.refetch()} />
  if (list.isPending) return <Skeleton active />
  return list.items.length === 0 ? <div className="card">{none}</div> : children
}

/** The rows that follow, where there are any. */
export const More = ({ list }: { list: { hasNextPage: boolean; isFetchingNextPage: boolean; more(): void } }) => {
  const { t } = useTranslation()
  if (!list.hasNextPage) return null
  return (
    <Button block onClick={list.more} loading={list.isFetchingNextPage}>
      {t('act.more')}
    </Button>
  )
}
