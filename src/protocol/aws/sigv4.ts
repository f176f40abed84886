// Verifies AWS Signature Versions 4 and 4A, in the Authorization header and presigned forms, as a service other than S3 does.
//
// Both versions sign the same canonical request. Version 4 signs with a secret that is derived for a day, a region and a
// service; version 4A with an elliptic-curve key that is derived from the secret alone (sigv4a.ts), for a set of regions.
//
// Pure: the request, the time and the secret are handed in. Two steps, because the secret is looked up in between:
// `readSignature` says who claims to have signed and refuses what no secret can make right; `isSignedWith` checks.
// Sources: AWS General Reference, "Create a signed AWS API request"; CloudFront API Reference, "Common Errors".
import { timingSafeEqual, type KeyObject } from 'node:crypto';
import { Fault } from '../../base/fault';
import { basicFormat, canonicalPath, canonicalQuery, derivedKey, hmac, parseQuery, sha256Hex } from './sigv4-canonical';
import { derivePublicKey, signatureHexCharsMax, verifyWith } from './sigv4a';

export interface SignedRequest {
  readonly method: string;
  /** As on the wire: percent-encoded, without query, starts with `/`. */
  readonly path: string;
  /** As on the wire, without the question mark; empty when there is none. */
  readonly query: string;
  /** Name and value pairs as they came, a flat list; names in any case. */
  readonly rawHeaders: readonly string[];
  readonly body: Uint8Array;
}

/** A well-formed claim to have signed, in time, covering what must be covered. Not yet verified. */
export interface Signature {
  readonly algorithm: Algorithm;
  readonly accessKeyId: string;
  readonly dateStamp: string;
  /** Null with version 4A, whose key is the same for all regions. */
  readonly region: string | null;
  readonly service: string;
  readonly stringToSign: string;
  /** Version 4: 32 bytes. Version 4A: an ECDSA signature in DER. */
  readonly digest: Buffer;
}

const symmetric = 'AWS4-HMAC-SHA256';
const asymmetric = 'AWS4-ECDSA-P256-SHA256';
type Algorithm = typeof symmetric | typeof asymmetric;

function algorithmOf(name: string | undefined): Algorithm | null {
  return name === symmetric || name === asymmetric ? name : null;
}
/** AWS: a presigned request is valid for a week at most. */
export const presignedExpiresSMax = 604_800;
/** Names in SignedHeaders. */
const signedHeadersMax = 64;


const messages = {
  missing: 'Missing Authentication Token',
  mismatch: 'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  invalidToken: 'The security token included in the request is invalid.',
} as const;

export function missingToken(): Fault { return new Fault('MissingAuthenticationToken', 'caller', messages.missing); }
export function invalidToken(): Fault { return new Fault('InvalidClientTokenId', 'caller', messages.invalidToken); }
export function signatureMismatch(detail: string = messages.mismatch): Fault { return new Fault('SignatureDoesNotMatch', 'caller', detail); }
function incomplete(detail: string): Fault { return new Fault('IncompleteSignature', 'caller', detail); }

function collectHeaders(rawHeaders: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = (rawHeaders[i + 1] ?? '').trim().replace(/[ \t]+/g, ' ');
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}

/** The parts of a claim, from wherever it stands. */
interface Claim {
  readonly algorithm: Algorithm;
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
  readonly longDate: string;
  /** Null: the claim is in the Authorization header and expires with the clock skew. */
  readonly expiresS: number | null;
}

function claimOfHeader(authorization: string, headers: ReadonlyMap<string, string>): Claim {
  const algorithm = algorithmOf(authorization.split(' ', 1)[0]);
  if (algorithm === null) throw incomplete(`Authorization header must use the algorithm ${symmetric} or ${asymmetric}, or be a bearer token.`);
  const fields = new Map<string, string>();
  for (const piece of authorization.slice(algorithm.length + 1).split(',', 8)) {
    const equals = piece.indexOf('=');
    const name = piece.slice(0, Math.max(equals, 0)).trim();
    if (equals < 0 || fields.has(name)) throw incomplete('Authorization header must be a list of distinct key=value pairs.');
    fields.set(name, piece.slice(equals + 1).trim());
  }
  const need = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined || value === '') throw incomplete(`Authorization header requires '${name}' parameter.`);
    return value;
  };
  const longDate = headers.get('x-amz-date') ?? headers.get('date');
  if (longDate === undefined) throw incomplete('Authorization header requires existence of either a \'X-Amz-Date\' or a \'Date\' header.');
  return { algorithm, credential: need('Credential'), signedHeaders: need('SignedHeaders'), signature: need('Signature'), longDate, expiresS: null };
}

