// What an access key may do: a policy document in IAM's form, checked when it is written and decided by when the key is used.
//
// The form and the way it is decided are IAM's (IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements
// reference"): an explicit Deny wins, and what nothing allows is not allowed. Elements that are not understood here
// (Condition, Principal, policy variables) are refused: ignoring one would allow more, or less, than its author wrote.
import { matchesWildcards } from '../base/wildcards';
import { refuse } from './refusal';

/** Limits on one document. */
export const policyLimits = {
  /** IAM's own for a managed policy (IAM User Guide, "IAM and AWS STS quotas"). */
  charsMax: 6_144,
  /** ours. */
  statementsMax: 100,
  patternCharsMax: 512,
  /** Longest ARN that is compared (IAM User Guide, "Amazon Resource Names"); what is longer is not allowed. */
  resourceCharsMax: 2_048,
} as const;

/** A list that a policy names, or everything but what it names. */
interface Patterns {
  readonly not: boolean;
  readonly patterns: readonly string[];
}

interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: Patterns;
  readonly resources: Patterns;
}

/** A document that was understood. */
export type AccessPolicy = readonly Statement[];

/** `allowed`, or why not: by a Deny, or because nothing allows it. */
export type Decision = 'allowed' | 'denied' | 'not-allowed';

function malformed(what: string): never {
  return refuse('MalformedPolicyDocument', `The policy is not valid: ${what}.`);
}

function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) malformed(`${what} must be an object`);
  return value as Record<string, unknown>;
}

function only(value: Readonly<Record<string, unknown>>, known: readonly string[], what: string): void {
  const unknown = Object.keys(value).find((member) => !known.includes(member));
  if (unknown !== undefined) malformed(`${what} has the element ${unknown.slice(0, 64)}, which is not supported`);
}

/** `s` names an action of these services; nothing else could ever be asked for. Action names are compared without case. */
const actionPattern = /^(\*|(cloudfront|cloudfront-keyvaluestore|edgefront):[A-Za-z*?]+)$/i;
/** An ARN of CloudFront's, or a pattern that starts like one. */
const resourcePattern = /^(\*|arn:[a-z*?-]+:(cloudfront|\*):[^:]*:[\d*?]*:[\x21-\x7e]+)$/;

function patternsOf(value: unknown, rule: RegExp, what: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) malformed(`${what} is empty`);
  return list.map((pattern) => {
    if (typeof pattern !== 'string' || pattern.length > policyLimits.patternCharsMax) malformed(`${what} holds something that is no text of at most ${policyLimits.patternCharsMax} characters`);
    if (pattern.includes('${')) malformed(`${what} holds a policy variable, which is not supported`);
    if (!rule.test(pattern)) malformed(`${what} holds ${pattern.slice(0, 128)}, which has not the form of one`);
    return pattern;
  });
}

function choiceOf(statement: Readonly<Record<string, unknown>>, name: 'Action' | 'Resource', rule: RegExp): Patterns {
  const [plain, negated] = [statement[name], statement[`Not${name}`]];
  if ((plain === undefined) === (negated === undefined)) malformed(`a statement has either ${name} or Not${name}`);
  return { not: plain === undefined, patterns: patternsOf(plain ?? negated, rule, name) };
}

function statementOf(value: unknown): Statement {
  const statement = objectOf(value, 'a statement');
  only(statement, ['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource'], 'a statement');
  const { Sid: sid = '', Effect: effect } = statement;
  if (typeof sid !== 'string' || !/^[A-Za-z0-9 ]{0,128}$/.test(sid)) malformed('Sid has at most 128 letters and digits');
  if (effect !== 'Allow' && effect !== 'Deny') malformed('Effect is Allow or Deny');
  return { effect, actions: choiceOf(statement, 'Action', actionPattern), resources: choiceOf(statement, 'Resource', resourcePattern) };
}

/**
 * Understands a document.
 * @throws Refusal MalformedPolicyDocument, naming the first thing that is wrong
 */
export function parseAccessPolicy(value: unknown): AccessPolicy {
  const document = objectOf(value, 'it');
  if (JSON.stringify(document).length > policyLimits.charsMax) malformed(`it has more than ${policyLimits.charsMax} characters`);
  only(document, ['Version', 'Id', 'Statement'], 'it');
  // The older version differs only in policy variables, which neither may use here.
  if (document['Version'] !== '2012-10-17' && document['Version'] !== '2008-10-17') malformed('Version must be 2012-10-17');
  if (document['Id'] !== undefined && typeof document['Id'] !== 'string') malformed('Id must be a text');
  const statements: readonly unknown[] = Array.isArray(document['Statement']) ? document['Statement'] : [document['Statement']];
  if (statements.length === 0 || statements.length > policyLimits.statementsMax) malformed(`it must have 1 to ${policyLimits.statementsMax} statements`);
  return statements.map(statementOf);
}

/**
 * Refuses a pattern that no action matches: a name that is misspelt in a Deny would deny nothing.
 * @throws Refusal MalformedPolicyDocument
 */
export function checkPolicyActions(policy: AccessPolicy, actions: readonly string[]): void {
  for (const pattern of new Set(policy.flatMap((statement) => statement.actions.patterns))) {
    if (!actions.some((action) => matchesWildcards(pattern.toLowerCase(), action.toLowerCase()))) malformed(`there is no action ${pattern.slice(0, 128)}`);
  }
}

function covers({ not, patterns }: Patterns, text: string): boolean {
  return patterns.some((pattern) => matchesWildcards(pattern, text)) !== not;
}

const lowerCase = ({ not, patterns }: Patterns): Patterns => ({ not, patterns: patterns.map((pattern) => pattern.toLowerCase()) });

/**
 * Decides about one action on one resource.
 * @param action `cloudfront:CreateInvalidation`; compared without case, as IAM does
 * @param resource an ARN or `*`; null where it cannot be told before the action: whatever a Deny says of the action then holds
 */
export function decide(policy: AccessPolicy, action: string, resource: string | null, anyOfType: string = '*'): Decision {
  if (resource !== null && resource.length > policyLimits.resourceCharsMax) return 'not-allowed';
  const about = policy.filter(({ actions }) => covers(lowerCase(actions), action.toLowerCase()));
  const holds = (statement: Statement): boolean => covers(statement.resources, resource ?? anyOfType);
  if (about.some((statement) => statement.effect === 'Deny' && (resource === null || holds(statement)))) return 'denied';
  return about.some((statement) => statement.effect === 'Allow' && holds(statement)) ? 'allowed' : 'not-allowed';
}
