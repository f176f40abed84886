// The embedded database's server: units of work stay whole, transactions stay with their connection, and nobody blocks it for long.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { silentLog } from '../../../src/base/log';
import { startEmbeddedPostgres } from '../../../src/store/embedded';
import { splitAnswer, startEmbeddedServer, type EmbeddedServer, type Engine } from '../../../src/store/embedded-server';
import { prepareEmbedded } from '../../fixtures/database';

const message = (type: string, body = ''): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeUInt32BE(Buffer.byteLength(body) + 4, 1);
  return Buffer.concat([head, Buffer.from(body)]);
};
const startup = ((): Buffer => {
  const body = Buffer.from('user\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8, 0);
  head.writeUInt32BE(196_608, 4);
  return Buffer.concat([head, body]);
})();

/** An engine that records what it runs and answers with a status that the test chooses by the message's last byte. */
function recordingEngine(): Engine & { readonly ran: string[] } {
  const ran: string[] = [];
  return {
    ran,
    async run(messages) {
      await new Promise((resolve) => { setImmediate(resolve); });
      const text = Buffer.from(messages).toString('latin1').replace(/[^ -~]/g, '');
      ran.push(text);
      return Buffer.concat([message('C', `${text}\0`), message('Z', text.includes('BEGIN') ? 'T' : 'I')]);
    },
  };
}

class RawClient {
  received = Buffer.alloc(0);
  closed = false;
  private onChange: () => void = () => undefined;
  private constructor(readonly socket: Socket) {
    socket.on('data', (bytes: Buffer) => { this.received = Buffer.concat([this.received, bytes]); this.onChange(); });
    socket.on('close', () => { this.closed = true; this.onChange(); });
    socket.on('error', () => undefined);
  }
  static async to(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve) => { socket.once('connect', resolve); });
    return new RawClient(socket);
  }
  until(holds: (client: RawClient) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.onChange = () => { if (holds(this)) resolve(); };
      this.onChange();
    });
  }
  says(text: string): Promise<void> { return this.until((client) => client.received.includes(text)); }
}

