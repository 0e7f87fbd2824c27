import type { Json, Resource, Resources, StackConfig } from '../words.ts'
import { joined, ref, resource, secretName, tags } from './make.ts'
import { placesOf } from './network.ts'

const USER = 'drover'
const NAME = 'drover'
/** one character of these would have to be escaped in an address */
const FORBIDDEN = '"@/\\\'%:?#[] &+=`'

/** The value of one key of the database's secret, read by CloudFormation and shown nowhere. */
const secret = (key: string): Json => joined(['{{resolve:secretsmanager:', ref('DatabaseSecret'), `:SecretString:${key}}}`])

/**
 * Postgres that only the master reaches: private, encrypted, backed up, its password made by AWS. It cannot be deleted by a slip. Where it is stands in its secret, put there by the attachment.
 */
export function databaseResources(config: StackConfig): Resources {
  const { database } = config
  if (database.kind === 'external') return {}
  return {
    DatabaseSecret: resource('AWS::SecretsManager::Secret', {
      Name: secretName(config, 'database'),
      Description: 'User and password of the database of Drover',
      GenerateSecretString: { SecretStringTemplate: JSON.stringify({ username: USER, dbname: NAME }), GenerateStringKey: 'password', PasswordLength: 40, ExcludeCharacters: FORBIDDEN },
      Tags: tags(config, 'database'),
    }),
    DatabaseSubnets: resource('AWS::RDS::DBSubnetGroup', { DBSubnetGroupDescription: 'Drover: no road to the internet', SubnetIds: [...placesOf(config).databaseSubnets], Tags: tags(config, 'database') }),
    ...(database.kind === 'aurora' ? aurora(config, database) : postgres(config, database)),
    DatabaseSecretAttachment: resource('AWS::SecretsManager::SecretTargetAttachment', { SecretId: ref('DatabaseSecret'), TargetId: ref('Database'), TargetType: database.kind === 'aurora' ? 'AWS::RDS::DBCluster' : 'AWS::RDS::DBInstance' }),
  }
}

function common(config: StackConfig, backupDays: number): { readonly [key: string]: Json } {
  return {
    MasterUsername: secret('username'), MasterUserPassword: secret('password'), BackupRetentionPeriod: backupDays,
    StorageEncrypted: true, DeletionProtection: true, CopyTagsToSnapshot: true, DBSubnetGroupName: ref('DatabaseSubnets'), Tags: tags(config, 'database'),
  }
}

/** Gone with the stack, unless a last snapshot was asked for. A replacement always leaves one. */
function kept(finalSnapshot: boolean): Pick<Resource, 'DeletionPolicy' | 'UpdateReplacePolicy'> {
  return { DeletionPolicy: finalSnapshot ? 'Snapshot' : 'Delete', UpdateReplacePolicy: 'Snapshot' }
}

function postgres(config: StackConfig, database: StackConfig['database'] & { kind: 'postgres' }): Resources {
  return {
    Database: resource('AWS::RDS::DBInstance', {
      ...common(config, database.backupDays),
      Engine: 'postgres', EngineVersion: database.version, DBInstanceClass: database.instanceClass, DBName: NAME,
      AllocatedStorage: String(database.storageGib), MaxAllocatedStorage: database.storageGib * 10, StorageType: 'gp3', MultiAZ: database.multiZone,
      PubliclyAccessible: false, AutoMinorVersionUpgrade: true, VPCSecurityGroups: [ref('DatabaseSecurityGroup')],
    }, kept(database.finalSnapshot)),
  }
}

function aurora(config: StackConfig, database: StackConfig['database'] & { kind: 'aurora' }): Resources {
  return {
    Database: resource('AWS::RDS::DBCluster', {
      ...common(config, database.backupDays),
      Engine: 'aurora-postgresql', EngineVersion: database.version, DatabaseName: NAME, VpcSecurityGroupIds: [ref('DatabaseSecurityGroup')],
      ServerlessV2ScalingConfiguration: { MinCapacity: database.minCapacity, MaxCapacity: database.maxCapacity },
    }, kept(database.finalSnapshot)),
    DatabaseInstance: resource('AWS::RDS::DBInstance', { Engine: 'aurora-postgresql', EngineVersion: database.version, DBClusterIdentifier: ref('Database'), DBInstanceClass: 'db.serverless', PubliclyAccessible: false, Tags: tags(config, 'database') }),
  }
}
