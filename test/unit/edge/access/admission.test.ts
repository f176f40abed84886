// Who is let in, over the network: signatures are checked for hits too, and neither keyed on nor forwarded.
import { getSignedCookies, getSignedUrl } from '@aws-sdk/cloudfront-signer';
import { ManualClock } from '../../../../src/base/clock';
import type { SiteBehavior, WebSite } from '../../../../src/snapshot/site';
import { startOrigin, type Origin } from '../../../fixtures/origin';
import { edgeHost, keptLog, RunningEdge } from '../../../fixtures/running-edge';
import { rsaKey } from '../../../fixtures/signers';
import { behavior, origin as originOf, site } from '../../../fixtures/site';
const key = rsaKey('KRSA11111111AA');
const everything = { mode: 'all', names: [] } as const;
const nothing = { mode: 'none', names: [] } as const;

let origin: Origin;
let edge: RunningEdge;
let clock: ManualClock;
const { log, lines } = keptLog();

beforeEach(async () => {
  lines.length = 0;
  origin = await startOrigin((request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', 'content-type': 'text/plain' });
    response.end(`${request.url} ${request.headers.cookie ?? '-'}`);
  });
  clock = new ManualClock(Date.now());
  edge = await RunningEdge.start({ log, clock });
});
afterEach(async () => {
  await edge.close();
  await origin.close();
});

const restricted = (changes: Partial<SiteBehavior> = {}): SiteBehavior => {
  const all = { headers: nothing, cookies: everything, query: everything };
  return behavior({
    pattern: '/private/*', access: { closed: null, signedBy: [key.id] }, forward: all, caching: { ...behavior().caching, key: all }, ...changes,
  });
};
const put = (changes: Partial<WebSite> = {}): void => edge.put(site({
  behaviors: [restricted(), behavior()], origins: [originOf({ httpPort: origin.port })], publicKeys: [{ id: key.id, pem: key.publicPem }], ...changes,
}));
const by = { keyPairId: key.id, privateKey: key.privatePem };
const pathSigned = (path: string, seconds: number): string => {
  const url = getSignedUrl({ ...by, url: `http://${edgeHost}${path}`, dateLessThan: new Date(Date.now() + seconds * 1000) });
  return url.slice(`http://${edgeHost}`.length);
};

test('two signatures share one object; the origin sees neither', async () => {
  put();
  const first = await edge.ask(pathSigned('/private/film?a=1&b=2', 60));
  expect([first.status, first.body.toString(), first.headers['x-cache']]).toEqual([200, '/private/film?a=1&b=2 -', 'Miss from cloudfront']);
  const second = await edge.ask(pathSigned('/private/film?a=1&b=2', 90));
  expect([second.body.toString(), second.headers['x-cache']]).toEqual(['/private/film?a=1&b=2 -', 'Hit from cloudfront']);
  const cookies = getSignedCookies({ ...by, url: `http://${edgeHost}/private/film?a=1&b=2`, dateLessThan: new Date(Date.now() + 60_000) });
  const cookie = Object.entries(cookies).map(([name, value]) => `${name}=${value}`).join('; ');
  const third = await edge.ask('/private/film?a=1&b=2', { headers: { cookie } });
  expect([third.body.toString(), third.headers['x-cache']]).toEqual(['/private/film?a=1&b=2 -', 'Hit from cloudfront']);
  const fourth = await edge.ask('/private/film?a=1&b=2', { headers: { cookie: `${cookie}; mine=1` } });
  expect(fourth.body.toString()).toBe('/private/film?a=1&b=2 mine=1');
});

test('what is stored is given to nobody without a signature, nor is it fetched', async () => {
  put();
  const path = pathSigned('/private/film', 60);
  await edge.ask(path);
  const asked = origin.seen.length;
  const refused = await edge.ask('/private/film');
  expect(refused.status).toBe(403);
  expect(refused.headers).toMatchObject({ 'content-type': 'text/xml', 'x-cache': 'Error from cloudfront', 'server': 'CloudFront' });
  expect(refused.body.toString()).toBe('<?xml version="1.0" encoding="UTF-8"?><Error><Code>MissingKey</Code><Message>Missing Key-Pair-Id query parameter or cookie value</Message></Error>');
  const wrong = await edge.ask(path.replace('film', 'song'));
  expect([wrong.status, wrong.body.toString()]).toEqual([403, '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>']);
  for (const method of ['HEAD', 'GET']) expect((await edge.ask('/x/../private/film', { method })).status).toBe(403);
  expect(origin.seen.length).toBe(asked);
});

test('a signature ends while its object is stored', async () => {
  put();
  const path = pathSigned('/private/film', 30);
  expect((await edge.ask(path)).status).toBe(200);
  clock.advance(31_000);
  expect((await edge.ask(path)).body.toString()).toContain('AccessDenied');
});

test('a key that is taken away opens nothing any more, from the moment the site is in force', async () => {
  put();
  const path = pathSigned('/private/film', 60);
  expect((await edge.ask(path)).status).toBe(200);
  put({ seq: 2, behaviors: [restricted({ access: { closed: null, signedBy: [] } }), behavior()], publicKeys: [] });
  const refused = await edge.ask(path);
  expect([refused.status, refused.body.toString()]).toEqual([403, expect.stringContaining('<Code>InvalidKey</Code><Message>Unknown Key</Message>')]);
  put({ seq: 3 });
  expect((await edge.ask(path)).status).toBe(200);
});

test('where nobody must sign, such parameters are anybody\'s', async () => {
  put({ behaviors: [restricted({ pattern: '*', access: { closed: null, signedBy: null } })] });
  expect((await edge.ask('/open?Expires=1&Signature=2')).body.toString()).toBe('/open?Expires=1&Signature=2 -');
});

test('the log says why, and shows neither signature nor key', async () => {
  put();
  const path = pathSigned('/private/film', 60);
  await edge.ask(path.replace('film', 'song'));
  await edge.ask('/private/film');
  const denied = lines.map((line) => JSON.parse(line) as { event: string; denial?: string }).filter(({ event }) => event === 'denied');
  expect(denied.map(({ denial }) => denial)).toEqual(['signature-wrong', 'key-missing']);
  expect(lines.join('\n')).not.toContain(/Signature=([^&]*)/.exec(path)?.[1]);
});

test('a site whose key is none is refused, and what was in force stays', async () => {
  put();
  expect(() => put({ seq: 2, publicKeys: [{ id: key.id, pem: 'no key' }] })).toThrow(/public key KRSA11111111AA cannot be used/);
  expect(() => put({ seq: 2, publicKeys: [] })).toThrow(/names a public key that is not there/);
  expect((await edge.ask('/private/film')).status).toBe(403);
});
