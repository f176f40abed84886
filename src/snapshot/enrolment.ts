// A node's identity: a key pair of its own that it makes and keeps, and the one-time token by which the worker comes to know it.
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { request as requestInTheClear } from 'node:http';
import { request as requestOverTls } from 'node:https';
import path from 'node:path';
import { nodeNameOf, secretsOf, workerUrlsOf, type Config } from '../base/config';
import { codeOf, Fault, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { sleep } from '../base/service';
import { readWhole } from '../base/watched-file';
import { urlCarriesSecrets } from './carries-secrets';
import { enrolledCredential, sharedCredential, type NodeCredential } from './credential';
import { enrolPath, type EnrolRequest, type NodeRole } from './wire';

export interface EnrolmentOptions {
  readonly node: string;
  readonly role: NodeRole;
  /** The token or, when it starts with `/`, the path of a file with it; null: this node enrolled before. */
  readonly token: string | null;
  readonly workerUrls: readonly string[];
  /** File with root certificates (PEM) by which the worker is known; null: the token's. */
  readonly workerCaFile: string | null;
  /** The node's own directory. */
  readonly dir: string;
  readonly log: Log;
}

/** Of a token, as `POST /edgefront/v1/enrolment-tokens` writes it: id, secret, and the root certificate (DER) of the installation's authority. */
interface Token { readonly id: string; readonly secret: string; readonly authority: string | null }

interface Identity {
  readonly node: string;
  readonly role: NodeRole;
  readonly tokenId: string;
  /** PEM, PKCS #8. */
  readonly privateKey: string;
  /** PEM. */
  readonly authority: string | null;
  /** False until the worker has said that it knows the key. */
  readonly enrolled: boolean;
}

/** Certificates that come with a certificate authority's bundle. */
export const workerCaBytesMax = 4 * 1024 * 1024;
const answerBytesMax = 64 * 1024;
const requestTimeoutMs = 5_000;
/** How long a worker is waited for; then the process ends, and whoever watches over it starts it again. */
const waitMsMax = 30_000;
const retryMs = 1_000;
/** Codes of OpenSSL's and Node's for a certificate that is not one of the authority's for this name. */
const notBelieved = /CERT|SIGNATURE|ISSUER/;

/**
 * How this process proves itself: by the fleet's secret where it was given one, else by a key of its own.
 * @throws Fault as `enrolledNode`
 */
export async function nodeCredential(config: Config, role: NodeRole, log: Log): Promise<NodeCredential> {
  const node = nodeNameOf(config);
  const [secret, ...before] = secretsOf(config, 'nodeSecret');
  if (secret !== undefined) {
    if (config.enrolmentToken !== null) throw new Fault('bad-setting', 'machine', 'set either EDGEFRONT_NODE_SECRET or EDGEFRONT_ENROLMENT_TOKEN');
    return sharedCredential(node, [secret, ...before]);
  }
  return enrolledNode({ node, role, token: config.enrolmentToken, workerUrls: workerUrlsOf(config), workerCaFile: config.workerCa, dir: config.dataDir, log });
}

/**
 * The credential of a node with a key of its own; enrols it first where it has to be.
 * @throws Fault `bad-setting`, `not-enrolled` when the worker refuses it or is not there, `data-dir-broken`
 */
export async function enrolledNode(options: EnrolmentOptions): Promise<NodeCredential> {
  checkUrls(options.workerUrls);
  const file = path.join(options.dir, 'identity.json');
  const kept = readIdentity(file);
  const token = options.token === null ? null : parseToken(options.token);
  const identity = token === null || token.id === kept?.tokenId ? kept : newIdentity(token, options);
  if (identity === null) throw new Fault('bad-setting', 'machine', 'EDGEFRONT_ENROLMENT_TOKEN is needed: this node has no identity yet (or EDGEFRONT_NODE_SECRET, where the fleet shares one)');
  if (identity.node !== options.node || identity.role !== options.role) {
    throw new Fault('bad-setting', 'machine', `${file} is of ${identity.role} ${identity.node}: to have another name, enrol anew`);
  }
  if (!identity.enrolled) {
    if (token === null) throw new Fault('bad-setting', 'machine', 'EDGEFRONT_ENROLMENT_TOKEN is needed until this node has enrolled');
    // Kept before it is sent: when the answer is lost, the same key comes again with the same token.
    writeIdentity(file, identity);
    await enrol(identity, token, options);
    writeIdentity(file, { ...identity, enrolled: true });
    options.log.info('enrolled', { node: identity.node, token: token.id });
  }
  return enrolledCredential(identity);
}

/** What this node and the worker say to each other must not be heard by others. */
function checkUrls(workerUrls: readonly string[]): void {
  const open = workerUrls.find((text) => !URL.canParse(text) || !urlCarriesSecrets(new URL(text)));
  if (open !== undefined) throw new Fault('bad-setting', 'machine', `EDGEFRONT_WORKER_URL must be a wss:// URL for a node without EDGEFRONT_NODE_SECRET, not "${open}"`);
}

function parseToken(given: string): Token {
  let text = given;
  if (given.startsWith('/')) {
    try {
      text = readFileSync(given, 'utf8').trim();
    } catch (thrown) {
      throw new Fault('bad-setting', 'machine', `EDGEFRONT_ENROLMENT_TOKEN names a file that cannot be read: ${codeOf(thrown) ?? messageOf(thrown)}`);
    }
  }
  const [, id, secret, authority] = /^([A-Z0-9]{8,32})\.([\w-]{43})\.([\w-]{0,4096})$/.exec(text) ?? [];
  if (id === undefined || secret === undefined) throw new Fault('bad-setting', 'machine', 'EDGEFRONT_ENROLMENT_TOKEN has not the form of an enrolment token');
  try {
    return { id, secret, authority: authority === '' || authority === undefined ? null : new X509Certificate(Buffer.from(authority, 'base64url')).toString() };
  } catch {
    throw new Fault('bad-setting', 'machine', 'EDGEFRONT_ENROLMENT_TOKEN is damaged: the certificate in it cannot be read');
  }
}

/** RFC 7518 section 3.4: ES256 is P-256. */
function newIdentity(token: Token, { node, role }: EnrolmentOptions): Identity {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
  return { node, role, tokenId: token.id, privateKey, authority: token.authority, enrolled: false };
}

function readIdentity(file: string): Identity | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return null;
    throw new Fault('data-dir-broken', 'machine', `cannot read ${file}: ${messageOf(thrown)}`);
  }
  try {
    const identity = JSON.parse(text) as Identity;
    createPrivateKey(identity.privateKey);
    return identity;
  } catch {
    throw new Fault('data-dir-broken', 'machine', `${file} does not hold a node's identity: remove it, and enrol anew`);
  }
}

