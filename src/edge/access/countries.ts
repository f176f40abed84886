// Whether viewers from a country are let in (guide: georestrictions).
import type { Geo } from '../../geo/geo';
import type { SiteCountries } from '../../snapshot/site';

export type CountryRule = (country: string | null) => boolean;

/** True: let in. A viewer whose country is not known is always let in (guide: georestrictions, note). */
export function countryRule({ mode, codes }: SiteCountries): CountryRule {
  const named = new Set(codes);
  const whenNamed = mode === 'only';
  return (country) => country === null || named.has(country) === whenNamed;
}

/** @param rule null: viewers are let in from anywhere, and nothing is looked up */
export function letsIn(rule: CountryRule | null, geo: Geo, address: string): boolean {
  return rule === null || rule(geo.countryOf(address));
}
