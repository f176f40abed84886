// What becomes of a request when the edge that should stand in for an origin does not, or when whoever asks it is no edge.
import net from 'node:net';
import { ManualClock } from '../../../src/base/clock';
import type { Outcome } from '../../../src/edge/outcome';
import { Marks, markField, shieldHost, type Claims } from '../../../src/edge/shield/marks';
import type { PeerEdge } from '../../../src/snapshot/wire';
import { startOrigin, type Fetched, type Origin, type OriginHandler } from '../../fixtures/origin';
import { edgeHost, keptLog, RunningEdge } from '../../fixtures/running-edge';
import { fleetSecret, peerOf, shieldRegion, ShieldedFleet, type FleetOptions } from '../../fixtures/shielded-fleet';
import { behavior, origin as originOf, site } from '../../fixtures/site';

const [shield, tokyo, brazil] = [0, 1, 2];
const methods = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'];

let origin: Origin;
let fleet: ShieldedFleet;
let clock: ManualClock;
let lines: string[];
const outcomes: (() => Outcome | null)[] = [];
const others: net.Server[] = [];

const fresh: OriginHandler = ({ body }, response) => {
  response.writeHead(200, { 'cache-control': 'max-age=60' });
  response.end(`content of ${origin.seen.length}${body.length > 0 ? `, ${body.length} bytes came` : ''}`);
};

async function begin(handler: OriginHandler = fresh, options: Partial<FleetOptions> = {}): Promise<void> {
  origin = await startOrigin(handler);
  clock = new ManualClock(Date.UTC(2026, 0, 1), 1_000);
  const kept = keptLog();
  lines = kept.lines;
  outcomes.length = 0;
  fleet = await ShieldedFleet.start({ clock, log: kept.log, ...options });
  fleet.put(origin, { allowedMethods: methods });
}

afterEach(async () => {
  await fleet.close();
  await origin.close();
  for (const server of others.splice(0)) server.close();
});

const passedOver = (): readonly string[] => lines.flatMap((line) => /shield passed over.*"why":"([a-z-]+)"/.exec(line)?.[1] ?? []);

