// POST /enrol on the nodes' channel: a machine with a one-time token becomes a node with a key of its own.
import { createHash, createPublicKey, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault, messageOf } from '../base/fault';
import { canonicalAddress } from '../base/ip-ranges';
import type { Log } from '../base/log';
import { carriesSecrets } from '../snapshot/carries-secrets';
import type { NodeGate } from '../snapshot/node-gate';
import { enrolPath, readEnrolRequest } from '../snapshot/wire';
import type { Store } from '../store/store';

const bodyBytesMax = 16 * 1024;

export interface EnrolmentParts {
  readonly store: Pick<Store, 'enrolments' | 'onBehalfOf'>;
  readonly gate: NodeGate;
  readonly log: Log;
}

/** Why a token does not let a machine in, as the machine is told. One that is not known tells no more than that. */
const refusals = {
  missing: 'there is no such token', used: 'the token was used already', expired: 'the token has expired',
  'not-for-it': 'the token is for another node or another kind of node', 'name-taken': 'a node of this name has enrolled; only a token made for it replaces its key',
} as const;

/** Answers requests that are not upgrades. */
export function enrolmentHandler(parts: EnrolmentParts): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    answerOf(request, parts).then(([status, text]) => {
      if (!request.complete) response.setHeader('connection', 'close');
      response.writeHead(status, { 'content-type': 'text/plain', ...(status === 204 ? {} : { 'content-length': Buffer.byteLength(text) }) }).end(status === 204 ? undefined : text);
    }, (thrown: unknown) => {
      parts.log.warn('enrolment-failed', { reason: messageOf(thrown) });
      response.writeHead(503, { connection: 'close' }).end();
    });
  };
}

async function answerOf(request: IncomingMessage, { store, gate, log }: EnrolmentParts): Promise<readonly [number, string]> {
  if (request.url !== enrolPath || request.method !== 'POST') return [426, 'nodes come by WebSocket'];
  const address = canonicalAddress(request.socket.remoteAddress ?? '') ?? '';
  try {
    gate.throttle(address);
    if (!carriesSecrets(request.socket)) return [403, 'enrolment needs TLS that ends at the worker'];
    const wanted = readEnrolRequest(await bodyOf(request));
    checkKey(wanted.publicKey);
    const [tokenId = '', secret = ''] = wanted.token.split('.');
    const hash = createHash('sha256').update(secret).digest('hex');
    const author = { accessKeyId: await store.enrolments.creatorOf(tokenId) ?? '', operation: 'EnrolNode', requestId: randomUUID(), address };
    const { outcome } = await store.onBehalfOf(author, () => store.enrolments.enrol({ ...wanted, tokenId, hash }));
    if (outcome === 'done') {
      log.info('node-enrolled', { node: wanted.node, role: wanted.role, token: tokenId, address });
      return [204, ''];
    }
    gate.failed(address);
    log.warn('enrolment-refused', { node: wanted.node, token: tokenId.slice(0, 32), reason: outcome, address });
    return [403, refusals[outcome]];
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.source !== 'peer') throw thrown;
    if (thrown.kind === 'too-many-attempts') return [429, thrown.message];
    gate.failed(address);
    return [400, thrown.message];
  }
}

/** Only what tokens are signed with (ES256). */
function checkKey(pem: string): void {
  let details: { readonly type: string | undefined; readonly curve: string | undefined };
  try {
    const key = createPublicKey(pem);
    details = { type: key.asymmetricKeyType, curve: key.asymmetricKeyDetails?.namedCurve };
  } catch {
    throw new Fault('malformed-message', 'peer', 'the public key cannot be read');
  }
  if (details.type !== 'ec' || details.curve !== 'prime256v1') throw new Fault('malformed-message', 'peer', 'the public key must be of P-256');
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new Fault('too-large', 'peer', 'the request is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
