// Streaming distributions end to end: made through the API, played from a private bucket, by signed names, until they are switched off.
import {
  CreateCloudFrontOriginAccessIdentityCommand, CreateDistributionCommand, CreateKeyGroupCommand, CreatePublicKeyCommand, CreateStreamingDistributionCommand,
  DeleteKeyGroupCommand, GetStreamingDistributionCommand, UpdateStreamingDistributionCommand, waitUntilStreamingDistributionDeployed, type StreamingDistribution, type StreamingDistributionConfig,
} from '@aws-sdk/client-cloudfront';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePorts } from '../fixtures/free-ports';
import { startPrivateBucket, type PrivateBucket } from '../fixtures/private-bucket';
import { watch } from '../fixtures/rtmp-player';
import { mediaFile } from '../fixtures/rtmp-viewer';
import { rsaKey, signatureOf, type SigningKey } from '../fixtures/signers';
import { distributionConfig, startSystem, type System } from '../fixtures/system';

const bucketKey = { accessKeyId: 'OPERATORSKEY00000001', secretAccessKey: 'operators/secret+of+forty+characters/0001', region: 'eu-central-1' };
const nothing = { Enabled: false, Quantity: 0 };

let dir: string;
let bucket: PrivateBucket;
let system: System;
let port: number;

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'rtmp-'));
  bucket = await startPrivateBucket('films', bucketKey);
  bucket.objects.set('dir/film.mp4', mediaFile('moov-last.mp4')).set('old.flv', mediaFile('sorenson-mp3.flv'));
  const file = path.join(dir, 'endpoints.json');
  writeFileSync(file, JSON.stringify([{ origins: ['films.s3.*'], accessKeyId: bucketKey.accessKeyId, secretAccessKey: bucketKey.secretAccessKey, url: `http://127.0.0.1:${bucket.port}` }]), { mode: 0o600 });
  [port] = await freePorts(1) as [number];
  system = await startSystem(1, { EDGEFRONT_ORIGIN_ENDPOINTS: file, EDGEFRONT_RTMP_PORT: String(port) });
});
afterAll(async () => {
  await system.close();
  await bucket.close();
  rmSync(dir, { recursive: true });
});

const deployed = (id: string): Promise<unknown> => waitUntilStreamingDistributionDeployed({ client: system.client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { Id: id });

async function distribute(reference: string, signers: object = nothing): Promise<StreamingDistribution> {
  const { CloudFrontOriginAccessIdentity: identity } = await system.client.send(new CreateCloudFrontOriginAccessIdentityCommand({
    CloudFrontOriginAccessIdentityConfig: { CallerReference: reference, Comment: '' },
  }));
  const { StreamingDistribution: made } = await system.client.send(new CreateStreamingDistributionCommand({ StreamingDistributionConfig: {
    CallerReference: reference, Comment: '', Enabled: true, TrustedSigners: signers as typeof nothing,
    S3Origin: { DomainName: 'films.s3.eu-central-1.amazonaws.com', OriginAccessIdentity: `origin-access-identity/cloudfront/${identity?.Id}` },
  } }));
  await deployed(made?.Id ?? '');
  return made as StreamingDistribution;
}

async function groupOf(key: SigningKey): Promise<{ group: string; keyId: string }> {
  const { PublicKey } = await system.client.send(new CreatePublicKeyCommand({ PublicKeyConfig: { CallerReference: key.id, Name: key.id, EncodedKey: key.publicPem } }));
  const { KeyGroup } = await system.client.send(new CreateKeyGroupCommand({ KeyGroupConfig: { Name: key.id, Items: [PublicKey?.Id ?? ''] } }));
  return { group: KeyGroup?.Id ?? '', keyId: PublicKey?.Id ?? '' };
}

test('files of a private bucket are played; what is refused says CloudFront\'s words; switched off, nobody is let in', async () => {
  const { Id: id = '', DomainName: host = '' } = await distribute('open');
  expect(host).toMatch(/^s\w+\.cloudfront\.localhost$/);
  const film = await watch(port, host, 'mp4:dir/film');
  expect(film.codes.slice(-2)).toEqual(['NetStream.Play.Start', 'NetStream.Play.Stop']);
  // 30 frames, 66 of sound, two headers.
  expect(film.media).toHaveLength(98);
  expect((await watch(port, host, 'old')).media.length).toBe(147);
  const seen = bucket.seen.length;
  expect((await watch(port, host, 'mp4:dir/film.mp4')).media).toHaveLength(98);
  expect(bucket.seen).toHaveLength(seen);
  expect((await watch(port, host, 'mp4:none')).codes).toEqual(['NetConnection.Connect.Success', 'NetStream.Play.StreamNotFound']);
  expect((await watch(port, 'nobody.example', 'x')).descriptions).toEqual(['DistributionNotFound']);
  const { Distribution: web } = await system.client.send(new CreateDistributionCommand({ DistributionConfig: distributionConfig(bucket.port, 'web') }));
  for (let tries = 0; tries < 100; tries += 1) {
    const { descriptions } = await watch(port, web?.DomainName ?? '', 'x');
    if (descriptions[0] === 'DistributionTypeMismatch') break;
    expect([tries < 99, descriptions]).toEqual([true, ['DistributionNotFound']]);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  const { ETag, StreamingDistribution: current } = await system.client.send(new GetStreamingDistributionCommand({ Id: id }));
  await system.client.send(new UpdateStreamingDistributionCommand({ Id: id, IfMatch: ETag, StreamingDistributionConfig: { ...current?.StreamingDistributionConfig as StreamingDistributionConfig, Enabled: false } }));
  await deployed(id);
  expect((await watch(port, host, 'mp4:dir/film')).descriptions).toEqual(['DistributionNotFound']);
});

test('signed names, by a key group among the signers', async () => {
  const key = rsaKey('rtmp');
  const { group, keyId } = await groupOf(key);
  const { DomainName: host = '' } = await distribute('signed', { Enabled: true, Quantity: 1, Items: [group] });
  const expires = Math.floor(Date.now() / 1000) + 600;
  const policy = `{"Statement":[{"Resource":"dir/film","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
  const query = `Expires=${expires}&Signature=${signatureOf(policy, key)}&Key-Pair-Id=${keyId}`;
  expect((await watch(port, host, `mp4:dir/film?${query}`)).media).toHaveLength(98);
  for (const name of ['mp4:dir/film', `mp4:dir/film?${query.replace(String(expires), String(expires + 1))}`, `flv:old?${query}`]) {
    const refused = await watch(port, host, name);
    expect([name, refused.codes.at(-1), refused.descriptions.at(-1), refused.media.length]).toEqual([name, 'NetStream.Play.Failed', 'Access denied.', 0]);
  }
  await expect(system.client.send(new DeleteKeyGroupCommand({ Id: group, IfMatch: 'x' }))).rejects.toThrow();
});
