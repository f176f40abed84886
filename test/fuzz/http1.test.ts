// The HTTP/1.1 engine against Node's llhttp: what we accept, llhttp reads the same way; how the bytes are cut changes nothing.
//
// EDGEFRONT_FUZZ_S: seconds to go on (default 4). EDGEFRONT_FUZZ_SEED: repeats a run.
import { METHODS } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { silentLog } from '../../src/base/log';
import { Http1Connection } from '../../src/edge/http/http1-connection';
import type { ConnectionHost } from '../../src/edge/http/connection-host';
import { nobody } from '../../src/edge/http/viewer-address';
import { HeadBlock, type Exchange } from '../../src/edge/http/exchange';
import { defaultHttpLimits } from '../../src/edge/http/limits';
import { Scratch } from '../../src/edge/http/output';
import { seededRandom, type Random } from '../fixtures/random';
import { ViewerSocket } from '../fixtures/viewer-socket';

interface Message {
  method: string;
  /** Path and query, without scheme and authority. */
  target: string;
  fields: string[];
  body: string;
  whole: boolean;
}

interface Heard { readonly messages: Message[]; readonly ending: 'open' | 'refused' | 'closed' }

const okBlock = new HeadBlock(200, []);
const refusalBody = Buffer.from('refused');

/** Runs a connection over `reads` and returns what its handler was given. */
async function hear(reads: readonly Buffer[]): Promise<Heard & { readonly answers: number }> {
  const messages: Message[] = [];
  let refused = false;
  const handler = (exchange: Exchange): void => {
    const { method, path, query, fields, hasBody } = exchange.request;
    const message: Message = { method, target: query === null ? path : `${path}?${query}`, fields: [...fields], body: '', whole: !hasBody };
    messages.push(message);
    if (!hasBody) {
      exchange.answer(okBlock, [], null);
      return;
    }
    exchange.body()
      .on('data', (piece: Buffer) => { message.body += piece.toString('latin1'); })
      .on('error', () => exchange.answer(okBlock, [], null))
      .on('end', () => {
        message.whole = true;
        exchange.answer(okBlock, [], null);
      });
  };
  const host: ConnectionHost = {
    handler, limits: defaultHttpLimits, scheme: 'http', proxies: nobody, log: silentLog, scratch: new Scratch(), nowMs: 0, date: 'now', dateLine: 'Date: now\r\n', closing: false,
    malformed: (status) => {
      refused = true;
      return { block: new HeadBlock(status, []), body: refusalBody };
    },
    gone: () => {},
  };
  const socket = new ViewerSocket();
  const connection = new Http1Connection(host, socket.asSocket(), { address: '192.0.2.7', port: 4711 });
  for (const read of reads) {
    socket.emit('data', read);
    // A body flows to its reader between reads, as it does with a real socket.
    await turn();
  }
  for (let previous = -1; previous !== socket.taken.length;) {
    previous = socket.taken.length;
    await turn();
    await turn();
  }
  const ending = refused ? 'refused' : socket.ended || socket.destroyedHow !== 'no' ? 'closed' : 'open';
  const answers = socket.text().split('HTTP/1.1 200 OK\r\n').length - 1;
  socket.emit('close');
  void connection;
  return { messages, ending, answers };
}

interface LlhttpParser {
  initialize(type: number, resource: object, headBytesMax: number): void;
  execute(bytes: Buffer): number | Error;
  [callback: number]: (...args: never[]) => unknown;
}
interface LlhttpConstructor {
  new (): LlhttpParser;
  readonly REQUEST: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}
// eslint-disable-next-line @typescript-eslint/no-require-imports -- Node offers llhttp alone only under this name
const { HTTPParser } = require('_http_common') as { HTTPParser: LlhttpConstructor };

/** What llhttp makes of the same bytes. */
function hearLlhttp(bytes: Buffer): { messages: Message[]; failed: boolean; upgraded: boolean } {
  const messages: Message[] = [];
  let early: string[] = [];
  let earlyUrl = '';
  let upgraded = false;
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, 1_000_000);
  parser[HTTPParser.kOnHeaders] = (fields: string[], url: string): void => {
    early.push(...fields);
    earlyUrl += url;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number, _minor: number, fields: string[] | undefined, method: number, url: string | undefined, _status: unknown, _reason: unknown, upgrade: boolean,
  ): number => {
    upgraded ||= upgrade;
    const all = [...early, ...(fields ?? [])];
    messages.push({
      method: methodOf(method), target: withoutAuthority(earlyUrl + (url ?? ''), methodOf(method)),
      fields: beyondConnection(all.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text)), earlyUrl + (url ?? '')), body: '', whole: false,
    });
    early = [];
    earlyUrl = '';
    return 0;
  };
  const last = (): Message => messages[messages.length - 1] as Message;
  parser[HTTPParser.kOnBody] = (piece: Buffer): void => { last().body += piece.toString('latin1'); };
  parser[HTTPParser.kOnMessageComplete] = (): void => {
    last().whole = true;
    // Trailers were reported as if they were fields of the next message.
    early = [];
    earlyUrl = '';
  };
  const result = parser.execute(bytes);
  return { messages, failed: typeof result !== 'number', upgraded };
}

