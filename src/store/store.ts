// The store's door: rows in and out of Postgres as values. Nothing outside this folder knows Prisma or SQL.
//
// Every write is one transaction that also appends to the change log, so that no change is lost or seen out of order.

import type { DistributionFacts } from '../model/facts';
import type { Reference, Referrer, ResourceKind } from '../model/references';

export type { DistributionFacts } from '../model/facts';
export type { Reference, Referrer, ResourceKind } from '../model/references';

/** On whose behalf a write is made; every write leaves a line in the audit log with it. */
export interface Author {
  readonly accessKeyId: string;
  /** Name of the API operation. */
  readonly operation: string;
  readonly requestId: string;
  /** Network address the request came from. */
  readonly address: string;
}

/** The two kinds of distribution share a table: their ids, callers' references and aliases live in one space. */
export type DistributionKind = 'web' | 'streaming';

export interface DistributionRow {
  readonly kind: DistributionKind;
  readonly id: string;
  readonly arn: string;
  readonly domainName: string;
  readonly callerReference: string;
  readonly etag: string;
  readonly enabled: boolean;
  /** Seq of the last change that touched it. */
  readonly changeSeq: number;
  readonly status: 'InProgress' | 'Deployed';
  readonly lastModifiedTime: Date;
  /** DistributionConfig or StreamingDistributionConfig, defaults filled in, in the SDK's shape. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface NewDistribution {
  readonly kind: DistributionKind;
  readonly id: string;
  readonly arn: string;
  readonly domainName: string;
  readonly callerReference: string;
  readonly etag: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly facts: DistributionFacts;
  readonly tags: readonly Tag[];
  /** At most this many of the kind may exist. */
  readonly countMax: number;
}

export interface Tag { readonly key: string; readonly value: string }

export type Outcome<T, Reason extends object> = { readonly outcome: 'done'; readonly row: T } | Reason;

export type Missing = { readonly outcome: 'missing' };
/** The row's ETag is not the expected one. */
export type Stale = { readonly outcome: 'stale' };
/** Another of its kind has the name. */
export type NameTaken<T> = { readonly outcome: 'name-taken'; readonly existing: T };
/** It names something that is not there, or no longer. */
export type Dangling = { readonly outcome: 'dangling'; readonly reference: Reference };
/** Something that it names is named by as many distributions as its quota allows. */
export type OverUsed = { readonly outcome: 'over-used'; readonly reference: Reference };
/** Somebody refers to it. */
export type InUse = { readonly outcome: 'in-use'; readonly by: Referrer };
/** A tenant has no value for a parameter that its distribution requires. */
export type TenantLacks = { readonly outcome: 'tenant-lacks'; readonly tenant: string; readonly parameter: string };
export type AliasTaken = { readonly outcome: 'alias-taken'; readonly alias: string };
export type ReferenceTaken<T> = { readonly outcome: 'reference-taken'; readonly existing: T };
export type TooMany = { readonly outcome: 'too-many' };

export interface Page<T> {
  readonly items: readonly T[];
  /** Id to continue after; null on the last page. */
  readonly nextMarker: string | null;
}

