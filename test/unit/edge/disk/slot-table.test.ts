// The table of places against a plain list: whatever is put, removed and asked, both answer alike.
import { SlotTable, type Place, type SlotKey } from '../../../../src/edge/disk/slot-table';
import { seededRandom } from '../../../fixtures/random';

interface Listed { readonly key: SlotKey; readonly place: Place; seen: boolean }
const same = (a: SlotKey, b: SlotKey): boolean => a.pathHigh === b.pathHigh && a.pathLow === b.pathLow && a.key === b.key;
const samePath = (a: SlotKey, b: SlotKey): boolean => a.pathHigh === b.pathHigh && a.pathLow === b.pathLow;
const at = (a: Place, b: Place): boolean => a.segment === b.segment && a.unit === b.unit;

test('random histories', () => {
  const random = seededRandom('slot table');
  for (let round = 0; round < 30; round += 1) {
    const table = new SlotTable();
    let list: Listed[] = [];
    // Few shards and homes, so that probes run into each other, and over the end.
    const anyKey = (): SlotKey => ({ pathHigh: random.below(2) << 24, pathLow: random.pick([random.below(4), 12 + random.below(8), random.below(1000)]), key: random.below(3) });
    for (let step = 0; step < 1000; step += 1) {
      const key = anyKey();
      switch (random.below(6)) {
        case 0: case 1: {
          const place = { segment: 1 + random.below(5), unit: step };
          table.set(key, place);
          list = [...list.filter((one) => !same(one.key, key)), { key, place, seen: false }];
          break;
        }
        case 2:
          expect(table.delete(key)).toBe(list.some((one) => same(one.key, key)));
          list = list.filter((one) => !same(one.key, key));
          break;
        case 3:
          expect(table.deletePath(key)).toBe(list.filter((one) => samePath(one.key, key)).length);
          list = list.filter((one) => !samePath(one.key, key));
          break;
        case 4: {
          const one = list[random.below(Math.max(1, list.length))];
          if (one === undefined) break;
          table.visit(one.key, one.place);
          one.seen = true;
          break;
        }
        default: {
          const one = list[random.below(Math.max(1, list.length))];
          if (one === undefined) break;
          table.deleteAt(one.key, one.place);
          list = list.filter((other) => other !== one);
        }
      }
      expect(table.hasPath(key)).toBe(list.some((one) => samePath(one.key, key)));
      const places = list.filter((one) => samePath(one.key, key)).map((one) => one.place).sort((a, b) => b.segment - a.segment || b.unit - a.unit);
      expect(table.placesOf(key)).toEqual(places);
    }
    expect(table.size).toBe(list.length);
    for (const { key, place, seen } of list) {
      expect(table.isAt(key, place)).toBe(true);
      expect(table.visited(key, place)).toBe(seen);
      expect(table.isAt(key, { segment: 9, unit: 0 })).toBe(false);
      expect(list.filter((other) => samePath(other.key, key) && at(other.place, place))).toHaveLength(1);
    }
  }
});

test('a record takes some dozens of bytes', () => {
  const table = new SlotTable();
  const spread = (i: number): number => Math.imul(i, 0x9e37_79b1) >>> 0;
  for (let i = 1; i <= 200_000; i += 1) table.set({ pathHigh: spread(i), pathLow: spread(i ^ 0x5555), key: i }, { segment: 1, unit: i });
  expect(table.size).toBe(200_000);
  expect(table.bytes / 200_000).toBeLessThan(64);
  table.clear();
  expect(table.size).toBe(0);
});
