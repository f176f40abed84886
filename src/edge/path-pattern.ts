// CloudFront path patterns: `*` is any run of characters, `?` exactly one; matched against a normalised path.
import { matchesWildcards } from '../base/wildcards';

export type PathMatcher = (path: string) => boolean;

/** Compiles a pattern; one without a leading slash means the same with it (guide: distribution-web-values-specify, path pattern). */
export function compilePathPattern(pattern: string): PathMatcher {
  const text = pattern === '*' || pattern.startsWith('/') || pattern.startsWith('*') ? pattern : `/${pattern}`;
  if (text === '*' || text === '/*') return () => true;
  if (!/[*?]/.test(text)) return (path) => path === text;
  const star = text.indexOf('*');
  if (!text.includes('?') && star === text.lastIndexOf('*')) {
    const head = text.slice(0, star);
    const tail = text.slice(star + 1);
    return (path) => path.length >= head.length + tail.length && path.startsWith(head) && path.endsWith(tail);
  }
  return (path) => matchesWildcards(text, path);
}

const escapedUnreserved = /%(?:2[DdEe]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])/g;

/**
 * A path as invalidations are compared with it: of two ways to escape the same characters, one (RFC 3986 sections 6.2.2.1 and
 * 6.2.2.2), so that none escapes an invalidation. Departure: CloudFront wants the viewer's own way (guide: Invalidation).
 */
export function purgeForm(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(escapedUnreserved, (escape) => String.fromCharCode(parseInt(escape.slice(1), 16))).replace(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase());
}

/**
 * The path that behaviours are matched with: unreserved characters unescaped, empty and dot segments removed, so that
 * no spelling of a path reaches another behaviour than the plain one (RFC 3986 section 6.2.2). The origin and the cache
 * key get the path as it was sent.
 */
export function normalizePath(path: string): string {
  if (!path.includes('%') && !path.includes('/.') && !path.includes('//')) return path;
  const unescaped = path.replace(escapedUnreserved, (escape) => String.fromCharCode(parseInt(escape.slice(1), 16)));
  const kept: string[] = [];
  const segments = unescaped.split('/');
  for (let i = 1; i < segments.length; i += 1) {
    const segment = segments[i] as string;
    const last = i === segments.length - 1;
    if (segment === '..') kept.pop();
    else if (segment !== '.' && segment !== '') kept.push(segment);
    if (last && (segment === '' || segment === '.' || segment === '..')) kept.push('');
  }
  return `/${kept.join('/')}`;
}
