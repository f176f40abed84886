// No secret leaves the system but in the one answer that is for it: everything is provoked to fail while it logs all it can, and every output is searched.
import { CreateDistributionCommand, waitUntilDistributionDeployed } from '@aws-sdk/client-cloudfront';
import { spawn, type ChildProcess } from 'node:child_process';
import { createPrivateKey, sign as signBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { WebSocket } from 'ws';
import { Sealer } from '../../src/base/sealed';
import { fleetKeysPurpose } from '../../src/snapshot/wire';
import { serverCertificate } from '../fixtures/certificates';
import { until } from '../fixtures/fleet';
import { ask, startOrigin, type Origin } from '../fixtures/origin';
import { send, type Keys } from '../fixtures/signing';
import { distributionConfig, startSystem, type System } from '../fixtures/system';

const main = path.join(__dirname, '..', '..', 'dist', 'main.js');
let system: System;
let origin: Origin;
let edge: ChildProcess;
const dir = mkdtempSync(path.join(tmpdir(), 'edgefront-secrets-'));
/** What anybody could see: answers, headers, and what processes print. */
const outputs: string[] = [];
/** What nobody may, by what it is. */
const secrets = new Map<string, string>();

beforeAll(async () => {
  origin = await startOrigin((_request, response) => response.end('here'));
  system = await startSystem(1, { EDGEFRONT_LOG_LEVEL: 'debug' });
}, 120_000);
afterAll(async () => {
  edge?.kill('SIGKILL');
  await system?.close();
  await origin?.close();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

const port = (): number => Number(new URL(system.apiUrl).port);

/** An answer that may be seen. */
async function shown(method: string, target: string, body?: string, keys: Keys = system.credentials, headers: Readonly<Record<string, string>> = {}): Promise<{ status: number; body: string }> {
  const answer = await send(port(), keys, { method, target, headers: { accept: 'application/json', 'content-type': 'application/json', ...headers }, ...(body === undefined ? {} : { body }) });
  outputs.push(JSON.stringify(answer));
  return answer;
}

/** The one answer that is for the caller alone. */
async function confided(target: string, body: unknown): Promise<Readonly<Record<string, string>>> {
  const answer = await send(port(), system.credentials, { method: 'POST', target, headers: { accept: 'application/json', 'content-type': 'application/json' }, body: JSON.stringify(body) });
  expect([200, 201]).toContain(answer.status);
  return JSON.parse(answer.body) as Record<string, string>;
}

const unsigned = async (method: string, target: string, headers: Readonly<Record<string, string>>, body?: string): Promise<number> => {
  const answer = await fetch(`${system.apiUrl}${target}`, { method, headers, ...(body === undefined ? {} : { body }) });
  outputs.push(`${JSON.stringify([...answer.headers])} ${await answer.text()}`);
  return answer.status;
};

/** The innermost line of a PEM: what would be seen of it wherever line ends go. */
const lineOf = (pem: string): string => pem.split('\n')[1] as string;

test('no secret is in any log, error or answer', async () => {
  secrets.set('the administrator\'s secret', system.credentials.secretAccessKey);
  for (const name of ['node-secret', 'secrets-key']) secrets.set(name, readFileSync(path.join(system.dir, name), 'utf8').trim());
  const key = await confided('/edgefront/v1/access-keys', { name: 'one', policy: null });
  secrets.set('an access key\'s secret', key['secretAccessKey'] ?? '');
  const { token = '' } = await confided('/edgefront/v1/tokens', system.credentials);
  secrets.set('a bearer token', token);
  secrets.set('a bearer token\'s signature', token.split('.')[2] ?? '');
  const pair = await confided('/edgefront/v1/key-pairs', { algorithm: 'rsa-2048' });
  secrets.set('a key pair\'s private key', lineOf(pair['privateKey'] ?? ''));
  const uploaded = serverCertificate(['www.test.example']);
  const stranger = serverCertificate(['other.test.example']);
  secrets.set('an uploaded private key', lineOf(uploaded.key));
  secrets.set('a private key that was refused', lineOf(stranger.key));
  const enrolment = await confided('/edgefront/v1/enrolment-tokens', {});
  secrets.set('an enrolment token\'s secret', enrolment['token']?.split('.')[1] ?? '');
  const spare = await confided('/edgefront/v1/enrolment-tokens', { node: 'other' });
  secrets.set('an enrolment token\'s secret, unused', spare['token']?.split('.')[1] ?? '');

  // An edge that enrols, printing all it has to say.
  edge = spawn(process.execPath, [main, 'edge'], {
    env: {
      ...process.env, DATABASE_URL: '', EDGEFRONT_LOG_LEVEL: 'debug', EDGEFRONT_DATA_DIR: dir, EDGEFRONT_NODE: 'enrolled', EDGEFRONT_WORKER_URL: `ws://127.0.0.1:${system.workerPort}`,
      EDGEFRONT_ENROLMENT_TOKEN: enrolment['token'], EDGEFRONT_HTTP_PORT: '0', EDGEFRONT_HTTPS_PORT: '0', EDGEFRONT_RTMP_PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  edge.stdout?.on('data', (text: Buffer) => { printed += String(text); });
  edge.stderr?.on('data', (text: Buffer) => { printed += String(text); });
  await until(() => printed.includes('worker-connected'), 'the enrolled edge');
  const { privateKey } = JSON.parse(readFileSync(path.join(dir, 'identity.json'), 'utf8')) as { privateKey: string };
  secrets.set('a node\'s private key', lineOf(privateKey));
  const keeper = new Sealer(privateKey, fleetKeysPurpose);
  const fleetKeys = JSON.parse(keeper.open(readFileSync(path.join(dir, 'fleet-keys'), 'utf8').trim(), 'fleet keys')) as string[];
  fleetKeys.forEach((one, i) => secrets.set(`fleet key ${i}`, one));

  // Certificates: right, of another key, damaged, twice.
  const upload = (more: object): string => JSON.stringify({ certificate: uploaded.certificate, privateKey: uploaded.key, ...more });
  expect((await shown('POST', '/edgefront/v1/certificates', upload({}))).status).toBe(201);
  for (const wrong of [{ privateKey: stranger.key }, { certificate: stranger.key }, { privateKey: `${stranger.key.slice(0, 120)}!` }, { privateKey: [stranger.key] }, { certificateChain: stranger.key }, { comment: stranger.key }]) {
    expect((await shown('POST', '/edgefront/v1/certificates', upload(wrong))).status).toBe(400);
  }
  expect((await shown('POST', '/edgefront/v1/certificates', `{"privateKey": "${lineOf(stranger.key)}", `)).status).toBe(400);
  // Sign-ins: a wrong secret beside the right one, the right one in wrong places.
  const wrongKeys = { accessKeyId: key['accessKeyId'] ?? '', secretAccessKey: `${key['secretAccessKey']}x` };
  expect((await shown('GET', '/edgefront/v1/nodes', undefined, wrongKeys)).status).toBe(403);
  const asJson = { 'content-type': 'application/json', accept: 'application/json' };
  expect(await unsigned('POST', '/edgefront/v1/tokens', asJson, JSON.stringify({ ...wrongKeys, secretAccessKey: `x${wrongKeys.secretAccessKey}` }))).toBe(403);
  expect(await unsigned('POST', '/edgefront/v1/tokens', asJson, JSON.stringify({ accessKeyId: system.credentials.secretAccessKey, secretAccessKey: system.credentials.secretAccessKey }))).toBe(403);
  expect(await unsigned('POST', '/edgefront/v1/tokens', asJson, JSON.stringify({ accessKey: system.credentials.secretAccessKey }))).toBe(400);
  expect(await unsigned('POST', '/edgefront/v1/tokens', asJson, `{"secretAccessKey": "${system.credentials.secretAccessKey}`)).toBe(400);
  for (const authorization of [`Bearer ${token}x`, `Bearer x${token}`, `Basic ${token}`, `AWS4-HMAC-SHA256 Credential=${system.credentials.secretAccessKey}, SignedHeaders=host, Signature=${token}`]) {
    expect(await unsigned('GET', '/edgefront/v1/nodes', { ...asJson, authorization })).toBeGreaterThanOrEqual(400);
  }
  expect(await unsigned('GET', '/edgefront/v1/nodes', { ...asJson, authorization: `Bearer ${token}` })).toBe(200);
  // The nodes' channel: tokens and secrets where they do not belong.
  for (const bearer of [token, secrets.get('node-secret') ?? '', `${spare['token']}`]) {
    await new Promise((resolve) => { new WebSocket(`ws://127.0.0.1:${system.workerPort}`, { headers: { authorization: `Bearer ${bearer}` } }).on('error', resolve); });
  }
  for (const body of [JSON.stringify({ token: spare['token'], node: 'x', role: 'edge', publicKey: privateKey }), `{"token":"${spare['token']}"`, JSON.stringify({ token: spare['token']?.split('.').slice(0, 2).join('.'), node: 'x', role: 'edge', publicKey: privateKey })]) {
    const answer = await fetch(`http://127.0.0.1:${system.workerPort}/enrol`, { method: 'POST', body });
    outputs.push(await answer.text());
    expect(answer.status).toBeGreaterThanOrEqual(400);
  }
  // Signed names at the edge: one that holds, and one that does not.
  const config = distributionConfig(origin.port, 'signed');
  const { Distribution } = await system.client.send(new CreateDistributionCommand({
    DistributionConfig: { ...config, DefaultCacheBehavior: { ...config.DefaultCacheBehavior, TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all', TrustedSigners: { Enabled: true, Quantity: 1, Items: ['self'] } } },
  }));
  await waitUntilDistributionDeployed({ client: system.client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { Id: Distribution?.Id ?? '' });
  const host = Distribution?.DomainName ?? '';
  const expires = Math.floor(Date.now() / 1000) + 600;
  const policy = `{"Statement":[{"Resource":"http://${host}/a.txt","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
  const signature = signBytes('sha1', Buffer.from(policy), createPrivateKey(pair['privateKey'] ?? '')).toString('base64').replace(/\+/g, '-').replace(/=/g, '_').replace(/\//g, '~');
  secrets.set('the signature of a URL', signature);
  const edgePort = system.edgePorts[0] ?? 0;
  const query = `Expires=${expires}&Signature=${signature}&Key-Pair-Id=${pair['keyPairId']}`;
  expect((await ask(edgePort, host, `/a.txt?${query}`)).status).toBe(200);
  const refused = await ask(edgePort, host, `/b.txt?${query}`);
  expect(refused.status).toBe(403);
  outputs.push(String(refused.body));
  // Everything that can be listed or read, and what is no operation.
  for (const target of ['nodes', 'access-keys', 'certificates', 'key-pairs', 'enrolment-tokens', 'audit?maxItems=1000', 'certificate-authority', `distributions/${Distribution?.Id}/effective`, `distributions/${Distribution?.Id}/versions`,
    `access-keys/${key['accessKeyId']}`, `key-pairs/${pair['keyPairId']}`, 'nothing']) await shown('GET', `/edgefront/v1/${target}`);
  await shown('GET', '/2020-05-31/distribution');
  for (const rotation of ['fleet-keys', 'token-keys']) expect((await shown('POST', `/edgefront/v1/${rotation}/rotation`)).status).toBe(204);
  await until(() => JSON.parse(keeper.open(readFileSync(path.join(dir, 'fleet-keys'), 'utf8').trim(), 'fleet keys')).length === 2, 'the second fleet key');
  secrets.set('fleet key 2', (JSON.parse(keeper.open(readFileSync(path.join(dir, 'fleet-keys'), 'utf8').trim(), 'fleet keys')) as string[])[0] ?? '');
  expect((await shown('DELETE', '/edgefront/v1/nodes/enrolled')).status).toBe(204);
  await until(() => printed.includes('worker-disconnected'), 'the enrolled edge being cut off');
  // A start that fails says why, not with what.
  for (const [role, more] of [['api', { DATABASE_URL: 'postgres://user:a-password-of-postgres@127.0.0.1:1/none' }], ['edge', { EDGEFRONT_ENROLMENT_TOKEN: `${spare['token']}!` }], ['edge', { EDGEFRONT_ENROLMENT_TOKEN: enrolment['token'], EDGEFRONT_NODE: 'second' }]] as const) {
    outputs.push(await failedStart(role, { EDGEFRONT_DATA_DIR: path.join(dir, 'failed'), EDGEFRONT_WORKER_URL: `ws://127.0.0.1:${system.workerPort}`, ...more }));
  }
  secrets.set('the database\'s password', 'a-password-of-postgres');
  await system.stop();
  outputs.push(system.output(), printed);

  const all = outputs.join('\n');
  // It was all provoked, or the search would find nothing in nothing.
  for (const event of ['node-refused', 'enrolment-refused', 'node-enrolled', 'node-revoked', 'SignatureDoesNotMatch', 'cannot use the database']) expect(all).toMatch(event);
  for (const [what, secret] of secrets) {
    expect(secret.length).toBeGreaterThanOrEqual(20);
    const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').replace(/=+$/, ''), Buffer.from(secret).toString('hex'), JSON.stringify(secret).slice(1, -1)];
    expect(forms.some((form) => all.includes(form)) ? `${what} is in an output: ${around(all, forms)}` : what).toBe(what);
  }
}, 180_000);

/** Where it was found, without it. */
function around(all: string, forms: readonly string[]): string {
  const form = forms.find((one) => all.includes(one)) ?? '';
  const at = all.indexOf(form);
  return `${all.slice(Math.max(0, at - 200), at)}…`;
}

function failedStart(role: string, environment: Readonly<Record<string, string | undefined>>): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, role], {
      env: { ...process.env, DATABASE_URL: '', EDGEFRONT_LOG_LEVEL: 'debug', EDGEFRONT_HTTP_PORT: '0', EDGEFRONT_HTTPS_PORT: '0', EDGEFRONT_RTMP_PORT: '0', ...environment }, stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    child.stdout.on('data', (more: Buffer) => { text += String(more); });
    child.stderr.on('data', (more: Buffer) => { text += String(more); });
    child.on('exit', () => resolve(text));
  });
}
