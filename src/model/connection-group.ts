// Connection groups: how viewers reach the distribution tenants that belong to one.
import { required } from './argument';
import type { ConfigContext } from './config-context';
import type { Limits } from './limits';
import { present } from './quantity';
import type { Reference } from './references';
import { refuse } from './refusal';

/** As the caller sends it and as it is kept; kept, all but the list of addresses are there. */
export interface ConnectionGroupConfig {
  readonly Name: string;
  readonly Ipv6Enabled?: boolean | undefined;
  readonly AnycastIpListId?: string | undefined;
  readonly Enabled?: boolean | undefined;
}

/**
 * API reference, Name of CreateConnectionGroup and CreateDistributionTenant: letters, digits, dots, dashes and underscores;
 * the first and the last are no punctuation.
 * @throws Refusal InvalidArgument
 */
export function entityName(name: string | undefined, limits: Limits): string {
  const given = required(name, 'Name');
  if (given.length < limits.entityNameCharsMin || given.length > limits.entityNameCharsMax || !/^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])$/.test(given)) {
    refuse('InvalidArgument', `The parameter Name must be ${limits.entityNameCharsMin} to ${limits.entityNameCharsMax} letters, digits, dots, dashes and underscores.`);
  }
  return given;
}

/** What the group refers to. */
export function connectionGroupReferences({ AnycastIpListId: id }: ConnectionGroupConfig): readonly Reference[] {
  return id === undefined || id === '' ? [] : [{ kind: 'anycast-ip-list', id }];
}

/**
 * What an update leaves out stays as it is; an empty AnycastIpListId takes the list away. Enabled and reached over IPv6
 * unless the caller says otherwise (model: CreateConnectionGroupRequest).
 * @param current the group before an update
 * @throws Refusal InvalidArgument, EntityNotFound
 */
export function prepareConnectionGroup(config: ConnectionGroupConfig, { exists, limits }: ConfigContext, current: ConnectionGroupConfig | null): ConnectionGroupConfig {
  const list = config.AnycastIpListId ?? current?.AnycastIpListId ?? '';
  // A list that stays is held by the reference to it.
  if (list !== '' && list !== current?.AnycastIpListId && !exists('anycast-ip-list', list)) {
    refuse('EntityNotFound', 'The Anycast static IP list was not found.');
  }
  return present<ConnectionGroupConfig>({
    // model: CreateConnectionGroupRequest.Name cannot be changed.
    Name: current?.Name ?? entityName(config.Name, limits),
    Ipv6Enabled: config.Ipv6Enabled ?? current?.Ipv6Enabled ?? true,
    AnycastIpListId: list === '' ? undefined : list,
    Enabled: config.Enabled ?? current?.Enabled ?? true,
  });
}
