import { Anchor, Box, Code, Group, Skeleton, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { checkpointFilesQuery, fileUrl } from '../api/queries.ts'
import type { Checkpoint } from '../api/shapes.ts'
import { Fault } from '../app/faults.tsx'
import { formatBytes } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { bareState } from '../words/states.ts'
import { fileTree, type TreeNode } from './file-tree.ts'

/** Files of a checkpoint: of a committed one as they lie in the bucket, of any other as far as they were declared. */
export function Files({ checkpoint }: { checkpoint: Checkpoint }): ReactNode {
  const committed = bareState(checkpoint.state) === 'COMPLETED'
  const query = useQuery({ ...checkpointFilesQuery(checkpoint.uuid), enabled: committed })
  const declared = Object.entries(checkpoint.resources).map(([name, size]) => ({ name, size }))
  const files = committed ? query.data?.files : declared
  return (
    <Stack gap={6} px={36} pb="md" pt={4}>
      <Group gap="sm">
        <Text size="xs" className="quiet">Checkpoint</Text><Code>{checkpoint.uuid}</Code>
        {checkpoint.drover?.url ? <><Text size="xs" className="quiet">at</Text><Code className="break">{neutralise(checkpoint.drover.url)}</Code></> : null}
      </Group>
      {query.error ? <Fault title="The files could not be listed" error={query.error} onRetry={() => void query.refetch()} /> : null}
      {files === undefined && !query.error ? <Skeleton h={60} /> : null}
      {files !== undefined && files.length === 0 ? <Text size="sm" className="quiet">No file {committed ? 'in it' : 'is known yet'}.</Text> : null}
      {files !== undefined ? <Box aria-label="Files"><Level nodes={fileTree(files)} uuid={committed ? checkpoint.uuid : null} depth={0} /></Box> : null}
    </Stack>
  )
}

/** `uuid` null: the bytes are not there yet. */
function Level({ nodes, uuid, depth }: { nodes: readonly TreeNode[]; uuid: string | null; depth: number }): ReactNode {
  return nodes.map((node) => (node.isFile ? <File key={node.path} node={node} uuid={uuid} depth={depth} /> : <Directory key={`${node.path}/`} node={node} uuid={uuid} depth={depth} />))
}

/** Deep directories begin closed, so that a checkpoint of thousands of shards stays readable. */
function Directory({ node, uuid, depth }: { node: TreeNode; uuid: string | null; depth: number }): ReactNode {
  const [open, setOpen] = useState(node.children.length <= 50)
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="file-row" style={{ paddingLeft: depth * 18 }}>
        <span className="mono">{neutralise(node.name)}/</span> <span className="numbers quiet">{formatBytes(node.size)}</span>
      </summary>
      {open ? <Level nodes={node.children} uuid={uuid} depth={depth + 1} /> : null}
    </details>
  )
}

function File({ node, uuid, depth }: { node: TreeNode; uuid: string | null; depth: number }): ReactNode {
  return (
    <div className="file-row" style={{ paddingLeft: depth * 18 }} data-file={node.path}>
      {uuid === null ? <span className="mono">{neutralise(node.name)}</span> : <Anchor href={fileUrl(uuid, node.path)} download={node.name} className="mono">{neutralise(node.name)}</Anchor>}{' '}
      <span className="numbers quiet">{formatBytes(node.size)}</span>
    </div>
  )
}
