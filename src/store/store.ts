// The store's door: rows in and out of Postgres as values. Nothing outside this folder knows Prisma or SQL.
//
// Every write is one transaction that also appends to the change log, so that no change is lost or seen out of order.

import type { DistributionFacts } from '../model/facts';

export type { DistributionFacts } from '../model/facts';

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
export type AliasTaken = { readonly outcome: 'alias-taken'; readonly alias: string };
export type ReferenceTaken<T> = { readonly outcome: 'reference-taken'; readonly existing: T };
export type TooMany = { readonly outcome: 'too-many' };

export interface Page<T> {
  readonly items: readonly T[];
  /** Id to continue after; null on the last page. */
  readonly nextMarker: string | null;
}

export interface DistributionStore {
  create(row: NewDistribution): Promise<Outcome<DistributionRow, ReferenceTaken<DistributionRow> | AliasTaken | TooMany>>;
  get(kind: DistributionKind, id: string): Promise<DistributionRow | null>;
  findByArn(arn: string): Promise<DistributionRow | null>;
  update(
    kind: DistributionKind, id: string, expectedEtag: string,
    next: { readonly etag: string; readonly config: Readonly<Record<string, unknown>>; readonly facts: DistributionFacts },
  ): Promise<Outcome<DistributionRow, Missing | Stale | AliasTaken>>;
  /** Only a disabled and deployed one can go; `in-use` says which it was not. */
  remove(kind: DistributionKind, id: string, expectedEtag: string):
    Promise<{ readonly outcome: 'done' } | Missing | Stale | { readonly outcome: 'in-use'; readonly why: 'enabled' | 'in-progress' }>;
  /** In order of creation, newest first. `marker`: exclusive, an id of an earlier page. */
  list(kind: DistributionKind, marker: string | null, itemsMax: number): Promise<Page<DistributionRow>>;
  /** Rows whose configuration refers to an origin access identity. */
  usingIdentity(identityId: string): Promise<readonly string[]>;
}

export interface InvalidationRow {
  readonly id: string;
  readonly distributionId: string;
  readonly callerReference: string;
  readonly paths: readonly string[];
  readonly tags: readonly string[];
  readonly status: 'InProgress' | 'Completed';
  readonly createTime: Date;
  readonly changeSeq: number;
}

export interface InvalidationStore {
  /** `pathsMax`, `wildcardsMax`: limits on what is in progress for the distribution, this one included. */
  create(row: {
    readonly id: string; readonly distributionId: string; readonly callerReference: string;
    readonly paths: readonly string[]; readonly tags: readonly string[]; readonly pathsMax: number; readonly wildcardsMax: number;
  }): Promise<Outcome<InvalidationRow, Missing | TooMany | ReferenceTaken<InvalidationRow>>>;
  get(distributionId: string, id: string): Promise<InvalidationRow | null>;
  /** Newest first. */
  list(distributionId: string, marker: string | null, itemsMax: number): Promise<Page<InvalidationRow>>;
}

/** Every noun without a table of its own: policies, identities, keys, functions … */
export interface ResourceRow {
  /** Noun, e.g. `origin-access-identity`. */
  readonly kind: string;
  readonly id: string;
  readonly etag: string;
  /** Caller's reference or name, unique within the kind. */
  readonly name: string;
  readonly lastModifiedTime: Date;
  readonly config: Readonly<Record<string, unknown>>;
  /** What the service adds and the caller cannot set, e.g. an identity's canonical user id. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface ResourceStore {
  create(row: { readonly kind: string; readonly id: string; readonly etag: string; readonly name: string;
    readonly config: Readonly<Record<string, unknown>>; readonly attributes: Readonly<Record<string, unknown>>; readonly countMax: number;
  }): Promise<Outcome<ResourceRow, ReferenceTaken<ResourceRow> | TooMany>>;
  get(kind: string, id: string): Promise<ResourceRow | null>;
  update(kind: string, id: string, expectedEtag: string, next: { readonly etag: string; readonly name: string; readonly config: Readonly<Record<string, unknown>> }):
    Promise<Outcome<ResourceRow, Missing | Stale | ReferenceTaken<ResourceRow>>>;
  remove(kind: string, id: string, expectedEtag: string): Promise<{ readonly outcome: 'done' } | Missing | Stale>;
  list(kind: string, marker: string | null, itemsMax: number): Promise<Page<ResourceRow>>;
}

export interface TagStore {
  /** Null when nothing has this ARN. */
  list(arn: string): Promise<readonly Tag[] | null>;
  /** Adds or replaces. */
  put(arn: string, tags: readonly Tag[], tagsMax: number): Promise<{ readonly outcome: 'done' } | Missing | TooMany>;
  remove(arn: string, keys: readonly string[]): Promise<{ readonly outcome: 'done' } | Missing>;
}

export interface AccessKeyStore {
  /** The secret of an active key, or null. */
  secretOf(accessKeyId: string): Promise<string | null>;
  put(accessKeyId: string, secret: string): Promise<void>;
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
}

export interface NodeStore {
  /** Marks a node as seen `seenAgoMs` ago (the database's clock); 0 when left out. */
  put(row: Omit<NodeRow, 'lastSeen' | 'live'>, seenAgoMs?: number): Promise<void>;
  list(nodeLostMs: number): Promise<readonly NodeRow[]>;
  /** A node that left for good. */
  remove(id: string): Promise<void>;
}

export type ChangeSubject = 'distribution' | 'invalidation' | 'resource';

export interface Change {
  readonly seq: number;
  readonly subject: ChangeSubject;
  /** Distribution id, invalidation id, or `kind/id` of a resource. */
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
  invalidationsById(ids: readonly string[]): Promise<readonly InvalidationRow[]>;
  /** Purges after `seq`, for a node that was away. */
  invalidationsAfter(seq: number, itemsMax: number): Promise<readonly InvalidationRow[]>;
  /** Everything whose change is at or below `seq` is on every live node: Deployed, Completed. */
  settle(seq: number): Promise<void>;
  /** Calls back when something may have changed (NOTIFY where it arrives); polling stays necessary. */
  listen(wake: () => void): Promise<ChangeListener>;
}

export interface Store {
  readonly distributions: DistributionStore;
  readonly invalidations: InvalidationStore;
  readonly resources: ResourceStore;
  readonly tags: TagStore;
  readonly accessKeys: AccessKeyStore;
  readonly nodes: NodeStore;
  readonly changes: ChangeStore;
  /** A named secret of the installation, made by `make` the first time any process asks. */
  secret(name: string, make: () => string): Promise<string>;
  /** Resolves when the database answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