/** Something else at an edge's address. */
async function impostor(act: (socket: net.Socket) => void): Promise<string> {
  const server = net.createServer((socket) => { socket.on('error', () => {}); act(socket); });
  others.push(server);
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

const speaks = (answer: string) => (socket: net.Socket): void => { socket.on('data', () => { socket.write(answer); }); };
const freePort = async (): Promise<string> => {
  const url = await impostor(() => {});
  others.pop()?.close();
  return url;
};

describe('a shield that', () => {
  test.each<[string, () => Promise<string>, string]>([
    ['is down', freePort, 'unreachable'],
    ['takes a connection and says nothing', () => impostor(() => {}), 'silent'],
    ['hangs up', () => impostor((socket) => socket.on('data', () => { socket.destroy(); })), 'broken'],
    ['is another server now', () => impostor(speaks('HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nevil')), 'unproved'],
    ['is another that claims to be it', () => impostor(speaks(`HTTP/1.1 200 OK\r\nX-Edge-Shield: hit; proof=${'A'.repeat(43)}\r\nContent-Length: 4\r\n\r\nevil`)), 'unproved'],
    ['only says that it works', () => impostor(speaks(`HTTP/1.1 102 Processing\r\nX-Edge-Shield: accepted; proof=${'A'.repeat(43)}\r\n\r\n`)), 'silent'],
    ['answers what is not HTTP', () => impostor(speaks('SSH-2.0-OpenSSH_9.9\r\n')), 'broken'],
  ])('%s is passed over for the next place, and rests a while', async (_name, address, why) => {
    await begin();
    fleet.tell({ 'FRA56-P1': { addresses: [await address()] } });
    expect((await fleet.ask(brazil, '/a')).body.toString()).toBe('content of 1');
    expect((await fleet.ask(brazil, '/b')).body.toString()).toBe('content of 2');
    expect((await fleet.ask(brazil, '/p', { method: 'POST', body: Buffer.alloc(200_000) })).body.toString()).toBe('content of 3, 200000 bytes came');
    expect(passedOver()).toEqual([why]);
    clock.advance(6_000);
    expect((await fleet.ask(brazil, '/q', { method: 'POST', body: Buffer.alloc(200_000) })).body.toString()).toBe('content of 4, 200000 bytes came');
    expect(passedOver()).toEqual([why, why]);
    // Tokyo is the next place; from there the origin is asked once for each.
    expect(origin.seen.map(({ headers }) => String(headers.via).split(', ').length)).toEqual([2, 2, 2, 2]);
  });

  test('has no address is passed over; when nobody is to be had, the origin is asked itself', async () => {
    await begin();
    fleet.tell({ 'FRA56-P1': { addresses: [] }, 'NRT57-P1': { addresses: ['http://edge.example:80', 'ftp://192.0.2.1:21'] } });
    expect((await fleet.ask(brazil, '/a')).body.toString()).toBe('content of 1');
    expect(passedOver()).toEqual(['no-address', 'no-address']);
    expect(String(origin.seen[0]?.headers.via).split(', ').length).toBe(1);
  });

  test('is not fit is not asked; when nobody is, all are', async () => {
    await begin();
    fleet.tell({ 'FRA56-P1': { fit: false }, 'GRU3-P1': { fit: false }, 'NRT57-P1': { fit: true } });
    await fleet.ask(brazil, '/a');
    expect(String((await fleet.ask(tokyo, '/a')).headers['x-cache'])).toBe('Hit from cloudfront');
    fleet.tell({ 'FRA56-P1': { fit: false }, 'GRU3-P1': { fit: false }, 'NRT57-P1': { fit: false } });
    await fleet.ask(brazil, '/b');
    expect(String((await fleet.ask(shield, '/b')).headers['x-cache'])).toBe('Hit from cloudfront');
  });

  test('has another version of the site is passed over, without blame', async () => {
    await begin();
    fleet.edge(shield).put(site({ seq: 2, behaviors: [behavior()], origins: [originOf({ httpPort: origin.port, shield: shieldRegion })] }));
    await fleet.ask(tokyo, '/a');
    await fleet.ask(tokyo, '/b');
    expect(passedOver()).toEqual(['other-version', 'other-version']);
    expect(origin.seen.length).toBe(2);
  });

  test('breaks off in the middle breaks off the viewer\'s answer, as the origin would', async () => {
    await begin((_request, response) => {
      response.writeHead(200, { 'content-length': 100_000 });
      response.write(Buffer.alloc(50_000));
      setTimeout(() => response.destroy(), 50);
    });
    await expect(fleet.ask(tokyo, '/a')).rejects.toThrow();
    expect([fleet.edge(tokyo).cache.objectCount, fleet.edge(shield).cache.objectCount]).toEqual([0, 0]);
  });

  test('says that it works may take its time', async () => {
    await begin((_request, response) => { setTimeout(() => { response.writeHead(200); response.end('late'); }, 2_500); });
    expect((await fleet.ask(tokyo, '/a')).body.toString()).toBe('late');
    expect([passedOver(), origin.seen.length]).toEqual([[], 1]);
  });
});

describe('an origin that', () => {
  test.each<[string, number, string, OriginHandler]>([
    ['hangs up', 502, 'origin-misbehaved', (_request, response) => { response.destroy(); }],
    ['is too slow', 504, 'origin-timeout', () => {}],
  ])('%s fails behind the shield as it would here: %i', async (_name, status, kind, handler) => {
    const seen: Outcome[] = [];
    await begin(handler, { watch: (exchange) => { outcomes.push(() => exchange.outcome); } });
    const slow = originOf({ httpPort: origin.port, connectionAttempts: 1, readTimeoutS: 1, shield: shieldRegion });
    for (const edge of fleet.edges) edge.put(site({ origins: [slow] }));
    const answer = await fleet.ask(tokyo, '/a');
    seen.push(...outcomes.flatMap((outcome) => outcome() ?? []));
    expect([answer.status, answer.body.toString().includes('ERROR'), origin.seen.length]).toEqual([status, true, 1]);
    expect(seen.map(({ reason }) => reason)).toEqual([kind, kind]);
    // It is remembered on both sides.
    expect([(await fleet.ask(tokyo, '/a')).status, (await fleet.ask(brazil, '/a')).status, origin.seen.length]).toEqual([status, status, 1]);
    expect(passedOver()).toEqual([]);
  });

  test('fails within a group gives way to the next, each through its own shield', async () => {
    await begin((request, response) => { response.writeHead(request.url === '/first/a' ? 503 : 200); response.end(request.url); });
    const member = (id: string, region: string): ReturnType<typeof originOf> => originOf({ id, path: `/${id}`, httpPort: origin.port, connectionAttempts: 1, shield: region });
    const grouped = site({
      behaviors: [behavior({ target: 'both' })], origins: [member('first', 'eu-central-1'), member('second', 'sa-east-1')],
      groups: [{ id: 'both', members: ['first', 'second'], statusCodes: [503] }],
    });
    for (const edge of fleet.edges) edge.put(grouped);
    for (const index of [tokyo, shield, brazil]) expect((await fleet.ask(index, '/a')).body.toString()).toBe('/second/a');
    // One that is the shield itself asks itself: a group's cache is not the cache of its members.
    expect(origin.seen.map(({ url }) => url)).toEqual(['/first/a', '/second/a']);
  });

  test('leads back to its edges is not asked without end', async () => {
    await begin();
    const entry = fleet.edge(tokyo).port;
    const behind = site({ behaviors: [behavior({ forward: { ...behavior().forward, headers: { mode: 'only', names: ['host'] } } })], origins: [originOf({ httpPort: entry, connectionAttempts: 1, shield: shieldRegion })] });
    for (const edge of fleet.edges) edge.put(behind);
    expect((await fleet.ask(tokyo, '/a', { method: 'HEAD' })).status).toBe(403);
  });
});

test('edges that each take another for the shield ask no further than one', async () => {
  await begin();
  const told = (order: readonly string[]): readonly PeerEdge[] =>
    order.map((pop, i) => peerOf(pop, pop, fleet.edge(['FRA56-P1', 'NRT57-P1', 'GRU3-P1'].indexOf(pop)).port, { place: { latitude: 50 - 20 * i, longitude: 8 } }));
  fleet.edge(shield).tier?.peers.take(told(['NRT57-P1', 'GRU3-P1', 'FRA56-P1']));
  fleet.edge(tokyo).tier?.peers.take(told(['GRU3-P1', 'FRA56-P1', 'NRT57-P1']));
  fleet.edge(brazil).tier?.peers.take(told(['FRA56-P1', 'NRT57-P1', 'GRU3-P1']));
  for (const index of [shield, tokyo, brazil]) expect((await fleet.ask(index, `/${index}`)).status).toBe(200);
  expect(origin.seen.map(({ headers }) => String(headers.via).split(', ').length)).toEqual([2, 2, 2]);
});

describe('marks', () => {
  const claims = (changes: Partial<Claims> = {}): Claims => ({
    purpose: 'answer', site: 'E1', version: '1', origin: 'main', atLeast: { epoch: null, seq: 1 }, sentAtMs: clock.nowMs(),
    viewer: { host: edgeHost, hostField: edgeHost, scheme: 'http', httpVersion: '1.1', remoteAddress: '192.0.2.1', remotePort: 1, peerAddress: '192.0.2.1' }, ...changes,
  });
  const ask = (fields: Readonly<Record<string, string>>, path = '/a', method = 'GET'): Promise<Fetched> => fleet.edge(shield).ask(path, { headers: fields, method }, shieldHost);
  const signed = (secret = fleetSecret, changes: Partial<Claims> = {}): string => new Marks(() => secret).sign(claims(changes), { method: 'GET', target: '/a', fields: ['host', shieldHost, 'x-a', '1'] }).mark;

  test.each<[string, number, () => Promise<Fetched>]>([
    ['of an edge', 200, () => ask({ 'x-a': '1', [markField]: signed() })],
    ['that is missing', 403, () => ask({ 'x-a': '1' })],
    ['that is none', 403, () => ask({ 'x-a': '1', [markField]: 'mark' })],
    ['that is too long', 403, () => ask({ 'x-a': '1', [markField]: `${'a'.repeat(5_000)}.b` })],
    ['by another fleet', 403, () => ask({ 'x-a': '1', [markField]: signed('another-secret-of-at-least-thirty-two') })],
    ['with a byte changed', 403, () => ask({ 'x-a': '1', [markField]: signed().replace(/^./, 'f') })],
    ['for another path', 403, () => ask({ 'x-a': '1', [markField]: signed() }, '/b')],
    ['for another query', 403, () => ask({ 'x-a': '1', [markField]: signed() }, '/a?b')],
    ['for another method', 403, () => ask({ 'x-a': '1', [markField]: signed() }, '/a', 'HEAD')],
    ['for another field', 403, () => ask({ 'x-a': '2', [markField]: signed() })],
    ['with a field more', 403, () => ask({ 'x-a': '1', cookie: 'a=1', [markField]: signed() })],
    ['from long ago', 403, () => ask({ 'x-a': '1', [markField]: signed(fleetSecret, { sentAtMs: clock.nowMs() - 60_001 }) })],
    ['from far ahead', 403, () => ask({ 'x-a': '1', [markField]: signed(fleetSecret, { sentAtMs: clock.nowMs() + 60_001 }) })],
    ['for a site that is not here', 503, () => ask({ 'x-a': '1', [markField]: signed(fleetSecret, { site: 'E2' }) })],
    ['for an origin that is not there', 503, () => ask({ 'x-a': '1', [markField]: signed(fleetSecret, { origin: 'other' }) })],
  ])('%s: %i', async (_name, status, send) => {
    await begin();
    expect((await send()).status).toBe(status);
    expect(origin.seen.length).toBe(status === 200 ? 1 : 0);
  });

  test('do a viewer no good: it is let in nowhere by one, and none reaches an origin', async () => {
    await begin();
    const closed = site({ seq: 1, behaviors: [behavior({ access: { closed: 'signers', signedBy: null }, forwardOtherHeaders: true })], origins: [originOf({ httpPort: origin.port, shield: shieldRegion })] });
    fleet.edge(shield).put(closed);
    const mark = new Marks(() => fleetSecret).sign(claims(), { method: 'GET', target: '/a', fields: ['host', edgeHost] }).mark;
    expect((await fleet.ask(shield, '/a', { headers: { [markField]: mark } })).status).toBe(403);
    fleet.put(origin, { forwardOtherHeaders: true });
    for (const index of [tokyo, shield]) await fleet.ask(index, `/${index}`, { headers: { [markField]: mark } });
    expect(JSON.stringify(origin.seen)).not.toContain(markField);
  });

  test('an edge that is part of no fleet takes none', async () => {
    await begin();
    const alone = await RunningEdge.start({ clock });
    expect((await alone.ask('/a', { headers: { 'x-a': '1', [markField]: signed() } }, shieldHost)).status).toBe(403);
    await alone.close();
  });
});

test('what was checked at the viewer\'s edge is not checked again, and what it says is believed', async () => {
  await begin();
  const countries = { mode: 'only', codes: ['JP'] } as const;
  const restricted = site({ countries, behaviors: [behavior({ viewerProtocol: 'allow-all' })], origins: [originOf({ httpPort: origin.port, shield: shieldRegion })] });
  await fleet.close();
  fleet = await ShieldedFleet.start({ clock, geo: { countryOf: (address) => address === '192.0.2.1' ? 'JP' : 'DE' } });
  for (const edge of fleet.edges) edge.put(restricted);
  expect((await fleet.ask(tokyo, '/a', { headers: { 'x-forwarded-for': '192.0.2.1' } })).status).toBe(200);
  expect((await fleet.ask(shield, '/a')).status).toBe(403);
  expect(String(origin.seen[0]?.headers.via).split(', ').length).toBe(2);
});

test('a hit there is an OriginShieldHit in the outcome, a hit in X-Cache, and named by Server-Timing', async () => {
  await begin(fresh, { watch: (exchange) => { outcomes.push(() => exchange.outcome); } });
  const timed = { removed: [], added: [], cors: null, serverTimingPercent: 100 };
  fleet.put(origin, { responseHeaders: timed });
  const missed = await fleet.ask(brazil, '/a');
  const hit = await fleet.ask(tokyo, '/a');
  expect(missed.headers['server-timing']).toMatch(/^cdn-upstream-layer;desc="Origin Shield",cdn-upstream-fbl;dur=\d+,cdn-cache-miss,cdn-pop;desc="GRU3-P1"/);
  expect(hit.headers['server-timing']).toMatch(/^cdn-cache-hit,cdn-pop;desc="NRT57-P1",cdn-rid;desc="[^"]+",cdn-hit-layer;desc="Origin Shield"/);
  expect([hit.headers['x-cache'], hit.headers['x-amz-cf-pop']]).toEqual(['Hit from cloudfront', 'NRT57-P1']);
  expect(outcomes.map((outcome) => outcome()?.result)).toEqual(['Miss', 'Miss', 'OriginShieldHit', 'Hit']);
});

test('early hints come through', async () => {
  await begin((_request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    setTimeout(() => { response.writeHead(200); response.end('all'); }, 50);
  });
  const socket = net.connect(fleet.edge(tokyo).port, '127.0.0.1');
  let heard = '';
  socket.on('data', (piece: Buffer) => { heard += piece.toString('latin1'); });
  socket.write(`GET /a HTTP/1.1\r\nHost: ${edgeHost}\r\nConnection: close\r\n\r\n`);
  await new Promise((resolve) => { socket.on('close', resolve); });
  expect(heard.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 103', 'HTTP/1.1 200']);
  expect(heard.toLowerCase()).not.toContain(markField);
});
