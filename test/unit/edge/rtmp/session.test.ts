// A viewer's connection from its begin to its end: what is said in which order, what is played, from where, how fast, and every no.
import type { AmfMap, AmfValue } from '../../../../src/protocol/rtmp/amf0';
import type { TestHost } from '../../../fixtures/rtmp-viewer';
import { bufferMs, hostWith, mediaFile, RtmpViewer, streamingSite, tagsOf } from '../../../fixtures/rtmp-viewer';

const film = mediaFile('moov-first.mp4');
const codes = (viewer: RtmpViewer): string[] => RtmpViewer.told(viewer.taken()).map((told) => told.code);

test('connect is answered as players expect it', async () => {
  const viewer = await RtmpViewer.connected(hostWith());
  const said = RtmpViewer.said(viewer.taken());
  expect(said.map((message) => message.kind)).toEqual(['window-ack-size', 'set-peer-bandwidth', 'stream-begin', 'command']);
  expect(said[3]).toMatchObject({ name: '_result', transaction: 1 });
  await viewer.command('createStream', 2, null);
  expect(RtmpViewer.said(viewer.taken())).toEqual([{ kind: 'command', name: '_result', transaction: 2, values: [null, 1] }]);
});

test.each<[string, Readonly<Record<string, AmfValue>>, TestHost['site']]>([
  ['DistributionNotFound', { tcUrl: 'rtmp://other.example/cfx/st' }, streamingSite()],
  ['DistributionNotFound', {}, null],
  ['DistributionTypeMismatch', {}, 'web'],
  ['InvalidInstance', { app: 'cfx' }, streamingSite()],
  ['InvalidURI', { tcUrl: 'cfx/st' }, streamingSite()],
])('connect refused: %s', async (reason, properties, site) => {
  const host = hostWith();
  host.site = site;
  const viewer = await RtmpViewer.connected(host, properties);
  const [said] = RtmpViewer.said(viewer.taken());
  expect(said).toMatchObject({ kind: 'command', name: '_error', transaction: 1 });
  const info = (said as { values: readonly AmfValue[] }).values[1] as AmfMap;
  expect(info.get('code')).toBe('NetConnection.Connect.Rejected');
  expect(info.get('description')).toBe(reason);
  expect((info.get('application') as AmfMap).get('message')).toBe(reason);
  expect(viewer.carrier.ended).toBe('ended');
  expect(host.logged).toContainEqual(expect.objectContaining({ event: 'rtmp-connect-refused', reason }));
});

describe.each([['mp4:dir/film.mp4', 'moov-first.mp4'], ['mp4:dir/film', 'moov-first.mp4'], ['old', 'sorenson-mp3.flv'], ['mp3:song', 'constant.mp3']])('%s', (name, fixture) => {
  test('is played as a whole: every tag, in order, then its end', async () => {
    const viewer = await RtmpViewer.ready(hostWith());
    await bufferMs(viewer, 36_000_000);
    viewer.taken();
    await viewer.on(1, 'play', name, -2000);
    const messages = viewer.taken();
    expect(RtmpViewer.media(messages).map(({ type, timestampMs, payload }) => ({ type, timestampMs, body: payload }))).toEqual(await tagsOf(mediaFile(fixture)));
    expect(messages.every((message) => message.stream === (message.type === 4 ? 0 : 1))).toBe(true);
    const said = RtmpViewer.said(messages);
    expect(said.map((message) => message.kind)).toEqual(['stream-is-recorded', 'stream-begin', 'command', 'command', 'data', 'data', 'data', 'stream-eof', 'data', 'command']);
    expect(RtmpViewer.told(messages).map((told) => told.code)).toEqual(['NetStream.Play.Reset', 'NetStream.Play.Start', 'NetStream.Play.Stop']);
    expect(viewer.carrier.ended).toBe('no');
  });
});

test('metadata go before the media, and say how long it is', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  const data = RtmpViewer.said(viewer.taken()).find((message) => message.kind === 'data' && message.values[0] === 'onMetaData');
  expect(data?.kind === 'data' && (data.values[1] as AmfMap).get('duration')).toBe(3.172);
});

