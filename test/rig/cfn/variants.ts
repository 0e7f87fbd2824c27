/** Every shape of an installation, as `deploy.yaml` says it. Shared by the tests of the template. */
const BASE = 'region: us-east-1\nallow_cidrs: [203.0.113.7/32]\n'
export const VARIANTS: Readonly<Record<string, string>> = {
  default: BASE,
  'two zones, a bucket that is there': `${BASE}network: {cidr: 10.9.0.0/20, zones: 2}\nbucket: {name: my-checkpoints, prefix: team/drover}\n`,
  Aurora: `${BASE}database: {type: aurora}\n`,
  'Postgres and NATS elsewhere': `${BASE}database: {type: external, url_secret: "arn:aws:secretsmanager:us-east-1:123456789012:secret:pg-AbCdEf", port: 6432}\nnats_urls: ["tls://nats.example.com:4443"]\n`,
  'EFA and EFS': `${BASE}efa: true\nshared_files: {type: efs}\n`,
  FSx: `${BASE}shared_files: {type: fsx, storage_size: 2400}\n`,
  'data buckets, own images, tags': `${BASE}data_buckets: [data-a, data-b]\nagent_image: ami-0123456789abcdef0\nmaster: {image: ami-0123456789abcdef1, certificate_secret: "arn:aws:secretsmanager:us-east-1:123456789012:secret:tls-AbCdEf"}\ntags: [{key: team, value: vision}]\n`,
}

/** A network that is there: its ids are those of the account that the test made. */
export function existingNetwork(vpc: string, subnets: readonly string[]): string {
  return `${BASE}network: {vpc: ${vpc}, subnets: [${subnets.join(', ')}]}\n`
}
