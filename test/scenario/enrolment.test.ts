// Edges that enrol: one token, one machine, one key; revoked, rotated and restarted while the others go on. Over real TLS.
import { createHmac, generateKeyPairSync, type X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect } from 'node:tls';
import { sign } from 'jsonwebtoken';
import { WebSocket } from 'ws';
import { startDefaultCertificate } from '../../src/api/certificates';
import { systemClock } from '../../src/base/clock';
import { readConfig } from '../../src/base/config';
import { createLog, silentLog } from '../../src/base/log';
import { Sealer, storedKeysPurpose } from '../../src/base/sealed';
import { ServerTls } from '../../src/base/server-tls';
import type { Service } from '../../src/base/service';
import { startEdge } from '../../src/edge/edge';
import { installationAuthority, issueForListener } from '../../src/store/authority';
import { startWorker } from '../../src/worker/worker';
import { testAuthority } from '../fixtures/certificates';
import { domain } from '../fixtures/configs';
import { nodeSecret, until } from '../fixtures/fleet';
import { secretsKey, startOwnApi, type OwnApi } from '../fixtures/own-api';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../fixtures/refparser'));

const base = mkdtempSync(path.join(tmpdir(), 'edgefront-enrolment-'));
const lines: string[] = [];
const log = createLog('test', 'info', (line) => lines.push(line));
const sealer = new Sealer(secretsKey, storedKeysPurpose);
let api: OwnApi;
let tls: ServerTls;
let worker: Service & { readonly port: number };
let certificate: Service;
let root: string;
const started: Service[] = [];

const startedWorker = (port: number): ReturnType<typeof startWorker> => startWorker({
  config: {
    bind: '127.0.0.1', workerPort: port, nodeSecret, nodeSecretPrevious: null, secretsKey, secretsKeyPrevious: null, nodeLostMs: 1_500, changePollMs: 20,
    changeRetentionS: 3_600, pop: 'LOC50-P1',
  },
  store: api.store, clock: systemClock, log, tls,
});

beforeAll(async () => {
  api = await startOwnApi();
  certificate = await startDefaultCertificate({ config: { domain, secretsKey, secretsKeyPrevious: null }, store: api.store, clock: systemClock, log: silentLog });
  root = (await installationAuthority(api.store, sealer, systemClock)).certificate;
  const opened = await ServerTls.open({ certificate: null, key: null, names: 'worker.test' }, 'worker',
    (names) => issueForListener(names, { store: api.store, sealer, clock: systemClock, dataDir: base }), log);
  if (opened === null) throw new Error('names were given');
  tls = opened;
  worker = await startedWorker(0);
}, 60_000);
afterAll(async () => {
  for (const one of started.splice(0)) await one.close();
  await worker?.close();
  await tls?.close();
  await certificate?.close();
  await api?.close();
  rmSync(base, { recursive: true, force: true });
}, 60_000);

async function newToken(wanted: object = {}): Promise<{ readonly id: string; readonly token: string }> {
  const { status, body } = await api.ask('POST', '/edgefront/v1/enrolment-tokens', wanted);
  expect(status).toBe(201);
  return body as { id: string; token: string };
}

interface Edge extends Service { readonly port: number; readonly httpsPort: number }

async function edge(name: string, token: string | null, more: Readonly<Record<string, string>> = {}): Promise<Edge> {
  const made = await startEdge({
    config: readConfig({
      EDGEFRONT_NODE: name, EDGEFRONT_DATA_DIR: path.join(base, name), EDGEFRONT_WORKER_URL: `wss://127.0.0.1:${worker.port}`, EDGEFRONT_HTTP_PORT: '0',
      EDGEFRONT_HTTPS_PORT: '0', EDGEFRONT_RTMP_PORT: '0', ...(token === null ? {} : { EDGEFRONT_ENROLMENT_TOKEN: token }), ...more,
    }),
    clock: systemClock, log,
  });
  started.push(made);
  return made;
}

async function stop(made: Service): Promise<void> {
  started.splice(started.indexOf(made), 1);
  await made.close();
}

