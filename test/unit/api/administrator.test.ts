// The first administrator: made once, kept for its owner only, the same for everybody who starts.
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureAdministrator } from '../../../src/api/administrator';
import { readConfig } from '../../../src/base/config';
import { fakeStore } from '../../fixtures/fake-store';

let dataDir: string;
const file = (): string => path.join(dataDir, 'credentials.json');
const configOf = (env: Record<string, string> = {}) => readConfig({ EDGEFRONT_DATA_DIR: dataDir, ...env });

beforeEach(async () => { dataDir = path.join(await mkdtemp(path.join(tmpdir(), 'edgefront-')), 'data'); });
afterEach(() => rm(path.dirname(dataDir), { recursive: true, force: true }));

test('made at first start, in a file of mode 0600, found at the second', async () => {
  const fake = fakeStore();
  const made = await ensureAdministrator(configOf(), fake.store);
  expect(made.source).toBe('made');
  expect(made.accessKeyId).toMatch(/^EFAK[A-Z2-7]{16}$/);
  expect(made.secretAccessKey).toMatch(/^[A-Za-z0-9+/]{40}$/);
  expect((await stat(file())).mode & 0o777).toBe(0o600);
  expect(await readdir(dataDir)).toEqual(['credentials.json']);
  expect(fake.keys.get(made.accessKeyId)).toBe(made.secretAccessKey);
  const other = fakeStore();
  expect(await ensureAdministrator(configOf(), other.store)).toEqual({ ...made, source: 'file' });
  expect(other.keys).toEqual(fake.keys);
});

test('ten that start at once agree', async () => {
  const all = await Promise.all(Array.from({ length: 10 }, () => ensureAdministrator(configOf(), fakeStore().store)));
  expect(new Set(all.map((one) => one.secretAccessKey)).size).toBe(1);
  expect(all.filter((one) => one.source === 'made')).toHaveLength(1);
});

test('the environment wins and leaves no file', async () => {
  const fake = fakeStore();
  const given = await ensureAdministrator(configOf({ EDGEFRONT_ACCESS_KEY_ID: 'EFAKGIVEN', EDGEFRONT_SECRET_ACCESS_KEY: 'secret-of-mine' }), fake.store);
  expect(given).toEqual({ accessKeyId: 'EFAKGIVEN', secretAccessKey: 'secret-of-mine', source: 'environment' });
  expect(fake.keys.get('EFAKGIVEN')).toBe('secret-of-mine');
  await expect(readFile(file())).rejects.toMatchObject({ code: 'ENOENT' });
});

test.each([
  ['no JSON', '{'], ['null', 'null'], ['no id', '{"secretAccessKey":"12345678"}'], ['an id with a slash', '{"accessKeyId":"a/bcd","secretAccessKey":"12345678"}'],
  ['a short secret', '{"accessKeyId":"abcd","secretAccessKey":"1234567"}'], ['too long', ' '.repeat(5_000)],
])('a broken file is one clear line that names it and nothing secret: %s', async (_name, content) => {
  await ensureAdministrator(configOf(), fakeStore().store);
  await writeFile(file(), content);
  await expect(ensureAdministrator(configOf(), fakeStore().store)).rejects.toMatchObject({ kind: 'bad-credentials', message: expect.stringMatching(/^.*credentials\.json[^\n]*$/) });
});

test('a data directory that cannot be written is one clear line', async () => {
  const blocked = path.join(path.dirname(dataDir), 'a-file');
  await writeFile(blocked, '');
  await chmod(blocked, 0o400);
  await expect(ensureAdministrator(configOf({ EDGEFRONT_DATA_DIR: blocked }), fakeStore().store))
    .rejects.toMatchObject({ message: expect.stringMatching(/credentials\.json cannot be (read|written)[^\n]*$/) });
});
