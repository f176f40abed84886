// Configurations of the small nouns: what is prepared once is prepared as it is, so that what was read can be written back.
import { generateKeyPairSync } from 'node:crypto';
import { prepareAnycastIpList } from '../../../src/model/anycast-ip-list';
import { prepareEncryptionConfig, prepareEncryptionProfile } from '../../../src/model/field-level-encryption';
import { uuid } from '../../../src/model/ids';
import { limits } from '../../../src/model/limits';
import { prepareMonitoringSubscription } from '../../../src/model/monitoring-subscription';
import { prepareOriginAccessControl } from '../../../src/model/origin-access-control';
import { keyAlgorithmOf, prepareKeyGroup, preparePublicKey } from '../../../src/model/public-key';
import { prepareRealtimeLogConfig, realtimeLogName } from '../../../src/model/realtime-log-config';
import { prepareResponseHeadersPolicyConfig } from '../../../src/model/response-headers-policy';
import { prepareTrustStore } from '../../../src/model/trust-store';
import { prepareVpcOrigin } from '../../../src/model/vpc-origin';
import { context as sampleContext } from '../../fixtures/configs';

const context = { ...sampleContext, exists: () => true };
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const encodedKey = rsa.publicKey.export({ format: 'pem', type: 'spki' }) as string;

const endpoint = { Name: 'one', Arn: 'arn:aws:ec2:us-east-1:111122223333:instance/i-1', HTTPPort: undefined, HTTPSPort: undefined, OriginProtocolPolicy: 'http-only' } as const;
const bundle = { CaCertificatesBundleS3Location: { Bucket: 'bucket', Key: 'k', Region: 'us-east-1' } };
const entities = { Quantity: 1, Items: [{ PublicKeyId: 'K1', ProviderId: 'p', FieldPatterns: { Quantity: 2, Items: ['a', 'b*'] } }] };
const stream = { StreamType: 'Kinesis', KinesisStreamConfig: { RoleARN: 'arn:aws:iam::111122223333:role/logs', StreamARN: 'arn:aws:kinesis:us-east-1:111122223333:stream/logs' } };

/** The least that each takes, and the rules that prepare it. */
const least: readonly (readonly [string, object, (config: never) => object])[] = [
  ['public key', { CallerReference: 'r', Name: 'one', EncodedKey: encodedKey }, (config) => preparePublicKey(config, context)],
  ['key group', { Name: 'one', Items: ['K1', 'K2'] }, (config) => prepareKeyGroup(config, context)],
  ['origin access control', { Name: 'one', SigningProtocol: 'sigv4', SigningBehavior: 'never', OriginAccessControlOriginType: 's3' },
    (config) => prepareOriginAccessControl(config, context)],
  ['encryption profile', { Name: 'one', CallerReference: 'r', EncryptionEntities: entities }, (config) => prepareEncryptionProfile(config, context, null)],
  ['encryption configuration', {
    CallerReference: 'r', QueryArgProfileConfig: { ForwardWhenQueryArgProfileIsUnknown: true },
    ContentTypeProfileConfig: { ForwardWhenContentTypeIsUnknown: true, ContentTypeProfiles: { Quantity: 1, Items: [{ Format: 'URLEncoded', ContentType: 'application/x-www-form-urlencoded' }] } },
  }, (config) => prepareEncryptionConfig(config, context, null)],
  ['real-time log configuration', { Name: 'one', SamplingRate: 1, EndPoints: [stream], Fields: ['asn', 'timestamp'] }, prepareRealtimeLogConfig],
  ['monitoring subscription', { RealtimeMetricsSubscriptionConfig: { RealtimeMetricsSubscriptionStatus: 'Disabled' } }, prepareMonitoringSubscription],
  ['VPC origin', endpoint, (config) => prepareVpcOrigin(config, context)],
  ['anycast IP list', { Name: 'one', IpCount: 21 }, (config) => prepareAnycastIpList(config, context, null)],
  ['trust store', { Name: 'one', CaCertificatesBundleSource: bundle }, (config) => prepareTrustStore(config, context, null)],
];

test.each(least)('%s: prepared twice is prepared once, and what was sent is in it', (_what, config, prepare) => {
  const prepared = prepare(config as never);
  const sent = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
  expect(prepared).toMatchObject(sent);
  expect(prepare(prepared as never)).toEqual(prepared);
});

test.each([
  ['RSA of 2048 bits', encodedKey, 'rsa-2048'],
  ['with carriage returns', encodedKey.replace(/\n/g, '\r\n'), 'rsa-2048'],
  ['without its last line break', encodedKey.trimEnd(), 'rsa-2048'],
  ['P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'pem', type: 'spki' }) as string, 'ecdsa-p256'],
  ['secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'pem', type: 'spki' }) as string, null],
  ['RSA for signatures of one kind only', generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey.export({ format: 'pem', type: 'spki' }) as string, null],
  ['RSA without the wrapping', rsa.publicKey.export({ format: 'pem', type: 'pkcs1' }) as string, null],
  ['the private half', rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string, null],
  ['two keys', `${encodedKey}${encodedKey}`, null],
  ['nothing', '', null],
])('key: %s', (_what, pem, algorithm) => {
  expect(keyAlgorithmOf(pem)).toBe(algorithm);
});

const arn = (account: string, name: string): string => `arn:aws:cloudfront::${account}:realtime-log-config/${name}`;
test.each([
  ['one', undefined, 'one'], [undefined, arn('111122223333', 'one'), 'one'], ['one', arn('111122223333', 'one'), 'one'], ['', arn('111122223333', 'one'), 'one'],
  [undefined, arn('999999999999', 'one'), null],
])('name %p, ARN %p: %p', (name, given, meant) => {
  expect(realtimeLogName(name, given, context)).toBe(meant);
});

test.each([[0x00, '00000000-0000-4000-8000-000000000000'], [0xff, 'ffffffff-ffff-4fff-bfff-ffffffffffff']])('a UUID has its version and variant, whatever the bytes (%p)', (byte, id) => {
  expect(uuid((count) => new Uint8Array(count).fill(byte))).toBe(id);
});

// guide: understanding-response-headers-policies, "Headers that you can't remove": names, and two that end with `.*`.
test.each([
  ['X-Amz-Cf-Anything', 'refused'], ['X-Edge-Location', 'refused'], ['X-Amzn-Auth', 'refused'], ['x-forwarded-proto', 'refused'], ['Via', 'refused'],
  ['X-Amzn-Authority', 'kept'], ['X-Amzn-RequestId-Of-Mine', 'kept'], ['X-Forwarded-Protocol', 'kept'], ['Server', 'kept'], ['Date', 'kept'],
])('a policy that removes %s is %s', (Header, outcome) => {
  const prepare = (): unknown => prepareResponseHeadersPolicyConfig({ Name: 'p', RemoveHeadersConfig: { Quantity: 1, Items: [{ Header }] } }, limits);
  if (outcome === 'kept') expect(prepare()).toMatchObject({ RemoveHeadersConfig: { Items: [{ Header }] } });
  else expect(prepare).toThrow('not allowed');
});
