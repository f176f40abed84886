// Monitoring subscriptions: whether a distribution has the additional metrics.
import type { MonitoringSubscription } from '@aws-sdk/client-cloudfront';
import { oneOf } from './argument';

/** @throws Refusal InvalidArgument */
export function prepareMonitoringSubscription(config: MonitoringSubscription): MonitoringSubscription {
  const status = config.RealtimeMetricsSubscriptionConfig?.RealtimeMetricsSubscriptionStatus;
  return {
    RealtimeMetricsSubscriptionConfig: { RealtimeMetricsSubscriptionStatus: oneOf(status, ['Enabled', 'Disabled'], 'RealtimeMetricsSubscriptionStatus') },
  };
}
