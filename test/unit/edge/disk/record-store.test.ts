// Records on a real disk: found as they were written, in whatever order things went, after a restart, a crash at any byte, a changed byte, a full
// disk; and never anything else.
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { silentLog, type Log } from '../../../../src/base/log';
import { descriptionVersion, slotKeyOf, type Description } from '../../../../src/edge/disk/record';
import { RecordStore } from '../../../../src/edge/disk/record-store';
import type { OpenFile } from '../../../../src/edge/disk/segment';
import { seededRandom } from '../../../fixtures/random';

const generation = 'g';
let dir: string;
let stores: RecordStore[];
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'edgefront-records-'));
  stores = [];
});
afterEach(async () => {
  for (const store of stores) await store.close();
  rmSync(dir, { recursive: true, force: true });
});

async function openStore(options: { bytesMax?: number; log?: Log; openWith?: OpenFile; outlives?: (description: Description, clearedSeq: number) => number | null; from?: string } = {}): Promise<RecordStore> {
  const store = await RecordStore.open({
    dir: options.from ?? dir, bytesMax: options.bytesMax ?? 1_000_000_000, log: options.log ?? silentLog, outlives: options.outlives ?? ((_description, clearedSeq) => clearedSeq),
    ...(options.openWith === undefined ? {} : { openWith: options.openWith }),
  });
  stores.push(store);
  return store;
}

const described = (purgePath: string, key: string): Description => ({
  version: descriptionVersion, generation, key, purgePath, tags: [], status: 200, fields: ['etag', '"1"', 'x-latin', 'caf\xe9'], variant: null, arrivedWallMs: 1, initialAgeMs: 0,
  freshForMs: null, staleWhileRevalidateMs: 0, staleIfErrorMs: null, staleIfGoneMs: 0,
});
const slot = (purgePath: string, key = purgePath): ReturnType<typeof slotKeyOf> => slotKeyOf(generation, purgePath, key);

function put(store: RecordStore, purgePath: string, content: Buffer | string, key = purgePath, clearedSeq = 5): void {
  const body = Buffer.from(content as string);
  const cut = Math.floor(body.length / 3);
  store.put(slot(purgePath, key), described(purgePath, key), [body.subarray(0, cut), body.subarray(cut)], body.length, clearedSeq);
}

/** The content of the newest answer to a path with a key, checked; null: there is none. */
async function get(store: RecordStore, purgePath: string, key = purgePath): Promise<Buffer | null> {
  const found = await store.find(slot(purgePath), (description) => description.purgePath === purgePath && description.key === key);
  if (found === null) return null;
  expect(found.description).toEqual(described(purgePath, key));
  const pieces = await found.body();
  return pieces === null ? null : Buffer.concat(pieces);
}
const text = async (store: RecordStore, purgePath: string, key = purgePath): Promise<string | null> => (await get(store, purgePath, key))?.toString('latin1') ?? null;

test('what was put is found, in its newest version, by its key among those of its path', async () => {
  const store = await openStore();
  put(store, '/a', 'first');
  put(store, '/a', 'second');
  put(store, '/a', 'other', '/a\nh:x:1');
  put(store, '/empty', '');
  await store.flushed();
  expect([await text(store, '/a'), await text(store, '/a', '/a\nh:x:1'), await text(store, '/empty'), await text(store, '/b')]).toEqual(['second', 'other', '', null]);
  expect(store.hasPath(slot('/b'))).toBe(false);
  expect(store.recordCount).toBe(3);
});
test('bodies of any size, also across reads', async () => {
  const store = await openStore();
  const bodies = [1, 16_000, 16_384, 262_144, 262_145, 3_000_000].map((bytes) => Buffer.alloc(bytes, `${bytes} `));
  bodies.forEach((body, i) => put(store, `/${i}`, body));
  await store.flushed();
  for (const [i, body] of bodies.entries()) expect((await get(store, `/${i}`))?.equals(body)).toBe(true);
});
test('what is gone is not found, from the moment it is said, and not after a restart', async () => {
  const store = await openStore();
  for (const name of ['/a', '/b', '/c']) put(store, name, name);
  put(store, '/b', 'other', 'other');
  await store.flushed();
  store.goneKey(slot('/a'));
  store.gonePath(slot('/b'));
  expect([store.hasPath(slot('/a')), store.hasPath(slot('/b'))]).toEqual([false, false]);
  await store.close();
  const again = await openStore();
  expect([await text(again, '/a'), await text(again, '/b'), await text(again, '/b', 'other'), await text(again, '/c')]).toEqual([null, null, null, '/c']);
});
test('a removal counts for what waits to be written, and not for what comes after it', async () => {
  const store = await openStore();
  put(store, '/a', 'before');
  put(store, '/b', 'before');
  store.gonePath(slot('/a'));
  store.goneKey(slot('/b'));
  put(store, '/a', 'after');
  await store.flushed();
  expect([await text(store, '/a'), await text(store, '/b')]).toEqual(['after', null]);
  await store.close();
  const again = await openStore();
  expect([await text(again, '/a'), await text(again, '/b')]).toEqual(['after', null]);
});
test('what is being replaced is not found while its successor waits', async () => {
  const store = await openStore();
  put(store, '/a', 'old');
  await store.flushed();
  put(store, '/a', 'new');
  expect(await text(store, '/a')).toBeNull();
  await store.flushed();
  expect(await text(store, '/a')).toBe('new');
});

