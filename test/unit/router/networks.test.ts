// The operator's table: longest match, and truly how far what it says holds.
import { seededRandom } from '../../fixtures/random';
import { placeOfCountry } from '../../../src/geo/places';
import { locateBy } from '../../../src/router/locate';
import { NetworkTable } from '../../../src/router/networks';

const parse = (text: string): NetworkTable => NetworkTable.parse(Buffer.from(text));
const table = parse('# offices\n10.0.0.0/8 FRA\n10.1.0.0/16 NRT # Tokyo\n\n192.0.2.7 IAD50-P1\n2001:db8::/32 GRU\n2001:db8:1::/48 SYD\n');

test.each([
  ['10.9.0.1', 'FRA', 13], ['10.1.2.3', 'NRT', 16], ['10.0.0.1', 'FRA', 16], ['192.0.2.7', 'IAD', 32], ['::ffff:10.1.0.1', 'NRT', 16],
  ['2001:db8::1', 'GRU', 48], ['2001:db8:1::9', 'SYD', 48], ['2001:db8:8000::', 'GRU', 33],
])('%s is at %s, as are all that share %i bits', (address, code, bits) => {
  const found = table.find(address);
  expect([found.airport?.code, found.bits]).toEqual([code, bits]);
});

test('what is not in it is nowhere', () => {
  for (const address of ['11.0.0.1', '192.0.2.8', '2001:db9::1', 'nonsense']) expect(table.find(address).airport).toBeNull();
  expect(parse('').find('10.0.0.1')).toEqual({ airport: null, bits: 0 });
});

test.each(['10.0.0.0/33 FRA', '10.0.0.0/8', '10.0.0.0/8 XXX', '10.0.0.0/8 FRA NRT', 'example.org FRA', '10.0.0.0/8,FRA'])('%p is not taken', (line) => {
  expect(() => parse(`10.0.0.0/8 FRA\n${line}\n`)).toThrow(/^line 2 is not a network/);
});

test('every address within the bits that are told is told the same', () => {
  const random = seededRandom('networks');
  const octet = (): number => random.below(4) * 64;
  for (let round = 0; round < 300; round += 1) {
    const lines = Array.from({ length: 1 + random.below(6) }, () => `${octet()}.${octet()}.${octet()}.0/${random.below(25)} ${random.pick(['FRA', 'NRT', 'IAD'])}`);
    const made = parse(lines.join('\n'));
    const bytes = [octet(), octet(), octet(), random.below(256)];
    const { airport, bits } = made.find(bytes.join('.'));
    for (let other = 0; other < 20; other += 1) {
      const value = bytes.reduce((all, byte) => all * 256 + byte, 0);
      const span = 2 ** (32 - bits);
      const near = Math.floor(value / span) * span + Math.floor(span * (random.below(1_000_000) / 1_000_000));
      const address = [24, 16, 8, 0].map((shift) => Math.floor(near / 2 ** shift) % 256).join('.');
      if (made.find(address).airport?.code !== airport?.code) throw new Error(`seed ${random.seed}: ${address} differs within /${bits} of ${bytes.join('.')} in\n${lines.join('\n')}`);
    }
  }
});

test('the table counts more than the database, and narrows what the database says', () => {
  const germany = placeOfCountry('DE');
  const locate = locateBy({ networks: { current: table }, geo: { locate: () => ({ country: 'DE', place: germany, bits: 4 }) } });
  expect(locate('10.1.2.3')).toMatchObject({ by: 'table', country: 'JP', bits: 16 });
  expect(locate('11.0.0.1')).toEqual({ by: 'database', country: 'DE', place: germany, bits: 8 });
  const alone = locateBy({ networks: null, geo: { locate: () => ({ country: null, place: null, bits: null }) } });
  expect(alone('10.1.2.3')).toEqual({ by: 'nobody', country: null, place: null, bits: null });
});
