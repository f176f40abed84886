// Viewers get to the nearest edge: three places, a router, real DNS over UDP and TCP, real redirects; and parts that are lost.
import packet, { type Packet } from 'dns-packet';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../src/base/clock';
import { readConfig } from '../../src/base/config';
import { silentLog } from '../../src/base/log';
import type { Service } from '../../src/base/service';
import { startEdge } from '../../src/edge/edge';
import { startRouter, type RouterService } from '../../src/router/router';
import { startWorker } from '../../src/worker/worker';
import { nodeSecret, until } from '../fixtures/fleet';
import { freePorts } from '../fixtures/free-ports';
import { Link } from '../fixtures/link';
import { ask, startOrigin, type Origin } from '../fixtures/origin';
import { queryBytes, scopeOf, type QueryOptions } from '../fixtures/router';
import { runApi, type RunningApi } from '../fixtures/running-api';
import { distributionConfig } from '../fixtures/system';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../fixtures/refparser'));

const domain = 'cdn.test';
/** Each edge of an address of its own, as on machines of their own. */
const places = { frankfurt: { pop: 'FRA50-P1', address: '127.0.1.1' }, virginia: { pop: 'IAD50-P1', address: '127.0.1.2' }, tokyo: { pop: 'NRT50-P1', address: '127.0.1.3' } } as const;
type PlaceName = keyof typeof places;
const addressOf = (place: PlaceName): string => places[place].address;

interface RunningEdge extends Service { readonly toViewers: Link; readonly toWorker: Link; readonly port: number }

let api: RunningApi;
let origin: Origin;
let worker: Service & { readonly port: number };
let router: RouterService;
const edges = new Map<PlaceName, RunningEdge>();
const dir = mkdtempSync(path.join(tmpdir(), 'edgefront-places-'));
const loads = new Map<PlaceName, number>();
let own: string;
let id: string;

const nodeConfig = (name: string, workerPort: number, more: Readonly<Record<string, string>>) => readConfig({
  EDGEFRONT_NODE: name, EDGEFRONT_NODE_SECRET: nodeSecret, EDGEFRONT_DATA_DIR: path.join(dir, name), EDGEFRONT_WORKER_URL: `ws://127.0.0.1:${workerPort}`,
  EDGEFRONT_DOMAIN: domain, EDGEFRONT_RTMP_PORT: '0', EDGEFRONT_HTTPS_PORT: '0', EDGEFRONT_DNS_PORT: '0', EDGEFRONT_ROUTER_PORT: '0', ...more,
});

const startedWorker = (port: number) => startWorker({
  config: { bind: '127.0.0.1', workerPort: port, nodeSecret, nodeLostMs: 4_500, changePollMs: 20, changeRetentionS: 3_600, pop: 'LOC50-P1', nodeSecretPrevious: null, secretsKey: 'k'.repeat(32), secretsKeyPrevious: null },
  store: api.store, clock: systemClock, log: silentLog,
});

async function startedEdge(place: PlaceName): Promise<RunningEdge> {
  const { pop, address } = places[place];
  const [port] = await freePorts(1) as [number];
  const toViewers = await Link.open(address, { host: '127.0.0.1', port });
  const toWorker = await Link.open('127.0.0.1', { host: '127.0.0.1', port: worker.port });
  const edge = await startEdge({
    config: nodeConfig(place, toWorker.port, { EDGEFRONT_POP: pop, EDGEFRONT_HTTP_PORT: String(port), EDGEFRONT_ADDRESSES: `http://${address}:${toViewers.port}`, EDGEFRONT_ORIGIN_ALLOW: '127.0.0.0/8' }),
    // All share this process, whose business is not theirs.
    clock: systemClock, log: silentLog, load: () => loads.get(place) ?? 0,
  });
  return { toViewers, toWorker, port: toViewers.port, close: async () => { await edge.close(); await toViewers.cut(); await toWorker.cut(); } };
}

const startedRouter = (workerPort: number): Promise<RouterService> =>
  startRouter({ config: nodeConfig('router', workerPort, { EDGEFRONT_NETWORKS: path.join(dir, 'networks') }), clock: systemClock, log: silentLog });

