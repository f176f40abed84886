// Serves one PGlite to many connections over Postgres's own protocol, each unit of work whole.
//
// PGlite is a single session. Two connections' messages must therefore never mix: an unnamed statement that one
// parses is gone once the other parses its own, and a transaction belongs to whoever began it. So messages are
// gathered up to the one that makes the server answer (Query, Sync, Flush), run in one go, and the session stays with
// their connection until it says "idle". See docs/decisions/0006-embedded-database.md.
import { createServer, type Server, type Socket } from 'node:net';
import { assert } from '../base/assert';
import { messageOf } from '../base/fault';
import type { Log } from '../base/log';

/** The database behind the sockets. */
export interface Engine {
  /** Runs protocol messages and gives the protocol's answer. */
  run(messages: Uint8Array): Promise<Uint8Array>;
}

export interface EmbeddedServerOptions {
  readonly engine: Engine;
  readonly log: Log;
  /** Where to listen: a unix socket's path, or loopback on any free port. */
  readonly listen: { readonly path: string } | { readonly host: '127.0.0.1'; readonly port: number };
  /** The engine gave up (a full disk, say) and must not be called again; told once. */
  readonly onDeath: (reason: string) => void;
}

const connectionsMax = 100;
/** What one unit of work may hold; a configuration is some hundred kilobytes at most. */
const unitBytesMax = 64 * 1024 * 1024;
/** A connection that keeps a transaction open and says nothing holds up all others. */
const idleInTransactionMs = 10_000;
/** Until the first message is whole. */
const startupTimeoutMs = 5_000;

// PostgreSQL documentation, "Message Formats": codes in place of a protocol version.
const sslRequest = 80_877_103;
const gssRequest = 80_877_104;
const cancelRequest = 80_877_102;

const letter = (text: string): number => text.charCodeAt(0);
const endsUnit: ReadonlySet<number> = new Set([letter('Q'), letter('S'), letter('H'), letter('F')]);
const terminate = letter('X');
const notification = letter('A');
const readyForQuery = letter('Z');
const errorResponse = letter('E');
const idle = letter('I');

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const text = (...values: readonly string[]): Buffer => Buffer.from(values.map((value) => `${value}\0`).join(''));

