// Origin access identities: the name CloudFront fetches from an S3 bucket under.
import type { CloudFrontOriginAccessIdentityConfig } from '@aws-sdk/client-cloudfront';
import { required, text } from './argument';
import type { Limits } from './limits';
import { refuse } from './refusal';

export interface IdentityConfig {
  readonly CallerReference: string;
  readonly Comment: string;
}

/** @throws Refusal InvalidArgument */
export function prepareIdentityConfig(config: CloudFrontOriginAccessIdentityConfig, limits: Limits): IdentityConfig {
  return {
    CallerReference: text(required(config.CallerReference, 'CallerReference'), 'CallerReference', limits.callerReferenceCharsMax),
    Comment: text(config.Comment, 'Comment', limits.commentCharsMax),
  };
}

/** @throws Refusal IllegalUpdate */
export function checkIdentityUpdate(current: IdentityConfig, next: IdentityConfig): void {
  if (current.CallerReference !== next.CallerReference) {
    refuse('IllegalUpdate', 'The update contains modifications that are not allowed: CallerReference cannot be changed.');
  }
}
