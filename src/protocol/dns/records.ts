// The records that an authoritative server of ours answers with, and how their data are written.

/** Always of class IN. Names without a final dot. */
export type ResourceRecord =
  | { readonly type: 'A' | 'AAAA' | 'NS'; readonly name: string; readonly ttl: number; readonly data: string }
  | { readonly type: 'SOA'; readonly name: string; readonly ttl: number; readonly data: StartOfAuthority }
  /** `data`: see `httpsRecordData`. */
  | { readonly type: 'HTTPS'; readonly name: string; readonly ttl: number; readonly data: Buffer };

/** RFC 1035 section 3.3.13; times in seconds. */
export interface StartOfAuthority {
  readonly mname: string;
  readonly rname: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

/** An answer as it grows. */
export interface DataWriter {
  readonly bytes: Buffer;
  at: number;
  readonly bytesMax: number;
  /** A name that is in the answer already, in lower case, and where: others that end like it point there. */
  readonly suffixOf: string;
  readonly suffixAt: number;
}

/** IANA's numbers; HTTPS is RFC 9460's. */
const typeNumbers = { A: 1, NS: 2, SOA: 6, AAAA: 28, HTTPS: 65 } as const;

/** @returns the number of the record's type; null when its data do not fit */
export function writeData(out: DataWriter, record: ResourceRecord): number | null {
  const fits = ((): boolean => {
    switch (record.type) {
      case 'A': case 'AAAA': return writeBytes(out, addressOctets(record.data));
      case 'NS': return writeName(out, record.data);
      case 'HTTPS': return writeBytes(out, record.data);
      case 'SOA': return writeStart(out, record.data);
    }
  })();
  return fits ? typeNumbers[record.type] : null;
}

function writeBytes(out: DataWriter, data: Buffer): boolean {
  if (out.at + data.length > out.bytesMax) return false;
  out.at += data.copy(out.bytes, out.at);
  return true;
}

function writeStart(out: DataWriter, { mname, rname, serial, refresh, retry, expire, minimum }: StartOfAuthority): boolean {
  if (!writeName(out, mname) || !writeName(out, rname)) return false;
  const numbers = [serial, refresh, retry, expire, minimum];
  if (out.at + numbers.length * 4 > out.bytesMax) return false;
  for (const number of numbers) out.at = out.bytes.writeUInt32BE(number, out.at);
  return true;
}

/**
 * Writes the labels that the name does not share with the end of `suffixOf`, then a pointer there.
 * @param name in lower case
 * @returns false when it does not fit
 */
export function writeName(out: DataWriter, name: string): boolean {
  for (let rest = name; rest !== '';) {
    // As text and as sent, a label begins at the same distance from the name's beginning.
    const at = out.suffixOf.length - rest.length;
    if (at >= 0 && out.suffixOf.endsWith(rest) && (at === 0 || out.suffixOf[at - 1] === '.')) {
      if (out.at + 2 > out.bytesMax) return false;
      out.at = out.bytes.writeUInt16BE(0xc000 | (out.suffixAt + at), out.at);
      return true;
    }
    const dot = rest.indexOf('.');
    const label = dot < 0 ? rest : rest.slice(0, dot);
    if (out.at + 1 + label.length > out.bytesMax) return false;
    out.bytes[out.at] = label.length;
    out.at += 1 + out.bytes.write(label, out.at + 1, 'latin1');
    rest = dot < 0 ? '' : rest.slice(dot + 1);
  }
  if (out.at + 1 > out.bytesMax) return false;
  out.bytes[out.at] = 0;
  out.at += 1;
  return true;
}

/** @param address a valid address, without zone and, if IPv6, without an IPv4 part */
export function addressOctets(address: string): Buffer {
  return address.includes(':') ? ipv6Octets(address) : ipv4Octets(address);
}

function ipv4Octets(address: string): Buffer {
  const octets = Buffer.allocUnsafe(4);
  let at = 0;
  let octet = 0;
  for (let i = 0; i < address.length; i += 1) {
    const code = address.charCodeAt(i);
    if (code === 0x2e) { octets[at] = octet; at += 1; octet = 0; } else octet = octet * 10 + code - 0x30;
  }
  octets[at] = octet;
  return octets;
}

function ipv6Octets(address: string): Buffer {
  const [head = '', tail] = address.split('::');
  const groupsOf = (text: string | undefined): number[] => text === undefined || text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [groupsOf(head), groupsOf(tail)];
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** One parameter of an HTTPS record (RFC 9460 section 14.3.2). */
const svcParam = (key: number, value: Buffer): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(key, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value]);
};
const svcParamKeys = { alpn: 1, port: 3, ipv4hint: 4, ipv6hint: 6 } as const;

export interface ServiceBinding {
  /** In order of preference, e.g. `h2`. */
  readonly protocols: readonly string[];
  /** Null: the scheme's own. */
  readonly port: number | null;
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

/** The data of an HTTPS record in service mode whose target is its owner (RFC 9460 section 2.2). */
export function httpsRecordData({ protocols, port, ipv4, ipv6 }: ServiceBinding): Buffer {
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16BE(port ?? 443);
  return Buffer.concat([
    // Priority 1, then the root as target.
    Buffer.from([0, 1, 0]),
    svcParam(svcParamKeys.alpn, Buffer.concat(protocols.map((name) => Buffer.from([name.length, ...Buffer.from(name, 'latin1')])))),
    ...(port === null ? [] : [svcParam(svcParamKeys.port, portBytes)]),
    ...(ipv4.length === 0 ? [] : [svcParam(svcParamKeys.ipv4hint, Buffer.concat(ipv4.map(addressOctets)))]),
    ...(ipv6.length === 0 ? [] : [svcParam(svcParamKeys.ipv6hint, Buffer.concat(ipv6.map(addressOctets)))]),
  ]);
}
