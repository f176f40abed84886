// Functions with their two stages: DEVELOPMENT is written and tested, LIVE is what was last published of it.
//
// Both stand in one row. The row's version is DEVELOPMENT's; LIVE has one of its own, which a publication gives it.
import type { FunctionConfig, FunctionStage } from '@aws-sdk/client-cloudfront';
import type { Clock } from '../base/clock';
import { Fault } from '../base/fault';
import { codeBytesMax, CodeError, compileFunction, eventBytesMax, type CompiledFunction, type KeyValues } from '../functions/functions';
import { functionReferences, prepareFunctionConfig, type FunctionSort } from '../model/function';
import { keyValueStoreIdOf } from '../model/key-value-store';
import { versionTag } from '../model/ids';
import type { Limits } from '../model/limits';
import { itemsOf } from '../model/quantity';
import type { Reference } from '../model/references';
import { refuse } from '../model/refusal';
import type { PlainTag } from '../model/tags';
import type { Page, ResourceContent, ResourceRow, Store } from '../store/store';
import { configContext, preparationsMax } from './config-context';
import type { OperationParts } from './parts';
import { preconditionFailed } from './verbs';

/** One stage as it is kept. */
export interface Stage {
  readonly etag: string;
  readonly config: FunctionConfig;
  /** Base64. */
  readonly code: string;
  /** ISO 8601. */
  readonly createdTime: string;
  readonly lastModifiedTime: string;
}
interface Stages { readonly development: Stage; readonly live: Stage | null }

/** A stage with the row it stands in. */
export interface StageRow {
  readonly row: ResourceRow;
  readonly stage: Stage;
  readonly name: FunctionStage;
}

/** What differs between the two sorts. Every code is one that the SDK's model lists. */
export interface FunctionCodes {
  readonly sort: FunctionSort;
  readonly missing: string;
  readonly taken: string;
  readonly tooMany: string;
  readonly tooLarge: string;
  readonly inUse: string;
  readonly limit: keyof Limits;
  /** Error of a Test whose If-Match names another version. */
  readonly otherVersion: 'PreconditionFailed' | 'InvalidIfMatchVersion';
}

const stagesOf = (row: ResourceRow): Stages => row.config as unknown as Stages;

/** The stage asked for; DEVELOPMENT when the call does not say. */
export function stageNameOf(value: unknown): FunctionStage {
  if (value === undefined || value === null || value === '') return 'DEVELOPMENT';
  if (value === 'DEVELOPMENT' || value === 'LIVE') return value;
  return refuse('InvalidArgument', 'The parameter Stage must be DEVELOPMENT or LIVE.');
}

export function bytesOf(value: unknown, name: string): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length === 0) refuse('InvalidArgument', `The parameter ${name} is required.`);
  return value;
}

/** The JSON object that a Test is given. */
export function testObjectOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  const bytes = bytesOf(value, name);
  if (bytes.length > eventBytesMax) refuse('InvalidArgument', `The parameter ${name} has ${bytes.length} bytes; at most ${eventBytesMax} are allowed.`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    refuse('InvalidArgument', `The parameter ${name} is not valid JSON.`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) refuse('InvalidArgument', `The parameter ${name} must be a JSON object.`);
  return parsed as Readonly<Record<string, unknown>>;
}

export class StagedFunctions {
  private readonly store: Store;
  private readonly clock: Clock;

  constructor(private readonly codes: FunctionCodes, private readonly parts: OperationParts) {
    this.store = parts.store;
    this.clock = parts.clock;
  }

  /** @throws Refusal when it is not there, or has no such stage */
  async find(id: unknown, name: FunctionStage): Promise<StageRow> {
    const row = typeof id === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(id) ? await this.rowOf(id) : null;
    const stage = row === null ? null : name === 'LIVE' ? stagesOf(row).live : stagesOf(row).development;
    if (row === null || stage === null) refuse(this.codes.missing, 'The specified function does not exist.');
    return { row, stage, name };
  }

  private async rowOf(id: string): Promise<ResourceRow | null> {
    const { sort } = this.codes;
    return await this.store.resources.get(sort, id) ?? (sort === 'connection-function' ? await this.store.resources.getByName(sort, id) : null);
  }

