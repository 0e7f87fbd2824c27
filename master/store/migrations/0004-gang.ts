/** When the end that exit_kind tells of came, by its host's clock: of a gang the first end is the cause of the others. */
export const up = `
ALTER TABLE allocations ADD COLUMN exit_at timestamptz;
`
