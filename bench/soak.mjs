// Many clients at random operations while api and worker are killed again and again; afterwards nothing acknowledged may be
// missing, the database must be consistent, and every edge must hold exactly what the API says.
//
//   node bench/soak.mjs [--operations 20000] [--clients 16] [--kills 60] [--seed N]
//
// Each client has resources of its own and shares a few with all. The seed decides the clients' choices and who is killed;
// what comes before what is the machine's choice. On the server of DATABASE_URL, in a database of its own.
import http from 'node:http';
import { createRequire } from 'node:module';
import { keepResults, startFleet } from './fleet.mjs';
import { inWorkplace, option, sleep } from './processes.mjs';
import { checkDatabase, checkEdges, checkLedgers, checkViewers, settled } from './soak/checks.mjs';
import { randomOf, SoakClient } from './soak/client.mjs';
import { nounsOf } from './soak/nouns.mjs';

const { Client: Postgres } = createRequire(import.meta.url)('pg');
const operations = Number(option('operations', 20_000));
const clientCount = Number(option('clients', 16));
const kills = Number(option('kills', 60));
const seed = Number(option('seed', Math.floor(Math.random() * 2 ** 31)));
const sharedCount = 2;
const restartMsMax = 1_500;
const tickMs = 10_000;
const shownMax = 20;

const say = (line) => process.stderr.write(`soak: ${line}\n`);
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** Echoes the path, so that an edge's answer tells which version of its distribution it acts on. @returns its port */
async function startOrigin(place) {
  const server = http.createServer((request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' });
    response.end(request.url);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  place.onClose(() => { server.closeAllConnections(); server.close(); });
  return server.address().port;
}

/** Kills one of the control plane's processes and starts it again after a while. */
class Killer {
  count = 0;
  waiting = new Set();

  constructor(fleet, random) {
    Object.assign(this, { random });
    this.victims = [...fleet.processes('api'), ...fleet.processes('worker')];
  }

  strike() {
    const up = this.victims.filter((victim) => !this.waiting.has(victim));
    if (up.length === 0) return null;
    const victim = this.random.pick(up);
    this.count += 1;
    const back = (async () => {
      await victim.end('SIGKILL');
      await sleep(this.random.below(restartMsMax));
      await victim.start();
    })();
    this.waiting.add(victim);
    return back.finally(() => this.waiting.delete(victim));
  }
}

async function run(fleet, clients) {
  const killer = new Killer(fleet, randomOf(seed + 1));
  const at = Array.from({ length: kills }, (_unused, n) => Math.ceil(((n + 1) * operations) / (kills + 1)));
  const restarts = [];
  const startedAt = performance.now();
  let done = 0;
  let failed = null;
  const ticker = setInterval(() => say(`${done} of ${operations} operations, ${(done / (performance.now() - startedAt) * 1000).toFixed(0)}/s, ${killer.count} of ${kills} kills`), tickMs);
  try {
    await Promise.all(clients.map(async (client) => {
      while (done < operations && failed === null) {
        done += 1;
        while (at.length > 0 && done >= at[0]) {
          at.shift();
          const back = killer.strike();
          // One that does not come back is a failure of its own; the clients need not run into it one by one.
          if (back !== null) restarts.push(back.catch((thrown) => { failed ??= thrown; }));
        }
        await client.step();
      }
    }));
    await Promise.all(restarts);
    if (failed !== null) throw failed;
  } finally {
    clearInterval(ticker);
  }
  say(`${operations} operations in ${seconds(startedAt)}, ${killer.count} processes killed and started again`);
  return { operationsS: (performance.now() - startedAt) / 1000, kills: killer.count };
}

/** What is needed before anything is killed. */
async function prepare(clients) {
  const shared = [];
  const [first] = clients;
  for (let n = 0; n < sharedCount; n += 1) {
    const { answer, outcome, code } = await first.write(first.nouns.get('distribution').create(`shared-${n}`, first.own), {});
    if (outcome !== 'done') throw new Error(`the first distribution could not be made: ${code}`);
    shared.push(answer.Distribution.Id);
  }
  for (const client of clients) await client.prepare(shared);
}

function report(clients, { wrong, ...figures }) {
  const counts = {};
  for (const client of clients) {
    for (const [operation, { done, refused, uncertain }] of Object.entries(client.counts)) {
      const count = counts[operation] ??= { done: 0, refused: 0, uncertain: 0 };
      Object.assign(count, { done: count.done + done, refused: count.refused + refused, uncertain: count.uncertain + uncertain });
    }
  }
  process.stdout.write('| operation | acknowledged | refused | uncertain |\n|---|---:|---:|---:|\n');
  for (const [operation, { done, refused, uncertain }] of Object.entries(counts).sort()) process.stdout.write(`| ${operation} | ${done} | ${refused} | ${uncertain} |\n`);
  const acknowledged = clients.reduce((sum, client) => sum + client.acknowledged.length, 0);
  const uncertain = clients.reduce((sum, client) => sum + client.uncertain.length, 0);
  process.stdout.write(`${operations} operations from ${clients.length} clients, ${figures.kills} kills: ${acknowledged} writes acknowledged, ${uncertain} uncertain; `
    + `${figures.sites} sites at the end, ${figures.changes} changes; ${wrong.length} things wrong (seed ${seed})\n`);
  for (const what of wrong.slice(0, shownMax)) process.stdout.write(`- ${what}\n`);
  keepResults('soak', { operations, clients: clients.length, seed, ...figures, acknowledged, uncertain, counts, wrong });
  if (wrong.length > 0) process.exitCode = 1;
}

await inWorkplace('soak', async (place) => {
  process.stdout.write(`soak: seed ${seed}\n`);
  const originPort = await startOrigin(place);
  const fleet = await startFleet(place, { apis: 2, edges: 3, environment: { EDGEFRONT_SETTLE_HOLD_MS: '100' } });
  const database = new Postgres({ connectionString: fleet.databaseUrl });
  await database.connect();
  const clients = Array.from({ length: clientCount }, (_unused, n) => new SoakClient(`c${n}`, seed + 100 + n, fleet, nounsOf({ originPort })));
  place.onClose(async () => {
    for (const client of clients) client.close();
    await database.end();
  });
  const query = async (statement, values) => (await database.query(statement, values)).rows;
  await prepare(clients);

  const ran = await run(fleet, clients);
  const wrong = [...fleet.failures];
  const step = async (what, check) => {
    const startedAt = performance.now();
    const found = await check();
    wrong.push(...found);
    say(`${what}: ${found.length === 0 ? 'as it should be' : `${found.length} are wrong`} (${seconds(startedAt)})`);
  };
  await step('statuses settle', () => settled(query));
  await step('what was acknowledged is there, and only that', () => checkLedgers(clients, query));
  await step('the database is consistent', () => checkDatabase(query));
  await step('viewers get what the API says', () => checkViewers(fleet, clients));
  await Promise.all(fleet.processes('edge').map((edge) => edge.end('SIGTERM')));
  let edges = null;
  await step('the edges hold what the API says', async () => { edges = await checkEdges(fleet); return edges.wrong; });
  wrong.push(...clients.flatMap(({ violations }) => violations));
  report(clients, { ...ran, sites: edges.sites, changes: edges.newest, wrong });
});
