// Which edges viewers are sent to: nearest, fit, and as few moved as possible when something changes.
import { placeOfCountry } from '../../../src/geo/places';
import { homeScore } from '../../../src/base/rendezvous';
import { rank, Ranking, type Candidate, type Standing } from '../../../src/router/choose';
import { seededRandom } from '../../fixtures/random';
import { edgeAt } from '../../fixtures/router';

const [frankfurt, virginia, tokyo, saoPaulo, sydney] = [edgeAt('FRA50-P1'), edgeAt('IAD50-P1'), edgeAt('NRT50-P1'), edgeAt('GRU50-P1'), edgeAt('SYD50-P1')];
const world: readonly Candidate[] = [frankfurt, virginia, tokyo, saoPaulo, sydney];
const from = (country: string): { viewer: ReturnType<typeof placeOfCountry>; key: string; priceClass: 'all' } => ({ viewer: placeOfCountry(country), key: 'k', priceClass: 'all' });
const popsOf = (edges: readonly Candidate[], wish: Parameters<typeof rank>[1]): string[] => rank(edges, wish).map(({ edge }) => edge.pop.slice(0, 3));

test.each([
  ['DE', 'FRA'], ['FR', 'FRA'], ['TN', 'FRA'], ['KE', 'FRA'], ['US', 'IAD'], ['CA', 'IAD'], ['JP', 'NRT'], ['KR', 'NRT'], ['CN', 'NRT'],
  ['BR', 'GRU'], ['AR', 'GRU'], ['ZA', 'GRU'], ['AU', 'SYD'], ['NZ', 'SYD'],
])('viewers in %s are nearest to %s', (country, pop) => {
  expect(popsOf(world, from(country))[0]).toBe(pop);
});

test('nobody is left out', () => {
  const ranked = rank(world.map((edge) => ({ ...edge, health: 'down' as const })), from('DE'));
  expect(ranked).toHaveLength(world.length);
  expect(ranked[0]).toMatchObject({ edge: { pop: 'FRA50-P1' }, standing: 'down' });
  expect(rank([], from('DE'))).toEqual([]);
  expect(new Ranking([], from('DE')).together('k', 2)).toEqual([]);
});

test.each<[string, Partial<Candidate>, Standing]>([
  ['does not answer', { health: 'down' }, 'down'],
  ['is drained', { isDraining: true }, 'draining'],
  ['is drained and does not answer', { isDraining: true, health: 'down' }, 'down'],
  ['hears no worker', { health: 'cut-off' }, 'cut-off'],
  ['is full', { load: 0.9 }, 'full'],
  ['is not paid for', { region: 'all' }, 'outside-price-class'],
])('one that %s comes after a far one that is fit', (_why, changes, standing) => {
  const ranked = rank([{ ...frankfurt, ...changes }, tokyo], { ...from('DE'), priceClass: '200' });
  expect(ranked.map(({ edge, standing: found }) => [edge.pop, found])).toEqual([['NRT50-P1', 'fit'], ['FRA50-P1', standing]]);
});

test('what is worst about an edge decides', () => {
  const wish = { ...from('DE'), priceClass: '100' as const };
  const each: Candidate[] = [
    { ...frankfurt, id: 'down', health: 'down' }, { ...frankfurt, id: 'draining', isDraining: true }, { ...frankfurt, id: 'outside', region: 'all' },
    { ...frankfurt, id: 'cut-off', health: 'cut-off' }, { ...frankfurt, id: 'full', load: 1 }, { ...tokyo, id: 'fit', region: '100' },
  ];
  expect(rank(each, wish).map(({ edge }) => edge.id)).toEqual(['fit', 'full', 'cut-off', 'outside', 'draining', 'down']);
});

test('a price class is a ladder', () => {
  const fits = (priceClass: '100' | '200' | 'all'): string[] => rank(world, { ...from('DE'), priceClass }).filter(({ standing }) => standing === 'fit').map(({ edge }) => edge.pop.slice(0, 3)).sort();
  expect(fits('100')).toEqual(['FRA', 'IAD']);
  expect(fits('200')).toEqual(['FRA', 'IAD', 'NRT']);
  expect(fits('all')).toEqual(['FRA', 'GRU', 'IAD', 'NRT', 'SYD']);
});

test('load moves nobody while it is small; a busy place gives way to one not much farther', () => {
  const paris = edgeAt('CDG50-P1');
  const first = (load: number): string | undefined => popsOf([{ ...frankfurt, load }, paris], from('DE'))[0];
  expect([0, 0.1, 0.3, 0.69].map(first)).toEqual(['FRA', 'FRA', 'FRA', 'FRA']);
  expect(first(0.85)).toBe('CDG');
  // However busy, as long as it is not full, not across an ocean.
  expect(popsOf([{ ...frankfurt, load: 0.85 }, virginia], from('DE'))[0]).toBe('FRA');
  expect(popsOf([{ ...frankfurt, load: 0.95 }, virginia], from('DE'))[0]).toBe('IAD');
});

