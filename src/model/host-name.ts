// What counts as a host: rules for the names of origins and for alternate domain names.
import { isIP } from 'node:net';
import { atMost, distinct } from './argument';
import type { Limits } from './limits';
import { refuse } from './refusal';

// Underscores are no letters of host names (RFC 1123 section 2.1), but S3 buckets and many internal servers have them.
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** A DNS name without a dot at its end; one label is enough (`localhost`, names of an internal network). */
export function isHostName(name: string, charsMax: number): boolean {
  if (name.length === 0 || name.length > charsMax) return false;
  const labels = name.split('.');
  // An all-digit last label makes it an address in a URL (WHATWG URL, "ends in a number").
  return labels.every((part) => label.test(part)) && !/^\d+$/.test(labels.at(-1) ?? '');
}

/**
 * A host that an origin may have: a host name, `localhost`, or an address literal (IPv6 without brackets).
 * Departure: CloudFront wants names that the public DNS resolves; a CDN of your own also fetches from its own network.
 */
export function isOriginHost(host: string, charsMax: number): boolean {
  // A zone (`fe80::1%eth0`) has a meaning on one machine only.
  return isHostName(host, charsMax) || (isIP(host) !== 0 && !host.includes('%'));
}

/** True for hosts that never leave the machine. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/**
 * Alternate domain names: host names, or `*.` before one (guide: CNAMEs, "Using Wildcards").
 * Departures: one label is accepted, and no certificate has to cover the name.
 * @param domain the service's own domain, whose names nobody may claim
 * @param tooManyCode code of the quota
 */
export function checkAliases(aliases: readonly string[], domain: string, tooManyCode: string, limits: Limits): void {
  atMost(aliases.length, limits.aliasesMax, tooManyCode, 'alternate domain names');
  for (const alias of aliases) {
    const wildcard = alias.startsWith('*.');
    const name = wildcard ? alias.slice(2) : alias;
    // `*.com` would take over a whole top-level domain (guide: CNAMEs).
    if (!isHostName(name, limits.hostNameCharsMax - 2) || (wildcard && !name.includes('.'))) {
      refuse('InvalidArgument', 'The parameter CNAME contains one or more parameters that are not valid.');
    }
    const lower = name.toLowerCase();
    if (lower === domain || lower.endsWith(`.${domain}`)) {
      refuse('InvalidArgument', `The parameter CNAME cannot be a name of this service (${domain}).`);
    }
  }
  distinct(aliases.map((alias) => alias.toLowerCase()), 'Aliases');
}
