// Many nodes in one process, with the product's own subscriber, journal and acknowledgements; only what an edge would serve is left out.
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const { dist, dir, first, count, ...rest } = JSON.parse(process.argv[2]);
const require = createRequire(import.meta.url);
const { startChannel } = require(path.join(dist, 'snapshot/channel.js'));
const { sharedCredential } = require(path.join(dist, 'snapshot/credential.js'));
const { systemClock } = require(path.join(dist, 'base/clock.js'));
const { silentLog } = require(path.join(dist, 'base/log.js'));

/** Keeps the purges' seqs as they come, the site's versions, and how often it was told everything. */
class Memory {
  purges = [];
  sites = new Map();
  drops = 0;
  backwards = 0;

  put(sites) {
    for (const { id, seq } of sites) {
      if ((this.sites.get(id) ?? 0) > seq) this.backwards += 1;
      this.sites.set(id, seq);
    }
    return [];
  }

  restore(sites) { this.put(sites); }

  replaceAll(sites, dropCache) {
    if (dropCache) this.drops += 1;
    this.sites.clear();
    return this.put(sites);
  }

  change(upserts, removals, purges) {
    for (const id of removals) this.sites.delete(id);
    for (const { seq } of purges) this.purges.push(seq);
    return this.put(upserts);
  }
}

const nodes = await Promise.all(Array.from({ length: count }, async (_, at) => {
  const node = `node-${first + at}`;
  const memory = new Memory();
  const own = path.join(dir, node);
  mkdirSync(own, { recursive: true });
  const subscriber = await startChannel({
    credential: sharedCredential(node, [rest.secret]), role: 'edge', pop: 'LOC50-P1', addresses: [], situation: { place: null, region: '100', capacity: 1 }, load: () => 0, dir: own, log: silentLog, clock: systemClock,
    apply: memory, workerCa: null, workerUrls: rest.workerUrls,
    nats: rest.nats === null ? null : { ...rest.nats, credentials: path.join(rest.nats.keys, `node-${node}.nk`) },
  });
  return { memory, subscriber };
}));

process.on('message', (question) => {
  if (question === 'state') {
    process.send(nodes.map(({ memory: { purges, drops, backwards, sites }, subscriber }) =>
      ({ ...subscriber.status(), purges, drops, backwards, sites: [...sites.entries()] })));
  }
});
process.on('disconnect', () => process.exit());
process.send('started');
