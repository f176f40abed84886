// Web distributions: create (with tags, as a staging copy too), read, update, delete, list.
import type { DistributionConfig, DistributionConfigWithTags, TrustedKeyGroups, TrustedSigners } from '@aws-sdk/client-cloudfront';
import { certificateIdOf, checkCoversAliases, checkForClients, clientCertificateIdOf, type CertificateFacts } from '../../model/certificate';
import { checkDistributionUpdate, prepareDistributionConfig, stagingCopyOf } from '../../model/distribution';
import { factsOf } from '../../model/facts';
import { arnOf, domainNameOf, resourceId, versionTag } from '../../model/ids';
import { activeKeyPairs } from '../../model/key-pair';
import { itemsOf, present } from '../../model/quantity';
import { isKeyGroupId, referencesOf, type ReferenceKind } from '../../model/references';
import { refuse } from '../../model/refusal';
import { prepareTags } from '../../model/tags';
import { activeKeyGroups, activeSigners } from '../../model/trusted-signers';
import { required } from '../../model/argument';
import { requiredParametersOf } from '../../model/tenant-config';
import type { AliasTaken, Dangling, DistributionRow, OverUsed, Tag, TenantLacks } from '../../store/store';
import { configContext, preparationsMax } from '../config-context';
import { keptKeyPairs } from '../key-pairs';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { created, findVersion, ifMatchOf, operationsOf, payloadOf, preconditionFailed, type Noun } from '../verbs';

type Row = Record<string, unknown>;

/** A web distribution's. */
export function configOf(row: DistributionRow): DistributionConfig {
  return row.config as unknown as DistributionConfig;
}

/** @throws Refusal CNAMEAlreadyExists */
export function aliasTaken(alias: string): never {
  return refuse('CNAMEAlreadyExists', `One or more of the CNAMEs you provided are already associated with a different resource: ${alias}`);
}

/** Errors for what is shared by too many distributions (model: CreateDistribution). */
const overUsedCodes: Readonly<Partial<Record<ReferenceKind, string>>> = {
  'cache-policy': 'TooManyDistributionsAssociatedToCachePolicy',
  'origin-request-policy': 'TooManyDistributionsAssociatedToOriginRequestPolicy',
  'response-headers-policy': 'TooManyDistributionsAssociatedToResponseHeadersPolicy',
  'continuous-deployment-policy': 'ContinuousDeploymentPolicyInUse',
  'origin-access-control': 'TooManyDistributionsAssociatedToOriginAccessControl',
  'key-group': 'TooManyDistributionsAssociatedToKeyGroup',
  'field-level-encryption-config': 'TooManyDistributionsAssociatedToFieldLevelEncryptionConfig',
  'function': 'TooManyDistributionsWithSingleFunctionARN',
};

/** A write that failed for what the configuration names, whichever kind of distribution it is. @throws Refusal */
export function refuseDetails(outcome: AliasTaken | Dangling | OverUsed | TenantLacks): never {
  switch (outcome.outcome) {
    case 'tenant-lacks': return refuse('InvalidArgument', `The distribution tenant ${outcome.tenant} has no value for the parameter ${outcome.parameter}, which would be required.`);
    case 'alias-taken': return aliasTaken(outcome.alias);
    case 'dangling': return refuse('InvalidArgument', `The configuration names something that does not exist: ${outcome.reference.kind} ${outcome.reference.id}.`);
    case 'over-used': return refuse(overUsedCodes[outcome.reference.kind] ?? 'InvalidArgument',
      `The maximum number of distributions have been associated with ${outcome.reference.kind} ${outcome.reference.id}.`);
  }
}

/** The configuration as it would be written. @throws Refusal with the code of the first rule that is broken */
export async function preparedDistribution(config: DistributionConfig, parts: OperationParts): Promise<DistributionConfig> {
  const ready = prepareDistributionConfig(config, await configContext(referencesOf(config), parts));
  await checkCertificate(ready, parts);
  await checkClientCertificates(ready, parts);
  return ready;
}

/** A certificate that was uploaded here is held against the names it shall serve. @throws Refusal InvalidViewerCertificate */
async function checkCertificate(config: DistributionConfig, parts: OperationParts): Promise<void> {
  const id = certificateIdOf(config.ViewerCertificate);
  const row = id === null ? null : await parts.store.resources.get('certificate', id);
  if (row !== null) checkCoversAliases(row.config as unknown as CertificateFacts, itemsOf(config.Aliases), parts.clock.nowMs());
}