test('getStreamLength', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  viewer.taken();
  await viewer.command('getStreamLength', 3, null, 'mp4:dir/film.mp4');
  await viewer.command('getStreamLength', 4, null, 'mp4:none');
  expect(RtmpViewer.said(viewer.taken())).toEqual([{ kind: 'command', name: '_result', transaction: 3, values: [null, 3.172] }, { kind: 'command', name: '_result', transaction: 4, values: [null, 0] }]);
});

test('a start in the middle: from the keyframe before it, times from 0 on', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  await bufferMs(viewer, 36_000_000);
  viewer.taken();
  await viewer.on(1, 'play', 'mp4:dir/film.mp4', 1700);
  const video = RtmpViewer.media(viewer.taken()).filter((message) => message.type === 9);
  expect(video[0]?.payload.subarray(0, 2).toString('hex')).toBe('1700');
  expect(video[1]).toMatchObject({ timestampMs: 0 });
  expect(video[1]?.payload.subarray(0, 2).toString('hex')).toBe('1701');
  // 30 frames, the keyframes at 0, 10 and 20: from 1.0 s on there are 20.
  expect(video).toHaveLength(21);
  expect(video.at(-1)?.timestampMs).toBe(1900);
});

test('a length: through the first message at its end', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  await bufferMs(viewer, 36_000_000);
  viewer.taken();
  await viewer.on(1, 'play', 'mp4:dir/film.mp4', 0, 1100);
  const messages = viewer.taken();
  const times = RtmpViewer.media(messages).map((message) => message.timestampMs);
  expect(times.filter((timeMs) => timeMs >= 1100)).toHaveLength(1);
  expect(RtmpViewer.told(messages).at(-1)?.code).toBe('NetStream.Play.Stop');
});

test('no more than the buffer is sent ahead', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  await bufferMs(viewer, 1000);
  viewer.taken();
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  const sentMs = (): number => RtmpViewer.media(viewer.messages).at(-1)?.timestampMs ?? 0;
  expect(sentMs()).toBeGreaterThanOrEqual(1000);
  expect(sentMs()).toBeLessThan(1600);
  await viewer.tick(1000);
  expect(sentMs()).toBeGreaterThanOrEqual(2000);
  expect(sentMs()).toBeLessThan(2600);
  await viewer.tick(5000);
  expect(codes(viewer)).toContain('NetStream.Play.Stop');
});

test('pause holds the clock, unpause goes on where it was', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  await bufferMs(viewer, 1000);
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  await viewer.on(1, 'pause', true, 500);
  const before = RtmpViewer.media(viewer.taken());
  await viewer.tick(3_600_000);
  expect(RtmpViewer.media(viewer.taken())).toEqual([]);
  await viewer.on(1, 'pause', false, 500);
  await viewer.tick(10);
  expect(codes(viewer)).toEqual(['NetStream.Unpause.Notify']);
  await viewer.tick(10_000);
  const after = RtmpViewer.media(viewer.taken());
  expect([...before, ...after].map((message) => message.payload.toString('hex'))).toEqual((await tagsOf(film)).map((tag) => tag.body.toString('hex')));
});

test('seek: the keyframe before, with the film\'s own times, after a word of it', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  await bufferMs(viewer, 1000);
  await viewer.on(1, 'play', 'mp4:dir/film.mp4', 2500);
  viewer.taken();
  await viewer.on(1, 'seek', 1100);
  const messages = viewer.taken();
  const media = RtmpViewer.media(messages);
  expect(media.slice(0, 2).map((message) => [message.timestampMs, message.payload[1]])).toEqual([[1000, 0], [1000, 0]]);
  expect(media.find((message) => message.type === 9 && message.payload[1] === 1)).toMatchObject({ timestampMs: 1000 });
  expect(RtmpViewer.told(messages).map((told) => told.code)).toEqual(['NetStream.Seek.Notify', 'NetStream.Play.Start']);
  await viewer.on(1, 'seek', 999_999);
  expect(RtmpViewer.told(viewer.taken())).toMatchObject([{ level: 'error', code: 'NetStream.Seek.InvalidTime' }]);
  await viewer.tick(10_000);
  expect(codes(viewer)).toContain('NetStream.Play.Stop');
  // After the end there is still something to seek in.
  await viewer.on(1, 'seek', 0);
  expect(RtmpViewer.media(viewer.taken()).length).toBeGreaterThan(10);
});

