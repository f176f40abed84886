// Compression over real sockets: who gets which coding, that it is done once, and what revalidation, ranges and heads make of it.
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { TestEdge } from '../../fixtures/edge';
import { edgeHost } from '../../fixtures/running-edge';
import { behavior } from '../../fixtures/site';
import { RawViewer } from '../../fixtures/raw-viewer';

const text = 'Lorem ipsum dolor sit amet, consectetur adipiscing elit. '.repeat(200);
const caching = { ...behavior().caching, gzip: true, brotli: true };
const html = { 'content-type': 'text/html', 'content-length': text.length, etag: '"1"', 'cache-control': 'max-age=60' };

let edge: TestEdge;
afterEach(() => edge.close());

test('each viewer gets the coding it takes, and each is compressed once', async () => {
  edge = await TestEdge.start((_request, response) => { response.writeHead(200, html); response.end(text); });
  edge.put({ compress: true, caching });
  for (const result of ['Miss', 'Hit']) {
    const [both, gzip, none, refused] = [
      await edge.ask('/', { headers: { 'accept-encoding': 'gzip, deflate, br' } }), await edge.ask('/', { headers: { 'accept-encoding': 'gzip, deflate' } }),
      await edge.ask('/'), await edge.ask('/', { headers: { 'accept-encoding': 'br;q=0, gzip;q=0' } }),
    ];
    expect(both.headers).toMatchObject({ 'content-encoding': 'br', etag: 'W/"1"', vary: 'Accept-Encoding', 'x-cache': `${result} from cloudfront` });
    expect(brotliDecompressSync(both.body).toString()).toBe(text);
    expect(gzip.headers).toMatchObject({ 'content-encoding': 'gzip', etag: 'W/"1"', vary: 'Accept-Encoding', 'x-cache': `${result} from cloudfront` });
    expect(gunzipSync(gzip.body).toString()).toBe(text);
    for (const plain of [none, refused]) {
      expect(plain.headers).toMatchObject({ etag: '"1"', vary: 'Accept-Encoding', 'content-length': String(text.length) });
      expect([plain.headers['content-encoding'], plain.body.toString()]).toEqual([undefined, text]);
    }
    if (result === 'Hit') expect(both.headers['content-length']).toBe(String(both.body.length));
  }
  expect(edge.origin.seen.map(({ headers }) => headers['accept-encoding'])).toEqual(['br,gzip', 'gzip', undefined]);
});

test('nothing is compressed that must not be', async () => {
  const headers: Record<string, object> = {
    '/encoded': { ...html, 'content-encoding': 'gzip' }, '/kept': { ...html, 'cache-control': 'no-transform, max-age=60' }, '/picture': { ...html, 'content-type': 'image/png' },
  };
  edge = await TestEdge.start(({ url }, response) => {
    response.writeHead(200, { ...(url === '/streamed' ? { 'content-type': 'text/html', 'transfer-encoding': 'chunked' } : headers[url]) } as never);
    response.end(text);
  });
  edge.put({ compress: true, caching });
  for (const path of ['/encoded', '/kept', '/picture', '/streamed']) {
    for (let round = 0; round < 2; round += 1) {
      const answer = await edge.ask(path, { headers: { 'accept-encoding': 'gzip, br' } });
      expect([path, answer.headers['content-encoding'], answer.body.toString() === text]).toEqual([path, path === '/encoded' ? 'gzip' : undefined, true]);
    }
  }
  edge.put({ compress: false, caching });
  edge.put({ compress: true });
  expect((await edge.ask('/other', { headers: { 'accept-encoding': 'gzip' } })).headers['content-encoding']).toBeUndefined();
});

test('an HTTP/1.0 viewer gets it as it is, though a compressed one is stored', async () => {
  edge = await TestEdge.start((_request, response) => { response.writeHead(200, html); response.end(text); });
  edge.put({ compress: true, caching });
  await edge.ask('/', { headers: { 'accept-encoding': 'gzip' } });
  const old = await RawViewer.to(edge.port);
  old.send(`GET / HTTP/1.0\r\nHost: ${edgeHost}\r\nAccept-Encoding: gzip\r\n\r\n`);
  expect(await old.all()).toContain(`\r\n\r\n${text}`);
  expect(edge.origin.seen.map(({ headers }) => headers['accept-encoding'])).toEqual(['gzip', undefined]);
});

