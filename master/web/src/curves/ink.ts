/** Colours of a chart. Training and validation are told apart by those who do not see red and green apart, too. */
export interface Ink {
  axis: string
  grid: string
}

export function inkOf(scheme: 'light' | 'dark'): Ink {
  return scheme === 'dark' ? { axis: '#9aa5ad', grid: '#2e3438' } : { axis: '#5c6770', grid: '#e8ecee' }
}

const TRAINING = '#2f86d6'
const VALIDATION = '#e0731d'
const OTHERS = ['#12936f', '#b2559b', '#8a6fd1', '#a58a13', '#c9504a']

export function seriesColour(group: string, index: number): string {
  // A second measure of the same group in one chart must not look like the first.
  if (group === 'training' && index === 0) return TRAINING
  if (group === 'validation' && index <= 1) return VALIDATION
  return OTHERS[index % OTHERS.length] as string
}
