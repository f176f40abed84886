// What is cut in each case, and what must hold while it is.
import { edges, nodeLostMs } from './system.mjs';

const edgeNames = Object.keys(edges);
const parted = (one, others) => ({
  cut: ({ network }) => { for (const other of others) network.part(one, other); },
  mend: ({ network }) => { for (const other of others) network.join(one, other); },
});
const link = (name) => ({ cut: ({ network }) => network.cut(name), mend: ({ network }) => network.mend(name) });

/** Two failed probes of one second each, which begin once a second. */
const probedMs = 5_000;
/** Nothing was heard for so long, and the next beat of the worker tells the routers. */
const reportedMs = nodeLostMs + 2_500;

/**
 * `left`: the edge that no new viewer may be sent to once `leftWithinMs` are over.
 * `detoured`: viewers may fail within this time from the cut, since nobody can know yet.
 * `claims`: whether the API can claim anything while it is cut: `yes`, `no`, or `late` (after the lost node is given up).
 */
export const cases = [
  { name: 'a place loses its link', ...link('frankfurt'), left: 'frankfurt', leftWithinMs: probedMs, detouredMs: probedMs, claims: 'yes' },
  { name: 'the worker is cut off from one edge', ...parted('control', ['tokyo']), left: 'tokyo', leftWithinMs: reportedMs, detouredMs: 0, claims: 'yes' },
  { name: 'the worker is cut off from all edges', ...parted('control', edgeNames), left: null, detouredMs: 0, claims: 'no' },
  { name: 'a router is cut off from the worker', ...parted('control', ['router-1']), left: null, detouredMs: 0, claims: 'yes' },
  { name: 'a router is cut off from all edges', ...parted('router-1', edgeNames), left: null, detouredMs: 0, claims: 'yes' },
  { name: 'a router loses its link', ...link('router-1'), left: null, detouredMs: 0, claims: 'yes' },
  { name: 'Postgres is down', cut: ({ system }) => system.postgres.kill(), mend: ({ system }) => system.postgres.start(), left: null, detouredMs: 0, claims: 'no' },
  { name: 'Postgres cannot be reached', ...link('database'), left: null, detouredMs: 0, claims: 'no' },
  { name: 'api and worker lose their link', ...link('control'), left: null, detouredMs: 0, claims: 'no' },
];