test('a compressed object is renewed by a 304, answers If-None-Match with either tag, and gives parts of its own bytes', async () => {
  edge = await TestEdge.start(({ headers }, response) => {
    if (headers['if-none-match'] === 'W/"1"') { response.writeHead(304, { etag: '"1"', vary: 'Cookie', 'repr-digest': 'sha-256=:of the plain:' }); response.end(); return; }
    response.writeHead(200, html);
    response.end(text);
  });
  edge.put({ compress: true, caching });
  const get = (headers: Record<string, string> = {}): ReturnType<TestEdge['ask']> => edge.ask('/', { headers: { 'accept-encoding': 'gzip', ...headers } });
  const first = await get();
  edge.clock.advance(61_000);
  const renewed = await get();
  expect(renewed.headers).toMatchObject({ 'x-cache': 'RefreshHit from cloudfront', 'content-encoding': 'gzip', etag: 'W/"1"', vary: 'Cookie, Accept-Encoding' });
  expect(renewed.headers['repr-digest']).toBeUndefined();
  expect(renewed.body.equals(first.body)).toBe(true);
  for (const tag of ['"1"', 'W/"1"']) expect((await get({ 'if-none-match': tag })).status).toBe(304);
  const part = await get({ range: 'bytes=2-9' });
  expect([part.status, part.body.equals(first.body.subarray(2, 10)), part.headers['content-range']]).toEqual([206, true, `bytes 2-9/${first.body.length}`]);
  // A weak tag is no proof that the parts are of the same bytes.
  expect((await get({ range: 'bytes=2-9', 'if-range': 'W/"1"' })).status).toBe(200);
});

test('a HEAD says the same coding, asked of the origin, of what is stored, and of what went stale', async () => {
  edge = await TestEdge.start(({ method }, response) => { response.writeHead(200, { ...html, etag: `"${edge.origin.seen.length}"` }); response.end(method === 'HEAD' ? '' : text); });
  edge.put({ compress: true, caching });
  const ask = (method: string): ReturnType<TestEdge['ask']> => edge.ask('/', { method, headers: { 'accept-encoding': 'gzip' } });
  expect((await ask('HEAD')).headers['content-encoding']).toBe('gzip');
  const stored = await ask('GET');
  expect((await ask('HEAD')).headers).toMatchObject({ 'content-encoding': 'gzip', 'content-length': String(stored.body.length) });
  edge.clock.advance(61_000);
  expect((await ask('HEAD')).headers['content-encoding']).toBe('gzip');
  expect(gunzipSync((await ask('GET')).body).toString()).toBe(text);
});

test('answers that are not kept are compressed as well; one cut short is not taken for whole', async () => {
  edge = await TestEdge.start(({ url }, response) => {
    response.writeHead(200, { ...html, 'cache-control': 'private' });
    if (url === '/cut') { response.write(text.slice(0, 5_000)); setTimeout(() => response.destroy(), 20); } else response.end(text);
  });
  edge.put({ compress: true, caching });
  for (let round = 0; round < 2; round += 1) {
    const answer = await edge.ask('/', { headers: { 'accept-encoding': 'br' } });
    expect([answer.headers['content-encoding'], brotliDecompressSync(answer.body).toString() === text]).toEqual(['br', true]);
  }
  await expect(edge.ask('/cut', { headers: { 'accept-encoding': 'gzip' } })).rejects.toThrow();
  expect(edge.cache.bytes).toBe(0);
});

test('a viewer that leaves in the middle lets the origin go and leaves nothing behind', async () => {
  let closed = false;
  edge = await TestEdge.start(({ url }, response) => {
    response.on('close', () => { closed = true; });
    response.writeHead(200, { ...html, 'cache-control': 'private', 'content-length': 5_000_000 });
    if (url === '/') response.write(Buffer.alloc(100_000, 'x'));
  });
  edge.put({ compress: true, caching });
  const viewer = await RawViewer.to(edge.port);
  viewer.send(`GET / HTTP/1.1\r\nHost: ${edgeHost}\r\nAccept-Encoding: gzip\r\n\r\n`);
  while (edge.origin.seen.length === 0) await new Promise((resolve) => { setTimeout(resolve, 5); });
  await new Promise((resolve) => { setTimeout(resolve, 50); });
  viewer.socket.resetAndDestroy();
  while (!closed) await new Promise((resolve) => { setTimeout(resolve, 5); });
  expect(edge.cache.bytes).toBe(0);
});
