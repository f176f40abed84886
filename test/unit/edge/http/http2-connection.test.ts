// HTTP/2 connections frame by frame: answers, flow control, priorities, endings; each rule of RFC 9113 that a viewer can break; floods.
import type { Fault } from '../../../../src/base/fault';
import { HeadBlock, type BodySink, type Exchange, type RequestHandler } from '../../../../src/edge/http/exchange';
import { hpackLimits, http2Limits } from '../../../../src/edge/http/http2-limits';
import { defaultHttpLimits } from '../../../../src/edge/http/limits';
import { CLIENT_PREFACE, Flag, FrameType, SettingId, settingsFrame } from '../../../../src/protocol/http/http2-frames';
import { blockOf, frameOf, getFields, Http2Viewer, postFields, testHost, uint32 } from '../../../fixtures/http2-viewer';

const ok = new HeadBlock(200, ['x-kind', 'test']);
const hi = Buffer.from('hello');
const say: RequestHandler = (exchange) => exchange.answer(ok, ['x-path', exchange.request.path], hi);
const never: RequestHandler = () => {};
/** Answers with the length of the request's body, or the kind of its failure. */
const measure: RequestHandler = (exchange) => {
  if (!exchange.request.hasBody) { say(exchange); return; }
  let bytes = 0;
  exchange.body().on('data', (piece: Buffer) => { bytes += piece.length; })
    .on('end', () => exchange.answer(ok, [], Buffer.from(`${bytes}`)))
    .on('error', (thrown: Error) => { if (!exchange.finished) exchange.answer(new HeadBlock(400, ['x-fault', (thrown as Fault).kind]), [], null); });
};
function keeping(): { handler: RequestHandler; exchanges: Exchange[] } {
  const exchanges: Exchange[] = [];
  return { handler: (exchange) => { exchanges.push(exchange); }, exchanges };
}
const big = (bytes: number): Buffer => Buffer.alloc(bytes, 'x');
const endHeaders = Flag.endHeaders;

describe('answers', () => {
  test('a request and its answer', async () => {
    const { handler, exchanges } = keeping();
    const viewer = Http2Viewer.open(handler);
    viewer.send(viewer.headers(1, [...getFields('/p?q'), 'x-y', 'z']));
    expect(exchanges[0]?.request).toEqual({
      method: 'GET', path: '/p', query: 'q', httpVersion: '2', host: 'a.test', scheme: 'https', fields: ['host', 'a.test', 'x-y', 'z'],
      hasBody: false, bodyBytes: 0, remoteAddress: '192.0.2.7', remotePort: 4711, peerAddress: '192.0.2.7', webSocket: false,
    });
    await viewer.toldSoon();
    exchanges[0]?.answer(ok, ['age', '3'], hi);
    await viewer.toldSoon().then((told) => expect(told).toEqual(['headers 1 200', 'data 1 5 end']));
  });
  test('the fields of an answer', () => {
    const viewer = Http2Viewer.open(say);
    viewer.heard();
    viewer.send(viewer.headers(1, getFields('/p')));
    expect(viewer.heard().map((frame) => [frame.fields, frame.payload.toString('latin1').slice(-5)])).toEqual([
      [[':status', '200', 'x-kind', 'test', 'x-path', '/p', 'content-length', '5', 'date', 'now'], expect.anything()], [[], 'hello'],
    ]);
  });
  test('the answers of one read leave in one write', () => {
    const viewer = Http2Viewer.open(say);
    viewer.heard();
    const before = viewer.socket.taken.length;
    viewer.send(...[1, 3, 5, 7, 9].map((id) => viewer.headers(id, getFields())));
    expect(viewer.socket.taken.length).toBe(before + 1);
    expect(viewer.told()).toHaveLength(10);
  });
  test('HEAD, 204 and 304 end with their head', () => {
    const viewer = Http2Viewer.open((exchange) => {
      if (exchange.request.method === 'HEAD') exchange.answer(ok, [], null, 77);
      else exchange.answer(new HeadBlock(Number(exchange.request.path.slice(1)), []), [], null);
    });
    viewer.heard();
    viewer.send(viewer.headers(1, [...getFields().slice(2), ':method', 'HEAD']), viewer.headers(3, getFields('/204')), viewer.headers(5, getFields('/304')));
    const heard = viewer.heard();
    expect(heard.map((frame) => frame.flags & Flag.endStream)).toEqual([1, 1, 1]);
    expect(heard.map((frame) => frame.fields.includes('content-length') ? frame.fields[frame.fields.indexOf('content-length') + 1] : null)).toEqual(['77', null, null]);
  });
  test('an answer piece by piece, with interim answers before it', async () => {
    const { handler, exchanges } = keeping();
    const viewer = Http2Viewer.open(handler);
    viewer.send(viewer.headers(1, getFields()));
    const exchange = exchanges[0] as Exchange;
    exchange.inform(103, ['link', '</a>']);
    exchange.inform(101, []);
    const sink = exchange.begin(ok, [], null);
    sink.write(Buffer.from('abc'));
    sink.write(Buffer.from('de'));
    sink.end();
    expect((await viewer.toldSoon())).toEqual(['window 0 458753', 'headers 1 103', 'headers 1 200', 'data 1 3', 'data 1 2 end']);
  });
  test('an answer that breaks off, or is longer or shorter than it said, is reset', async () => {
    const { handler, exchanges } = keeping();
    const viewer = Http2Viewer.open(handler);
    viewer.send(...[1, 3, 5].map((id) => viewer.headers(id, getFields())));
    const [first, second, third] = exchanges.map((exchange, i) => exchange.begin(ok, [], i === 0 ? null : 3)) as [BodySink, BodySink, BodySink];
    first.abort();
    second.write(Buffer.from('abcd'));
    third.write(Buffer.from('a'));
    third.end();
    expect((await viewer.toldSoon()).filter((line) => line.startsWith('reset'))).toEqual(['reset 1 internalError', 'reset 3 internalError', 'reset 5 internalError']);
  });
  test('a head larger than a frame goes on in CONTINUATIONs', () => {
    const viewer = Http2Viewer.open((exchange) => exchange.answer(new HeadBlock(200, ['x-long', '\xff'.repeat(40_000)]), [], hi));
    viewer.heard();
    viewer.send(viewer.headers(1, getFields()));
    const frames = viewer.heard.bind(viewer);
    expect(() => frames()).toThrow('cut-off');
    expect(Buffer.concat(viewer.socket.taken).length).toBeGreaterThan(40_000);
  });
  test('a viewer that wants no table is told that it is empty, once', () => {
    const viewer = Http2Viewer.open(say, {}, [[SettingId.headerTableSize, 0]]);
    viewer.heard();
    viewer.send(viewer.headers(1, getFields()));
    viewer.send(viewer.headers(3, getFields()));
    const blocks = viewer.heard().filter((frame) => frame.type === FrameType.headers).map((frame) => frame.payload[0]);
    expect(blocks).toEqual([0x20, 0x88]);
  });
});