beforeAll(async () => {
  // This machine's viewers come from loopback addresses, of which no database knows anything.
  writeFileSync(path.join(dir, 'networks'), '# tests\n127.0.0.1/32 NRT\n10.20.0.0/16 IAD\n');
  origin = await startOrigin((request, response) => response.writeHead(200, { 'cache-control': 'max-age=60' }).end(`content of ${request.url}`));
  api = await runApi({ domain });
  worker = await startedWorker(0);
  for (const place of Object.keys(places) as PlaceName[]) edges.set(place, await startedEdge(place));
  router = await startedRouter(worker.port);
  const created = await api.xml('CreateDistribution', { DistributionConfig: distributionConfig(origin.port, 'nearest') });
  ({ Id: id, DomainName: own } = created['Distribution'] as { Id: string; DomainName: string });
  await until(async () => (await overUdp(own)).answers?.length === 1, 'an answer');
}, 120_000);

afterAll(async () => {
  await router?.close();
  for (const edge of edges.values()) await edge.close();
  await worker?.close();
  await api?.close();
  await origin?.close();
  rmSync(dir, { recursive: true, force: true });
});

function bytesOverUdp(bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const timer = setTimeout(() => { socket.close(); reject(new Error('no answer')); }, 5_000);
    socket.on('message', (answer) => { clearTimeout(timer); socket.close(); resolve(answer); });
    socket.send(bytes, router.dnsPort, '127.0.0.1');
  });
}

/** All answers to some messages sent at once. */
function bytesOverTcp(messages: readonly Buffer[]): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(router.dnsPort, '127.0.0.1');
    let pending = Buffer.alloc(0);
    const answers: Buffer[] = [];
    socket.on('error', reject);
    socket.on('data', (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        answers.push(pending.subarray(2, 2 + pending.readUInt16BE(0)));
        pending = pending.subarray(2 + pending.readUInt16BE(0));
      }
      if (answers.length === messages.length) socket.end(() => resolve(answers));
    });
    const framed = Buffer.concat(messages.flatMap((message) => [Buffer.from([message.length >> 8, message.length & 255]), message]));
    // Cut where it hurts: a server reads a stream, not messages.
    for (let at = 0; at < framed.length; at += 5) socket.write(framed.subarray(at, at + 5));
  });
}

const overUdp = async (name: string, options: QueryOptions = {}): Promise<Packet> => packet.decode(await bytesOverUdp(queryBytes(name, options)));
const addressesIn = ({ answers = [] }: Packet): unknown[] => answers.map((one) => ('data' in one ? one.data : null));
const sentTo = async (address: string): Promise<unknown> => addressesIn(await overUdp(own, { subnet: subnetOf(address) }))[0];
const subnetOf = (address: string): string => address.includes(':') ? `${address.split(':').slice(0, 3).join(':')}::/48` : `${address.split('.').slice(0, 3).join('.')}.0/24`;

const viewers: readonly (readonly [string, string, PlaceName])[] = [
  ['Germany', '213.73.91.35', 'frankfurt'], ['France', '80.67.169.12', 'frankfurt'], ['the Netherlands', '193.0.6.139', 'frankfurt'], ['Tunisia', '41.231.21.8', 'frankfurt'],
  ['Russia', '77.88.8.8', 'frankfurt'], ['South Africa', '196.25.1.1', 'frankfurt'], ['the United States', '8.8.8.8', 'virginia'], ['Brazil', '200.160.2.3', 'virginia'],
  ['Japan', '203.178.141.194', 'tokyo'], ['Korea', '168.126.63.1', 'tokyo'], ['China', '180.76.76.76', 'tokyo'],
  ['the Netherlands, IPv6', '2001:67c:2e8::1', 'frankfurt'], ['Brazil, IPv6', '2804:800:0::1', 'virginia'],
];

test.each(viewers)('a viewer in %s (%s) is sent to %s, over UDP and TCP', async (_country, address, place) => {
  const bytes = queryBytes(own, { subnet: subnetOf(address) });
  const answer = await bytesOverUdp(bytes);
  expect(addressesIn(packet.decode(answer))).toEqual([addressOf(place)]);
  expect(scopeOf(answer)).toBeGreaterThan(0);
  const [overTcp] = await bytesOverTcp([bytes]);
  expect(overTcp).toEqual(answer);
});

test('the operator\'s table counts more than the database', async () => {
  expect(await sentTo('10.20.1.1')).toBe(addressOf('virginia'));
});