function claimOfQuery(parameters: readonly (readonly [string, string])[]): Claim {
  const need = (name: string): string => {
    const values = parameters.filter(([one]) => one === name);
    const value = values[0]?.[1] ?? '';
    if (values.length !== 1 || value === '') throw incomplete(`AWS query-string parameters must include '${name}' exactly once.`);
    return value;
  };
  const algorithm = algorithmOf(need('X-Amz-Algorithm'));
  if (algorithm === null) throw incomplete(`X-Amz-Algorithm must be ${symmetric} or ${asymmetric}.`);
  const expires = need('X-Amz-Expires');
  const expiresS = /^[0-9]{1,6}$/.test(expires) ? Number(expires) : Number.NaN;
  if (!(expiresS >= 1 && expiresS <= presignedExpiresSMax)) {
    throw incomplete(`X-Amz-Expires must be a number of seconds from 1 to ${presignedExpiresSMax}.`);
  }
  return {
    algorithm, credential: need('X-Amz-Credential'), signedHeaders: need('X-Amz-SignedHeaders'), signature: need('X-Amz-Signature'),
    longDate: need('X-Amz-Date'), expiresS,
  };
}

/** Time of `20200531T123600Z`, or of an HTTP date where the Date header was signed instead. */
function timeOf(date: string): number {
  const basic = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  const timeMs = basic === null
    ? (/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(date) ? Date.parse(date) : Number.NaN)
    : Date.parse(`${basic[1]}-${basic[2]}-${basic[3]}T${basic[4]}:${basic[5]}:${basic[6]}Z`);
  if (Number.isNaN(timeMs)) throw incomplete('Date must be in ISO-8601 \'basic format\', such as 20200531T123600Z.');
  return timeMs;
}

function checkTime(signedAtMs: number, expiresS: number | null, nowMs: number, skewMs: number): void {
  const endMs = signedAtMs + (expiresS === null ? skewMs : expiresS * 1000);
  // CloudFront API Reference, Common Errors: RequestExpired, 400, both for too late and for too early.
  if (nowMs > endMs) throw new Fault('RequestExpired', 'caller', `Signature expired: ${basicFormat(endMs)} is now earlier than ${basicFormat(nowMs)}.`);
  if (nowMs < signedAtMs - skewMs) {
    throw new Fault('RequestExpired', 'caller', `Signature not yet current: ${basicFormat(signedAtMs)} is still later than ${basicFormat(nowMs)}.`);
  }
}

interface Scope {
  readonly accessKeyId: string;
  readonly dateStamp: string;
  readonly region: string | null;
  readonly service: string;
  /** What the string to sign says of it. */
  readonly text: string;
}