describe('requests with a body', () => {
  test('content in pieces, padding and trailers', async () => {
    const viewer = Http2Viewer.open(measure);
    viewer.heard();
    viewer.send(viewer.headers(1, postFields('/', 'content-length', '8'), 0), viewer.data(1, 'abc'), frameOf(FrameType.data, Flag.padded, 1, '\x02abcde\0\0'));
    viewer.send(viewer.headers(1, ['x-checksum', '1'], Flag.endStream));
    expect(await viewer.toldSoon()).toEqual(['headers 1 200', 'data 1 1 end']);
  });
  test('100 Continue is sent when the body is wanted, and not when it is here', async () => {
    const viewer = Http2Viewer.open(measure);
    viewer.heard();
    viewer.send(viewer.headers(1, postFields('/', 'expect', '100-continue'), 0));
    expect(await viewer.toldSoon()).toEqual(['headers 1 100']);
    viewer.send(viewer.headers(3, postFields('/', 'expect', '100-continue'), 0), viewer.data(3, 'x', Flag.endStream));
    expect(await viewer.toldSoon()).toEqual(['headers 3 200', 'data 3 1 end']);
  });
  test('an answer before the body is whole ends the stream with NO_ERROR', async () => {
    const viewer = Http2Viewer.open(say);
    viewer.heard();
    viewer.send(viewer.headers(1, postFields(), 0));
    viewer.send(viewer.data(1, 'late', Flag.endStream), viewer.headers(3, getFields()));
    expect(await viewer.toldSoon()).toEqual(['headers 1 200', 'data 1 5 end', 'reset 1 noError', 'headers 3 200', 'data 3 5 end']);
  });
  test('the window is given back as the handler takes the content, in large steps', async () => {
    const { handler, exchanges } = keeping();
    const viewer = Http2Viewer.open(handler);
    viewer.heard();
    viewer.send(viewer.headers(1, postFields(), 0));
    for (let i = 0; i < 16; i += 1) viewer.send(viewer.data(1, big(16_384)));
    expect(await viewer.toldSoon()).toEqual([]);
    exchanges[0]?.body().resume();
    expect(await viewer.toldSoon()).toEqual(['window 1 131072', 'window 0 262144', 'window 1 131072']);
  });
  test('more than the window is an error of the stream; of the connection\'s, of the connection', async () => {
    const viewer = Http2Viewer.open(never);
    viewer.heard();
    viewer.send(...[1, 3, 5].map((id) => viewer.headers(id, postFields(), 0)));
    for (let i = 0; i < 17; i += 1) viewer.send(viewer.data(1, big(16_384)));
    expect(await viewer.toldSoon()).toEqual(['reset 1 flowControlError', 'window 0 278528']);
    for (let i = 0; i < 16; i += 1) viewer.send(viewer.data(3, big(16_384)));
    for (let i = 0; i < 17; i += 1) viewer.send(viewer.data(5, big(16_384)));
    expect(await viewer.toldSoon()).toEqual(['goAway 5 flowControlError']);
  });
  test('a body that stops coming fails its reader', async () => {
    const viewer = Http2Viewer.open(measure);
    viewer.heard();
    viewer.send(viewer.headers(1, postFields(), 0), viewer.data(1, 'x'));
    await viewer.toldSoon();
    viewer.sweep(1);
    viewer.sweep(defaultHttpLimits.bodyIdleMs);
    expect(await viewer.toldSoon()).toEqual(['headers 1 400 end', 'reset 1 noError']);
  });
  test('a viewer that leaves fails the reader and tells the handler', async () => {
    const { handler, exchanges } = keeping();
    const viewer = Http2Viewer.open(handler);
    viewer.send(viewer.headers(1, postFields(), 0), viewer.headers(3, getFields()));
    let kind = '';
    let aborted = 0;
    exchanges[0]?.body().on('error', (thrown) => { kind = (thrown as Fault).kind; });
    for (const exchange of exchanges) exchange.onAbort = () => { aborted += 1; };
    viewer.socket.destroy();
    await viewer.toldSoon();
    expect([kind, aborted, exchanges[1]?.finished]).toEqual(['viewer-left', 2, true]);
    exchanges[1]?.answer(ok, [], hi);
  });
});

