// Whether a viewer may have what its URL or cookies were signed for: the key, the signature, then the policy, each time.
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { Memo } from '../../base/memo';
import { field } from '../../protocol/http/fields';
import {
  cannedPolicy, conditionsOutcome, coversUrl, customPolicy, decodeSigned, parsePolicy, signedCookies, signedParameters, signedRequest,
  type PolicyOutcome, type SignedParts, type SignedPolicy,
} from '../../protocol/aws/signed-access';
import type { RequestSelection, Selection, SitePublicKey } from '../../snapshot/site';
import type { ViewerRequest } from '../http/exchange';
import { normalizePath } from '../path-pattern';
import { cookiesOf } from '../selection';

/** Signatures that are remembered as verified, and URLs as let in: some 8 MB each, with URLs as they are. */
const rememberedMax = 8_192;
/** One with a longer statement is verified each time. */
const rememberedCharsMax = 2_048;
const tailChars = 64;

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
  | 'resource-not-covered'
  | Exclude<PolicyOutcome, 'allowed'>;

interface Verified {
  readonly pem: string;
  readonly hash: string;
  /** What was signed: the canned policy's text, or the custom policy as it was sent. */
  readonly statement: string;
  readonly policy: SignedPolicy;
}

/** A signed URL that was let in: asked for again to the letter, only key, time and address are left to look at. */
interface Repeat {
  readonly request: Pick<ViewerRequest, 'scheme' | 'host' | 'path' | 'query'>;
  readonly port: string;
  readonly keyId: string;
  readonly pem: string;
  readonly policy: SignedPolicy;
}

/**
 * Verifying costs some 30 µs of RSA, as much as four hits, and taking a URL apart another 2 µs; a viewer that comes again with
 * the same signature is spared the first, and one that comes again with the same URL both. Only what was found right is
 * remembered, and only for exactly the key, hash and statement, or the whole URL, it was found right for.
 */
export class SignatureChecks {
  private readonly verified = new Memo<string, Verified>(rememberedMax);
  private readonly repeats = new Memo<string, Repeat>(rememberedMax);

  /**
   * @param keys whom the behaviour trusts, by id
   * @param nowMs wall time
   * @returns null when the viewer may pass
   */
  refusal(request: ViewerRequest, keys: ReadonlyMap<string, ViewerKey>, nowMs: number): SignedRefusal | null {
    const port = portOf(request);
    const known = request.query === null ? undefined : this.repeats.get(tailOf(request.query));
    if (known !== undefined && isRepeat(known, request, port) && keys.get(known.keyId)?.pem === known.pem) {
      return refusalOf(conditionsOutcome(known.policy, request.remoteAddress, nowMs));
    }
    return this.firstRefusal(request, port, keys, nowMs);
  }

  private firstRefusal(request: ViewerRequest, port: string, keys: ReadonlyMap<string, ViewerKey>, nowMs: number): SignedRefusal | null {
    const origin = `${request.scheme}://${request.host}${port}`;
    const base = origin + request.path;
    const signed = signedRequest(base, request.query, () => cookiesOf(request.fields));
    if (signed === null) return 'signature-ambiguous';
    const { parts, url, inUrl } = signed;
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
    if (!coversUrl(policy, url, plainUrl)) return 'resource-not-covered';
    const refusal = refusalOf(conditionsOutcome(policy, request.remoteAddress, nowMs));
    if (refusal === null && inUrl) this.rememberUrl(request, port, key, policy);
    return refusal;
  }

  private rememberUrl(request: ViewerRequest, port: string, key: ViewerKey, policy: SignedPolicy): void {
    const query = copied(request.query ?? '');
    if (query.length + request.path.length > rememberedCharsMax) return;
    const { scheme, host } = request;
    this.repeats.set(tailOf(query), { request: { scheme, host: copied(host), path: copied(request.path), query }, port, keyId: key.id, pem: key.pem, policy });
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
export function hashNamed(name: string | undefined): 'sha1' | 'sha256' | null {
  if (name === undefined || name === 'SHA1') return 'sha1';
  return name === 'SHA256' ? 'sha256' : null;
}

/** The port where it is not the scheme's, as the viewer wrote it: a signer signs the URL that viewers see. */
function portOf({ host, scheme, fields }: ViewerRequest): string {
  const sent = field(fields, 'host') ?? '';
  if (sent.length <= host.length + 1 || sent[host.length] !== ':' || !sent.toLowerCase().startsWith(host)) return '';
  const port = sent.slice(host.length);
  return port === (scheme === 'http' ? ':80' : ':443') || !/^:\d{1,5}$/.test(port) ? '' : port;
}

/** Enough of a signed query to tell it from others: the end of its signature is in it, and hashing all of it would cost as much as the rest. */
const tailOf = (query: string): string => query.slice(-tailChars);

function isRepeat(known: Repeat, { scheme, host, path, query }: ViewerRequest, port: string): boolean {
  return known.request.query === query && known.request.path === path && known.request.host === host && known.request.scheme === scheme && known.port === port;
}

const refusalOf = (outcome: PolicyOutcome): SignedRefusal | null => outcome === 'allowed' ? null : outcome;
