// Which addresses origins may have: no spelling, record or rebinding of a name leads an edge where its operator did not allow.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { IpRanges } from '../../../../src/base/ip-ranges';
import { OriginGuard, type Resolve } from '../../../../src/edge/access/origin-guard';
import { parseEndpoints, type OriginEndpoints } from '../../../../src/edge/access/origin-endpoints';
import { keptLog, RunningEdge } from '../../../fixtures/running-edge';
import { behavior, origin as originOf, site } from '../../../fixtures/site';

const ranges = (...texts: string[]): IpRanges => IpRanges.of(texts) as IpRanges;
const strict = new OriginGuard(IpRanges.none);

describe('an address', () => {
  test.each([
    '127.0.0.1', '127.255.255.254', '0.0.0.0', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1', '100.100.100.200',
    '192.0.0.192', '168.63.129.16', '198.18.0.1', '224.0.0.1', '239.255.255.250', '255.255.255.255', '240.0.0.1',
    '::', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:a00:1', '::127.0.0.1', '::ffff:169.254.169.254', '64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1', '2002:7f00:1::', '2001:0:7f00:1::', 'fe80::1', 'fe80::1%eth0', 'febf::1', 'fec0::1', 'fc00::1', 'fd00:ec2::254', 'fdff::1', 'ff02::1', '2001:db8::1', '100::1',
    '', 'localhost', '0x7f.0.0.1', '2130706433',
  ])('%s is refused', (address) => {
    expect(strict.allows(address)).toBe(false);
  });

  test.each(['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.1', '100.63.255.255', '169.253.0.1', '2606:4700::1111', '2a00:1450::1', '::ffff:8.8.8.8', '223.255.255.255'])('%s is allowed', (address) => {
    expect(strict.allows(address)).toBe(true);
  });

  test('what the operator allows is, and nothing beside it', () => {
    const guard = new OriginGuard(ranges('10.1.0.0/16', 'fd00:1::/32'));
    expect(['10.1.2.3', '::ffff:10.1.2.3', 'fd00:1::5', '10.2.0.1', 'fd00:2::5', '127.0.0.1', '8.8.8.8'].map((address) => guard.allows(address)))
      .toEqual([true, true, true, false, false, false, true]);
  });
});

describe('over the network', () => {
  let server: http.Server;
  let port: number;
  let reached: string[];
  let edge: RunningEdge;
  const { log, lines } = keptLog();

  beforeEach(async () => {
    reached = [];
    lines.length = 0;
    // Every address of this machine: whatever gets through is seen.
    server = http.createServer((request, response) => {
      reached.push(request.socket.localAddress ?? '');
      response.writeHead(200, { 'cache-control': 'no-store', 'connection': 'close' }).end('secret');
    });
    await new Promise<void>((resolve) => { server.listen(0, '::', resolve); });
    port = (server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    await edge.close();
    await new Promise<void>((resolve) => { server.closeAllConnections(); server.close(() => resolve()); });
  });

  async function begin(originHost: string, guard: OriginGuard, endpoints?: OriginEndpoints): Promise<void> {
    edge = await RunningEdge.start({ log, guard, ...(endpoints === undefined ? {} : { endpoints }) });
    edge.put(site({ behaviors: [behavior()], origins: [originOf({ host: originHost, httpPort: port, connectionAttempts: 1 })] }));
  }
  const status = async (): Promise<number> => (await edge.ask('/x')).status;
  /** Answers each question with the next of these lists. */
  function resolver(...answers: readonly (readonly string[])[]): Resolve {
    let asked = 0;
    return (_name, _options, callback) => {
      const answer = answers[Math.min(asked, answers.length - 1)] as readonly string[];
      asked += 1;
      setImmediate(() => callback(null, answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))));
    };
  }

  test.each(['127.0.0.1', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '127.1', '0x7f000001', '2130706433', '017700000001', '0', '0.0.0.0', 'localhost'])('an origin called %s is not reached', async (name) => {
    await begin(name, strict);
    expect(await status()).toBe(502);
    expect(reached).toEqual([]);
    expect(lines.some((line) => line.includes('EDGEFRONT_ORIGIN_ALLOW'))).toBe(true);
  });

  test('a name that means an address of this machine is not reached, nor is one that means several', async () => {
    await begin('inside.example', new OriginGuard(IpRanges.none, resolver(['127.0.0.1'])));
    expect(await status()).toBe(502);
    await edge.close();
    await begin('inside.example', new OriginGuard(IpRanges.none, resolver(['::1', '::ffff:127.0.0.1', '10.0.0.1', '169.254.169.254'])));
    expect(await status()).toBe(502);
    expect(reached).toEqual([]);
  });

  test('of several addresses only those that are allowed are tried', async () => {
    await begin('mixed.example', new OriginGuard(ranges('127.0.0.2'), resolver(['127.0.0.1', '::1', '127.0.0.2', '127.0.0.3'])));
    expect(await status()).toBe(200);
    expect(reached).toEqual(['::ffff:127.0.0.2']);
  });

  test('a name that means something else the next time (DNS rebinding) gains nothing', async () => {
    await begin('rebind.example', new OriginGuard(ranges('127.0.0.2'), resolver(['127.0.0.2'], ['127.0.0.1'], ['127.0.0.2', '127.0.0.1'], ['::1'])));
    const statuses: number[] = [];
    for (let i = 0; i < 4; i += 1) statuses.push((await edge.ask(`/${i}`)).status);
    expect(statuses).toEqual([200, 502, 200, 502]);
    expect(reached).toEqual(['::ffff:127.0.0.2', '::ffff:127.0.0.2']);
  });

  test('a connection that ends up elsewhere than resolved is closed before a byte of the request', async () => {
    const guard = new OriginGuard(ranges('127.0.0.2'), resolver(['127.0.0.2']));
    const allows = guard.allows.bind(guard);
    let asked = 0;
    // The first question is about the resolved address, the next about the connection's.
    jest.spyOn(guard, 'allows').mockImplementation((address) => { asked += 1; return asked === 1 && allows(address); });
    await begin('elsewhere.example', guard);
    expect(await status()).toBe(502);
    expect([asked > 1, reached]).toEqual([true, []]);
  });

  test('what the operator allows is reached', async () => {
    await begin('127.0.0.1', new OriginGuard(ranges('127.0.0.0/8')));
    expect(await status()).toBe(200);
  });

  test('where the operator\'s own file says the origin is, is allowed', async () => {
    await begin('b.s3.amazonaws.com', strict, parseEndpoints(Buffer.from(JSON.stringify([{ origins: ['*.s3.amazonaws.com'], url: `http://127.0.0.1:${port}` }]))));
    expect(await status()).toBe(200);
    await edge.close();
    await begin('127.0.0.1', strict, parseEndpoints(Buffer.from(JSON.stringify([{ origins: ['*'], region: 'eu-central-1' }]))));
    expect(await status()).toBe(502);
  });

  test('nor does the answer tell what the edge\'s resolver knows', async () => {
    await begin('inside.example', new OriginGuard(IpRanges.none, resolver(['10.77.66.55'])));
    const answer = await edge.ask('/x');
    expect(JSON.stringify(answer.headers) + answer.body.toString()).not.toMatch(/10\.77\.66\.55|inside\.example/);
  });
});