export interface DistributionStore {
  create(row: NewDistribution): Promise<Outcome<DistributionRow, ReferenceTaken<DistributionRow> | AliasTaken | TooMany | Dangling | OverUsed>>;
  get(kind: DistributionKind, id: string): Promise<DistributionRow | null>;
  findByArn(arn: string): Promise<DistributionRow | null>;
  /** @param domainName its own, lower case */
  findByDomainName(domainName: string): Promise<DistributionRow | null>;
  update(
    kind: DistributionKind, id: string, expectedEtag: string,
    next: Omit<DistributionUpdate, 'id' | 'expectedEtag'>,
  ): Promise<Outcome<DistributionRow, Missing | Stale | AliasTaken | Dangling | OverUsed | TenantLacks>>;
  /** Several of one kind at once, all or none: for an alias that moves from one to another. The outcome is that of the first that fails. */
  updateTogether(kind: DistributionKind, updates: readonly DistributionUpdate[]):
    Promise<{ readonly outcome: 'done'; readonly rows: readonly DistributionRow[] } | Missing | Stale | AliasTaken | Dangling | OverUsed | TenantLacks>;
  /** Only a disabled and deployed one that nothing refers to can go. */
  remove(kind: DistributionKind, id: string, expectedEtag: string):
    Promise<{ readonly outcome: 'done' } | Missing | Stale | { readonly outcome: 'enabled' | 'in-progress' } | InUse>;
  /** In order of creation, newest first. `marker`: exclusive, an id of an earlier page. */
  list(kind: DistributionKind, marker: string | null, itemsMax: number, filter?: DistributionFilter): Promise<Page<DistributionRow>>;
  /** Who serves these names (lower case); names nobody has are left out. */
  ownersOf(aliases: readonly string[]): Promise<readonly AliasOwner[]>;
  /** Names that end with `suffix` (lower case, starts with `.`), in order, after `marker`. */
  aliasesUnder(suffix: string, marker: string | null, itemsMax: number): Promise<readonly AliasOwner[]>;
  /** Every configuration it ever had, newest first; `before`: a version, exclusive. Kept after it went. */
  versions(id: string, before: number | null, itemsMax: number): Promise<readonly DistributionVersion[]>;
  version(id: string, version: number): Promise<DistributionVersion | null>;
}

export interface DistributionUpdate {
  readonly id: string;
  readonly expectedEtag: string;
  readonly etag: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly facts: DistributionFacts;
  /** Names of parameters that every tenant must have a value for, and did not have to before. */
  readonly newlyRequired?: readonly string[];
}

export type DistributionFilter =
  | { readonly using: Reference }
  /** Those that name nothing of the kind. */
  | { readonly without: Reference['kind'] }
  | { readonly connectionMode: 'direct' | 'tenant-only' };

/** One owner of a move, with the content it has afterwards. */
export type DomainSide =
  | { readonly kind: 'distribution' } & DistributionUpdate
  | {
    readonly kind: 'distribution-tenant'; readonly id: string; readonly expectedEtag: string;
    readonly content: ResourceContent & { readonly aliases: readonly string[] };
  };

export type DomainMoved =
  { readonly outcome: 'done' } | { readonly outcome: 'missing' | 'stale'; readonly of: 'giver' | 'taker' } | AliasTaken | Dangling | OverUsed;

export interface DomainStore {
  /** A name goes from one owner to another, all or nothing: both are written as they are with and without it. */
  move(giver: DomainSide, taker: DomainSide): Promise<DomainMoved>;
}

/** A staging distribution's configuration becomes its primary's, and the policy between them is switched off. */
export interface Promotion {
  readonly primary: DistributionUpdate;
  /** Where the configuration was read. */
  readonly staging: { readonly id: string; readonly expectedEtag: string };
  /** The primary's policy; `content` null: it is off already. */
  readonly policy: { readonly id: string; readonly expectedEtag: string; readonly content: ResourceContent | null };
}

export type Promoted = Outcome<DistributionRow,
  { readonly outcome: 'missing' | 'stale'; readonly of: 'primary' | 'staging' | 'policy' } | AliasTaken | Dangling | OverUsed>;

export interface PromotionStore {
  /** All or nothing, from the versions that were read. */
  promote(promotion: Promotion): Promise<Promoted>;
}

export interface AliasOwner {
  readonly alias: string;
  readonly owner: Referrer;
}