test('an edge whose place nobody knows is the farthest; a viewer whose place nobody knows goes home', () => {
  expect(popsOf([{ ...frankfurt, place: null, pop: 'XXX' }, sydney], from('DE'))).toEqual(['SYD', 'XXX']);
  const wish = { viewer: null, key: 'some.host', priceClass: 'all' as const };
  const best = rank(world, wish)[0];
  expect(best?.edge.id).toBe([...world].sort((a, b) => homeScore('some.host', b) - homeScore('some.host', a))[0]?.id);
  expect(best?.distanceKm).toBeNull();
});

const hall = (n: number, changes: Partial<Candidate> = {}): Candidate => edgeAt(`FRA50-P${n}`, { id: `fra-${n}`, ...changes });
const keys = Array.from({ length: 4_000 }, (_, i) => `/object/${i}`);
const homeOf = (edges: readonly Candidate[], key: string): string => (rank(edges, { ...from('DE'), key })[0]?.edge.id) as string;

test('within a place each key has a home, by capacity, and only those of a lost edge move', () => {
  const halls = [hall(1), hall(2), hall(3, { capacity: 200 })];
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(homeOf(halls, key), (counts.get(homeOf(halls, key)) ?? 0) + 1);
  // A quarter, a quarter, a half: three standard deviations are below 90 of 4,000.
  expect(Math.abs((counts.get('fra-1') ?? 0) - 1000)).toBeLessThan(100);
  expect(Math.abs((counts.get('fra-2') ?? 0) - 1000)).toBeLessThan(100);
  expect(Math.abs((counts.get('fra-3') ?? 0) - 2000)).toBeLessThan(120);
  const without = halls.slice(0, 2);
  const moved = keys.filter((key) => homeOf(halls, key) !== homeOf(without, key));
  expect(moved.every((key) => homeOf(halls, key) === 'fra-3')).toBe(true);
  expect(moved).toHaveLength(counts.get('fra-3') ?? 0);
});

test('loads of one place are one load: a busy hall does not chase away its keys', () => {
  const calm = [hall(1), hall(2)];
  const busy = [hall(1, { load: 0.8 }), hall(2)];
  expect(keys.filter((key) => homeOf(calm, key) !== homeOf(busy, key))).toEqual([]);
});

test('those offered together are of one place and equally fit', () => {
  const ranking = new Ranking([hall(1), hall(2), hall(3, { health: 'down' }), virginia], from('DE'));
  expect(ranking.together('k', 5).map(({ edge }) => edge.id).sort()).toEqual(['fra-1', 'fra-2']);
  expect(ranking.together('k', 1)).toHaveLength(1);
});

test('those offered together are the first of all and those of its place, whatever the fleet', () => {
  const random = seededRandom('edges offered together');
  const pops = ['FRA50', 'CDG50', 'IAD50', 'NRT50', 'LOC50'];
  for (let round = 0; round < 500; round += 1) {
    const edges = Array.from({ length: 1 + random.below(12) }, (_, i) => edgeAt(`${random.pick(pops)}-P${i}`, {
      id: `e${i}`, load: random.below(11) / 10, capacity: 1 + random.below(3), isDraining: random.below(6) === 0, health: random.pick(['up', 'up', 'cut-off', 'down']),
    }));
    const wish = { viewer: random.pick([null, placeOfCountry('DE'), placeOfCountry('JP')]), key: `k${random.below(50)}`, priceClass: random.pick(['100', 'all'] as const) };
    const ranked = rank(edges, wish);
    const [best] = ranked;
    const placeOf = (pop: string): string => pop.split('-')[0] as string;
    const expected = ranked.filter(({ edge, standing }) => standing === best?.standing && placeOf(edge.pop) === placeOf(best.edge.pop));
    const ranking = new Ranking(edges, wish);
    // Once more: what is kept of the first answer must not change the second.
    for (const countMax of [2, 2, 99]) expect([random.seed, round, ranking.together(wish.key, countMax)]).toEqual([random.seed, round, expected.slice(0, countMax)]);
  }
});

test('the order does not depend on the order of the list', () => {
  const all = [...world, hall(2), hall(3)];
  for (const country of ['DE', 'US', 'IN']) expect(rank([...all].reverse(), from(country)).map(({ edge }) => edge.id)).toEqual(rank(all, from(country)).map(({ edge }) => edge.id));
});
