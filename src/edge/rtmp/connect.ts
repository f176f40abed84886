// What a `connect` asks for: the streaming distribution by the host of its URL, under CloudFront's application name, or a documented refusal.
import type { AmfMap, AmfValue } from '../../protocol/rtmp/amf0';
import type { StreamingSite } from '../../snapshot/site';

/** CloudFront's application and its instance (guide: "Configuring the media player"). */
const application = 'cfx/st';
const urlCharsMax = 4096;

/** CloudFront's words for what is wrong (guide: "Troubleshooting RTMP distributions"). */
export type ConnectRefusal = 'DistributionNotFound' | 'DistributionTypeMismatch' | 'InvalidInstance' | 'InvalidURI';

export interface Connected {
  readonly site: StreamingSite;
  readonly host: string;
  /** The URL as it was given, without its query. */
  readonly url: string;
  /** Behind the URL's `?`; empty: none. */
  readonly query: string;
  /** The player and the page it is on, as it says; empty: it does not. */
  readonly swfUrl: string;
  readonly pageUrl: string;
  readonly flashVersion: string;
  /** 3: the player may send commands in AMF3's form. */
  readonly objectEncoding: number;
}

/** A host's distribution: streaming and enabled, of the other kind, or none. */
export type StreamingLookup = (host: string) => StreamingSite | 'web' | null;

export function readConnect(properties: AmfMap, find: StreamingLookup): Connected | { readonly refused: ConnectRefusal } {
  const url = /^rtmp(?:e|t|te|s|ts)?:\/\/([^/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?/i.exec(text(properties.get('tcUrl')));
  const host = url === null ? null : hostOf(url[1] as string);
  if (url === null || host === null) return { refused: 'InvalidURI' };
  const app = text(properties.get('app')).split('?', 1)[0] ?? '';
  if (app !== application) return { refused: 'InvalidInstance' };
  const site = find(host);
  if (site === null) return { refused: 'DistributionNotFound' };
  if (site === 'web') return { refused: 'DistributionTypeMismatch' };
  const encoding = properties.get('objectEncoding');
  return {
    site, host, url: url[0].split('?', 1)[0] as string, query: url[3] ?? '', swfUrl: text(properties.get('swfUrl')), pageUrl: text(properties.get('pageUrl')),
    flashVersion: text(properties.get('flashVer')), objectEncoding: encoding === 3 ? 3 : 0,
  };
}

const text = (value: AmfValue): string => typeof value === 'string' && value.length <= urlCharsMax ? value : '';

/** Lower case, without port, brackets and the dot at its end. */
function hostOf(authority: string): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:@[\]]+))(?::\d{1,5})?$/i.exec(authority);
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '') ?? null;
}