/** Those that were uploaded here must be of use to an origin. @throws Refusal InvalidArgument */
async function checkClientCertificates(config: DistributionConfig, parts: OperationParts): Promise<void> {
  const ids = new Set(itemsOf(config.Origins).map((origin) => clientCertificateIdOf(origin.CustomOriginConfig?.OriginMtlsConfig)));
  for (const id of ids) {
    const row = id === null ? null : await parts.store.resources.get('certificate', id);
    const facts = row?.config as unknown as (CertificateFacts & { readonly chain: string }) | undefined;
    if (facts !== undefined) checkForClients(facts.chain, facts, parts.clock.nowMs());
  }
}

async function insert(config: DistributionConfig, tags: readonly Tag[], parts: OperationParts): Promise<DistributionRow> {
  for (let attempt = 1; ; attempt += 1) {
    const ready = await preparedDistribution(config, parts);
    const id = resourceId(parts.random);
    const outcome = await parts.store.distributions.create({
      kind: 'web', id, arn: arnOf('web', parts.accountId, id), domainName: domainNameOf('web', parts.domain, parts.random),
      callerReference: ready.CallerReference ?? '', etag: versionTag(parts.random), config: ready as unknown as Row,
      facts: factsOf(ready, parts.limits), tags, countMax: parts.limits.distributionsMax,
    });
    switch (outcome.outcome) {
      case 'done': return outcome.row;
      // model: DistributionConfig.CallerReference: any reuse is refused, the same content too.
      case 'reference-taken': return refuse('DistributionAlreadyExists', 'The caller reference that you are using to create a distribution is associated with another distribution.');
      case 'too-many': return refuse('TooManyDistributions', 'Processing your request would cause you to exceed the maximum number of distributions allowed.');
      // Something named went away in between: prepared anew, the configuration is refused by the rule that it breaks.
      case 'dangling': if (attempt < preparationsMax) continue; return refuseDetails(outcome);
      default: return refuseDetails(outcome);
    }
  }
}

/**
 * Writes a new configuration of a distribution that the caller has seen.
 * @throws Refusal with the code of the first rule that is broken
 */
export async function updateDistribution(current: DistributionRow, config: DistributionConfig, parts: OperationParts): Promise<DistributionRow> {
  for (let attempt = 1; ; attempt += 1) {
    const ready = await preparedDistribution(config, parts);
    checkDistributionUpdate(configOf(current), ready);
    const requiredBefore = requiredParametersOf(configOf(current));
    const outcome = await parts.store.distributions.update('web', current.id, current.etag, {
      etag: versionTag(parts.random), config: ready as unknown as Row, facts: factsOf(ready, parts.limits),
      newlyRequired: requiredParametersOf(ready).filter((name) => !requiredBefore.includes(name)),
    });
    switch (outcome.outcome) {
      case 'done': return outcome.row;
      case 'missing': return noSuchDistribution();
      case 'stale': return preconditionFailed();
      case 'dangling': if (attempt < preparationsMax) continue; return refuseDetails(outcome);
      default: return refuseDetails(outcome);
    }
  }
}

export function noSuchDistribution(): never {
  return refuse('NoSuchDistribution', 'The specified distribution does not exist.');
}

async function remove(current: DistributionRow, parts: OperationParts): Promise<void> {
  const outcome = await parts.store.distributions.remove('web', current.id, current.etag);
  switch (outcome.outcome) {
    case 'done': return;
    case 'missing': return noSuchDistribution();
    case 'stale': return preconditionFailed();
    case 'enabled': return refuse('DistributionNotDisabled', 'The distribution you are trying to delete has not been disabled.');
    case 'in-progress': return refuse('DistributionNotDisabled', 'The distribution you are trying to delete is disabled, but this is not deployed everywhere yet.');
    case 'in-use': return refuse('ResourceInUse', `The distribution is in use by ${outcome.by.kind} ${outcome.by.id}.`);
  }
}

/** Active key pairs of each account that the configuration names, and public keys of each key group. */
export async function keysOfSigners(lists: readonly (TrustedSigners | undefined)[], parts: OperationParts): Promise<(signer: string) => readonly string[]> {
  const signers = [...new Set(lists.flatMap((list) => [...itemsOf(list)]))];
  const keysOf = await keysOfGroups([{ Items: signers.filter(isKeyGroupId) }], parts);
  const pairs = signers.every(isKeyGroupId) ? [] : activeKeyPairs(await keptKeyPairs(parts.store)).map(({ id }) => id);
  return (signer) => (isKeyGroupId(signer) ? keysOf(signer) : pairs);
}

/** Public keys of each key group that the configuration names. */
async function keysOfGroups(lists: readonly (Pick<TrustedKeyGroups, 'Items'> | undefined)[], parts: OperationParts): Promise<(id: string) => readonly string[]> {
  const keys = new Map<string, readonly string[]>();
  for (const id of new Set(lists.flatMap((list) => list?.Items ?? []))) {
    const group = await parts.store.resources.get('key-group', id);
    keys.set(id, (group?.config as { Items?: string[] } | undefined)?.Items ?? []);
  }
  return (id) => keys.get(id) ?? [];
}

