// Where the regions are that an Origin Shield can be in.
import { airportOf, type Place } from './places';

/**
 * The airport of the city by which AWS names each region (guide: origin-shield, and the United Arab Emirates, which came later).
 * Virginia's and Oregon's names say no city: the airports nearest to where AWS says its data centres are.
 */
const airports: Readonly<Record<string, string>> = {
  'us-east-1': 'IAD', 'us-east-2': 'CMH', 'us-west-2': 'PDX',
  'ap-south-1': 'BOM', 'ap-northeast-1': 'NRT', 'ap-northeast-2': 'ICN', 'ap-southeast-1': 'SIN', 'ap-southeast-2': 'SYD',
  'eu-central-1': 'FRA', 'eu-west-1': 'DUB', 'eu-west-2': 'LHR',
  'sa-east-1': 'GRU', 'me-central-1': 'DXB',
};

/** Null for a region that is not known here. */
export function placeOfRegion(region: string): Place | null {
  return Object.hasOwn(airports, region) ? airportOf(airports[region] as string) : null;
}
