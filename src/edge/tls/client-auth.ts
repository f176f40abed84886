// Viewers' certificates: what a handshake asks for, and which of those that are shown are taken (guide: mtls-authentication).
import { createHash, X509Certificate } from 'node:crypto';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { assert } from '../../base/assert';
import { certificationPath, holdsButForExpiry, isStrong, pathCertificatesMax } from '../../protocol/tls/certification-path';
import type { SiteClientAuth } from '../../snapshot/site';

/** What a viewer showed. */
export interface ViewerCertificate {
  readonly own: X509Certificate;
  /** Its issuers, the nearest first, as far as they were sent. */
  readonly issuers: readonly X509Certificate[];
}

export type CertificateShown =
  | { readonly kind: 'none' }
  | { readonly kind: 'taken'; readonly certificate: ViewerCertificate }
  | { readonly kind: 'refused'; readonly reason: string };

/** DER; it may become a header of requests to the origin. */
export const certificateBytesMax = 8192;

const authoritiesIn = (pem: string): readonly X509Certificate[] => (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((block) => new X509Certificate(block));

interface Prepared { readonly context: string; readonly authorities: readonly X509Certificate[] }
const prepared = new WeakMap<SiteClientAuth, Prepared>();

function prepare(auth: SiteClientAuth): Prepared {
  let known = prepared.get(auth);
  if (known === undefined) {
    known = { context: createHash('sha256').update(JSON.stringify(auth)).digest('base64'), authorities: auth.mode === 'passthrough' ? [] : authoritiesIn(auth.authorities) };
    prepared.set(auth, known);
  }
  return known;
}

/** Tells terms apart that ask for different certificates. */
export const contextOf = (auth: SiteClientAuth | null): string => auth === null ? '' : prepare(auth).context;

/** True when a viewer that is taken under one is taken under the other. */
export function isSameAuth(one: SiteClientAuth | null, other: SiteClientAuth | null): boolean {
  return one === other || (one !== null && other !== null && contextOf(one) === contextOf(other));
}

/** Why a site cannot ask for certificates so, or null. */
export function authProblem(auth: SiteClientAuth | null): string | null {
  if (auth === null || auth.mode === 'passthrough') return null;
  try {
    return prepare(auth).authorities.length > 0 ? null : 'there is no authority by which viewers\' certificates could be checked';
  } catch {
    return 'an authority by which viewers\' certificates are to be checked is no certificate';
  }
}

/**
 * What is told to Node's TLS server. Where a certificate is required OpenSSL itself insists on a good one, with an alert when
 * there is none; else the handshake goes on, and `certificateShown` decides.
 */
export function asked(auth: SiteClientAuth): TlsOptions {
  // An empty list, since without one Node takes the public authorities.
  if (auth.mode === 'passthrough') return { requestCert: true, rejectUnauthorized: false, ca: [] };
  assert(prepare(auth).authorities.length > 0, 'a site that asks for certificates has authorities');
  return { requestCert: true, rejectUnauthorized: auth.mode === 'required' && !auth.ignoreExpiry, ca: auth.authorities };
}

/** Decides on a handshake that came to its end. */
export function certificateShown(socket: TLSSocket, auth: SiteClientAuth, nowMs: number): CertificateShown {
  const own = socket.getPeerX509Certificate();
  if (own === undefined) return auth.mode === 'required' ? refused('certificate-missing') : { kind: 'none' };
  if (own.raw.length > certificateBytesMax) return refused('certificate-too-large');
  const taken: CertificateShown = { kind: 'taken', certificate: { own, issuers: issuersOf(own) } };
  if (auth.mode === 'passthrough') return taken;
  const problem = socket.authorized ? null : reasonOf(socket.authorizationError);
  if (problem !== null && !(problem === 'cert-has-expired' && auth.ignoreExpiry)) return refused(problem);
  const path = certificationPath(own, taken.certificate.issuers, prepare(auth).authorities);
  if (path === null) return refused('no-path-to-an-authority');
  if (!isStrong(path)) return refused('certificate-weak');
  return problem === null || holdsButForExpiry(path, nowMs) ? taken : refused('expired-and-more');
}

const refused = (reason: string): CertificateShown => ({ kind: 'refused', reason });

/** OpenSSL's name of what is wrong, as reasons are written here. Node's types call it an Error. */
const reasonOf = (error: unknown): string => String(error).toLowerCase().replaceAll('_', '-');

function issuersOf(own: X509Certificate): readonly X509Certificate[] {
  const issuers: X509Certificate[] = [];
  for (let next = own.issuerCertificate; next !== undefined && issuers.length < pathCertificatesMax - 1; next = next.issuerCertificate) {
    const last = issuers.at(-1) ?? own;
    if (next.raw.equals(last.raw)) break;
    issuers.push(next);
  }
  return issuers;
}

/** Why OpenSSL ended a handshake, if it was for the viewer's certificate; else null. */
export function refusalIn(error: Error, socket: TLSSocket): string | null {
  if ((error as NodeJS.ErrnoException).code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') return 'certificate-missing';
  return socket.authorizationError as unknown === null || socket.authorizationError === undefined ? null : reasonOf(socket.authorizationError);
}
