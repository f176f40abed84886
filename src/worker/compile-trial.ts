// Which of a distribution's viewers are sent to its staging distribution, as its continuous deployment policy says it.
import type { ContinuousDeploymentPolicyConfig } from '@aws-sdk/client-cloudfront';
import type { SiteTrial, SiteTrialChoice } from '../snapshot/site';
import type { ResourceRow } from '../store/store';

/** Null while the policy is disabled, or says nothing. */
export function trialOf(policy: ResourceRow): SiteTrial | null {
  const config = policy.config as unknown as ContinuousDeploymentPolicyConfig;
  const host = config.StagingDistributionDnsNames?.Items?.[0]?.toLowerCase();
  const choice = choiceOf(config);
  if (config.Enabled !== true || host === undefined || choice === null) return null;
  // Every change of the policy begins new sessions: more than CloudFront's, which begin anew with the policy or the stickiness (guide).
  return { host, session: policy.etag, choice };
}

function choiceOf({ TrafficConfig: traffic }: ContinuousDeploymentPolicyConfig): SiteTrialChoice | null {
  const header = traffic?.SingleHeaderConfig;
  if (traffic?.Type === 'SingleHeader' && header !== undefined) {
    return { kind: 'header', name: (header.Header ?? '').toLowerCase(), value: header.Value ?? '' };
  }
  const weight = traffic?.SingleWeightConfig;
  if (traffic?.Type !== 'SingleWeight' || weight === undefined) return null;
  const sticky = weight.SessionStickinessConfig;
  return {
    kind: 'weight', share: weight.Weight ?? 0,
    stickiness: sticky === undefined ? null : { idleTtlS: sticky.IdleTTL ?? 0, maximumTtlS: sticky.MaximumTTL ?? 0 },
  };
}