function scopeOf(claim: Claim, services: readonly string[]): Scope {
  const shape = claim.algorithm === symmetric
    ? /^([\w-]{1,128})\/(\d{8})\/([A-Za-z0-9-]{1,64})\/([A-Za-z0-9-]{1,64})\/([a-z0-9_]{1,32})$/
    : /^([\w-]{1,128})\/(\d{8})\/()([A-Za-z0-9-]{1,64})\/([a-z0-9_]{1,32})$/;
  const parts = shape.exec(claim.credential);
  if (parts === null) {
    throw incomplete(claim.algorithm === symmetric
      ? 'Credential must have exactly five slash-delimited elements, e.g. keyid/date/region/service/term.'
      : 'Credential must have exactly four slash-delimited elements, e.g. keyid/date/service/term.');
  }
  const [, accessKeyId = '', dateStamp = '', region = '', service = '', terminator] = parts;
  // Any region: SDKs that are given an endpoint sign with the region they are configured for.
  if (!services.includes(service)) throw signatureMismatch(`Credential should be scoped to correct service: '${services.join('\' or \'')}'.`);
  if (terminator !== 'aws4_request') throw signatureMismatch('Credential should be scoped with a valid terminator: \'aws4_request\'.');
  if (basicFormat(timeOf(claim.longDate)).slice(0, 8) !== dateStamp) throw signatureMismatch('Date in Credential scope does not match the date of the request.');
  const text = claim.credential.slice(accessKeyId.length + 1);
  return { accessKeyId, dateStamp, region: claim.algorithm === symmetric ? region : null, service, text };
}

// AWS General Reference, "Signature Version 4A": regions, comma-separated, each perhaps with a wildcard.
const regionSet = /^(?=.{1,512}$)[a-z0-9*-]{1,64}(,[a-z0-9*-]{1,64})*$/;

/** Any set will do, since one installation is all regions; but a signature of version 4A must have one. */
function checkRegionSet(value: string | undefined): void {
  if (value === undefined) throw incomplete('A signature of version 4A requires \'X-Amz-Region-Set\'.');
  if (!regionSet.test(value.replace(/ /g, ''))) throw incomplete('X-Amz-Region-Set must be a comma-separated list of regions.');
}

/** The signed names, after checking that they cover the host and everything that AWS gives a meaning to. */
function signedNames(list: string, headers: ReadonlyMap<string, string>): string[] {
  const names = list.split(';', signedHeadersMax + 1);
  const ascending = names.every((name, index) => index === 0 || (names[index - 1] as string) < name);
  if (names.length > signedHeadersMax || !ascending || names.some((name) => name !== name.toLowerCase())) {
    throw signatureMismatch('SignedHeaders must be a sorted list of distinct lower-case names.');
  }
  const signed = new Set(names);
  for (const name of ['host', ...[...headers.keys()].filter((one) => one.startsWith('x-amz-'))]) {
    if (!signed.has(name)) throw signatureMismatch(`'${name.slice(0, 64)}' must be a 'SignedHeader' in the AWS Authorization.`);
  }
  if (names.some((name) => !headers.has(name))) throw signatureMismatch();
  return names;
}

function bodyHash(headers: ReadonlyMap<string, string>, body: Uint8Array): string {
  const hash = sha256Hex(body);
  const announced = headers.get('x-amz-content-sha256');
  // UNSIGNED-PAYLOAD is S3's alone: here every body is covered by its signature.
  if (announced !== undefined && announced !== hash) throw signatureMismatch('The provided \'x-amz-content-sha256\' header does not match what was computed.');
  return hash;
}

/** Lower-case hex of one length or, of version 4A, of a DER structure's possible lengths. */
function digestOf(claim: Claim): Buffer {
  const { signature } = claim;
  const wellFormed = claim.algorithm === symmetric
    ? /^[0-9a-f]{64}$/.test(signature)
    : signature.length <= signatureHexCharsMax && signature.length % 2 === 0 && /^[0-9a-f]+$/.test(signature);
  if (!wellFormed) throw signatureMismatch();
  return Buffer.from(signature, 'hex');
}

/**
 * Reads who claims to have signed the request.
 * @param services names that the request may have been signed for
 * @param skewMs how far the request's time may be from `nowMs`
 * @throws Fault from the caller: `MissingAuthenticationToken`, `IncompleteSignature`, `RequestExpired`,
 *   `SignatureDoesNotMatch`, `InvalidClientTokenId` (a session token: none are issued), `MalformedQueryString`
 */