// eslint-disable-next-line @typescript-eslint/no-require-imports -- see above
const { allMethods, methods } = require('_http_common') as { allMethods?: string[]; methods: string[] };
const methodOf = (index: number): string => (allMethods ?? methods)[index] ?? '?';

/** What a handler is told of the fields that came: without those that Connection names, and with the target's authority for Host. */
function beyondConnection(fields: readonly string[], url: string): string[] {
  const options = fields.flatMap((text, i) => (i % 2 === 1 && fields[i - 1] === 'connection' ? text.toLowerCase().split(',') : [])).map((option) => option.trim());
  const named = options.filter((name) => !['', 'close', 'keep-alive', 'host', 'x-forwarded-for'].includes(name));
  const authority = /^https?:\/\/([^/?]*)/i.exec(url)?.[1];
  const dropped = [...(named.length > 0 ? ['connection', ...named] : []), ...(authority === undefined ? [] : ['host'])];
  const kept = fields.filter((_, i) => !dropped.includes(fields[i - (i % 2)] as string));
  return authority === undefined ? kept : ['host', authority, ...kept];
}

function withoutAuthority(url: string, method: string): string {
  const match = /^https?:\/\/[^/?]*(.*)$/is.exec(url);
  if (match === null) return url;
  const rest = match[1] as string;
  if (rest === '') return method === 'OPTIONS' ? '*' : '/';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

// ---- what is sent ----

const methodsTried = ['GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'];
const targets = ['/', '/a', '/a/b.html?x=1&y', '/?', '/%7e', '*', 'http://h.test/p?q', 'http://h.test', '/a#b', '/\xe9', ''];
const lines = [
  'Accept: */*', 'User-Agent: fuzz', 'X:', 'X: \t a b \t', 'Cookie: a=b; c="d"', 'X-\xe9: 1', 'X: \xe9\xff', 'Connection: keep-alive', 'Connection: close',
  'Expect: 100-continue', 'Range: bytes=0-1', 'Host: other', 'X : 1', ' folded', 'Transfer-Encoding: gzip', 'Content-Length: 0', 'Keep-Alive: 1', 'TE: trailers',
];
const scraps = ['\r', '\n', '\r\n', '\0', ' ', '\t', ':', ';', ',', '0', '1', 'f', 'chunked', '\r\n\r\n', '\x7f', '\xff', 'HTTP/1.1', 'HTTP/1.0', 'Host: a\r\n', '"', '=',
  'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'];

function bodyText(random: Random): string {
  return Array.from({ length: random.below(40) }, () => String.fromCharCode(random.below(4) === 0 ? random.pick([13, 10, 48, 58]) : random.below(256))).join('');
}

function chunkedBody(random: Random, content: string): string {
  let text = '';
  for (let at = 0; at < content.length;) {
    const bytes = 1 + random.below(content.length - at);
    const size = bytes.toString(16).padStart(1 + random.below(3), '0');
    const extension = random.pick(['', '', '', ';a', ';a=b', ';a="b;c"', ';a;b=1', '; a', ' ']);
    text += `${size}${extension}\r\n${content.slice(at, at + bytes)}\r\n`;
    at += bytes;
  }
  return `${text}0${random.pick(['', '', ';x'])}\r\n${random.pick(['', '', 'T: 1\r\n', 'T: 1\r\nU:\r\n', 'T: 1\r\nU: 2\r\nContent-Length: 5\r\n'])}\r\n`;
}

function request(random: Random): string {
  const version = random.pick(['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0']);
  let target = random.pick(targets.slice(0, random.below(6) === 0 ? targets.length : 5));
  const method = target === '*' ? 'OPTIONS' : random.pick(methodsTried);
  if (target === '') target = '/';
  const fields = random.below(30) === 0 ? [] : ['Host: a.test'];
  for (let count = random.below(6); count > 0; count -= 1) fields.push(random.pick(random.below(4) === 0 ? lines : lines.slice(0, 5)));
  let body = '';
  const framing = random.below(3);
  if (framing === 1) {
    body = bodyText(random);
    fields.push(`Content-Length: ${body.length}`);
  } else if (framing === 2 && version === 'HTTP/1.1') {
    body = chunkedBody(random, bodyText(random));
    fields.push('Transfer-Encoding: chunked');
  }
  return `${random.below(20) === 0 ? '\r\n' : ''}${method} ${target} ${version}\r\n${fields.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
}

function mutate(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const end = Math.min(text.length, at + random.below(4));
  switch (random.below(5)) {
    case 0: return text.slice(0, at) + random.pick(scraps) + text.slice(at);
    case 1: return text.slice(0, at) + text.slice(end);
    case 2: return text.slice(0, at) + random.pick(scraps) + text.slice(end);
    case 3: return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    default: return text.slice(0, at) + text.slice(at, end) + text.slice(at);
  }
}

function stream(random: Random): Buffer {
  let text = '';
  for (let count = 1 + random.below(4); count > 0; count -= 1) text += request(random);
  for (let count = Math.max(0, random.below(5) - 1); count > 0; count -= 1) text = mutate(random, text);
  if (random.below(8) === 0) text = text.slice(0, random.below(text.length + 1));
  return Buffer.from(text, 'latin1');
}

function cut(random: Random, bytes: Buffer): Buffer[] {
  const pieceMax = random.pick([1, 3, 20, 200]);
  const reads: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + 1 + random.below(pieceMax));
    reads.push(bytes.subarray(at, end));
    at = end;
  }
  return reads;
}

// ---- what must hold ----

const knownMethods = new Set(METHODS);

/** Why the two disagree in a way that must not be; null when they do not. */
function disagreement(ours: Heard, theirs: ReturnType<typeof hearLlhttp>): string | null {
  for (const [i, mine] of ours.messages.entries()) {
    // llhttp knows a list of methods, we leave them to the handler: from here on it reads nothing.
    if (!knownMethods.has(mine.method)) return null;
    const other = theirs.messages[i];
    if (other === undefined) return `llhttp does not read message ${i}`;
    if (mine.method !== other.method || mine.target !== other.target) return `line of message ${i}`;
    if (JSON.stringify(mine.fields) !== JSON.stringify(other.fields)) return `fields of message ${i}`;
    if (mine.whole ? mine.body !== other.body || !other.whole : !other.body.startsWith(mine.body)) return `body of message ${i}`;
  }
  return null;
}

const same = (a: Heard, b: Heard): boolean => JSON.stringify(a) === JSON.stringify(b);

/** A line that came in pieces is judged when its end comes, one that came at once may be refused before: no message may differ. */
const undecided = (whole: Heard, pieces: Heard): boolean =>
  whole.ending === 'refused' && pieces.ending === 'open' && same({ ...whole, ending: 'open' }, pieces);
const lineEnds = Buffer.from('\r\n\r\n');

test('llhttp reads what we accept as we do, however it is cut', async () => {
  const random = seededRandom('fuzz http1');
  const endsAtMs = Date.now() + Number(process.env['EDGEFRONT_FUZZ_S'] ?? 4) * 1000;
  const tally = { cases: 0, messages: 0, refused: 0, closed: 0, open: 0, bodies: 0 };
  while (Date.now() < endsAtMs) {
    const bytes = stream(random);
    const whole = await hear([bytes]);
    const pieces = await hear(cut(random, bytes));
    const context = `seed ${random.seed}, case ${tally.cases}: ${JSON.stringify(bytes.toString('latin1'))}`;
    if (!same(whole, pieces) && !(undecided(whole, pieces) && same(await hear([bytes, lineEnds]), await hear([...cut(random, bytes), lineEnds])))) {
      throw new Error(`cutting changes the result\n${context}\n${JSON.stringify(whole)}\n${JSON.stringify(pieces)}`);
    }
    const theirs = hearLlhttp(bytes);
    const problem = theirs.upgraded ? null : disagreement(whole, theirs);
    if (problem !== null) throw new Error(`${problem}\n${context}\nours ${JSON.stringify(whole)}\nllhttp ${JSON.stringify(theirs)}`);
    tally.cases += 1;
    tally[whole.ending] += 1;
    tally.messages += whole.messages.length;
    tally.bodies += whole.messages.filter((message) => message.body !== '').length;
  }
  process.stdout.write(`fuzz http1: ${JSON.stringify(tally)}\n`);
  // The cases must be worth something: plenty accepted, plenty refused, bodies among them.
  for (const count of Object.values(tally)) expect(count).toBeGreaterThan(10);
}, 1_000_000);
