// Log files in buckets: signed and whole where the operator allows it, and nowhere else.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../../../src/base/clock';
import { IpRanges } from '../../../../src/base/ip-ranges';
import { silentLog } from '../../../../src/base/log';
import { parseEndpoints } from '../../../../src/edge/access/origin-endpoints';
import { OriginGuard } from '../../../../src/edge/access/origin-guard';
import { BucketStore } from '../../../../src/edge/access-log/log-store';
import { Origins } from '../../../../src/edge/origins';
import { startPrivateBucket, type PrivateBucket } from '../../../fixtures/private-bucket';

const key = { accessKeyId: 'OPERATORSKEY00000001', secretAccessKey: 'operators/secret+of+forty+characters/0001', region: 'us-east-1' };
const host = 'logs.s3.amazonaws.com';
let dir: string;
let bucket: PrivateBucket;
let origins: Origins;

function storeWith(entry: object): BucketStore {
  const endpoints = parseEndpoints(Buffer.from(JSON.stringify([{ origins: ['logs.s3.*'], accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey, url: `http://127.0.0.1:${bucket.port}`, ...entry }])));
  origins = new Origins({ clock: systemClock, log: silentLog, endpoints, guard: new OriginGuard(IpRanges.none), identityOf: () => null });
  return new BucketStore(origins, endpoints);
}

beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'log-store-'));
  writeFileSync(path.join(dir, 'content'), Buffer.alloc(300_000, 7));
  bucket = await startPrivateBucket('logs', key);
});
afterEach(async () => {
  await origins.close();
  await bucket.close();
  rmSync(dir, { recursive: true });
});

test('an object is put, signed for its content, twice as well as once', async () => {
  const store = storeWith({ logs: true });
  const object = { bucket: host, key: 'a b/é%/S1.2026-05-06-12.ABC.gz', file: path.join(dir, 'content') };
  await store.put(object);
  await store.put(object);
  expect([...bucket.objects]).toEqual([[object.key, Buffer.alloc(300_000, 7)]]);
  expect(bucket.seen[0]?.headers).toMatchObject({ 'content-length': '300000', 'content-type': 'application/gzip' });
  expect(bucket.seen[0]?.headers['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/);
});

test.each<[string, object, string]>([
  ['a bucket that is for reading only', {}, 'log-bucket-not-allowed'],
  ['a bucket that no entry names', { origins: ['other.s3.*'], logs: true }, 'log-bucket-not-allowed'],
  ['a key that the bucket refuses', { accessKeyId: 'SOMEBODYELSES', logs: true }, 'log-refused'],
  ['nobody at home', { url: 'http://127.0.0.1:1', logs: true }, 'origin-unreachable'],
])('%s', async (_what, entry, kind) => {
  await expect(storeWith(entry).put({ bucket: host, key: 'x.gz', file: path.join(dir, 'content') })).rejects.toMatchObject({ kind });
  expect(bucket.objects.size).toBe(0);
});
