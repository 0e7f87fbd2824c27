/**
 * Which paths of the model definition stay at home: the subset of gitignore that people use. A blank line and `#`
 * are nothing, `!` takes back, a closing `/` means directories, a `/` elsewhere ties the pattern to the root,
 * `*`, `?`, `[a-z]` stay within a name, `**` crosses them. The last rule that matches decides.
 */
export interface IgnoreRules {
  /** `path` is relative, with `/`; a directory that is ignored is not entered. */
  ignores(path: string, isDirectory: boolean): boolean
}

/** What no training needs: compiled Python, histories, editors' own files. As Determined's clients have it. */
export const DEFAULT_RULES = [
  '__pycache__/', '*.py[co]', '*$py.class', 'terraform', 'terraform_data', 'terraform.tfstate*', 'terraform.tfvars*', '.terraform*', '.git/', '.vscode/',
  '.idea/', '.mypy_cache/', '/shared_fs', '.detignore', '.droverignore',
]

interface Rule {
  matches: RegExp
  directoryOnly: boolean
  takesBack: boolean
}

export function parseIgnoreRules(lines: readonly string[]): IgnoreRules {
  const rules = lines.map(ruleOf).filter((rule) => rule !== null)
  return {
    ignores(path, isDirectory) {
      let ignored = false
      for (const rule of rules) {
        if (rule.directoryOnly && !isDirectory) continue
        if (ignored === rule.takesBack && rule.matches.test(path)) ignored = !rule.takesBack
      }
      return ignored
    },
  }
}

function ruleOf(line: string): Rule | null {
  let pattern = line.replace(/\r$/, '').replace(/(?<!\\) +$/, '')
  if (pattern === '' || pattern.startsWith('#')) return null
  const takesBack = pattern.startsWith('!')
  if (takesBack) pattern = pattern.slice(1)
  const directoryOnly = pattern.endsWith('/')
  if (directoryOnly) pattern = pattern.slice(0, -1)
  const tied = pattern.includes('/')
  if (pattern.startsWith('/')) pattern = pattern.slice(1)
  if (pattern === '') return null
  return { matches: new RegExp(`^${tied ? '' : '(?:.*/)?'}${expressionOf(pattern)}$`, 's'), directoryOnly, takesBack }
}

function expressionOf(pattern: string): string {
  let text = ''
  for (let i = 0; i < pattern.length; ) {
    const [part, length] = tokenAt(pattern, i)
    text += part
    i += length
  }
  return text
}

/** The expression of the token that begins at `i`, and how many characters it takes. */
function tokenAt(pattern: string, i: number): [string, number] {
  const rest = pattern.slice(i)
  if (rest.startsWith('**/')) return ['(?:.*/)?', 3]
  if (rest === '**') return ['.+', 2]
  const stars = /^\*+/.exec(rest)
  if (stars !== null) return ['[^/]*', stars[0].length]
  if (rest.startsWith('?')) return ['[^/]', 1]
  const set = /^\[(!?)(\]?[^\]]*)\]/.exec(rest)
  if (set !== null && set[2] !== '') return [`(?!/)[${set[1] === '!' ? '^' : ''}${(set[2] ?? '').replace(/[\\\]^[]/g, '\\$&')}]`, set[0].length]
  const literal = rest.startsWith('\\') && rest.length > 1 ? rest.slice(1, 2) : rest.slice(0, 1)
  return [literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), rest.startsWith('\\') && rest.length > 1 ? 2 : 1]
}
