// Who may see what, end to end: keys made through the API, signed viewers, a private bucket behind an identity, keys taken away.
import { getSignedUrl } from '@aws-sdk/cloudfront-signer';
import {
  CreateCloudFrontOriginAccessIdentityCommand, CreateDistributionCommand, CreateKeyGroupCommand, CreateOriginAccessControlCommand, CreatePublicKeyCommand,
  GetDistributionCommand, GetKeyGroupCommand, UpdateKeyGroupCommand, waitUntilDistributionDeployed,
} from '@aws-sdk/client-cloudfront';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ask, type Fetched } from '../fixtures/origin';
import { startPrivateBucket, type PrivateBucket } from '../fixtures/private-bucket';
import { rsaKey, type SigningKey } from '../fixtures/signers';
import { send } from '../fixtures/signing';
import { startSystem, type System } from '../fixtures/system';

const cachingOptimized = '658327ea-f89d-4fab-a63d-7e88639e58f6';
const key = { accessKeyId: 'OPERATORSKEY00000001', secretAccessKey: 'operators/secret+of+forty+characters/0001', region: 'eu-central-1' };
const domain = 'films.s3.eu-central-1.amazonaws.com';
const list = <T>(...items: readonly T[]): { Quantity: number; Items: T[] } => ({ Quantity: items.length, Items: [...items] });

let dir: string;
let bucket: PrivateBucket;
let system: System;

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'access-'));
  bucket = await startPrivateBucket('films', key);
  bucket.objects.set('film.mp4', Buffer.from('0123456789'));
  const file = path.join(dir, 'endpoints.json');
  writeFileSync(file, JSON.stringify([{ origins: ['films.s3.*'], accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey, url: `http://127.0.0.1:${bucket.port}` }]), { mode: 0o600 });
  system = await startSystem(2, { EDGEFRONT_ORIGIN_ENDPOINTS: file });
});
afterAll(async () => {
  await system.close();
  await bucket.close();
  rmSync(dir, { recursive: true });
});

async function groupOf(name: string, keys: readonly SigningKey[]): Promise<{ id: string; publicIds: readonly string[] }> {
  const publicIds: string[] = [];
  for (const { id, publicPem } of keys) {
    const { PublicKey } = await system.client.send(new CreatePublicKeyCommand({ PublicKeyConfig: { CallerReference: id, Name: id, EncodedKey: publicPem } }));
    publicIds.push(PublicKey?.Id ?? '');
  }
  const { KeyGroup } = await system.client.send(new CreateKeyGroupCommand({ KeyGroupConfig: { Name: name, Items: [...publicIds] } }));
  return { id: KeyGroup?.Id ?? '', publicIds };
}

