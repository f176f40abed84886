// What a person is told when the database cannot be reached: one clear line, and never the password.
import { createServer } from 'node:net';
import { systemClock } from '../../../src/base/clock';
import { silentLog } from '../../../src/base/log';
import { unreachable, withoutSecrets } from '../../../src/store/connection';
import { openStore } from '../../../src/store/postgres';
import { freePorts } from '../../fixtures/free-ports';

const password = 'hush-hush';
const open = (databaseUrl: string) => openStore({ databaseUrl, log: silentLog, clock: systemClock });

test('an address is shown without its password', () => {
  expect(withoutSecrets(`postgres://user:${password}@db.example:5432/edge`)).toBe('postgres://user@db.example:5432/edge');
  expect(withoutSecrets('postgresql://postgres@localhost:5432/postgres?host=%2Fvar%2Frun')).toBe('postgresql://postgres@/var/run/postgres');
  expect(withoutSecrets(`not a url ${password}`)).not.toContain(password);
});

test.each([
  ['ECONNREFUSED', /nothing listens/], ['ENOTFOUND', /host name/], ['28P01', /refused the user/], ['3D000', /no database of that name/],
  ['53300', /max_connections/], ['57P03', /still starting/], ['XX000', /odd/],
])('%s is explained', (code, words) => {
  const fault = unreachable(`postgres://u:${password}@h/d`, Object.assign(new Error(`odd ${password}\nsecond line`), { code }));
  expect(fault).toMatchObject({ kind: 'database-unreachable', source: 'machine', retry: true });
  expect(fault.message).toMatch(words);
  expect(fault.message).not.toContain(password);
  expect(fault.message).not.toContain('\n');
});

test('nothing listens there: told at once', async () => {
  const [port] = await freePorts(1);
  await expect(open(`postgres://u:${password}@127.0.0.1:${port}/d`)).rejects.toMatchObject({ kind: 'database-unreachable', message: expect.not.stringContaining(password) });
});

test('something listens and says nothing: told after a while', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => sockets.add(socket));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  await expect(open(`postgres://u@127.0.0.1:${port}/d`)).rejects.toMatchObject({ kind: 'database-unreachable' });
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => { server.close(resolve); });
});

test('an address that is none is refused with one line', async () => {
  await expect(open('nonsense')).rejects.toMatchObject({ kind: 'database-unreachable' });
});
