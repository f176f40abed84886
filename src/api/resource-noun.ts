// A noun kept as a resource: what is different about it is said in one object, and the verbs carry it out.
import type { ConfigContext } from '../model/config-context';
import type { Limits } from '../model/limits';
import type { ManagedPolicy } from '../model/managed-policies';
import { versionTag, type RandomBytes } from '../model/ids';
import type { Reference, ResourceKind } from '../model/references';
import { refuse } from '../model/refusal';
import { prepareTags } from '../model/tags';
import type { Tags } from '@aws-sdk/client-cloudfront';
import type { InUse, Page, ResourceContent, ResourceCreated, ResourceRow, ResourceUpdated } from '../store/store';
import { configContext, exists, preparationsMax } from './config-context';
import type { Call } from './operation';
import type { OperationParts } from './parts';
import { preconditionFailed, type Noun } from './verbs';

type Row = Readonly<Record<string, unknown>>;

/** What is different about a noun. Every code is one that the SDK's model lists for the operation. */
export interface ResourceNoun<Config extends object> extends Pick<Noun<ResourceRow, Config>,
  'name' | 'plural' | 'path' | 'missing' | 'configMember' | 'payload' | 'names' | 'identifier' | 'configOf' | 'page'> {
  readonly kind: ResourceKind;
  id(random: RandomBytes, config: Config): string;
  /** Unique within the kind. */
  nameOf(config: Config): string;
  callerReferenceOf?(config: Config): string;
  /** Type in its ARN, e.g. `key-group`; none where it has no ARN. */
  readonly arnType?: string;
  /** ARN of what it belongs to and goes with. */
  ownerArnOf?(config: Config): string;
  /** Of the request as sent: what to look up before `prepare`. The prepared one is asked, too, for what to hold. @throws Refusal */
  references?(config: Config): readonly Reference[] | Promise<readonly Reference[]>;
  /** Host names it serves (lower case). */
  aliases?(config: Config, attributes: Row): readonly string[];
  /**
   * Fills in defaults and applies the rules; idempotent. `current`: the configuration to be replaced. A noun whose rules ask
   * for more than whether a reference exists reads it here.
   */
  prepare(config: Config, context: ConfigContext, current: Config | null): Config | Promise<Config>;
  /** What the service adds to a new one. */
  attributes?(random: RandomBytes, config: Config): Row;
  /** Quota on how many there may be, and its error. */
  readonly limit: keyof Limits;
  readonly tooMany: string;
  /** Error for a name that another one has; `config` is null for an update. */
  readonly taken: string | ((existing: Config, config: Config | null) => string);
  /** True: a create with a caller's reference already used and the same content is answered with the first one. */
  readonly sameAgain?: (existing: Config, config: Config) => boolean;
  readonly inUse: string;
  /** Error for a change of one that is in use, where that is no change at all. */
  readonly fixedInUse?: string;
  /** What must hold before it may go, beside that nothing refers to it. @throws Refusal */
  checkRemoval?(row: ResourceRow, config: Config): void;
  /** What the items of a list must refer to, where the request asks for such ones only. */
  filter?(call: Call): Reference | undefined;
  /** Null: nothing to wait for. */
  readonly waits?: true;
  /** Those every account has, which cannot be changed. */
  readonly managed?: readonly ManagedPolicy<Config>[];
  describe(row: ResourceRow, config: Config): Row | Promise<Row>;
  summarize(row: ResourceRow, config: Config): Row;
}

/** Managed rows have no version of their own: they never change. */
const managedEtag = 'E23ZP02F085DFQ';
const managedAt = new Date('2020-05-31T00:00:00Z');

function managedRow(kind: ResourceKind, { id, config }: ManagedPolicy<object>): ResourceRow {
  return {
    kind, id, etag: managedEtag, name: (config as { Name?: string }).Name ?? id, arn: null, lastModifiedTime: managedAt, config: config as Row,
    attributes: {}, changeSeq: 0, settled: true,
  };
}

const worded = (name: string): string => name.replace(/([a-z])(?=[A-Z])/g, '$1 ').replaceAll('-', ' ').toLowerCase();

class Resources<Config extends object> {
  private readonly managed: ReadonlyMap<string, ResourceRow>;

  constructor(private readonly noun: ResourceNoun<Config>, private readonly parts: OperationParts) {
    this.managed = new Map((noun.managed ?? []).map((policy) => [policy.id, managedRow(noun.kind, policy)]));
  }

  configOf(row: ResourceRow): Config { return row.config as unknown as Config; }

  private async prepared(config: Config, current: Config | null): Promise<Config> {
    const context = await configContext(await this.noun.references?.(config) ?? [], this.parts);
    return this.noun.prepare(config, context, current);
  }

  private async content(config: Config, attributes: Row): Promise<ResourceContent> {
    const { noun, parts } = this;
    const aliases = noun.aliases?.(config, attributes);
    return {
      etag: versionTag(parts.random), name: noun.nameOf(config), config: config as unknown as Row, attributes,
      references: await noun.references?.(config) ?? [], ...(aliases === undefined ? {} : { aliases }),
    };
  }

  async create(config: Config, call: Call): Promise<ResourceRow> {
    const { noun, parts } = this;
    const tags = call.input['Tags'] === undefined ? [] : prepareTags(call.input['Tags'] as Tags, parts.limits);
    for (let attempt = 1; ; attempt += 1) {
      const prepared = await this.prepared(config, null);
      const id = noun.id(parts.random, prepared);
      const callerReference = noun.callerReferenceOf?.(prepared);
      const ownerArn = noun.ownerArnOf?.(prepared);
      const outcome = await parts.store.resources.create({
        ...await this.content(prepared, noun.attributes?.(parts.random, prepared) ?? {}),
        kind: noun.kind, id, tags, countMax: parts.limits[noun.limit],
        ...(callerReference === undefined ? {} : { callerReference }),
        ...(noun.arnType === undefined ? {} : { arn: `arn:aws:cloudfront::${parts.accountId}:${noun.arnType}/${id}` }),
        ...(ownerArn === undefined ? {} : { ownerArn }),
      });
      if (outcome.outcome === 'dangling' && attempt < preparationsMax) continue;
      return this.made(outcome, prepared);
    }
  }

