// WebSockets over HTTP/2 (RFC 8441): what the engine makes of an extended CONNECT, both ways' DATA and windows, every end.
import type { Exchange, RequestHandler, Tunnel, TunnelListener } from '../../../../src/edge/http/exchange';
import { HeadBlock } from '../../../../src/edge/http/exchange';
import { http2Limits } from '../../../../src/edge/http/http2-limits';
import { ErrorCode, Flag, Frame, FrameType, SettingId } from '../../../../src/protocol/http/http2-frames';
import { handshakeProblem } from '../../../../src/protocol/http/websocket';
import { getFields, Http2Viewer } from '../../../fixtures/http2-viewer';

const connect = [':method', 'CONNECT', ':protocol', 'websocket', ':scheme', 'https', ':authority', 'a.test', ':path', '/chat', 'sec-websocket-version', '13'];

class Far implements TunnelListener {
  readonly heard: string[] = [];
  bytes = 0;
  tunnel: Tunnel | null = null;
  onData(piece: Buffer): void { this.bytes += piece.length; this.heard.push(`data ${piece.length}`); }
  onEnd(): void { this.heard.push('end'); }
  onDrain(): void { this.heard.push('drain'); }
  onGone(): void { this.heard.push('gone'); }
}

function opening(): { readonly far: Far; readonly handler: RequestHandler; readonly seen: Exchange[] } {
  const far = new Far();
  const seen: Exchange[] = [];
  return {
    far, seen,
    handler: (exchange) => {
      seen.push(exchange);
      if (exchange.request.webSocket !== true) exchange.answer(new HeadBlock(200, []), [], null);
      else far.tunnel = exchange.openTunnel(new HeadBlock(101, ['sec-websocket-accept', 'x', 'sec-websocket-protocol', 'chat']), ['x-cache', 'Miss'], far);
    },
  };
}

async function opened(settings: readonly (readonly [number, number])[] = []): Promise<{ readonly viewer: Http2Viewer; readonly far: Far; readonly tunnel: Tunnel; readonly seen: Exchange[] }> {
  const { far, handler, seen } = opening();
  const viewer = Http2Viewer.open(handler, {}, settings);
  viewer.send(viewer.headers(1, connect, 0));
  expect(await viewer.toldSoon()).toContain('headers 1 200');
  return { viewer, far, tunnel: far.tunnel as unknown as Tunnel, seen };
}
const tick = (): Promise<void> => new Promise((resolve) => { setImmediate(() => setImmediate(resolve)); });

test('it is offered in our SETTINGS', () => {
  const first = Buffer.concat(Http2Viewer.open(() => {}).socket.taken);
  const frame = new Frame();
  frame.read(first, 0);
  const entries: number[][] = [];
  for (let at = frame.payloadAt; at < frame.payloadEnd; at += 6) entries.push([first.readUInt16BE(at), first.readUInt32BE(at + 2)]);
  expect(frame.type).toBe(FrameType.settings);
  expect(entries).toContainEqual([SettingId.enableConnectProtocol, 1]);
});

test('a viewer that offers it in a way there is none breaks the connection', async () => {
  const viewer = Http2Viewer.open(() => {}, {}, [[SettingId.enableConnectProtocol, 2]]);
  expect(await viewer.toldSoon()).toContain('goAway 0 protocolError');
});

test('the handler gets the GET of an upgrade, with a key of ours; the viewer gets 200, without what belongs to upgrades', async () => {
  const { far, handler, seen } = opening();
  const viewer = Http2Viewer.open(handler);
  viewer.send(viewer.headers(1, [...connect, 'sec-websocket-key', 'the viewer\'s'], 0), viewer.headers(3, connect, 0));
  await tick();
  const heads = viewer.heard().filter(({ type }) => type === FrameType.headers);
  expect(seen.map(({ request: { method, path, webSocket, hasBody } }) => ({ method, path, webSocket, hasBody }))).toEqual([1, 2].map(() => ({ method: 'GET', path: '/chat', webSocket: true, hasBody: false })));
  expect(seen.map(({ request }) => handshakeProblem(request.fields))).toEqual([null, null]);
  expect(seen[0]?.request.fields).not.toEqual(seen[1]?.request.fields);
  expect(heads[0]?.fields.slice(0, 6)).toEqual([':status', '200', 'sec-websocket-protocol', 'chat', 'x-cache', 'Miss']);
  expect((heads[0]?.flags ?? 0) & Flag.endStream).toBe(0);
  expect(far.heard).toEqual([]);
});

test('a refusal is an ordinary answer', async () => {
  const viewer = Http2Viewer.open((exchange) => exchange.answer(new HeadBlock(403, []), [], Buffer.from('no')));
  viewer.send(viewer.headers(1, connect, 0));
  expect(await viewer.toldSoon()).toEqual(expect.arrayContaining(['headers 1 403', 'data 1 2 end', 'reset 1 noError']));
});

