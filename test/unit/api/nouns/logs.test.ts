// Real-time log configurations and monitoring subscriptions: what they answer, what is refused, and every error of the SDK's model.
import { leastConfig } from '../../../fixtures/configs';
import { unseenErrors } from '../../../fixtures/model-errors';
import { bench } from '../../../fixtures/operations';

type Fields = Readonly<Record<string, unknown>>;

const endPoint = (more: Fields = {}, type = 'Kinesis'): Fields => ({
  StreamType: type,
  KinesisStreamConfig: { RoleARN: 'arn:aws:iam::111122223333:role/service/logs', StreamARN: 'arn:aws:kinesis:us-east-1:111122223333:stream/logs', ...more },
});
const logging = (Name: string, more: Fields = {}): Fields =>
  ({ Name, SamplingRate: 10, EndPoints: [endPoint()], Fields: ['timestamp', 'c-ip', 'cs-uri-stem'], ...more });
const arnOf = (name: string, account = '111122223333'): string => `arn:aws:cloudfront::${account}:realtime-log-config/${name}`;

describe('real-time log configurations', () => {
  test('from create to delete, by name and by ARN', async () => {
    const on = await bench();
    const { RealtimeLogConfig: created } = await on.call('CreateRealtimeLogConfig', logging('one'));
    expect(created).toEqual({ ARN: arnOf('one'), ...logging('one') });
    expect(await on.call('GetRealtimeLogConfig', { Name: 'one' })).toEqual({ RealtimeLogConfig: created });
    expect(await on.call('GetRealtimeLogConfig', { ARN: created.ARN, Name: 'one' })).toEqual({ RealtimeLogConfig: created });
    const { ARN } = created;
    const changed = logging('one', { SamplingRate: 100, Fields: ['asn'] });
    expect(await on.call('UpdateRealtimeLogConfig', { ...changed, Name: undefined, ARN })).toEqual({ RealtimeLogConfig: { ARN, ...changed } });
    // Another stands in every test's store.
    expect((await on.call('ListRealtimeLogConfigs', { MaxItems: 1 }))['RealtimeLogConfigs'])
      .toMatchObject({ IsTruncated: true, MaxItems: 1, Marker: '', NextMarker: 'one', Items: [{ ARN, ...changed }] });
    expect((await on.call('ListRealtimeLogConfigs', { Marker: 'one' }))['RealtimeLogConfigs']).toMatchObject({ IsTruncated: false, Items: [{ }] });

    const config = leastConfig();
    config.DefaultCacheBehavior!.RealtimeLogConfigArn = ARN as string;
    const { Distribution: distribution, ETag: version } = await on.call('CreateDistribution', { DistributionConfig: config });
    expect(await on.refusal('DeleteRealtimeLogConfig', { ARN })).toBe('RealtimeLogConfigInUse');
    await on.call('UpdateDistribution', { Id: distribution.Id, IfMatch: version, DistributionConfig: leastConfig() });
    expect(await on.call('DeleteRealtimeLogConfig', { Name: 'one' })).toEqual({});
    for (const operation of ['GetRealtimeLogConfig', 'UpdateRealtimeLogConfig', 'DeleteRealtimeLogConfig']) {
      expect(await on.refusal(operation, { ...changed, Name: 'one' })).toBe('NoSuchRealtimeLogConfig');
      expect(await on.refusal(operation, { ...changed, Name: undefined, ARN })).toBe('NoSuchRealtimeLogConfig');
    }
  });

  test('updates of many callers all arrive, one after the other', async () => {
    const on = await bench();
    await on.call('CreateRealtimeLogConfig', logging('one'));
    const rates = [11, 12, 13, 14];
    const answers = await Promise.all(rates.map((SamplingRate) => on.call('UpdateRealtimeLogConfig', logging('one', { SamplingRate }))));
    expect(answers.map((answer) => answer['RealtimeLogConfig'].SamplingRate)).toEqual(rates);
  });

  test('what is refused', async () => {
    const on = await bench({ limits: { realtimeLogConfigsMax: 2 } });
    await on.call('CreateRealtimeLogConfig', logging('one'));
    expect(await on.refusal('CreateRealtimeLogConfig', logging('one'))).toBe('RealtimeLogConfigAlreadyExists');
    expect(await on.refusal('CreateRealtimeLogConfig', logging('two'))).toBe('TooManyRealtimeLogConfigs');
    for (const change of [
      { SamplingRate: 0 }, { SamplingRate: 101 }, { SamplingRate: undefined }, { EndPoints: [] }, { EndPoints: [endPoint(), endPoint()] },
      { EndPoints: [endPoint({}, 'Firehose')] }, { EndPoints: [endPoint({ RoleARN: 'role' })] }, { EndPoints: [endPoint({ StreamARN: 'stream' })] },
      { Fields: [] }, { Fields: ['c-ip', 'c-ip'] }, { Fields: ['nothing'] },
    ]) {
      expect(await on.refusal('CreateRealtimeLogConfig', logging('x', change))).toBe('InvalidArgument');
      expect(await on.refusal('UpdateRealtimeLogConfig', logging('one', change))).toBe('InvalidArgument');
    }
    expect(await on.refusal('CreateRealtimeLogConfig', logging('a b'))).toBe('InvalidArgument');
    expect(await on.refusal('CreateRealtimeLogConfig', logging('a'.repeat(65)))).toBe('InvalidArgument');
    for (const operation of ['GetRealtimeLogConfig', 'UpdateRealtimeLogConfig', 'DeleteRealtimeLogConfig']) {
      expect(await on.refusal(operation, {})).toBe('InvalidArgument');
      expect(await on.refusal(operation, { ARN: 'arn:aws:s3:::bucket' })).toBe('InvalidArgument');
      expect(await on.refusal(operation, { Name: 'one', ARN: arnOf('two') })).toBe('InvalidArgument');
      expect(await on.refusal(operation, { ARN: arnOf('one', '999999999999') })).toBe('NoSuchRealtimeLogConfig');
    }
    expect(await on.refusal('ListRealtimeLogConfigs', { MaxItems: 0 })).toBe('InvalidArgument');
  });
});

