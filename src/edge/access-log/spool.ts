// Log files on their way: lines are appended to one file for each distribution and hour, which is compressed once it is complete.
//
// A folder for each destination: `destination.json`, files that grow (`ID.HOUR.UNIQUE.log`) and complete ones (`ID.HOUR.UNIQUE.gz`). What a process
// that was killed left behind is taken up by the next one.
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { appendFile, mkdir, open, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { SiteLogging } from '../../snapshot/site';

/** A file is complete when it has so much, before its time. */
const fileBytesMax = 16_777_216;
const uniqueChars = 12;
/** The longest line by far; what is behind the last newline of a file is looked for in so much. */
const tornBytesMax = 262_144;
const destinationFile = 'destination.json';

/** Whose lines they are, and where they go. */
export interface LogPlace {
  readonly distribution: string;
  readonly logging: SiteLogging;
  /** What each file begins with. */
  readonly header: string;
}

export type Destination = Pick<SiteLogging, 'bucket' | 'prefix'>;

/** A complete file. */
export interface SealedFile {
  readonly file: string;
  readonly destination: Destination;
  readonly bytes: number;
}

/** A file that takes no more lines. */
export interface FullFile {
  readonly file: string;
  readonly destination: Destination;
  bytes: number;
}

interface GrowingFile extends FullFile {
  readonly hour: string;
  readonly sinceMs: number;
}

export class Spool {
  /** By destination, distribution and hour. */
  private readonly growing = new Map<string, GrowingFile>();
  private readonly folders = new Set<string>();

  constructor(private readonly dir: string) {}

  /** Adds whole lines of one hour; all of them or, when it throws, none. */
  async append(place: LogPlace, hour: string, lines: string, nowMs: number): Promise<void> {
    const folder = await this.folderOf(place.logging);
    const key = `${folder} ${place.distribution} ${hour}`;
    let file = this.growing.get(key);
    if (file === undefined) {
      const name = `${place.distribution}.${hour}.${uniqueName()}.log`;
      file = { file: path.join(folder, name), destination: place.logging, hour, sinceMs: nowMs, bytes: 0 };
      this.growing.set(key, file);
    }
    const text = file.bytes === 0 ? place.header + lines : lines;
    try {
      await appendFile(file.file, text, { mode: 0o600 });
    } catch (thrown) {
      await truncate(file.file, file.bytes).catch(() => {});
      throw thrown;
    }
    file.bytes += Buffer.byteLength(text);
  }

  /** Takes out what is complete: large or old enough, or of an hour that is over. */
  takeFull(nowMs: number, hour: string, ageMsMax: number): FullFile[] {
    const full: FullFile[] = [];
    for (const [key, file] of this.growing) {
      if (file.hour === hour && file.bytes < fileBytesMax && nowMs - file.sinceMs < ageMsMax) continue;
      this.growing.delete(key);
      if (file.bytes > 0) full.push(file);
    }
    return full;
  }

  /** Bytes of files that grow. */
  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.growing.values()) sum += bytes;
    return sum;
  }

  private async folderOf({ bucket, prefix }: Destination): Promise<string> {
    const folder = path.join(this.dir, createHash('sha256').update(JSON.stringify([bucket, prefix])).digest('hex').slice(0, 32));
    if (this.folders.has(folder)) return folder;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = path.join(folder, destinationFile);
    await writeFile(`${file}.part`, JSON.stringify({ bucket, prefix }), { mode: 0o600, flush: true });
    await rename(`${file}.part`, file);
    this.folders.add(folder);
    return folder;
  }
}

const uniqueName = (): string => [...randomBytes(uniqueChars)].map((byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte % 32]).join('');

/** Compresses a full file and takes it away. */
export async function sealed({ file, destination }: FullFile): Promise<SealedFile> {
  const target = file.replace(/\.log$/, '.gz');
  const partial = `${target}.part`;
  await pipeline(createReadStream(file), createGzip(), createWriteStream(partial, { mode: 0o600, flush: true }));
  await rename(partial, target);
  await rm(file);
  return { file: target, destination, bytes: (await stat(target)).size };
}

/** What an earlier process left; oldest first. */
export interface Leftovers { readonly full: readonly FullFile[]; readonly sealed: readonly SealedFile[] }

export async function leftovers(dir: string): Promise<Leftovers> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const full: (FullFile & { readonly atMs: number })[] = [];
  const complete: (SealedFile & { readonly atMs: number })[] = [];
  for (const name of await readdir(dir)) {
    const folder = path.join(dir, name);
    const destination = await readDestination(folder);
    if (destination === null) continue;
    const names = new Set(await readdir(folder));
    for (const each of names) {
      const file = path.join(folder, each);
      if (each.endsWith('.part') || (each.endsWith('.log') && names.has(each.replace(/\.log$/, '.gz')))) await rm(file, { force: true });
      else if (each.endsWith('.log') && await cutTornLine(file) > 0) full.push({ file, destination, ...await sizeAndTime(file) });
      else if (each.endsWith('.gz')) complete.push({ file, destination, ...await sizeAndTime(file) });
    }
  }
  const oldestFirst = (a: { readonly atMs: number }, b: { readonly atMs: number }): number => a.atMs - b.atMs;
  return { full: full.sort(oldestFirst), sealed: complete.sort(oldestFirst) };
}

async function sizeAndTime(file: string): Promise<{ bytes: number; atMs: number }> {
  const { size, mtimeMs } = await stat(file);
  return { bytes: size, atMs: mtimeMs };
}

/** Null: it is no folder of ours. */
async function readDestination(folder: string): Promise<Destination | null> {
  try {
    const { bucket, prefix } = JSON.parse(await readFile(path.join(folder, destinationFile), 'utf8')) as Partial<Destination>;
    return typeof bucket === 'string' && typeof prefix === 'string' ? { bucket, prefix } : null;
  } catch {
    return null;
  }
}

/** Takes away a line that was not written to its end, and a file without a whole one. @returns bytes that are left */
async function cutTornLine(file: string): Promise<number> {
  const handle = await open(file, 'r+');
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(Math.min(size, tornBytesMax));
    await handle.read(tail, 0, tail.length, size - tail.length);
    const left = size - tail.length + tail.lastIndexOf(0x0a) + 1;
    if (left > 0) {
      if (left < size) await handle.truncate(left);
      return left;
    }
  } finally {
    await handle.close();
  }
  await rm(file);
  return 0;
}
