// Whether a viewer may have what its URL or cookies were signed for: the key, the signature, then the policy, each time.
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { Memo } from '../../base/memo';
import { field } from '../../protocol/http/fields';
import {
  cannedPolicy, customPolicy, decodeSigned, parsePolicy, policyOutcome, signedCookies, signedParameters, signedRequest, type PolicyOutcome, type SignedParts, type SignedPolicy,
} from '../../protocol/aws/signed-access';
import type { RequestSelection, Selection, SitePublicKey } from '../../snapshot/site';
import type { ViewerRequest } from '../http/exchange';
import { normalizePath } from '../path-pattern';
import { cookiesOf } from '../selection';

/** Signatures that are remembered as verified, with what they were found to sign: some 8 MB at most. */
const rememberedMax = 8_192;
/** One with a longer statement is verified each time. */
const rememberedCharsMax = 2_048;

export interface ViewerKey {
  readonly id: string;
  readonly pem: string;
  readonly object: KeyObject;
}

/** A key as the edge verifies with it; null when it is none. */
export function viewerKey({ id, pem }: SitePublicKey): ViewerKey | null {
  try {
    return { id, pem, object: createPublicKey(pem) };
  } catch {
    return null;
  }
}

export type SignedRefusal =
  | 'key-missing' | 'key-unknown' | 'signature-ambiguous' | 'signature-missing' | 'signature-malformed' | 'signature-wrong' | 'policy-malformed'
  | Exclude<PolicyOutcome, 'allowed'>;

interface Verified {
  readonly pem: string;
  readonly hash: string;
  /** What was signed: the canned policy's text, or the custom policy as it was sent. */
  readonly statement: string;
  readonly policy: SignedPolicy;
}

/**
 * Verifying costs some 40 µs of RSA, as much as five hits; a viewer that comes again with the same signature is spared
 * it. Only what was verified is remembered, and only for exactly the key, hash and statement it was verified for. Dates,
 * address and resource are compared each time.
 */
export class SignatureChecks {
  private readonly verified = new Memo<string, Verified>(rememberedMax);

  /**
   * @param keys whom the behaviour trusts, by id
   * @param nowMs wall time
   * @returns null when the viewer may pass
   */
  refusal(request: ViewerRequest, keys: ReadonlyMap<string, ViewerKey>, nowMs: number): SignedRefusal | null {
    const origin = `${request.scheme}://${authorityOf(request)}`;
    const base = origin + request.path;
    const signed = signedRequest(base, request.query, () => cookiesOf(request.fields));
    if (signed === null) return 'signature-ambiguous';
    const { parts, url } = signed;
    const keyId = parts['Key-Pair-Id'];
    if (keyId === undefined || keyId === '') return 'key-missing';
    const key = keys.get(keyId);
    if (key === undefined) return 'key-unknown';
    if (parts.Signature === undefined || parts.Signature === '') return 'signature-missing';
    const statement = parts.Policy ?? (parts.Expires === undefined ? null : cannedPolicy(url, parts.Expires));
    if (statement === null) return 'policy-malformed';
    const policy = this.policyOf(parts, parts.Signature, statement, key);
    if (typeof policy === 'string') return policy;
    const plainPath = normalizePath(request.path);
    const plainUrl = plainPath === request.path ? url : origin + plainPath + url.slice(base.length);
    const outcome = policyOutcome(policy, url, plainUrl, request.remoteAddress, nowMs);
    return outcome === 'allowed' ? null : outcome;
  }

  private policyOf(parts: SignedParts, signature: string, statement: string, key: ViewerKey): SignedPolicy | SignedRefusal {
    const hash = hashNamed(parts['Hash-Algorithm']);
    if (hash === null) return 'signature-malformed';
    const known = this.verified.get(signature);
    if (known !== undefined && known.statement === statement && known.hash === hash && known.pem === key.pem) return known.policy;
    const bytes = decodeSigned(signature);
    if (bytes === null) return 'signature-malformed';
    const text = parts.Policy === undefined ? statement : customPolicy(statement);
    const policy = text === null ? null : parsePolicy(text);
    if (text === null || policy === null) return 'policy-malformed';
    if (!verify(hash, Buffer.from(text), key.object, bytes)) return 'signature-wrong';
    if (statement.length <= rememberedCharsMax) this.verified.set(copied(signature), { pem: key.pem, hash, statement: copied(statement), policy });
    return policy;
  }
}

/** A selection without a signature's own parameters and cookies: neither keyed on nor forwarded (guide: private-content-signed-urls). */
export function withoutSignature(selection: RequestSelection): RequestSelection {
  const without = (part: Selection, names: readonly string[]): Selection => (part.mode === 'none' ? part : { ...part, without: names });
  return { headers: selection.headers, cookies: without(selection.cookies, signedCookies), query: without(selection.query, signedParameters) };
}

/** A part of a request's text keeps all of it in memory. */
const copied = (text: string): string => Buffer.from(text).toString();

/** Guide: SHA-1 unless the signer says SHA256. */
function hashNamed(name: string | undefined): 'sha1' | 'sha256' | null {
  if (name === undefined || name === 'SHA1') return 'sha1';
  return name === 'SHA256' ? 'sha256' : null;
}

/** Host and, where it is not the scheme's, port, as the viewer wrote them: a signer signs the URL that viewers see. */
function authorityOf(request: ViewerRequest): string {
  const { host } = request;
  const sent = field(request.fields, 'host') ?? '';
  if (sent.length <= host.length + 1 || sent[host.length] !== ':' || !sent.toLowerCase().startsWith(host)) return host;
  const port = sent.slice(host.length + 1);
  const usual = request.scheme === 'http' ? '80' : '443';
  return port === usual || !/^\d{1,5}$/.test(port) ? host : `${host}:${port}`;
}
