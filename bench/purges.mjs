// What a cache look-up costs with a million objects stored, as outstanding purges grow from none to 100,000.
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { Cache, StoredObject } = require(path.join(root, 'dist/edge/cache/cache.js'));
const { HeadBlock } = require(path.join(root, 'dist/edge/http/exchange.js'));

const objects = 1_000_000;
const lookups = 300_000;
const cache = new Cache(8 * 2 ** 30);
const space = cache.space('E1', 'origin');
const block = new HeadBlock(200, ['content-type', 'text/plain']);
const nameOf = (i) => `/catalogue/${i % 1000}/items/${i}/image.jpg`;
const body = [Buffer.alloc(16)];
for (let i = 0; i < objects; i += 1) {
  cache.store(new StoredObject(space, nameOf(i), nameOf(i), [], 0, block, body, 16, { arrivedAtMs: 0, arrivedWallMs: 0, initialAgeMs: 0, freshUntilMs: 1e12, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, staleIfGoneMs: 0 }, null));
}
// A fetch that began before all purges keeps them outstanding: otherwise the sweep would forget them while we measure.
cache.takeOff({ bornSeq: 0 });

let seq = 0;
const purgeUpTo = (count) => {
  while (seq < count) {
    seq += 1;
    const which = seq % 3;
    const purged = which === 0 ? `/gone/${seq}/*` : which === 1 ? `/catalogue/${seq % 1000}/items/${objects + seq}*` : `/old/${seq}.html`;
    cache.purge({ seq, site: 'E1', paths: [purged], tags: [] });
  }
};
/** Nanoseconds a look-up, the first after a purge (compared with the index) or a later one (already compared). */
const measure = (first) => {
  let at = Math.floor(Math.random() * objects);
  const keys = Array.from({ length: lookups }, () => { at = (at + 7919) % objects; return nameOf(at); });
  if (!first) for (const key of keys) cache.lookup(space, key);
  const startedAt = process.hrtime.bigint();
  let found = 0;
  for (const key of keys) if (cache.lookup(space, key) !== null) found += 1;
  const ns = Number(process.hrtime.bigint() - startedAt) / lookups;
  if (found !== lookups) throw new Error(`${lookups - found} objects were lost to purges that do not cover them`);
  return ns;
};
measure(true);
process.stdout.write('| outstanding purges | stored objects | ns a look-up, first after a purge | ns a look-up, later |\n|---:|---:|---:|---:|\n');
for (const count of [0, 1, 1_000, 10_000, 100_000]) {
  const first = [];
  const later = [];
  purgeUpTo(count);
  for (let round = 0; round < 5; round += 1) {
    seq += 1;
    if (count > 0) cache.purge({ seq, site: 'E1', paths: [`/round/${seq}`], tags: [] });
    first.push(measure(true));
    later.push(measure(false));
  }
  const median = (values) => values.sort((a, b) => a - b)[2];
  process.stdout.write(`| ${space.purges.size} | ${cache.objectCount} | ${median(first).toFixed(0)} | ${median(later).toFixed(0)} |\n`);
}
const { heapUsed } = process.memoryUsage();
process.stdout.write(`\nmemory: ${(heapUsed / objects).toFixed(0)} bytes of heap an object, keys and paths included\n`);
cache.close();
