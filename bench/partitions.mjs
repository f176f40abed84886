// What is lost, and what becomes of viewers, of the API and of its claims: a fleet in network namespaces, with delays and cuts.
//
//   node bench/partitions.mjs [--seconds 120] [--every-ms 200] [--only TEXT]
//
// Needs Linux, root, iproute2, python3 and Postgres. In each case something is cut for so many seconds while an operator changes
// and invalidates and viewers come all the time; then it is mended. It fails when a viewer fails who could have been served,
// when something was claimed too early, or when the fleet does not come to one configuration again.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { keepResults } from './fleet.mjs';
import { inWorkplace, option, sleep } from './processes.mjs';
import { need } from './systems.mjs';
import { cases } from './partitions/cases.mjs';
import { claimedTooEarly, lineOf, sayings, tableHead } from './partitions/judge.mjs';
import { Network } from './partitions/network.mjs';
import { Operator } from './partitions/operator.mjs';
import { delaysMs, startSystem, startViewers } from './partitions/system.mjs';

const holdMs = Number(option('seconds', 120)) * 1000;
const everyMs = Number(option('every-ms', 200));
const only = option('only', '');
const calmMs = 5_000;
const convergeMsMax = Number(option('converge-s', 90)) * 1000;
/** Nodes say their digest each second. */
const lookMs = 1_500;
/** Set for the program within the operator's namespace. */
const withinVariable = 'EDGEFRONT_PARTITIONS_WITHIN';

const say = (line) => process.stderr.write(`partitions: ${line}\n`);

/** Whether all of a role have the same and all that was claimed; and what they have. */
async function agreement(operator) {
  const nodes = await operator.nodes();
  if (nodes === null || !operator.isSettled) return null;
  const told = nodes.filter(({ role }) => role !== 'worker');
  const roles = ['edge', 'router'].map((role) => told.filter((node) => node.role === role));
  if (told.length !== 5 || !told.every(({ connected, live, digest }) => connected && live && digest !== null)) return null;
  if (new Set(told.map(({ ackedSeq }) => ackedSeq)).size !== 1 || roles.some((those) => new Set(those.map(({ digest }) => digest)).size !== 1)) return null;
  return roles.map(([first]) => first.digest).join();
}

/** Until every node has the same, twice in a row, so that no digest is an old one. @returns how long that took; null: never */
async function converged(operator) {
  const startedAt = performance.now();
  for (let last = null; performance.now() - startedAt < convergeMsMax; await sleep(lookMs)) {
    const tookMs = performance.now() - startedAt;
    const now = await agreement(operator);
    if (now !== null && now === last) return Math.max(0, tookMs - lookMs);
    last = now;
  }
  return null;
}

async function play(one, { system, network, operator, stories }) {
  operator.resume();
  await sleep(calmMs);
  const cutAtMs = Date.now();
  await one.cut({ system, network });
  await sleep(holdMs);
  const mendedAtMs = Date.now();
  await one.mend({ system, network });
  operator.hold();
  const convergedMs = await converged(operator);
  await sleep(calmMs);
  const window = { fromMs: cutAtMs - calmMs, cutAtMs, mendedAtMs, endMs: Date.now(), convergedMs };
  return { window, stories: stories.splice(0), calls: operator.calls.splice(0) };
}

async function run(place) {
  const network = new Network(process.env[withinVariable], delaysMs);
  const system = await startSystem(place, network);
  const operator = new Operator(system, network);
  await operator.create();
  operator.start();
  place.onClose(() => operator.stop());
  if (await converged(operator) === null) throw new Error(`the fleet does not agree before anything is cut: ${JSON.stringify({ settled: operator.isSettled, calls: operator.calls.slice(-3), nodes: await operator.nodes() })}`);
  const stories = [];
  startViewers(place, network, operator.host, everyMs, (story) => stories.push(story));
  const lines = [];
  const wrongs = [];
  for (const one of cases.filter(({ name }) => name.includes(only))) {
    say(one.name);
    const played = await play(one, { system, network, operator, stories });
    const { line, wrong } = lineOf(one, played, operator.claims, network);
    lines.push(line);
    wrongs.push(...wrong, ...claimedTooEarly(one, played.stories, operator.claims), ...system.failures.splice(0).map((failure) => `${one.name}: ${failure}`));
    say(line);
    for (const what of wrongs) say(`WRONG: ${what}`);
    if (wrong.length > 0) for (const [name, { lines: log }] of system.processes) say(`${name}:\n${log.slice(-15).join('\n')}`);
  }
  process.stdout.write(`${[...tableHead, ...lines].join('\n')}\n${wrongs.length === 0 ? sayings.allGood : wrongs.map((what) => `WRONG: ${what}`).join('\n')}\n`);
  keepResults('partitions', { holdMs, everyMs, delaysMs, lines, wrongs });
  if (wrongs.length > 0) process.exitCode = 1;
}

/** Makes the network and starts this program again where the operator is: nothing of it is outside the namespaces. */
async function around(place) {
  need('ip', 'python3', 'setpriv');
  const prefix = `ef${process.pid}`;
  const network = new Network(prefix, delaysMs);
  await network.build(place);
  const [program, args] = network.within('control', process.execPath, [fileURLToPath(import.meta.url), ...process.argv.slice(2)]);
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, [withinVariable]: prefix, DATABASE_URL: '' } });
  place.onClose(() => child.kill('SIGTERM'));
  process.exitCode = await new Promise((resolve) => { child.once('exit', (code) => resolve(code ?? 1)); });
}

await (process.env[withinVariable] === undefined ? inWorkplace('partitions', around) : inWorkplace('partitions-within', run));