describe('flow control and priorities of answers', () => {
  const many = (bodies: Readonly<Record<string, Buffer>>): RequestHandler => (exchange) => exchange.answer(ok, [], bodies[exchange.request.path] ?? hi);
  const order = (told: readonly string[]): string => told.filter((line) => line.startsWith('data')).map((line) => line.split(' ')[1]).join('');

  test('no more than the stream\'s and the connection\'s window is sent', async () => {
    const viewer = Http2Viewer.open(many({ '/': big(100_000) }), {}, [[SettingId.initialWindowSize, 20_000]]);
    viewer.heard();
    viewer.send(viewer.headers(1, getFields()));
    expect(await viewer.toldSoon()).toEqual(['headers 1 200', 'data 1 16384', 'data 1 3616']);
    viewer.send(viewer.windowUpdate(1, 60_000));
    expect(await viewer.toldSoon()).toEqual(['data 1 16384', 'data 1 16384', 'data 1 12767']);
    viewer.send(viewer.windowUpdate(0, 100_000));
    expect(await viewer.toldSoon()).toEqual(['data 1 14465']);
    viewer.send(viewer.windowUpdate(1, 20_000));
    expect(await viewer.toldSoon()).toEqual(['data 1 16384', 'data 1 3616 end']);
  });
  test('a setting that shrinks the window may put it below zero', async () => {
    const viewer = Http2Viewer.open(many({ '/': big(30_000) }), {}, [[SettingId.initialWindowSize, 10_000]]);
    viewer.heard();
    viewer.send(viewer.headers(1, getFields()));
    viewer.send(settingsFrame([[SettingId.initialWindowSize, 4000]]), viewer.windowUpdate(1, 6000));
    expect(await viewer.toldSoon()).toEqual(['headers 1 200', 'data 1 10000']);
    viewer.send(viewer.windowUpdate(1, 5));
    expect(await viewer.toldSoon()).toEqual(['data 1 5']);
    viewer.send(settingsFrame([[SettingId.initialWindowSize, 4100]]));
    expect(await viewer.toldSoon()).toEqual(['data 1 100']);
  });
  test('an empty body\'s end needs no window', async () => {
    const { handler, exchanges } = keeping();
    const viewer = Http2Viewer.open(handler, {}, [[SettingId.initialWindowSize, 0]]);
    viewer.heard();
    viewer.send(viewer.headers(1, getFields()));
    exchanges[0]?.begin(ok, [], null).end();
    expect(await viewer.toldSoon()).toEqual(['headers 1 200', 'data 1 0 end']);
  });
  const bodies = { '/a': big(40_000), '/b': big(40_000), '/c': big(40_000) };
  const open = async (priorities: readonly string[], ...extra: Buffer[]): Promise<string> => {
    const viewer = Http2Viewer.open(many(bodies), {}, [[SettingId.initialWindowSize, 1_000_000]]);
    viewer.heard();
    viewer.send(viewer.windowUpdate(0, 1_000_000), ...extra, ...['/a', '/b', '/c'].map((path, i) => viewer.headers(2 * i + 1, [...getFields(path), ...(priorities[i] === '' ? [] : ['priority', priorities[i] as string])])));
    return order(await viewer.toldSoon());
  };
  test('by default answers follow one another', async () => {
    expect(await open(['', '', ''])).toBe('111333555');
  });
  test('the most urgent first', async () => {
    expect(await open(['u=5', '', 'u=0'])).toBe('555333111');
  });
  test('incremental ones share', async () => {
    expect(await open(['i', 'i', 'i'])).toBe('135135135');
  });
  test('one that is not incremental takes its turn among those that are', async () => {
    expect(await open(['i', '', ''])).toBe('131313555');
  });
  test('PRIORITY_UPDATE counts over the field, also when it comes first', async () => {
    const update = frameOf(FrameType.priorityUpdate, 0, 0, Buffer.concat([uint32(5), Buffer.from('u=0')]));
    expect(await open(['', '', 'u=7'], update)).toBe('555111333');
  });
  test('whoever writes an answer waits while the viewer does', async () => {
    const { handler, exchanges } = keeping();
    const viewer = Http2Viewer.open(handler, {}, [[SettingId.initialWindowSize, 10]]);
    viewer.send(viewer.headers(1, getFields()));
    const sink = (exchanges[0] as Exchange).begin(ok, [], null);
    let drained = 0;
    sink.onDrain = () => { drained += 1; };
    expect(sink.write(big(http2Limits.pendingBytesMax))).toBe(true);
    expect(sink.write(big(11))).toBe(false);
    await viewer.toldSoon();
    expect(drained).toBe(0);
    viewer.send(viewer.windowUpdate(1, 50_000));
    await viewer.toldSoon();
    expect(drained).toBe(1);
  });
  test('a viewer that takes nothing is not heard, and holds nothing up once it does', async () => {
    const viewer = Http2Viewer.open(many({ '/': big(60_000) }));
    await viewer.toldSoon();
    viewer.socket.stuck = true;
    viewer.send(viewer.headers(1, getFields()));
    viewer.send(...Array.from({ length: 40 }, (_, i) => viewer.headers(2 * i + 3, [...getFields('/x'), 'x-fill', 'f'.repeat(1000)])));
    expect(viewer.socket.paused).toBe(true);
    viewer.socket.stuck = false;
    viewer.socket.take();
    expect((await viewer.toldSoon()).filter((line) => line.startsWith('headers'))).toHaveLength(41);
    expect(viewer.socket.paused).toBe(false);
  });
});

