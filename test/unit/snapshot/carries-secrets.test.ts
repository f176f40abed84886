// Which connections may carry secrets as they are.
import { Duplex } from 'node:stream';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { carriesSecrets, urlCarriesSecrets } from '../../../src/snapshot/carries-secrets';

test.each([
  ['wss://worker.example.net:8083', true], ['wss://192.0.2.1', true], ['ws://127.0.0.1:8083', true], ['ws://127.9.9.9', true], ['ws://[::1]:8083', true], ['ws://localhost:8083', true],
  ['ws://worker.example.net', false], ['ws://192.0.2.1', false], ['ws://10.0.0.1', false], ['ws://[2001:db8::1]', false], ['ws://localhost.example.net', false], ['ws://127.0.0.1.example.net', false],
])('%s: %s', (url, carries) => {
  expect(urlCarriesSecrets(new URL(url))).toBe(carries);
});

test.each([
  ['127.0.0.1', true], ['::1', true], ['::ffff:127.0.0.1', true], ['10.0.0.1', false], ['::ffff:10.0.0.1', false], ['2001:db8::1', false], [undefined, false],
])('a connection in the clear from %s: %s', (address, carries) => {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: address });
  expect(carriesSecrets(socket)).toBe(carries);
});

test('over TLS, from anywhere', () => {
  const socket = new TLSSocket(new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() }));
  Object.defineProperty(socket, 'remoteAddress', { value: '192.0.2.1' });
  expect(carriesSecrets(socket)).toBe(true);
  socket.destroy();
});