function errorMessage(code: string, words: string): Buffer {
  return message('E', Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${words}\0\0`));
}

const welcome = Buffer.concat([
  message('R', Buffer.alloc(4)),
  ...[
    ['server_version', '18.0'], ['server_encoding', 'UTF8'], ['client_encoding', 'UTF8'], ['DateStyle', 'ISO, MDY'],
    ['integer_datetimes', 'on'], ['standard_conforming_strings', 'on'], ['TimeZone', 'UTC'],
  ].map((pair) => message('S', text(...pair))),
  message('K', Buffer.alloc(8)),
  message('Z', Buffer.from('I')),
]);

const rollback = Buffer.concat([message('S', Buffer.alloc(0)), message('Q', text('ROLLBACK'))]);

/** The words of an error with which Postgres ends itself, else null. Field V is the severity, M the message, never translated. */
function deathIn(error: Buffer): string | null {
  const fields = error.subarray(5).toString('utf8').split('\0');
  return fields.includes('VPANIC') || fields.includes('VFATAL') ? fields.find((field) => field.startsWith('M'))?.slice(1) ?? 'unknown' : null;
}

export interface Answer {
  /** For the connection that asked. */
  readonly own: Buffer;
  /** For everybody. */
  readonly notices: Buffer;
  /** The session is free for another connection. */
  readonly idle: boolean;
  /** Why the engine is dead; null: it lives. */
  readonly death: string | null;
}

/** An answer taken apart. */
export function splitAnswer(answer: Uint8Array): Answer {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
  const own: Buffer[] = [];
  const notices: Buffer[] = [];
  let isIdle = false;
  let death: string | null = null;
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    assert(end <= bytes.length, 'PGlite answers in whole messages');
    (bytes[at] === notification ? notices : own).push(bytes.subarray(at, end));
    isIdle = bytes[at] === readyForQuery ? bytes[at + 5] === idle : false;
    if (bytes[at] === errorResponse) death ??= deathIn(bytes.subarray(at, end));
    at = end;
  }
  return { own: Buffer.concat(own), notices: Buffer.concat(notices), idle: isIdle, death };
}

interface Unit { readonly connection: Connection; readonly messages: Buffer }

/**
 * The one session. Modes: *free* (`owner` is null: the oldest unit of any connection is next), *owned* (a connection is
 * within a transaction or a pipeline: only its units run, the others wait), *running* (a unit is under way), *dead* (the
 * engine gave up: after a PANIC PGlite spins for ever when it is called again, so it is not).
 */
class Session {
  private readonly waiting: Unit[] = [];
  private owner: Connection | null = null;
  private running = false;
  private idleTimer: NodeJS.Timeout | undefined;

  private dead = false;

  constructor(
    private readonly engine: Engine,
    private readonly broadcast: (notices: Buffer) => void,
    private readonly log: Log,
    private readonly onDeath: (reason: string) => void,
  ) {}

  submit(unit: Unit): void {
    this.waiting.push(unit);
    void this.drain();
  }

  /** A connection is gone: what it still wanted is dropped, what it left open is rolled back. */
  leave(connection: Connection): void {
    for (let at = this.waiting.length - 1; at >= 0; at -= 1) {
      if (this.waiting[at]?.connection === connection) this.waiting.splice(at, 1);
    }
    if (this.owner === connection && !this.running) void this.rollBack();
  }

  private next(): Unit | undefined {
    if (this.dead) return undefined;
    const at = this.owner === null ? 0 : this.waiting.findIndex((unit) => unit.connection === this.owner);
    return at < 0 ? undefined : this.waiting.splice(at, 1)[0];
  }

  private async drain(): Promise<void> {
    if (this.running || this.dead) return;
    this.running = true;
    clearTimeout(this.idleTimer);
    for (let unit = this.next(); unit !== undefined; unit = this.next()) {
      await this.run(unit);
      if (this.owner?.closed === true) await this.runRollback();
    }
    this.running = false;
    if (this.owner !== null && !this.dead) this.watchOwner(this.owner);
  }

  private watchOwner(owner: Connection): void {
    this.idleTimer = setTimeout(() => {
      this.log.warn('embedded-transaction-idle', { idleMs: idleInTransactionMs });
      owner.fail('25P03', 'the transaction was idle for too long');
    }, idleInTransactionMs);
  }

  private async run(unit: Unit): Promise<void> {
    this.owner = unit.connection;
    const answer = await this.ask(unit.messages);
    if (answer === null) return;
    if (answer.idle) this.owner = null;
    unit.connection.answer(answer.own);
    if (answer.notices.length > 0) this.broadcast(answer.notices);
  }

  private async ask(messages: Buffer): Promise<Answer | null> {
    if (this.dead) return null;
    let death: string;
    try {
      const answer = splitAnswer(await this.engine.run(messages));
      if (answer.death === null) return answer;
      death = answer.death;
    } catch (thrown) {
      death = messageOf(thrown);
    }
    this.dead = true;
    this.waiting.length = 0;
    this.onDeath(death);
    return null;
  }

  private async runRollback(): Promise<void> {
    await this.ask(rollback);
    this.owner = null;
  }

  private async rollBack(): Promise<void> {
    assert(!this.running, 'nothing runs while the owner is rolled back');
    this.running = true;
    clearTimeout(this.idleTimer);
    await this.runRollback();
    this.running = false;
    await this.drain();
  }

  stop(): void {
    clearTimeout(this.idleTimer);
    this.waiting.length = 0;
  }
}

/** One client. Modes: *greeting* until the start-up message, then *serving*, then *closed*. */
class Connection {
  closed = false;
  private greeting = true;
  private input: Buffer = Buffer.alloc(0);
  private unit: Buffer[] = [];
  private unitBytes = 0;
  private readonly startupTimer: NodeJS.Timeout;

  constructor(private readonly socket: Socket, private readonly session: Session, private readonly onClose: (connection: Connection) => void) {
    socket.setNoDelay(true);
    this.startupTimer = setTimeout(() => this.close(), startupTimeoutMs);
    socket.on('data', (bytes) => this.take(bytes));
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
  }

  answer(bytes: Buffer): void {
    if (!this.closed && bytes.length > 0) this.socket.write(bytes);
  }

  /** For everybody, listening or not: a client ignores notifications it did not ask for. */
  notify(bytes: Buffer): void {
    if (!this.greeting) this.answer(bytes);
  }

  fail(code: string, words: string): void {
    if (this.closed) return;
    this.socket.end(errorMessage(code, words));
    this.close();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.startupTimer);
    this.socket.destroySoon();
    this.session.leave(this);
    this.onClose(this);
  }

  private take(bytes: Buffer): void {
    if (this.closed) return;
    this.input = this.input.length === 0 ? bytes : Buffer.concat([this.input, bytes]);
    while (!this.closed && (this.greeting ? this.takeGreeting() : this.takeMessage())) { /* as long as there is a whole one */ }
  }

  private takeGreeting(): boolean {
    if (this.input.length < 8) return false;
    const length = this.input.readUInt32BE(0);
    const code = this.input.readUInt32BE(4);
    // Start-up packets are limited to 10,000 bytes by Postgres itself (MAX_STARTUP_PACKET_LENGTH).
    if (length < 8 || length > 10_000) { this.fail('08P01', 'bad start-up packet'); return false; }
    if (this.input.length < length) return false;
    this.input = this.input.subarray(length);
    if (code === sslRequest || code === gssRequest) { this.answer(Buffer.from('N')); return true; }
    if (code === cancelRequest) { this.close(); return false; }
    if (code >>> 16 !== 3) { this.fail('0A000', 'unsupported protocol version'); return false; }
    this.greeting = false;
    clearTimeout(this.startupTimer);
    this.answer(welcome);
    return true;
  }

  private takeMessage(): boolean {
    if (this.input.length < 5) return false;
    const length = this.input.readUInt32BE(1);
    if (length < 4 || length + this.unitBytes > unitBytesMax) { this.fail('54000', 'message too large'); return false; }
    const end = length + 1;
    if (this.input.length < end) return false;
    const type = this.input[0] ?? 0;
    this.unit.push(this.input.subarray(0, end));
    this.unitBytes += end;
    this.input = this.input.subarray(end);
    if (type === terminate) { this.close(); return false; }
    if (endsUnit.has(type)) this.submitUnit();
    return true;
  }

  private submitUnit(): void {
    const messages = Buffer.concat(this.unit);
    this.unit = [];
    this.unitBytes = 0;
    this.session.submit({ connection: this, messages });
  }
}

export interface EmbeddedServer {
  /** The port when listening on loopback; 0 on a unix socket. */
  readonly port: number;
  close(): Promise<void>;
}

function listening(server: Server, where: EmbeddedServerOptions['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

/** Starts to listen. Closing drops the connections and rolls back what they left open; the engine is the caller's. */
export async function startEmbeddedServer({ engine, log, listen, onDeath }: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const connections = new Set<Connection>();
  const broadcast = (notices: Buffer): void => { for (const connection of connections) connection.notify(notices); };
  const session = new Session(engine, broadcast, log, (reason) => {
    for (const connection of connections) connection.fail('57P02', 'the embedded database failed');
    onDeath(reason);
  });
  const server = createServer((socket) => {
    const connection = new Connection(socket, session, (closed) => connections.delete(closed));
    connections.add(connection);
    if (connections.size > connectionsMax) connection.fail('53300', 'too many connections');
  });
  await listening(server, listen);
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async close() {
      const closed = new Promise<void>((resolve) => { server.close(() => resolve()); });
      for (const connection of connections) connection.fail('57P01', 'the embedded database is shutting down');
      session.stop();
      await closed;
    },
  };
}
