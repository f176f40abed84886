// What a request must be whatever version of HTTP carried it: limits, authority, target, Content-Length, Expect.

/** CloudFront: a URL may have 8,192 bytes ("Quotas", maximum length of a URL). */
export const TARGET_BYTES_MAX = 8192;
/** CloudFront: a request without its body may have 20,480 bytes ("Request and response behavior for custom origins"). */
export const HEAD_BYTES_MAX = 20_480;
/** More field lines than any client sends; bounds the work that a head of tiny fields can ask for. */
export const FIELD_COUNT_MAX = 128;
/** No registered method is longer than 17 bytes. */
export const METHOD_BYTES_MAX = 32;
/** Decimal digits of a Content-Length: 15 always fit a safe integer. */
const LENGTH_DIGITS_MAX = 15;

/** What the client expects before it sends its body (RFC 9110 section 10.1.1). */
export type Expectation = 'none' | '100-continue' | 'unknown';

/** The client cannot be understood, or asks too much; answer `status` and close: what follows has no known meaning. */
export interface HeadRefusal {
  readonly kind: 'refusal';
  readonly status: 400 | 413 | 501 | 505;
  /** Stable, kebab-case, for logs and tests. */
  readonly reason: string;
}

export const refuse = (status: HeadRefusal['status'], reason: string): HeadRefusal => ({ kind: 'refusal', status, reason });

/** 1 for a byte that a target may hold: VCHAR except `#`, which starts a fragment and is never sent (RFC 9112 section 3.2). */
export const targetByte = new Uint8Array(256).fill(1, 0x21, 0x7f);
targetByte['#'.charCodeAt(0)] = 0;

/** Host and port as Edgefront serves them: a DNS name, an IPv4 address or a bracketed IPv6 address (RFC 3986 section 3.2.2). */
const authorityPattern = /^(?:([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?|(\[[0-9a-f:.]{2,45}\]))(?::[0-9]{0,5})?$/;
const AUTHORITY_BYTES_MAX = 262;

/** Host in lower case without port and final dot; null if `authority` is not one. */
export function hostOfAuthority(authority: string): string | null {
  if (authority.length > AUTHORITY_BYTES_MAX) return null;
  const match = authorityPattern.exec(authority.toLowerCase());
  return match === null ? null : match[1] ?? match[2] ?? null;
}

/** RFC 9112 section 6.3 rule 5. It would let a list of equal values pass; nobody sends one in good faith, so none passes. */
export function contentLengthOf(value: string): number | HeadRefusal {
  if (!/^[0-9]+$/.test(value)) return refuse(400, 'content-length-invalid');
  return value.length > LENGTH_DIGITS_MAX ? refuse(413, 'content-length-too-large') : Number(value);
}

/** What is expected after one more Expect field. */
export function expectationOf(before: Expectation, value: string): Expectation {
  return value.toLowerCase() === '100-continue' && before !== 'unknown' ? '100-continue' : 'unknown';
}
