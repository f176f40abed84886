// Paths below a host as configurations hold them: absolute, URL-encoded, without query or fragment.

/** True when `path` starts with a slash and is printable ASCII without `?` and `#`, every `%` followed by two hexadecimal digits. */
export function isRelativePath(path: string, charsMax: number): boolean {
  return path.length <= charsMax && /^\/(?:[\x21\x22\x24\x26-\x3e\x40-\x7e]|%[0-9A-Fa-f]{2})*$/.test(path);
}