/** Each line: what is sent after the preface, and what must be told. */
type Break = readonly [what: string, frames: (viewer: Http2Viewer) => readonly Buffer[], told: readonly string[], reason: string];

describe('errors of the connection', () => {
  const cases: readonly Break[] = [
    ['a stream with an even number', (v) => [v.headers(2, getFields())], ['goAway 0 protocolError'], 'stream-id-even'],
    ['a stream number that does not rise', (v) => [v.headers(5, getFields()), v.headers(3, getFields())], ['goAway 5 protocolError'], 'stream-id-not-rising'],
    ['a stream that ended, opened again', (v) => [v.headers(1, getFields()), v.headers(1, getFields())], ['goAway 1 streamClosed'], 'stream-closed'],
    ['DATA on an idle stream', (v) => [v.data(1, 'x')], ['goAway 0 protocolError'], 'stream-idle'],
    ['DATA on a stream that ended', (v) => [v.headers(1, getFields()), v.data(1, 'x')], ['goAway 1 streamClosed'], 'stream-closed'],
    ['RST_STREAM on an idle stream', (v) => [v.reset(1)], ['goAway 0 protocolError'], 'stream-idle'],
    ['WINDOW_UPDATE on an idle stream', (v) => [v.windowUpdate(1, 1)], ['goAway 0 protocolError'], 'stream-idle'],
    ['CONTINUATION alone', () => [frameOf(FrameType.continuation, endHeaders, 1, 'x')], ['goAway 0 protocolError'], 'continuation-alone'],
    ['a frame within a header block', (v) => [frameOf(FrameType.headers, 0, 1, ''), v.data(1, 'x')], ['goAway 0 protocolError'], 'header-block-interrupted'],
    ['another stream\'s CONTINUATION', () => [frameOf(FrameType.headers, 0, 1, ''), frameOf(FrameType.continuation, endHeaders, 3, '')], ['goAway 0 protocolError'], 'header-block-interrupted'],
    ['an unknown frame within a header block', () => [frameOf(FrameType.headers, 0, 1, ''), frameOf(0x77, 0, 0, '')], ['goAway 0 protocolError'], 'header-block-interrupted'],
    ['a block that cannot be decoded', () => [frameOf(FrameType.headers, endHeaders, 1, '\x80')], ['goAway 0 compressionError'], 'index-zero'],
    ['a connection window that overflows', (v) => [v.windowUpdate(0, 0x7fff_ffff)], ['goAway 0 flowControlError'], 'window-too-large'],
    ['a connection window update of zero', (v) => [v.windowUpdate(0, 0)], ['goAway 0 protocolError'], 'window-update-zero'],
    ['SETTINGS that make a stream\'s window overflow', (v) => [v.headers(1, getFields('/never')), v.windowUpdate(1, 0x7fff_ffff - 65_535), settingsFrame([[SettingId.initialWindowSize, 65_536]])], ['goAway 1 flowControlError'], 'window-too-large'],
    ['SETTINGS with a forbidden value', () => [settingsFrame([[SettingId.maxFrameSize, 1]])], ['goAway 0 protocolError'], 'max-frame-size-invalid'],
    ['a frame that is too long', () => [frameOf(FrameType.data, 0, 1, big(16_385))], ['goAway 0 frameSizeError'], 'frame-too-long'],
    ['PUSH_PROMISE', () => [frameOf(FrameType.pushPromise, 0, 1, '1234')], ['goAway 0 protocolError'], 'push-by-client'],
    ['PING of the wrong size', () => [frameOf(FrameType.ping, 0, 0, '1')], ['goAway 0 frameSizeError'], 'frame-size'],
    ['PRIORITY of the wrong size on an idle stream', () => [frameOf(FrameType.priority, 0, 7, '1')], ['goAway 0 frameSizeError'], 'frame-size'],
    ['PRIORITY_UPDATE of stream 0', () => [frameOf(FrameType.priorityUpdate, 0, 0, uint32(0))], ['goAway 0 protocolError'], 'priority-of-stream-zero'],
    ['padding that is too long', (v) => [v.headers(1, postFields(), 0), frameOf(FrameType.data, Flag.padded, 1, '\x09x')], ['goAway 1 protocolError'], 'padding-too-long'],
  ];
  test.each(cases)('%s', async (_what, frames, told, reason) => {
    const viewer = Http2Viewer.open((exchange) => { if (exchange.request.path !== '/never' && !exchange.request.hasBody) say(exchange); });
    viewer.heard();
    viewer.send(...frames(viewer));
    const heard = (await viewer.toldSoon()).filter((line) => line.startsWith('goAway') || line.startsWith('reset'));
    expect(heard).toEqual(told);
    expect(viewer.host.reasons).toContain(reason);
    expect(viewer.socket.ended).toBe(true);
    // Whatever comes now is not looked at.
    viewer.send(viewer.headers(99, getFields()));
    expect(await viewer.toldSoon()).toEqual([]);
  });
  test('the debug data of GOAWAY says why', () => {
    const viewer = Http2Viewer.open(never);
    viewer.send(viewer.headers(2, getFields()));
    expect(viewer.heard().at(-1)?.payload.toString('latin1', 8)).toBe('stream-id-even');
  });
  test.each([
    ['another preface', [Buffer.from('GET / HTTP/1.1\r\n')], 'preface-invalid'],
    ['a preface without SETTINGS', [CLIENT_PREFACE, frameOf(FrameType.ping, 0, 0, '12345678')], 'settings-missing'],
    ['an acknowledgement instead of SETTINGS', [CLIENT_PREFACE, frameOf(FrameType.settings, Flag.ack, 0)], 'settings-missing'],
  ])('%s', (_what, frames, reason) => {
    const viewer = new Http2Viewer(testHost(never));
    viewer.send(...frames);
    expect(viewer.told()).toEqual(['window 0 458753', 'goAway 0 protocolError']);
    expect(viewer.host.reasons).toEqual([reason]);
  });
});

