// The CloudFront-* fields that tell key and origin about the viewer (guide: adding-cloudfront-headers). Viewers cannot say them.
import { field, type Fields } from '../protocol/http/fields';
import { deviceOf } from './device';
import type { ViewerRequest } from './http/exchange';
import { plain } from './wanted';

/** Where a viewer is, as far as it is known. */
export interface ViewerPlace {
  /** Upper-case ISO 3166-1 code; null: not known. */
  readonly country: string | null;
}

const prefix = 'cloudfront-';
/** Guide: "Headers beyond the character limit of 7,680 are truncated". */
const headerOrderCharsMax = 7_680;

/** Null: there is nothing to say, and the field is left out. */
type Told = (request: ViewerRequest, place: ViewerPlace) => string | null;

const device = (kind: keyof ReturnType<typeof deviceOf>): Told => ({ fields }) => String(deviceOf(field(fields, 'user-agent'))[kind]);

/**
 * Fields that are not here are never told: CloudFront-Viewer-TLS and -JA3-Fingerprint are about HTTPS, the others need what the
 * country database does not hold (ASN, City, Country-Region, Latitude, Longitude, Metro-Code, Postal-Code, Time-Zone).
 */
const told: ReadonlyMap<string, Told> = new Map<string, Told>([
  ['cloudfront-is-android-viewer', device('android')],
  ['cloudfront-is-desktop-viewer', device('desktop')],
  ['cloudfront-is-ios-viewer', device('ios')],
  ['cloudfront-is-mobile-viewer', device('mobile')],
  ['cloudfront-is-smarttv-viewer', device('smartTv')],
  ['cloudfront-is-tablet-viewer', device('tablet')],
  ['cloudfront-viewer-address', ({ remoteAddress, remotePort }) => `${remoteAddress}:${remotePort}`],
  ['cloudfront-viewer-country', (_request, { country }) => country],
  ['cloudfront-viewer-country-name', (_request, { country }) => country === null ? null : countryName(country)],
  ['cloudfront-forwarded-proto', ({ scheme }) => scheme],
  ['cloudfront-viewer-http-version', ({ httpVersion }) => httpVersion === '2' ? '2.0' : httpVersion],
  // Names are in lower case, as HTTP/2 has them: how an HTTP/1.1 viewer wrote them is not kept.
  ['cloudfront-viewer-header-order', ({ fields }) => namesOf(fields).join(':').slice(0, headerOrderCharsMax)],
  ['cloudfront-viewer-header-count', ({ fields }) => String(fields.length / 2)],
]);

const regionNames = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });

/** Guide: what is not ASCII is percent-encoded. */
function countryName(code: string): string | null {
  if (!/^[A-Z]{2}$/.test(code)) return null;
  return regionNames.of(code)?.replace(/[^\x20-\x7e]/gu, (character) => encodeURIComponent(character)) ?? null;
}

function namesOf(fields: Fields): string[] {
  return fields.filter((_, i) => i % 2 === 0);
}

/** True for a name that only this edge may say. */
export function isViewerField(name: string): boolean {
  return name.startsWith(prefix);
}

/** The request with the named fields, and without any of the kind that the viewer sent. @param names lower case */
export function withViewerFields(request: ViewerRequest, names: readonly string[], place: ViewerPlace): Fields {
  const kept: string[] = [];
  for (let i = 0; i < request.fields.length; i += 2) {
    const name = request.fields[i] as string;
    if (!isViewerField(name)) kept.push(name, request.fields[i + 1] as string);
  }
  const own: string[] = [];
  const sent = { ...plain(request), fields: kept };
  for (const name of names) {
    const value = told.get(name)?.(sent, place) ?? null;
    if (value !== null) own.push(name, value);
  }
  return [...kept, ...own];
}
