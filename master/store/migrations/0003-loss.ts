/** What an alarm is about. Applied migrations are never edited. */
export const up = `
-- brake: {agents}, those that fell silent together. brake-off: {agents, by}; by null = half of them came back.
ALTER TABLE alarms ADD COLUMN data jsonb NOT NULL DEFAULT '{}';
`
