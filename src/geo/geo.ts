// Where an address is: from the database that comes with Edgefront or from the operator's, read anew when it changes.
import { canonicalAddress } from '../base/ip-ranges';
import type { Log } from '../base/log';
import { Memo } from '../base/memo';
import type { Service } from '../base/service';
import { isSpecialAddress } from '../base/special-addresses';
import { readWhole, WatchedFile } from '../base/watched-file';
import { CountryDatabase } from './country-database';
import { placeOfCountry, type Place } from './places';

/** MaxMind's largest is below 1 GB; the file is held in memory whole. */
const fileBytesMax = 2_000_000_000;
/** Addresses whose country is remembered: a look-up takes 1 µs in the tree and a twentieth of that here. */
const rememberedMax = 16_384;
/** Addresses whose place is remembered: subnets that resolvers ask for come again and again. */
const locatedMax = 65_536;
const what = 'geo-database';

export interface Geo {
  /** Upper-case ISO 3166-1 code of the country; null when it is not known. */
  countryOf(address: string): string | null;
}

export interface Location {
  readonly country: string | null;
  /** Where the database says, else where most of the country's people may be; null when neither is known. */
  readonly place: Place | null;
  /** All addresses that share so many bits with this one are there; null when nobody says. */
  readonly bits: number | null;
}

export interface GeoParts {
  /** Null: the database that comes with Edgefront. */
  readonly file: string | null;
  readonly log: Log;
}

const embeddedFile = (): string => require.resolve('@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb');

/** One database for the whole process. */
export class GeoDatabase implements Geo, Service {
  private database: CountryDatabase | null = null;
  private remembered = new Memo<string, string | null>(rememberedMax);
  private located = new Memo<string, Location>(locatedMax);

  /**
   * @param publicOnly the database is only believed about public addresses: the one that comes with Edgefront places
   *   192.168.0.0/16 in a country, while an operator's may well know where a private network is
   */
  private constructor(private readonly source: { readonly current: CountryDatabase } & Service, private readonly publicOnly: boolean) {}

  /** @throws Fault `geo-database-broken` */
  static async open({ file, log }: GeoParts): Promise<GeoDatabase> {
    const parts = { file: file ?? embeddedFile(), what, bytesMax: fileBytesMax, parse: (bytes: Buffer) => announced(new CountryDatabase(bytes), log) };
    if (file !== null) return new GeoDatabase(await WatchedFile.open({ ...parts, log }), false);
    return new GeoDatabase({ current: await readWhole(parts), close: async () => {} }, true);
  }

  countryOf(address: string): string | null {
    this.renew();
    const known = this.remembered.get(address);
    if (known !== undefined) return known;
    const canonical = canonicalAddress(address);
    const country = canonical === null || (this.publicOnly && isSpecialAddress(canonical)) ? null : this.source.current.countryOf(canonical);
    this.remembered.set(address, country);
    return country;
  }

  /** What was remembered of another database is forgotten. */
  private renew(): void {
    if (this.database === this.source.current) return;
    this.database = this.source.current;
    this.remembered = new Memo(rememberedMax);
    this.located = new Memo(locatedMax);
  }

  /** The same address has the same place again, as an object too. */
  locate(address: string): Location {
    this.renew();
    const known = this.located.get(address);
    if (known !== undefined) return known;
    const location = this.find(address);
    this.located.set(address, location);
    return location;
  }

  private find(address: string): Location {
    const canonical = canonicalAddress(address);
    if (canonical === null || (this.publicOnly && isSpecialAddress(canonical))) return { country: null, place: null, bits: null };
    const { country, place, bits } = this.source.current.find(canonical);
    return { country, place: place ?? (country === null ? null : placeOfCountry(country)), bits };
  }

  close(): Promise<void> { return this.source.close(); }
}

function announced(database: CountryDatabase, log: Log): CountryDatabase {
  log.info(what, { type: database.type, built: new Date(database.builtAtMs).toISOString() });
  return database;
}
