// The first message of TLS clients: real ones in any number of pieces and records, and everything that must not be taken for one.
import { connect } from 'node:tls';
import { Duplex } from 'node:stream';
import { CLIENT_HELLO_BYTES_MAX, parseClientHello } from '../../../../src/protocol/tls/client-hello';

/** What OpenSSL's client sends first. */
async function helloOf(options: { servername?: string; maxVersion?: 'TLSv1.2' | 'TLSv1.3'; minVersion?: 'TLSv1.2' | 'TLSv1.3' }): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = new Duplex({ read: () => {}, write: (chunk: Buffer) => { resolve(chunk); } });
    connect({ socket, ...options }).on('error', () => {});
  });
}

/** A hello of given extensions. */
function made(extensions: Buffer, legacyVersion = 0x0303): Buffer {
  const body = Buffer.concat([
    Buffer.from([legacyVersion >> 8, legacyVersion & 255]), Buffer.alloc(32), Buffer.from([0, 0, 2, 0x13, 0x01, 1, 0]),
    Buffer.from([extensions.length >> 8, extensions.length & 255]), extensions,
  ]);
  const message = Buffer.concat([Buffer.from([1, 0, body.length >> 8, body.length & 255]), body]);
  return Buffer.concat([Buffer.from([22, 3, 1, message.length >> 8, message.length & 255]), message]);
}
const vector = (content: Buffer | string): Buffer => {
  const bytes = Buffer.from(content as string, 'latin1');
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};
const extension = (type: number, content: Buffer): Buffer => Buffer.concat([Buffer.from([0, type]), vector(content)]);
const serverName = (name: string): Buffer => extension(0, vector(Buffer.concat([Buffer.from([0]), vector(name)])));

test.each([
  [{ servername: 'A.Test' }, 'a.test', 0x0304],
  [{ servername: 'x.b.test', maxVersion: 'TLSv1.2' as const }, 'x.b.test', 0x0303],
  [{}, null, 0x0304],
])('OpenSSL with %j', async (options, name, versionMax) => {
  const bytes = await helloOf(options);
  expect(parseClientHello(bytes)).toEqual({ kind: 'hello', serverName: name, versionMax });
  for (let length = 0; length < bytes.length; length += 1) expect(parseClientHello(bytes.subarray(0, length))).toEqual({ kind: 'incomplete' });
  expect(parseClientHello(Buffer.concat([bytes, Buffer.from('more')]))).toMatchObject({ kind: 'hello' });
});

test('one message over several records', async () => {
  const whole = await helloOf({ servername: 'a.test' });
  const message = whole.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += 50) {
    const fragment = message.subarray(at, at + 50);
    records.push(Buffer.from([22, 3, 1, 0, fragment.length]), fragment);
  }
  expect(parseClientHello(Buffer.concat(records))).toMatchObject({ kind: 'hello', serverName: 'a.test' });
});

test('old clients without extensions, and values of GREASE', () => {
  const bare = made(Buffer.alloc(0), 0x0301);
  expect(parseClientHello(bare)).toEqual({ kind: 'hello', serverName: null, versionMax: 0x0301 });
  const versions = extension(43, Buffer.from([6, 0x7a, 0x7a, 3, 4, 3, 3]));
  expect(parseClientHello(made(Buffer.concat([versions, serverName('a.test')])))).toEqual({ kind: 'hello', serverName: 'a.test', versionMax: 0x0304 });
});

test.each([
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n'), 'not-tls'],
  ['an alert', Buffer.from([21, 3, 1, 0, 2, 1, 0]), 'not-tls'],
  ['SSL 2', Buffer.from([0x80, 0x2e, 1, 3, 1]), 'not-tls'],
  ['another version of records', Buffer.from([22, 9, 1, 0, 2, 1, 0]), 'not-tls'],
  ['an empty record', Buffer.from([22, 3, 1, 0, 0, 22]), 'record-length'],
  ['a record that is too long', Buffer.from([22, 3, 1, 0x40, 1, 1]), 'record-length'],
  ['another message', Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]), 'not-a-client-hello'],
  ['a message that is too long', Buffer.from([22, 3, 1, 0, 4, 1, 0, (CLIENT_HELLO_BYTES_MAX >> 8) + 1, 0]), 'client-hello-too-long'],
  ['a message that ends early', Buffer.from([22, 3, 1, 0, 8, 1, 0, 0, 4, 3, 3, 0, 0]), 'client-hello-malformed'],
  ['extensions longer than the message', made(Buffer.from([0, 9, 0, 9, 1])), 'client-hello-malformed'],
  ['two names', made(Buffer.concat([serverName('a.test'), serverName('b.test')])), 'server-name-invalid'],
  ['two names in one list', made(extension(0, vector(Buffer.concat([Buffer.from([0]), vector('a'), Buffer.from([0]), vector('b')])))), 'server-name-invalid'],
  ['a name of another type', made(extension(0, vector(Buffer.concat([Buffer.from([1]), vector('a')])))), 'server-name-invalid'],
  ['an empty name', made(serverName('')), 'server-name-invalid'],
  ['a name with NUL', made(serverName('a.test\0.b')), 'server-name-invalid'],
  ['a name with a final dot', made(serverName('a.test.')), 'server-name-invalid'],
  ['a name that is too long', made(serverName(`${'a'.repeat(254)}`)), 'server-name-invalid'],
])('%s', (_what, bytes, reason) => {
  expect(parseClientHello(bytes)).toEqual({ kind: 'refusal', reason });
});
