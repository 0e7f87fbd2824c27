import { cloudContract } from './contract.ts'
import { createCloudDouble, IMAGE } from './double.ts'

cloudContract('the account in memory', () => {
  const mine = createCloudDouble('cluster-1')
  return Promise.resolve({ cloud: mine.open('us-east-1'), other: mine.open('us-east-1', 'cluster-2'), imageId: IMAGE })
})
