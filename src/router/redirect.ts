// Where a viewer who came by HTTP is sent, and which edge that is and why. Pure.
import { nodeLabel, nodeMark } from '../base/node-name';
import { rank, type Ranked, type Standing } from './choose';
import type { RoutedEdge } from './fleet';
import type { Locate, Viewer } from './locate';
import type { RouteTable } from './routes';

export interface HttpState {
  readonly routes: Pick<RouteTable, 'find'>;
  readonly fleet: { edges(): readonly RoutedEdge[] };
  readonly locate: Locate;
}

export type Way =
  | { readonly kind: 'way'; readonly location: string }
  | { readonly kind: 'unknown-host' }
  | { readonly kind: 'no-edge' };

/**
 * @param host lower case
 * @param target path and query, as they came; they are kept letter by letter
 */
export function redirect(host: string, target: string, viewerAddress: string, state: HttpState): Way {
  const route = state.routes.find(host);
  const [own] = route?.hosts ?? [];
  if (route === null || own === undefined) return { kind: 'unknown-host' };
  const edges = state.fleet.edges().filter(({ endpoints }) => endpoints.length > 0);
  // The path is known here: each object has one home among the edges of a place.
  const key = own + target.split('?', 1)[0];
  const [best] = rank(edges, { viewer: state.locate(viewerAddress).place, key, priceClass: route.priceClass });
  if (best === undefined) return { kind: 'no-edge' };
  return { kind: 'way', location: edgeUrl(own, best.edge) + target };
}

/** `http://d111111abcdef8--edge-1.example.net:8080` */
function edgeUrl(own: string, { id, endpoints }: RoutedEdge): string {
  const [label = '', ...rest] = own.split('.');
  const endpoint = endpoints.find(({ secure }) => !secure) ?? endpoints[0];
  const secure = endpoint?.secure === true;
  const port = endpoint === undefined || endpoint.port === (secure ? 443 : 80) ? '' : `:${endpoint.port}`;
  return `${secure ? 'https' : 'http'}://${[`${label}${nodeMark}${nodeLabel(id)}`, ...rest].join('.')}${port}`;
}

export interface Explanation {
  readonly host: string;
  readonly distribution: string;
  readonly priceClass: string;
  readonly viewer: { readonly address: string } & Pick<Viewer, 'place' | 'by' | 'country'>;
  /** Best first; those of one place in the order in which a host is at home there. */
  readonly edges: readonly { readonly id: string; readonly pop: string; readonly standing: Standing; readonly distanceKm: number | null }[];
}

const edgesShownMax = 20;

/** Null when no distribution has the host. @param host lower case */
export function explain(host: string, viewerAddress: string, state: HttpState): Explanation | null {
  const route = state.routes.find(host);
  if (route === null) return null;
  const { place, by, country } = state.locate(viewerAddress);
  const shown = ({ edge, standing, distanceKm }: Ranked<RoutedEdge>): Explanation['edges'][number] =>
    ({ id: edge.id, pop: edge.pop, standing, distanceKm: distanceKm === null ? null : Math.round(distanceKm) });
  const ranked = rank(state.fleet.edges(), { viewer: place, key: route.hosts[0] ?? route.id, priceClass: route.priceClass });
  return {
    host, distribution: route.id, priceClass: route.priceClass, viewer: { address: viewerAddress, place, by, country },
    edges: ranked.slice(0, edgesShownMax).map(shown),
  };
}