export interface DistributionVersion {
  readonly distributionId: string;
  /** 1 for the first. */
  readonly version: number;
  readonly seq: number;
  readonly etag: string;
  readonly at: Date;
  /** Null for those made before it was written down. */
  readonly accessKeyId: string | null;
  readonly operation: string | null;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface InvalidationRow {
  readonly id: string;
  /** The distribution whose content it is about. */
  readonly distributionId: string;
  /** The distribution, or the tenant of it that the batch is about. */
  readonly ownerId: string;
  readonly callerReference: string;
  readonly paths: readonly string[];
  readonly tags: readonly string[];
  readonly status: 'InProgress' | 'Completed';
  readonly createTime: Date;
  readonly changeSeq: number;
}

export interface InvalidationStore {
  /** `pathsMax`, `wildcardsMax`: limits on what is in progress for the owner, this one included. */
  create(row: {
    readonly id: string; readonly distributionId: string; readonly ownerId: string; readonly callerReference: string;
    readonly paths: readonly string[]; readonly tags: readonly string[]; readonly pathsMax: number; readonly wildcardsMax: number;
  }): Promise<Outcome<InvalidationRow, Missing | TooMany | ReferenceTaken<InvalidationRow>>>;
  get(ownerId: string, id: string): Promise<InvalidationRow | null>;
  /** Newest first. */
  list(ownerId: string, marker: string | null, itemsMax: number): Promise<Page<InvalidationRow>>;
  /** How many batches of the owner are in progress. */
  countInProgress(ownerId: string): Promise<number>;
}

/** Every noun without a table of its own: policies, identities, keys, functions … */
export interface ResourceRow {
  readonly kind: ResourceKind;
  readonly id: string;
  readonly etag: string;
  /** Unique within the kind. */
  readonly name: string;
  /** Null for nouns that have none. */
  readonly arn: string | null;
  readonly lastModifiedTime: Date;
  readonly config: Readonly<Record<string, unknown>>;
  /** What the service adds and the caller cannot set, e.g. an identity's canonical user id. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Seq of the last change that touched it. */
  readonly changeSeq: number;
  /** Every live node has acknowledged that change. */
  readonly settled: boolean;
}

/** What a row has that may change. */
export interface ResourceContent {
  readonly etag: string;
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** What it names; checked against what is there, and held against removal. */
  readonly references: readonly Reference[];
  /** Host names it serves (lower case), unique across tenants and distributions. */
  readonly aliases?: readonly string[];
}

export interface NewResource extends ResourceContent {
  readonly kind: ResourceKind;
  readonly id: string;
  /** Unique within the kind where the noun has one beside its name. */
  readonly callerReference?: string;
  readonly arn?: string;
  /** ARN of what it belongs to and goes with. */
  readonly ownerArn?: string;
  readonly tags?: readonly Tag[];
  /** At most this many of the kind may exist. */
  readonly countMax: number;
}

export type ResourceCreated =
  Outcome<ResourceRow, NameTaken<ResourceRow> | ReferenceTaken<ResourceRow> | AliasTaken | TooMany | Dangling>;
export type ResourceUpdated = Outcome<ResourceRow, Missing | Stale | NameTaken<ResourceRow> | AliasTaken | Dangling>;
export type ResourceRemoved = { readonly outcome: 'done' } | Missing | Stale | InUse;

export interface ResourceStore {
  create(row: NewResource): Promise<ResourceCreated>;
  get(kind: ResourceKind, id: string): Promise<ResourceRow | null>;
  getByName(kind: ResourceKind, name: string): Promise<ResourceRow | null>;
  /**
   * A new version. Every distribution that refers to it, however indirectly, is in progress again until the nodes
   * have what the change made of it.
   */
  update(kind: ResourceKind, id: string, expectedEtag: string, next: ResourceContent): Promise<ResourceUpdated>;
  /** A new version, unless somebody refers to it. */
  updateUnused(kind: ResourceKind, id: string, expectedEtag: string, next: ResourceContent): Promise<ResourceUpdated | InUse>;
  /** A new version in which only changed what nobody uses yet, a function's DEVELOPMENT stage: nothing is in progress for it. */
  updateDraft(kind: ResourceKind, id: string, expectedEtag: string, next: ResourceContent): Promise<ResourceUpdated>;
  remove(kind: ResourceKind, id: string, expectedEtag: string): Promise<ResourceRemoved>;
  /** Newest first. `where`: only those that refer to it. */
  list(kind: ResourceKind, marker: string | null, itemsMax: number, where?: Reference): Promise<Page<ResourceRow>>;
  /** Who refers to something directly, by kind and newest first, at most `itemsMax`. */
  usersOf(reference: Reference, itemsMax: number): Promise<readonly Referrer[]>;
}

export interface TagStore {
  /** Null when nothing has this ARN. */
  list(arn: string): Promise<readonly Tag[] | null>;
  /** Adds or replaces. */
  put(arn: string, tags: readonly Tag[], tagsMax: number): Promise<{ readonly outcome: 'done' } | Missing | TooMany>;
  remove(arn: string, keys: readonly string[]): Promise<{ readonly outcome: 'done' } | Missing>;
}

export interface AccessKeyRow {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  /** What it may do, in IAM's form; null: everything. */
  readonly policy: Readonly<Record<string, unknown>> | null;
  readonly createdAt: Date;
}

/** Afterwards there would be no active key without a policy. */
export type LastAdministrator = { readonly outcome: 'last-administrator' };

export interface AccessKeyStore {
  /** The secret and the policy of an active key, or null. */
  find(accessKeyId: string): Promise<{ readonly secret: string; readonly policy: AccessKeyRow['policy'] } | null>;
  /** Makes sure that this administrator exists. */
  put(accessKeyId: string, secret: string): Promise<void>;
  create(row: { readonly id: string; readonly secret: string; readonly name: string; readonly policy: AccessKeyRow['policy']; readonly countMax: number }):
    Promise<Outcome<AccessKeyRow, TooMany>>;
  get(accessKeyId: string): Promise<AccessKeyRow | null>;
  /** In order of creation, oldest first; never more than its quota. */
  list(): Promise<readonly AccessKeyRow[]>;
  update(accessKeyId: string, next: { readonly name: string; readonly active: boolean; readonly policy: AccessKeyRow['policy'] }):
    Promise<Outcome<AccessKeyRow, Missing | LastAdministrator>>;
  remove(accessKeyId: string): Promise<{ readonly outcome: 'done' } | Missing | LastAdministrator>;
}

export interface AuditLine extends Author {
  readonly id: number;
  readonly at: Date;
  /** As in the change log, and what nodes do not know: `tags`, `access-key`, and `sign-in` for one that failed. */
  readonly subject: ChangeSubject | 'tags' | 'access-key' | 'sign-in' | 'node' | 'enrolment-token' | 'secret';
  /** Of a sign-in: the code that it failed with. */
  readonly subjectId: string;
  readonly action: 'put' | 'remove' | 'refuse';
  /** Of the line in the change log, if there is one. */
  readonly seq: number | null;
}

/** A request whose sender did not prove to be who it says. */
export interface RefusedSignIn {
  /** As claimed; empty when none could be read. */
  readonly accessKeyId: string;
  readonly reason: string;
  readonly requestId: string;
  readonly address: string;
}

export interface AuditStore {
  /** Adds a line, and takes away the oldest of its sort beyond `linesMax`. */
  signInRefused(refused: RefusedSignIn, linesMax: number): Promise<void>;
  /** Newest first; `before`: a line's id, exclusive. */
  list(where: { readonly subject?: AuditLine['subject']; readonly subjectId?: string; readonly accessKeyId?: string; readonly before?: number }, itemsMax: number): Promise<readonly AuditLine[]>;
}

export interface NodeRow {
  readonly id: string;
  readonly role: 'edge' | 'router' | 'worker';
  readonly pop: string;
  readonly addresses: readonly string[];
  readonly version: string;
  readonly connected: boolean;
  /** Seq up to which it applied everything; for a worker the seq it has read. */
  readonly ackedSeq: number;
  readonly lastSeen: Date;
  /** Heard of within the last nodeLostMs, by the database's clock. */
  readonly live: boolean;
  /** Sites it could not take, with its reason. */
  readonly refusals: readonly { readonly site: string; readonly seq: number; readonly reason: string }[];
  /** Null: nobody knows where it is. */
  readonly place: { readonly latitude: number; readonly longitude: number } | null;
  /** The cheapest price class that includes it. */
  readonly region: '100' | '200' | 'all';
  /** Relative to other nodes; above zero. */
  readonly capacity: number;
  /** Part of its capacity in use, 0 to 1. */
  readonly load: number;
  /** Of all that it has in force; null: it does not say. */
  readonly digest: string | null;
  /** An operator wants it left in peace. */
  readonly draining: boolean;
  /** It has a key of its own. */
  readonly enrolled: boolean;
}

/** What a worker knows of a node. */
export interface NodeSighting extends Omit<NodeRow, 'lastSeen' | 'live' | 'draining' | 'enrolled'> {
  /** How long ago it was heard. */
  readonly seenAgoMs: number;
}

export interface NodeStore {
  /**
   * Writes what one worker knows of nodes. Where the row is another worker's word, the one that heard the node later counts: a
   * node that went from one to the other is not overwritten by what the first finds out about its lost connection.
   * @param teller one run of one worker
   */
  put(sightings: readonly NodeSighting[], teller: string): Promise<void>;
  list(nodeLostMs: number): Promise<readonly NodeRow[]>;
  /**
   * A node that left, unless it was heard by another worker since. Whether it drains is remembered for when it comes back.
   */
  remove(id: string, teller: string): Promise<void>;
  /** Routers send it no more viewers; also a node that is away. @returns false when `countMax` others drain already */
  drain(id: string, countMax: number): Promise<boolean>;
  /** Routers send it viewers again. */
  undrain(id: string): Promise<void>;
}

/** `key-values`: the pairs of a key value store, which do not touch the distributions that read them. */
export type ChangeSubject = 'distribution' | 'invalidation' | 'resource' | 'key-values';

export interface Change {
  readonly seq: number;
  readonly subject: ChangeSubject;
  /** Distribution id, invalidation id, `kind/id` of a resource, or id of the key value store whose pairs changed. */
  readonly subjectId: string;
  readonly action: 'put' | 'remove';
}

export interface ChangeListener {
  /** Notifications were seen to arrive on the present connection, so that polling need not be dense. */
  notifying(): boolean;
  close(): Promise<void>;
}

/** What the worker reads and writes. */
export interface ChangeStore {
  /** Identity of this database's history; a node with another one starts anew. */
  epoch(): Promise<string>;
  /** Changes after `seq`, oldest first. Never skips one that commits later with a lower seq. */
  after(seq: number, itemsMax: number): Promise<readonly Change[]>;
  /** Seq of the newest change, and of the newest one no longer kept (0: all are). */
  bounds(): Promise<{ readonly newest: number; readonly pruned: number }>;
  prune(olderThanS: number): Promise<void>;
  /** Every distribution there is, streamed in batches; for a worker that starts. */
  distributions(batchSize: number): AsyncIterable<readonly DistributionRow[]>;
  distributionsById(ids: readonly string[]): Promise<readonly DistributionRow[]>;
  /** Those that the changes with these seqs were the last to touch: users of a resource that changed among them. */
  distributionsTouchedAt(seqs: readonly number[]): Promise<readonly DistributionRow[]>;
  /** Every resource there is, streamed in batches. */
  resources(batchSize: number): AsyncIterable<readonly ResourceRow[]>;
  /** @param ids `kind/id`, as in the log */
  resourcesById(ids: readonly string[]): Promise<readonly ResourceRow[]>;
  invalidationsById(ids: readonly string[]): Promise<readonly InvalidationRow[]>;
  /** Purges after `seq`, for a node that was away. */
  invalidationsAfter(seq: number, itemsMax: number): Promise<readonly InvalidationRow[]>;
  /** Everything whose change is at or below `seq` is on every live node: Deployed, Completed. */
  settle(seq: number): Promise<void>;
  /** Calls back when something may have changed (NOTIFY where it arrives); polling stays necessary. */
  listen(wake: () => void): Promise<ChangeListener>;
}

export interface KeyValue { readonly key: string; readonly value: string }

/** What the pairs of a key value store come to. */
export interface KeyValueTotals {
  readonly itemCount: number;
  /** Keys and values together, in UTF-8. */
  readonly sizeBytes: number;
}

export interface KeyValueState extends KeyValueTotals {
  /** 0 for a store that was never written to. */
  readonly version: number;
  /** Null: never. */
  readonly lastModifiedTime: Date | null;
}

/** What one write does, all or nothing. No key is named twice. */
export interface KeyValueWrite {
  readonly puts: readonly KeyValue[];
  /** Keys that are not there are passed over. */
  readonly deletes: readonly string[];
}

/** The pairs would be larger together than the quota allows. */
export type TooLarge = { readonly outcome: 'too-large' };

/** Pairs of key value stores, by the id of the store. */
export interface KeyValueDataStore {
  state(storeId: string): Promise<KeyValueState>;
  /** A value, and the totals at the same moment. Null when the store does not have the key. */
  get(storeId: string, key: string): Promise<{ readonly value: string } & KeyValueTotals | null>;
  /** In the order of their keys, starting after one of them, which may be gone. */
  list(storeId: string, after: string | null, itemsMax: number): Promise<readonly KeyValue[]>;
  /** A write that finds nothing to do leaves the version as it is, and no line in the log. */
  write(storeId: string, expectedVersion: number, write: KeyValueWrite, sizeBytesMax: number): Promise<Outcome<KeyValueState, Missing | Stale | TooLarge>>;
}

/** Lets one machine enrol as a node, once. */
export interface EnrolmentToken {
  readonly id: string;
  /** The only node it is for; null: any that has not enrolled yet. */
  readonly node: string | null;
  /** Null: either. */
  readonly role: 'edge' | 'router' | null;
  readonly createdAt: Date;
  /** Access key of the administrator who made it. */
  readonly createdBy: string;
  readonly expiresAt: Date;
  /** Null: not yet. */
  readonly usedAt: Date | null;
  readonly usedBy: string | null;
}

/** A machine that wants to be a node. */
export interface Enrolment {
  readonly tokenId: string;
  /** SHA-256 of the token's secret, in hexadecimal. */
  readonly hash: string;
  readonly node: string;
  readonly role: 'edge' | 'router';
  /** PEM. */
  readonly publicKey: string;
}

export interface EnrolmentStore {
  createToken(token: Pick<EnrolmentToken, 'id' | 'node' | 'role' | 'createdBy'> & { readonly hash: string; readonly expiresInS: number; readonly countMax: number }):
    Promise<Outcome<EnrolmentToken, TooMany>>;
  /** Newest first; never more than their quota. */
  listTokens(): Promise<readonly EnrolmentToken[]>;
  removeToken(id: string): Promise<{ readonly outcome: 'done' } | Missing>;
  /** Who made a token; null when there is none. */
  creatorOf(tokenId: string): Promise<string | null>;
  /** Records the machine's key under the node's name and the token as used, together. The same machine may ask again. */
  enrol(enrolment: Enrolment): Promise<{ readonly outcome: 'done' | 'missing' | 'used' | 'expired' | 'not-for-it' | 'name-taken' }>;
  keyOf(node: string): Promise<{ readonly publicKey: string; readonly role: 'edge' | 'router' } | null>;
  /** Public keys by node. */
  keys(): Promise<ReadonlyMap<string, string>>;
  /** Forgets a node and its key. */
  revoke(node: string): Promise<{ readonly outcome: 'done' } | Missing>;
}

export interface SecretStore {
  /** A named secret of the installation, made by `make` the first time any process asks. */
  secret(name: string, make: () => string): Promise<string>;
  /** Another value, made from the present one. @param reach `certificates`: all of them go to the nodes anew */
  changeSecret(name: string, change: (current: string | null) => string, reach: 'nothing' | 'certificates'): Promise<string>;
  /** Replaces the sealed private key of each certificate for which `reseal` gives another. @returns how many */
  resealCertificates(reseal: (sealedKey: string, id: string) => string | null): Promise<number>;
}

export interface Store extends SecretStore {
  readonly distributions: DistributionStore;
  readonly domains: DomainStore;
  readonly promotions: PromotionStore;
  readonly invalidations: InvalidationStore;
  readonly resources: ResourceStore;
  readonly keyValues: KeyValueDataStore;
  readonly tags: TagStore;
  readonly accessKeys: AccessKeyStore;
  readonly audit: AuditStore;
  readonly nodes: NodeStore;
  readonly enrolments: EnrolmentStore;
  readonly changes: ChangeStore;
  /** Runs `work`; everything that it writes is the author's. */
  onBehalfOf<T>(author: Author, work: () => Promise<T>): Promise<T>;
  /** Resolves when the database answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
