// Who may sign URLs: accounts (trusted signers) and key groups, and what CloudFront reports as active of them.
import type { ActiveTrustedKeyGroups, ActiveTrustedSigners, TrustedKeyGroups, TrustedSigners } from '@aws-sdk/client-cloudfront';
import { atMost, distinct } from './argument';
import type { ConfigContext } from './config-context';
import { itemsOf, listed } from './quantity';
import { refuse } from './refusal';

/** Enabled without anybody in the list would lock every viewer out; a list that is not enabled would let every viewer in. */
function checkEnabled(enabled: boolean, count: number, name: string): void {
  if (enabled !== count > 0) refuse('InvalidArgument', `The parameter ${name} must be enabled exactly when its list is not empty.`);
}

/** @throws Refusal TooManyTrustedSigners, TrustedSignerDoesNotExist, InvalidArgument */
export function prepareTrustedSigners(signers: TrustedSigners | undefined, context: ConfigContext): TrustedSigners {
  const accounts = itemsOf(signers);
  atMost(accounts.length, context.limits.trustedSignersMax, 'TooManyTrustedSigners', 'trusted signers');
  // This installation knows the keys of its own account only.
  if (accounts.some((account) => account !== 'self' && account !== context.accountId)) {
    refuse('TrustedSignerDoesNotExist', 'One or more of your trusted signers don\'t exist.');
  }
  distinct(accounts, 'TrustedSigners');
  checkEnabled(signers?.Enabled ?? false, accounts.length, 'TrustedSigners');
  return { Enabled: accounts.length > 0, ...listed(accounts) };
}

/**
 * Signers of a streaming distribution, which knows no key groups.
 * Departure: a signer may be the id of a key group, too.
 * @throws Refusal TooManyTrustedSigners, TrustedSignerDoesNotExist, InvalidArgument
 */
export function prepareStreamingSigners(signers: TrustedSigners | undefined, context: ConfigContext): TrustedSigners {
  const named = itemsOf(signers);
  const groups = named.filter((id) => context.exists('key-group', id));
  const accounts = named.filter((id) => !groups.includes(id));
  prepareTrustedSigners({ Enabled: accounts.length > 0, ...listed(accounts) }, context);
  atMost(named.length, context.limits.trustedSignersMax, 'TooManyTrustedSigners', 'trusted signers');
  distinct(named, 'TrustedSigners');
  checkEnabled(signers?.Enabled ?? false, named.length, 'TrustedSigners');
  return { Enabled: named.length > 0, ...listed(named) };
}

/** @throws Refusal TooManyKeyGroupsAssociatedToDistribution, TrustedKeyGroupDoesNotExist, InvalidArgument */
export function prepareTrustedKeyGroups(groups: TrustedKeyGroups | undefined, context: ConfigContext): TrustedKeyGroups {
  const ids = itemsOf(groups);
  atMost(ids.length, context.limits.keyGroupsMax, 'TooManyKeyGroupsAssociatedToDistribution', 'key groups');
  if (ids.some((id) => !context.exists('key-group', id))) refuse('TrustedKeyGroupDoesNotExist', 'The specified key group does not exist.');
  distinct(ids, 'TrustedKeyGroups');
  checkEnabled(groups?.Enabled ?? false, ids.length, 'TrustedKeyGroups');
  return { Enabled: ids.length > 0, ...listed(ids) };
}

/** Every signer that any of the lists names, with the ids of its active key pairs. */
export function activeSigners(lists: readonly (TrustedSigners | undefined)[], keysOf: (signer: string) => readonly string[]): ActiveTrustedSigners {
  const signers = [...new Set(lists.flatMap((list) => [...itemsOf(list)]))];
  return {
    Enabled: signers.length > 0,
    ...listed(signers.map((AwsAccountNumber) => ({ AwsAccountNumber, KeyPairIds: listed(keysOf(AwsAccountNumber)) }))),
  };
}

/** Every key group that any of the lists names, with the ids of its public keys. */
export function activeKeyGroups(
  lists: readonly (TrustedKeyGroups | undefined)[], keysOf: (keyGroupId: string) => readonly string[],
): ActiveTrustedKeyGroups {
  const groups = [...new Set(lists.flatMap((list) => [...itemsOf(list)]))];
  return {
    Enabled: groups.length > 0,
    ...listed(groups.map((KeyGroupId) => ({ KeyGroupId, KeyPairIds: listed(keysOf(KeyGroupId)) }))),
  };
}
