// The answer to a POST as the answer to later GETs: where it says that it is what its target now has, and for how long (RFC 9110 section 9.3.3).
import { explicitLifetimeS, responseDirectives, spoiledTargets } from '../protocol/http/caching';
import { combined, field, without, type Fields } from '../protocol/http/fields';
import type { StreamedBody } from './cache/body';
import type { InFlight } from './cache/space';
import { StoredObject } from './cache/stored-object';
import { cacheTagsOf } from './cache-tags';
import type { Admitted, FlowContext } from './flow-parts';
import { HeadBlock } from './http/exchange';
import { announcedBytes } from './response-fields';
import { freshnessOf, judge, keptFields, type OriginHead } from './storing';
import { ownCopy, plain, type Wanted } from './wanted';

/** Stores the answer once all of its body was kept. */
export type StorePost = (body: StreamedBody) => void;

/** False when no answer to this request could be stored, whatever it says. */
export function mayStorePost({ rules }: FlowContext, { exchange: { request }, compiled }: Admitted): boolean {
  const { cacheable, caching } = compiled.behavior;
  return rules.storePost && request.method === 'POST' && cacheable && caching.maxTtlS > 0 && compiled.cached.has('GET');
}

/** @returns null when the answer is for this viewer alone */
export function postToStore(context: FlowContext, admitted: Admitted, head: OriginHead, fetch: InFlight): StorePost | null {
  const { exchange, compiled, path } = admitted;
  const { request } = exchange;
  const { space, keys } = compiled;
  const { cache, clock, objectBytesMax } = context;
  const nowMs = clock.nowMs();
  if (head.status !== 200 || explicitLifetimeS(head.fields, responseDirectives(head.fields), nowMs) === null || !namesItself(admitted, head.fields)) return null;
  const bodyBytes = announcedBytes(head.fields);
  // What of the POST selected it would not be known of a GET.
  if (combined(head.fields, 'vary') !== undefined || (bodyBytes !== null && bodyBytes > objectBytesMax)) return null;
  const keyed = { method: 'GET', httpVersion: request.httpVersion, path, query: request.query, fields: request.fields };
  const key = ownCopy(keys.key(keyed));
  const purgePath = ownCopy(keys.purgePath(keyed));
  const wanted: Wanted = { compiled, request: plain(request), path, baseKey: key, key, purgePath };
  const reuse = judge(context, wanted, head, bodyBytes);
  if (reuse.kind === 'pass') return null;
  const block = new HeadBlock(200, without(keptFields(head.fields, compiled, nowMs), new Set(reuse.withheld)));
  const tags = cacheTagsOf(head.fields, compiled.site.site.cacheTagField);
  return (body) => {
    cache.store(new StoredObject(space, key, purgePath, tags, fetch.bornSeq, block, body.segments(), body.bytes, freshnessOf(reuse, head.arrivedAtMs, nowMs), null));
  };
}

function namesItself({ exchange: { request }, path }: Admitted, fields: Fields): boolean {
  const location = field(fields, 'content-location');
  const url = `${request.scheme}://${field(request.fields, 'host') ?? request.host}${path}${request.query === null ? '' : `?${request.query}`}`;
  if (location === undefined || !URL.canParse(url)) return false;
  return spoiledTargets(200, ['content-location', location], url).some((target) => target.path === path && target.query === request.query);
}
