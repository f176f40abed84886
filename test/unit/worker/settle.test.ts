// When something counts as being everywhere.
import { systemClock } from '../../../src/base/clock';
import { silentLog } from '../../../src/base/log';
import type { NodeState } from '../../../src/snapshot/publisher';
import type { NodeRow, Store } from '../../../src/store/store';
import { Settler, settleableSeq } from '../../../src/worker/settle';
import { until } from '../../fixtures/fleet';

const row = (id: string, ackedSeq: number, changes: Partial<NodeRow> = {}): NodeRow => ({
  id, role: 'edge', pop: 'P', addresses: [], version: '1', connected: true, ackedSeq, lastSeen: new Date(0), live: true, refusals: [], place: null, region: '100', capacity: 1, load: 0, digest: null, draining: false, enrolled: false, ...changes,
});
const nobody: ReadonlySet<string> = new Set();

test.each<[string, readonly NodeRow[], ReadonlySet<string>, number | null]>([
  ['without nodes nobody can say', [], nobody, null],
  ['without an edge nobody can say', [row('r', 9, { role: 'router' }), row('w', 9, { role: 'worker' })], nobody, null],
  ['the edge that is furthest behind decides', [row('a', 9), row('b', 7), row('c', 8)], nobody, 7],
  ['a router counts', [row('a', 9), row('r', 5, { role: 'router' })], nobody, 5],
  ['a worker does not', [row('a', 9), row('w', 1, { role: 'worker' })], nobody, 9],
  ['a node just lost counts as long as it is live', [row('a', 9), row('b', 7, { connected: false })], nobody, 7],
  ['a node long lost does not', [row('a', 9), row('b', 7, { connected: false, live: false })], nobody, 9],
  ['a node that has nothing yet holds everything up', [row('a', 9), row('b', 0)], nobody, 0],
  ['only lost edges: nobody can say', [row('a', 9, { live: false })], nobody, null],
  ['an awaited node counts though nothing was heard of it', [row('a', 9), row('b', 7, { live: false })], new Set(['b']), 7],
  ['a refusal is an acknowledgement', [row('a', 9, { refusals: [{ site: 'E', seq: 9, reason: 'r' }] })], nobody, 9],
])('%s', (_what, nodes, awaited, seq) => {
  expect(settleableSeq(nodes, awaited)).toBe(seq);
});

class Database {
  rows = new Map<string, NodeRow>();
  settled: number[] = [];
  failing = false;
  puts = 0;
  readonly store = {
    nodes: {
      put: async (nodes: readonly NodeRow[]) => {
        await Promise.resolve();
        if (this.failing) throw new Error('away');
        this.puts += nodes.length;
        for (const node of nodes) this.rows.set(node.id, { ...node, lastSeen: new Date(0), live: true });
      },
      list: async () => [...this.rows.values()],
      remove: async (id: string) => { this.rows.delete(id); },
    },
    changes: { settle: async (seq: number) => { this.settled.push(seq); } },
  } as unknown as Pick<Store, 'nodes' | 'changes'>;
}

const state = (id: string, ackedSeq: number, changes: Partial<NodeState> = {}): NodeState => ({
  id, role: 'edge', pop: 'P', addresses: [], version: '1', connected: true, ackedSeq, refusals: [], place: null, region: '100', capacity: 1, load: 0, digest: null, heardAgoMs: 0, ...changes,
});

describe('the settler', () => {
  let database: Database;
  let settler: Settler;
  beforeEach(() => {
    database = new Database();
    settler = new Settler({ store: database.store, nodeLostMs: 5_000, teller: 'w', clock: systemClock, log: silentLog });
  });

  test('settles what every node has, once', async () => {
    settler.changed(state('a', 5));
    await settler.idle();
    settler.changed(state('b', 3));
    settler.changed(state('b', 4));
    await settler.idle();
    settler.changed(state('b', 6));
    await settler.idle();
    settler.settle();
    await settler.idle();
    expect(database.settled).toEqual([5]);
    settler.changed(state('a', 6));
    await settler.idle();
    expect(database.settled).toEqual([5, 6]);
  });

  test('writes many acknowledgements of a node as one', async () => {
    for (let seq = 1; seq <= 100; seq += 1) settler.changed(state('a', seq));
    await settler.idle();
    expect(database.puts).toBeLessThanOrEqual(2);
    expect(database.settled.at(-1)).toBe(100);
  });

  test('a node that left no longer counts', async () => {
    settler.changed(state('b', 3));
    settler.changed(state('a', 5));
    await settler.idle();
    expect(database.settled).toEqual([3]);
    settler.left('b');
    await settler.idle();
    expect(database.settled).toEqual([3, 5]);
  });

  test('a database that is away delays, and loses nothing', async () => {
    database.failing = true;
    settler.changed(state('a', 5));
    await settler.idle();
    expect(database.settled).toEqual([]);
    database.failing = false;
    settler.settle();
    await settler.idle();
    expect(database.rows.get('a')?.ackedSeq).toBe(5);
    expect(database.settled).toEqual([5]);
  });

  test('after the database was away, nodes of other workers are awaited as well', async () => {
    database.rows.set('b', row('b', 3));
    database.failing = true;
    settler.changed(state('a', 9));
    await settler.idle();
    // Nobody has written down yet that it is still there.
    database.rows.set('b', row('b', 3, { live: false }));
    database.failing = false;
    settler.settle();
    await settler.idle();
    expect(database.settled).toEqual([3]);
    database.rows.set('b', row('b', 9));
    settler.settle();
    await settler.idle();
    expect(database.settled).toEqual([3, 9]);
  });

  test('what was newer than a failed write is not overwritten by it', async () => {
    database.failing = true;
    settler.changed(state('a', 5));
    settler.changed(state('a', 6));
    await settler.idle();
    database.failing = false;
    settler.settle();
    await settler.idle();
    expect(database.rows.get('a')?.ackedSeq).toBe(6);
  });

  test('nodes that were connected before are awaited, until they come or are given up', async () => {
    database.rows.set('a', row('a', 4, { live: false }));
    database.rows.set('gone', row('gone', 2, { live: false }));
    database.rows.set('off', row('off', 1, { live: false, connected: false }));
    await settler.begin();
    settler.changed(state('a', 9));
    await settler.idle();
    expect(database.settled).toEqual([2]);
    settler.forgetAwaited();
    await until(() => database.settled.length === 2);
    expect(database.settled).toEqual([2, 9]);
  });
});
