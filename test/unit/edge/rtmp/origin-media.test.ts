// Media files over HTTP: ranges asked once however many wait, whole versions only, and every answer that is none.
import type http from 'node:http';
import { systemClock } from '../../../../src/base/clock';
import { Identity } from '../../../../src/edge/identity';
import type { Origins } from '../../../../src/edge/origins';
import { mediaLimits } from '../../../../src/edge/rtmp/limits';
import type { MediaFile } from '../../../../src/edge/rtmp/media-source';
import { OriginMedia } from '../../../../src/edge/rtmp/origin-media';
import { originsOf } from '../../../fixtures/gate';
import { startOrigin, type Origin, type SeenRequest } from '../../../fixtures/origin';
import { streamingSite } from '../../../fixtures/rtmp-viewer';
import { origin as originOf } from '../../../fixtures/site';

const { blockBytes } = mediaLimits;
const file = Buffer.from(Array.from({ length: 5 * blockBytes + 1000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

let origin: Origin;
let origins: Origins;
let media: OriginMedia;
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

beforeEach(async () => {
  respond = ranged();
  origin = await startOrigin((request, response) => respond(request, response));
  origins = originsOf(systemClock);
  media = new OriginMedia({ origins, identity: new Identity('n', 'LOC50-P1'), clock: systemClock });
});
afterEach(async () => {
  await media.close();
  await origins.close();
  await origin.close();
});

const open = (key = 'dir/a film.mp4'): Promise<MediaFile> =>
  media.open(streamingSite({ origin: originOf({ kind: 's3', protocol: 'match-viewer', httpPort: origin.port, path: '/base', connectionAttempts: 2 }) }), key);
const rangesSeen = (): (string | undefined)[] => origin.seen.map((request) => request.headers.range);

test('opening asks for the first block, and reading for what is missing, in as few requests as can be', async () => {
  const opened = await open();
  expect(opened.bytes).toBe(file.length);
  expect(origin.seen[0]).toMatchObject({ method: 'GET', url: '/base/dir/a%20film.mp4', headers: { 'range': `bytes=0-${blockBytes - 1}`, 'user-agent': 'Amazon CloudFront', 'host': `127.0.0.1:${origin.port}` } });
  expect((await opened.read(10, 100)).equals(file.subarray(10, 110))).toBe(true);
  expect(origin.seen).toHaveLength(1);
  expect((await opened.read(blockBytes - 10, 3 * blockBytes)).equals(file.subarray(blockBytes - 10, 4 * blockBytes - 10))).toBe(true);
  expect((await opened.read(file.length - 5, 5)).equals(file.subarray(-5))).toBe(true);
  expect(rangesSeen().slice(1)).toEqual([`bytes=${blockBytes}-${4 * blockBytes - 1}`, `bytes=${5 * blockBytes}-${file.length - 1}`]);
});

test('twenty who read the same wait for one request', async () => {
  const opened = await Promise.all(Array.from({ length: 20 }, () => open()));
  const before = origin.seen.length;
  const reads = await Promise.all(opened.map((each, i) => each.read(blockBytes + i, 2 * blockBytes)));
  reads.forEach((read, i) => expect(read.equals(file.subarray(blockBytes + i, 3 * blockBytes + i))).toBe(true));
  expect(origin.seen.length - before).toBe(2);
});

test('a version is whole or not at all', async () => {
  const opened = await open();
  respond = ranged('"2"');
  await expect(opened.read(blockBytes, 10)).rejects.toMatchObject({ kind: 'media-changed' });
  const anew = await open();
  expect(anew.version).not.toBe(opened.version);
  expect((await anew.read(blockBytes, 10)).equals(file.subarray(blockBytes, blockBytes + 10))).toBe(true);
});

test('memory is bounded: what was not used for longest is asked for again', async () => {
  const small = new OriginMedia({ origins, identity: new Identity('n', 'LOC50-P1'), clock: systemClock }, 2 * blockBytes);
  const opened = await small.open(streamingSite({ origin: originOf({ httpPort: origin.port }) }), 'film.mp4');
  for (let block = 1; block < 5; block += 1) await opened.read(block * blockBytes, 10);
  expect(origin.seen).toHaveLength(5);
  await opened.read(4 * blockBytes, 10);
  await opened.read(3 * blockBytes, 10);
  expect(origin.seen).toHaveLength(5);
  await opened.read(blockBytes, 10);
  expect(origin.seen).toHaveLength(6);
  await small.close();
});

test('a failure is told to all who wait, and not kept', async () => {
  const opened = await open();
  respond = plain(503);
  const reads = await Promise.allSettled([opened.read(blockBytes, 10), opened.read(blockBytes, 3 * blockBytes)]);
  expect(reads.map((read) => read.status)).toEqual(['rejected', 'rejected']);
  respond = ranged();
  expect((await opened.read(blockBytes, 10)).equals(file.subarray(blockBytes, blockBytes + 10))).toBe(true);
});

test('a small file from a server without ranges will do', async () => {
  respond = plain(200, { 'content-length': 5 }, 'FLV\x01\x05');
  const opened = await open();
  expect(opened.bytes).toBe(5);
  expect((await opened.read(0, 3)).toString()).toBe('FLV');
});

test.each<[string, typeof respond, string]>([
  ['404', plain(404), 'media-not-found'], ['403, as S3 says it', plain(403), 'media-not-found'], ['416', plain(416), 'media-malformed'], ['500', plain(500), 'origin-misbehaved'],
  ['a long file from a server without ranges', plain(200, { 'content-length': 10 * blockBytes }), 'origin-misbehaved'],
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
