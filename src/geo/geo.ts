// Which country an address is in: from the database that comes with Edgefront or from the operator's, read anew when it changes.
import { readFile, stat } from 'node:fs/promises';
import { Fault, messageOf } from '../base/fault';
import { canonicalAddress } from '../base/ip-ranges';
import type { Log } from '../base/log';
import { Memo } from '../base/memo';
import type { Service } from '../base/service';
import { isSpecialAddress } from '../base/special-addresses';
import { CountryDatabase } from './country-database';

/** MaxMind's largest is below 1 GB; the file is held in memory whole. */
const fileBytesMax = 2_000_000_000;
/** Looked at by time and not by notification: those miss files that are renamed into place or lie on network disks. */
const checkMs = 5_000;

export interface Geo {
  /** Upper-case ISO 3166-1 code of the country; null when it is not known. */
  countryOf(address: string): string | null;
}

export interface GeoParts {
  /** Null: the database that comes with Edgefront. */
  readonly file: string | null;
  readonly log: Log;
}

/** Addresses whose country is remembered: a look-up takes 1 µs in the tree and a twentieth of that here. */
const rememberedMax = 16_384;

/** What tells one version of a file from another; empty when there is none. */
async function versionOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch {
    return '';
  }
}

const embeddedFile = (): string => require.resolve('@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb');

/**
 * One database for the whole process. A new file is read beside the old one and takes its place in one step, once it
 * has lain unchanged for one interval (somebody may still be writing it); a broken or missing one is reported once,
 * and the old one stays in force.
 */
export class GeoDatabase implements Geo, Service {
  private timer: NodeJS.Timeout | null = null;
  private checking: Promise<void> | null = null;
  /** Versions of the file: as last seen, and as last read, whether taken or refused. */
  private seen: string;
  private remembered = new Memo<string, string | null>(rememberedMax);

  /**
   * @param publicOnly the database is only believed about public addresses: the one that comes with Edgefront places
   *   192.168.0.0/16 in a country, while an operator's may well know where a private network is
   */
  private constructor(
    private readonly file: string, private readonly publicOnly: boolean, private readonly log: Log, private database: CountryDatabase, private judged: string,
  ) {
    this.seen = judged;
  }

  /** @throws Fault `geo-database-broken` */
  static async open({ file, log }: GeoParts): Promise<GeoDatabase> {
    const path = file ?? embeddedFile();
    const version = await versionOf(path);
    const geo = new GeoDatabase(path, file === null, log, await read(path), version);
    geo.announce();
    if (file !== null) {
      geo.timer = setInterval(() => { geo.checking ??= geo.check().finally(() => { geo.checking = null; }); }, checkMs);
      geo.timer.unref();
    }
    return geo;
  }

  countryOf(address: string): string | null {
    const known = this.remembered.get(address);
    if (known !== undefined) return known;
    const canonical = canonicalAddress(address);
    const country = canonical === null || (this.publicOnly && isSpecialAddress(canonical)) ? null : this.database.countryOf(canonical);
    this.remembered.set(address, country);
    return country;
  }

  /** Looks whether there is a new file. Never throws. */
  async check(): Promise<void> {
    const version = await versionOf(this.file);
    const settled = version === this.seen;
    this.seen = version;
    if (!settled || version === this.judged) return;
    this.judged = version;
    try {
      this.database = await read(this.file);
      this.remembered = new Memo(rememberedMax);
      this.announce();
    } catch (thrown) {
      this.log.warn('geo-database-kept', { file: this.file, reason: messageOf(thrown) });
    }
  }

  async close(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.checking;
  }

  private announce(): void {
    const { type, builtAtMs } = this.database;
    this.log.info('geo-database', { file: this.file, type, built: new Date(builtAtMs).toISOString() });
  }
}

async function read(file: string): Promise<CountryDatabase> {
  try {
    const before = await stat(file);
    if (before.size > fileBytesMax) throw new Error(`it has more than ${fileBytesMax} bytes`);
    const bytes = await readFile(file);
    if ((await stat(file)).mtimeMs !== before.mtimeMs || bytes.length !== before.size) throw new Error('it changed while it was read');
    return new CountryDatabase(bytes);
  } catch (thrown) {
    throw new Fault('geo-database-broken', 'machine', `cannot use the country database ${file}: ${messageOf(thrown)}`, { cause: thrown });
  }
}