describe('with an engine that only records', () => {
  let engine: ReturnType<typeof recordingEngine>;
  let server: EmbeddedServer;
  let deaths: string[];
  beforeEach(async () => {
    engine = recordingEngine();
    deaths = [];
    server = await startEmbeddedServer({ engine, log: silentLog, listen: { host: '127.0.0.1', port: 0 }, onDeath: (reason) => deaths.push(reason) });
  });
  afterEach(() => server.close());
  const greeted = async (): Promise<RawClient> => {
    const client = await RawClient.to(server.port);
    client.socket.write(startup);
    await client.says('server_version');
    return client;
  };

  test('an answer is taken apart', () => {
    const answer = Buffer.concat([message('T'), message('A', 'news'), message('Z', 'T')]);
    expect(splitAnswer(answer)).toEqual({ own: Buffer.concat([message('T'), message('Z', 'T')]), notices: message('A', 'news'), idle: false, death: null });
    expect(splitAnswer(message('Z', 'I')).idle).toBe(true);
    expect(splitAnswer(message('Z', 'E')).idle).toBe(false);
    expect(splitAnswer(message('1')).idle).toBe(false);
    expect(splitAnswer(message('E', 'SERROR\0VERROR\0C22012\0Mdivision by zero\0\0')).death).toBeNull();
    expect(splitAnswer(message('E', 'SPANIK\0VPANIC\0C58P01\0Mdisk full\0\0')).death).toBe('disk full');
  });

  test('messages of two connections never mix, however their bytes arrive', async () => {
    const [one, two] = [await greeted(), await greeted()];
    const bytesOf = (who: string): Buffer => Buffer.concat([message('P', `parse-${who}`), message('B', `bind-${who}`), message('E', `exec-${who}`), message('S')]);
    const [a, b] = [bytesOf('alpha'), bytesOf('beta')];
    for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
      one.socket.write(a.subarray(at, at + 1));
      two.socket.write(b.subarray(at, at + 1));
      if (at % 7 === 0) await new Promise((resolve) => { setImmediate(resolve); });
    }
    await Promise.all([one.says('exec-alpha'), two.says('exec-beta')]);
    expect(engine.ran.sort()).toEqual(['Pparse-alphaBbind-alphaEexec-alphaS', 'Pparse-betaBbind-betaEexec-betaS']);
    expect(one.received.includes('beta')).toBe(false);
    expect(two.received.includes('alpha')).toBe(false);
  });

  test('a transaction keeps the others out until it ends', async () => {
    const [one, two] = [await greeted(), await greeted()];
    one.socket.write(message('Q', 'BEGIN'));
    await one.says('BEGIN');
    two.socket.write(message('Q', 'other'));
    one.socket.write(message('Q', 'still BEGIN open'));
    await one.says('still');
    expect(engine.ran).toEqual(['QBEGIN', 'Qstill BEGIN open']);
    one.socket.write(message('Q', 'COMMIT'));
    await two.says('other');
    expect(engine.ran.slice(2)).toEqual(['QCOMMIT', 'Qother']);
  });

  test('a connection that vanishes in a transaction is rolled back', async () => {
    const [one, two] = [await greeted(), await greeted()];
    one.socket.write(message('Q', 'BEGIN'));
    await one.says('BEGIN');
    two.socket.write(message('Q', 'other'));
    one.socket.destroy();
    await two.says('other');
    expect(engine.ran).toEqual(['QBEGIN', 'SQROLLBACK', 'Qother']);
  });

  test('a connection that vanishes while its transaction begins is rolled back too', async () => {
    const [one, two] = [await greeted(), await greeted()];
    one.socket.write(message('Q', 'BEGIN'), () => one.socket.destroy());
    await one.until((client) => client.closed);
    two.socket.write(message('Q', 'other'));
    await two.says('other');
    expect(engine.ran.at(-1)).toBe('Qother');
    if (engine.ran.includes('QBEGIN')) expect(engine.ran).toContain('SQROLLBACK');
  });

  test('news goes to everybody', async () => {
    const [one, two] = [await greeted(), await greeted()];
    engine.run = async () => Buffer.concat([message('A', 'news'), message('Z', 'I')]);
    one.socket.write(message('Q', 'NOTIFY'));
    await Promise.all([one.says('news'), two.says('news')]);
  });

  test.each([
    ['a start-up packet too short', Buffer.from([0, 0, 0, 4, 0, 3, 0, 0]), 'bad start-up packet'],
    ['a start-up packet too long', Buffer.from([0x7f, 0, 0, 0, 0, 3, 0, 0]), 'bad start-up packet'],
    ['another protocol', Buffer.from([0, 0, 0, 8, 0, 2, 0, 0]), 'unsupported protocol'],
    ['a message longer than the limit', Buffer.concat([startup, Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff])]), 'message too large'],
    ['a message shorter than itself', Buffer.concat([startup, Buffer.from([0x51, 0, 0, 0, 1])]), 'message too large'],
  ])('%s is refused and the connection closed', async (_what, bytes, words) => {
    const client = await RawClient.to(server.port);
    client.socket.write(bytes);
    await client.until((now) => now.closed);
    expect(client.received.toString('latin1')).toContain(words);
    const next = await greeted();
    next.socket.write(message('Q', 'fine'));
    await next.says('fine');
  });

  test.each([
    ['throws', async (): Promise<Uint8Array> => { throw new Error('wasm aborted'); }, 'wasm aborted'],
    ['says that it gives up', async (): Promise<Uint8Array> => message('E', 'VPANIC\0Mdisk full\0\0'), 'disk full'],
  ])('an engine that %s is never called again, and everybody is told', async (_what, fail, reason) => {
    const [one, two] = [await greeted(), await greeted()];
    let calls = 0;
    engine.run = async () => { calls += 1; return fail(); };
    one.socket.write(message('Q', 'BEGIN'));
    two.socket.write(message('Q', 'other'));
    await Promise.all([one, two].map((client) => client.until((now) => now.closed)));
    expect(one.received.toString('latin1')).toContain('57P02');
    expect(two.received.toString('latin1')).toContain('57P02');
    const late = await greeted();
    late.socket.write(message('Q', 'late'));
    late.socket.destroy();
    await late.until((now) => now.closed);
    expect(deaths).toEqual([reason]);
    expect(calls).toBe(1);
  });

  test('encryption is declined, a cancellation closes', async () => {
    const client = await RawClient.to(server.port);
    client.socket.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
    await client.says('N');
    client.socket.write(startup);
    await client.says('server_version');
    const other = await RawClient.to(server.port);
    other.socket.write(Buffer.from([0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e, 0, 0, 0, 0, 0, 0, 0, 0]));
    await other.until((now) => now.closed);
  });
});

test('many clients of the real one, with statements and transactions of their own, each get their own answers', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'edgefront-embedded-'));
  await prepareEmbedded(dir);
  const database = await startEmbeddedPostgres({ dir, log: silentLog });
  const clients = await Promise.all(Array.from({ length: 10 }, async () => {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    return client;
  }));
  await clients[0]?.query('CREATE TABLE "counter" ("value" INTEGER NOT NULL)');
  await clients[0]?.query('INSERT INTO "counter" VALUES (0)');
  await Promise.all(clients.map(async (client, who) => {
    for (let at = 0; at < 8; at += 1) {
      const { rows } = await client.query<{ answer: string }>('SELECT $1::text AS answer', [`${who}-${at}`]);
      expect(rows[0]?.answer).toBe(`${who}-${at}`);
      await expect(client.query('SELECT 1 / $1::int', [0])).rejects.toThrow('division by zero');
      await client.query('BEGIN');
      const { rows: [before] } = await client.query<{ value: number }>('SELECT "value" FROM "counter"');
      await client.query('UPDATE "counter" SET "value" = $1', [(before?.value ?? 0) + 1]);
      await client.query(at % 2 === 0 ? 'COMMIT' : 'ROLLBACK');
    }
  }));
  const { rows } = await clients[0]!.query<{ value: number }>('SELECT "value" FROM "counter"');
  expect(rows[0]?.value).toBe(40);
  await Promise.all(clients.map((client) => client.end()));
  await database.close();
  rmSync(dir, { recursive: true, force: true });
});
