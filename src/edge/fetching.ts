// Asking an origin once for all who want the same answer: who waits for a fetch under way, who joins its answer, and who begins one.
import type { FlowContext } from './flow-parts';
import type { StoredObject } from './cache/stored-object';
import type { Exchange } from './http/exchange';
import { askOrigins } from './failover';
import type { OriginFetch } from './origin-fetch';
import { revalidationFields } from './revalidation';
import { serveShared, SharedFetch, type Elsewhere } from './shared-fetch';
import { variantKey } from './variants';
import { asGet, ownCopy, plain, waiter, type Wanted } from './wanted';

export class Fetcher {
  constructor(private readonly context: FlowContext, private readonly elsewhere: Elsewhere) {}

  /** Waits for, or joins, a fetch for the same key; false when there is none that still may be joined. */
  join(wanted: Wanted, exchange: Exchange): boolean {
    const { space } = wanted.compiled;
    const fetch = space.fetches.get(wanted.key);
    if (fetch === undefined || fetch.spoiled || space.purges.newestFor(fetch.purgePath, fetch.sharing?.tags ?? []) > fetch.bornSeq) return false;
    const { sharing } = fetch;
    if (sharing === null) {
      fetch.waiters.push(waiter(wanted, exchange));
      return true;
    }
    const key = variantKey(wanted.baseKey, sharing.names, exchange.request.fields);
    if (key !== sharing.key) {
      if (key === wanted.key) return false;
      this.elsewhere.want({ ...wanted, key, request: plain(exchange.request) }, exchange);
      return true;
    }
    if (sharing.body.mode !== 'keeping') return false;
    serveShared(this.context, waiter(wanted, exchange), sharing, sharing.block);
    return true;
  }

  /**
   * Begins a fetch.
   * @param exchange who waits for it; null: nobody, a stale answer was served meanwhile
   * @param stale is revalidated when it can be
   * @param range asked for when the whole is not wanted; null: the whole
   */
  begin(wanted: Wanted, exchange: Exchange | null, stale: StoredObject | null, range: string | null = null): void {
    const { cache, clock } = this.context;
    const own = { ...wanted, baseKey: ownCopy(wanted.baseKey), key: ownCopy(wanted.key), purgePath: ownCopy(wanted.purgePath) };
    const { compiled } = own;
    const fetch: OriginFetch = { bornSeq: cache.seq, purgePath: own.purgePath, waiters: exchange === null ? [] : [waiter(own, exchange)], sharing: null, spoiled: false };
    compiled.space.fetches.set(own.key, fetch);
    cache.takeOff(fetch);
    // It may be a HEAD of a stale object that began it; what is fetched is the object.
    const template = asGet(own.request);
    askOrigins(this.context, {
      compiled,
      request: template,
      path: own.path,
      audience: 'shared',
      conditions: [...(stale === null ? [] : revalidationFields(stale)), ...(range === null ? [] : ['range', range])],
      body: null,
      mayGoOn: () => true,
    }, new SharedFetch(this.context, this.elsewhere, own, fetch, stale, clock.nowMs(), clock.monotonicMs()));
  }
}
