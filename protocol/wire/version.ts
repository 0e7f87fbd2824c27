/**
 * Version of everything an agent and a master say to each other. `version.test.ts` hashes the schemas: a change
 * without a new version fails there.
 *
 * 1  first
 * 2  gangs (rendezvous, peers), retirement (retire, drained), notices of EC2, zone in the inventory
 * 3  early exits of trials, commands (taskType of a spec), the determined package in containers (harness, batches, status, checkpoints as reported, of gangs in parts)
 */
export const PROTOCOL_VERSION = 3
/** What Drover answers at /info, so that the frozen `determined` client meets the version it knows. */
export const DETERMINED_VERSION = '0.38.1'
export const DROVER_VERSION = '0.1.0'
