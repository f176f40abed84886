// The fleet's snapshot: what a node at any seq is sent brings it to the present state.
import fc from 'fast-check';
import type { ServedSite } from '../../../src/snapshot/site';
import { Snapshot } from '../../../src/snapshot/snapshot';
import { fromWorkerBytesMax, partBytes, readFromWorker } from '../../../src/snapshot/wire';
import { origin, site } from '../../fixtures/site';

const padded = (id: string, seq: number, bytes = 0): ServedSite => site({ id, seq, defaultRootObject: 'x'.repeat(bytes) });

/** What a node holds after it was sent these frames. */
class Model {
  sites = new Map<string, number>();
  purges: number[] = [];
  seq = 0;
  take(frames: Iterable<Buffer>): this {
    let more = true;
    for (const frame of frames) {
      expect(more).toBe(true);
      expect(frame.length).toBeLessThan(fromWorkerBytesMax);
      const message = readFromWorker(frame.toString());
      if (message.type === 'welcome' || message.type === 'fleet' || message.type === 'keys' || message.type === 'peers') throw new Error(`no ${message.type} here`);
      expect(message.malformed).toEqual([]);
      if (message.type === 'full') {
        for (const sent of message.sites) this.sites.set(sent.id, sent.seq);
      } else {
        for (const sent of message.upserts) this.sites.set(sent.id, sent.seq);
        for (const id of message.removals) this.sites.delete(id);
        this.purges.push(...message.purges.map((purge) => purge.seq));
      }
      this.seq = message.seq;
      more = message.more;
    }
    expect(more).toBe(false);
    return this;
  }
}

test('a delta holds the newest of what changed, once, and the purges in order', () => {
  const snapshot = new Snapshot('e', 0, 0);
  snapshot.put(padded('A', 1), 1);
  snapshot.put(padded('B', 2), 2);
  snapshot.purge({ seq: 3, site: 'A', paths: ['/x'], tags: [] });
  snapshot.put(padded('A', 4), 4);
  snapshot.remove('B', 5);
  snapshot.purge({ seq: 6, site: 'A', paths: ['/y'], tags: [] });
  snapshot.advance(6);
  const [frame, ...rest] = snapshot.deltaFrames('edge', 1, []);
  expect(rest).toEqual([]);
  expect(readFromWorker(String(frame))).toMatchObject({ type: 'delta', seq: 6, upserts: [{ id: 'A', seq: 4 }], removals: ['B'], purges: [{ seq: 3 }, { seq: 6 }], more: false });
  expect(new Model().take(snapshot.fullFrames('edge')).sites).toEqual(new Map([['A', 4]]));
});

test('one delta is made once for all nodes that are equally far', () => {
  const snapshot = new Snapshot('e', 0, 0);
  snapshot.put(padded('A', 1), 1);
  snapshot.advance(1);
  const first = [...snapshot.deltaFrames('edge', 0, [])];
  expect([...snapshot.deltaFrames('edge', 0, [])][0]).toBe(first[0]);
  snapshot.put(padded('A', 2), 2);
  snapshot.advance(2);
  expect([...snapshot.deltaFrames('edge', 0, [])][0]).not.toBe(first[0]);
});

test('changes that nodes may not hear of yet stay out', () => {
  const snapshot = new Snapshot('e', 0, 0);
  snapshot.put(padded('A', 1), 1);
  snapshot.advance(1);
  snapshot.put(padded('B', 2), 2);
  expect(new Model().take(snapshot.deltaFrames('edge', 0, [])).sites).toEqual(new Map([['A', 1]]));
});

test('what is long goes in parts', () => {
  const snapshot = new Snapshot('e', 0, 0);
  for (let at = 1; at <= 40; at += 1) snapshot.put(padded(`E${at}`, at, 60_000), at);
  snapshot.advance(40);
  for (const frames of [[...snapshot.fullFrames('edge')], [...snapshot.deltaFrames('edge', 0, [])]]) {
    expect(frames.length).toBeGreaterThan(5);
    for (const frame of frames) expect(frame.length).toBeLessThan(2 * partBytes);
    expect(new Model().take(frames).sites.size).toBe(40);
  }
});

test('sites asked for are sent though they did not change, or as gone', () => {
  const snapshot = new Snapshot('e', 0, 0);
  snapshot.load(padded('A', 1));
  snapshot.advance(5);
  const [frame] = snapshot.deltaFrames('edge', 5, ['A', 'GONE']);
  expect(readFromWorker(String(frame))).toMatchObject({ upserts: [{ id: 'A' }], removals: ['GONE'] });
});

