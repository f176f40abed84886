// Caching situations side by side: how many of what the RFCs ask of a cache do Edgefront, nginx and Varnish get right?
//
//   node bench/situations.mjs [--only TEXT] [--failures]
//
// Each situation has a path and an origin's script of its own, so that many run at once. A situation counts as right when
// every step of it went as it must; a cache that never keeps anything fails the many in which reuse is what is asked.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inWorkplace, option } from './processes.mjs';
import { startScriptedOrigin } from './situations/origin.mjs';
import { age, freshness, invalidating, requestDirectives, selecting, staleness, storing, validating } from './situations/rfc9111.mjs';
import { both, conditions, connections, extensions, framing, ranges } from './situations/rfc9110.mjs';
import { play } from './situations/viewer.mjs';
import { edgefront, need, nginx, root, varnish } from './systems.mjs';

const atOnce = 16;
const only = option('only', '');
const readyPath = '/ready';

const groups = {
  'freshness (9111 §4.2, 5.3)': freshness, 'age (9111 §4.2.3, 5.1)': age, 'what is stored (9111 §3, 5.2.2)': storing, 'Vary (9111 §4.1)': selecting,
  'validation (9111 §4.3)': [...validating, ...both], 'stale answers (9111 §4.2.4)': staleness, 'invalidation (9111 §4.4)': invalidating,
  'requests\' directives, advisory (9111 §5.2.1)': requestDirectives, 'ranges (9110 §14)': ranges, 'conditions (9110 §13)': conditions,
  'connections (9110 §7.6)': connections, 'framing (9112)': framing, 'extensions (5861, 8246, 8586, 9213)': extensions,
};

/** Plays all situations against one system. @returns a map from situation to what went wrong, or null */
async function playAll(system, origin, situations) {
  const outcomes = new Map();
  const waiting = [...situations];
  const worker = async () => {
    for (let situation = waiting.shift(); situation !== undefined; situation = waiting.shift()) {
      outcomes.set(situation, await play(situation, system, origin).catch((error) => `no result: ${error.message}`));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return outcomes;
}

function table(systems, results) {
  const right = (outcomes, situations) => situations.filter((situation) => outcomes.get(situation) === null).length;
  const lines = [`| situations | of | ${systems.map(({ name }) => name).join(' | ')} |`, `|---|---:|${systems.map(() => '---:|').join('')}`];
  for (const [label, situations] of Object.entries(groups)) {
    const chosen = situations.filter((situation) => results[0].has(situation));
    if (chosen.length > 0) lines.push(`| ${label} | ${chosen.length} | ${results.map((outcomes) => right(outcomes, chosen)).join(' | ')} |`);
  }
  const all = [...results[0].keys()];
  lines.push(`| **all** | **${all.length}** | ${results.map((outcomes) => `**${right(outcomes, all)}**`).join(' | ')} |`);
  return lines.join('\n');
}

await inWorkplace('situations', async (place) => {
  need('nginx', 'varnishd');
  const origin = await startScriptedOrigin(readyPath);
  place.onClose(() => origin.close());
  const situations = Object.values(groups).flat().filter(({ source, title }) => `${source} ${title}`.includes(only));
  const systems = [
    await edgefront(place, origin.port, { readyPath }),
    await edgefront(place, origin.port, { readyPath, name: 'Edgefront, to the letter', settings: { EDGEFRONT_CACHE_RULES: 'rfc' } }),
    await nginx(place, origin.port, { readyPath, cacheOptions: 'proxy_cache_revalidate on; proxy_cache_background_update on; proxy_http_version 1.1; proxy_set_header Connection "";' }),
    await varnish(place, origin.port, { readyPath }),
  ];
  const results = [];
  for (const system of systems) {
    process.stderr.write(`${system.name}: ${situations.length} situations …\n`);
    results.push(await playAll(system, origin, situations));
  }
  process.stdout.write(`${table(systems, results)}\n`);
  systems.forEach(({ name }, i) => {
    if (!name.startsWith('Edgefront') && !process.argv.includes('--failures')) return;
    for (const [{ source, title }, wrong] of results[i]) if (wrong !== null) process.stdout.write(`${name}: ${source}, ${title}: ${wrong}\n`);
  });
  mkdirSync(path.join(root, 'bench/results'), { recursive: true });
  writeFileSync(path.join(root, 'bench/results/situations.json'), JSON.stringify(systems.map(({ name }, i) => ({
    name, outcomes: [...results[i]].map(([{ source, title }, wrong]) => ({ source, title, wrong })),
  })), null, 2));
});
