// Signs a request with AWS Signature Version 4, in the Authorization header, for S3 and for other services.
import { basicFormat, canonicalPath, canonicalQuery, derivedKey, encodeStrictly, hmac, parseQuery, sha256Hex } from './sigv4-canonical';

export interface SigningKeyPair {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface SigningScope {
  /** `s3`, `lambda` … */
  readonly service: string;
  readonly region: string;
}

export interface RequestToSign {
  readonly method: string;
  /** Path and query as they will be sent; for S3 the path as `s3Path` makes it. */
  readonly target: string;
  /** Lower-case names and values; `host` among them, and none of what signing adds. */
  readonly fields: readonly string[];
  /** SHA-256 of the content in hex, or `UNSIGNED-PAYLOAD`. */
  readonly payload: string;
}

export const unsignedPayload = 'UNSIGNED-PAYLOAD';
export const emptyPayload = sha256Hex('');
const algorithm = 'AWS4-HMAC-SHA256';

/**
 * A path with everything encoded that S3 encodes before it compares, and nothing else, so that what is sent and what is
 * signed are the same. Null when it cannot be decoded.
 */
export function s3Path(path: string): string | null {
  try {
    return path.split('/').map((segment) => encodeStrictly(decodeURIComponent(segment))).join('/');
  } catch {
    return null;
  }
}

/**
 * The fields to add. The host and every `x-amz-` field are signed: S3 refuses one that is sent and not signed.
 * @throws Fault `MalformedQueryString`
 */
export function signatureFields(request: RequestToSign, scope: SigningScope, key: SigningKeyPair, nowMs: number): string[] {
  const longDate = basicFormat(nowMs);
  const dateStamp = longDate.slice(0, 8);
  const added = ['x-amz-date', longDate, 'x-amz-content-sha256', request.payload];
  const signed = fieldsToSign([...request.fields, ...added]);
  const names = [...signed.keys()].sort();
  const question = request.target.indexOf('?');
  const path = question < 0 ? request.target : request.target.slice(0, question);
  const canonicalRequest = [
    request.method, scope.service === 's3' ? path : canonicalPath(path),
    canonicalQuery(parseQuery(question < 0 ? '' : request.target.slice(question + 1))),
    ...names.map((name) => `${name}:${signed.get(name)}`), '', names.join(';'), request.payload,
  ].join('\n');
  const scopeText = `${dateStamp}/${scope.region}/${scope.service}/aws4_request`;
  const signature = hmac(derivedKey(key.secretAccessKey, dateStamp, scope.region, scope.service), [algorithm, longDate, scopeText, sha256Hex(canonicalRequest)].join('\n'));
  return [...added, 'authorization',
    `${algorithm} Credential=${key.accessKeyId}/${scopeText}, SignedHeaders=${names.join(';')}, Signature=${signature.toString('hex')}`];
}

function fieldsToSign(fields: readonly string[]): Map<string, string> {
  const signed = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name !== 'host' && !name.startsWith('x-amz-')) continue;
    const value = (fields[i + 1] as string).trim().replace(/[ \t]+/g, ' ');
    const before = signed.get(name);
    signed.set(name, before === undefined ? value : `${before},${value}`);
  }
  return signed;
}
