// What stays on an exchange once it is answered: how, and why not otherwise.
import { ManualClock } from '../../../src/base/clock';
import type { Outcome } from '../../../src/edge/outcome';
import { RunningEdge } from '../../fixtures/running-edge';
import { startOrigin } from '../../fixtures/origin';
import { behavior, origin as originOf, site } from '../../fixtures/site';

test('every exchange says what became of it, and X-Cache says the same', async () => {
  const origin = await startOrigin((request, response) => {
    if (request.url === '/gone') { response.destroy(); return; }
    if (request.headers['if-none-match'] === '"1"') { response.writeHead(304); response.end(); return; }
    const secret = request.url === '/secret';
    response.writeHead(request.url === '/missing' ? 404 : 200, { etag: '"1"', 'cache-control': secret ? 'private' : `max-age=${request.url === '/stale' ? 0 : 60}`, 'content-length': 2 });
    response.end('ok');
  });
  const clock = new ManualClock(Date.UTC(2026, 0, 1), 1_000);
  const outcomes: (() => Outcome | null)[] = [];
  const edge = await RunningEdge.start({ clock, watch: (exchange) => { outcomes.push(() => exchange.outcome); } });
  const behaviors = [behavior({ pattern: '/closed', access: { closed: 'signers', signedBy: null } }), behavior({ pattern: '/tls', viewerProtocol: 'redirect-to-https' }), behavior()];
  edge.put(site({ behaviors, origins: [originOf({ httpPort: origin.port, connectionAttempts: 1 })] }));
  const table: [string, Outcome][] = [
    ['/a', { result: 'Miss', forwarded: 'uri-miss', reason: null }],
    ['/a', { result: 'Hit', forwarded: null, reason: null }],
    ['/stale', { result: 'Miss', forwarded: 'uri-miss', reason: null }],
    ['/stale', { result: 'RefreshHit', forwarded: 'stale', reason: null }],
    ['/secret', { result: 'Miss', forwarded: 'uri-miss', reason: 'private' }],
    ['/missing', { result: 'Error', forwarded: 'uri-miss', reason: null }],
    ['/missing', { result: 'Error', forwarded: null, reason: null }],
    ['/gone', { result: 'Error', forwarded: null, reason: 'origin-misbehaved' }],
    ['/closed', { result: 'Error', forwarded: null, reason: 'access-closed' }],
    ['/tls', { result: 'Redirect', forwarded: null, reason: 'https-required' }],
  ];
  try {
    for (const [path, outcome] of table) {
      const answer = await edge.ask(path);
      expect([path, outcomes[outcomes.length - 1]?.()]).toEqual([path, outcome]);
      expect(answer.headers['x-cache']).toBe(`${outcome.result} from cloudfront`);
    }
  } finally {
    await edge.close();
    await origin.close();
  }
});