test('a seek while the film is fetched drops what was on its way', async () => {
  const host = hostWith();
  const viewer = await RtmpViewer.ready(host);
  await bufferMs(viewer, 36_000_000);
  await viewer.command('getStreamLength', 3, null, 'mp4:dir/film.mp4');
  let open = (): void => {};
  host.media.gate = new Promise((resolve) => { open = resolve; });
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  await viewer.on(1, 'seek', 2000);
  viewer.taken();
  open();
  await viewer.settle();
  const times = RtmpViewer.media(viewer.taken()).map((message) => message.timestampMs);
  expect(Math.min(...times)).toBeGreaterThanOrEqual(2000);
  expect(times.at(-1)).toBe(3172);
});

test.each<[string, string, Told]>([
  ['no such object', 'mp4:none', { level: 'error', code: 'NetStream.Play.StreamNotFound' }], ['a name that leaves the bucket', 'mp4:../a', { level: 'error', code: 'NetStream.Play.StreamNotFound' }],
  ['no name', '', { level: 'error', code: 'NetStream.Play.StreamNotFound' }], ['no film', 'mp4:text.mp4', { level: 'error', code: 'NetStream.Play.Failed' }],
])('play refused: %s', async (_name, name, told) => {
  const host = hostWith();
  host.media.put('text.mp4', Buffer.from('hello, world'));
  const viewer = await RtmpViewer.ready(host);
  viewer.taken();
  await viewer.on(1, 'play', name, -2000);
  expect(RtmpViewer.told(viewer.taken())).toMatchObject([told]);
  expect(viewer.carrier.ended).toBe('no');
  expect(host.logged).toContainEqual(expect.objectContaining({ event: 'rtmp-play-failed' }));
});
type Told = Partial<ReturnType<typeof RtmpViewer.told>[number]>;

test('a closed site plays nothing, and asks the origin nothing', async () => {
  const host = hostWith();
  host.site = streamingSite({ closed: 'trusted signers' });
  const viewer = await RtmpViewer.ready(host);
  viewer.taken();
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  const messages = viewer.taken();
  expect(RtmpViewer.told(messages)).toMatchObject([{ code: 'NetStream.Play.Failed', description: 'Access denied.' }]);
  expect(RtmpViewer.media(messages)).toEqual([]);
  expect(host.media.opened).toEqual([]);
});

test('a signature is asked for at each play and each seek, not while it goes on', async () => {
  const host = hostWith();
  const viewer = await RtmpViewer.ready(host);
  await bufferMs(viewer, 1000);
  await viewer.on(1, 'play', 'mp4:dir/film.mp4?Signature=x');
  host.refusal = 'expired';
  await viewer.on(1, 'pause', true, 0);
  await viewer.on(1, 'pause', false, 0);
  viewer.taken();
  await viewer.tick(1000);
  expect(RtmpViewer.media(viewer.taken()).length).toBeGreaterThan(0);
  await viewer.on(1, 'seek', 1000);
  const after = viewer.taken();
  expect(RtmpViewer.told(after)).toMatchObject([{ level: 'error', code: 'NetStream.Play.Failed', description: 'Access denied.' }]);
  await viewer.tick(10_000);
  await viewer.on(1, 'play', 'mp4:dir/film.mp4?Signature=x');
  expect(RtmpViewer.media([...after, ...viewer.taken()])).toEqual([]);
  expect(JSON.stringify(host.logged)).not.toContain('Signature');
});

test('a file that changes while it is played ends with a word of it; the next play has the new one', async () => {
  const host = hostWith();
  const viewer = await RtmpViewer.ready(host);
  await bufferMs(viewer, 1000);
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  host.media.put('dir/film.mp4', mediaFile('h264-mp3.mp4'), '2');
  await viewer.tick(10_000);
  expect(codes(viewer)).toContain('NetStream.Play.Failed');
  await bufferMs(viewer, 36_000_000);
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  expect(RtmpViewer.media(viewer.taken()).length).toBe((await tagsOf(mediaFile('h264-mp3.mp4'))).length);
});