  async create(given: { readonly id: string; readonly name: string; readonly arn: string; readonly config: FunctionConfig; readonly code: unknown; readonly tags: readonly PlainTag[] }): Promise<StageRow> {
    const { codes, parts } = this;
    const code = this.checkedCode(given.code);
    for (let attempt = 1; ; attempt += 1) {
      const now = new Date(this.clock.nowMs()).toISOString();
      const development: Stage = { etag: versionTag(parts.random), config: await this.prepared(given.config), code, createdTime: now, lastModifiedTime: now };
      const outcome = await this.store.resources.create({
        ...this.content(given.name, { development, live: null }), kind: codes.sort, id: given.id, arn: given.arn, tags: given.tags, countMax: parts.limits[codes.limit],
      });
      switch (outcome.outcome) {
        case 'done': return { row: outcome.row, stage: development, name: 'DEVELOPMENT' };
        case 'dangling': if (attempt < preparationsMax) continue; return refuse('InvalidArgument', 'The key value store does not exist.');
        case 'too-many': return refuse(codes.tooMany, 'Processing your request would exceed the maximum number of functions.');
        case 'reference-taken': case 'name-taken': case 'alias-taken': return refuse(codes.taken, 'A function with the same name already exists.');
      }
    }
  }

  async update(current: StageRow, config: FunctionConfig, givenCode: unknown): Promise<StageRow> {
    const code = this.checkedCode(givenCode);
    for (let attempt = 1; ; attempt += 1) {
      const stages = stagesOf(current.row);
      const development: Stage = {
        ...stages.development, etag: versionTag(this.parts.random), config: await this.prepared(config), code,
        lastModifiedTime: new Date(this.clock.nowMs()).toISOString(),
      };
      // Viewers are served by LIVE: what is being developed concerns no distribution.
      const row = await this.write('updateDraft', current.row, { ...stages, development }, attempt);
      if (row !== null) return { row, stage: development, name: 'DEVELOPMENT' };
    }
  }

  /** LIVE becomes what DEVELOPMENT is now. */
  async publish(current: StageRow): Promise<StageRow> {
    for (let attempt = 1; ; attempt += 1) {
      const { development, live: before } = stagesOf(current.row);
      const now = new Date(this.clock.nowMs()).toISOString();
      const live: Stage = { ...development, etag: versionTag(this.parts.random), createdTime: before?.createdTime ?? now, lastModifiedTime: now };
      const row = await this.write('update', current.row, { development, live }, attempt);
      if (row !== null) return { row, stage: live, name: 'LIVE' };
    }
  }

  /** Null: what it names went away between the look-up and the write; look again. */
  private async write(as: 'update' | 'updateDraft', row: ResourceRow, stages: Stages, attempt: number): Promise<ResourceRow | null> {
    const outcome = await this.store.resources[as](row.kind, row.id, row.etag, this.content(row.name, stages));
    switch (outcome.outcome) {
      case 'done': return outcome.row;
      case 'missing': return refuse(this.codes.missing, 'The specified function does not exist.');
      case 'stale': return preconditionFailed();
      case 'dangling': return attempt < preparationsMax ? null : refuse('InvalidArgument', 'The key value store does not exist.');
      case 'name-taken': case 'alias-taken': return refuse('InvalidArgument', 'A function with the same name already exists.');
    }
  }

  async remove(current: StageRow): Promise<void> {
    const outcome = await this.store.resources.remove(current.row.kind, current.row.id, current.row.etag);
    switch (outcome.outcome) {
      case 'done': return;
      case 'missing': return refuse(this.codes.missing, 'The specified function does not exist.');
      case 'stale': return preconditionFailed();
      case 'in-use': return refuse(this.codes.inUse, `The function is in use by ${outcome.by.kind} ${outcome.by.id}.`);
    }
  }

  /** Without a stage both stages are listed, so that a page holds half as many functions. */
  async list(marker: string | null, itemsMax: number, stage: FunctionStage | null): Promise<Page<StageRow>> {
    const page = await this.store.resources.list(this.codes.sort, marker, stage === null ? Math.max(1, Math.floor(itemsMax / 2)) : itemsMax);
    const items = page.items.flatMap((row) => {
      const { development, live } = stagesOf(row);
      const both: (StageRow | null)[] = [{ row, stage: development, name: 'DEVELOPMENT' }, live === null ? null : { row, stage: live, name: 'LIVE' }];
      return both.filter((one): one is StageRow => one !== null && (stage === null || one.name === stage));
    });
    return { items, nextMarker: page.nextMarker };
  }