interface Node { readonly id: string; readonly connected: boolean; readonly live: boolean; readonly enrolled: boolean }
const nodeOf = async (name: string): Promise<Node | undefined> =>
  ((await api.ask('GET', '/edgefront/v1/nodes')).body.nodes as Node[]).find(({ id }) => id === name);
const connected = (name: string): Promise<void> => until(async () => (await nodeOf(name))?.connected === true, `${name} being connected`);

/** What is shown over HTTPS for the default domain, or why nothing is. */
const shownBy = ({ httpsPort }: Edge): Promise<string> => new Promise((resolve) => {
  const socket = connect({ port: httpsPort, host: '127.0.0.1', servername: `d1.${domain}`, ca: root }, () => {
    resolve((socket.getPeerX509Certificate() as X509Certificate).subjectAltName ?? 'no names');
    socket.destroy();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
});
const serves = (made: Edge): Promise<void> => until(async () => (await shownBy(made)).includes(`*.${domain}`), 'the default certificate');

const publicKey = (): string => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }) as string;

function enrol(body: unknown): Promise<string> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: worker.port, path: '/enrol', method: 'POST', ca: root, agent: false, headers: { 'content-length': Buffer.byteLength(text) } }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (more: string) => { answer += more; }).on('end', () => resolve(`${response.statusCode} ${answer}`));
    });
    sent.on('error', reject).end(text);
  });
}
/** The two parts of a token that are sent. */
const sentOf = (token: string): string => token.split('.').slice(0, 2).join('.');

function dial(bearer: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`wss://127.0.0.1:${worker.port}`, { ca: root, headers: { authorization: `Bearer ${bearer}` } });
    socket.on('open', () => { resolve('open'); socket.terminate(); }).on('error', (error) => resolve(error.message));
  });
}
const claims = (subject: string) => ({ audience: 'edgefront-node', subject, expiresIn: 60 } as const);

test('an edge enrols with a token, keeps its key to itself, and is told what to serve', async () => {
  const { id, token } = await newToken({ node: 'edge-a', role: 'edge' });
  const made = await edge('edge-a', token);
  await connected('edge-a');
  await serves(made);
  expect(await nodeOf('edge-a')).toMatchObject({ enrolled: true, live: true });
  for (const file of ['identity.json', 'fleet-keys']) expect(statSync(path.join(base, 'edge-a', file)).mode & 0o777).toBe(0o600);
  const { body } = await api.ask('GET', '/edgefront/v1/enrolment-tokens');
  expect(body.enrolmentTokens[0]).toMatchObject({ id, node: 'edge-a', role: 'edge', usedBy: 'edge-a' });
  expect(JSON.stringify(body)).not.toContain(token.split('.')[1]);
  const { body: audit } = await api.ask('GET', '/edgefront/v1/audit?subject=node');
  expect(audit.lines[0]).toMatchObject({ subjectId: 'edge-a', action: 'put', operation: 'EnrolNode', accessKeyId: 'EFAKADMIN', address: '127.0.0.1' });
  expect((await api.ask('GET', '/edgefront/v1/audit?subject=enrolment-token')).body.lines[0]).toMatchObject({ subjectId: id, operation: 'CreateEnrolmentToken' });
  // The token is spent, and the edge needs none to come back: not the worker either.
  await stop(made);
  await worker.close();
  const again = await edge('edge-a', null);
  await serves(again);
  worker = await startedWorker(worker.port);
  await connected('edge-a');
  await stop(again);
}, 60_000);

test('of many machines that come with one token at once, one enrols', async () => {
  const { token } = await newToken();
  const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => enrol({ token: sentOf(token), node: `race-${i}`, role: 'edge', publicKey: publicKey() })));
  expect(answers.filter((answer) => answer.startsWith('204'))).toHaveLength(1);
  expect(answers.filter((answer) => answer === '403 the token was used already')).toHaveLength(11);
});

test('whoever asks again with the same key, because the answer was lost, is answered again', async () => {
  const { token } = await newToken();
  const asked = { token: sentOf(token), node: 'again', role: 'edge', publicKey: publicKey() };
  expect(await enrol(asked)).toMatch(/^204/);
  expect(await enrol(asked)).toMatch(/^204/);
  expect(await enrol({ ...asked, publicKey: publicKey() })).toBe('403 the token was used already');
  expect(await enrol({ ...asked, node: 'another' })).toBe('403 the token was used already');
  // Not after it was revoked.
  expect((await api.ask('DELETE', '/edgefront/v1/nodes/again')).status).toBe(204);
  expect(await enrol(asked)).toBe('403 the token was used already');
});

