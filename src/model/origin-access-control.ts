// Origin access controls: how requests to an origin are signed.
import type { OriginAccessControlConfig } from '@aws-sdk/client-cloudfront';
import { oneOf, required, text } from './argument';
import type { ConfigContext } from './config-context';
import { refuse } from './refusal';

const originTypes = ['s3', 'mediastore', 'lambda', 'mediapackagev2'] as const;
const signingBehaviors = ['never', 'always', 'no-override', 'always-amz-auth'] as const;

/** @throws Refusal InvalidArgument */
export function prepareOriginAccessControl(config: OriginAccessControlConfig, { limits }: Pick<ConfigContext, 'limits'>): OriginAccessControlConfig {
  const originType = oneOf(config.OriginAccessControlOriginType, originTypes, 'OriginAccessControlOriginType');
  const behavior = oneOf(config.SigningBehavior, signingBehaviors, 'SigningBehavior');
  // model: OriginAccessControlConfig.SigningBehavior.
  if (behavior === 'always-amz-auth' && originType !== 'lambda') {
    refuse('InvalidArgument', 'The parameter SigningBehavior can be always-amz-auth for origins of the type lambda only.');
  }
  return {
    Name: text(required(config.Name, 'Name'), 'Name', limits.originAccessControlNameCharsMax),
    Description: text(config.Description, 'Description', limits.originAccessControlDescriptionCharsMax),
    SigningProtocol: oneOf(config.SigningProtocol, ['sigv4', 'sigv4a'], 'SigningProtocol'),
    SigningBehavior: behavior,
    OriginAccessControlOriginType: originType,
  };
}
