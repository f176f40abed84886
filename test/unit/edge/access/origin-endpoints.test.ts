// The operator's file of keys and places: what is taken, what is refused, and that no refusal shows a secret.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { silentLog } from '../../../../src/base/log';
import { EndpointsFile, parseEndpoints } from '../../../../src/edge/access/origin-endpoints';

const parse = (value: unknown): ReturnType<typeof parseEndpoints> => parseEndpoints(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
const keys = { accessKeyId: 'AK', secretAccessKey: 'THE-SECRET' };

test('the first entry whose patterns have the name counts', () => {
  const endpoints = parse([
    { origins: ['films.s3.*'], ...keys, region: 'eu-central-1', url: 'https://[::1]:9000/', addressing: 'host' },
    { origins: ['*.s3.*', 'storage.example'], url: 'http://minio.internal', logs: true },
  ]);
  expect(endpoints.find('films.s3.eu-west-1.amazonaws.com')).toEqual({
    origins: ['films.s3.*'], key: keys, region: 'eu-central-1', url: { secure: true, host: '::1', port: 9000 }, addressing: 'host', logs: false,
  });
  expect(endpoints.find('storage.example')).toMatchObject({ key: null, region: null, url: { secure: false, host: 'minio.internal', port: 80 }, addressing: 'path', logs: true });
  expect(endpoints.find('www.example.com')).toBeNull();
});

test.each<[string, unknown]>([
  ['no JSON', '[{"secretAccessKey":"THE-SECRET"'],
  ['no list', { origins: ['*'] }],
  ['no object', ['THE-SECRET']],
  ['no origins', [{ ...keys }]],
  ['origins in capitals', [{ origins: ['Films.s3'], ...keys }]],
  ['half a key', [{ origins: ['*'], secretAccessKey: 'THE-SECRET' }]],
  ['a key with a line break', [{ origins: ['*'], accessKeyId: 'AK', secretAccessKey: 'THE-SECRET\n' }]],
  ['a member that is misspelt', [{ origins: ['*'], accessKeyId: 'AK', secretKey: 'THE-SECRET' }]],
  ['a URL with a path', [{ origins: ['*'], ...keys, url: 'http://a/THE-SECRET' }]],
  ['a URL with a password', [{ origins: ['*'], ...keys, url: 'http://u:THE-SECRET@a' }]],
  ['a URL of another kind', [{ origins: ['*'], ...keys, url: 'ftp://a' }]],
  ['a port out of range', [{ origins: ['*'], ...keys, url: 'http://a:99999' }]],
  ['another addressing', [{ origins: ['*'], ...keys, addressing: 'virtual' }]],
  ['logs that are neither allowed nor not', [{ origins: ['*'], ...keys, logs: 'THE-SECRET' }]],
])('%s is refused without showing what is there', (_what, value) => {
  let message = '';
  try { parse(value); } catch (thrown) { message = (thrown as Error).message; }
  expect(message).not.toBe('');
  expect(message).not.toContain('THE-SECRET');
});

test('the file must be its owner\'s alone', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'endpoints-'));
  const file = path.join(dir, 'endpoints.json');
  try {
    writeFileSync(file, JSON.stringify([{ origins: ['*'], ...keys }]), { mode: 0o600 });
    for (const mode of [0o644, 0o640, 0o602]) {
      chmodSync(file, mode);
      await expect(EndpointsFile.open(file, silentLog)).rejects.toMatchObject({ kind: 'origin-endpoints-broken', message: expect.stringContaining('chmod 600') });
    }
    chmodSync(file, 0o600);
    const endpoints = await EndpointsFile.open(file, silentLog);
    expect(endpoints.find('a')?.key).toEqual(keys);
    await endpoints.close();
  } finally {
    rmSync(dir, { recursive: true });
  }
});
