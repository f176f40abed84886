// Whose request it is: forwarded addresses and the PROXY protocol, believed from those who are named and nobody else.
import { IpRanges } from '../../../../src/base/ip-ranges';
import { HeadBlock, type Exchange } from '../../../../src/edge/http/exchange';
import { startHttpServer, type HttpServer } from '../../../../src/edge/http/server';
import { viewerAddress } from '../../../../src/edge/http/viewer-address';
import { RawViewer } from '../../../fixtures/raw-viewer';

const ranges = (...texts: string[]): IpRanges => IpRanges.of(texts) as IpRanges;

test.each([
  ['nobody is trusted', [], '10.0.0.1', ['x-forwarded-for', '203.0.113.9'], '10.0.0.1'],
  ['somebody else is trusted', ['10.0.0.2'], '10.0.0.1', ['x-forwarded-for', '203.0.113.9'], '10.0.0.1'],
  ['one proxy', ['10.0.0.0/8'], '10.0.0.1', ['x-forwarded-for', '203.0.113.9'], '203.0.113.9'],
  ['the viewer lies', ['10.0.0.0/8'], '10.0.0.1', ['x-forwarded-for', '8.8.8.8, 203.0.113.9'], '203.0.113.9'],
  ['two proxies', ['10.0.0.0/8'], '10.0.0.1', ['x-forwarded-for', '8.8.8.8, 203.0.113.9, 10.0.0.2'], '203.0.113.9'],
  ['two fields', ['10.0.0.0/8'], '10.0.0.1', ['x-forwarded-for', '8.8.8.8', 'x-forwarded-for', '203.0.113.9'], '203.0.113.9'],
  ['a trusted proxy asks for itself', ['10.0.0.0/8'], '10.0.0.1', [], '10.0.0.1'],
  ['all are trusted', ['10.0.0.0/8'], '10.0.0.1', ['x-forwarded-for', '10.0.0.3, 10.0.0.2'], '10.0.0.3'],
  ['no address', ['10.0.0.0/8'], '10.0.0.1', ['x-forwarded-for', '8.8.8.8, unknown'], '10.0.0.1'],
  ['with a port', ['10.0.0.0/8'], '10.0.0.1', ['x-forwarded-for', '203.0.113.9:4711'], '203.0.113.9'],
  ['IPv6', ['10.0.0.0/8'], '10.0.0.1', ['x-forwarded-for', '2001:DB8::9'], '2001:db8::9'],
  ['IPv6 with a port', ['2001:db8::/32'], '2001:db8::1', ['x-forwarded-for', '[2001:db9::9]:4711'], '2001:db9::9'],
  ['IPv4 mapped', ['10.0.0.0/8'], '10.0.0.1', ['x-forwarded-for', '8.8.8.8, ::ffff:10.0.0.2'], '8.8.8.8'],
  ['longer than is looked at', ['10.0.0.0/8'], '10.0.0.1', ['x-forwarded-for', `8.8.8.8${', 10.0.0.2'.repeat(1000)}`], '10.0.0.2'],
])('%s', (_, trusted, peer, fields, address) => {
  expect(viewerAddress(peer, fields, ranges(...trusted))).toBe(address);
});

describe('the PROXY protocol', () => {
  const open: { viewers: RawViewer[]; servers: HttpServer[] } = { viewers: [], servers: [] };
  afterEach(async () => {
    for (const viewer of open.viewers.splice(0)) viewer.destroy();
    for (const server of open.servers.splice(0)) await server.close(0);
  });
  const ok = new HeadBlock(200, []);
  const say = (exchange: Exchange): void => {
    const { remoteAddress, remotePort, peerAddress, path } = exchange.request;
    exchange.answer(ok, [], Buffer.from(`<${path} ${remoteAddress} ${remotePort} ${peerAddress}>`));
  };
  async function view(proxyProtocol: IpRanges, forwarded = IpRanges.none): Promise<RawViewer> {
    const server = await startHttpServer({ bind: '127.0.0.1', port: 0, handler: say, proxies: { proxyProtocol, forwarded } });
    open.servers.push(server);
    const viewer = await RawViewer.to(server.port);
    open.viewers.push(viewer);
    return viewer;
  }
  const get = 'GET /x HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 8.8.8.8\r\n\r\n';
  const header = 'PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n';

  test('says who the viewer is, with the request at once or later, byte by byte', async () => {
    const viewer = await view(ranges('127.0.0.1'));
    viewer.send(header + get);
    await viewer.until('</x 203.0.113.9 4711 203.0.113.9>');
    viewer.send(get.replace('/x', '/y'));
    await viewer.until('</y 203.0.113.9 4711 203.0.113.9>');
    const slow = await RawViewer.to((open.servers[0] as HttpServer).port);
    open.viewers.push(slow);
    for (const byte of header + get) {
      slow.send(byte);
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    await slow.until('</x 203.0.113.9 4711 203.0.113.9>');
  });

  test('is required of those who are to use it', async () => {
    const viewer = await view(ranges('127.0.0.1'));
    viewer.send(get);
    expect(await viewer.all()).toBe('');
  });

  test('is no way in for others: it is a malformed request', async () => {
    const viewer = await view(ranges('192.0.2.1'));
    viewer.send(header + get);
    expect(await viewer.all()).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('a forwarded address is believed of whom the header names, not of the load balancer', async () => {
    const viewer = await view(ranges('127.0.0.1'), ranges('127.0.0.1'));
    viewer.send(header + get);
    await viewer.until('</x 203.0.113.9 4711 203.0.113.9>');
    const both = await view(ranges('127.0.0.1'), ranges('203.0.113.0/24'));
    both.send(header + get);
    await both.until('</x 8.8.8.8 4711 203.0.113.9>');
  });

  test('a server closes without waiting for headers', async () => {
    const viewer = await view(ranges('127.0.0.1'));
    viewer.send('PROXY ');
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    await (open.servers.pop() as HttpServer).close(0);
    expect(await viewer.all()).toBe('');
  });
});
