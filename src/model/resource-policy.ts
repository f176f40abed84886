// Resource policies: who, beyond its account, may use a resource.
import { required } from './argument';
import type { Limits } from './limits';
import { refuse } from './refusal';

/** Type and id in an ARN that can have a policy. */
export interface PolicyOwner {
  readonly arn: string;
  readonly type: string;
  readonly id: string;
}

/** @throws Refusal InvalidArgument when it is no ARN of this service */
export function policyOwnerOf(resourceArn: string | undefined): PolicyOwner {
  const arn = required(resourceArn, 'ResourceArn');
  const [, type, id] = /^arn:aws[a-z-]*:cloudfront::\d{12}:([a-z-]{1,64})\/([A-Za-z0-9_-]{1,64})$/.exec(arn) ?? [];
  if (type === undefined || id === undefined) return refuse('InvalidArgument', 'The parameter ResourceArn is not valid.');
  return { arn, type, id };
}

function isStatement(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { Effect: effect, Action: action, Principal: principal } = value as Record<string, unknown>;
  return (effect === 'Allow' || effect === 'Deny') && action !== undefined && principal !== undefined;
}

/**
 * The document as sent, once it has a policy's form (IAM user guide: elements of the JSON policy).
 * @throws Refusal InvalidArgument
 */
export function preparePolicyDocument(document: string | undefined, limits: Limits): string {
  const given = required(document, 'PolicyDocument');
  let parsed: unknown = null;
  try {
    if (given.length <= limits.policyDocumentCharsMax) parsed = JSON.parse(given);
  } catch {
    // Refused below, as a text that is no object is.
  }
  const { Version: version, Statement: statement } = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<string, unknown>;
  const statements: readonly unknown[] = Array.isArray(statement) ? statement : [statement];
  if ((version !== '2012-10-17' && version !== '2008-10-17') || statements.length === 0 || !statements.every(isStatement)) {
    refuse('InvalidArgument', 'The parameter PolicyDocument is too long, or not a policy in JSON.');
  }
  return given;
}
