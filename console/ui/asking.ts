/** Reading and changing through the API from a page: cached per tenant, asked again by itself, and every no is shown. */
import { useInfiniteQuery, useMutation, useQuery, type UseQueryResult } from '@tanstack/react-query'
import { App } from 'antd'
import { createElement } from 'react'
import { type Answer, type Asking, call, type RouteId } from '../api/client.ts'
import { useRefresh, useTenant } from './session.tsx'
import { Problem } from './told.tsx'

type Rest<Id extends RouteId> = Omit<Asking<Id>, 'path'> & {
  path?: Omit<NonNullable<Asking<Id>['path']>, 'tenant'>
}

/** `every`: milliseconds after which it is asked for again while somebody looks. */
export const useRead = <Id extends RouteId>(
  id: Id,
  rest: Rest<Id> = {} as Rest<Id>,
  { every, enabled = true }: { every?: number | undefined; enabled?: boolean } = {},
): UseQueryResult<Answer<Id>> => {
  const tenant = useTenant()
  return useQuery<Answer<Id>>({
    queryKey: ['in', tenant, id, rest],
    queryFn: () => call(id, { ...rest, path: { tenant, ...rest.path } } as unknown as Asking<Id>),
    refetchInterval: every ?? false,
    enabled,
  })
}

const most = 500

/** All pages of a list, one after the other as somebody scrolls. The first is asked for again by itself while it is alone. */
export const useList = <Id extends RouteId>(
  id: Id,
  rest: Rest<Id> = {} as Rest<Id>,
  { every, limit = 100, enabled = true }: { every?: number; limit?: number; enabled?: boolean } = {},
) => {
  const tenant = useTenant()
  type One = Answer<Id> extends { items: (infer Item)[] } ? Item : never
  interface Page {
    items: One[]
    next: string | null
  }
  const list = useInfiniteQuery({
    queryKey: ['in', tenant, id, rest, 'pages'],
    queryFn: async ({ pageParam }) => {
      // who scrolls on wants many: a hundred thousand rows are two hundred pages
      const query = {
        ...(rest as { query?: object }).query,
        limit: pageParam ? most : limit,
        ...(pageParam && { cursor: pageParam }),
      }
      return (await call(id, {
        ...rest,
        query,
        path: { tenant, ...rest.path },
      } as unknown as Asking<Id>)) as unknown as Page
    },
    initialPageParam: '',
    getNextPageParam: (page: Page) => page.next,
    refetchInterval: (query) => (every !== undefined && (query.state.data?.pages.length ?? 0) <= 1 ? every : false),
    enabled,
  })
  const items = list.data?.pages.flatMap((page) => page.items) ?? []
  const more = () => {
    if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage()
  }
  return { ...list, items, more }
}

/** A change in the tenant: afterwards everything of it is read again, and a no is told in a box with its trace id. */
export const useChange = <Id extends RouteId>(id: Id, { quiet = false }: { quiet?: boolean } = {}) => {
  const tenant = useTenant()
  const refresh = useRefresh()
  const { notification } = App.useApp()
  return useMutation<Answer<Id>, unknown, Rest<Id>>({
    mutationFn: (rest) => call(id, { ...rest, path: { tenant, ...rest.path } } as unknown as Asking<Id>),
    onSuccess: refresh,
    onError: (error) => {
      if (!quiet)
        notification.error({
          title: null,
          description: createElement(Problem, { error }),
          duration: 12,
          placement: 'bottomRight',
        })
    },
  })
}
