// What an origin that only the edge may read is sent: to where it really is, and signed with the operator's key (guide:
// private-content-restricting-access-to-s3).
import { Fault } from '../../base/fault';
import { field, without } from '../../protocol/http/fields';
import { emptyPayload, s3Path, signatureFields, unsignedPayload } from '../../protocol/aws/sigv4-sign';
import type { SiteOrigin } from '../../snapshot/site';
import type { OriginRequest } from '../origin-request';
import type { OriginEndpoint } from './origin-endpoints';

export interface Destined {
  readonly origin: SiteOrigin;
  readonly request: OriginRequest;
  /** Who said where it is. */
  readonly namedBy: 'distribution' | 'operator' | 'fleet';
}

const regionDefault = 'us-east-1';
/** A region as a part of an origin's name: `bucket.s3.eu-central-1.amazonaws.com`, `x.lambda-url.us-east-1.on.aws`. */
const regionInName = /(?:^|[.-])((?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-[a-z]{2,16}){1,2}-\d)(?:\.|$)/;
const bucketInName = /^(.+?)\.s3[.-]/;
/**
 * What the viewer may not say in the edge's name: who signs, and that the content is an object of any bucket that the operator's key
 * may read.
 */
const signersOwn = new Set([
  'authorization', 'x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256', 'x-amz-copy-source', 'x-amz-copy-source-range',
]);
const payloadForm = /^(?:[0-9a-f]{64}|UNSIGNED-PAYLOAD)$/;

/**
 * Sends the request to where the operator says the origin is.
 * @throws Fault `origin-misbehaved` for a path that could lead out of the bucket that stands before it, should the server
 *   read dot segments as URLs do
 */
export function redirected(origin: SiteOrigin, request: OriginRequest, { url, addressing }: OriginEndpoint): Destined {
  if (url === null) return { origin, request, namedBy: 'distribution' };
  const moved: SiteOrigin = { ...origin, host: url.host, httpPort: url.port, httpsPort: url.port, protocol: url.secure ? 'https-only' : 'http-only' };
  if (addressing === 'host') return { origin: moved, request: { ...request, secure: url.secure }, namedBy: 'operator' };
  if (hasDotSegments(request.target)) throw new Fault('origin-misbehaved', 'caller', 'a path with dot segments is not asked of a bucket that stands in the path');
  const bucket = bucketInName.exec(origin.host)?.[1];
  const named = url.host.includes(':') ? `[${url.host}]` : url.host;
  const host = url.port === (url.secure ? 443 : 80) ? named : `${named}:${url.port}`;
  const target = bucket === undefined ? request.target : `/${bucket}${request.target}`;
  const fields = ['host', host, ...without(request.fields, new Set(['host']))];
  return { origin: moved, request: { ...request, secure: url.secure, target, fields }, namedBy: 'operator' };
}

/** In any spelling; a path that cannot be decoded may have them. */
function hasDotSegments(target: string): boolean {
  const path = target.split('?', 1)[0] as string;
  try {
    return decodeURIComponent(path).split(/[/\\]/).some((segment) => segment === '.' || segment === '..');
  } catch {
    return true;
  }
}

/** Whether the origin's configuration asks for this request to be signed. */
export function isToBeSigned(origin: SiteOrigin, request: OriginRequest): boolean {
  if (origin.signing === null) return false;
  return origin.signing.when === 'always' || field(request.fields, 'authorization') === undefined;
}

/**
 * Signs. Content cannot be hashed before it is sent on, so it is signed for as such only if the viewer says its hash, which
 * services other than S3 ask for (guide: private-content-restricting-access-to-lambda).
 * @param host the origin's name in the distribution, which tells the region
 */
export function signed({ origin, request }: Destined, host: string, endpoint: OriginEndpoint, hasBody: boolean, nowMs: number): OriginRequest {
  const { signing } = origin;
  if (signing === null || endpoint.key === null) return request;
  const said = field(request.fields, 'x-amz-content-sha256');
  const payload = !hasBody ? emptyPayload : said !== undefined && payloadForm.test(said) ? said : unsignedPayload;
  const fields = without(request.fields, signersOwn);
  const target = signing.service === 's3' ? s3Target(request.target) : request.target;
  const scope = { service: signing.service, region: endpoint.region ?? regionInName.exec(host)?.[1] ?? regionDefault };
  try {
    return { ...request, target, fields: [...fields, ...signatureFields({ method: request.method, target, fields, payload }, scope, endpoint.key, nowMs)] };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    // A query that cannot be decoded cannot be signed. The origin decides, as about any other stranger's request.
    return { ...request, fields };
  }
}

function s3Target(target: string): string {
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  return `${s3Path(path) ?? path}${question < 0 ? '' : target.slice(question)}`;
}
