// Checks on single values that every noun needs: presence, length, range, choice.
import { refuse } from './refusal';

/** A value that must be there. An empty element counts as absent, as it does for CloudFront. */
export function required<T>(value: T | null | undefined, name: string): T {
  if (value === undefined || value === null || value === '') refuse('InvalidArgument', `The parameter ${name} is required.`);
  return value;
}

/**
 * Text that is '' when absent, of at most `charsMax` characters. Half surrogate pairs and control characters other than
 * tabs and line breaks are refused: XML 1.0 (section 2.2) could not carry them back.
 */
export function text(value: string | null | undefined, name: string, charsMax: number): string {
  const given = value ?? '';
  if (given.length > charsMax) refuse('InvalidArgument', `The parameter ${name} is too long: ${given.length} characters, at most ${charsMax}.`);
  if (/(?![\t\n\r])\p{Cc}|\p{Cs}|[\ufffe\uffff]/u.test(given)) refuse('InvalidArgument', `The parameter ${name} contains a character that is not allowed.`);
  return given;
}

/** A whole number from `min` to `max`, or `fallback` when absent. */
export function wholeNumber(
  value: number | null | undefined,
  rule: { readonly name: string; readonly min: number; readonly max: number; readonly fallback: number; readonly code?: string },
): number {
  const given = value ?? rule.fallback;
  if (!Number.isSafeInteger(given) || given < rule.min || given > rule.max) {
    refuse(rule.code ?? 'InvalidArgument', `The parameter ${rule.name} must be a whole number from ${rule.min} to ${rule.max}.`);
  }
  return given;
}

/** One of the allowed words. */
export function oneOf<const T extends string>(value: string | null | undefined, allowed: readonly T[], name: string): T {
  const given = required(value, name);
  return allowed.find((word) => word === given) ?? refuse('InvalidArgument', `The parameter ${name} must be one of ${allowed.join(', ')}.`);
}

/** Refuses when two of the keys are the same. */
export function distinct(keys: readonly string[], what: string, code = 'InvalidArgument'): void {
  const seen = new Set<string>();
  for (const key of keys) {
    if (seen.has(key)) refuse(code, `The parameter ${what} contains a duplicate: ${key}`);
    seen.add(key);
  }
}

/** Refuses a list that is over its quota, in the quota's own code. */
export function atMost(count: number, countMax: number, code: string, what: string): void {
  if (count > countMax) refuse(code, `The request contains ${count} ${what}; at most ${countMax} are allowed.`);
}