test('tokens let in only whom they are for, and only in time', async () => {
  const asked = (token: string, more: object = {}) => enrol({ token, node: 'wanted', role: 'edge', publicKey: publicKey(), ...more });
  const open = await newToken();
  const [id, secret] = sentOf(open.token).split('.') as [string, string];
  expect(await asked(`${id}.${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`)).toBe('403 there is no such token');
  expect(await asked(`EFENAAAAAAAAAAAAAAAA.${secret}`)).toBe('403 there is no such token');
  expect(await asked(id)).toBe('403 there is no such token');
  const bound = await newToken({ node: 'only-me', role: 'router' });
  expect(await asked(sentOf(bound.token))).toBe('403 the token is for another node or another kind of node');
  expect(await asked(sentOf(bound.token), { node: 'only-me' })).toBe('403 the token is for another node or another kind of node');
  // A token for anybody takes nobody's name.
  expect(await asked(sentOf(open.token), { node: 'edge-a' })).toBe('403 a node of this name has enrolled; only a token made for it replaces its key');
  expect((await api.ask('DELETE', `/edgefront/v1/enrolment-tokens/${open.id}`)).status).toBe(204);
  expect(await asked(sentOf(open.token))).toBe('403 there is no such token');
  expect((await api.ask('DELETE', `/edgefront/v1/enrolment-tokens/${open.id}`)).status).toBe(404);
  const { token } = await newToken({ expiresInSeconds: 60 });
  await api.store.enrolments.createToken({ id: 'EFENPAST', hash: 'h'.repeat(64), node: null, role: null, createdBy: 'x', expiresInS: -1, countMax: 1_000 });
  expect(await api.store.enrolments.enrol({ tokenId: 'EFENPAST', hash: 'h'.repeat(64), node: 'late', role: 'edge', publicKey: 'k' })).toEqual({ outcome: 'expired' });
  for (const wrong of ['{', '[]', '{}', JSON.stringify({ token: sentOf(token), node: 'a b', role: 'edge', publicKey: publicKey() }), 'x'.repeat(20_000),
    JSON.stringify({ token: sentOf(token), node: 'x', role: 'worker', publicKey: publicKey() }), JSON.stringify({ token: sentOf(token), node: 'x', role: 'edge', publicKey: 'none' }),
    JSON.stringify({ token: sentOf(token), node: 'x', role: 'edge', publicKey: generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' }) })]) {
    expect(await enrol(wrong)).toMatch(/^400 /);
  }
});

test('only administrators make tokens, revoke nodes and rotate keys', async () => {
  const { body } = await api.ask('POST', '/edgefront/v1/access-keys', { name: 'all', policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } });
  for (const [method, target] of [['POST', 'enrolment-tokens'], ['GET', 'enrolment-tokens'], ['DELETE', 'enrolment-tokens/EFEN'], ['DELETE', 'nodes/edge-a'], ['POST', 'fleet-keys/rotation'], ['POST', 'token-keys/rotation']] as const) {
    expect((await api.ask(method, `/edgefront/v1/${target}`, undefined, {}, body as { accessKeyId: string; secretAccessKey: string })).status).toBe(403);
  }
});

test('a name that enrolled is its key\'s alone', async () => {
  const { token } = await newToken({ node: 'edge-b' });
  const made = await edge('edge-b', token);
  await connected('edge-b');
  await stop(made);
  const { privateKey } = JSON.parse(readFileSync(path.join(base, 'edge-b', 'identity.json'), 'utf8')) as { privateKey: string };
  const record = await api.store.enrolments.keyOf('edge-b');
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  expect(await dial(sign({}, privateKey, { algorithm: 'ES256', ...claims('edge-b') }))).toBe('open');
  const wrong = {
    'the fleet\'s secret': sign({}, nodeSecret, { algorithm: 'HS256', ...claims('edge-b') }),
    // With the public key as if it were a secret (RFC 8725 section 2.1). The library refuses to make such a token; it is made by hand.
    'its public key': forged({ alg: 'HS256', typ: 'JWT' }, { aud: 'edgefront-node', sub: 'edge-b' }, record?.publicKey ?? ''),
    'no algorithm': forged({ alg: 'none', typ: 'JWT' }, { aud: 'edgefront-node', sub: 'edge-b' }, null),
    'another key': sign({}, other, { algorithm: 'ES256', ...claims('edge-b') }),
    'another audience': sign({}, privateKey, { algorithm: 'ES256', ...claims('edge-b'), audience: 'edgefront-worker' }),
    'no end': sign({}, privateKey, { algorithm: 'ES256', audience: 'edgefront-node', subject: 'edge-b' }),
    'the past': sign({ iat: Math.floor(Date.now() / 1000) - 600 }, privateKey, { algorithm: 'ES256', ...claims('edge-b') }),
    'its key, for another name': sign({}, privateKey, { algorithm: 'ES256', ...claims('edge-z') }),
  };
  for (const [by, bearer] of Object.entries(wrong)) expect(`${by}: ${await dial(bearer)}`).toBe(`${by}: Unexpected server response: 401`);
});

test('a node that is revoked is cut off within seconds and stays out; the others do not notice', async () => {
  const kept = await edge('edge-kept', (await newToken()).token);
  const made = await edge('edge-out', (await newToken()).token);
  await Promise.all([connected('edge-out'), connected('edge-kept')]);
  const { privateKey } = JSON.parse(readFileSync(path.join(base, 'edge-out', 'identity.json'), 'utf8')) as { privateKey: string };
  const seen = lines.length;
  expect((await api.ask('DELETE', '/edgefront/v1/nodes/edge-out')).status).toBe(204);
  await until(() => lines.slice(seen).some((line) => line.includes('"node-disconnected"') && line.includes('edge-out')), 'the connection being cut');
  await until(async () => await nodeOf('edge-out') === undefined, 'the node going from the list');
  // Back it does not come, however often it tries.
  await until(() => lines.slice(seen).filter((line) => line.includes('"node-refused"')).length >= 2, 'two attempts');
  expect(await nodeOf('edge-out')).toBeUndefined();
  expect(await dial(sign({}, privateKey, { algorithm: 'ES256', ...claims('edge-out') }))).toBe('Unexpected server response: 401');
  expect(await nodeOf('edge-kept')).toMatchObject({ connected: true });
  expect((await api.ask('DELETE', '/edgefront/v1/nodes/edge-out')).status).toBe(404);
  expect((await api.ask('GET', '/edgefront/v1/audit?subject=node&subjectId=edge-out')).body.lines[0]).toMatchObject({ action: 'remove', operation: 'RevokeNode', accessKeyId: 'EFAKADMIN' });
  await stop(made);
  await stop(kept);
}, 60_000);

test('the fleet\'s keys are rotated under edges that serve, and under one that was away', async () => {
  const there = await edge('edge-there', (await newToken()).token);
  const away = await edge('edge-away', (await newToken()).token);
  await Promise.all([serves(there), serves(away)]);
  await stop(away);
  const keysOf = (name: string): string => readFileSync(path.join(base, name, 'fleet-keys'), 'utf8');
  for (let round = 1; round <= 3; round += 1) {
    const before = keysOf('edge-there');
    expect((await api.ask('POST', '/edgefront/v1/fleet-keys/rotation')).status).toBe(204);
    await until(() => keysOf('edge-there') !== before, 'the new key arriving');
    await serves(there);
  }
  await until(async () => (await api.store.resources.get('certificate', 'default'))?.settled === true, 'the certificate settling');
  expect((await api.ask('GET', '/edgefront/v1/audit?subject=secret')).body.lines[0]).toMatchObject({ subjectId: 'fleet-keys', operation: 'RotateFleetKeys' });
  // Each starts from its own disk, without a worker for the first.
  await stop(there);
  const back = await edge('edge-away', null);
  await connected('edge-away');
  await serves(back);
  await worker.close();
  await serves(await edge('edge-there', null));
  await stop(back);
  await serves(await edge('edge-away', null));
  worker = await startedWorker(worker.port);
}, 90_000);

test('a node gets another key by a token for its name, and the one before is worth nothing', async () => {
  const made = await edge('edge-c', (await newToken()).token);
  await connected('edge-c');
  const { privateKey } = JSON.parse(readFileSync(path.join(base, 'edge-c', 'identity.json'), 'utf8')) as { privateKey: string };
  await stop(made);
  const { token } = await newToken({ node: 'edge-c' });
  const file = path.join(base, 'token');
  writeFileSync(file, `${token}\n`);
  const again = await edge('edge-c', file);
  await connected('edge-c');
  await serves(again);
  expect(await dial(sign({}, privateKey, { algorithm: 'ES256', ...claims('edge-c') }))).toBe('Unexpected server response: 401');
  await stop(again);
}, 60_000);

test.each<[string, () => Promise<Readonly<Record<string, string>>>, string]>([
  ['a token that was used', async () => ({ EDGEFRONT_ENROLMENT_TOKEN: (await (async () => { const { token } = await newToken(); await enrol({ token: sentOf(token), node: 'first', role: 'edge', publicKey: publicKey() }); return token; })()) }), 'not-enrolled'],
  ['no token and no identity', async () => ({}), 'bad-setting'],
  ['a token that is none', async () => ({ EDGEFRONT_ENROLMENT_TOKEN: 'letmein' }), 'bad-setting'],
  ['a file that is not there', async () => ({ EDGEFRONT_ENROLMENT_TOKEN: '/nowhere/token' }), 'bad-setting'],
  ['both kinds of secret', async () => ({ EDGEFRONT_ENROLMENT_TOKEN: 'x', EDGEFRONT_NODE_SECRET: nodeSecret }), 'bad-setting'],
  ['a worker in the clear on another machine', async () => ({ EDGEFRONT_ENROLMENT_TOKEN: (await newToken()).token, EDGEFRONT_WORKER_URL: 'ws://192.0.2.1:8083' }), 'bad-setting'],
])('with %s a node does not start', async (_what, environment, kind) => {
  await expect(edge('edge-never', null, await environment())).rejects.toMatchObject({ kind });
  rmSync(path.join(base, 'edge-never'), { recursive: true, force: true });
});

test('a worker whose certificate is of another authority is told nothing', async () => {
  const { token } = await newToken();
  const [id, secret] = token.split('.') as [string, string];
  const file = path.join(base, 'other-root.pem');
  writeFileSync(file, testAuthority.certificate);
  const refused = edge('edge-wary', `${id}.${secret}.`, { EDGEFRONT_WORKER_CA: file });
  await expect(refused).rejects.toMatchObject({ kind: 'not-enrolled', message: expect.stringContaining('is not believed') });
  expect((await api.ask('GET', '/edgefront/v1/enrolment-tokens')).body.enrolmentTokens.find((one: { id: string }) => one.id === id).usedAt).toBeNull();
}, 60_000);

test('who fails too often waits, whatever it fails at', async () => {
  // A worker of its own: the others of this file come from the same address.
  const own = await startedWorker(0);
  const port = worker.port;
  try {
    (worker as { port: number }).port = own.port;
    // Five failures are forgiven each second, however slowly these are made: round after round, until nobody is listened to.
    const seen = new Set<string>();
    for (let round = 0; round < 20 && !seen.has('Unexpected server response: 429'); round += 1) {
      for (const status of await Promise.all(Array.from({ length: 100 }, () => dial('rubbish')))) seen.add(status);
    }
    expect(seen).toEqual(new Set(['Unexpected server response: 401', 'Unexpected server response: 429']));
    const answers = await Promise.all(Array.from({ length: 20 }, () => enrol({})));
    expect(answers).toContain('429 too many attempts failed');
  } finally {
    (worker as { port: number }).port = port;
    await own.close();
  }
});

function forged(header: object, payload: object, secret: string | null): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part(header)}.${part({ ...payload, iat: now, exp: now + 60 })}`;
  return `${signed}.${secret === null ? '' : createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