  /** @param config of a create; null for an update, which is never answered with another row */
  private made(outcome: ResourceCreated, config: Config | null): ResourceRow {
    const { noun } = this;
    switch (outcome.outcome) {
      case 'done': return outcome.row;
      case 'reference-taken': case 'name-taken':
        if (config !== null && noun.sameAgain?.(this.configOf(outcome.existing), config) === true) return outcome.existing;
        return refuse(typeof noun.taken === 'string' ? noun.taken : noun.taken(this.configOf(outcome.existing), config), `Another ${worded(noun.name)} has this ${outcome.outcome === 'name-taken' ? 'name' : 'caller reference'} already.`);
      case 'alias-taken': return refuse('CNAMEAlreadyExists', `One or more of the domains are already associated with a different resource: ${outcome.alias}`);
      case 'too-many': return refuse(noun.tooMany, `Processing your request would exceed the maximum number of ${worded(noun.plural)}.`);
      case 'dangling': return refuse(noun.missing, `Something that the request names does not exist: ${outcome.reference.kind} ${outcome.reference.id}.`);
    }
  }

  async get(id: string): Promise<ResourceRow | null> {
    return this.managed.get(id) ?? this.parts.store.resources.get(this.noun.kind, id);
  }

  async update(current: ResourceRow, config: Config): Promise<ResourceRow> {
    const { noun, parts } = this;
    if (this.managed.has(current.id)) refuse('IllegalUpdate', `A managed ${worded(noun.name)} cannot be changed.`);
    for (let attempt = 1; ; attempt += 1) {
      const prepared = await this.prepared(config, this.configOf(current));
      const write = noun.fixedInUse === undefined ? 'update' : 'updateUnused';
      const outcome = await parts.store.resources[write](noun.kind, current.id, current.etag, await this.content(prepared, current.attributes));
      if (outcome.outcome === 'dangling' && attempt < preparationsMax) continue;
      return this.changed(outcome);
    }
  }

  private changed(outcome: ResourceUpdated | InUse): ResourceRow {
    switch (outcome.outcome) {
      case 'in-use': return refuse(this.noun.fixedInUse ?? this.noun.inUse, `The ${worded(this.noun.name)} is in use by ${worded(outcome.by.kind)} ${outcome.by.id}.`);
      case 'missing': return refuse(this.noun.missing, `The specified ${worded(this.noun.name)} does not exist.`);
      case 'stale': return preconditionFailed();
      default: return this.made(outcome, null);
    }
  }

  async remove(current: ResourceRow): Promise<void> {
    const { noun, parts } = this;
    if (this.managed.has(current.id)) refuse('IllegalDelete', `A managed ${worded(noun.name)} cannot be deleted.`);
    noun.checkRemoval?.(current, this.configOf(current));
    const outcome = await parts.store.resources.remove(noun.kind, current.id, current.etag);
    switch (outcome.outcome) {
      case 'done': return;
      case 'missing': return refuse(noun.missing, `The specified ${worded(noun.name)} does not exist.`);
      case 'stale': return preconditionFailed();
      case 'in-use': return refuse(noun.inUse, `The ${worded(noun.name)} is in use by ${worded(outcome.by.kind)} ${outcome.by.id}.`);
    }
  }

  /** Managed ones come first; `Type` shows one sort only. */
  async list(marker: string | null, itemsMax: number, call: Call): Promise<Page<ResourceRow>> {
    const { noun, parts } = this;
    const where = noun.filter?.(call);
    if (where !== undefined && !await exists(where, parts)) refuse(noun.missing, `The specified ${worded(where.kind)} does not exist.`);
    const type = noun.managed === undefined ? 'custom' : call.input['Type'];
    const rows = type === 'custom' ? [] : [...this.managed.values()];
    const at = marker === null ? -1 : rows.findIndex((row) => row.id === marker);
    const inManaged = marker === null || at >= 0;
    const items = inManaged ? rows.slice(at + 1, at + 1 + itemsMax) : [];
    const last = items.at(-1);
    if (last !== undefined && at + 1 + items.length < rows.length) return { items, nextMarker: last.id };
    if (type === 'managed') return { items, nextMarker: null };
    // One custom row more than fits says whether there is another page.
    const rest = await parts.store.resources.list(noun.kind, inManaged ? null : marker, Math.max(1, itemsMax - items.length), where);
    if (items.length < itemsMax) return { items: [...items, ...rest.items], nextMarker: rest.nextMarker };
    return { items, nextMarker: rest.items.length === 0 ? null : last?.id ?? null };
  }
}

/** The noun as the verbs want it. */
export function resourceNoun<Config extends object>(noun: ResourceNoun<Config>, parts: OperationParts): Noun<ResourceRow, Config> {
  const resources = new Resources(noun, parts);
  return {
    ...noun,
    create: (config, call) => resources.create(config, call),
    get: (id) => resources.get(id),
    settled: noun.waits === undefined ? null : (row) => row.settled,
    update: (current, config) => resources.update(current, config),
    remove: (current) => resources.remove(current),
    list: (marker, itemsMax, call) => resources.list(marker, itemsMax, call),
    describe: (row) => noun.describe(row, resources.configOf(row)),
    summarize: (row) => noun.summarize(row, resources.configOf(row)),
    config: (row) => row.config,
  };
}
