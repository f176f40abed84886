// What AWS Signature Version 4 signs, piece by piece: the same for those who sign and those who verify.
//
// Source: AWS General Reference, "Create a signed AWS API request".
import { createHash, createHmac } from 'node:crypto';
import { Fault } from '../../base/fault';

/** Parameters of one query string. */
const queryParametersMax = 100;

export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** RFC 3986 section 2.3: everything but unreserved characters is encoded. */
export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Services other than S3 normalise the path and encode each segment of the encoded path once more. */
export function canonicalPath(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(encodeStrictly(segment));
  }
  return `/${kept.join('/')}${kept.length > 0 && path.endsWith('/') ? '/' : ''}`;
}

/** Decoded name and value pairs in the order they came. */
export function parseQuery(query: string): [string, string][] {
  if (query === '') return [];
  const pieces = query.split('&', queryParametersMax + 1).filter((piece) => piece !== '');
  if (pieces.length > queryParametersMax) throw new Fault('MalformedQueryString', 'caller', `The query string has more than ${queryParametersMax} parameters.`);
  try {
    return pieces.map((piece) => {
      const equals = piece.indexOf('=');
      const [name, value] = equals < 0 ? [piece, ''] : [piece.slice(0, equals), piece.slice(equals + 1)];
      return [decodeURIComponent(name), decodeURIComponent(value)];
    });
  } catch {
    throw new Fault('MalformedQueryString', 'caller', 'The query string contains a syntax error.');
  }
}

export function canonicalQuery(parameters: readonly (readonly [string, string])[]): string {
  return parameters
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]): [string, string] => [encodeStrictly(name), encodeStrictly(value)])
    .sort(([nameA, valueA], [nameB, valueB]) => (nameA === nameB ? (valueA < valueB ? -1 : 1) : nameA < nameB ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

export function basicFormat(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

/** The key that a secret stands for on one day, in one region, for one service. */
export function derivedKey(secret: string, dateStamp: string, region: string, service: string): Buffer {
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, dateStamp), region), service), 'aws4_request');
}
