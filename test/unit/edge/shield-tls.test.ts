// Edges that ask each other over TLS, and what an edge rather does than send a viewer's request in the clear.
import https from 'node:https';
import { ManualClock } from '../../../src/base/clock';
import { startOrigin, type Origin } from '../../fixtures/origin';
import { certificateSite, serverCertificate } from '../../fixtures/certificates';
import { edgeHost, keptLog } from '../../fixtures/running-edge';
import { fleetSecret, ShieldedFleet, type FleetOptions } from '../../fixtures/shielded-fleet';

const [shield, tokyo, brazil] = [0, 1, 2];
const names = ['*.cloudfront.localhost'];
const fleets = certificateSite('default', serverCertificate(names), fleetSecret);

let origin: Origin;
let fleet: ShieldedFleet;
let lines: string[];
const seenSchemes: string[] = [];

async function begin(certificates: FleetOptions['certificates']): Promise<void> {
  origin = await startOrigin((_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' });
    response.end('content');
  });
  const kept = keptLog();
  lines = kept.lines;
  seenSchemes.length = 0;
  const clock = new ManualClock(Date.now(), 1_000);
  fleet = await ShieldedFleet.start({ clock, log: kept.log, watch: ({ request }) => { if (request.host !== edgeHost) seenSchemes.push(request.scheme); }, ...(certificates === undefined ? {} : { certificates }) });
  fleet.put(origin);
}

afterEach(async () => {
  await fleet.close();
  await origin.close();
});

/** The first edge is told of at these addresses. */
function shieldAt(...addresses: readonly string[]): void {
  fleet.tell({ 'FRA56-P1': { addresses }, 'NRT57-P1': { fit: false }, 'GRU3-P1': { fit: false } });
}
const secureAddress = (): string => `https://127.0.0.1:${fleet.edge(shield).securePort}`;
const passedOver = (): readonly string[] => lines.flatMap((line) => /shield passed over.*"why":"([a-z-]+)"/.exec(line)?.[1] ?? []);

/** As a viewer asks over TLS. */
const askSecurely = (index: number, path: string): Promise<number> => new Promise((resolve, reject) => {
  const request = https.request({ host: '127.0.0.1', port: fleet.edge(index).securePort, path, servername: edgeHost, headers: { host: edgeHost }, rejectUnauthorized: false, agent: false }, (response) => {
    response.resume();
    response.on('end', () => resolve(response.statusCode ?? 0));
  });
  request.on('error', reject);
  request.end();
});

test('where an edge is elsewhere it is asked over TLS, and known by the fleet\'s certificate', async () => {
  await begin([fleets, fleets, fleets]);
  shieldAt('http://192.0.2.1:80', secureAddress());
  for (const index of [tokyo, brazil]) expect((await fleet.ask(index, '/a')).body.toString()).toBe('content');
  expect(await askSecurely(tokyo, '/b')).toBe(200);
  expect([origin.seen.length, passedOver(), seenSchemes]).toEqual([2, [], ['https', 'https', 'https']]);
});

test('whoever has another certificate there is told nothing', async () => {
  await begin([certificateSite('default', serverCertificate(names), fleetSecret), fleets, fleets]);
  shieldAt(secureAddress());
  expect((await fleet.ask(tokyo, '/a')).body.toString()).toBe('content');
  expect([passedOver(), seenSchemes, String(origin.seen[0]?.headers.via).split(', ').length]).toEqual([['unreachable'], [], 1]);
});

test('without a certificate in common nothing that came over TLS goes in the clear beyond this machine', async () => {
  await begin([null, null, null]);
  shieldAt('https://127.0.0.1:9');
  expect((await fleet.ask(tokyo, '/a')).body.toString()).toBe('content');
  expect(passedOver()).toEqual(['no-address']);
  await fleet.close();
  await origin.close();
  await begin([fleets, fleets, fleets]);
  shieldAt('http://192.0.2.1:80');
  expect(await askSecurely(brazil, '/b')).toBe(200);
  expect(passedOver()).toEqual(['no-address']);
});
