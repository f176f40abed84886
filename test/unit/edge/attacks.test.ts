// What attackers send, and what origins must not make of it: whole edges over real sockets, one table for each kind of attack.
//
// Every row is judged by what counts: what reached the origin, and what the next viewer, who did nothing wrong, gets.
import { gzipSync } from 'node:zlib';
import net from 'node:net';
import type { SiteBehavior } from '../../../src/snapshot/site';
import { contentOf, startRangedOrigin } from '../../fixtures/ranged-origin';
import { startOrigin, type Origin, type OriginHandler } from '../../fixtures/origin';
import { RawViewer } from '../../fixtures/raw-viewer';
import { edgeHost, RunningEdge } from '../../fixtures/running-edge';
import { behavior, origin as originOf, site } from '../../fixtures/site';

const methods = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'];
const nothing = { mode: 'none', names: [] } as const;
const everything = { mode: 'all', names: [] } as const;

let origin: Origin;
let edge: RunningEdge;

async function begin(handler: OriginHandler, changes: Partial<SiteBehavior> = {}, behaviors: readonly SiteBehavior[] = []): Promise<void> {
  origin = await startOrigin(handler);
  edge = await RunningEdge.start({ objectBytesMax: 16_000_000 });
  edge.put(site({ behaviors: [...behaviors, behavior({ allowedMethods: methods, ...changes })], origins: [originOf({ httpPort: origin.port, connectionAttempts: 1, readTimeoutS: 2 })] }));
}

afterEach(async () => {
  await edge.close();
  await origin.close();
});

/** Sends bytes, ends its side, and says what came back: the statuses in order. */
async function statusesOf(bytes: string): Promise<readonly number[]> {
  const viewer = await RawViewer.to(edge.port);
  viewer.send(bytes);
  viewer.socket.end();
  return [...(await viewer.all()).matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status)).filter((status) => status >= 200);
}

const echo: OriginHandler = (request, response) => {
  response.writeHead(200, { 'cache-control': 'max-age=60' });
  response.end(`${request.method} ${request.url} ${request.body.toString()}`);
};