test('twenty viewers: the file is opened and read once', async () => {
  const host = hostWith();
  const viewers = await Promise.all(Array.from({ length: 20 }, () => RtmpViewer.ready(host)));
  await Promise.all(viewers.map((viewer) => bufferMs(viewer, 36_000_000)));
  await Promise.all(viewers.map((viewer) => viewer.on(1, 'play', 'mp4:dir/film.mp4')));
  await Promise.all(viewers.map((viewer) => viewer.settle()));
  const bodies = viewers.map((viewer) => RtmpViewer.media(viewer.taken()).length);
  expect(new Set(bodies)).toEqual(new Set([(await tagsOf(film)).length]));
  expect(host.media.opened).toEqual(['dir/film.mp4']);
  // The index is read in a few pieces more.
  expect(host.media.readBytes).toBeLessThan(1.3 * film.length);
});

test('a viewer that does not read is sent no more than may wait, and all of it once it reads', async () => {
  const viewer = await RtmpViewer.ready(hostWith({ waitingBytesMax: 4000 }));
  await bufferMs(viewer, 36_000_000);
  viewer.taken();
  viewer.carrier.stuck = true;
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  for (let i = 0; i < 50; i += 1) await viewer.tick(100);
  expect(viewer.carrier.waitingBytes).toBeLessThan(4000 + 4000);
  viewer.carrier.stuck = false;
  viewer.carrier.waitingBytes = 0;
  viewer.session.drained();
  await viewer.settle();
  expect(RtmpViewer.media(viewer.taken())).toHaveLength((await tagsOf(film)).length);
});

test('several streams at once, each with its own media; a new play replaces the old one', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  await viewer.command('createStream', 3, null);
  await viewer.say({ kind: 'set-buffer-length', stream: 1, bufferMs: 36_000_000 });
  await viewer.say({ kind: 'set-buffer-length', stream: 2, bufferMs: 36_000_000 });
  viewer.taken();
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  await viewer.on(2, 'play', 'mp3:song');
  const media = RtmpViewer.media(viewer.taken());
  expect(media.filter((message) => message.stream === 1)).toHaveLength((await tagsOf(film)).length);
  expect(media.filter((message) => message.stream === 2)).toHaveLength((await tagsOf(mediaFile('constant.mp3'))).length);
  await viewer.command('deleteStream', 0, null, 2);
  await viewer.on(2, 'play', 'mp3:song');
  expect(RtmpViewer.media(viewer.taken())).toEqual([]);
});

test('play2 plays', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  viewer.taken();
  await viewer.on(1, 'play2', new Map<string, AmfValue>([['streamName', 'mp4:dir/film.mp4'], ['start', 2], ['len', -1], ['transition', 'switch']]));
  const messages = viewer.taken();
  expect(RtmpViewer.told(messages).map((told) => told.code)).toContain('NetStream.Play.Start');
  expect(RtmpViewer.media(messages).filter((message) => message.type === 9)).toHaveLength(11);
});

test('what is not a method is answered so', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  viewer.taken();
  await viewer.command('launchMissiles', 9, null);
  await viewer.command('releaseStream', 10, null, 'x');
  await viewer.on(1, 'publish', 'x');
  const said = RtmpViewer.said(viewer.taken());
  expect(said.map((message) => message.kind === 'command' && [message.name, message.transaction])).toEqual([['_error', 9], ['_result', 10], ['onStatus', 0]]);
});

test('acknowledgements after each window, and pings answered', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  viewer.taken();
  await viewer.say({ kind: 'window-ack-size', bytes: 3000 });
  for (let i = 0; i < 40; i += 1) await viewer.say({ kind: 'ping-request', timestampMs: i });
  const said = RtmpViewer.said(viewer.taken());
  expect(said.filter((message) => message.kind === 'ping-response')).toHaveLength(40);
  const acknowledged = said.filter((message) => message.kind === 'acknowledgement');
  expect(acknowledged.length).toBeGreaterThanOrEqual(1);
  expect(acknowledged.length).toBeLessThan(4);
});

