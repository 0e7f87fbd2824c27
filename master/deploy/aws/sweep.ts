import {
  DeleteInternetGatewayCommand, DeleteNetworkInterfaceCommand, DeleteRouteTableCommand, DeleteSecurityGroupCommand, DeleteVpcCommand, DeleteVpcEndpointsCommand, DescribeInternetGatewaysCommand,
  DescribeNetworkInterfacesCommand, DescribeRouteTablesCommand, DescribeSecurityGroupsCommand, DescribeVpcEndpointsCommand, DescribeVpcsCommand, DetachInternetGatewayCommand, DisassociateRouteTableCommand, EC2Client,
} from '@aws-sdk/client-ec2'
import { TAG_INSTALLATION } from '../words.ts'

/**
 * What is left in the network that the stack made, and keeps it from being deleted: resources that somebody put there by hand, or that
 * CloudFormation has lost sight of; with `whole` the network too. Only in one that carries the installation's tag. Gives their ids.
 */
export async function sweepNetwork(installation: string, { region, signal, whole }: { region: string; signal: AbortSignal; whole: boolean }): Promise<string[]> {
  const client = new EC2Client({ region })
  const abort = { abortSignal: signal }
  const { Vpcs = [] } = await client.send(new DescribeVpcsCommand({ Filters: [{ Name: `tag:${TAG_INSTALLATION}`, Values: [installation] }] }), abort)
  const swept: string[] = []
  for (const { VpcId: vpc } of Vpcs) {
    if (vpc === undefined) continue
    swept.push(...(await sweepOne(client, vpc, signal)))
    if (!whole) continue
    await client.send(new DeleteVpcCommand({ VpcId: vpc }), abort)
    swept.push(vpc)
  }
  return swept
}

async function sweepOne(client: EC2Client, vpc: string, signal: AbortSignal): Promise<string[]> {
  const abort = { abortSignal: signal }
  const inside = { Filters: [{ Name: 'vpc-id', Values: [vpc] }] }
  const swept: string[] = []

  const { VpcEndpoints = [] } = await client.send(new DescribeVpcEndpointsCommand(inside), abort)
  const endpoints = VpcEndpoints.filter((one) => !/delet/i.test(one.State ?? '')).flatMap((one) => one.VpcEndpointId ?? [])
  if (endpoints.length > 0) await client.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: endpoints }), abort)
  swept.push(...endpoints)

  const { NetworkInterfaces = [] } = await client.send(new DescribeNetworkInterfacesCommand(inside), abort)
  for (const { NetworkInterfaceId: id } of NetworkInterfaces.filter((one) => one.Attachment === undefined)) {
    await client.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: id }), abort)
    swept.push(id ?? '')
  }

  const { InternetGateways = [] } = await client.send(new DescribeInternetGatewaysCommand({ Filters: [{ Name: 'attachment.vpc-id', Values: [vpc] }] }), abort)
  for (const { InternetGatewayId: id } of InternetGateways) {
    await client.send(new DetachInternetGatewayCommand({ InternetGatewayId: id, VpcId: vpc }), abort)
    await client.send(new DeleteInternetGatewayCommand({ InternetGatewayId: id }), abort)
    swept.push(id ?? '')
  }
  return [...swept, ...(await sweepTables(client, inside, signal))]
}

async function sweepTables(client: EC2Client, inside: { Filters: { Name: string; Values: string[] }[] }, signal: AbortSignal): Promise<string[]> {
  const abort = { abortSignal: signal }
  const swept: string[] = []
  const { RouteTables = [] } = await client.send(new DescribeRouteTablesCommand(inside), abort)
  for (const { RouteTableId: id, Associations = [] } of RouteTables) {
    if (Associations.some((one) => one.Main === true)) continue
    for (const one of Associations) await client.send(new DisassociateRouteTableCommand({ AssociationId: one.RouteTableAssociationId }), abort)
    await client.send(new DeleteRouteTableCommand({ RouteTableId: id }), abort)
    swept.push(id ?? '')
  }
  const { SecurityGroups = [] } = await client.send(new DescribeSecurityGroupsCommand(inside), abort)
  for (const { GroupId: id } of SecurityGroups.filter((group) => group.GroupName !== 'default')) {
    await client.send(new DeleteSecurityGroupCommand({ GroupId: id }), abort)
    swept.push(id ?? '')
  }
  return swept
}
