// Continuous deployment policies: which of a distribution's viewers are sent to its staging distribution.
import type {
  ContinuousDeploymentPolicyConfig, ContinuousDeploymentSingleHeaderConfig, ContinuousDeploymentSingleWeightConfig, TrafficConfig,
} from '@aws-sdk/client-cloudfront';
import { oneOf, required, wholeNumber } from './argument';
import type { Limits } from './limits';
import { isHeaderName } from './origin';
import { checkQuantities, filled, itemsOf, present } from './quantity';
import { refuse } from './refusal';

/** model: ContinuousDeploymentSingleWeightConfig. */
const weightMax = 0.15;
/** model: ContinuousDeploymentSingleHeaderConfig. */
const headerPrefix = 'aws-cf-cd-';

function checkWeight(config: ContinuousDeploymentSingleWeightConfig, limits: Limits): void {
  const weight = required(config.Weight, 'Weight');
  if (!(weight >= 0 && weight <= weightMax)) refuse('InvalidArgument', `The parameter Weight must be a number from 0 to ${weightMax}.`);
  const session = config.SessionStickinessConfig;
  if (session === undefined) return;
  const range = { min: limits.sessionTtlSMin, max: limits.sessionTtlSMax, fallback: Number.NaN };
  const idleTtlS = wholeNumber(session.IdleTTL, { ...range, name: 'IdleTTL' });
  const maximumTtlS = wholeNumber(session.MaximumTTL, { ...range, name: 'MaximumTTL' });
  if (idleTtlS > maximumTtlS) refuse('InvalidArgument', 'The parameter IdleTTL must not exceed MaximumTTL.');
}

function checkHeader(config: ContinuousDeploymentSingleHeaderConfig, limits: Limits): void {
  const name = required(config.Header, 'Header');
  const value = required(config.Value, 'Value');
  if (!isHeaderName(name, limits.customHeaderNameCharsMax) || !name.toLowerCase().startsWith(headerPrefix)) {
    refuse('InvalidArgument', `The parameter Header must be a header name that begins with ${headerPrefix}.`);
  }
  if (value.length > limits.customHeaderValueCharsMax || !/^[\x20-\x7e]+$/.test(value)) {
    refuse('InvalidArgument', 'The parameter Value is too long or contains a character that is not allowed.');
  }
}

/** One of the two ways to choose, with its own part and without the other's. */
function checkTraffic(traffic: TrafficConfig, limits: Limits): void {
  const { SingleWeightConfig: weight, SingleHeaderConfig: header } = traffic;
  const type = oneOf(traffic.Type, ['SingleWeight', 'SingleHeader'], 'Type');
  if ((type === 'SingleWeight' ? header : weight) !== undefined) refuse('InvalidArgument', `The parameter TrafficConfig has a part that does not go with the type ${type}.`);
  if (type === 'SingleWeight') checkWeight(required(weight, 'SingleWeightConfig'), limits);
  else checkHeader(required(header, 'SingleHeaderConfig'), limits);
}

/** Domain name of the staging distribution, lower case; '' when the configuration does not name exactly one. */
export function stagingNameOf(config: ContinuousDeploymentPolicyConfig): string {
  const names = itemsOf(config.StagingDistributionDnsNames);
  return names.length === 1 ? names[0]?.toLowerCase() ?? '' : '';
}

/**
 * A policy as CloudFront would echo it; idempotent. That the staging distribution is one is for the caller to look up.
 * @throws Refusal with the code of the first rule that is broken
 */
export function prepareContinuousDeploymentPolicyConfig(config: ContinuousDeploymentPolicyConfig, limits: Limits): ContinuousDeploymentPolicyConfig {
  checkQuantities(config);
  const enabled = required(config.Enabled, 'Enabled');
  if (stagingNameOf(config) === '') refuse('InvalidArgument', 'The parameter StagingDistributionDnsNames must have exactly one item.');
  if (config.TrafficConfig !== undefined) checkTraffic(config.TrafficConfig, limits);
  else if (enabled) refuse('InvalidArgument', 'The parameter TrafficConfig is required where the policy is enabled.');
  return present<ContinuousDeploymentPolicyConfig>({
    StagingDistributionDnsNames: filled(itemsOf(config.StagingDistributionDnsNames)), Enabled: enabled, TrafficConfig: config.TrafficConfig,
  });
}
