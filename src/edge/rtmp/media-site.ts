// What is behind a streaming site, as the edge's cache takes it: one behaviour on its bucket, under CloudFront's rules for RTMP.
import type { StreamingSite, WebSite } from '../../snapshot/site';

/** Guide, "Managing how long content stays in an edge cache": for RTMP a day, and never less than an hour. */
export const streamingTtls = { minTtlS: 3600, defaultTtlS: 86_400, maxTtlS: 31_536_000 } as const;

const nothing = { mode: 'none', names: [] } as const;
/** Neither query strings nor cookies nor headers tell objects apart or go to the bucket (guide: RTMP distributions). */
const noSelection = { headers: nothing, cookies: nothing, query: nothing } as const;

/** A site that no viewer can name: it has no hosts. Its keys are those that names of streams are signed by. */
export function mediaSite({ id, seq, enabled, priceClass, ipv6, origin, signedBy, publicKeys }: StreamingSite): WebSite {
  return {
    kind: 'web', id, seq, enabled, hosts: [], priceClass, ipv6, defaultRootObject: '',
    behaviors: [{
      pattern: '*', target: origin.id, viewerProtocol: 'allow-all', allowedMethods: ['GET', 'HEAD'], cachedMethods: ['GET', 'HEAD'], cacheable: true,
      caching: { key: noSelection, gzip: false, brotli: false, ...streamingTtls }, forward: noSelection, forwardOtherHeaders: false, viewerFields: [], compress: false,
      responseHeaders: null, access: { closed: null, signedBy }, encryption: null,
    }],
    origins: [origin], groups: [], errorPages: [], cacheTagField: null, staging: false, trial: null, publicKeys, countries: null,
    tls: { certificate: 'default', policy: 'TLSv1', http2: true, clientAuth: null }, tenancy: null,
  };
}