test('it reaches back as far as it remembers, in one history only', () => {
  const snapshot = new Snapshot('e', 10, 7, 100);
  expect(snapshot.reaches('e', 7)).toBe(true);
  expect(snapshot.reaches('e', 6)).toBe(false);
  expect(snapshot.reaches('e', 11)).toBe(false);
  expect(snapshot.reaches('f', 8)).toBe(false);
  expect(snapshot.reaches(null, 8)).toBe(false);
  for (let seq = 11; seq <= 200; seq += 1) snapshot.put(padded('A', seq), seq);
  snapshot.advance(200);
  expect(snapshot.reaches('e', 90)).toBe(false);
  expect(snapshot.reaches('e', 150)).toBe(true);
});

test('a full that is read slowly, while sites change, and the delta after it, give the present state', () => {
  const snapshot = new Snapshot('e', 0, 0);
  for (let at = 1; at <= 20; at += 1) snapshot.put(padded(`E${at}`, at, 60_000), at);
  snapshot.advance(20);
  const frames = snapshot.fullFrames('edge');
  const taken: Buffer[] = [];
  for (let seq = 21, next = frames.next(); next.done !== true; next = frames.next(), seq += 2) {
    taken.push(next.value);
    snapshot.put(padded(`E${seq % 20}`, seq, 60_000), seq);
    snapshot.remove(`E${(seq * 7) % 20}`, seq + 1);
    snapshot.advance(seq + 1);
  }
  const node = new Model().take(taken);
  expect(node.seq).toBe(20);
  node.take(snapshot.deltaFrames('edge', 20, []));
  expect(node.sites).toEqual(new Model().take(snapshot.fullFrames('edge')).sites);
});

test('any history, seen from any seq on, ends in the present state', () => {
  const step = fc.record({ id: fc.integer({ min: 0, max: 5 }).map((id) => `E${id}`), action: fc.constantFrom('put', 'remove', 'purge') });
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), fc.nat(), fc.integer({ min: 4, max: 80 }), (steps, from, entriesMax) => {
    const snapshot = new Snapshot('e', 0, 0, entriesMax);
    const joinAt = from % steps.length;
    const node = new Model();
    const expected = new Map<string, number>();
    const missed: number[] = [];
    for (const [at, { id, action }] of steps.entries()) {
      const seq = at + 1;
      if (action === 'put') { snapshot.put(padded(id, seq), seq); expected.set(id, seq); }
      if (action === 'remove') { snapshot.remove(id, seq); expected.delete(id); }
      if (action === 'purge') { snapshot.purge({ seq, site: id, paths: ['/'], tags: [] }); if (at > joinAt) missed.push(seq); }
      snapshot.advance(seq);
      if (at === joinAt) node.take(snapshot.fullFrames('edge'));
    }
    if (snapshot.reaches('e', node.seq)) {
      node.take(snapshot.deltaFrames('edge', node.seq, []));
      expect(node.purges).toEqual(missed);
    } else {
      expect(steps.length - node.seq).toBeGreaterThan(entriesMax / 2);
      node.sites.clear();
      node.take(snapshot.fullFrames('edge'));
    }
    expect(node.sites).toEqual(expected);
  }));
});

test('routers hear where a site\'s viewers may be sent, and nothing else of it', () => {
  const snapshot = new Snapshot('e', 0, 0);
  const secret = 'x-origin-secret';
  snapshot.load(site({ id: 'A', seq: 0, hosts: ['a.example'], priceClass: '200', ipv6: true, origins: [origin({ headers: [[secret, secret]] })] }));
  snapshot.put(site({ id: 'B', seq: 1, origins: [origin({ headers: [[secret, secret]] })] }), 1);
  snapshot.purge({ seq: 2, site: 'A', paths: ['/private/path'], tags: [] });
  snapshot.remove('C', 3);
  snapshot.advance(3);
  const [full, delta] = [[...snapshot.fullFrames('router')], [...snapshot.deltaFrames('router', 0, [])]].map((frames) => Buffer.concat(frames).toString()) as [string, string];
  expect(readFromWorker(full)).toMatchObject({
    sites: [{ kind: 'route', id: 'A', seq: 0, enabled: true, hosts: ['a.example'], priceClass: '200', ipv6: true }, { kind: 'route', id: 'B' }], malformed: [],
  });
  expect(readFromWorker(delta)).toMatchObject({ upserts: [{ kind: 'route', id: 'B' }], removals: ['C'], purges: [] });
  for (const text of [full, delta]) for (const hidden of [secret, 'origins', 'behaviors', '/private/path']) expect(text).not.toContain(hidden);
  // Both kinds of nodes at the same seq: neither gets the other's frames.
  expect(Buffer.concat([...snapshot.deltaFrames('edge', 0, [])]).toString()).toContain(secret);
  expect(Buffer.concat([...snapshot.deltaFrames('router', 0, [])]).toString()).toBe(delta);
});