describe('after a crash', () => {
  test('at any byte of what was written last', async () => {
    const store = await openStore();
    put(store, '/whole', 'whole');
    await store.flushed();
    const [file] = readdirSync(dir) as [string];
    const wholeBytes = statSync(path.join(dir, file)).size;
    put(store, '/last', 'the last one');
    await store.flushed();
    const allBytes = statSync(path.join(dir, file)).size;
    for (let bytes = wholeBytes; bytes <= allBytes; bytes += 1) {
      const copy = mkdtempSync(path.join(tmpdir(), 'edgefront-torn-'));
      cpSync(path.join(dir, file), path.join(copy, file));
      truncateSync(path.join(copy, file), bytes);
      const again = await openStore({ from: copy });
      expect([await text(again, '/whole'), await text(again, '/last')]).toEqual(['whole', bytes === allBytes ? 'the last one' : null]);
      // What is written now is found by the next start.
      put(again, '/next', 'next');
      await again.close();
      const third = await openStore({ from: copy });
      expect([await text(third, '/whole'), await text(third, '/next')]).toEqual(['whole', 'next']);
      await third.close();
      rmSync(copy, { recursive: true });
    }
  });
  test('a changed byte is found out, wherever it is', async () => {
    const store = await openStore();
    put(store, '/a', 'content of a');
    await store.close();
    const file = path.join(dir, readdirSync(dir).find((name) => !name.endsWith('.table')) as string);
    const bytes = readFileSync(file);
    let refused = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      writeFileSync(file, changed);
      const again = await openStore();
      const found = await text(again, '/a');
      // Padding behind the record is nobody's.
      expect([null, 'content of a']).toContain(found);
      if (found === null) refused += 1;
      await again.close();
      for (const name of readdirSync(dir)) if (path.join(dir, name) !== file && !file.endsWith(name.replace('.table', ''))) rmSync(path.join(dir, name));
    }
    expect(refused).toBeGreaterThan(bytes.length - 8);
  });
  test('a table that is not what was written is made anew', async () => {
    const store = await openStore();
    put(store, '/a', 'a');
    await store.close();
    for (const name of readdirSync(dir)) if (name.endsWith('.table')) appendFileSync(path.join(dir, name), 'x');
    expect(await text(await openStore(), '/a')).toBe('a');
  });
});

describe('room', () => {
  const megabyte = (i: number): Buffer => Buffer.alloc(1_000_000, `${i} `);
  test('the oldest goes, less what was of use', async () => {
    const store = await openStore({ bytesMax: 20_000_000 });
    put(store, '/useful', 'useful');
    for (let i = 0; i < 60; i += 1) {
      put(store, `/${i}`, megabyte(i));
      await store.flushed();
      expect(await text(store, '/useful')).toBe('useful');
      expect(store.bytes).toBeLessThan(20_000_000 + 5_000_000);
    }
    expect((await get(store, '/59'))?.equals(megabyte(59))).toBe(true);
    expect(await get(store, '/0')).toBeNull();
    await store.close();
    const again = await openStore({ bytesMax: 20_000_000 });
    expect(await text(again, '/useful')).toBe('useful');
    expect(again.bytes).toBeLessThan(20_000_000 + 5_000_000);
  });
  test('what is of use and covered by a purge goes all the same; what lives on has been compared', async () => {
    const store = await openStore({ bytesMax: 20_000_000, outlives: ({ purgePath }) => (purgePath === '/purged' ? null : 100) });
    put(store, '/purged', 'x');
    put(store, '/useful', 'y');
    await store.flushed();
    for (let i = 0; i < 60; i += 1) {
      put(store, `/${i}`, megabyte(i), `/${i}`, 50);
      await store.flushed();
      await text(store, '/purged');
      await text(store, '/useful');
    }
    expect([await text(store, '/purged'), await text(store, '/useful')]).toEqual([null, 'y']);
    expect(store.oldestSeq).toBe(50);
  });
  test('what is larger than a segment is not kept, nor what it replaces', async () => {
    const store = await openStore({ bytesMax: 20_000_000 });
    put(store, '/a', 'small');
    await store.flushed();
    put(store, '/a', Buffer.alloc(5_000_000));
    await store.flushed();
    expect([await get(store, '/a'), store.droppedCount]).toEqual([null, 1]);
  });
  test('more than may wait is dropped, and what it replaces with it', async () => {
    const store = await openStore({ bytesMax: 4_000_000_000 });
    put(store, '/last', 'old');
    await store.flushed();
    for (let i = 0; i < 70; i += 1) put(store, i === 69 ? '/last' : `/${i}`, megabyte(i));
    expect(store.droppedCount).toBeGreaterThan(0);
    await store.flushed();
    expect(await get(store, '/last')).toBeNull();
    expect((await get(store, '/0'))?.equals(megabyte(0))).toBe(true);
  });
});

