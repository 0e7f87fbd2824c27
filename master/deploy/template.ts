import { bucketName, bucketResources } from './stack/bucket.ts'
import { databaseResources } from './stack/database.ts'
import { fileResources } from './stack/files.ts'
import { attribute, ref, secretName } from './stack/make.ts'
import { masterResources, peopleUrl } from './stack/master.ts'
import { networkResources } from './stack/network.ts'
import { roleResources } from './stack/roles.ts'
import { securityResources } from './stack/security.ts'
import type { StackConfig, Template } from './words.ts'

/** The whole installation as one template. The same configuration gives the same bytes. */
export function templateOf(config: StackConfig): Template {
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: `Drover installation ${config.name}: master, database, bucket, roles; agents are launched by the master`,
    Resources: {
      ...networkResources(config),
      ...securityResources(config),
      ...bucketResources(config),
      ...databaseResources(config),
      ...fileResources(config),
      ...roleResources(config),
      ...masterResources(config),
    },
    Outputs: {
      Address: { Description: 'API and WebUI', Value: peopleUrl },
      Bucket: { Description: 'where checkpoints lie', Value: bucketName(config) },
      StateSecret: { Description: 'keys of the installation, its CA certificate among them', Value: secretName(config, 'state') },
      MasterSecurityGroup: { Description: 'of the master', Value: ref('MasterSecurityGroup') },
      AgentSecurityGroup: { Description: 'of the agents', Value: ref('AgentSecurityGroup') },
      AgentProfile: { Description: 'instance profile of the agents', Value: attribute('AgentProfile', 'Arn') },
      MasterLogs: { Description: 'log group of the master', Value: ref('MasterLogs') },
    },
  }
}
