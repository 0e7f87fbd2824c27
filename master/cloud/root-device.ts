import { DescribeImagesCommand, type EC2Client } from '@aws-sdk/client-ec2'
import type { Caller } from './caller.ts'
import { CloudError } from './door.ts'

/** The device name of an image's root volume, `/dev/xvda` or `/dev/sda1`: an image never changes, so it is asked once. */
export function createRootDevice(client: EC2Client, caller: Caller): (imageId: string) => Promise<string> {
  const known = new Map<string, string>()

  return async (imageId) => {
    const seen = known.get(imageId)
    if (seen !== undefined) return seen
    const answer = await caller.call('DescribeImages', (send) => send((options) => client.send(new DescribeImagesCommand({ ImageIds: [imageId] }), options)))
    const image = answer.Images?.[0]
    if (image === undefined) throw new CloudError('parameters', 'InvalidAMIID.NotFound', `EC2 does not know the image ${imageId}`)
    const device = image.RootDeviceName
    if (image.RootDeviceType !== 'ebs' || device === undefined) throw new CloudError('parameters', 'InvalidAMIID.Unavailable', `the image ${imageId} has no EBS root volume`)
    known.set(imageId, device)
    return device
  }
}
