// A player as cheap as can be: speaks enough RTMP to play one stream, looks at headers only, and notes when frames come.
import net from 'node:net';

const helloBytes = 1536;
/** A frame's time: whoever shows them one after another does not see less. */
const frameMs = 40;

const u16 = (n) => Buffer.from([n >> 8, n & 255]);
const amf = {
  text: (value) => Buffer.concat([Buffer.from([2]), u16(value.length), Buffer.from(value)]),
  number: (value) => { const bytes = Buffer.alloc(9); bytes.writeDoubleBE(value, 1); return bytes; },
  nothing: Buffer.from([5]),
  object: (members) => Buffer.concat([Buffer.from([3]), ...Object.entries(members).flatMap(([name, value]) => [u16(name.length), Buffer.from(name), value]), Buffer.from([0, 0, 9])]),
};

/** A message in chunks of 128 bytes. */
function message(type, stream, payload, chunkStream = 3) {
  const head = Buffer.alloc(12);
  head[0] = chunkStream;
  head.writeUIntBE(payload.length, 4, 3);
  head[7] = type;
  head.writeUInt32LE(stream, 8);
  const pieces = [head];
  for (let at = 0; at < payload.length; at += 128) {
    if (at > 0) pieces.push(Buffer.from([0xc0 | chunkStream]));
    pieces.push(payload.subarray(at, at + 128));
  }
  return Buffer.concat(pieces);
}
const command = (stream, name, transaction, ...values) => message(20, stream, Buffer.concat([amf.text(name), amf.number(transaction), ...values]));

function bufferLength(ms) {
  const payload = Buffer.alloc(10);
  payload[1] = 3;
  payload.writeUInt32BE(1, 2);
  payload.writeUInt32BE(ms, 6);
  return message(4, 0, payload, 2);
}

const greeting = Buffer.concat([Buffer.from([3]), Buffer.alloc(8), Buffer.alloc(helloBytes - 8, 7)]);

/**
 * Modes: hello → connecting → creating → playing. A frame counts as the first when it is one of the picture, and no header of the codec.
 */
export class Player {
  #socket;
  #rest = Buffer.alloc(0);
  #mode = 'hello';
  #chunkBytes = 128;
  #streams = new Map();
  /** Payload of a chunk that is passed over. */
  #skip = 0;
  #begunMs = 0;
  #sought = null;
  /** From the connection's begin to its first frame; null: it has none yet. */
  firstMs = null;
  /** From the seek to its first frame. */
  seekMs = null;
  #firstAtMs = 0;
  #firstTime = 0;
  /** How much later than its time a frame came at most, for a player that began with the first one. */
  lateMs = 0;
  lateFrames = 0;
  frames = 0;
  lastTime = 0;
  bytes = 0;
  ended = false;
  onFirst = () => {};

  /** @param options `tcUrl`, `app`, `name`: what is played; `bufferMs`: the player's buffer; `reads`: false for one that stops reading after its play */
  constructor({ port, tcUrl, app, name, bufferMs = 3000, reads = true }) {
    this.play = Buffer.concat([bufferLength(bufferMs), command(1, 'play', 0, amf.nothing, amf.text(name), amf.number(-2000))]);
    this.hello = command(0, 'connect', 1, amf.object({ app: amf.text(app), flashVer: amf.text('LNX 9,0,124,2'), tcUrl: amf.text(tcUrl), fpad: Buffer.from([1, 0]), capabilities: amf.number(15) }));
    this.reads = reads;
    this.#begunMs = performance.now();
    this.#socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (bytes) => this.#take(bytes));
    this.#socket.on('error', (error) => { this.failure = error.message; });
    this.#socket.on('close', () => { this.ended = true; });
    this.#socket.write(greeting);
  }

  seek(ms) {
    this.#sought = { ms, atMs: performance.now() };
    this.#socket.write(command(1, 'seek', 0, amf.nothing, amf.number(ms)));
  }

