// Which certificate, protocols and ciphers a viewer is met with, by the name it asks for; made when first needed, and few at a time.
import { constants, createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { assert } from '../../base/assert';
import type { Clock } from '../../base/clock';
import { messageOf } from '../../base/fault';
import type { FleetKeys } from '../../snapshot/fleet-keys';
import type { CertificateSite, SiteTls } from '../../snapshot/site';
import type { TermsOfName } from '../sites';
import { asked, certificateShown, contextOf, isSameAuth, type CertificateShown } from './client-auth';
import { cipherText, curves, securityPolicy } from './security-policies';

/** How viewers of a site are met. */
export type TlsTerms = SiteTls;

/** How viewers of a name are met, as the site table knows it; null: no site has the name. */
export type TermsOf = (name: string) => TermsOfName | null;

export const defaultCertificateId = 'default';
/** As CloudFront's own certificate: everything from TLS 1.0 on (guide: Security Policy). */
const defaultTerms: TlsTerms = { certificate: defaultCertificateId, policy: 'TLSv1', http2: true, clientAuth: null };

/** Contexts in memory, 32 KB each; one that is needed again is made again in 1.3 ms of CPU, as much as a handshake takes beside it. */
const contextsMax = 2_048;
/** A context's ticket keys live as long as it does: who steals them can read no more than so much of the past. */
const contextMs = 12 * 3_600_000;
/** From connecting to the end of the handshake. */
export const handshakeMs = 10_000;

interface Context { readonly server: Server; readonly madeAtMs: number; readonly chain: string }

/** A certificate with its issuers, and its private key. */
export interface TlsIdentity {
  readonly chain: string;
  readonly key: string;
  /** SHA-256 of the certificate itself. */
  readonly fingerprint: string;
  /** Lower case; may start with `*.`. */
  readonly names: ReadonlySet<string>;
}

export class TlsDirectory {
  private readonly identities = new Map<string, TlsIdentity>();
  /** The least recently used first. */
  private readonly contexts = new Map<string, Context>();

  constructor(private readonly keys: Pick<FleetKeys, 'open'>, private readonly termsOf: TermsOf, private readonly clock: Clock) {}

  get certificates(): number { return this.identities.size; }

  /** @returns why it cannot be used, or null; the version before then stays */
  put(certificate: CertificateSite): string | null {
    try {
      const key = this.keys.open(certificate.sealedKey, certificate.id);
      createPrivateKey(key);
      this.identities.set(certificate.id, { chain: certificate.chain, key, fingerprint: new X509Certificate(certificate.chain).fingerprint256, names: namesIn(certificate.chain) });
      return null;
    } catch (thrown) {
      // Never the key itself: OpenSSL's reasons name functions, not content.
      return `the certificate cannot be used: ${messageOf(thrown)}`;
    }
  }

  /** Null: it was never told of, or is gone. */
  identity(id: string): TlsIdentity | null { return this.identities.get(id) ?? null; }
  remove(id: string): void { this.identities.delete(id); }
  ids(): IterableIterator<string> { return this.identities.keys(); }

  /** Of the certificate that names get which no site has; null: there is none. */
  defaultFingerprint(): string | null { return this.identities.get(defaultCertificateId)?.fingerprint ?? null; }

  /** The terms for a name; those of the default certificate for a name that no site has, as CloudFront does. */
  termsFor(name: string | null): TlsTerms {
    const terms = name === null ? null : this.termsOf(name);
    if (terms === null) return defaultTerms;
    const { preferred } = terms;
    // Guide, tenant-customization: where a tenant's and its distribution's certificates cover the same domain, the tenant's is used.
    return preferred !== null && this.isCovered(terms.name, preferred) ? { ...terms, certificate: preferred } : terms;
  }

  private isCovered(name: string, certificate: string): boolean {
    const names = this.identities.get(certificate)?.names;
    return names !== undefined && (names.has(name) || names.has(`*${name.slice(name.indexOf('.'))}`));
  }

  /** True when what was agreed for one name may serve another: the viewer would have been met alike. */
  covers(agreed: TlsTerms, host: string, httpVersion: string): boolean {
    const terms = this.termsFor(host);
    return terms.certificate === agreed.certificate && terms.policy === agreed.policy && isSameAuth(terms.clientAuth, agreed.clientAuth)
      && (terms.http2 || httpVersion !== '2');
  }

  /** What a viewer showed in a handshake under these terms, and whether it is taken. */
  certificateShown(socket: TLSSocket, { clientAuth }: TlsTerms): CertificateShown {
    return clientAuth === null ? { kind: 'none' } : certificateShown(socket, clientAuth, this.clock.nowMs());
  }

  /**
   * Who shakes hands under these terms. Not listening: connections are handed to it, as Node's documentation of the
   * 'connection' event says.
   * @param http2 the viewer can speak TLS 1.2 at least, without which there is no HTTP/2 (RFC 9113 section 9.2)
   */
  serverFor(terms: TlsTerms, http2: boolean): Server | null {
    const identity = this.identities.get(terms.certificate);
    if (identity === undefined) return null;
    const key = `${terms.policy} ${terms.http2 && http2} ${terms.certificate} ${contextOf(terms.clientAuth)}`;
    const nowMs = this.clock.monotonicMs();
    const known = this.contexts.get(key);
    this.contexts.delete(key);
    const context = known !== undefined && known.chain === identity.chain && nowMs - known.madeAtMs < contextMs
      ? known : { server: makeServer(identity, terms, terms.http2 && http2), madeAtMs: nowMs, chain: identity.chain };
    this.contexts.set(key, context);
    if (this.contexts.size > contextsMax) this.contexts.delete(this.contexts.keys().next().value as string);
    return context.server;
  }
}

function makeServer({ chain, key }: TlsIdentity, terms: TlsTerms, http2: boolean): Server {
  const policy = securityPolicy(terms.policy);
  assert(policy !== undefined, 'a site with a policy that is none is not taken');
  return createServer({
    cert: chain, key, minVersion: policy.minVersion, maxVersion: 'TLSv1.3', ciphers: cipherText(policy), honorCipherOrder: true, ecdhCurve: curves,
    ALPNProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
    handshakeTimeout: handshakeMs,
    // A session is taken up again under the same terms only.
    sessionIdContext: sessionContext(terms),
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION
      // Whoever is asked for a certificate shows it in every handshake: nothing that was taken once is taken again unseen.
      | (terms.clientAuth === null ? 0 : constants.SSL_OP_NO_TICKET),
    ...(terms.clientAuth === null ? {} : asked(terms.clientAuth)),
    allowHalfOpen: true,
    noDelay: true,
  });
}

/** DNS names of the first certificate in a chain. @throws OpenSSL's error */
function namesIn(chain: string): ReadonlySet<string> {
  const listed = (new X509Certificate(chain).subjectAltName ?? '').split(', ').filter((entry) => entry.startsWith('DNS:'));
  return new Set(listed.map((entry) => entry.slice('DNS:'.length).toLowerCase()));
}

/** OpenSSL takes 32 bytes. */
function sessionContext({ certificate, policy, clientAuth }: TlsTerms): string {
  return createHash('sha256').update(`${policy} ${certificate} ${contextOf(clientAuth)}`).digest('base64').slice(0, 32);
}