describe('a disk that fails', () => {
  /** Fails writes while `failure.code` says so. */
  function failing(failure: { code: string | null }): OpenFile {
    return async (file, flags) => {
      const handle = await open(file, flags);
      const writev = handle.writev.bind(handle);
      handle.writev = ((...given: Parameters<typeof writev>) => (failure.code === null ? writev(...given) : Promise.reject(Object.assign(new Error('no'), { code: failure.code })))) as typeof handle.writev;
      return handle;
    };
  }
  test.each(['ENOSPC', 'EIO'])('%s: it is said once; what was replaced or removed meanwhile is not found again, by a restart neither', async (code) => {
    const failure: { code: string | null } = { code: null };
    const said: string[] = [];
    const log: Log = { ...silentLog, error: (event) => { said.push(event); }, info: (event) => { said.push(event); } };
    const store = await openStore({ openWith: failing(failure), log });
    for (const name of ['/kept', '/replaced', '/removed']) put(store, name, 'old');
    await store.flushed();
    failure.code = code;
    put(store, '/replaced', 'new');
    store.gonePath(slot('/removed'));
    await new Promise((resolve) => { setTimeout(resolve, 100); });
    put(store, '/more', 'more');
    await new Promise((resolve) => { setTimeout(resolve, 1500); });
    expect([await text(store, '/kept'), await text(store, '/replaced'), await text(store, '/removed')]).toEqual(['old', null, null]);
    failure.code = null;
    await store.flushed();
    expect(said).toEqual(['disk-not-written', 'disk-writes-again']);
    put(store, '/after', 'after');
    await store.close();
    const again = await openStore();
    expect([await text(again, '/kept'), await text(again, '/replaced'), await text(again, '/removed'), await text(again, '/after')]).toEqual(['old', null, null, 'after']);
  });
});

test('everything is given up at once', async () => {
  const store = await openStore();
  put(store, '/a', 'a');
  await store.flushed();
  put(store, '/b', 'b');
  await store.forgetAll();
  put(store, '/c', 'c');
  await store.close();
  const again = await openStore();
  expect([await text(again, '/a'), await text(again, '/b'), await text(again, '/c')]).toEqual([null, null, 'c']);
});

test('random histories against a plain map, with restarts', async () => {
  const random = seededRandom('record store');
  const model = new Map<string, string>();
  const bytesMax = 1_000_000_000;
  let store = await openStore({ bytesMax });
  for (let step = 0; step < 3000; step += 1) {
    const name = `/${random.below(20)}`;
    const key = `${name}\n${random.below(3)}`;
    switch (random.below(8)) {
      case 0: case 1: case 2: {
        const content = String(random.below(1_000_000)).repeat(random.pick([1, 1, 10, 5000]));
        put(store, name, content, key);
        model.set(key, content);
        break;
      }
      case 3: store.goneKey(slot(name, key)); model.delete(key); break;
      case 4: store.gonePath(slot(name)); for (let i = 0; i < 3; i += 1) model.delete(`${name}\n${i}`); break;
      case 5: if (random.below(20) === 0) { await store.close(); store = await openStore({ bytesMax }); } break;
      default: {
        const found = await text(store, name, key);
        // Not written yet: it may be missing, never wrong.
        if (found !== null) expect(found).toBe(model.get(key));
      }
    }
  }
  await store.close();
  store = await openStore({ bytesMax });
  for (let i = 0; i < 20; i += 1) for (let j = 0; j < 3; j += 1) expect(await text(store, `/${i}`, `/${i}\n${j}`)).toBe(model.get(`/${i}\n${j}`) ?? null);
});
