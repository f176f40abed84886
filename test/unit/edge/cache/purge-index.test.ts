// The purge index against the obvious way of doing it, and its cost with many purges outstanding.
import { PurgeIndex } from '../../../../src/edge/cache/purge-index';
import { seededRandom } from '../../../fixtures/random';

describe('PurgeIndex', () => {
  const table: { name: string; purged: string; path: string; covered: boolean }[] = [
    { name: 'the exact path', purged: '/a/b.jpg', path: '/a/b.jpg', covered: true },
    { name: 'another case', purged: '/a/b.jpg', path: '/a/B.jpg', covered: false },
    { name: 'a longer path', purged: '/a', path: '/a/', covered: false },
    { name: 'a query that the key holds', purged: '/a', path: '/a?x=1', covered: false },
    { name: 'a wildcard and a query', purged: '/a*', path: '/a?x=1', covered: true },
    { name: 'a directory', purged: '/a/*', path: '/a/b/c', covered: true },
    { name: 'a directory and its own name', purged: '/a/*', path: '/a', covered: false },
    { name: 'zero characters', purged: '/a*', path: '/a', covered: true },
    { name: 'everything', purged: '/*', path: '/', covered: true },
    { name: 'a lone star', purged: '*', path: '/x', covered: true },
    { name: 'a sibling', purged: '/images/*', path: '/image', covered: false },
  ];
  test.each(table)('$name: $purged and $path', ({ purged, path, covered }) => {
    const index = new PurgeIndex();
    index.add(7, [purged], []);
    expect(index.newestFor(path, [])).toBe(covered ? 7 : 0);
  });

  test('tags cover whatever path', () => {
    const index = new PurgeIndex();
    index.add(3, [], ['blue']);
    expect(index.newestFor('/x', ['red', 'blue'])).toBe(3);
    expect(index.newestFor('/x', ['red'])).toBe(0);
  });

  test('agrees with a list of purges for random paths and prefixes', () => {
    const random = seededRandom('purge-index');
    const letter = (): string => 'ab/'[random.below(3)] as string;
    const text = (): string => `/${Array.from({ length: random.below(7) }, letter).join('')}`;
    for (let round = 0; round < 300; round += 1) {
      const index = new PurgeIndex();
      let purges: { seq: number; path: string }[] = [];
      for (let seq = 1; seq <= 30; seq += 1) {
        const path = text() + (random.below(2) === 0 ? '*' : '');
        index.add(seq, [path], []);
        purges.push({ seq, path });
        if (random.below(20) === 0) {
          const upTo = random.below(seq + 1);
          index.forget(upTo);
          purges = purges.filter((purge) => purge.seq > upTo);
        }
        const asked = text();
        const expected = Math.max(0, ...purges
          .filter((purge) => (purge.path.endsWith('*') ? asked.startsWith(purge.path.slice(0, -1)) : asked === purge.path))
          .map((purge) => purge.seq));
        expect({ asked, seq: index.newestFor(asked, []) }).toEqual({ asked, seq: expected });
      }
    }
  });

  test('forgets what it is told to, down to nothing', () => {
    const index = new PurgeIndex();
    for (let seq = 1; seq <= 1000; seq += 1) index.add(seq, [`/dir-${seq % 37}/${seq}*`, `/exact/${seq}`], [`tag-${seq}`]);
    index.forget(999);
    expect(index.size).toBe(3);
    index.forget(1000);
    expect(index.size).toBe(0);
    expect(index.newestFor('/dir-1/1000', [])).toBe(0);
  });
});