test('TCP answers what is sent in one go, in order', async () => {
  const messages = [1, 2, 3].map((number) => queryBytes(number === 2 ? 'dnothere.cdn.test' : own, { id: number }));
  const answers = (await bytesOverTcp(messages)).map((bytes) => packet.decode(bytes));
  expect(answers.map((one) => [one.id, (one as { rcode?: string }).rcode])).toEqual([[1, 'NOERROR'], [2, 'NXDOMAIN'], [3, 'NOERROR']]);
});

const redirectOf = (host: string, target: string, method = 'GET'): Promise<http.IncomingMessage> => new Promise((resolve, reject) => {
  http.request({ host: '127.0.0.1', port: router.httpPort, method, path: target, headers: { host }, agent: false }, (response) => { response.resume(); resolve(response); }).on('error', reject).end();
});

test('a redirect is followed to the nearest edge, which serves what was asked for', async () => {
  const answer = await redirectOf(own, '/a/b?x=1&y=%20');
  expect(answer.statusCode).toBe(302);
  const to = new URL(answer.headers.location ?? '');
  expect(to.hostname).toBe(own.replace('.', '--tokyo.'));
  expect(answer.headers.location?.endsWith('/a/b?x=1&y=%20')).toBe(true);
  expect(addressesIn(await overUdp(to.hostname))).toEqual([addressOf('tokyo')]);
  const served = await ask(edges.get('tokyo')?.port ?? 0, to.host, to.pathname + to.search, { address: addressOf('tokyo') });
  expect([served.status, served.body.toString(), served.headers['x-amz-cf-pop']]).toEqual([200, 'content of /a/b', places.tokyo.pop]);
  expect((await redirectOf(own, '/', 'POST')).statusCode).toBe(307);
  expect((await redirectOf('other.example', '/')).statusCode).toBe(404);
});

describe('with the tools that people have', () => {
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` };
  const isThere = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`], { env }).status === 0;
  /** A machine that lacks one of the programs says so. */
  const testWith = (...programs: readonly string[]): typeof test => programs.every(isThere) ? test : test.skip;
  const run = async (program: string, ...args: readonly string[]): Promise<string> => (await promisify(execFile)(program, args, { env, timeout: 20_000 })).stdout.trim();
  const lookUp = (program: string, port: number, name: string, ...more: readonly string[]): Promise<string> => run(program, '@127.0.0.1', '-p', String(port), name, 'A', '+short', ...more);

  testWith('dig')('dig gets the nearest edge, over UDP and TCP', async () => {
    for (const [country, address, place] of viewers) {
      for (const way of ['+notcp', '+tcp']) expect([country, way, await lookUp('dig', router.dnsPort, own, `+subnet=${subnetOf(address)}`, way)]).toEqual([country, way, addressOf(place)]);
    }
  });

  testWith('kdig')('so does kdig', async () => {
    for (const [country, address, place] of viewers) expect([country, await lookUp('kdig', router.dnsPort, own, `+subnet=${subnetOf(address)}`)]).toEqual([country, addressOf(place)]);
  });

  /** A resolver that passes clients' subnets on and keeps answers for as many of them as it is told. */
  async function startUnbound(): Promise<{ readonly port: number; close(): Promise<void> }> {
    const [port] = await freePorts(1) as [number];
    const home = path.join(dir, 'unbound');
    mkdirSync(home);
    writeFileSync(path.join(home, 'unbound.conf'), `server:
  interface: 127.0.0.1@${port}
  directory: "${home}"
  chroot: ""
  username: ""
  pidfile: ""
  do-daemonize: no
  use-syslog: no
  do-not-query-localhost: no
  local-zone: "test." nodefault
  module-config: "subnetcache iterator"
  send-client-subnet: 127.0.0.1
  client-subnet-always-forward: yes
stub-zone:
  name: "${domain}"
  stub-addr: 127.0.0.1@${router.dnsPort}
remote-control:
  control-enable: no
`);
    const child = spawn('unbound', ['-d', '-c', path.join(home, 'unbound.conf')], { env, stdio: 'ignore' });
    const gone = new Promise<void>((resolve) => { child.once('exit', () => resolve()); });
    const close = async (): Promise<void> => { child.kill(); await gone; };
    await until(async () => (await lookUp('dig', port, own, '+time=1', '+tries=1').catch(() => '')).startsWith('127.0.1.'), 'unbound').catch(async (thrown) => { await close(); throw thrown; });
    return { port, close };
  }

  testWith('unbound', 'dig')('a resolver in between gives each viewer their own answer, from its cache too', async () => {
    const unbound = await startUnbound();
    try {
      for (const round of ['first', 'kept']) {
        for (const [country, address, place] of viewers) expect([round, country, await lookUp('dig', unbound.port, own, `+subnet=${subnetOf(address)}`)]).toEqual([round, country, addressOf(place)]);
      }
    } finally {
      await unbound.close();
    }
  }, 60_000);

  testWith('curl', 'dig')('curl follows the redirect to the nearest edge', async () => {
    const start = `http://${own}:${router.httpPort}/a/curl?x=1`;
    const at = (name: string, port: number | string, address: string): readonly string[] => ['--resolve', `${name}:${port}:${address}`];
    const ways = at(own, router.httpPort, '127.0.0.1');
    const to = new URL(await run('curl', '-s', '-o', path.join(dir, 'unread'), '-w', '%{redirect_url}', ...ways, start));
    // As its resolver would do it.
    const address = await lookUp('dig', router.dnsPort, to.hostname);
    expect(address).toBe(addressOf('tokyo'));
    expect(await run('curl', '-sL', '-w', ' from %{remote_ip}', ...ways, ...at(to.hostname, to.port, address), start)).toBe(`content of /a/curl from ${address}`);
  });
});

