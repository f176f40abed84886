// Keys, controls, logs and entities through the API's shell, spoken to by the AWS SDK: round trips, pages and error classes.
import * as sdk from '@aws-sdk/client-cloudfront';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { startApi } from '../../../../src/api/api';
import { createOperations } from '../../../../src/api/operations';
import { readConfig } from '../../../../src/base/config';
import { systemClock } from '../../../../src/base/clock';
import { silentLog } from '../../../../src/base/log';
import { accountId, domain, leastConfig } from '../../../fixtures/configs';
import { emptyStore, type TestStore } from '../../../fixtures/test-store';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

let store: TestStore;
let api: Awaited<ReturnType<typeof startApi>>;
let client: sdk.CloudFrontClient;

beforeAll(async () => {
  store = await emptyStore();
  await store.accessKeys.put('AKIATEST', 'a-secret-of-the-test');
  const operations = createOperations({ store, clock: systemClock, random: randomBytes, domain, accountId, apiUrl: 'http://api.test', settleHoldMs: 0 });
  api = await startApi({ config: readConfig({ EDGEFRONT_API_PORT: '0' }), store, clock: systemClock, log: silentLog, operations });
  client = new sdk.CloudFrontClient({
    endpoint: `http://127.0.0.1:${api.port}`, region: 'us-east-1', maxAttempts: 1, credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'a-secret-of-the-test' },
  });
});

afterAll(async () => {
  client.destroy();
  await api.close();
});

const EncodedKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'pem', type: 'spki' }) as string;

async function madeKey(name: string): Promise<string> {
  const { PublicKey: key } = await client.send(new sdk.CreatePublicKeyCommand({ PublicKeyConfig: { CallerReference: name, Name: name, EncodedKey } }));
  return key!.Id!;
}

test('a key, its group and its profile: what was read can be written back, and what is used stays', async () => {
  const id = await madeKey('one');
  const { PublicKeyConfig, ETag } = await client.send(new sdk.GetPublicKeyConfigCommand({ Id: id }));
  expect(PublicKeyConfig).toEqual({ CallerReference: 'one', Name: 'one', EncodedKey, Comment: '' });
  const { ETag: next } = await client.send(new sdk.UpdatePublicKeyCommand({ Id: id, IfMatch: ETag, PublicKeyConfig }));

  const { KeyGroup: group } = await client.send(new sdk.CreateKeyGroupCommand({ KeyGroupConfig: { Name: 'web', Items: [id] } }));
  const read = await client.send(new sdk.GetKeyGroupConfigCommand({ Id: group!.Id }));
  const updated = await client.send(new sdk.UpdateKeyGroupCommand({ Id: group!.Id, IfMatch: read.ETag, KeyGroupConfig: read.KeyGroupConfig }));
  expect(updated.KeyGroup!.KeyGroupConfig).toEqual({ Name: 'web', Items: [id], Comment: '' });
  await expect(client.send(new sdk.DeletePublicKeyCommand({ Id: id, IfMatch: next }))).rejects.toBeInstanceOf(sdk.PublicKeyInUse);
  await expect(client.send(new sdk.GetKeyGroupCommand({ Id: 'nobody' }))).rejects.toBeInstanceOf(sdk.NoSuchResource);

  const EncryptionEntities = { Quantity: 1, Items: [{ PublicKeyId: id, ProviderId: 'p', FieldPatterns: { Quantity: 1, Items: ['a*'] } }] };
  const FieldLevelEncryptionProfileConfig = { Name: 'profile', CallerReference: 'profile', Comment: '', EncryptionEntities };
  const { FieldLevelEncryptionProfile: profile } = await client.send(new sdk.CreateFieldLevelEncryptionProfileCommand({ FieldLevelEncryptionProfileConfig }));
  expect(profile!.FieldLevelEncryptionProfileConfig).toEqual(FieldLevelEncryptionProfileConfig);
  const FieldLevelEncryptionConfig = {
    CallerReference: 'config', Comment: '',
    QueryArgProfileConfig: { ForwardWhenQueryArgProfileIsUnknown: true, QueryArgProfiles: { Quantity: 1, Items: [{ QueryArg: 'q', ProfileId: profile!.Id }] } },
  };
  const { FieldLevelEncryption: made, Location } = await client.send(new sdk.CreateFieldLevelEncryptionConfigCommand({ FieldLevelEncryptionConfig }));
  expect(Location).toBe(`http://api.test/2020-05-31/field-level-encryption/${made!.Id}`);
  expect((await client.send(new sdk.GetFieldLevelEncryptionCommand({ Id: made!.Id }))).FieldLevelEncryption).toEqual(made);
  await expect(client.send(new sdk.CreateFieldLevelEncryptionConfigCommand({ FieldLevelEncryptionConfig: { CallerReference: 'x', QueryArgProfileConfig: {
    ForwardWhenQueryArgProfileIsUnknown: true, QueryArgProfiles: { Quantity: 1, Items: [{ QueryArg: 'q', ProfileId: '' }] },
  } } }))).rejects.toBeInstanceOf(sdk.QueryArgProfileEmpty);
});

test('pages of public keys and of trust stores', async () => {
  for (const name of ['p1', 'p2', 'p3']) {
    await madeKey(name);
    await client.send(new sdk.CreateTrustStoreCommand({ Name: name, CaCertificatesBundleSource: { CaCertificatesBundleS3Location: { Bucket: 'bucket', Key: 'k', Region: 'us-east-1' } } }));
  }
  const names: (string | undefined)[] = [];
  for await (const page of sdk.paginateListPublicKeys({ client }, { MaxItems: 2 })) names.push(...(page.PublicKeyList!.Items ?? []).map((item) => item.Name));
  expect(names.slice(0, 3)).toEqual(['p3', 'p2', 'p1']);
  const stores: (string | undefined)[] = [];
  for await (const page of sdk.paginateListTrustStores({ client }, { MaxItems: 1 })) stores.push(...page.TrustStoreList!.map((item) => item.Name));
  expect(stores.slice(0, 3)).toEqual(['p3', 'p2', 'p1']);
});

