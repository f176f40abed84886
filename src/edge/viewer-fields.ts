// The fields that tell key and origin about the viewer (guide: adding-cloudfront-headers, viewer-mtls-headers). Viewers cannot say them.
import { field, type Fields } from '../protocol/http/fields';
import { byteSequenceOf, distinguishedName, escapedPemOf, serialNumberOf, sha256Of, validityOf } from '../protocol/tls/client-certificate';
import { deviceOf } from './device';
import type { ViewerRequest } from './http/exchange';
import type { ViewerCertificate } from './tls/client-auth';
import { plain } from './wanted';

/** Where a viewer is, as far as it is known. */
export interface ViewerPlace {
  /** Upper-case ISO 3166-1 code; null: not known. */
  readonly country: string | null;
}

const prefix = 'cloudfront-';
/** RFC 9440; in mode passthrough only (guide: mtls-validation-modes). */
const clientCert = 'client-cert';
const clientCertChain = 'client-cert-chain';
/** Guide: "Headers beyond the character limit of 7,680 are truncated". */
const headerOrderCharsMax = 7_680;

/** Null: there is nothing to say, and the field is left out. */
type Told = (request: ViewerRequest, place: ViewerPlace) => string | null;

const device = (kind: keyof ReturnType<typeof deviceOf>): Told => ({ fields }) => String(deviceOf(field(fields, 'user-agent'))[kind]);

/** Nothing is said of a viewer that showed no certificate, nor where none is asked for. */
const ofCertificate = (say: (certificate: ViewerCertificate) => string | null): Told => ({ tls }) => {
  const certificate = tls?.certificate ?? null;
  return certificate === null ? null : say(certificate);
};

const ofPassedCertificate = (say: (certificate: ViewerCertificate) => string | null): Told => (request, place) =>
  request.tls?.terms.clientAuth?.mode === 'passthrough' ? ofCertificate(say)(request, place) : null;

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
  ['cloudfront-viewer-cert-present', ({ tls }) => tls === undefined || tls.terms.clientAuth === null ? null : tls.certificate === null ? '0' : '1'],
  ['cloudfront-viewer-cert-serial-number', ofCertificate(({ own }) => serialNumberOf(own))],
  ['cloudfront-viewer-cert-issuer', ofCertificate(({ own }) => distinguishedName(own.issuer))],
  ['cloudfront-viewer-cert-subject', ofCertificate(({ own }) => distinguishedName(own.subject))],
  ['cloudfront-viewer-cert-sha256', ofCertificate(({ own }) => sha256Of(own))],
  ['cloudfront-viewer-cert-validity', ofCertificate(({ own }) => validityOf(own))],
  ['cloudfront-viewer-cert-pem', ofCertificate(({ own }) => escapedPemOf(own))],
  [clientCert, ofPassedCertificate(({ own }) => byteSequenceOf(own))],
  [clientCertChain, ofPassedCertificate(({ issuers }) => issuers.length === 0 ? null : issuers.map(byteSequenceOf).join(', '))],
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
  return name.startsWith(prefix) || name === clientCert || name === clientCertChain;
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
