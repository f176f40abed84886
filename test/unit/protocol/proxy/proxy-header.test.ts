// The PROXY protocol's header: both versions, byte by byte, and what is refused.
import { parseProxyHeader } from '../../../../src/protocol/proxy/proxy-header';
import { seededRandom } from '../../../fixtures/random';

const signature = '\r\n\r\n\0\r\nQUIT\n';
function binary(versionAndCommand: number, family: number, body: readonly number[], announced = body.length): Buffer {
  return Buffer.concat([Buffer.from(signature, 'latin1'), Buffer.from([versionAndCommand, family, announced >> 8, announced & 0xff, ...body])]);
}
const v4 = [203, 0, 113, 9, 10, 0, 0, 1, 0x30, 0x39, 0, 80];
const v6 = [0x20, 1, 0x0d, 0xb8, ...Array<number>(11).fill(0), 9, ...Array<number>(15).fill(0), 1, 0x30, 0x39, 0, 80];
const mapped = [...Array<number>(10).fill(0), 255, 255, 203, 0, 113, 9, ...Array<number>(15).fill(0), 1, 0x30, 0x39, 0, 80];

test.each([
  ['version 1, IPv4', Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 12345 80\r\n'), { address: '203.0.113.9', port: 12_345 }],
  ['version 1, IPv6', Buffer.from('PROXY TCP6 2001:db8::9 2001:db8::1 12345 80\r\n'), { address: '2001:db8::9', port: 12_345 }],
  ['version 1, IPv4 mapped', Buffer.from('PROXY TCP6 ::ffff:203.0.113.9 ::1 12345 80\r\n'), { address: '203.0.113.9', port: 12_345 }],
  ['version 1, unknown', Buffer.from('PROXY UNKNOWN\r\n'), null],
  ['version 1, unknown with more', Buffer.from('PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n'), null],
  ['version 2, IPv4', binary(0x21, 0x11, v4), { address: '203.0.113.9', port: 12_345 }],
  ['version 2, IPv4 with extensions', binary(0x21, 0x11, [...v4, 4, 0, 2, 1, 2]), { address: '203.0.113.9', port: 12_345 }],
  ['version 2, IPv6', binary(0x21, 0x21, v6), { address: '2001:db8::9', port: 12_345 }],
  ['version 2, IPv4 mapped', binary(0x21, 0x21, mapped), { address: '203.0.113.9', port: 12_345 }],
  ['version 2, local', binary(0x20, 0x11, v4), null],
  ['version 2, unspecified', binary(0x21, 0x00, []), null],
  ['version 2, UNIX', binary(0x21, 0x31, Array<number>(216).fill(65)), null],
])('%s', (_, header, source) => {
  const input = Buffer.concat([header, Buffer.from('GET / HTTP/1.1\r\n')]);
  expect(parseProxyHeader(input)).toEqual({ kind: 'header', endsAt: header.length, source });
  for (let bytes = 0; bytes < header.length; bytes += 1) expect(parseProxyHeader(header.subarray(0, bytes))).toEqual({ kind: 'incomplete' });
});

test.each([
  ['a request', Buffer.from('GET / HTTP/1.1\r\n'), 'proxy-header-missing'],
  ['nearly the word', Buffer.from('PROXIED '), 'proxy-header-missing'],
  ['the word in lower case', Buffer.from('proxy TCP4'), 'proxy-header-missing'],
  ['nearly the signature', Buffer.from('\r\n\r\n\0\r\nQUIT\r', 'latin1'), 'proxy-header-missing'],
  ['a line without end', Buffer.from('PROXY TCP4 '.padEnd(107, '1')), 'proxy-header-too-long'],
  ['a line that ends too late', Buffer.from(`${'PROXY UNKNOWN '.padEnd(106, '1')}\r\n`), 'proxy-header-too-long'],
  ['another family', Buffer.from('PROXY UDP4 203.0.113.9 10.0.0.1 1 2\r\n'), 'proxy-header-malformed'],
  ['IPv6 as TCP4', Buffer.from('PROXY TCP4 2001:db8::9 10.0.0.1 1 2\r\n'), 'proxy-header-malformed'],
  ['a name', Buffer.from('PROXY TCP4 a.test 10.0.0.1 1 2\r\n'), 'proxy-header-malformed'],
  ['two spaces', Buffer.from('PROXY TCP4  203.0.113.9 10.0.0.1 1 2\r\n'), 'proxy-header-malformed'],
  ['a part too many', Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 1 2 3\r\n'), 'proxy-header-malformed'],
  ['a port too high', Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 65536 2\r\n'), 'proxy-header-malformed'],
  ['a port with leading zero', Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 01 2\r\n'), 'proxy-header-malformed'],
  ['version 3', binary(0x31, 0x11, v4), 'proxy-header-malformed'],
  ['another command', binary(0x22, 0x11, v4), 'proxy-header-malformed'],
  ['addresses too short', binary(0x21, 0x11, v4.slice(0, 11)), 'proxy-header-malformed'],
  ['IPv6 addresses too short', binary(0x21, 0x21, v6.slice(0, 35)), 'proxy-header-malformed'],
  ['longer than anybody needs', binary(0x21, 0x11, v4, 65_535), 'proxy-header-too-long'],
])('%s is refused', (_, input, reason) => {
  expect(parseProxyHeader(input)).toEqual({ kind: 'refusal', reason });
});

test('no bytes make it throw', () => {
  const { below } = seededRandom('PROXY headers');
  for (let round = 0; round < 20_000; round += 1) {
    const input = round % 2 === 0 ? binary(0x21, 0x11, v4) : Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 12345 80\r\n');
    for (let flips = below(4); flips >= 0; flips -= 1) input[below(input.length)] = below(256);
    expect(['incomplete', 'refusal', 'header']).toContain(parseProxyHeader(input.subarray(0, below(input.length + 1))).kind);
  }
});
