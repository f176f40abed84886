// Streaming distributions end to end: made through the API, played from a private bucket, by signed names, until they are switched off.
import {
  CreateCloudFrontOriginAccessIdentityCommand, CreateDistributionCommand, CreateKeyGroupCommand, CreatePublicKeyCommand, CreateStreamingDistributionCommand,
  DeleteKeyGroupCommand, GetStreamingDistributionCommand, UpdateStreamingDistributionCommand, waitUntilStreamingDistributionDeployed, type StreamingDistribution, type StreamingDistributionConfig,
} from '@aws-sdk/client-cloudfront';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePorts } from '../fixtures/free-ports';
import { eventually, readLog } from '../fixtures/log-files';
import { startPrivateBucket, type PrivateBucket } from '../fixtures/private-bucket';
import { watch } from '../fixtures/rtmp-player';
import { mediaFile } from '../fixtures/rtmp-viewer';
import { rsaKey, signatureOf, type SigningKey } from '../fixtures/signers';
import { distributionConfig, startSystem, type System } from '../fixtures/system';

const bucketKey = { accessKeyId: 'OPERATORSKEY00000001', secretAccessKey: 'operators/secret+of+forty+characters/0001', region: 'eu-central-1' };
const logsEntry = { origins: ['logs.s3.*'], accessKeyId: bucketKey.accessKeyId, secretAccessKey: bucketKey.secretAccessKey, region: bucketKey.region, logs: true };
const nothing = { Enabled: false, Quantity: 0 };

let dir: string;
let bucket: PrivateBucket;
let logs: PrivateBucket;
let system: System;
let port: number;

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'rtmp-'));
  bucket = await startPrivateBucket('films', bucketKey);
  logs = await startPrivateBucket('logs', bucketKey);
  bucket.objects.set('dir/film.mp4', mediaFile('moov-last.mp4')).set('old.flv', mediaFile('sorenson-mp3.flv'));
  const file = path.join(dir, 'endpoints.json');
  writeFileSync(file, JSON.stringify([{ origins: ['films.s3.*'], accessKeyId: bucketKey.accessKeyId, secretAccessKey: bucketKey.secretAccessKey, url: `http://127.0.0.1:${bucket.port}` }, { ...logsEntry, url: `http://127.0.0.1:${logs.port}` }]), { mode: 0o600 });
  [port] = await freePorts(1) as [number];
  system = await startSystem(1, { EDGEFRONT_ORIGIN_ENDPOINTS: file, EDGEFRONT_RTMP_PORT: String(port), EDGEFRONT_ACCESS_LOG_INTERVAL_S: '1' });
});
afterAll(async () => {
  await system.close();
  await bucket.close();
  await logs.close();
  rmSync(dir, { recursive: true });
});

const deployed = (id: string): Promise<unknown> => waitUntilStreamingDistributionDeployed({ client: system.client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { Id: id });

async function distribute(reference: string, signers: object = nothing, more: Partial<StreamingDistributionConfig> = {}): Promise<StreamingDistribution> {
  const { CloudFrontOriginAccessIdentity: identity } = await system.client.send(new CreateCloudFrontOriginAccessIdentityCommand({
    CloudFrontOriginAccessIdentityConfig: { CallerReference: reference, Comment: '' },
  }));
  const { StreamingDistribution: made } = await system.client.send(new CreateStreamingDistributionCommand({ StreamingDistributionConfig: {
    CallerReference: reference, Comment: '', Enabled: true, TrustedSigners: signers as typeof nothing,
    S3Origin: { DomainName: 'films.s3.eu-central-1.amazonaws.com', OriginAccessIdentity: `origin-access-identity/cloudfront/${identity?.Id}` },
    ...more,
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

test('every event of a viewer reaches the log bucket, over a kill of everything and a bucket that refuses', async () => {
  const { Id: id = '', DomainName: host = '' } = await distribute('logged', nothing, { Logging: { Enabled: true, Bucket: 'logs.s3.amazonaws.com', Prefix: 'rtmp' } });
  const lines = (): Record<string, string>[] => [...logs.objects.values()].flatMap((content) => readLog(content, 'rtmp'));
  const kinds = (): (string | undefined)[] => lines().map((line) => line['x-event']);
  await watch(port, host, 'mp4:dir/film?p=42');
  await eventually(() => lines().length === 4);
  expect(kinds()).toEqual(['connect', 'play', 'stop', 'disconnect']);
  expect([...logs.objects.keys()][0]).toMatch(new RegExp(`^rtmp/${id}\\.\\d{4}-\\d\\d-\\d\\d-\\d\\d\\.[A-Z2-7]{12}\\.gz$`));
  const [, , stop, disconnect] = lines();
  expect(stop).toMatchObject({
    'x-edge-location': 'LOC50-P1', 'c-ip': '127.0.0.1', 'x-cf-status': 'OK', 'cs-uri-stem': `rtmp://${host}/cfx/st`, 'cs-uri-query': '-', 'x-sname': 'dir/film', 'x-sname-query': 'p=42', 'x-file-ext': 'mp4', 'x-sid': '1',
  });
  expect(Number(disconnect?.['sc-bytes'])).toBeGreaterThan(mediaFile('moov-last.mp4').length / 2);
  expect(disconnect).toMatchObject({ 'x-sname': '-', 'x-cf-client-id': stop?.['x-cf-client-id'] });
  // The bucket believes that it is another day, so that no signature holds; then everything is killed.
  logs.nowMs = 0;
  await watch(port, host, 'old');
  await new Promise((resolve) => { setTimeout(resolve, 1500); });
  expect(lines()).toHaveLength(4);
  for (const pid of system.pids('edge')) process.kill(pid, 'SIGKILL');
  logs.nowMs = null;
  await eventually(() => lines().length === 8);
  await new Promise((resolve) => { setTimeout(resolve, 1500); });
  expect(kinds().slice(4)).toEqual(['connect', 'play', 'stop', 'disconnect']);
});