describe('request smuggling', () => {
  const hidden = `GET /smuggled HTTP/1.1\r\nHost: ${edgeHost}\r\n\r\n`;
  const post = (fields: string, content: string): string => `POST /p HTTP/1.1\r\nHost: ${edgeHost}\r\n${fields}\r\n${content}`;
  const length = `Content-Length: ${hidden.length}\r\n`;
  const chunked = 'Transfer-Encoding: chunked\r\n';

  test.each<[string, string, readonly number[]]>([
    ['CL.TE', post(`Content-Length: ${hidden.length + 5}\r\n${chunked}`, `0\r\n\r\n${hidden}`), [400]],
    ['TE.CL', post(`${chunked}Content-Length: 4\r\n`, `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`), [400]],
    ['TE.TE: a coding that is none', post(`Transfer-Encoding: xchunked\r\n${length}`, hidden), [501]],
    ['TE.TE: two fields', post(`${chunked}Transfer-Encoding: identity\r\n`, `0\r\n\r\n${hidden}`), [400]],
    ['TE.TE: chunked is not the last', post('Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${hidden}`), [400]],
    ['TE.TE: space before the colon', post(`Transfer-Encoding : chunked\r\n${length}`, hidden), [400]],
    ['TE.TE: a control before the value', post(`Transfer-Encoding: \x0bchunked\r\n${length}`, hidden), [400]],
    ['TE.TE: a tab before the value', post(`Transfer-Encoding:\tchunked\r\n${length}`, hidden), [400]],
    ['TE.TE: quoted', post(`Transfer-Encoding: "chunked"\r\n${length}`, hidden), [400]],
    ['obs-fold of the framing', post(`Transfer-Encoding:\r\n chunked\r\n${length}`, hidden), [400]],
    ['obs-fold that hides a field', post(`X-A: b\r\n ${chunked}${length}`, hidden), [400]],
    ['bare LF that ends a field', post(`X-A: b\nTransfer-Encoding: chunked\r\n${length}`, hidden), [400]],
    ['bare CR within a field', post(`X-A: b\rTransfer-Encoding: chunked\r\n${length}`, hidden), [400]],
    ['two lengths', post(`Content-Length: 0\r\n${length}`, hidden), [400]],
    ['a list of lengths', post(`Content-Length: 0, ${hidden.length}\r\n`, hidden), [400]],
    ['a signed length', post(`Content-Length: +${hidden.length}\r\n`, hidden), [400]],
    ['a length in another base', post('Content-Length: 0x10\r\n', hidden), [400]],
    ['a length in another script', post('Content-Length: \xb2\r\n', hidden), [400]],
    ['chunks of HTTP/1.0', post(chunked, `0\r\n\r\n${hidden}`).replace('HTTP/1.1', 'HTTP/1.0'), [400]],
  ])('%s', async (_what, bytes, statuses) => {
    await begin(echo, { forwardOtherHeaders: true });
    expect(await statusesOf(bytes)).toEqual(statuses);
    expect(origin.seen.map(({ url }) => url)).toEqual([]);
  });

  test.each<[string, string]>([
    ['a chunk extension with a bare LF', '2;\nxx\r\n0\r\n\r\n'], ['a chunk extension with a bare CR', '2;a\rb\r\nxx\r\n0\r\n\r\n'], ['a chunk size that is followed by a bare LF', '2\nxx\r\n0\r\n\r\n'],
    ['a chunk longer than it says', '2\r\nxxx\r\n0\r\n\r\n'], ['a chunk size with 0x', '0x2\r\nxx\r\n0\r\n\r\n'], ['a negative chunk size', '-2\r\nxx\r\n0\r\n\r\n'],
    ['a chunk size beyond all measure', `${'f'.repeat(17)}\r\nxx\r\n0\r\n\r\n`], ['a chunk size with a space before it', ' 2\r\nxx\r\n0\r\n\r\n'],
    ['a last chunk that is none', '2\r\nxx\r\n00000000000000000\r\n\r\n'], ['a trailer that is none', '2\r\nxx\r\n0\r\n x\r\n\r\n'],
  ])('%s: the origin gets no whole request, and nothing of what follows', async (_what, content) => {
    await begin(echo);
    expect((await statusesOf(post(chunked, `${content}${hidden}`))).every((status) => status >= 400)).toBe(true);
    expect(origin.seen.map(({ url }) => url)).not.toContain('/smuggled');
    expect(origin.seen.filter(({ body }) => body.length > 0)).toEqual([]);
  });

  test('a request within a body is a body', async () => {
    await begin(echo);
    expect(await statusesOf(`${post(length, hidden)}${post(chunked, `${hidden.length.toString(16)};ext="a;b"\r\n${hidden}\r\n0\r\nX-Trailer: x\r\n\r\n`)}`)).toEqual([200, 200]);
    expect(origin.seen.map(({ method, url, body }) => [method, url, body.toString()])).toEqual([['POST', '/p', hidden], ['POST', '/p', hidden]]);
  });

  test('the body of a GET is neither forwarded nor taken for a request', async () => {
    await begin(echo);
    expect(await statusesOf(`GET /fat HTTP/1.1\r\nHost: ${edgeHost}\r\n${length}\r\n${hidden}GET /next HTTP/1.1\r\nHost: ${edgeHost}\r\n\r\n`)).toEqual([403, 200]);
    expect(origin.seen.map(({ url }) => url)).toEqual(['/next']);
  });
});

describe('cache poisoning', () => {
  /** Whatever it is told comes back in what it answers, as careless applications do. */
  const reflecting: OriginHandler = ({ url, headers }, response) => {
    const { 'x-amz-cf-id': _id, via: _via, 'cdn-loop': _loop, 'x-forwarded-for': _from, ...told } = headers;
    response.writeHead(200, { 'cache-control': 'max-age=60' });
    response.end(JSON.stringify([url, told]));
  };
  const get = (target: string, fields = ''): string => `GET ${target} HTTP/1.1\r\nHost: ${edgeHost}\r\n${fields}\r\n`;

  const innocent = async (target: string, fields = ''): Promise<string> => {
    const viewer = await RawViewer.to(edge.port);
    viewer.send(`GET ${target} HTTP/1.1\r\nHost: ${edgeHost}\r\n${fields}Connection: close\r\n\r\n`);
    return (await viewer.all()).split('\r\n\r\n')[1] ?? '';
  };

  const unkeyed = [
    'X-Forwarded-Host: evil', 'X-Forwarded-Scheme: nothttps', 'X-Forwarded-Proto: evil', 'X-Forwarded-Port: 1', 'X-Forwarded-Prefix: /evil', 'X-Forwarded-Server: evil', 'Forwarded: host=evil',
    'X-Host: evil', 'X-Original-URL: /evil', 'X-Rewrite-URL: /evil', 'X-HTTP-Method-Override: POST', 'X-Method-Override: POST', 'Referer: http://evil/', 'Origin: http://evil', 'Cookie: evil=1',
    'Accept-Language: evil', 'Accept-Encoding: evil', 'User-Agent: evil', 'True-Client-IP: evil', 'X-Real-IP: evil', 'CloudFront-Viewer-Country: evil', 'X-Edge-Evil: evil', 'Authorization: evil', 'Range: bytes=evil',
    'If-None-Match: evil', 'Cache-Control: evil', 'Pragma: evil', 'Upgrade: evil', 'TE: evil', 'Proxy-Authorization: evil', 'Max-Forwards: 0', 'Via: 1.1 evil', 'X-Timer: evil', 'Transfer_Encoding: chunked',
  ];
  test.each(unkeyed)('%s changes nothing that the next viewer sees', async (field) => {
    await begin(reflecting);
    await statusesOf(get('/a', `${field}\r\n`));
    const served = await innocent('/a');
    expect(served).toContain('"/a"');
    expect(served.toLowerCase()).not.toMatch(/evil|nothttps|post/);
  });

  test('legacy settings forward other headers, but none of those by which a method is overridden', async () => {
    await begin(reflecting, { forwardOtherHeaders: true });
    for (const field of ['X-HTTP-Method-Override', 'X-Forwarded-Proto', 'X-Edge-Evil', 'CloudFront-Viewer-Country']) await statusesOf(get('/a', `${field}: evil\r\n`));
    expect(await innocent('/a')).not.toContain('evil');
  });

  test.each([
    ['the header that tells objects apart', 'x-tenant', 'X-Tenant: victim\r\n'],
    ['several of them', 'x-tenant, x-other', 'X-Tenant: victim\r\nX-Other: 1\r\n'],
    ['a cookie', 'cookie', 'Cookie: tenant=victim\r\n'],
    ['with other options', 'close, X-Tenant', 'X-Tenant: victim\r\n'],
  ])('naming %s in Connection hides it from the key as from the origin', async (_what, option, fields) => {
    const key = { headers: { mode: 'only', names: ['x-other', 'x-tenant'] }, cookies: everything, query: nothing } as const;
    await begin(reflecting, { forward: key, caching: { ...behavior().caching, key } });
    await statusesOf(get('/a', `Connection: ${option}\r\n${fields}`));
    expect(await innocent('/a', fields)).toContain('victim');
  });

  test('of what CloudFront says of viewers nothing is hidden by Connection', async () => {
    const names = ['cloudfront-forwarded-proto'];
    const key = { headers: { mode: 'only', names }, cookies: nothing, query: nothing } as const;
    await begin(reflecting, { forward: key, caching: { ...behavior().caching, key }, viewerFields: names });
    await statusesOf(get('/a', 'Connection: cloudfront-forwarded-proto\r\n'));
    expect(await innocent('/a')).toContain('"cloudfront-forwarded-proto":"http"');
  });

  describe('host confusion', () => {
    const forwardsHost = { forward: { headers: { mode: 'only', names: ['host'] }, cookies: nothing, query: nothing } } as const;
    const own = `"host":"${edgeHost}"`;
    test.each<[string, string, readonly number[]]>([
      ['an absolute target counts over Host, for the origin as well (RFC 9112 section 3.2.2)', `GET http://${edgeHost}/a HTTP/1.1\r\nHost: evil\r\n\r\n`, [200]],
      ['a Host that is the site\'s does not help an absolute target that is none', `GET http://evil/a HTTP/1.1\r\nHost: ${edgeHost}\r\n\r\n`, [403]],
      ['two Hosts', `GET /a HTTP/1.1\r\nHost: ${edgeHost}\r\nHost: evil\r\n\r\n`, [400]],
      ['two Hosts in one', `GET /a HTTP/1.1\r\nHost: ${edgeHost}, evil\r\n\r\n`, [400]],
      ['a Host with white space in it', `GET /a HTTP/1.1\r\nHost: ${edgeHost} evil\r\n\r\n`, [400]],
      ['a Host with user information', `GET /a HTTP/1.1\r\nHost: evil@${edgeHost}\r\n\r\n`, [400]],
      ['an absolute target with user information', `GET http://${edgeHost}@evil/a HTTP/1.1\r\nHost: ${edgeHost}\r\n\r\n`, [400]],
      ['a Host with a path', `GET /a HTTP/1.1\r\nHost: ${edgeHost}/evil\r\n\r\n`, [400]],
      ['a Host on a folded line', `GET /a HTTP/1.1\r\n Host: evil\r\nHost: ${edgeHost}\r\n\r\n`, [400]],
    ])('%s', async (_what, bytes, statuses) => {
      await begin(reflecting, forwardsHost);
      expect(await statusesOf(bytes)).toEqual(statuses);
      expect(await innocent('/a')).toContain(own);
      expect(JSON.stringify(origin.seen)).not.toContain('evil');
    });
  });

  describe('parameter cloaking', () => {
    const onlyA = { headers: nothing, cookies: nothing, query: { mode: 'only', names: ['a'] } } as const;
    test.each([
      '/p?a=1;a=evil', '/p?utm=x;a=evil', '/p?a=1&a=evil', '/p?a=1%26a=evil', '/p?%61=evil&a=1', '/p?a=1&A=evil', '/p?a[]=evil&a=1', '/p?a=1&utm=evil', '/p?&&a=1&utm=evil', '/p?a=1&utm=%0d%0aevil',
      '/p?utm=evil?a=1', '/p;a=evil?a=1', '/p?a=1\\&utm=evil',
    ])('%s is not what ?a=1 gets', async (target) => {
      await begin(reflecting, { forward: onlyA, caching: { ...behavior().caching, key: onlyA } });
      await statusesOf(get(target));
      const served = await innocent('/p?a=1');
      expect([served.includes('"/p?a=1"'), served.includes('evil')]).toEqual([true, false]);
    });
  });

  describe('paths', () => {
    test.each(['//a', '/./a', '/x/../a', '/%61', '/%2e/a', '/x/%2e%2e/a', '/a/', '/A', '/a%00', '/a%0d%0aX: evil', '/a%23evil', '/a%3fevil', '/a;evil', '/%2fa', '/a%2f', '/a\\', '/\\a', '/a%5c', '/a#evil', '/a?evil'])(
      '%s is not /a, whatever the origin makes of it', async (target) => {
        await begin(reflecting, { forward: { headers: nothing, cookies: nothing, query: everything }, caching: { ...behavior().caching, key: { headers: nothing, cookies: nothing, query: everything } } });
        await statusesOf(get(target));
        expect(await innocent('/a')).toContain('["/a",');
        // It goes as it came, or not at all.
        expect([target, '/a']).toEqual(expect.arrayContaining(origin.seen.map(({ url }) => url)));
      },
    );

    test.each(['/closed/a', '//closed/a', '/./closed/a', '/x/../closed/a', '/x/%2e%2e/closed/a', '/%63losed/a', '/closed//a', '/closed/./a', '/x/..//closed/a', '/%2e/closed/a', '/..//../closed/a'])(
      '%s does not get around what is closed', async (target) => {
        await begin(reflecting, {}, [behavior({ pattern: '/closed/*', access: { closed: 'trusted signers', signedBy: null } })]);
        expect(await statusesOf(get(target))).toEqual([403]);
        expect(origin.seen).toEqual([]);
      },
    );
  });
});

describe('cache deception', () => {
  /** One page for all paths below /account, for whom its cookie says. */
  const account: OriginHandler = ({ headers }, response) => {
    response.writeHead(200, { 'cache-control': headers.cookie === undefined ? 'max-age=60' : 'private', 'set-cookie': 'session=next', vary: 'cookie' });
    response.end(headers.cookie ?? 'nobody');
  };
  const paths = ['/account/x.css', '/account;x.css', '/account%2fx.css', '/account%3fx.css', '/account%23x.css', '/account%0ax.css', '/account/..%2fx.css', '/account//x.css', '/account/%2e%2e/x.css'];
  const ask = async (path: string, cookie?: string): Promise<string> => (await edge.ask(path, { headers: cookie === undefined ? {} : { cookie } })).body.toString();

  test.each(paths)('%s: where cookies reach the origin, what it says of the answer counts', async (path) => {
    await begin(account, { forward: { headers: nothing, cookies: everything, query: nothing } });
    expect([await ask(path, 'session=victim'), await ask(path), await ask(path, 'session=other')]).toEqual(['session=victim', 'nobody', expect.not.stringContaining('victim')]);
  });

  test.each(paths)('%s: where they do not, there is nothing to steal', async (path) => {
    await begin(account);
    const answers = [await edge.ask(path, { headers: { cookie: 'session=victim' } }), await edge.ask(path)];
    expect(answers.map((answer) => [answer.body.toString(), answer.headers['set-cookie']])).toEqual([['nobody', undefined], ['nobody', undefined]]);
  });
});

describe('denial of service by poisoning the cache (CPDoS)', () => {
  /** It takes smaller heads than edges do, and no odd characters. */
  const picky: OriginHandler = (request, response) => {
    const { method, headers } = request;
    const refused = JSON.stringify(headers).length > 4_000 ? 400 : /[^\x20-\x7e]/.test(Object.values(headers).join('')) ? 400 : headers['x-http-method-override'] !== undefined ? 405 : method !== 'GET' ? 404 : 200;
    response.writeHead(refused, refused === 200 ? { 'cache-control': 'max-age=60' } : {});
    response.end(refused === 200 ? 'content' : 'error');
  };
  test.each<[string, string, Partial<SiteBehavior>]>([
    ['an oversized header', `X-Oversized: ${'a'.repeat(8_000)}\r\n`, { forwardOtherHeaders: true }],
    ['many headers', Array.from({ length: 90 }, (_, i) => `X-Many-${i}: ${'a'.repeat(60)}\r\n`).join(''), { forwardOtherHeaders: true }],
    ['a control in a header', 'X-Meta: a\x07b\r\n', { forwardOtherHeaders: true }],
    ['a header beyond ASCII', 'X-Meta: a\xffb\r\n', { forwardOtherHeaders: true }],
    ['an escaped line end', 'X-Meta: a\\r\\nb\r\n', { forwardOtherHeaders: true }],
    ['a method override', 'X-HTTP-Method-Override: DELETE\r\n', { forwardOtherHeaders: true }],
    ['a method override, by policy', 'X-HTTP-Method-Override: DELETE\r\n', {}],
    ['a range that nobody can satisfy', 'Range: bytes=999999-\r\n', {}],
    ['conditions that nobody can meet', 'If-Match: "x"\r\nIf-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n', {}],
  ])('%s', async (_what, fields, changes) => {
    await begin(picky, changes);
    await statusesOf(`GET /a HTTP/1.1\r\nHost: ${edgeHost}\r\n${fields}\r\n`);
    const served = await edge.ask('/a');
    expect([served.status, served.body.toString()]).toEqual([200, 'content']);
  });

  test.each(['HEAD', 'OPTIONS', 'DELETE', 'POST'])('an error for %s is no error for GET', async (method) => {
    await begin(picky);
    await edge.ask('/a', { method });
    expect((await edge.ask('/a')).status).toBe(200);
  });
});

describe('response splitting', () => {
  test.each(['/a%0d%0aSet-Cookie:%20evil=1', '/a%0aSet-Cookie:evil', '/%E5%98%8A%E5%98%8DSet-Cookie:evil'])('%s is redirected to with nothing unescaped', async (target) => {
    await begin(echo, { viewerProtocol: 'redirect-to-https' });
    const moved = await edge.ask(target);
    expect([moved.status, moved.headers.location, moved.headers['set-cookie']]).toEqual([301, `https://${edgeHost}${target}`, undefined]);
  });

  /** An origin that writes bytes of its own. */
  async function misframing(bytes: string): Promise<net.Server> {
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (request: Buffer) => {
        socket.write(Buffer.from(request.toString('latin1').startsWith('GET /good ') ? 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood' : bytes, 'latin1'));
        if (bytes.endsWith('END')) socket.end();
      });
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    return server;
  }
  const evil = 'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nevil';
  const head = 'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n';

  test.each<[string, string]>([
    ['both framings', `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${evil}`],
    ['two lengths', `${head}Content-Length: 0\r\nContent-Length: 4\r\n\r\nevil`],
    ['a negative length', `${head}Content-Length: -1\r\n\r\nevil`],
    ['a length that is none', `${head}Content-Length: 4x\r\n\r\nevil`],
    ['a chunk size that is none', `${head}Transfer-Encoding: chunked\r\n\r\nxyz\r\nevil`],
    ['a chunk extension with a bare LF', `${head}Transfer-Encoding: chunked\r\n\r\n4;\nx\r\nevil\r\n0\r\n\r\n`],
    ['a coding that is none', `${head}Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\nevil`],
    ['a NUL in a field', `${head}X-A: a\0b\r\nContent-Length: 4\r\n\r\nevil`],
    ['a name with a space', `${head}X A: b\r\nContent-Length: 4\r\n\r\nevil`],
    ['a bare CR in a field', `${head}X-A: b\rSet-Cookie: evil\r\nContent-Length: 4\r\n\r\nevil`],
    ['no HTTP', 'evil evil evil\r\n\r\n'],
    ['HTTP/0.9', 'evilEND'],
    ['a status that is none', 'HTTP/1.1 20 OK\r\nContent-Length: 4\r\n\r\nevil'],
    ['a head without an end', `${head}X-A: ${'a'.repeat(100_000)}\r\n`],
    ['less than it said', `${head}Content-Length: 100\r\n\r\nevilEND`],
    ['chunks without an end', `${head}Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\nEND`],
  ])('an answer with %s is an error, is not kept, and leaves the next viewer alone', async (_what, bytes) => {
    await begin(echo);
    const server = await misframing(bytes);
    edge.put(site({ origins: [originOf({ httpPort: (server.address() as net.AddressInfo).port, connectionAttempts: 1, readTimeoutS: 2 })] }));
    const answer = await edge.ask('/evil').catch(() => null);
    expect(answer?.status ?? 'cut').not.toBe(200);
    expect((await edge.ask('/good')).body.toString()).toBe('good');
    expect([...edge.sites.find(edgeHost)?.behaviors[0]?.space.objects.keys() ?? []]).toEqual(['/good']);
    server.close();
  });

  test.each<[string, string, string]>([
    ['a second answer behind the first', `${head}Content-Length: 4\r\n\r\nfine${evil}`, 'fine'],
    ['a body behind a 204', `HTTP/1.1 204 No Content\r\nCache-Control: max-age=60\r\n\r\n${evil}`, ''],
    ['interim answers without end', `${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(500)}${head}Content-Length: 4\r\n\r\nfine`, 'fine'],
  ])('%s is nobody\'s', async (_what, bytes, body) => {
    await begin(echo);
    const server = await misframing(bytes);
    edge.put(site({ origins: [originOf({ httpPort: (server.address() as net.AddressInfo).port, connectionAttempts: 1, readTimeoutS: 2 })] }));
    expect((await edge.ask('/first')).body.toString()).toBe(body);
    for (let i = 0; i < 3; i += 1) expect((await edge.ask('/good')).body.toString()).toBe('good');
    server.close();
  });
});

describe('too much of everything', () => {
  test.each<[string, string, number]>([
    ['a head', `X-A: ${'a'.repeat(40_000)}\r\n`, 413], ['fields', 'X-A: b\r\n'.repeat(2_000), 413],
  ])('%s larger than a head may be is refused, and reaches no origin', async (_what, fields, status) => {
    await begin(echo, { forwardOtherHeaders: true });
    const [answered] = await statusesOf(`GET /a HTTP/1.1\r\nHost: ${edgeHost}\r\n${fields}\r\n`);
    expect([answered, origin.seen.length]).toEqual([status, 0]);
  });

  test('thousands of ranges, apart or on top of each other, cost one answer no larger than the object', async () => {
    await begin(echo);
    const ranged = await startRangedOrigin({ bodyBytes: 100_000 });
    edge.put(site({ origins: [originOf({ httpPort: ranged.port, connectionAttempts: 1 })] }));
    await edge.ask('/o');
    for (const ranges of [Array.from({ length: 1_500 }, (_, i) => `${2 * i}-${2 * i}`), Array.from({ length: 2_000 }, () => '0-'), Array.from({ length: 2_000 }, () => '-1')]) {
      const answer = await edge.ask('/o', { headers: { range: `bytes=${ranges.join(',')}` } });
      expect([answer.status, answer.body.length <= 100_000]).toEqual([200, true]);
    }
    expect((await edge.ask('/o', { headers: { range: 'bytes=0-9' } })).body.equals(contentOf(1, 0, 10))).toBe(true);
    await ranged.close();
  });

  test('a decompression bomb stays as small as it came, whoever asks for it', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    await begin((_request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', 'content-encoding': 'gzip', 'content-type': 'text/html', 'content-length': bomb.length });
      response.end(bomb);
    }, { compress: true, caching: { ...behavior().caching, gzip: true, brotli: true } });
    for (const encoding of ['identity', 'gzip', 'br', 'gzip;q=0']) {
      const answer = await edge.ask('/bomb', { headers: { 'accept-encoding': encoding } });
      expect([answer.headers['content-encoding'], answer.body.equals(bomb)]).toEqual(['gzip', true]);
    }
    expect(edge.cache.bytes).toBeLessThan(4 * bomb.length + 10_000);
  });

  test.each<[string, (path: string) => ReturnType<RunningEdge['ask']>]>([
    ['of a read', (path) => edge.ask(path)], ['of a write', (path) => edge.ask(path, { method: 'POST', body: 'x' })], ['of a HEAD', (path) => edge.ask(path, { method: 'HEAD' })],
    ['with a Via and CDN-Loop of the viewer\'s own', (path) => edge.ask(path, { method: 'PUT', body: 'x', headers: { via: '1.1 other', 'cdn-loop': 'other; a=b' } })],
  ])('a loop back to itself ends, %s (RFC 8586)', async (_what, ask) => {
    await begin(echo);
    const turns: string[] = [];
    const itself = await RunningEdge.start({ watch: ({ request }) => { turns.push(request.method); } });
    itself.put(site({ behaviors: [behavior({ allowedMethods: methods, forward: { headers: { mode: 'only', names: ['host'] }, cookies: nothing, query: nothing } })], origins: [originOf({ httpPort: itself.port, connectionAttempts: 1 })] }));
    const outer = edge;
    edge = itself;
    const answer = await ask('/loop');
    edge = outer;
    await itself.close();
    expect([answer.status, turns.length]).toEqual([expect.any(Number), expect.any(Number)]);
    expect([answer.status >= 400, turns.length <= 6]).toEqual([true, true]);
  });
});
