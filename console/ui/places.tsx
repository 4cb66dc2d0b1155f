/** The objects of all connections, to choose one from. */
import { useQueries } from '@tanstack/react-query'
import { Select } from 'antd'
import { call } from '../api/client.ts'
import { useRead } from './asking.ts'
import { useTenant } from './session.tsx'

export interface Place {
  connection: string
  object: string
  name: string | null
  /** As declared; undefined: it is not polled. */
  poll: Record<string, unknown> | undefined
  readable: boolean
  /** The function that its pushes go through. */
  receive: string | null
}

const receiverOf = (receive: unknown): string | null => {
  const named = (receive as Record<string, unknown> | undefined)?.function
  return typeof named === 'string' ? named : null
}

/** Null while they are read. */
export const usePlaces = (): Place[] | null => {
  const tenant = useTenant()
  const { data } = useRead('listConnections', { query: { limit: 500 } })
  const connections = data?.items ?? []
  const lists = useQueries({
    queries: connections.map(({ id }) => ({
      queryKey: ['in', tenant, 'listObjects', { path: { connection: String(id) }, query: { limit: 500 } }],
      queryFn: () => call('listObjects', { path: { tenant, connection: String(id) }, query: { limit: 500 } }),
    })),
  })
  if (!data || lists.some((one) => one.isPending)) return null
  return connections.flatMap((connection, i) =>
    (lists[i]?.data?.items ?? []).map((one) => ({
      connection: String(connection.id),
      object: String(one.code),
      name: one.name === undefined ? null : String(one.name),
      poll: one.poll as Record<string, unknown> | undefined,
      readable: connection.readable !== false,
      receive: receiverOf(one.receive),
    })),
  )
}

export const placeText = (place: Pick<Place, 'connection' | 'object'>): string => `${place.connection}/${place.object}`

export const PlaceSelect = ({
  places,
  value,
  onChange,
  label,
  id,
}: {
  places: readonly Place[]
  value: Place | null
  onChange: (place: Place) => void
  label: string
  id: string
}) => (
  <Select
    id={id}
    style={{ width: '100%' }}
    aria-label={label}
    showSearch={{ optionFilterProp: 'label' }}
    value={value === null ? null : placeText(value)}
    options={places.map((one) => ({
      value: placeText(one),
      label: one.name === null ? placeText(one) : `${placeText(one)} · ${one.name}`,
    }))}
    onChange={(text: string) => {
      const found = places.find((one) => placeText(one) === text)
      if (found) onChange(found)
    }}
  />
)