describe.each([
  ['without scheme', connect.filter((_, i) => i < 4 || i > 5)],
  ['without path', connect.filter((_, i) => i < 8 || i > 9)],
  ['with a length', [...connect, 'content-length', '2']],
  ['with Upgrade', [...connect, 'upgrade', 'websocket']],
  ['of a GET', [':protocol', 'websocket', ...getFields()]],
])('%s', (_what, fields) => {
  test('is an error of the stream, and nobody is asked', async () => {
    const { handler, seen } = opening();
    const viewer = Http2Viewer.open(handler);
    viewer.send(viewer.headers(1, fields, 0), viewer.headers(3, getFields()));
    expect(await viewer.toldSoon()).toEqual(expect.arrayContaining(['reset 1 protocolError', 'headers 3 200 end']));
    expect(seen).toHaveLength(1);
  });
});

test('bytes both ways, each way ended by itself', async () => {
  const { viewer, far, tunnel } = await opened();
  viewer.send(viewer.data(1, 'hello'));
  tunnel.write(Buffer.from('welcome'));
  expect(await viewer.toldSoon()).toEqual(['data 1 7']);
  viewer.send(viewer.data(1, 'bye', Flag.endStream));
  await tick();
  expect(far.heard).toEqual(['data 5', 'data 3', 'end']);
  tunnel.write(Buffer.from('so long'));
  tunnel.end();
  expect(await viewer.toldSoon()).toEqual(['data 1 7 end']);
  expect(far.heard.at(-1)).toBe('gone');
  // The stream is over: its place is free, and nothing was reset.
  viewer.send(viewer.headers(3, getFields()));
  expect(await viewer.toldSoon()).toEqual(['headers 3 200 end']);
});

test('our end leaves the viewer\'s side open, until it ends or we close', async () => {
  const { viewer, far, tunnel } = await opened();
  tunnel.end();
  expect(await viewer.toldSoon()).toEqual(['data 1 0 end']);
  viewer.send(viewer.data(1, 'still here'));
  await tick();
  expect(far.heard).toEqual(['data 10']);
  tunnel.close();
  expect(await viewer.toldSoon()).toEqual(['reset 1 noError']);
  expect(far.heard).toEqual(['data 10', 'gone']);
});

test('closing sends what was written, then ends', async () => {
  const { viewer, far, tunnel } = await opened();
  tunnel.write(Buffer.from('last'));
  tunnel.close();
  expect(await viewer.toldSoon()).toEqual(['data 1 4 end', 'reset 1 noError']);
  expect(far.heard).toEqual(['gone']);
});

test('a side that breaks off is CANCEL, both ways round', async () => {
  const first = await opened();
  first.tunnel.reset();
  expect(await first.viewer.toldSoon()).toEqual(['reset 1 cancel']);
  expect(first.far.heard).toEqual(['gone']);
  const second = await opened();
  second.viewer.send(second.viewer.reset(1, ErrorCode.cancel));
  await tick();
  expect(second.far.heard).toEqual(['gone']);
  expect(second.tunnel.write(Buffer.from('nobody hears it'))).toBe(true);
  expect(await second.viewer.toldSoon()).toEqual([]);
});

test('what nobody takes fills the stream\'s window, and no more may be sent; the window is given back as it is taken', async () => {
  const { viewer, far, tunnel } = await opened();
  tunnel.pause();
  const piece = Buffer.alloc(16_384);
  for (let sent = 0; sent < http2Limits.streamWindowBytes; sent += piece.length) viewer.send(viewer.data(1, piece));
  await tick();
  expect(await viewer.toldSoon()).not.toContain(expect.stringContaining('window 1'));
  tunnel.resume();
  expect((await viewer.toldSoon()).some((told) => told.startsWith('window 1 '))).toBe(true);
  await tick();
  expect(far.bytes).toBe(http2Limits.streamWindowBytes);
  tunnel.pause();
  for (let sent = 0; sent <= http2Limits.streamWindowBytes; sent += piece.length) viewer.send(viewer.data(1, piece));
  expect(await viewer.toldSoon()).toContain('reset 1 flowControlError');
  expect(far.heard.at(-1)).toBe('gone');
});

test('the viewer\'s window holds us back, and the writer hears when it may go on', async () => {
  const { viewer, far, tunnel } = await opened([[SettingId.initialWindowSize, 10]]);
  expect(tunnel.write(Buffer.alloc(http2Limits.pendingBytesMax))).toBe(true);
  expect(tunnel.write(Buffer.alloc(100))).toBe(false);
  expect(await viewer.toldSoon()).toEqual(['data 1 10']);
  viewer.send(viewer.windowUpdate(1, 1_000_000), viewer.windowUpdate(0, 1_000_000));
  await viewer.toldSoon();
  expect(far.heard).toEqual(['drain']);
});

test('silence of either side is no reason to end it, but a connection that is gone is', async () => {
  const { viewer, far } = await opened();
  viewer.sweep(3_600_000);
  expect(await viewer.toldSoon()).toEqual([]);
  expect(far.heard).toEqual([]);
  viewer.socket.destroy();
  await tick();
  expect(far.heard).toEqual(['gone']);
});

test('while the edge goes down it may go on; the connection ends with it', async () => {
  const { viewer, far, tunnel } = await opened();
  viewer.connection.retire();
  expect(await viewer.toldSoon()).toEqual(['goAway 2147483647 noError']);
  viewer.send(viewer.data(1, 'more'));
  await tick();
  expect(far.heard).toEqual(['data 4']);
  tunnel.close();
  expect(await viewer.toldSoon()).toEqual(['data 1 0 end', 'reset 1 noError', 'goAway 1 noError']);
  expect(viewer.socket.ended).toBe(true);
});
