// Patterns with `*` (any characters, none included) and `?` (exactly one), as path patterns and policies have them.

/** Greedy match with one remembered star: linear in practice, at worst pattern times text, never exponential. */
export function matchesWildcards(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (t < text.length) {
    const wanted = pattern[p];
    if (wanted === '*') {
      starAt = p;
      resumeAt = t;
      p += 1;
    } else if (wanted !== undefined && (wanted === '?' || wanted === text[t])) {
      p += 1;
      t += 1;
    } else if (starAt >= 0) {
      // The last star takes one character more; earlier ones never need to.
      resumeAt += 1;
      p = starAt + 1;
      t = resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}