describe('errors of a stream', () => {
  const cases: readonly Break[] = [
    ['DATA after the end', (v) => [v.headers(1, getFields('/never')), v.data(1, 'x')], ['reset 1 streamClosed'], 'data-after-end'],
    ['HEADERS after the end', (v) => [v.headers(1, getFields('/never')), v.headers(1, ['x', 'y'])], ['reset 1 streamClosed'], 'headers-after-end'],
    ['trailers that do not end the stream', (v) => [v.headers(1, postFields(), 0), v.headers(1, ['x', 'y'], 0)], ['reset 1 protocolError'], 'trailers-without-end'],
    ['a pseudo-field in trailers', (v) => [v.headers(1, postFields(), 0), v.headers(1, [':path', '/'])], ['reset 1 protocolError'], 'pseudo-field-in-trailers'],
    ['an upper-case name in trailers', (v) => [v.headers(1, postFields(), 0), v.headers(1, ['X', '/'])], ['reset 1 protocolError'], 'field-name-invalid'],
    ['a length that is not kept: more', (v) => [v.headers(1, postFields('/', 'content-length', '2'), 0), v.data(1, 'abc')], ['reset 1 protocolError'], 'content-length-mismatch'],
    ['a length that is not kept: less', (v) => [v.headers(1, postFields('/', 'content-length', '2'), 0), v.data(1, 'a', Flag.endStream)], ['reset 1 protocolError'], 'content-length-mismatch'],
    ['a length that is not kept: less, with trailers', (v) => [v.headers(1, postFields('/', 'content-length', '2'), 0), v.headers(1, ['x', 'y'])], ['reset 1 protocolError'], 'content-length-mismatch'],
    ['a length without a body', (v) => [v.headers(1, postFields('/', 'content-length', '2'))], ['reset 1 protocolError'], 'content-length-mismatch'],
    ['a window update of zero', (v) => [v.headers(1, getFields('/never')), v.windowUpdate(1, 0)], ['reset 1 protocolError'], 'window-update-zero'],
    ['a window that overflows', (v) => [v.headers(1, getFields('/never')), v.windowUpdate(1, 0x7fff_ffff)], ['reset 1 flowControlError'], 'window-too-large'],
    ['PRIORITY of the wrong size', (v) => [v.headers(1, getFields('/never')), frameOf(FrameType.priority, 0, 1, '1234')], ['reset 1 frameSizeError'], 'frame-size'],
    ['an upper-case name', (v) => [v.headers(1, [...getFields(), 'X-Y', 'z'])], ['reset 1 protocolError'], 'field-name-invalid'],
    ['a line end in a value', (v) => [v.headers(1, [...getFields(), 'x', 'y\r\nz: a'])], ['reset 1 protocolError'], 'field-value-invalid'],
    ['a line end in the path', (v) => [v.headers(1, getFields('/ HTTP/1.1\r\nx: y'))], ['reset 1 protocolError'], 'field-value-invalid'],
    ['a space in the path', (v) => [v.headers(1, getFields('/a b'))], ['reset 1 protocolError'], 'path-invalid'],
    ['transfer-encoding', (v) => [v.headers(1, postFields('/', 'transfer-encoding', 'chunked'), 0)], ['reset 1 protocolError'], 'connection-field'],
    ['a missing path', (v) => [v.headers(1, getFields().slice(0, 6))], ['reset 1 protocolError'], 'path-missing'],
  ];
  test.each(cases)('%s', async (_what, frames, told, reason) => {
    const seen: string[] = [];
    const viewer = Http2Viewer.open((exchange) => {
      seen.push(exchange.request.path);
      if (exchange.request.path === '/alive') say(exchange);
    });
    viewer.heard();
    viewer.send(...frames(viewer));
    viewer.send(viewer.headers(11, getFields('/alive')));
    // The connection and its table live on.
    expect(await viewer.toldSoon()).toEqual([...told, 'headers 11 200', 'data 11 5 end']);
    expect(viewer.host.reasons).toEqual([reason]);
  });
  test('what is well-formed and not served is answered', async () => {
    const viewer = Http2Viewer.open(never);
    viewer.heard();
    viewer.send(
      viewer.headers(1, [':method', 'CONNECT', ':authority', 'a.test:1']), viewer.headers(3, getFields(`/${'x'.repeat(9000)}`)),
      viewer.headers(5, postFields('/', 'expect', 'wonders'), 0),
    );
    const block = blockOf([...getFields(), 'x', 'y'.repeat(26_000)]);
    viewer.send(frameOf(FrameType.headers, Flag.endStream, 9, block.subarray(0, 16_000)), frameOf(FrameType.continuation, endHeaders, 9, block.subarray(16_000)));
    expect((await viewer.toldSoon()).filter((line) => !line.startsWith('data'))).toEqual(['headers 1 501', 'headers 3 413', 'headers 5 417', 'reset 5 noError', 'headers 9 413']);
    expect(viewer.host.reasons).toEqual(['connect-not-served', 'target-too-long', 'expectation-unknown', 'head-too-large']);
  });
  test('late frames of a stream that we ended are no error', async () => {
    const viewer = Http2Viewer.open(say);
    viewer.heard();
    viewer.send(viewer.headers(1, postFields(), 0), viewer.data(1, 'x'), viewer.windowUpdate(1, 1), viewer.headers(1, ['x', 'y']), viewer.reset(1));
    expect(await viewer.toldSoon()).toEqual(['headers 1 200', 'data 1 5 end', 'reset 1 noError']);
  });
  test('one stream too many is refused, and its block still counts for the table', async () => {
    const viewer = Http2Viewer.open(never);
    viewer.heard();
    viewer.send(...Array.from({ length: http2Limits.streamsMax }, (_, i) => viewer.headers(2 * i + 1, getFields())));
    const id = 2 * http2Limits.streamsMax + 1;
    viewer.send(frameOf(FrameType.headers, Flag.endStream | endHeaders, id, Buffer.concat([Buffer.from([0x40, 1, 0x61, 1, 0x62]), blockOf(getFields())])));
    expect(await viewer.toldSoon()).toEqual([`reset ${id} refusedStream`]);
    viewer.send(viewer.reset(1), frameOf(FrameType.headers, Flag.endStream | endHeaders, id + 2, Buffer.concat([blockOf(getFields()), Buffer.from([0xbe])])));
    expect(await viewer.toldSoon()).toEqual([]);
  });
});

