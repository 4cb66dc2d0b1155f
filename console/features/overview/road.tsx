/** The road as a picture: systems left and right, flows between them with what stands where; a click leads to what is stuck. */
import '@xyflow/react/dist/style.css'
import { useNavigate } from '@tanstack/react-router'
import { Background, type Edge, Handle, type Node, type NodeProps, Position, ReactFlow } from '@xyflow/react'
import { useTranslation } from 'react-i18next'
import type { Answer } from '../../api/client.ts'
import { useRead } from '../../ui/asking.ts'
import { useTenant } from '../../ui/session.tsx'
import { useLooks } from '../../ui/settings.tsx'
import { useFormats } from '../../ui/time.tsx'
import type { Flow } from './fare.ts'

type Status = Answer<'showStatus'>
type SystemNode = Node<{ id: string; kind: string; backlog: number; held: number }, 'system'>
type FlowNode = Node<{ flow: Flow }, 'flow'>

const System = ({ data }: NodeProps<SystemNode>) => {
  const { t } = useTranslation()
  const formats = useFormats()
  return (
    <div className={`system${data.held > 0 ? ' troubled' : ''}`}>
      <Handle type="source" position={Position.Right} id="right-out" isConnectable={false} />
      <Handle type="target" position={Position.Right} id="right-in" isConnectable={false} />
      <Handle type="source" position={Position.Left} id="left-out" isConnectable={false} />
      <Handle type="target" position={Position.Left} id="left-in" isConnectable={false} />
      <b>{data.id}</b>
      <span className="faint">{data.kind}</span>
      {data.backlog > 0 && <div>{t('road.backlog', { count: data.backlog, shown: formats.number(data.backlog) })}</div>}
      {data.held > 0 && <div className="state state-failed">{t('road.held', { count: data.held })}</div>}
    </div>
  )
}

const Stretch = ({ data: { flow } }: NodeProps<FlowNode>) => {
  const { t } = useTranslation()
  const formats = useFormats()
  const counts = flow.counts as Record<string, number | undefined>
  const failed = (counts.failed ?? 0) + (counts.unknown ?? 0)
  const part = (state: 'succeeded' | 'pending' | 'waiting' | 'failed', count: number) =>
    count > 0 && (
      <span className={`state state-${state}`} title={t(`state.${state}`)}>
        <i aria-hidden />
        {formats.number(count)} {t(`state.${state}`)}
      </span>
    )
  return (
    <div className={`flow-node${failed > 0 ? ' troubled' : ''}`}>
      <Handle type="target" position={Position.Left} id="left-in" isConnectable={false} />
      <Handle type="source" position={Position.Left} id="left-out" isConnectable={false} />
      <Handle type="target" position={Position.Right} id="right-in" isConnectable={false} />
      <Handle type="source" position={Position.Right} id="right-out" isConnectable={false} />
      <b>
        {flow.pair} {flow.flow === 'leftToRight' ? '→' : '←'}
      </b>
      <div className="counts">
        {flow.state !== 'enabled' && (
          <span className="state state-waiting">
            {t(`flow.state.${flow.state}` as 'flow.state.paused', { defaultValue: flow.state })}
          </span>
        )}
        {part('failed', failed)}
        {part('waiting', counts.waiting ?? 0)}
        {part('pending', (counts.pending ?? 0) + (counts.syncing ?? 0))}
        {part('succeeded', counts.succeeded ?? 0)}
      </div>
    </div>
  )
}

const kinds = { system: System, flow: Stretch }
const gap = 78