export function readSignature(request: SignedRequest, services: readonly string[], nowMs: number, skewMs: number): Signature {
  const headers = collectHeaders(request.rawHeaders);
  const parameters = parseQuery(request.query);
  const authorization = headers.get('authorization');
  const presigned = parameters.some(([name]) => name === 'X-Amz-Signature' || name === 'X-Amz-Credential' || name === 'X-Amz-Algorithm');
  if (authorization === undefined && !presigned) throw missingToken();
  if (authorization !== undefined && presigned) throw incomplete('Sign either by the Authorization header or by query-string parameters, not both.');
  const claim = authorization === undefined ? claimOfQuery(parameters) : claimOfHeader(authorization, headers);
  const { algorithm } = claim;
  const scope = scopeOf(claim, services);
  const signedAtMs = timeOf(claim.longDate);
  checkTime(signedAtMs, claim.expiresS, nowMs, skewMs);
  if (headers.has('x-amz-security-token') || parameters.some(([name]) => name === 'X-Amz-Security-Token')) throw invalidToken();
  if (algorithm === asymmetric) {
    checkRegionSet(authorization === undefined ? parameters.find(([name]) => name === 'X-Amz-Region-Set')?.[1] : headers.get('x-amz-region-set'));
  }
  const digest = digestOf(claim);
  const names = signedNames(claim.signedHeaders, headers);
  const canonicalRequest = [
    request.method, canonicalPath(request.path), canonicalQuery(parameters),
    ...names.map((name) => `${name}:${headers.get(name)}`), '',
    claim.signedHeaders, bodyHash(headers, request.body),
  ].join('\n');
  const stringToSign = [algorithm, basicFormat(signedAtMs), scope.text, sha256Hex(canonicalRequest)].join('\n');
  const { accessKeyId, dateStamp, region, service } = scope;
  return { algorithm, accessKeyId, dateStamp, region, service, stringToSign, digest };
}

/** What a signature is checked with: the derived secret of version 4, the derived public key of version 4A. */
type SigningKey = Buffer | KeyObject;

/** Signing keys that were of use, so that a client's next request need not derive its own again. Bounded; oldest goes first. */
export class SigningKeys {
  private readonly kept = new Map<string, { readonly secret: string; readonly key: SigningKey }>();
  constructor(private readonly keysMax = 1024) {}

  /** @param secret the key's current one: what was derived from an older one is not used */
  find(signature: Signature, secret: string): SigningKey | undefined {
    const found = this.kept.get(this.nameOf(signature));
    return found?.secret === secret ? found.key : undefined;
  }

  /** Only for signatures that turned out right, so that nobody else can crowd keys out. */
  keep(signature: Signature, secret: string, key: SigningKey): void {
    if (this.kept.size >= this.keysMax) {
      const oldest = this.kept.keys().next();
      if (oldest.done !== true) this.kept.delete(oldest.value);
    }
    this.kept.set(this.nameOf(signature), { secret, key });
  }

  get size(): number { return this.kept.size; }

  private nameOf({ algorithm, accessKeyId, dateStamp, region, service }: Signature): string {
    return algorithm === asymmetric ? accessKeyId : `${accessKeyId}/${dateStamp}/${region}/${service}`;
  }
}

function signingKey(signature: Signature, secret: string): SigningKey {
  if (signature.region === null) return derivePublicKey(signature.accessKeyId, secret);
  return derivedKey(secret, signature.dateStamp, signature.region, signature.service);
}

function matches(signature: Signature, key: SigningKey): boolean {
  return Buffer.isBuffer(key)
    ? timingSafeEqual(hmac(key, signature.stringToSign), signature.digest)
    : verifyWith(key, signature.stringToSign, signature.digest);
}

// Stands in for the secret of a key that does not exist, so that asking for one costs what a wrong signature costs.
const noSecret = '0'.repeat(40);

/**
 * Whether the signature was made with `secret`, in time independent of where it differs.
 * @param secret null when the access key does not exist: the work is done all the same, and the answer is no
 */
export function isSignedWith(signature: Signature, secret: string | null, keys: SigningKeys): boolean {
  const known = secret === null ? undefined : keys.find(signature, secret);
  const key = known ?? signingKey(signature, secret ?? noSecret);
  const valid = matches(signature, key) && secret !== null;
  if (valid && known === undefined) keys.keep(signature, secret, key);
  return valid;
}