/** A distribution in front of the bucket. @param trusted by whom viewers' requests must be signed */
async function distribute(reference: string, origin: object, trusted: object): Promise<{ id: string; host: string }> {
  const { Distribution } = await system.client.send(new CreateDistributionCommand({ DistributionConfig: {
    CallerReference: reference, Comment: '', Enabled: true,
    Origins: list({ Id: 'films', DomainName: domain, S3OriginConfig: { OriginAccessIdentity: '' }, ...origin }),
    DefaultCacheBehavior: {
      TargetOriginId: 'films', ViewerProtocolPolicy: 'allow-all', CachePolicyId: cachingOptimized,
      AllowedMethods: { ...list('GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'), CachedMethods: list('GET', 'HEAD') },
      ...trusted,
    },
  } as never }));
  const found = { id: Distribution?.Id ?? '', host: Distribution?.DomainName ?? '' };
  await deployed(found.id);
  return found;
}
const deployed = (Id: string): Promise<unknown> => waitUntilDistributionDeployed({ client: system.client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { Id });
const everywhere = (host: string, target: string, options: Parameters<typeof ask>[3] = {}): Promise<Fetched[]> =>
  Promise.all(system.edgePorts.map((port) => ask(port, host, target, options)));
const statuses = async (host: string, target: string): Promise<number[]> => (await everywhere(host, target)).map(({ status }) => status);

test('a key that leaves its group is refused on every edge once the change is deployed', async () => {
  const [first, second] = [rsaKey('first'), rsaKey('second')];
  const group = await groupOf('viewers', [first, second]);
  const { id, host } = await distribute('signed', { S3OriginConfig: { OriginAccessIdentity: `origin-access-identity/cloudfront/${await identity()}` } }, { TrustedKeyGroups: { Enabled: true, ...list(group.id) } });
  const targetBy = (by: SigningKey, keyPairId: string | undefined): string => getSignedUrl({
    url: `http://${host}/film.mp4`, keyPairId: keyPairId ?? '', privateKey: by.privatePem, dateLessThan: new Date(Date.now() + 3_600_000),
  }).slice(`http://${host}`.length);
  const [byFirst, bySecond] = [targetBy(first, group.publicIds[0]), targetBy(second, group.publicIds[1])];
  expect(await statuses(host, '/film.mp4')).toEqual([403, 403]);
  expect(await statuses(host, byFirst)).toEqual([200, 200]);
  expect(await statuses(host, bySecond)).toEqual([200, 200]);
  const { ETag, KeyGroup } = await system.client.send(new GetKeyGroupCommand({ Id: group.id }));
  await system.client.send(new UpdateKeyGroupCommand({ Id: group.id, IfMatch: ETag, KeyGroupConfig: { Name: KeyGroup?.KeyGroupConfig?.Name, Items: [group.publicIds[1] ?? ''] } }));
  await deployed(id);
  const refused = await everywhere(host, byFirst);
  expect(refused.map(({ status, body }) => [status, /<Code>(\w+)/.exec(body.toString())?.[1]])).toEqual([[403, 'InvalidKey'], [403, 'InvalidKey']]);
  expect(await statuses(host, bySecond)).toEqual([200, 200]);
});

test('what a trusted signer\'s key pair signed is let in on every edge, until the pair is inactive', async () => {
  const { keyPairId, privateKey } = await own('POST', 'key-pairs', { algorithm: 'rsa-2048' }) as { keyPairId: string; privateKey: string };
  const { id, host } = await distribute('by-account', { S3OriginConfig: { OriginAccessIdentity: `origin-access-identity/cloudfront/${await identity('by-account')}` } }, {
    TrustedSigners: { Enabled: true, ...list('self') },
  });
  const target = getSignedUrl({ url: `http://${host}/film.mp4`, keyPairId, privateKey, dateLessThan: new Date(Date.now() + 3_600_000) }).slice(`http://${host}`.length);
  expect(await statuses(host, '/film.mp4')).toEqual([403, 403]);
  expect(await statuses(host, target)).toEqual([200, 200]);
  const { Distribution } = await system.client.send(new GetDistributionCommand({ Id: id }));
  expect(Distribution?.ActiveTrustedSigners?.Items).toEqual([{ AwsAccountNumber: 'self', KeyPairIds: { Quantity: 1, Items: [keyPairId] } }]);
  await own('PUT', `key-pairs/${keyPairId}`, { active: false });
  await deployed(id);
  expect(await statuses(host, target)).toEqual([403, 403]);
  await own('PUT', `key-pairs/${keyPairId}`, { active: true });
  await deployed(id);
  expect(await statuses(host, target)).toEqual([200, 200]);
});

/** An operation of Edgefront's own, as the administrator. */
async function own(method: string, target: string, body: object): Promise<unknown> {
  const { status, body: answer } = await send(Number(new URL(system.apiUrl).port), system.credentials, {
    method, target: `/edgefront/v1/${target}`, headers: { 'content-type': 'application/json', 'accept': 'application/json' }, body: JSON.stringify(body),
  });
  expect(status).toBeLessThan(300);
  return JSON.parse(answer) as unknown;
}

async function identity(reference = 'films'): Promise<string> {
  const { CloudFrontOriginAccessIdentity } = await system.client.send(new CreateCloudFrontOriginAccessIdentityCommand({
    CloudFrontOriginAccessIdentityConfig: { CallerReference: reference, Comment: '' },
  }));
  return CloudFrontOriginAccessIdentity?.Id ?? '';
}

test('a private bucket behind an origin access control: closed to others, GET, range, HEAD and PUT through the edges', async () => {
  const { OriginAccessControl } = await system.client.send(new CreateOriginAccessControlCommand({ OriginAccessControlConfig: {
    Name: 'films', OriginAccessControlOriginType: 's3', SigningBehavior: 'always', SigningProtocol: 'sigv4',
  } }));
  const { host } = await distribute('controlled', { OriginAccessControlId: OriginAccessControl?.Id }, {});
  expect((await ask(bucket.port, `127.0.0.1:${bucket.port}`, '/films/film.mp4')).status).toBe(403);
  const [port = 0] = system.edgePorts;
  expect((await ask(port, host, '/film.mp4', { headers: { range: 'bytes=2-4' } })).body.toString()).toBe('234');
  expect((await ask(port, host, '/film.mp4', { method: 'HEAD' })).headers['content-length']).toBe('10');
  expect((await ask(port, host, '/film.mp4')).body.toString()).toBe('0123456789');
  expect((await ask(port, host, '/new.txt', { method: 'PUT', body: 'new' })).status).toBe(200);
  expect(bucket.objects.get('new.txt')?.toString()).toBe('new');
});

test('what edges are not to reach is not reached', async () => {
  const { host } = await distribute('inside', { DomainName: '169.254.169.254', S3OriginConfig: undefined, CustomOriginConfig: { HTTPPort: 80, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' } }, {});
  expect(await statuses(host, '/latest/meta-data/')).toEqual([502, 502]);
});
