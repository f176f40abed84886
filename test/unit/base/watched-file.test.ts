// A file that changes: when a new version counts, and that a wrong one never does.
import { chmodSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLog } from '../../../src/base/log';
import { WatchedFile } from '../../../src/base/watched-file';

const dir = mkdtempSync(path.join(tmpdir(), 'watched-'));
const file = path.join(dir, 'number');
const lines: string[] = [];
const log = createLog('edge', 'info', (line) => lines.push((JSON.parse(line) as { event: string }).event));
let opened: WatchedFile<number>;
afterEach(() => opened.close());
afterAll(() => rmSync(dir, { recursive: true }));

let count = 0;
/** Puts a new file in place by renaming, as careful updaters do. */
function put(text: string): void {
  count += 1;
  const aside = path.join(dir, `aside-${count}`);
  writeFileSync(aside, text, { mode: 0o600 });
  utimesSync(aside, 1_700_000_000 + count, 1_700_000_000 + count);
  renameSync(aside, file);
}

const parts = {
  file, what: 'number', bytesMax: 10, log,
  parse: (bytes: Buffer) => {
    const value = Number(bytes.toString());
    if (!Number.isInteger(value)) throw new Error('it is no number');
    return value;
  },
};

test('a new version counts once it has lain unchanged for one interval; a wrong one never does, and is reported once', async () => {
  put('1');
  opened = await WatchedFile.open(parts);
  expect(opened.current).toBe(1);
  put('2');
  await opened.check();
  expect(opened.current).toBe(1);
  await opened.check();
  expect(opened.current).toBe(2);
  for (const wrong of ['two', '12345678901']) {
    put(wrong);
    for (let i = 0; i < 4; i += 1) await opened.check();
    expect(opened.current).toBe(2);
  }
  rmSync(file);
  for (let i = 0; i < 4; i += 1) await opened.check();
  expect(opened.current).toBe(2);
  put('3');
  await opened.check();
  put('4');
  await opened.check();
  expect(opened.current).toBe(2);
  await opened.check();
  expect(opened.current).toBe(4);
  expect(lines).toEqual(['number-renewed', 'number-kept', 'number-kept', 'number-kept', 'number-renewed']);
});

test('the file itself is inspected, at the start and when its mode changes', async () => {
  put('1');
  const inspect = ({ mode }: { mode: number }): void => { if ((mode & 0o077) !== 0) throw new Error('others may read it'); };
  chmodSync(file, 0o644);
  await expect(WatchedFile.open({ ...parts, inspect })).rejects.toMatchObject({ kind: 'number-broken', message: expect.stringContaining('others may read it') });
  chmodSync(file, 0o600);
  opened = await WatchedFile.open({ ...parts, inspect });
  lines.length = 0;
  chmodSync(file, 0o604);
  await opened.check();
  await opened.check();
  expect(lines).toEqual(['number-kept']);
});