test('people are told which edge and why', async () => {
  const answer = await fetch(`http://127.0.0.1:${router.httpPort}/edgefront/v1/route?host=${own}&address=8.8.8.8`);
  expect(await answer.json()).toMatchObject({
    host: own, distribution: id, viewer: { address: '8.8.8.8', by: 'database', country: 'US' },
    edges: [{ id: 'virginia', standing: 'fit' }, { standing: 'fit' }, { standing: 'fit' }],
  });
});

test('an edge that viewers cannot reach gets no more of them, until it has answered for a while', async () => {
  await edges.get('frankfurt')?.toViewers.cut();
  await until(async () => await sentTo('213.73.91.35') === addressOf('virginia'), 'leaving an edge that does not answer');
  await edges.get('frankfurt')?.toViewers.mend();
  await until(async () => await sentTo('213.73.91.35') === addressOf('frankfurt'), 'coming back');
});

test('an edge that hears no worker gets no new viewers while others do', async () => {
  await edges.get('tokyo')?.toWorker.cut();
  await until(async () => await sentTo('203.178.141.194') !== addressOf('tokyo'), 'leaving an edge that is cut off');
  const { edges: told } = await (await fetch(`http://127.0.0.1:${router.httpPort}/edgefront/v1/route?host=${own}&address=203.178.141.194`)).json() as { edges: { id: string; standing: string }[] };
  expect(told.find((edge) => edge.id === 'tokyo')?.standing).toBe('cut-off');
  await edges.get('tokyo')?.toWorker.mend();
  await until(async () => await sentTo('203.178.141.194') === addressOf('tokyo'), 'coming back');
});

test('a full edge leaves new viewers to others', async () => {
  loads.set('frankfurt', 0.95);
  await until(async () => await sentTo('213.73.91.35') === addressOf('virginia'), 'spilling');
  loads.delete('frankfurt');
  await until(async () => await sentTo('213.73.91.35') === addressOf('frankfurt'), 'coming back');
});

test('an edge is drained for maintenance and put back by one call each', async () => {
  const { store } = api;
  await store.nodes.drain('virginia', 10);
  await until(async () => await sentTo('8.8.8.8') !== addressOf('virginia'), 'draining');
  await store.nodes.undrain('virginia');
  await until(async () => await sentTo('8.8.8.8') === addressOf('virginia'), 'coming back');
});

test('a router goes on without a worker, and starts again without one', async () => {
  const { port } = worker;
  await worker.close();
  expect(await sentTo('8.8.8.8')).toBe(addressOf('virginia'));
  await router.close();
  router = await startedRouter(port);
  for (const [, address, place] of viewers) expect(await sentTo(address)).toBe(addressOf(place));
  worker = await startedWorker(port);
  const created = await api.xml('CreateDistribution', { DistributionConfig: distributionConfig(origin.port, 'after') });
  const { DomainName: name } = created['Distribution'] as { DomainName: string };
  await until(async () => addressesIn(await overUdp(name)).length === 1, 'a distribution made since');
});
