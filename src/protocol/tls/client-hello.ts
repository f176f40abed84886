// Reads what a TLS client says first, before any TLS library is chosen for it: the name it wants and what it can speak
// (RFC 8446 section 4.1.2, RFC 6066 section 3). Only what is needed to choose is read; the library judges the rest.

/** A ClientHello is one handshake message, in one or more records; longer ones are not met in the wild. */
export const CLIENT_HELLO_BYTES_MAX = 16_384;

export interface ClientHello {
  readonly kind: 'hello';
  /** Lower case; null: none was sent. */
  readonly serverName: string | null;
  /** The highest version offered, as on the wire: 0x0303 is TLS 1.2, 0x0304 TLS 1.3. */
  readonly versionMax: number;
}

export type HelloResult = ClientHello | { readonly kind: 'incomplete' } | { readonly kind: 'refusal'; readonly reason: string };

const refuse = (reason: string): HelloResult => ({ kind: 'refusal', reason });
const INCOMPLETE: HelloResult = { kind: 'incomplete' };

const RECORD_HEAD_BYTES = 5;
/** RFC 8446 section 5.1: a record's fragment has 2^14 bytes at most. */
const FRAGMENT_BYTES_MAX = 16_384;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_SUPPORTED_VERSIONS = 43;
const HOST_NAME = 0;
/** RFC 6066 section 3: a DNS name in ASCII, without a trailing dot. */
const serverNamePattern = /^(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** Reads from the first byte of a connection. */
export function parseClientHello(bytes: Buffer): HelloResult {
  const message = handshakeMessage(bytes);
  return Buffer.isBuffer(message) ? helloOf(new Reader(message)) : message;
}

/** The first handshake message, put together from its records. */
function handshakeMessage(bytes: Buffer): Buffer | HelloResult {
  const fragments: Buffer[] = [];
  let gathered = 0;
  for (let at = 0; ;) {
    if (bytes.length > at && bytes[at] !== HANDSHAKE) return refuse('not-tls');
    if (bytes.length < at + RECORD_HEAD_BYTES) return INCOMPLETE;
    if (bytes[at + 1] !== 3) return refuse('not-tls');
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > FRAGMENT_BYTES_MAX) return refuse('record-length');
    const end = at + RECORD_HEAD_BYTES + length;
    fragments.push(bytes.subarray(at + RECORD_HEAD_BYTES, Math.min(end, bytes.length)));
    gathered += (fragments.at(-1) as Buffer).length;
    if (gathered >= 4) {
      const message = Buffer.concat(fragments);
      if (message[0] !== CLIENT_HELLO) return refuse('not-a-client-hello');
      const wanted = 4 + message.readUIntBE(1, 3);
      if (wanted > CLIENT_HELLO_BYTES_MAX) return refuse('client-hello-too-long');
      if (gathered >= wanted) return message.subarray(4, wanted);
    }
    if (end > bytes.length) return INCOMPLETE;
    at = end;
  }
}

/** Takes pieces off the front; anything that is not there marks it as broken, and reads as nothing. */
class Reader {
  private at = 0;
  broken = false;

  constructor(private readonly bytes: Buffer) {}

  get empty(): boolean { return this.broken || this.at >= this.bytes.length; }

  take(count: number): Buffer {
    if (this.broken || this.at + count > this.bytes.length) {
      this.broken = true;
      return Buffer.alloc(0);
    }
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  uint(size: 1 | 2): number {
    const bytes = this.take(size);
    return this.broken ? 0 : bytes.readUIntBE(0, size);
  }

  /** What follows a length of `size` bytes. */
  vector(size: 1 | 2): Reader {
    return new Reader(this.take(this.uint(size)));
  }
}

function helloOf(reader: Reader): HelloResult {
  const legacyVersion = reader.uint(2);
  reader.take(32);
  reader.vector(1);
  reader.vector(2);
  reader.vector(1);
  let serverName: string | null = null;
  let versionMax = legacyVersion;
  // TLS 1.2 allows a hello without extensions (RFC 5246 section 7.4.1.2).
  const extensions = reader.empty ? new Reader(Buffer.alloc(0)) : reader.vector(2);
  while (!extensions.empty) {
    const type = extensions.uint(2);
    const content = extensions.vector(2);
    if (type === EXTENSION_SERVER_NAME) {
      const name = serverNameOf(content);
      if (name === null || serverName !== null) return refuse('server-name-invalid');
      serverName = name;
    } else if (type === EXTENSION_SUPPORTED_VERSIONS) {
      versionMax = versionMaxOf(content);
    }
  }
  return reader.broken || extensions.broken ? refuse('client-hello-malformed') : { kind: 'hello', serverName, versionMax };
}

function serverNameOf(content: Reader): string | null {
  const list = content.vector(2);
  if (list.uint(1) !== HOST_NAME) return null;
  const name = list.take(list.uint(2)).toString('latin1').toLowerCase();
  // One name only: no other type was ever defined, and two of one type are forbidden.
  return list.broken || !list.empty || !serverNamePattern.test(name) ? null : name;
}

function versionMaxOf(content: Reader): number {
  const list = content.vector(1);
  let versionMax = 0;
  while (!list.empty) {
    const version = list.uint(2);
    // RFC 8701: values of GREASE mean nothing.
    if ((version & 0x0f0f) !== 0x0a0a) versionMax = Math.max(versionMax, version);
  }
  return versionMax;
}
