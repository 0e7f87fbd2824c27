import { expect, test } from 'vitest'
import { meantAllocation, meantTask, shownAllocationId, shownTaskId } from './task-ids.ts'

/** As `determined.cli.ntsc` has it: what it does not match it takes for the beginning of an id, and asks for a list. */
const TAKEN_BY_DET = /^(?:[0-9]+\.)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

test('a trial and a command are shown so that the det client takes them, and come back as they were', () => {
  for (const trial of [1, 12, 4_095, 2_147_483_647]) {
    const shown = shownTaskId(`trial-${trial}`, 3)
    expect(shown).toMatch(TAKEN_BY_DET)
    expect(meantTask(shown)).toEqual({ id: `trial-${trial}`, experimentId: 3 })
    expect(meantAllocation(shownAllocationId(`trial-${trial}.17`, 3))).toBe(`trial-${trial}.17`)
  }
  const command = 'command-0b0d7a4e-4f0c-4a53-9f60-0a6b6f3b7a11'
  expect(shownTaskId(command, null)).toMatch(TAKEN_BY_DET)
  expect(meantTask(shownTaskId(command, null))).toEqual({ id: command, experimentId: null })
  expect(meantAllocation(shownAllocationId(`${command}.1`, null))).toBe(`${command}.1`)
})

test('our own form is taken as it is; what is no id of anybody leads to nothing that could be there', () => {
  for (const text of ['trial-7', 'command-x', '', '7.', '..', '1.trial-7']) expect(meantTask(text)).toEqual({ id: text, experimentId: null })
  expect(meantTask('1.0b0d7a4e-4f0c-4a53-9f60-0a6b6f3b7a11')).toEqual({ id: 'trial-0', experimentId: 1 })
  expect(meantAllocation('trial-7.2')).toBe('trial-7.2')
  expect(meantAllocation('no allocation')).toBe('no allocation')
})
