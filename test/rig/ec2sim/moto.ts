import { request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { printForm, type Form } from './form.ts'
import { childrenOf, find, parseXml, textAt, type Xml, type XmlDocument } from './xml.ts'

/** An HTTP answer, whole. */
export interface Answer {
  status: number
  headers: Record<string, string>
  body: string
}

/** The EC2 that keeps the instances. */
export interface Moto {
  readonly url: string
  /** The call as it stands. Rejects where moto cannot be reached. */
  send(form: Form, region: string): Promise<Answer>
  /** The call, which must succeed; throws MotoError with the answer where it does not. */
  ask(form: Form, region: string): Promise<XmlDocument>
  /** Every reservation that passes the filters (all pages), or that holds the ids. `document` is the last page's. */
  reservations(form: Form, region: string): Promise<{ document: XmlDocument; reservations: Xml[] }>
  /** Any other request, byte for byte both ways. */
  pass(incoming: IncomingMessage, outgoing: ServerResponse): void
}

export class MotoError extends Error {
  override readonly name = 'MotoError'
  readonly answer: Answer
  constructor(answer: Answer) {
    super(`moto answered ${answer.status}: ${answer.body.slice(0, 500)}`)
    this.answer = answer
  }
}

/** A call of ec2sim's own. */
export function formOf(action: string, entries: Record<string, string>): Form {
  return { action, entries: new Map(Object.entries({ Action: action, Version: '2016-11-15', ...entries })) }
}

export function openMoto(url: string): Moto {
  const moto: Moto = {
    url,
    send: (form, region) => post(url, printForm(form), region),
    async ask(form, region) {
      const answer = await moto.send(form, region)
      if (answer.status !== 200) throw new MotoError(answer)
      return parseXml(answer.body)
    },
    async reservations(form, region) {
      const entries = new Map(form.entries)
      entries.delete('NextToken')
      entries.delete('MaxResults')
      if (![...entries.keys()].some((key) => key.startsWith('InstanceId.'))) entries.set('MaxResults', '1000')
      for (const reservations: Xml[] = []; ; ) {
        const document = await moto.ask({ action: form.action, entries }, region)
        const set = find(document.root, 'reservationSet')
        if (!set) throw new Error('DescribeInstances gave no reservationSet')
        reservations.push(...childrenOf(set))
        const next = textAt(document.root, 'nextToken')
        if (next === '') return { document, reservations }
        entries.set('NextToken', next)
      }
    },
    pass(incoming, outgoing) {
      const { hostname, port } = new URL(url)
      const onward = request({ hostname, port, method: incoming.method, path: incoming.url, headers: incoming.rawHeaders, agent: false }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders)
        answer.pipe(outgoing)
        answer.once('error', () => outgoing.destroy())
      })
      onward.once('error', (error) => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end(`ec2sim cannot reach ${url}: ${error.message}`)))
      outgoing.once('close', () => onward.destroy())
      incoming.pipe(onward)
    },
  }
  return moto
}

function post(url: string, body: string, region: string): Promise<Answer> {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded; charset=utf-8', 'content-length': Buffer.byteLength(body),
    authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/ec2/aws4_request, SignedHeaders=host, Signature=0`,
  }
  return new Promise((resolve, reject) => {
    const onward = request(url, { method: 'POST', headers, agent: false }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.once('error', reject)
      answer.once('end', () => resolve({ status: answer.statusCode ?? 502, headers: kept(answer.headers), body: Buffer.concat(chunks).toString('utf8') }))
    })
    onward.once('error', reject)
    onward.end(body)
  })
}

/** What belongs to the answer, not to the connection it came by. */
function kept(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' && !['connection', 'content-length', 'transfer-encoding'].includes(name) ? [[name, value]] : [])))
}
