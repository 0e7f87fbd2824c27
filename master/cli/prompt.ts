import type { ReadStream } from 'node:tty'
import { CliError, EXIT } from './fail.ts'

/** Asks on a terminal without echo. Ctrl-C and Ctrl-D give up. */
export function askPassword(input: ReadStream, output: NodeJS.WritableStream, question: string): Promise<string> {
  output.write(question)
  input.setRawMode(true)
  input.setEncoding('utf8')
  input.resume()
  return new Promise((resolve, reject) => {
    let typed = ''
    const finish = (act: () => void): void => {
      input.off('data', onData)
      input.setRawMode(false)
      input.pause()
      output.write('\n')
      act()
    }
    const onData = (chunk: string | Buffer): void => {
      for (const character of String(chunk)) {
        if (character === '\r' || character === '\n') return finish(() => resolve(typed))
        if (character === '\u0003' || character === '\u0004') return finish(() => reject(new CliError(EXIT.interrupted, 'no password was given', 'run the command again')))
        typed = character === '\u007f' || character === '\b' ? typed.slice(0, -1) : character === '\u0015' ? '' : typed + character
      }
    }
    input.on('data', onData)
  })
}

const STDIN_MAX = 4096

/** The first line of standard input. */
export async function readPassword(input: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  for await (const chunk of input) {
    text += String(chunk)
    if (text.includes('\n') || text.length > STDIN_MAX) break
  }
  return (text.split('\n', 1)[0] ?? '').replace(/\r$/, '')
}
