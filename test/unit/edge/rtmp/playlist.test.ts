// Several plays on one stream: one after the other, and what play2 makes of them.
import type { AmfMap, AmfValue } from '../../../../src/protocol/rtmp/amf0';
import { readMessage, type RawMessage } from '../../../../src/protocol/rtmp/message';
import { bufferMs, hostWith, mediaFile, RtmpViewer, tagsOf } from '../../../fixtures/rtmp-viewer';

const film = mediaFile('moov-first.mp4');
const appended = (viewer: RtmpViewer, name: string, reset: AmfValue = false): Promise<void> => viewer.on(1, 'play', name, -2000, -1, reset);
/** What was said of plays, in the order it stands among the media. */
const story = (messages: readonly RawMessage[]): string[] => messages.flatMap((message) => {
  if (message.type !== 18 && message.type !== 20) return [];
  const said = readMessage(message);
  const info = said.kind === 'data' || said.kind === 'command' ? said.values[1] : undefined;
  const code = info instanceof Map ? (info as AmfMap).get('code') : undefined;
  return typeof code === 'string' && code !== 'NetStream.Data.Start' ? [code.replace('NetStream.', '')] : [];
});

test('one after the other, without a reset, on a clock that goes on', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  await bufferMs(viewer, 1000);
  viewer.taken();
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  await appended(viewer, 'mp3:song');
  await appended(viewer, 'old', 0);
  await bufferMs(viewer, 36_000_000);
  const messages = viewer.taken();
  expect(story(messages)).toEqual(['Play.Reset', 'Play.Start', 'Play.Switch', 'Play.Start', 'Play.Switch', 'Play.Start', 'Play.Complete', 'Play.Stop']);
  const media = RtmpViewer.media(messages);
  const wanted = (await Promise.all([film, mediaFile('constant.mp3'), mediaFile('sorenson-mp3.flv')].map(tagsOf))).map((tags) => tags.length);
  expect(media).toHaveLength(wanted.reduce((sum, count) => sum + count, 0));
  const starts = [wanted[0] as number, (wanted[0] as number) + (wanted[1] as number)].map((at) => media[at]?.timestampMs ?? 0);
  expect(starts[0]).toBeGreaterThan(2900);
  expect(starts[1]).toBeGreaterThan((starts[0] as number) + 2900);
  expect(viewer.host.recorded.map(({ kind, stream }) => `${kind} ${stream?.name}`)).toEqual([
    'connect undefined', 'play dir/film', 'stop dir/film', 'play song', 'stop song', 'play old', 'stop old',
  ]);
});

test('what follows is paced by what is still watched', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  await bufferMs(viewer, 2000);
  await viewer.on(1, 'play', 'mp3:song');
  await appended(viewer, 'mp4:dir/film.mp4');
  viewer.taken();
  // The song has three seconds: one more of the film may be sent after two.
  for (let n = 0; n < 20; n += 1) await viewer.tick(100);
  const video = viewer.taken().filter((message) => message.type === 9);
  expect(video.length).toBeGreaterThan(5);
  expect(video.length).toBeLessThan(20);
});

test('one that cannot be played is told of, and the next is played', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  await bufferMs(viewer, 36_000_000);
  viewer.taken();
  await appended(viewer, 'mp4:none');
  await appended(viewer, 'mp3:song');
  expect(story(viewer.taken())).toEqual(['Play.StreamNotFound', 'Play.Start', 'Play.Complete', 'Play.Stop']);
});

test('a play that resets, a close and a limit', async () => {
  const viewer = await RtmpViewer.ready(hostWith({ playlistMax: 2 }));
  await bufferMs(viewer, 1000);
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  for (let n = 0; n < 3; n += 1) await appended(viewer, 'mp3:song');
  expect(story(viewer.taken()).filter((code) => code === 'Play.Failed')).toHaveLength(1);
  await viewer.on(1, 'play', 'old');
  viewer.taken();
  await bufferMs(viewer, 36_000_000);
  expect(story(viewer.taken())).toEqual(['Play.Complete', 'Play.Stop']);
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  await appended(viewer, 'mp3:song');
  viewer.taken();
  await viewer.on(1, 'closeStream');
  await viewer.tick(60_000);
  expect(viewer.taken()).toEqual([]);
});

const play2 = (viewer: RtmpViewer, streamName: string, transition: string, oldStreamName = ''): Promise<void> =>
  viewer.on(1, 'play2', new Map<string, AmfValue>([['streamName', streamName], ['transition', transition], ['oldStreamName', oldStreamName], ['start', -2], ['len', -1]]));

test('play2: appended, swapped, awaited, stopped', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  await bufferMs(viewer, 1000);
  viewer.taken();
  await play2(viewer, 'mp4:dir/film.mp4', 'appendAndWait');
  expect(viewer.taken()).toEqual([]);
  await play2(viewer, 'mp3:song', 'append');
  expect(story(viewer.taken())).toEqual(['Play.Start']);
  await play2(viewer, 'old', 'swap', 'mp3:song');
  await bufferMs(viewer, 36_000_000);
  expect(story(viewer.taken())).toEqual(['Play.Switch', 'Play.Start', 'Play.Complete', 'Play.Stop']);
  expect(viewer.host.recorded.filter(({ kind }) => kind === 'play').map(({ stream }) => stream?.name)).toEqual(['dir/film', 'old']);
  await bufferMs(viewer, 1000);
  await play2(viewer, 'mp4:dir/film.mp4', 'reset');
  await play2(viewer, '', 'stop');
  expect(story(viewer.taken()).slice(-2)).toEqual(['Play.Start', 'Play.Stop']);
  await viewer.tick(10_000);
  expect(viewer.taken()).toEqual([]);
});

test('play2: a switch goes on from the keyframe before what was sent, on the same clock', async () => {
  const host = hostWith();
  host.media.put('dir/other.mp4', mediaFile('moov-last.mp4'));
  const viewer = await RtmpViewer.ready(host);
  await bufferMs(viewer, 2000);
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  const before = RtmpViewer.media(viewer.taken());
  await play2(viewer, 'mp4:dir/other.mp4', 'switch', 'mp4:dir/film.mp4');
  await bufferMs(viewer, 36_000_000);
  const after = viewer.taken();
  expect(story(after)).toEqual(['Play.Transition', 'Play.TransitionComplete', 'Play.Complete', 'Play.Stop']);
  const first = RtmpViewer.media(after)[0]?.timestampMs ?? -1;
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThanOrEqual(before.at(-1)?.timestampMs ?? 0);
  expect(host.recorded.map(({ kind, stream }) => `${kind} ${stream?.name}`)).toEqual(['connect undefined', 'play dir/film', 'stop dir/film', 'play dir/other', 'stop dir/other']);
});

test('play2: a switch to what is not there leaves what is played', async () => {
  const viewer = await RtmpViewer.ready(hostWith());
  await bufferMs(viewer, 1000);
  await viewer.on(1, 'play', 'mp4:dir/film.mp4');
  viewer.taken();
  await play2(viewer, 'mp4:none', 'switch', 'mp4:dir/film.mp4');
  await bufferMs(viewer, 36_000_000);
  expect(story(viewer.taken())).toEqual(['Play.StreamNotFound', 'Play.Complete', 'Play.Stop']);
});
