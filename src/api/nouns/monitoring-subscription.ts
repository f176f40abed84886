// Monitoring subscriptions: whether a distribution has the additional metrics. Each belongs to its distribution and goes with it.
import type { MonitoringSubscription } from '@aws-sdk/client-cloudfront';
import { versionTag } from '../../model/ids';
import { prepareMonitoringSubscription } from '../../model/monitoring-subscription';
import { refuse } from '../../model/refusal';
import type { DistributionRow, ResourceRow } from '../../store/store';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { find, newestVersion, payloadOf, preconditionFailed } from '../verbs';
import { distributionNoun } from './distribution';

const kind = 'monitoring-subscription';
const statusOf = (config: MonitoringSubscription): string | undefined => config.RealtimeMetricsSubscriptionConfig?.RealtimeMetricsSubscriptionStatus;

function noSuchSubscription(): never {
  return refuse('NoSuchMonitoringSubscription', 'A monitoring subscription does not exist for the specified distribution.');
}

async function replace(current: ResourceRow, config: MonitoringSubscription, parts: OperationParts): Promise<void> {
  if (statusOf(current.config) === statusOf(config)) {
    refuse('MonitoringSubscriptionAlreadyExists', 'A monitoring subscription already exists for the specified distribution.');
  }
  const outcome = await parts.store.resources.update(kind, current.id, current.etag, {
    etag: versionTag(parts.random), name: current.name, config: { ...config }, attributes: {}, references: [],
  });
  if (outcome.outcome !== 'done') preconditionFailed();
}

async function put(distribution: DistributionRow, config: MonitoringSubscription, parts: OperationParts): Promise<void> {
  const { store, limits } = parts;
  const outcome = await store.resources.create({
    kind, id: distribution.id, etag: versionTag(parts.random), name: distribution.id, ownerArn: distribution.arn,
    config: { ...config }, attributes: {}, references: [], countMax: limits.distributionsMax,
  });
  switch (outcome.outcome) {
    case 'done': break;
    // There is no operation that changes one. Departure: another status is a change, as Terraform makes it; the same one is refused.
    case 'name-taken': case 'reference-taken': return replace(outcome.existing, config, parts);
    default: preconditionFailed();
  }
  // The distribution may have gone since it was looked up, and then nothing else would take this with it.
  if (await store.distributions.get('web', distribution.id) === null) {
    await store.resources.remove(kind, outcome.row.id, outcome.row.etag);
    refuse('NoSuchDistribution', 'The specified distribution does not exist.');
  }
}

export function monitoringSubscriptionOperations(parts: OperationParts): OperationTable {
  const distributions = distributionNoun(parts);
  const distributionOf = (call: Call): Promise<DistributionRow> => find(distributions, call.input['DistributionId']);
  const subscriptionOf = async (call: Call): Promise<ResourceRow> => {
    const { id } = await distributionOf(call);
    return await parts.store.resources.get(kind, id) ?? noSuchSubscription();
  };
  return {
    CreateMonitoringSubscription: async (call) => {
      const config = prepareMonitoringSubscription(payloadOf<MonitoringSubscription>(call, 'MonitoringSubscription'));
      await newestVersion(async () => put(await distributionOf(call), config, parts));
      return { MonitoringSubscription: config };
    },
    GetMonitoringSubscription: async (call) => ({ MonitoringSubscription: (await subscriptionOf(call)).config }),
    DeleteMonitoringSubscription: async (call) => {
      await newestVersion(async () => {
        const { id, etag } = await subscriptionOf(call);
        const { outcome } = await parts.store.resources.remove(kind, id, etag);
        if (outcome === 'missing') noSuchSubscription();
        if (outcome !== 'done') preconditionFailed();
      });
      return {};
    },
  };
}