describe('floods end with ENHANCE_YOUR_CALM', () => {
  const calm = /^goAway \d+ enhanceYourCalm$/;
  const until = async (viewer: Http2Viewer, rounds: number, frames: (i: number) => readonly Buffer[]): Promise<string | undefined> => {
    for (let i = 0; i < rounds && !viewer.socket.ended; i += 1) viewer.send(...frames(i));
    return (await viewer.toldSoon()).find((line) => line.startsWith('goAway'));
  };
  test.each<[string, (viewer: Http2Viewer, i: number) => readonly Buffer[], string]>([
    ['rapid reset', (v, i) => [v.headers(2 * i + 1, getFields('/never')), v.reset(2 * i + 1)], 'too-many-resets'],
    ['streams that we are made to reset', (v, i) => [v.headers(2 * i + 1, getFields('/never')), v.windowUpdate(2 * i + 1, 0)], 'too-many-resets'],
    ['malformed requests', (v, i) => [v.headers(2 * i + 1, ['x', 'y'])], 'too-many-resets'],
    ['PING', () => [frameOf(FrameType.ping, 0, 0, '12345678')], 'too-many-frames'],
    ['SETTINGS', () => [settingsFrame([])], 'too-many-frames'],
    ['SETTINGS acknowledgements', () => [frameOf(FrameType.settings, Flag.ack, 0)], 'too-many-frames'],
    ['WINDOW_UPDATE', (v) => [v.windowUpdate(0, 1)], 'too-many-frames'],
    ['PRIORITY', () => [frameOf(FrameType.priority, 0, 1, '12345')], 'too-many-frames'],
    ['PRIORITY_UPDATE', (_v, i) => [frameOf(FrameType.priorityUpdate, 0, 0, uint32(2 * i + 1))], 'too-many-frames'],
    ['unknown frames', () => [frameOf(0x99, 0, 0)], 'too-many-frames'],
    ['empty DATA', (v, i) => [...(i === 0 ? [v.headers(1, postFields('/never'), 0)] : []), v.data(1, '')], 'too-many-frames'],
    ['padding alone', (v, i) => [...(i === 0 ? [v.headers(1, postFields('/never'), 0)] : []), frameOf(FrameType.data, Flag.padded, 1, '\0')], 'too-many-frames'],
    ['empty CONTINUATIONs', (_v, i) => [frameOf(i === 0 ? FrameType.headers : FrameType.continuation, 0, 1)], 'header-block-too-long'],
    ['long CONTINUATIONs', (_v, i) => [frameOf(i === 0 ? FrameType.headers : FrameType.continuation, 0, 1, big(16_384))], 'header-block-too-long'],
  ])('%s', async (_what, frames, reason) => {
    const viewer = Http2Viewer.open(never);
    viewer.heard();
    expect(await until(viewer, 2000, (i) => frames(viewer, i))).toMatch(calm);
    expect(viewer.host.reasons).toContain(reason);
  });
  test('well-behaved viewers are not taken for one: many requests, each with its window update, ping and priority', async () => {
    const viewer = Http2Viewer.open(say);
    const told = await until(viewer, 3000, (i) => [
      viewer.headers(2 * i + 1, getFields()), viewer.windowUpdate(0, 5), frameOf(FrameType.ping, 0, 0, '12345678'), frameOf(FrameType.priority, 0, 2 * i + 1, '12345'),
    ]);
    expect(told).toBeUndefined();
    expect(viewer.socket.ended).toBe(false);
  });
  test('resets are forgiven with time', async () => {
    const viewer = Http2Viewer.open(never);
    for (let i = 0; i < 3000 && !viewer.socket.ended; i += 1) {
      if (i % 30 === 0) viewer.sweep(1000);
      viewer.send(viewer.headers(2 * i + 1, getFields()), viewer.reset(2 * i + 1));
    }
    expect(viewer.socket.ended).toBe(false);
  });
  test('a block that means a list beyond all measure costs its length and no more', async () => {
    const viewer = Http2Viewer.open(never);
    viewer.heard();
    const bomb = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0x81, 0x1e]), big(3968), Buffer.alloc(12_000, 0xbe)]);
    viewer.send(frameOf(FrameType.headers, Flag.endStream | endHeaders, 1, bomb));
    expect(await viewer.toldSoon()).toEqual(['headers 1 413', 'data 1 7 end']);
    expect(hpackLimits.listBytesMax).toBeLessThan(32_768);
  });
});

