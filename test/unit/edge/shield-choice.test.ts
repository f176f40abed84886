// Which edge stands in for an origin, and how far an edge must have come before it may.
import { ManualClock } from '../../../src/base/clock';
import { silentLog } from '../../../src/base/log';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { homesOf, placesNear } from '../../../src/edge/shield/choice';
import { Peers } from '../../../src/edge/shield/peers';
import { Position } from '../../../src/edge/shield/position';
import { placeOfRegion } from '../../../src/geo/aws-regions';
import { airportOf, type Place } from '../../../src/geo/places';
import { shieldRegions } from '../../../src/model/origin';
import type { PeerEdge } from '../../../src/snapshot/wire';

const edge = (id: string, pop: string, changes: Partial<PeerEdge> = {}): PeerEdge => {
  const airport = airportOf(pop);
  return { id, pop, addresses: [], place: airport === null ? null : { latitude: airport.latitude, longitude: airport.longitude }, capacity: 1, fit: true, ...changes };
};
const world = ['FRA56-P1', 'FRA56-P2', 'FRA57-P1', 'DUB56-P1', 'IAD89-P1', 'NRT57-P1', 'SYD62-P1', 'GRU3-P1', 'LOC50-P1'].map((pop) => edge(`edge-${pop}`, pop));
const region = (name: string): Place => placeOfRegion(name) as Place;

test('every region that CloudFront offers has a place', () => {
  expect([...shieldRegions].filter((name) => placeOfRegion(name) === null)).toEqual([]);
  expect([placeOfRegion('eu-nowhere-1'), placeOfRegion('constructor')]).toEqual([null, null]);
});

test.each([
  ['eu-central-1', 'FRA'], ['eu-west-1', 'DUB'], ['eu-west-2', 'DUB'], ['us-east-1', 'IAD'], ['us-west-2', 'IAD'], ['ap-northeast-1', 'NRT'], ['ap-southeast-2', 'SYD'], ['sa-east-1', 'GRU'],
])('of a shield in %s the nearest place is %s', (name, city) => {
  expect(placesNear(world, region(name))[0]?.every(({ pop }) => pop.startsWith(city))).toBe(true);
});

test('halls of one place share the keys by capacity; places that are nowhere come last, in the order of their names', () => {
  const places = placesNear([edge('z', 'XXX2-P1'), edge('y', 'XXX1-P1'), ...world], region('eu-central-1'));
  expect(places.map((edges) => edges.map(({ pop }) => pop))).toEqual(expect.arrayContaining([['FRA56-P1', 'FRA56-P2'], ['FRA57-P1']]));
  expect(places.slice(-3).map(([first]) => first?.pop)).toEqual(['LOC50-P1', 'XXX1-P1', 'XXX2-P1']);
  const halls = [edge('small', 'FRA56-P1', { capacity: 1 }), edge('large', 'FRA56-P2', { capacity: 3 })];
  const homes = Array.from({ length: 4_000 }, (_, i) => homesOf(placesNear(halls, region('eu-central-1')), `key ${i}`, 1)[0]?.id);
  const share = homes.filter((id) => id === 'large').length / homes.length;
  expect(Math.abs(share - 0.75)).toBeLessThan(0.04);
});

test('everybody says the same, in whatever order they were told', () => {
  const order = (edges: readonly PeerEdge[], key: string): readonly string[] => homesOf(placesNear(edges, region('us-east-2')), key, 4).map(({ id }) => id);
  for (let i = 0; i < 50; i += 1) expect(order([...world].reverse(), `key ${i}`)).toEqual(order(world, `key ${i}`));
});

test('who did not answer rests, and its keys go where they would without it', () => {
  const clock = new ManualClock(0, 1_000);
  const peers = new Peers({ node: 'edge-DUB56-P1', dir: null, clock, log: silentLog });
  expect(peers.shieldsFor('eu-central-1', 'key', 2)).toEqual([]);
  peers.take(world);
  const ids = (): readonly string[] => peers.shieldsFor('eu-central-1', 'key', 2).map(({ id }) => id);
  const [first, second] = ids() as [string, string];
  peers.rest(first);
  expect(ids()[0]).toBe(second);
  clock.advance(5_000);
  expect(ids()).toEqual([first, second]);
  expect(peers.shieldsFor('eu-west-1', 'key', 1).map(({ isSelf }) => isSelf)).toEqual([true]);
  expect(peers.shieldsFor('eu-nowhere-1', 'key', 1)).toEqual([]);
});

test('the list outlives the process; one that cannot be read is none', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'edgefront-peers-'));
  const parts = { node: 'n', dir, clock: new ManualClock(0, 0), log: silentLog };
  new Peers(parts).take(world);
  expect(new Peers(parts).shieldsFor('eu-west-1', 'key', 1).map(({ pop }) => pop)).toEqual(['DUB56-P1']);
  writeFileSync(path.join(dir, 'peers.json'), '[{"id":1}]');
  expect(new Peers(parts).shieldsFor('eu-west-1', 'key', 1)).toEqual([]);
  rmSync(dir, { recursive: true });
});

describe('a position', () => {
  const asked = (position: Position, epoch: string | null, seq: number, waitMs = 10_000): { said: boolean | null } => {
    const answer: { said: boolean | null } = { said: null };
    position.whenReached({ epoch, seq }, waitMs, (reached) => { answer.said = reached; });
    return answer;
  };

  test('is reached at once, later, or not in time', async () => {
    const position = new Position();
    position.beginAt('e', 5);
    const [now, later, never] = [asked(position, 'e', 5), asked(position, 'e', 6), asked(position, 'e', 7, 20)];
    expect([now.said, later.said, never.said]).toEqual([true, null, null]);
    position.moveTo(6);
    expect([later.said, never.said]).toEqual([true, null]);
    await new Promise((resolve) => { setTimeout(resolve, 60); });
    expect(never.said).toBe(false);
  });

  test('of another history is never reached, until that history is this one', () => {
    const position = new Position();
    position.beginAt('e', 5);
    const other = asked(position, 'f', 1);
    position.moveTo(100);
    expect(other.said).toBeNull();
    position.beginAt('f', 1);
    expect(other.said).toBe(true);
  });

  test('needs what is known, and what was before anything was known', () => {
    const position = new Position();
    position.beginAt('e', 5);
    position.moveTo(9);
    expect([position.needed([0]), position.needed([7, 6]), position.needed([1, 8])]).toEqual([{ epoch: 'e', seq: 5 }, { epoch: 'e', seq: 7 }, { epoch: 'e', seq: 8 }]);
    position.purged(9);
    position.purged(6);
    expect(position.needed([1])).toEqual({ epoch: 'e', seq: 9 });
  });
});
