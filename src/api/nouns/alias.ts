// Alternate domain names that move from one distribution to another, and who has those that are in the way.
import type { DistributionConfig } from '@aws-sdk/client-cloudfront';
import { factsOf } from '../../model/facts';
import { checkAliases } from '../../model/host-name';
import { versionTag } from '../../model/ids';
import { itemsOf, listed } from '../../model/quantity';
import { refuse } from '../../model/refusal';
import type { AliasOwner, DistributionRow, DistributionUpdate } from '../../store/store';
import { preparationsMax } from '../config-context';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { find, pageOutput, pageRequestOf } from '../verbs';
import { configOf, distributionNoun, preparedDistribution, refuseDetails } from './distribution';

/** @throws Refusal InvalidArgument */
function aliasOf(call: Call, { domain, limits }: OperationParts): string {
  const alias = typeof call.input['Alias'] === 'string' ? call.input['Alias'] : '';
  checkAliases([alias], domain, 'TooManyDistributionCNAMEs', limits);
  return alias;
}

async function updateOf(row: DistributionRow, config: DistributionConfig, parts: OperationParts): Promise<DistributionUpdate> {
  const ready = await preparedDistribution(config, parts);
  return {
    id: row.id, expectedEtag: row.etag, etag: versionTag(parts.random), config: ready as unknown as Record<string, unknown>, facts: factsOf(ready, parts.limits),
  };
}

const withAliases = (row: DistributionRow, aliases: readonly string[]): DistributionConfig => ({ ...configOf(row), Aliases: listed(aliases) });
const aliasesOf = (row: DistributionRow): readonly string[] => itemsOf(configOf(row).Aliases);

/** The distribution that has the name now; null when nobody has it. @throws Refusal IllegalUpdate for what no standard distribution has */
async function holderOf(alias: string, { store }: OperationParts): Promise<DistributionRow | null> {
  const [holder] = await store.distributions.ownersOf([alias.toLowerCase()]);
  if (holder === undefined) return null;
  const row = holder.owner.kind === 'distribution' ? await store.distributions.get('web', holder.owner.id) : null;
  return row ?? refuse('IllegalUpdate', 'The alias is associated with something that is no standard distribution.');
}

/**
 * Gives the name to the target, and takes it from whoever has it, in one transaction: at no time does nobody serve it.
 * Departure: no DNS record has to show that the name is the caller's, for all distributions are of one account.
 */
async function associate(call: Call, parts: OperationParts): Promise<void> {
  const noun = distributionNoun(parts);
  const alias = aliasOf(call, parts);
  for (let attempt = 1; attempt <= preparationsMax; attempt += 1) {
    const target = await find(noun, call.input['TargetDistributionId']);
    if (configOf(target).Staging === true) refuse('IllegalUpdate', 'A staging distribution cannot have alternate domain names.');
    const holder = await holderOf(alias, parts);
    if (holder?.id === target.id) return;
    const updates = [await updateOf(target, withAliases(target, [...aliasesOf(target), alias]), parts)];
    if (holder !== null) updates.push(await updateOf(holder, withAliases(holder, aliasesOf(holder).filter((name) => name.toLowerCase() !== alias.toLowerCase())), parts));
    const outcome = await parts.store.distributions.updateTogether('web', updates);
    if (outcome.outcome === 'done') return;
    if (outcome.outcome === 'over-used') refuseDetails(outcome);
    // Something changed in between: decided anew.
  }
  refuse('IllegalUpdate', 'The distributions are being changed by others. Send the request again.');
}

/** Names that overlap with one that is no wildcard: itself, and the wildcards above it. */
function covering(name: string): readonly string[] {
  const labels = name.split('.');
  return [name, ...labels.slice(1, -1).map((_label, index) => `*.${labels.slice(index + 1).join('.')}`)];
}

/** In the order of their names; one more than fits says that there is another page. */
async function conflicting(name: string, marker: string | null, itemsMax: number, { store }: OperationParts): Promise<readonly AliasOwner[]> {
  if (name.startsWith('*.')) return store.distributions.aliasesUnder(name.slice(1), marker, itemsMax + 1);
  const owners = await store.distributions.ownersOf(covering(name));
  return [...owners].sort((a, b) => (a.alias < b.alias ? -1 : 1)).filter(({ alias }) => marker === null || alias > marker);
}

/** As CloudFront hides them: their owner knows them again, others learn nothing. */
function hidden(id: string): string {
  const shownChars = Math.floor(id.length / 2);
  return '*'.repeat(id.length - shownChars) + id.slice(id.length - shownChars);
}

async function listConflicting(call: Call, parts: OperationParts): Promise<Readonly<Record<string, unknown>>> {
  await find(distributionNoun(parts), call.input['DistributionId']);
  const alias = aliasOf(call, parts).toLowerCase();
  const { Marker: given = '', ...input } = call.input;
  const { itemsMax } = pageRequestOf({ ...call, input });
  // Markers are names here, not ids.
  const marker = typeof given === 'string' && given !== '' ? aliasOf({ ...call, input: { Alias: given } }, parts).toLowerCase() : null;
  const found = await conflicting(alias, marker, itemsMax, parts);
  const page = found.slice(0, itemsMax);
  return {
    ConflictingAliasesList: pageOutput({ marker, itemsMax }, {
      // Names of other nouns do not count here (model: ListConflictingAliases), so that a page may have fewer items than it could.
      items: page.filter(({ owner }) => owner.kind === 'distribution')
        .map((one) => ({ Alias: one.alias, DistributionId: hidden(one.owner.id), AccountId: hidden(parts.accountId) })),
      nextMarker: found.length > itemsMax ? page.at(-1)?.alias ?? null : null,
    }),
  };
}

export function aliasOperations(parts: OperationParts): OperationTable {
  return {
    AssociateAlias: async (call) => { await associate(call, parts); return {}; },
    ListConflictingAliases: (call) => listConflicting(call, parts),
  };
}
