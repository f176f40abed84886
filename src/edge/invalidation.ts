// What a write spoils: stored answers to its target, and to the targets its answer names (RFC 9111 section 4.4).
import { isUnsafe, spoiledTargets } from '../protocol/http/caching';
import { field, type Fields } from '../protocol/http/fields';
import type { Cache } from './cache/cache';
import type { ViewerRequest } from './http/exchange';
import type { OriginFetch } from './origin-fetch';
import { purgeForm } from './path-pattern';
import { behaviorFor, spacesUnder, type CompiledBehavior } from './sites';

/** Acts on the answer to a request that may have changed something; a refused write changed nothing. */
export function spoilByWrite(
  cache: Cache<OriginFetch>, request: ViewerRequest, compiled: CompiledBehavior, path: string, status: number, fields: Fields,
): void {
  if (!isUnsafe(request.method) || status < 200 || status >= 400) return;
  spoil(cache, compiled, path, request.query);
  const authority = field(request.fields, 'host') ?? request.host;
  const url = `${request.scheme}://${authority}${path}${request.query === null ? '' : `?${request.query}`}`;
  if (!URL.canParse(url)) return;
  for (const target of spoiledTargets(status, fields, url)) spoil(cache, behaviorFor(compiled.site, target.path), target.path, target.query);
}

/** Drops every stored answer to a target, and keeps those under way from being stored. */
function spoil(cache: Cache<OriginFetch>, compiled: CompiledBehavior, path: string, query: string | null): void {
  const purgePath = purgeForm(compiled.keys.purgePath({ method: 'GET', httpVersion: '1.1', path, query, fields: [] }));
  for (const space of new Set(spacesUnder(compiled))) {
    cache.invalidate(space, purgePath);
    for (const fetch of space.fetches.values()) if (fetch.purgePath === purgePath) fetch.spoiled = true;
  }
}