function recordals(config: DistributionConfig): object[] | undefined {
  const aliases = itemsOf(config.Aliases);
  // model: AliasICPRecordal: always APPROVED outside China.
  return aliases.length === 0 ? undefined : aliases.map((CNAME) => ({ CNAME, ICPRecordalStatus: 'APPROVED' }));
}

async function describe(row: DistributionRow, parts: OperationParts): Promise<Row> {
  const config = configOf(row);
  const behaviors = [config.DefaultCacheBehavior, ...itemsOf(config.CacheBehaviors)];
  const signers: (TrustedSigners | undefined)[] = behaviors.map((behavior) => behavior?.TrustedSigners);
  const groups = behaviors.map((behavior) => behavior?.TrustedKeyGroups);
  return present<Row>({
    Id: row.id, ARN: row.arn, Status: row.status, LastModifiedTime: row.lastModifiedTime,
    InProgressInvalidationBatches: await parts.store.invalidations.countInProgress(row.id),
    DomainName: row.domainName,
    ActiveTrustedSigners: activeSigners(signers, await keysOfSigners(signers, parts)),
    ActiveTrustedKeyGroups: activeKeyGroups(groups, await keysOfGroups(groups, parts)),
    DistributionConfig: config,
    AliasICPRecordals: recordals(config),
  });
}

/** Members of the configuration that a summary repeats (model: DistributionSummary). */
const summaryMembers = [
  'Aliases', 'Origins', 'OriginGroups', 'DefaultCacheBehavior', 'CacheBehaviors', 'CustomErrorResponses', 'Comment', 'PriceClass', 'Enabled',
  'ViewerCertificate', 'Restrictions', 'WebACLId', 'HttpVersion', 'IsIPV6Enabled', 'Staging', 'ConnectionMode', 'AnycastIpListId',
  'ViewerMtlsConfig', 'ConnectionFunctionAssociation',
] as const satisfies readonly (keyof DistributionConfig)[];

/** An item of a list of distributions. */
export function summarizeDistribution(row: DistributionRow): Row {
  const config = configOf(row);
  return present<Row>({
    Id: row.id, ARN: row.arn, ETag: row.etag, Status: row.status, LastModifiedTime: row.lastModifiedTime, DomainName: row.domainName,
    ...Object.fromEntries(summaryMembers.map((member) => [member, config[member]])),
    AliasICPRecordals: recordals(config),
  });
}

/** The noun, which invalidations need too. */
export function distributionNoun(parts: OperationParts): Noun<DistributionRow, DistributionConfig> {
  return {
    name: 'Distribution', plural: 'Distributions', path: '/2020-05-31/distribution', missing: 'NoSuchDistribution',
    create: (config) => insert(config, [], parts),
    get: (id) => parts.store.distributions.get('web', id),
    settled: (row) => row.status === 'Deployed',
    update: (current, config) => updateDistribution(current, config, parts),
    remove: (current) => remove(current, parts),
    list: (marker, itemsMax) => parts.store.distributions.list('web', marker, itemsMax),
    describe: (row) => describe(row, parts),
    summarize: summarizeDistribution,
    config: (row) => row.config,
  };
}

async function createWithTags(call: Call, parts: OperationParts): Promise<DistributionRow> {
  const both = payloadOf<DistributionConfigWithTags>(call, 'DistributionConfigWithTags');
  const tags = prepareTags(both.Tags, parts.limits);
  return insert(required(both.DistributionConfig, 'DistributionConfig'), tags, parts);
}

/** guide: continuous-deployment: the copy is a staging distribution. */
async function copy(noun: Noun<DistributionRow, DistributionConfig>, call: Call, parts: OperationParts): Promise<DistributionRow> {
  const { PrimaryDistributionId: id, CallerReference: reference, Staging: staging, Enabled: enabled } = call.input;
  const primary = configOf(await findVersion(noun, id, ifMatchOf(call)));
  if (staging !== true) refuse('InvalidArgument', 'The parameter Staging must be true.');
  if (primary.Staging === true) refuse('InvalidArgument', 'A staging distribution cannot be copied.');
  return insert(stagingCopyOf(primary, reference as string, enabled !== false), [], parts);
}

export function distributionOperations(parts: OperationParts): OperationTable {
  const noun = distributionNoun(parts);
  return {
    ...operationsOf(noun, parts),
    CreateDistributionWithTags: async (call) => created(noun, await createWithTags(call, parts), parts),
    CopyDistribution: async (call) => created(noun, await copy(noun, call, parts), parts),
  };
}
