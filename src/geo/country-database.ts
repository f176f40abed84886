// One MMDB (MaxMind DB 2.0) in memory: address to country and, where it knows them, coordinates, whatever shape its records have.
import { Reader, type Response } from 'mmdb-lib';
import { Fault, messageOf } from '../base/fault';
import { canonicalAddress } from '../base/ip-ranges';
import { Memo } from '../base/memo';
import type { Place } from './places';

/** Decoded records that are kept; a country database has some hundred, a city database hundreds of thousands. */
const recordsMax = 4096;
/** Networks looked at, of each family, for one with a country before a database counts as having none. */
const probesMax = 65_536;

interface Record {
  readonly country?: unknown; readonly country_code?: unknown;
  readonly location?: unknown; readonly latitude?: unknown; readonly longitude?: unknown;
}

/** What a database says of an address. */
export interface Found {
  /** Upper-case ISO 3166-1 code; null when it does not know. */
  readonly country: string | null;
  /** Null in a database of countries. */
  readonly place: Place | null;
  /** All addresses that share so many bits with this one are said to be there. */
  readonly bits: number;
}

/**
 * Where the address is, as far as the record says: `country.iso_code` (MaxMind, DB-IP), `country_code` (ip-location-db,
 * newer IPinfo) or `country` (IPinfo). MaxMind's `registered_country` says who holds the address, not where it is used.
 */
function countryIn(record: Record | null): string | null {
  if (typeof record !== 'object' || record === null) return null;
  const { country, country_code: code } = record;
  const named = typeof country === 'object' && country !== null ? (country as { iso_code?: unknown }).iso_code : code ?? country;
  return typeof named === 'string' && /^[A-Za-z]{2}$/.test(named) ? named.toUpperCase() : null;
}

/** `location` holds the coordinates (MaxMind, DB-IP), or the record itself does (ip-location-db). */
function placeIn(record: Record | null): Place | null {
  if (typeof record !== 'object' || record === null) return null;
  const { latitude, longitude } = (typeof record.location === 'object' && record.location !== null ? record.location : record) as Record;
  if (typeof latitude !== 'number' || typeof longitude !== 'number' || !(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return null;
  return { latitude, longitude };
}

export class CountryDatabase {
  private readonly reader: Reader<Response>;

  /**
   * @param bytes the whole file; kept, not copied
   * @throws Fault `geo-database-broken`
   */
  constructor(bytes: Buffer) {
    try {
      this.reader = new Reader<Response>(bytes, { cache: new Memo<string | number, unknown>(recordsMax) });
      const { searchTreeSize, ipVersion } = this.reader.metadata;
      if (!Number.isSafeInteger(searchTreeSize) || searchTreeSize + 16 > bytes.length) throw new Error('the search tree is larger than the file');
      // One with autonomous systems, say, would let everybody pass as unknown.
      if (!this.findsCountry(0n, 32) && !(ipVersion === 6 && this.findsCountry(1n << 125n, 128))) throw new Error('no record in it names a country');
    } catch (thrown) {
      throw new Fault('geo-database-broken', 'machine', `not a usable country database: ${messageOf(thrown)}`, { cause: thrown });
    }
  }

  /** As its maker names it, e.g. `GeoLite2-Country`. */
  get type(): string { return this.reader.metadata.databaseType; }
  get builtAtMs(): number { return this.reader.metadata.buildEpoch.getTime(); }

  /** Upper-case ISO 3166-1 code; null when the database does not know. @param address in canonical spelling */
  countryOf(address: string): string | null {
    if (this.reader.metadata.ipVersion === 4 && address.includes(':')) return null;
    return countryIn(this.reader.get(address) as Record | null);
  }

  /** @param address in canonical spelling */
  find(address: string): Found {
    if (this.reader.metadata.ipVersion === 4 && address.includes(':')) return { country: null, place: null, bits: 0 };
    const [record, bits] = this.reader.getWithPrefixLength(address) as [Record | null, number];
    return { country: countryIn(record), place: placeIn(record), bits };
  }

  /** Goes from network to network, from `first` on, until one has a country. */
  private findsCountry(first: bigint, bits: 32 | 128): boolean {
    const end = 1n << BigInt(bits);
    let at = first;
    for (let probes = 0; probes < probesMax && at < end; probes += 1) {
      const [record, prefixBits] = this.reader.getWithPrefixLength(addressAt(at, bits));
      if (countryIn(record as Record | null) !== null) return true;
      const size = 1n << BigInt(bits - prefixBits);
      at = (at / size + 1n) * size;
    }
    return false;
  }
}

function addressAt(value: bigint, bits: 32 | 128): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const groups = value.toString(16).padStart(32, '0').match(/.{4}/g) as string[];
  return canonicalAddress(groups.join(':')) ?? '::';
}