describe('time', () => {
  const { headMs, idleMs, writeStallMs } = defaultHttpLimits;
  test('a preface that does not come', () => {
    const viewer = new Http2Viewer(testHost(never));
    viewer.send(CLIENT_PREFACE.subarray(0, 10));
    viewer.sweep(headMs);
    expect(viewer.socket.destroyedHow).toBe('closed');
  });
  test('SETTINGS that are not acknowledged', () => {
    const viewer = new Http2Viewer(testHost(never));
    viewer.send(CLIENT_PREFACE, settingsFrame([]));
    viewer.heard();
    viewer.sweep(headMs);
    expect(viewer.told()).toEqual(['goAway 0 settingsTimeout']);
  });
  test('a header block that does not end', () => {
    const viewer = Http2Viewer.open(never);
    viewer.send(frameOf(FrameType.headers, 0, 1, ''));
    viewer.heard();
    viewer.sweep(headMs);
    expect(viewer.told()).toEqual(['goAway 0 enhanceYourCalm']);
  });
  test('an idle connection ends, pings or not; one with a stream does not', () => {
    const viewer = Http2Viewer.open(never);
    viewer.heard();
    viewer.sweep(idleMs - 1);
    viewer.send(frameOf(FrameType.ping, 0, 0, '12345678'));
    viewer.sweep(1);
    expect(viewer.told()).toEqual(['ping 12345678 ack', 'goAway 0 noError']);
    expect(viewer.socket.ended).toBe(true);
    const busy = Http2Viewer.open(never);
    busy.send(busy.headers(1, getFields()));
    busy.sweep(idleMs);
    expect(busy.socket.ended).toBe(false);
  });
  test('a stream whose window stays shut is given up, however often a byte is let through', async () => {
    const viewer = Http2Viewer.open((exchange) => exchange.answer(ok, [], big(50_000)), {}, [[SettingId.initialWindowSize, 10]]);
    viewer.send(viewer.headers(1, getFields()));
    await viewer.toldSoon();
    viewer.sweep(writeStallMs - 1);
    viewer.send(viewer.windowUpdate(1, 1));
    expect(await viewer.toldSoon()).toEqual(['data 1 1']);
    viewer.sweep(1);
    expect(await viewer.toldSoon()).toEqual(['reset 1 cancel']);
  });
  test('a slow stream is not a stalled one', async () => {
    const viewer = Http2Viewer.open((exchange) => exchange.answer(ok, [], big(500_000)), {}, [[SettingId.initialWindowSize, 10]]);
    viewer.send(viewer.windowUpdate(0, 1_000_000), viewer.headers(1, getFields()));
    for (let i = 0; i < 10; i += 1) {
      await viewer.toldSoon();
      viewer.sweep(writeStallMs - 1);
      viewer.send(viewer.windowUpdate(1, http2Limits.stallBytes));
    }
    expect((await viewer.toldSoon()).some((line) => line.startsWith('reset'))).toBe(false);
  });
  test('a connection whose window stays shut ends', async () => {
    const viewer = Http2Viewer.open((exchange) => exchange.answer(ok, [], big(100_000)), {}, [[SettingId.initialWindowSize, 1_000_000]]);
    viewer.send(viewer.headers(1, getFields()));
    await viewer.toldSoon();
    viewer.sweep(writeStallMs);
    expect(await viewer.toldSoon()).toEqual(['goAway 1 enhanceYourCalm']);
  });
  test('a viewer whose kernel takes nothing is cut off', async () => {
    const viewer = Http2Viewer.open(say);
    await viewer.toldSoon();
    viewer.socket.stuck = true;
    viewer.send(viewer.headers(1, getFields()));
    await viewer.toldSoon();
    viewer.sweep(writeStallMs);
    expect(viewer.socket.destroyedHow).toBe('reset');
  });
});

