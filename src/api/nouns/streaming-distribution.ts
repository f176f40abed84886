// Streaming (RTMP) distributions: create (with tags too), read, update, delete, list.
import type { StreamingDistributionConfig, StreamingDistributionConfigWithTags } from '@aws-sdk/client-cloudfront';
import { AssertionFailed } from '../../base/assert';
import { required } from '../../model/argument';
import { streamingFactsOf } from '../../model/facts';
import { arnOf, domainNameOf, resourceId, versionTag } from '../../model/ids';
import { streamingReferencesOf } from '../../model/references';
import { refuse } from '../../model/refusal';
import { checkStreamingDistributionUpdate, prepareStreamingDistributionConfig } from '../../model/streaming-distribution';
import { prepareTags } from '../../model/tags';
import { activeSigners } from '../../model/trusted-signers';
import type { DistributionRow, Tag } from '../../store/store';
import { configContext } from '../config-context';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { created, operationsOf, payloadOf, preconditionFailed, type Noun } from '../verbs';
import { keysOfSigners, refuseDetails } from './distribution';

type Row = Record<string, unknown>;

function configOf(row: DistributionRow): StreamingDistributionConfig {
  return row.config as unknown as StreamingDistributionConfig;
}

async function insert(config: StreamingDistributionConfig, tags: readonly Tag[], parts: OperationParts): Promise<DistributionRow> {
  const prepared = prepareStreamingDistributionConfig(config, await configContext(streamingReferencesOf(config), parts));
  const id = resourceId(parts.random);
  const outcome = await parts.store.distributions.create({
    kind: 'streaming', id, arn: arnOf('streaming', parts.accountId, id), domainName: domainNameOf('streaming', parts.domain, parts.random),
    callerReference: prepared.CallerReference ?? '', etag: versionTag(parts.random), config: prepared as unknown as Row,
    facts: streamingFactsOf(prepared, parts.limits), tags, countMax: parts.limits.streamingDistributionsMax,
  });
  switch (outcome.outcome) {
    case 'done': return outcome.row;
    case 'reference-taken': return refuse('StreamingDistributionAlreadyExists', 'The caller reference you attempted to create the streaming distribution with is associated with another distribution.');
    case 'too-many': return refuse('TooManyStreamingDistributions', 'Processing your request would cause you to exceed the maximum number of streaming distributions allowed.');
    default: return refuseDetails(outcome);
  }
}

async function update(current: DistributionRow, config: StreamingDistributionConfig, parts: OperationParts): Promise<DistributionRow> {
  const prepared = prepareStreamingDistributionConfig(config, await configContext(streamingReferencesOf(config), parts));
  checkStreamingDistributionUpdate(configOf(current), prepared);
  const outcome = await parts.store.distributions.update('streaming', current.id, current.etag, {
    etag: versionTag(parts.random), config: prepared as unknown as Row, facts: streamingFactsOf(prepared, parts.limits),
  });
  switch (outcome.outcome) {
    case 'done': return outcome.row;
    case 'missing': return refuse('NoSuchStreamingDistribution', 'The specified streaming distribution does not exist.');
    case 'stale': return preconditionFailed();
    default: return refuseDetails(outcome);
  }
}

async function remove(current: DistributionRow, parts: OperationParts): Promise<void> {
  const outcome = await parts.store.distributions.remove('streaming', current.id, current.etag);
  switch (outcome.outcome) {
    case 'done': return;
    case 'missing': return refuse('NoSuchStreamingDistribution', 'The specified streaming distribution does not exist.');
    case 'stale': return preconditionFailed();
    case 'enabled': return refuse('StreamingDistributionNotDisabled', 'The specified CloudFront distribution is not disabled. You must disable the distribution before you can delete it.');
    case 'in-progress': return refuse('StreamingDistributionNotDisabled', 'The specified CloudFront distribution is disabled, but this is not deployed everywhere yet.');
    case 'in-use': throw new AssertionFailed('nothing refers to a streaming distribution');
  }
}

async function describe(row: DistributionRow, parts: OperationParts): Promise<Row> {
  const config = configOf(row);
  return {
    Id: row.id, ARN: row.arn, Status: row.status, LastModifiedTime: row.lastModifiedTime, DomainName: row.domainName,
    ActiveTrustedSigners: activeSigners([config.TrustedSigners], await keysOfSigners([config.TrustedSigners], parts)),
    StreamingDistributionConfig: config,
  };
}

function summarize(row: DistributionRow): Row {
  const { S3Origin, Aliases, TrustedSigners, Comment, PriceClass, Enabled } = configOf(row);
  return {
    Id: row.id, ARN: row.arn, Status: row.status, LastModifiedTime: row.lastModifiedTime, DomainName: row.domainName,
    S3Origin, Aliases, TrustedSigners, Comment, PriceClass, Enabled,
  };
}

async function createWithTags(call: Call, parts: OperationParts): Promise<DistributionRow> {
  const both = payloadOf<StreamingDistributionConfigWithTags>(call, 'StreamingDistributionConfigWithTags');
  const tags = prepareTags(both.Tags, parts.limits);
  return insert(required(both.StreamingDistributionConfig, 'StreamingDistributionConfig'), tags, parts);
}

export function streamingDistributionOperations(parts: OperationParts): OperationTable {
  const noun: Noun<DistributionRow, StreamingDistributionConfig> = {
    name: 'StreamingDistribution', plural: 'StreamingDistributions', path: '/2020-05-31/streaming-distribution',
    missing: 'NoSuchStreamingDistribution',
    create: (config) => insert(config, [], parts),
    get: (id) => parts.store.distributions.get('streaming', id),
    settled: (row) => row.status === 'Deployed',
    update: (current, config) => update(current, config, parts),
    remove: (current) => remove(current, parts),
    list: (marker, itemsMax) => parts.store.distributions.list('streaming', marker, itemsMax),
    describe: (row) => describe(row, parts),
    summarize,
    config: (row) => row.config,
  };
  return {
    ...operationsOf(noun, parts),
    CreateStreamingDistributionWithTags: async (call) => created(noun, await createWithTags(call, parts), parts),
  };
}
