// What the operator says of origins that only the edge may read: their keys, and where they really are. Kept on the edge, in
// one file, and never in a distribution.
import type { Stats } from 'node:fs';
import type { Log } from '../../base/log';
import type { Service } from '../../base/service';
import { WatchedFile } from '../../base/watched-file';
import { matchesWildcards } from '../../base/wildcards';
import type { SigningKeyPair } from '../../protocol/aws/sigv4-sign';

const fileBytesMax = 1_000_000;
const endpointsMax = 10_000;

/** What holds for origins of certain names. */
export interface OriginEndpoint {
  /** Patterns (`*`, `?`) that origins' domain names are compared with. */
  readonly origins: readonly string[];
  /** Null: nothing is signed. */
  readonly key: SigningKeyPair | null;
  /** Null: as the origin's domain name says, else `us-east-1`. */
  readonly region: string | null;
  /** Where to send requests instead; null: to the origin itself. */
  readonly url: { readonly secure: boolean; readonly host: string; readonly port: number } | null;
  /** Whether the bucket stands in the path or in the Host field of what is sent to `url`. */
  readonly addressing: 'path' | 'host';
  /** Whether access logs may be written to buckets of these names. */
  readonly logs: boolean;
}

export interface OriginEndpoints {
  /** The first whose patterns have the origin's name. */
  find(host: string): OriginEndpoint | null;
}

export const noEndpoints: OriginEndpoints = { find: () => null };

const members = ['origins', 'accessKeyId', 'secretAccessKey', 'region', 'url', 'addressing', 'logs'];

/** Says what is wrong without saying what is there: some of it is secret. */
function wrong(index: number, what: string): never {
  throw new Error(`entry ${index + 1}: ${what}`);
}

function parseEntry(entry: unknown, index: number): OriginEndpoint {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) wrong(index, 'not an object');
  const given = entry as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(given).find((name) => !members.includes(name));
  if (unknown !== undefined) wrong(index, `there is no member ${unknown.slice(0, 64)}`);
  const text = (name: string, form: RegExp): string | null => {
    const value = given[name];
    if (value === undefined) return null;
    return typeof value === 'string' && form.test(value) ? value : wrong(index, `${name} has not the form of one`);
  };
  const { origins } = given;
  if (!Array.isArray(origins) || origins.length === 0 || !origins.every((one) => typeof one === 'string' && /^[a-z0-9.*?:-]{1,255}$/.test(one))) {
    wrong(index, 'origins must be a list of lower-case names, which may hold * and ?');
  }
  const accessKeyId = text('accessKeyId', /^[\x21-\x7e]{1,128}$/);
  const secretAccessKey = text('secretAccessKey', /^[\x21-\x7e]{1,256}$/);
  if ((accessKeyId === null) !== (secretAccessKey === null)) wrong(index, 'accessKeyId and secretAccessKey come together');
  const addressing = text('addressing', /^(path|host)$/) ?? 'path';
  return {
    origins: origins as string[],
    key: accessKeyId === null || secretAccessKey === null ? null : { accessKeyId, secretAccessKey },
    region: text('region', /^[a-z0-9-]{1,64}$/),
    url: urlOf(text('url', /^https?:\/\/[^\s/?#@]{1,255}\/?$/), index),
    addressing: addressing === 'host' ? 'host' : 'path',
    logs: given['logs'] === undefined || typeof given['logs'] === 'boolean' ? given['logs'] === true : wrong(index, 'logs must be true or false'),
  };
}

function urlOf(text: string | null, index: number): OriginEndpoint['url'] {
  if (text === null) return null;
  if (!URL.canParse(text)) wrong(index, 'url is no URL');
  const { protocol, hostname, port } = new URL(text);
  const secure = protocol === 'https:';
  return { secure, host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (secure ? 443 : 80) : Number(port) };
}

/** @throws Error that says what is wrong, and no secret */
export function parseEndpoints(bytes: Buffer): OriginEndpoints {
  let content: unknown;
  try {
    content = JSON.parse(bytes.toString('utf8'));
  } catch {
    // V8's message quotes the text around the mistake.
    throw new Error('it is not JSON');
  }
  if (!Array.isArray(content) || content.length > endpointsMax) throw new Error(`it must be a list of at most ${endpointsMax} entries`);
  const endpoints = content.map(parseEntry);
  return { find: (host) => endpoints.find(({ origins }) => origins.some((pattern) => matchesWildcards(pattern, host))) ?? null };
}

/** Secrets are for the edge's own user alone. */
function inspect({ mode }: Stats): void {
  if ((mode & 0o077) !== 0) throw new Error('others may read or write it: chmod 600');
}

/** The operator's file, read anew when it changes. */
export class EndpointsFile implements OriginEndpoints, Service {
  private constructor(private readonly source: WatchedFile<OriginEndpoints>) {}

  /** @throws Fault `origin-endpoints-broken` */
  static async open(file: string, log: Log): Promise<EndpointsFile> {
    return new EndpointsFile(await WatchedFile.open({ file, what: 'origin-endpoints', bytesMax: fileBytesMax, parse: parseEndpoints, inspect, log }));
  }

  find(host: string): OriginEndpoint | null { return this.source.current.find(host); }

  close(): Promise<void> { return this.source.close(); }
}
