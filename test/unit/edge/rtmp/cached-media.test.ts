// Media files through the edge's cache: asked of the origin once however many wait and read, whole versions only, and every answer that is none.
import type http from 'node:http';
import { systemClock } from '../../../../src/base/clock';
import { OwnRequest } from '../../../../src/edge/own-request';
import { CachedMedia } from '../../../../src/edge/rtmp/cached-media';
import { mediaLimits } from '../../../../src/edge/rtmp/limits';
import type { MediaFile } from '../../../../src/edge/rtmp/media-source';
import type { StreamingSite } from '../../../../src/snapshot/site';
import { RunningEdge } from '../../../fixtures/running-edge';
import { startOrigin, type Origin, type SeenRequest } from '../../../fixtures/origin';
import { streamingSite } from '../../../fixtures/rtmp-viewer';
import { origin as originOf } from '../../../fixtures/site';

const { blockBytes } = mediaLimits;
const file = Buffer.from(Array.from({ length: 5 * blockBytes + 1000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

let origin: Origin;
let edge: RunningEdge;
let media: CachedMedia;
let site: StreamingSite;
let respond: (request: SeenRequest, response: http.ServerResponse) => void;

const ranged = (etag = '"1"', body = file): typeof respond => (request, response) => {
  const [, first = '0', last = '0'] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
  const piece = body.subarray(Number(first), Number(last) + 1);
  response.writeHead(206, { 'etag': etag, 'content-range': `bytes ${first}-${Number(first) + piece.length - 1}/${body.length}`, 'content-length': piece.length });
  response.end(piece);
};
const plain = (status: number, fields: http.OutgoingHttpHeaders = {}, body = ''): typeof respond => (_request, response) => {
  response.writeHead(status, fields);
  response.end(body);
};

/** A reader of its own, with little kept at hand: what it asks for goes to the edge's cache. */
function mediaOf(blockCacheBytes: number): CachedMedia {
  return new CachedMedia((of, path, first, last, listener) => {
    const behavior = edge.sites.mediaBehavior(of.id);
    if (behavior !== null) edge.flow.handleOwn(new OwnRequest('s1', path, first, last, listener), behavior);
  }, systemClock, blockCacheBytes);
}

beforeEach(async () => {
  respond = ranged();
  origin = await startOrigin((request, response) => respond(request, response));
  edge = await RunningEdge.start({ cacheBytes: 256_000_000, objectBytesMax: 64_000_000 });
  site = streamingSite({ origin: originOf({ kind: 's3', protocol: 'match-viewer', httpPort: origin.port, path: '/base', connectionAttempts: 2 }) });
  edge.put(site);
  media = mediaOf(32_000_000);
});
afterEach(async () => {
  await media.close();
  await edge.close();
  await origin.close();
});

const open = (key = 'dir/a film.mp4'): Promise<MediaFile> => media.open(site, key);
const rangesSeen = (): (string | undefined)[] => origin.seen.map((request) => request.headers.range);

test('what is read is asked of the origin once, and of others\' reads never again', async () => {
  const opened = await open();
  expect(opened.bytes).toBe(file.length);
  expect(origin.seen[0]).toMatchObject({ method: 'GET', url: '/base/dir/a%20film.mp4', headers: { 'user-agent': 'Amazon CloudFront', 'host': `127.0.0.1:${origin.port}` } });
  const spans: [number, number][] = [[10, 100], [blockBytes - 10, 3 * blockBytes], [file.length - 5, 5], [0, file.length], [4 * blockBytes - 1, 2]];
  for (const [offset, bytes] of spans) expect((await opened.read(offset, bytes)).equals(file.subarray(offset, offset + bytes))).toBe(true);
  const asked = rangesSeen().map((range) => /bytes=(\d+)-(\d+)/.exec(range ?? '')).reduce((sum, match) => sum + Math.min(Number(match?.[2]), file.length - 1) + 1 - Number(match?.[1]), 0);
  expect(asked).toBe(file.length);
  const before = origin.seen.length;
  expect((await (await open()).read(0, file.length)).equals(file)).toBe(true);
  // Another reader finds it in the edge's cache.
  const other = mediaOf(blockBytes);
  expect((await (await other.open(site, 'dir/a film.mp4')).read(0, file.length)).equals(file)).toBe(true);
  expect(origin.seen).toHaveLength(before);
  await other.close();
});

test('twenty who read the same wait for one request', async () => {
  const opened = await Promise.all(Array.from({ length: 20 }, () => open()));
  expect(origin.seen).toHaveLength(1);
  const reads = await Promise.all(opened.map((each, i) => each.read(3 * blockBytes + i, 2 * blockBytes)));
  reads.forEach((read, i) => expect(read.equals(file.subarray(3 * blockBytes + i, 5 * blockBytes + i))).toBe(true));
  expect(origin.seen.length).toBeLessThanOrEqual(2);
});

test('a version is whole or not at all', async () => {
  const opened = await open();
  respond = ranged('"2"');
  await expect(opened.read(5 * blockBytes, 10)).rejects.toMatchObject({ kind: 'media-changed' });
  const anew = await open();
  expect(anew.version).not.toBe(opened.version);
  expect((await anew.read(blockBytes, 10)).equals(file.subarray(blockBytes, blockBytes + 10))).toBe(true);
});

test('a failure is told to all who wait, and not kept', async () => {
  const opened = await open();
  respond = plain(503);
  const reads = await Promise.allSettled([opened.read(5 * blockBytes, 10), opened.read(4 * blockBytes, blockBytes + 5)]);
  expect(reads.map((read) => read.status)).toEqual(['rejected', 'rejected']);
  respond = ranged();
  expect((await opened.read(5 * blockBytes, 10)).equals(file.subarray(5 * blockBytes, 5 * blockBytes + 10))).toBe(true);
});

test('a file from a server without ranges will do: it is asked for once', async () => {
  respond = plain(200, { 'content-length': file.length, 'etag': '"1"' }, file as unknown as string);
  const opened = await open();
  expect(opened.bytes).toBe(file.length);
  expect((await opened.read(5 * blockBytes - 3, 10)).equals(file.subarray(5 * blockBytes - 3, 5 * blockBytes + 7))).toBe(true);
  expect(origin.seen.length).toBeLessThanOrEqual(2);
});

test.each<[string, typeof respond, string]>([
  ['404', plain(404), 'media-not-found'], ['403, as S3 says it', plain(403), 'media-not-found'], ['416', plain(416), 'media-malformed'], ['500', plain(500), 'origin-misbehaved'],
  ['another range', plain(206, { 'content-range': 'bytes 5-9/100', 'content-length': 5 }, 'xxxxx'), 'origin-misbehaved'],
  ['a range without a total', plain(206, { 'content-range': 'bytes 0-4/*', 'content-length': 5 }, 'xxxxx'), 'origin-misbehaved'],
  ['a range that is not all there', plain(206, { 'content-range': `bytes 0-${blockBytes - 1}/${10 * blockBytes}`, 'content-length': 5 }, 'xxxxx'), 'origin-misbehaved'],
])('refused: %s', async (_name, answer, kind) => {
  respond = answer;
  await expect(open()).rejects.toMatchObject({ kind });
});

test('lifetimes: an hour at least, a day by default', async () => {
  const lifetimeS = async (fields: http.OutgoingHttpHeaders): Promise<number> => {
    respond = plain(206, { 'content-range': 'bytes 0-0/1', 'content-length': 1, ...fields }, 'x');
    const { freshUntilMs } = await open(`${JSON.stringify(fields).length}.mp4`);
    return Math.round((freshUntilMs - systemClock.monotonicMs()) / 60_000) * 60;
  };
  expect(await lifetimeS({})).toBe(86_400);
  expect(await lifetimeS({ 'cache-control': 'max-age=60' })).toBe(3600);
  expect(await lifetimeS({ 'cache-control': 'no-store' })).toBe(3600);
  expect(await lifetimeS({ 'cache-control': 'max-age=172800' })).toBe(172_800);
});
