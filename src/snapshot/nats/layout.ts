// Where things are on NATS: the streams, their subjects and headers. docs/decisions/0040 says why it is so.
//
// For each role there is a log, the very deltas that nodes on sockets are sent, one after the other; and a bucket with the
// newest version of every site, for a node that the log no longer reaches back for. What the log accepts it repeats on a
// plain subject, which nodes listen to. A bucket is laid out as `nats kv` expects it.
import { inflateRawSync, deflateRawSync } from 'node:zlib';
import { Fault, messageOf } from '../../base/fault';
import { fromWorkerBytesMax, type NodeRole } from '../wire';

export const logStream = (role: NodeRole): string => `EDGEFRONT_LOG_${role}`;
export const logSubject = (role: NodeRole): string => `edgefront.log.${role}`;
export const liveSubject = (role: NodeRole): string => `edgefront.live.${role}`;

export const bucketStream = (role: NodeRole): string => `KV_edgefront_${role}`;
const keyPrefix = (role: NodeRole): string => `$KV.edgefront_${role}.`;
export const bucketSubjects = (role: NodeRole): string => `${keyPrefix(role)}>`;
export const siteSubjects = (role: NodeRole): string => `${keyPrefix(role)}site.*`;
export const siteSubject = (role: NodeRole, site: string): string => `${keyPrefix(role)}site.${tokenOf(site)}`;
export const headSubject = (role: NodeRole): string => `${keyPrefix(role)}head`;

/** From the worker that publishes: that it lives, and how far it is. */
export const beatSubject = 'edgefront.beat';
/** From a worker that does not know all nodes: say hello. */
export const rollSubject = 'edgefront.roll';
export const rollOfSubject = (token: string): string => `${rollSubject}.${token}`;
/** The list of edges, in the form in which nodes of a role are told of it. */
export const fleetSubject = (role: NodeRole): string => `edgefront.fleet.${role}`;

/** To edges: the fleet's keys, when they have changed; and to one that has come. */
export const keysSubject = 'edgefront.keys';
export const keysOfSubject = (token: string): string => `${keysSubject}.${token}`;

export const nodeSubjects = 'edgefront.node.*.*';
export type NodeWord = 'hello' | 'ack' | 'health' | 'leave';
export const nodeSubject = (node: string, word: NodeWord): string => `edgefront.node.${tokenOf(node)}.${word}`;
/** Replies to a node's requests; its own, so that no other node may hear them. */
export const inboxPrefix = (node: string): string => `_INBOX_${tokenOf(node)}`;

const workerInboxes = '_INBOX_worker';
export const workerInboxPrefix = (worker: string): string => `${workerInboxes}.${worker}`;
export const workerInboxSubjects = `${workerInboxes}.>`;

/** A name as one token of a subject: what means something to NATS, or is not ASCII, as `=` and two hexadecimal digits. */
export function tokenOf(name: string): string {
  return [...Buffer.from(name)].map((byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9_-]/.test(char) ? char : `=${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}

/** Who says what on a node's subject, or null. */
export function wordOf(subject: string): { readonly token: string; readonly word: string } | null {
  const [, token, word] = /^edgefront\.node\.([^.]+)\.([^.]+)$/.exec(subject) ?? [];
  return token === undefined || word === undefined ? null : { token, word };
}

/** The identity of the history that seqs count in. */
export const epochHeader = 'Edgefront-Epoch';
/** A delta leads from the state at this seq … */
export const fromHeader = 'Edgefront-From';
/** … to the state at this one. */
export const toHeader = 'Edgefront-To';
/** The transfer has another part. */
export const moreHeader = 'Edgefront-More';
const encodingHeader = 'Edgefront-Encoding';
/** As `nats kv` marks a key that was removed. */
export const operationHeader = 'KV-Operation';

/** How far the bucket is. */
export interface Head { readonly epoch: string; readonly seq: number }

export interface Beat extends Head {
  /** One run of one worker. */
  readonly worker: string;
}

/** Room for a message's headers, within what the server takes. */
export const headerBytes = 4 * 1024;
/** What is longer is deflated. */
const plainBytesMax = 64 * 1024;

interface Headers { get(name: string): string; set(name: string, value: string): void; has(name: string): boolean }

/** A text as it travels, the header that says so included. */
export function pack(text: string, headers: Headers): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length <= plainBytesMax) return bytes;
  headers.set(encodingHeader, 'deflate');
  return deflateRawSync(bytes, { level: 1 });
}

/** @throws Fault `malformed-message` */
export function unpack(data: Uint8Array, headers: Headers | undefined): string {
  if (headers?.has(encodingHeader) !== true) return Buffer.from(data).toString('utf8');
  try {
    return inflateRawSync(data, { maxOutputLength: fromWorkerBytesMax }).toString('utf8');
  } catch (thrown) {
    throw new Fault('malformed-message', 'peer', `malformed message: ${messageOf(thrown)}`);
  }
}

/** A seq in a header. @throws Fault `malformed-message` */
export function seqIn(headers: Headers | undefined, name: string): number {
  const text = headers?.get(name) ?? '';
  if (!/^\d{1,15}$/.test(text)) throw new Fault('malformed-message', 'peer', `malformed message: ${name}`);
  return Number(text);
}

/** @throws Fault `malformed-message` */
export function headOf(data: Uint8Array): Head {
  let value: unknown;
  try { value = JSON.parse(Buffer.from(data).toString('utf8')); } catch { value = null; }
  if (typeof value === 'object' && value !== null) {
    const { epoch, seq } = value as Partial<Head>;
    if (typeof epoch === 'string' && typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= 0) return { epoch, seq };
  }
  throw new Fault('malformed-message', 'peer', 'malformed message: not an epoch and a seq');
}

/** @throws Fault `malformed-message` */
export function beatOf(data: Uint8Array): Beat {
  const head = headOf(data);
  const { worker } = JSON.parse(Buffer.from(data).toString('utf8')) as Partial<Beat>;
  if (typeof worker !== 'string') throw new Fault('malformed-message', 'peer', 'malformed message: no worker');
  return { ...head, worker };
}