describe('hostile and dead', () => {
  const cutOff = (viewer: RtmpViewer): void => { expect(viewer.carrier.ended).toBe('destroyed'); };

  test('the handshake and connect have one deadline, whatever is sent meanwhile', async () => {
    const host = hostWith();
    const slow = new RtmpViewer(host);
    for (let i = 0; i < 100; i += 1) {
      slow.session.receive(Buffer.from([i === 0 ? 3 : 0]));
      await slow.tick(101);
    }
    cutOff(slow);
    const silent = new RtmpViewer(host);
    silent.greet();
    await silent.tick(10_001);
    cutOff(silent);
  });

  test.each([[Buffer.from([255])], [Buffer.from('GET / HTTP/1.1\r\n')], [Buffer.from([0])]])('a first byte that is no version: %p', (bytes) => {
    const viewer = new RtmpViewer(hostWith());
    viewer.session.receive(bytes);
    cutOff(viewer);
  });

  test.each<[string, (viewer: RtmpViewer) => Promise<void>]>([
    ['another command before connect', (viewer) => viewer.command('createStream', 2, null)],
    ['a message of 16 MiB', async (viewer) => viewer.session.receive(Buffer.from('03000000ffffff1400000000', 'hex'))],
    ['AMF that is none', async (viewer) => viewer.session.receive(Buffer.from('030000000000021400000000ff00', 'hex'))],
    ['a chunk that refers to none', async (viewer) => viewer.session.receive(Buffer.from('c3', 'hex'))],
  ])('%s', async (_name, act) => {
    const viewer = new RtmpViewer(hostWith());
    viewer.greet();
    await act(viewer);
    cutOff(viewer);
  });

  test('more streams than may be', async () => {
    const viewer = await RtmpViewer.ready(hostWith());
    for (let i = 1; i < 9; i += 1) await viewer.command('createStream', 2 + i, null);
    cutOff(viewer);
  });

  test('who is quiet is asked, then cut off; who answers stays; who paused may be quiet for longer', async () => {
    const host = hostWith();
    const [dead, alive, paused] = [await RtmpViewer.ready(host), await RtmpViewer.ready(host), await RtmpViewer.ready(host)];
    await paused.on(1, 'play', 'mp4:dir/film.mp4');
    await paused.on(1, 'pause', true, 0);
    for (let minute = 0; minute < 15; minute += 1) {
      host.advance(61_000);
      for (const viewer of [dead, alive, paused]) {
        viewer.session.tick();
        await viewer.settle();
      }
      if (RtmpViewer.said(alive.taken()).some((message) => message.kind === 'ping-request')) await alive.say({ kind: 'ping-response', timestampMs: 0 });
    }
    expect([dead, alive, paused].map((viewer) => viewer.carrier.ended)).toEqual(['destroyed', 'no', 'no']);
    expect(RtmpViewer.said(dead.taken()).filter((message) => message.kind === 'ping-request').length).toBeGreaterThan(5);
  });

  test('what comes after the end is not heard, and what was on its way is not sent', async () => {
    const host = hostWith();
    const viewer = await RtmpViewer.ready(host);
    let open = (): void => {};
    host.media.gate = new Promise((resolve) => { open = resolve; });
    await viewer.on(1, 'play', 'mp4:dir/film.mp4');
    viewer.session.gone();
    const before = viewer.carrier.writtenBytes;
    open();
    await viewer.settle();
    viewer.session.tick();
    viewer.session.receive(Buffer.alloc(100, 0xff));
    expect(viewer.carrier.writtenBytes).toBe(before);
  });
});