/** ERPs stand on the left and CRMs on the right; the rest of the picture follows from the flows. */
const pictureOf = (status: Status, roles: Map<string, string>): { nodes: (SystemNode | FlowNode)[]; edges: Edge[] } => {
  const connectionOf = (end: string) => end.split('/')[0] ?? end
  const ids = [...new Set(status.flows.flatMap((flow) => [connectionOf(flow.source), connectionOf(flow.target)]))]
  const isLeft = (id: string) => roles.get(id) !== 'crm'
  const height = Math.max(1, status.flows.length) * gap
  const column = (side: string[], x: number): SystemNode[] =>
    side.map((id, i) => {
      const own = status.connections.find((one) => one.connection === id)
      return {
        id: `system ${id}`,
        type: 'system',
        position: { x, y: (height / (side.length + 1)) * (i + 1) - 36 },
        data: {
          id,
          kind: (roles.get(id) ?? '').toUpperCase(),
          backlog: own?.backlog ?? 0,
          held: own?.heldByBreaker ?? 0,
        },
        draggable: false,
      }
    })
  const nodes: (SystemNode | FlowNode)[] = [
    ...column(ids.filter(isLeft), 0),
    ...column(
      ids.filter((id) => !isLeft(id)),
      640,
    ),
    ...status.flows.map(
      (flow, i): FlowNode => ({
        id: `flow ${flow.pair} ${flow.flow}`,
        type: 'flow',
        position: { x: 280, y: i * gap },
        data: { flow },
        draggable: false,
        ariaLabel: `${flow.pair}: ${flow.source} → ${flow.target}`,
      }),
    ),
  ]
  const edges = status.flows.flatMap((flow): Edge[] => {
    const id = `flow ${flow.pair} ${flow.flow}`
    const [source, target] = [connectionOf(flow.source), connectionOf(flow.target)]
    const isForward = isLeft(source)
    const isMoving =
      ((flow.counts as Record<string, number>).pending ?? 0) + ((flow.counts as Record<string, number>).syncing ?? 0) >
      0
    const common = { animated: isMoving, focusable: false, selectable: false, style: { stroke: 'var(--faint)' } }
    return [
      {
        ...common,
        id: `${id} in`,
        source: `system ${source}`,
        target: id,
        sourceHandle: isForward ? 'right-out' : 'left-out',
        targetHandle: isForward ? 'left-in' : 'right-in',
      },
      {
        ...common,
        id: `${id} out`,
        source: id,
        target: `system ${target}`,
        sourceHandle: isLeft(target) ? 'left-out' : 'right-out',
        targetHandle: isLeft(target) ? 'right-in' : 'left-in',
        markerEnd: { type: 'arrowclosed' as never },
      },
    ]
  })
  return { nodes, edges }
}

export const Road = ({ status }: { status: Status }) => {
  const tenant = useTenant()
  const { isDark } = useLooks()
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { data: connections } = useRead('listConnections', { query: { limit: 500 } })
  const roles = new Map((connections?.items ?? []).map((one) => [String(one.id), String(one.role)]))
  if (!connections) return <div className="road" />
  const { nodes, edges } = pictureOf(status, roles)
  const height = Math.min(560, Math.max(200, status.flows.length * gap + 60))
  return (
    <div className="road" style={{ height }}>
      <ReactFlow
        aria-label={t('overview.road')}
        nodes={nodes}
        edges={edges}
        nodeTypes={kinds}
        colorMode={isDark ? 'dark' : 'light'}
        fitView
        fitViewOptions={{ padding: 0.08, maxZoom: 1 }}
        nodesDraggable={false}
        nodesConnectable={false}
        zoomOnScroll={false}
        preventScrolling={false}
        panOnDrag={false}
        minZoom={0.2}
        onNodeClick={(_, node) => {
          if (node.type === 'flow') {
            const { flow } = (node as FlowNode).data
            void navigate({
              to: '/t/$tenant/maintain',
              params: { tenant },
              search: { flow: `${flow.pair}:${flow.flow}` },
            })
          } else
            void navigate({
              to: '/t/$tenant/connections/$connection',
              params: { tenant, connection: (node as SystemNode).data.id },
            })
        }}
      >
        <Background gap={22} color={isDark ? '#2a2f35' : '#e4e2dc'} />
      </ReactFlow>
    </div>
  )
}