function writeIdentity(file: string, identity: Identity): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, `${JSON.stringify(identity, null, 2)}\n`, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  } catch (thrown) {
    throw new Fault('data-dir-broken', 'machine', `cannot write ${file}: ${messageOf(thrown)}`);
  }
}

/** Asks one worker after the other until one answers. */
async function enrol(identity: Identity, token: Token, { workerUrls, workerCaFile, log }: EnrolmentOptions): Promise<void> {
  const urls = workerUrls.map((text) => new URL(text));
  const ca = workerCaFile === null ? token.authority : await readWhole({ file: workerCaFile, what: 'worker-ca', bytesMax: workerCaBytesMax, parse: (bytes) => bytes.toString('utf8') });
  const publicKey = createPublicKey(createPrivateKey(identity.privateKey)).export({ type: 'spki', format: 'pem' }) as string;
  const body = JSON.stringify({ token: `${token.id}.${token.secret}`, node: identity.node, role: identity.role, publicKey } satisfies EnrolRequest);
  const deadlineMs = performance.now() + waitMsMax;
  for (let reason = ''; ;) {
    for (const url of urls) {
      try {
        const { status, text } = await post(url, body, ca);
        if (status === 204) return;
        if (status !== 503 && status !== 429) throw new Fault('not-enrolled', 'machine', `the worker does not take the enrolment token: ${text.slice(0, 200)}`);
        reason = text.slice(0, 200);
      } catch (thrown) {
        if (thrown instanceof Fault) throw thrown;
        if (notBelieved.test(codeOf(thrown) ?? '')) throw new Fault('not-enrolled', 'machine', `the worker at ${url.href} is not believed: ${messageOf(thrown)} (EDGEFRONT_WORKER_CA)`);
        reason = messageOf(thrown);
      }
    }
    if (performance.now() > deadlineMs) throw new Fault('not-enrolled', 'machine', `no worker could be asked to enrol this node: ${reason}`);
    log.warn('worker-unreachable', { note: 'cannot enrol yet, trying on', reason });
    await sleep(retryMs);
  }
}

function post(workerUrl: URL, body: string, ca: string | null): Promise<{ readonly status: number; readonly text: string }> {
  const { hostname, port, protocol } = workerUrl;
  return new Promise((resolve, reject) => {
    const options = {
      host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (protocol === 'wss:' ? 443 : 80) : Number(port), path: enrolPath, method: 'POST', agent: false, timeout: requestTimeoutMs,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    };
    const request = protocol === 'wss:' ? requestOverTls({ ...options, minVersion: 'TLSv1.2', ...(ca === null ? {} : { ca }) }) : requestInTheClear(options);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more: string) => {
        text += more;
        if (text.length > answerBytesMax) request.destroy(new Error('the answer is too long'));
      }).on('end', () => resolve({ status: response.statusCode ?? 0, text })).on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time'))).on('error', reject);
    request.end(body);
  });
}