describe('pauses', () => {
  test('a seek while paused: the clock runs from the end of the pause', async () => {
    const viewer = await RtmpViewer.ready(hostWith());
    await bufferMs(viewer, 1000);
    await viewer.on(1, 'play', 'mp4:dir/film.mp4');
    await viewer.on(1, 'pause', true, 0);
    await viewer.tick(10_000);
    viewer.taken();
    await viewer.on(1, 'seek', 1000);
    await viewer.tick(10_000);
    expect(RtmpViewer.media(viewer.taken()).filter((message) => message.timestampMs > 1000)).toHaveLength(0);
    await viewer.on(1, 'pause', false, 0);
    for (let n = 0; n < 30; n += 1) await viewer.tick(100);
    expect(codes(viewer).at(-1)).toBe('NetStream.Play.Stop');
  });

  test('one that comes while the film is opened holds it', async () => {
    const host = hostWith();
    const viewer = await RtmpViewer.ready(host);
    let open = (): void => {};
    host.media.gate = new Promise((resolve) => { open = resolve; });
    await viewer.on(1, 'play', 'mp4:dir/film.mp4');
    await viewer.on(1, 'pause', true, 0);
    open();
    await viewer.tick(100);
    const tags = await tagsOf(film);
    expect(RtmpViewer.media(viewer.taken()).length).toBeLessThan(tags.length / 2);
    await viewer.on(1, 'pause', false, 0);
    for (let n = 0; n < 40; n += 1) await viewer.tick(100);
    expect(RtmpViewer.media(viewer.taken()).length).toBeGreaterThan(tags.length / 2);
  });
});

test('every event is recorded, with who it is and how much it has taken', async () => {
  const host = hostWith();
  const viewer = await RtmpViewer.connected(host, { tcUrl: 'rtmp://s1.cloudfront.localhost:1935/cfx/st?key=value', swfUrl: 'http://a/p.swf', pageUrl: 'http://a/', flashVer: 'LNX 10,0,32,18' });
  await viewer.command('createStream', 2, null);
  await bufferMs(viewer, 1000);
  await viewer.on(1, 'play', 'mp4:dir/film?p=42&q=14');
  await viewer.on(1, 'pause', true, 0);
  await viewer.on(1, 'pause', false, 0);
  await viewer.on(1, 'seek', 1000);
  viewer.session.gone();
  viewer.session.gone();
  const stream = { name: 'dir/film', query: 'p=42&q=14', extension: 'mp4', id: 1 };
  expect(host.recorded.map(({ kind, stream: of }) => [kind, of])).toEqual([
    ['connect', null], ['play', stream], ['pause', stream], ['unpause', stream], ['seek', stream], ['stop', stream], ['disconnect', null],
  ]);
  expect(host.recorded[0]?.viewer).toMatchObject({
    address: '192.0.2.7', client: '5a'.repeat(16), url: 'rtmp://s1.cloudfront.localhost:1935/cfx/st', query: 'key=value', swfUrl: 'http://a/p.swf', pageUrl: 'http://a/', flashVersion: 'LNX 10,0,32,18',
  });
  const sent = host.recorded.map(({ sentBytes }) => sentBytes);
  expect(sent).toEqual([...sent].sort((a, b) => a - b));
  expect(sent[0]).toBeGreaterThan(3073);
  expect(sent.at(-1)).toBe(viewer.carrier.writtenBytes);
  expect((await RtmpViewer.connected(host, { app: 'x' })).carrier.ended).toBe('ended');
  expect(host.recorded).toHaveLength(7);
});

test('the end comes a moment after the last frame: players drop what they have not shown yet', async () => {
  const viewer = await RtmpViewer.ready(hostWith({ endDelayMs: 200 }));
  await bufferMs(viewer, 36_000_000);
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  expect(RtmpViewer.media(viewer.taken())).toHaveLength((await tagsOf(film)).length);
  await viewer.tick(199);
  expect(viewer.taken()).toEqual([]);
  await viewer.tick(1);
  expect(codes(viewer)).toEqual(['NetStream.Play.Stop']);
});

test('names that are looked up at once are limited: nobody makes the edge ask for thousands', async () => {
  const host = hostWith({ findsMax: 3 });
  const viewer = await RtmpViewer.ready(host);
  viewer.taken();
  let open = (): void => {};
  host.media.gate = new Promise((resolve) => { open = resolve; });
  for (let n = 0; n < 10; n += 1) {
    host.media.put(`${n}.mp4`, film);
    await viewer.command('getStreamLength', 10 + n, null, `mp4:${n}`);
  }
  expect(host.media.opened).toHaveLength(3);
  expect(RtmpViewer.said(viewer.taken())).toHaveLength(7);
  open();
  await viewer.settle();
  await viewer.command('getStreamLength', 30, null, 'mp4:9');
  expect(RtmpViewer.said(viewer.taken())).toHaveLength(4);
});
