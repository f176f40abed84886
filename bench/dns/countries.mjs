// A database of countries in MaxMind's own form, made of the one that comes with Edgefront: one file for all who are compared.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { product } from '../fleet.mjs';

const require = createRequire(import.meta.url);
const { Reader } = require('mmdb-lib');
const file = require.resolve('@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb');
/** Types of the format's data section that are needed here; those from 8 on have a byte of their own. */
const types = { text: 2, uint16: 5, uint32: 6, map: 7, uint64: 9, array: 11 };
const separatorBytes = 16;
/** IPv4 lies below ::/96. */
const ipv4Depth = 96;

const control = (type, size) => Buffer.from(type < 8 ? [(type << 5) | size] : [size, type - 7]);

/** An unsigned number of a certain type: the format's readers insist on it. */
function number(type, value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  const size = { [types.uint16]: 2, [types.uint32]: 4, [types.uint64]: 8 }[type];
  return Buffer.concat([control(type, size), bytes.subarray(8 - size)]);
}

/** A text, a list, a map, or what is encoded already. */
function encoded(value) {
  if (Buffer.isBuffer(value)) return value;
  if (typeof value === 'string') return Buffer.concat([control(types.text, value.length), Buffer.from(value)]);
  if (Array.isArray(value)) return Buffer.concat([control(types.array, value.length), ...value.map(encoded)]);
  const entries = Object.entries(value);
  return Buffer.concat([control(types.map, entries.length), ...entries.flatMap(([name, inner]) => [encoded(name), encoded(inner)])]);
}

const addressOf = (number) => [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');

/** Every IPv4 network that the database tells apart. */
function* networks() {
  const reader = new Reader(readFileSync(file));
  for (let at = 0; at < 2 ** 32;) {
    const [record, bits] = reader.getWithPrefixLength(addressOf(at));
    yield { at, bits, country: record?.country_code ?? null };
    at += 2 ** (32 - bits);
  }
}

function continents() {
  const { airportsTable } = product('geo/airports-table');
  return new Map(airportsTable.trim().split('\n').map((line) => line.split(' ').slice(1, 3)));
}

/** @returns {{bytes: Buffer, known: readonly {at: number, bits: number}[]}} the file, and the networks with a country in it */
export function countryDatabase() {
  const continentOf = continents();
  const nodes = [];
  const child = () => nodes.push([null, null]) - 1;
  let root = child();
  for (let depth = 0; depth < ipv4Depth; depth += 1) root = nodes[root][0] = child();
  const records = new Map();
  let bytes = 0;
  const known = [];
  for (const { at, bits, country } of networks()) {
    if (country === null || !continentOf.has(country)) continue;
    known.push({ at, bits });
    if (!records.has(country)) {
      const data = encoded({ country: { iso_code: country }, continent: { code: continentOf.get(country) } });
      records.set(country, { at: bytes, data });
      bytes += data.length;
    }
    let node = root;
    for (let depth = 0; depth < bits - 1; depth += 1) node = nodes[node][Math.floor(at / 2 ** (31 - depth)) % 2] ??= child();
    nodes[node][Math.floor(at / 2 ** (32 - bits)) % 2] = records.get(country);
  }
  const tree = Buffer.alloc(nodes.length * 8);
  const pointer = (entry) => (entry === null ? nodes.length : typeof entry === 'number' ? entry : nodes.length + separatorBytes + entry.at);
  nodes.forEach(([left, right], i) => { tree.writeUInt32BE(pointer(left), i * 8); tree.writeUInt32BE(pointer(right), i * 8 + 4); });
  const metadata = encoded({
    node_count: number(types.uint32, nodes.length), record_size: number(types.uint16, 32), ip_version: number(types.uint16, 6), database_type: 'GeoIP2-Country',
    languages: ['en'], description: { en: 'Countries' }, binary_format_major_version: number(types.uint16, 2), binary_format_minor_version: number(types.uint16, 0),
    build_epoch: number(types.uint64, 1_700_000_000),
  });
  return { bytes: Buffer.concat([tree, Buffer.alloc(separatorBytes), ...[...records.values()].map(({ data }) => data), Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'), metadata]), known };
}
