import type { Resources, StackConfig } from '../words.ts'
import { ref, resource, tags } from './make.ts'
import { placesOf } from './network.ts'

/** Files that all machines share, by option: EFS in every zone, or FSx for Lustre in the first. */
export function fileResources(config: StackConfig): Resources {
  const { files } = config
  const { subnets } = placesOf(config)
  const groups = [ref('FilesSecurityGroup')]
  if (files.kind === 'none') return {}
  if (files.kind === 'fsx') {
    return { FileSystem: resource('AWS::FSx::FileSystem', { FileSystemType: 'LUSTRE', StorageCapacity: files.storageGib, SubnetIds: subnets.slice(0, 1), SecurityGroupIds: groups, LustreConfiguration: { DeploymentType: 'SCRATCH_2' }, Tags: tags(config, 'files') }) }
  }
  const targets = subnets.map((subnet, index) => [`FileTarget${index + 1}`, resource('AWS::EFS::MountTarget', { FileSystemId: ref('FileSystem'), SubnetId: subnet, SecurityGroups: groups })] as const)
  return {
    FileSystem: resource('AWS::EFS::FileSystem', { Encrypted: true, ThroughputMode: 'elastic', FileSystemTags: tags(config, 'files') }, { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' }),
    ...Object.fromEntries(targets),
  }
}
