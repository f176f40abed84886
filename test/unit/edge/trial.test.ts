// Continuous deployment: guide page continuous-deployment, "Routing requests to the staging distribution" and "Session stickiness".
import { trialAnswer, withoutTrialCookie } from '../../../src/edge/trial';
import type { Fields } from '../../../src/protocol/http/fields';
import type { SiteTrial } from '../../../src/snapshot/site';
import { TestEdge } from '../../fixtures/edge';
import { behavior, origin as originOf, site } from '../../fixtures/site';

const host = 'staging.cloudfront.localhost';
const byHeader: SiteTrial = { host, session: 'E1', choice: { kind: 'header', name: 'aws-cf-cd-try', value: 'Yes' } };
const byWeight = (share: number): SiteTrial => ({ host, session: 'E1', choice: { kind: 'weight', share, stickiness: null } });
const sticky: SiteTrial = { host, session: 'E1', choice: { kind: 'weight', share: 0.15, stickiness: { idleTtlS: 300, maximumTtlS: 600 } } };
const nowS = 1_000_000;

test.each<[string, SiteTrial, Fields, number, boolean]>([
  ['the header with its value', byHeader, ['aws-cf-cd-try', 'Yes'], 0, true],
  ['the header with another', byHeader, ['aws-cf-cd-try', 'yes'], 0, false],
  ['no header', byHeader, [], 0, false],
  ['a weight, below it', byWeight(0.15), [], 0.149, true],
  ['a weight, at it', byWeight(0.15), [], 0.15, false],
  ['no weight', byWeight(0), [], 0, false],
])('%s', (_what, trial, fields, dice, staged) => {
  expect(trialAnswer(trial, fields, nowS, dice)).toEqual({ staged, cookie: null });
});

const cookieOf = (value: string): Fields => ['cookie', `a=1; aws-cf-cd-session=${value}`];
test.each<[string, Fields, number, boolean, string, number]>([
  ['no cookie: decided anew', [], 0.1, true, 'E1.s.1000000.1000000', 300],
  ['no cookie: decided anew, for the primary', [], 0.5, false, 'E1.p.1000000.1000000', 300],
  ['a session with the staging distribution stays', cookieOf('E1.s.999900.999950'), 0.9, true, 'E1.s.999900.1000000', 300],
  ['a session with the primary stays', cookieOf('E1.p.999900.999950'), 0, false, 'E1.p.999900.1000000', 300],
  ['its end comes nearer', cookieOf('E1.s.999500.999950'), 0.9, true, 'E1.s.999500.1000000', 100],
  ['idle for too long', cookieOf('E1.s.999650.999700'), 0.9, false, 'E1.p.1000000.1000000', 300],
  ['longer than the maximum', cookieOf('E1.s.999400.999990'), 0.9, false, 'E1.p.1000000.1000000', 300],
  ['of another trial', cookieOf('E2.s.999900.999950'), 0.9, false, 'E1.p.1000000.1000000', 300],
  ['from the future', cookieOf('E1.s.1000001.1000002'), 0.9, false, 'E1.p.1000000.1000000', 300],
  ['seen before it began', cookieOf('E1.s.999990.999950'), 0.9, false, 'E1.p.1000000.1000000', 300],
  ['nonsense', cookieOf('E1.x.1.2.3'), 0.9, false, 'E1.p.1000000.1000000', 300],
  ['twice', ['cookie', 'aws-cf-cd-session=E1.s.999900.999950; aws-cf-cd-session=E1.s.999900.999950'], 0.9, false, 'E1.p.1000000.1000000', 300],
])('stickiness: %s', (_what, fields, dice, staged, value, ageS) => {
  expect(trialAnswer(sticky, fields, nowS, dice)).toEqual({ staged, cookie: `aws-cf-cd-session=${value}; Path=/; Max-Age=${ageS}; HttpOnly; SameSite=Lax` });
});

test.each<[Fields, Fields]>([
  [['a', 'b'], ['a', 'b']], [['cookie', 'x=1', 'a', 'b'], ['cookie', 'x=1', 'a', 'b']], [['cookie', 'aws-cf-cd-session=1', 'a', 'b'], ['a', 'b']],
  [['cookie', 'x=1', 'a', 'b', 'cookie', 'aws-cf-cd-session=1; y=2'], ['a', 'b', 'cookie', 'x=1; y=2']],
])('%j without the cookie is %j', (fields, expected) => {
  expect(withoutTrialCookie(fields)).toEqual(expected);
});

describe('over real sockets', () => {
  let edge: TestEdge;
  afterEach(() => edge.close());
  const everything = { mode: 'all', names: [] } as const;
  const start = async (trial: SiteTrial | null): Promise<void> => {
    edge = await TestEdge.start(({ url, headers }, response) => { response.writeHead(200, { 'cache-control': 'max-age=60' }); response.end(`${url} ${headers.cookie ?? ''}`); });
    const key = { ...behavior().caching.key, cookies: everything };
    const common = { behaviors: [behavior({ caching: { ...behavior().caching, key }, forward: key })] };
    edge.edge.put(
      site({ ...common, trial, origins: [originOf({ httpPort: edge.origin.port, path: '/primary' })] }),
      site({ ...common, id: 'E2', hosts: [host], staging: true, origins: [originOf({ httpPort: edge.origin.port, path: '/staging' })] }),
    );
  };
  const body = async (headers: Record<string, string> = {}): Promise<string> => (await edge.ask('/', { headers })).body.toString();

  test('by header: each distribution with a cache of its own; the staging one is nobody\'s by its name', async () => {
    await start(byHeader);
    for (let round = 0; round < 2; round += 1) {
      expect(await body()).toBe('/primary/ ');
      expect(await body({ 'aws-cf-cd-try': 'Yes' })).toBe('/staging/ ');
    }
    expect(edge.origin.seen).toHaveLength(2);
    expect((await edge.ask('/', { headers: { host } })).status).toBe(403);
    edge.state.change([], ['E2'], [], 2);
    expect(await body({ 'aws-cf-cd-try': 'Yes' })).toBe('/primary/ ');
  });

  test('with sessions: the cookie is set on misses, hits and errors, keeps a viewer where it is, and reaches neither key nor origin', async () => {
    await start({ ...sticky, choice: { kind: 'weight', share: 1, stickiness: { idleTtlS: 300, maximumTtlS: 600 } } });
    const first = await edge.ask('/');
    expect(first.body.toString()).toBe('/staging/ ');
    const [cookie] = (first.headers['set-cookie']?.[0] ?? '').split(';');
    const primary = (cookie ?? '').replace('.s.', '.p.');
    expect(await body({ cookie: `b=1; ${primary}` })).toBe('/primary/ b=1');
    expect(await body({ cookie: primary })).toBe('/primary/ ');
    const hit = await edge.ask('/', { headers: { cookie: cookie } });
    expect([hit.headers['x-cache'], hit.headers['set-cookie']?.length]).toEqual(['Hit from cloudfront', 1]);
    expect((await edge.ask('/', { method: 'POST' })).headers['set-cookie']).toHaveLength(1);
    edge.clock.advance(301_000);
    expect(await body({ cookie: primary })).toBe('/staging/ ');
    expect(edge.origin.seen.every(({ headers }) => !(headers.cookie ?? '').includes('aws-cf'))).toBe(true);
  });

  test('no trial: everybody stays', async () => {
    await start(null);
    expect(await body({ 'aws-cf-cd-try': 'Yes' })).toBe('/primary/ ');
  });
});