test('a real-time log configuration and a subscription', async () => {
  const settings = {
    Name: 'stream', SamplingRate: 50, Fields: ['timestamp', 'c-ip'],
    EndPoints: [{ StreamType: 'Kinesis', KinesisStreamConfig: { RoleARN: 'arn:aws:iam::111122223333:role/logs', StreamARN: 'arn:aws:kinesis:us-east-1:111122223333:stream/logs' } }],
  };
  const { RealtimeLogConfig: created } = await client.send(new sdk.CreateRealtimeLogConfigCommand(settings));
  expect(created).toEqual({ ARN: 'arn:aws:cloudfront::111122223333:realtime-log-config/stream', ...settings });
  expect((await client.send(new sdk.UpdateRealtimeLogConfigCommand({ ...settings, Name: undefined, ARN: created!.ARN, SamplingRate: 1 }))).RealtimeLogConfig!.SamplingRate).toBe(1);
  const config = leastConfig();
  config.DefaultCacheBehavior!.RealtimeLogConfigArn = created!.ARN;
  const { Distribution: distribution } = await client.send(new sdk.CreateDistributionCommand({ DistributionConfig: config }));
  await expect(client.send(new sdk.DeleteRealtimeLogConfigCommand({ Name: 'stream' }))).rejects
    .toMatchObject({ name: 'RealtimeLogConfigInUse', $metadata: { httpStatusCode: 400 } });

  const DistributionId = distribution!.Id;
  const MonitoringSubscription = { RealtimeMetricsSubscriptionConfig: { RealtimeMetricsSubscriptionStatus: 'Enabled' } } as const;
  await expect(client.send(new sdk.GetMonitoringSubscriptionCommand({ DistributionId }))).rejects.toBeInstanceOf(sdk.NoSuchMonitoringSubscription);
  await client.send(new sdk.CreateMonitoringSubscriptionCommand({ DistributionId, MonitoringSubscription }));
  expect((await client.send(new sdk.GetMonitoringSubscriptionCommand({ DistributionId }))).MonitoringSubscription).toEqual(MonitoringSubscription);
  await client.send(new sdk.DeleteMonitoringSubscriptionCommand({ DistributionId }));
});

test('an origin access control, a VPC origin with its policy, an anycast IP list', async () => {
  const OriginAccessControlConfig = { Name: 'oac', Description: '', SigningProtocol: 'sigv4', SigningBehavior: 'always', OriginAccessControlOriginType: 's3' } as const;
  const { OriginAccessControl: control, ETag } = await client.send(new sdk.CreateOriginAccessControlCommand({ OriginAccessControlConfig }));
  const again = await client.send(new sdk.UpdateOriginAccessControlCommand({ Id: control!.Id, IfMatch: ETag, OriginAccessControlConfig: control!.OriginAccessControlConfig }));
  expect(again.OriginAccessControl).toEqual(control);
  await expect(client.send(new sdk.CreateOriginAccessControlCommand({ OriginAccessControlConfig }))).rejects.toBeInstanceOf(sdk.OriginAccessControlAlreadyExists);

  const { VpcOrigin: origin, ETag: version, $metadata } = await client.send(new sdk.CreateVpcOriginCommand({
    VpcOriginEndpointConfig: {
      Name: 'vpc', Arn: 'arn:aws:ec2:us-east-1:111122223333:instance/i-1', HTTPPort: 80, HTTPSPort: 443, OriginProtocolPolicy: 'https-only',
      OriginSslProtocols: { Quantity: 1, Items: ['TLSv1.2'] },
    },
    Tags: { Items: [{ Key: 'team', Value: 'web' }] },
  }));
  expect([$metadata.httpStatusCode, origin!.Status]).toEqual([202, 'Deploying']);
  await store.settleAll();
  expect((await client.send(new sdk.GetVpcOriginCommand({ Id: origin!.Id }))).VpcOrigin).toEqual({ ...origin, Status: 'Deployed' });
  const PolicyDocument = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*"}}';
  await client.send(new sdk.PutResourcePolicyCommand({ ResourceArn: origin!.Arn, PolicyDocument }));
  expect(await client.send(new sdk.GetResourcePolicyCommand({ ResourceArn: origin!.Arn }))).toMatchObject({ ResourceArn: origin!.Arn, PolicyDocument });
  const gone = await client.send(new sdk.DeleteVpcOriginCommand({ Id: origin!.Id, IfMatch: version }));
  expect([gone.$metadata.httpStatusCode, gone.VpcOrigin!.Id]).toEqual([202, origin!.Id]);
  await expect(client.send(new sdk.GetResourcePolicyCommand({ ResourceArn: origin!.Arn }))).rejects.toBeInstanceOf(sdk.EntityNotFound);

  const made = await client.send(new sdk.CreateAnycastIpListCommand({ Name: 'list', IpCount: 3 }));
  expect([made.$metadata.httpStatusCode, made.AnycastIpList!.AnycastIps]).toEqual([202, []]);
  expect((await client.send(new sdk.ListAnycastIpListsCommand())).AnycastIpLists!.Items).toMatchObject([{ Id: made.AnycastIpList!.Id, ETag: made.ETag }]);
});