describe('closing', () => {
  test('requests under way are answered; the viewer hears at once, and where the end is a sweep later', async () => {
    const { handler, exchanges } = keeping();
    const viewer = Http2Viewer.open(handler);
    viewer.send(viewer.headers(1, getFields()));
    viewer.heard();
    viewer.connection.retire();
    expect(viewer.told()).toEqual(['goAway 2147483647 noError']);
    viewer.send(viewer.headers(3, getFields()));
    viewer.sweep(1000);
    expect(viewer.told()).toEqual(['goAway 3 noError']);
    viewer.send(viewer.headers(5, getFields()), viewer.data(5, 'x'), viewer.reset(5));
    expect(exchanges).toHaveLength(2);
    exchanges[0]?.answer(ok, [], hi);
    await viewer.toldSoon();
    expect(viewer.socket.ended).toBe(false);
    exchanges[1]?.answer(ok, [], hi);
    expect(await viewer.toldSoon()).toEqual(['headers 3 200', 'data 3 5 end', 'goAway 3 noError']);
    expect(viewer.socket.ended).toBe(true);
  });
  test('an idle connection ends at once', () => {
    const viewer = Http2Viewer.open(never);
    viewer.heard();
    viewer.connection.retire();
    expect(viewer.told()).toEqual(['goAway 0 noError']);
    expect(viewer.socket.ended).toBe(true);
  });
  test('a viewer that ended its side still gets its answer', async () => {
    const { handler, exchanges } = keeping();
    const viewer = Http2Viewer.open(handler);
    viewer.send(viewer.headers(1, getFields()));
    viewer.heard();
    viewer.socket.emit('end');
    exchanges[0]?.answer(ok, [], hi);
    expect(await viewer.toldSoon()).toEqual(['headers 1 200', 'data 1 5 end', 'goAway 1 noError']);
  });
  test('a cancelled request tells its handler, and an answer to it goes nowhere', async () => {
    const { handler, exchanges } = keeping();
    const viewer = Http2Viewer.open(handler);
    viewer.send(viewer.headers(1, getFields()));
    viewer.heard();
    let aborted = false;
    (exchanges[0] as Exchange).onAbort = () => { aborted = true; };
    viewer.send(viewer.reset(1));
    exchanges[0]?.answer(ok, [], hi);
    expect([aborted, await viewer.toldSoon()]).toEqual([true, []]);
  });
});

test('however the bytes are cut, the same is told', async () => {
  const bytes = (viewer: Http2Viewer): Buffer => Buffer.concat([
    CLIENT_PREFACE, settingsFrame([[SettingId.initialWindowSize, 30_000]]), frameOf(FrameType.settings, Flag.ack, 0),
    viewer.headers(1, postFields('/', 'content-length', '300'), 0), viewer.data(1, big(300), Flag.endStream),
    frameOf(FrameType.headers, Flag.endStream, 3, blockOf(getFields()).subarray(0, 20)), frameOf(FrameType.continuation, endHeaders, 3, blockOf(getFields()).subarray(20)),
    frameOf(FrameType.ping, 0, 0, 'pingpong'),
  ]);
  const toldWhenCut = async (cut: number): Promise<string[]> => {
    const viewer = new Http2Viewer(testHost(measure));
    const all = bytes(viewer);
    for (let at = 0; at < all.length; at += cut) viewer.send(all.subarray(at, at + cut));
    return (await viewer.toldSoon()).sort();
  };
  const whole = await toldWhenCut(100_000);
  expect(whole).toHaveLength(6);
  for (const cut of [1, 7, 64, 333]) expect(await toldWhenCut(cut)).toEqual(whole);
});