  /** UNPUBLISHED: what DEVELOPMENT has was not published yet. DEPLOYED: a distribution uses it, and every node has it. */
  async statusOf({ row, stage, name }: StageRow): Promise<string> {
    const { live } = stagesOf(row);
    const published = live !== null && live.code === stage.code && JSON.stringify(live.config) === JSON.stringify(stage.config);
    if (name === 'DEVELOPMENT' && !published) return 'UNPUBLISHED';
    const users = await this.store.resources.usersOf({ kind: this.codes.sort, id: row.id }, 1);
    if (users.length === 0) return 'UNASSOCIATED';
    return row.settled ? 'DEPLOYED' : 'IN_PROGRESS';
  }

  /** @throws Refusal when the caller tests another version than there is */
  checkTestedVersion({ stage }: StageRow, ifMatch: string): void {
    if (stage.etag === ifMatch) return;
    if (this.codes.otherVersion === 'PreconditionFailed') preconditionFailed();
    refuse('InvalidIfMatchVersion', 'The If-Match version is missing or not valid for the resource.');
  }

  /** What the stage's code is, or why it cannot be run. */
  compile({ stage }: StageRow): CompiledFunction | CodeError {
    const runtime = stage.config.Runtime === 'cloudfront-js-1.0' ? 'cloudfront-js-1.0' : 'cloudfront-js-2.0';
    try {
      return compileFunction(Buffer.from(stage.code, 'base64').toString(), runtime, this.codes.sort === 'function' ? 'viewer' : 'connection');
    } catch (thrown) {
      if (thrown instanceof CodeError) return thrown;
      throw thrown;
    }
  }

  /** The store that a stage is associated with, as its code reads it. */
  keyValuesOf({ stage }: StageRow): KeyValues {
    const ids = itemsOf(stage.config.KeyValueStoreAssociations).map(({ KeyValueStoreARN: arn }) => keyValueStoreIdOf(arn ?? '', this.parts.accountId));
    const idOf = (storeId: string | null): string => {
      const id = storeId === null ? ids[0] : ids.find((one) => one === storeId);
      if (id === undefined || id === null) throw new Error('the function is not associated with this key value store');
      return id;
    };
    return {
      get: async (storeId, key) => (await this.store.keyValues.get(idOf(storeId), key))?.value,
      meta: async (storeId) => {
        const id = idOf(storeId);
        const row = await this.store.resources.get('key-value-store', id);
        if (row === null) throw new Error('there is no such key value store');
        const { lastModifiedTime, itemCount } = await this.store.keyValues.state(id);
        return {
          creationDateTime: String(row.attributes['createdTime']), lastUpdatedDateTime: (lastModifiedTime ?? row.lastModifiedTime).toISOString(), keyCount: itemCount,
        };
      },
    };
  }

  private async prepared(config: FunctionConfig): Promise<FunctionConfig> {
    const context = await configContext(functionReferences(config, this.parts.accountId), this.parts);
    return prepareFunctionConfig(config, this.codes.sort, context);
  }

  private content(name: string, stages: Stages): ResourceContent {
    const references = new Map<string, Reference>();
    for (const stage of [stages.development, stages.live]) {
      for (const reference of stage === null ? [] : functionReferences(stage.config, this.parts.accountId)) references.set(reference.id, reference);
    }
    return { etag: stages.development.etag, name, config: { ...stages }, attributes: {}, references: [...references.values()] };
  }

  /** Base64 of code that is small enough; whether it is right shows when it is tested, as with CloudFront. */
  private checkedCode(code: unknown): string {
    const bytes = bytesOf(code, 'FunctionCode');
    if (bytes.length > codeBytesMax) refuse(this.codes.tooLarge, `The function has ${bytes.length} bytes of code; at most ${codeBytesMax} are allowed.`);
    return Buffer.from(bytes).toString('base64');
  }
}

/** Runs a test; a sandbox that cannot be had is the service's failure, not the function's. */
export async function tested<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.kind === 'functions-unavailable') refuse('TestFunctionFailed', 'The CloudFront function failed: it could not be run.');
    throw thrown;
  }
}