  close() { this.#socket.destroy(); }

  #take(piece) {
    this.bytes += piece.length;
    let at = 0;
    if (this.#skip > 0) {
      at = Math.min(this.#skip, piece.length);
      this.#skip -= at;
    }
    let bytes = piece;
    if (this.#rest.length > 0) {
      bytes = Buffer.concat([this.#rest, piece.subarray(at)]);
      at = 0;
      this.#rest = Buffer.alloc(0);
    }
    if (this.#mode === 'hello') {
      if (bytes.length - at < 1 + 2 * helloBytes) {
        this.#rest = bytes.subarray(at);
        return;
      }
      this.#socket.write(Buffer.concat([bytes.subarray(1, 1 + helloBytes), this.hello]));
      this.#mode = 'connecting';
      at += 1 + 2 * helloBytes;
    }
    while (at < bytes.length) {
      const next = this.#chunk(bytes, at);
      if (next < 0) {
        this.#rest = bytes.subarray(at);
        return;
      }
      at = next;
    }
  }

  /** One chunk's header, and its payload as far as it is here. @returns where the next begins; -1: there is too little */
  #chunk(bytes, from) {
    const left = bytes.length - from;
    const format = bytes[from] >> 6;
    const id = bytes[from] & 63;
    if (id < 2) throw new Error('a chunk stream that no server here uses');
    let at = from + 1;
    const headBytes = [11, 7, 3, 0][format];
    if (left < 1 + headBytes) return -1;
    let stream = this.#streams.get(id);
    if (stream === undefined) {
      stream = { time: 0, delta: 0, length: 0, type: 0, left: 0, extended: false };
      this.#streams.set(id, stream);
    }
    let time = 0;
    let extended = stream.extended;
    if (format < 3) {
      time = bytes.readUIntBE(at, 3);
      extended = time === 0xffffff;
    }
    if (extended) {
      if (left < 1 + headBytes + 4) return -1;
      time = bytes.readUInt32BE(at + headBytes);
    }
    const begins = stream.left === 0;
    const length = format < 2 ? bytes.readUIntBE(at + 3, 3) : stream.length;
    const type = format < 2 ? bytes[at + 6] : stream.type;
    const payload = at + headBytes + (extended ? 4 : 0);
    const here = Math.min(begins ? length : stream.left, this.#chunkBytes);
    // The first bytes say what it is; control and commands are read whole.
    const wanted = type === 8 || type === 9 ? Math.min(2, here) : here;
    if (bytes.length - payload < wanted && begins) return -1;
    stream.extended = extended;
    stream.length = length;
    stream.type = type;
    if (begins) {
      stream.left = length;
      if (format === 0) stream.time = time;
      else {
        if (format < 3) stream.delta = time;
        stream.time += stream.delta;
      }
      if (format === 0) stream.delta = 0;
      this.#begin(stream, bytes, payload);
    }
    stream.left -= here;
    const end = payload + here;
    if (end > bytes.length) {
      this.#skip = end - bytes.length;
      return bytes.length;
    }
    return end;
  }

  #begin({ type, time, length }, bytes, at) {
    if (type === 1) this.#chunkBytes = bytes.readUInt32BE(at);
    else if (type === 20) this.#answered();
    else if (type === 4 && bytes.readUInt16BE(at) === 6) {
      const pong = Buffer.alloc(6);
      pong[1] = 7;
      bytes.copy(pong, 2, at + 2, at + 6);
      this.#socket.write(message(4, 0, pong, 2));
    } else if ((type === 9 || type === 8) && length > 2 && bytes[at + 1] === 1) this.#frame(type, time);
  }

  #answered() {
    if (this.#mode === 'connecting') {
      this.#mode = 'creating';
      this.#socket.write(command(0, 'createStream', 2, amf.nothing));
    } else if (this.#mode === 'creating') {
      this.#mode = 'playing';
      this.#socket.write(this.play);
      if (!this.reads) this.#socket.pause();
    }
  }

  #frame(type, time) {
    const nowMs = performance.now();
    this.frames += 1;
    this.lastTime = time;
    if (this.firstMs === null) {
      if (type !== 9) return;
      this.firstMs = nowMs - this.#begunMs;
      this.#firstAtMs = nowMs;
      this.#firstTime = time;
      this.onFirst();
      return;
    }
    if (this.#sought !== null) {
      if (this.seekMs === null && type === 9 && time > this.#sought.ms - 10_000) this.seekMs = nowMs - this.#sought.atMs;
      return;
    }
    const late = nowMs - this.#firstAtMs - (time - this.#firstTime);
    if (late > this.lateMs) this.lateMs = late;
    if (late > frameMs) this.lateFrames += 1;
  }
}