const subscription = (status: string): Fields =>
  ({ MonitoringSubscription: { RealtimeMetricsSubscriptionConfig: { RealtimeMetricsSubscriptionStatus: status } } });

describe('monitoring subscriptions', () => {
  test('from create to delete, changed by creating again', async () => {
    const on = await bench();
    const { Distribution: { Id: DistributionId } } = await on.call('CreateDistribution', { DistributionConfig: leastConfig() });
    expect(await on.refusal('GetMonitoringSubscription', { DistributionId })).toBe('NoSuchMonitoringSubscription');
    expect(await on.refusal('DeleteMonitoringSubscription', { DistributionId })).toBe('NoSuchMonitoringSubscription');
    expect(await on.call('CreateMonitoringSubscription', { DistributionId, ...subscription('Enabled') })).toEqual(subscription('Enabled'));
    expect(await on.refusal('CreateMonitoringSubscription', { DistributionId, ...subscription('Enabled') })).toBe('MonitoringSubscriptionAlreadyExists');
    expect(await on.call('CreateMonitoringSubscription', { DistributionId, ...subscription('Disabled') })).toEqual(subscription('Disabled'));
    expect(await on.call('GetMonitoringSubscription', { DistributionId })).toEqual(subscription('Disabled'));
    expect(await on.call('DeleteMonitoringSubscription', { DistributionId })).toEqual({});
    expect(await on.refusal('GetMonitoringSubscription', { DistributionId })).toBe('NoSuchMonitoringSubscription');
  });

  test('goes with its distribution', async () => {
    const on = await bench();
    const { Distribution: { Id }, ETag: IfMatch } = await on.call('CreateDistribution', { DistributionConfig: { ...leastConfig(), Enabled: false } });
    await on.call('CreateMonitoringSubscription', { DistributionId: Id, ...subscription('Enabled') });
    await on.store.settleAll();
    await on.call('DeleteDistribution', { Id, IfMatch });
    expect(await on.store.resources.get('monitoring-subscription', Id as string)).toBeNull();
  });

  test('what is refused', async () => {
    const on = await bench();
    const { Distribution: { Id: DistributionId } } = await on.call('CreateDistribution', { DistributionConfig: leastConfig() });
    for (const operation of ['CreateMonitoringSubscription', 'GetMonitoringSubscription', 'DeleteMonitoringSubscription']) {
      expect(await on.refusal(operation, { DistributionId: 'ENOBODY', ...subscription('Enabled') })).toBe('NoSuchDistribution');
    }
    expect(await on.refusal('CreateMonitoringSubscription', { DistributionId })).toBe('MissingBody');
    expect(await on.refusal('CreateMonitoringSubscription', { DistributionId, ...subscription('Perhaps') })).toBe('InvalidArgument');
    expect(await on.refusal('CreateMonitoringSubscription', { DistributionId, MonitoringSubscription: {} })).toBe('InvalidArgument');
  });
});

describe('every error of the model', () => {
  const impossible: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    '': {
      AccessDenied: 'the shell decides who may call, before any operation',
      UnsupportedOperation: 'every distribution can have a subscription',
    },
    ListRealtimeLogConfigs: { NoSuchRealtimeLogConfig: 'a list names no configuration' },
  };
  test.each(['Create', 'Get', 'Update', 'Delete'].map((verb) => `${verb}RealtimeLogConfig`).concat(
    'ListRealtimeLogConfigs', 'CreateMonitoringSubscription', 'GetMonitoringSubscription', 'DeleteMonitoringSubscription',
  ))('%s', (operation) => {
    expect(unseenErrors(operation, impossible[operation], impossible[''])).toEqual([]);
  });
});
