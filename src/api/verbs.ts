// Create, Get, GetConfig, Update, Delete and List, written once for every noun.
//
// A noun says how its rows are kept and shown; the verbs know ids, ETag and If-Match, Location, and paging.
import { Refusal, refuse } from '../model/refusal';
import { operations } from '../protocol/aws/rest-xml';
import type { Page } from '../store/store';
import type { Call, OperationHandler, OperationTable } from './operation';
import type { OperationParts } from './parts';

/** Items on a page when the caller does not say, as CloudFront has it. */
const pageItemsDefault = 100;
/** Longest page, whatever the caller says. */
const pageItemsMax = 1000;

type Output = Readonly<Record<string, unknown>>;

/** A row with its version. */
export interface Versioned {
  readonly id: string;
  readonly etag: string;
}

export interface Noun<Row extends Versioned, Config = never> {
  /** Name in operations and of the payload: `Distribution` in CreateDistribution. */
  readonly name: string;
  /** Name in the List operation. */
  readonly plural: string;
  /** Path of the collection, e.g. `/2020-05-31/distribution`. */
  readonly path: string;
  /** Error for an id that is not there. */
  readonly missing: string;
  /** Member with the configuration in requests and in GetConfig's answer; `${name}Config` when left out. */
  readonly configMember?: string;
  /** Member of the answers that holds the row; `name` when left out. */
  readonly payload?: string;
  /** Operations whose names do not follow from `name`, e.g. get: `DescribeFunction`. */
  readonly names?: Partial<Record<Verb, string>>;
  /** Input member that says which one is meant; `Id` when left out. */
  readonly identifier?: string;
  /** The configuration in a request; its `configMember` when left out. Nouns whose members stand in the request itself gather them here. */
  configOf?(call: Call): Config;
  create(config: Config, call: Call): Promise<Row>;
  get(id: string): Promise<Row | null>;
  /** Null where the noun has nothing to wait for. */
  settled: ((row: Row) => boolean) | null;
  /** `current` is the row the caller's If-Match names. */
  update(current: Row, config: Config, call: Call): Promise<Row>;
  remove(current: Row): Promise<void>;
  list(marker: string | null, itemsMax: number, call: Call): Promise<Page<Row>>;
  /** The payload. */
  describe(row: Row): Output | Promise<Output>;
  /** An item of a list. */
  summarize(row: Row): Output;
  config(row: Row): Output;
  /** The answer of List; CloudFront's own form of a page under `${name}List` when left out. */
  page?(request: PageRequest, page: { readonly items: readonly Output[]; readonly nextMarker: string | null }): Output;
}

export type Verb = 'create' | 'get' | 'getConfig' | 'update' | 'remove' | 'list';

/** Ids of every kind; anything else names nothing, and is not worth a look into the database. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value);
}

/** @throws Refusal InvalidIfMatchVersion when the call has no If-Match */
export function ifMatchOf(call: Call): string {
  const version = call.input['IfMatch'];
  if (typeof version !== 'string' || version === '') {
    refuse('InvalidIfMatchVersion', 'The If-Match version is missing or not valid for the resource.');
  }
  return version;
}

/** Someone else changed the row since the caller read it. */
export function preconditionFailed(): never {
  return refuse('PreconditionFailed', 'The precondition in one or more of the request fields evaluated to false.');
}

/**
 * The document that the request brought.
 * @throws Refusal MissingBody
 */
export function payloadOf<T>(call: Call, member: string): T {
  const payload = call.input[member];
  if (payload === undefined || payload === null) {
    refuse('MissingBody', 'This operation requires a body. Ensure that the body is present and the Content-Type header is set.');
  }
  return payload as T;
}

export interface PageRequest {
  readonly marker: string | null;
  readonly itemsMax: number;
}

/** @throws Refusal InvalidArgument */
export function pageRequestOf(call: Call): PageRequest {
  const { Marker: marker = '', MaxItems: itemsMax = pageItemsDefault } = call.input;
  const count = typeof itemsMax === 'string' && /^\d{1,9}$/.test(itemsMax) ? Number(itemsMax) : itemsMax;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1) refuse('InvalidArgument', 'The parameter MaxItems must be a positive whole number.');
  if (marker !== '' && !isId(marker)) refuse('InvalidArgument', 'The parameter Marker is not valid.');
  return { marker: marker === '' ? null : marker, itemsMax: Math.min(count, pageItemsMax) };
}

/** A list as CloudFront sends it: NextMarker only when there is more, Items only when there are any. */
export function pageOutput(request: PageRequest, page: { readonly items: readonly unknown[]; readonly nextMarker: string | null }): Output {
  return {
    Marker: request.marker ?? '',
    MaxItems: request.itemsMax,
    IsTruncated: page.nextMarker !== null,
    Quantity: page.items.length,
    ...(page.nextMarker === null ? {} : { NextMarker: page.nextMarker }),
    ...(page.items.length === 0 ? {} : { Items: page.items }),
  };
}

/** What finding and showing a row needs of a noun, whatever its configuration. */
type Found<Row extends Versioned> = Pick<Noun<Row>, 'name' | 'missing' | 'get'>;
type Shown<Row extends Versioned> = Pick<Noun<Row>, 'name' | 'payload' | 'path' | 'describe'>;

const spaced = (name: string): string => name.replace(/([a-z])(?=[A-Z])/g, '$1 ').toLowerCase();

/** @throws Refusal the noun's own code */
export async function find<Row extends Versioned>(noun: Found<Row>, id: unknown): Promise<Row> {
  const row = isId(id) ? await noun.get(id) : null;
  return row ?? refuse(noun.missing, `The specified ${spaced(noun.name)} does not exist.`);
}

/** The row, provided that the caller has seen its present version. */
export async function findVersion<Row extends Versioned>(noun: Found<Row>, id: unknown, version: string): Promise<Row> {
  const row = await find(noun, id);
  return row.etag === version ? row : preconditionFailed();
}

/** How often a write without If-Match is tried in all while other callers are quicker. */
const newestAttemptsMax = 10;

/**
 * A read and a write for operations that have no If-Match: whatever the newest version is, it is the one that is meant.
 * @throws Refusal PreconditionFailed when others were quicker every time
 */
export async function newestVersion<T>(readAndWrite: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readAndWrite();
    } catch (thrown) {
      const outrun = thrown instanceof Refusal && thrown.code === 'PreconditionFailed';
      if (!outrun || attempt === newestAttemptsMax) throw thrown;
    }
  }
}

const payloadMember = (noun: Pick<Noun<Versioned>, 'name' | 'payload'>): string => noun.payload ?? noun.name;

/** Output of every operation that makes a row. */
export async function created<Row extends Versioned>(noun: Shown<Row>, row: Row, parts: OperationParts): Promise<Output> {
  return { [payloadMember(noun)]: await noun.describe(row), Location: `${parts.apiUrl}${noun.path}/${row.id}`, ETag: row.etag };
}

/** Output of every operation that shows a row. */
export async function shown<Row extends Versioned>(noun: Shown<Row>, row: Row): Promise<Output> {
  return { [payloadMember(noun)]: await noun.describe(row), ETag: row.etag };
}

/** The newer nouns' form of a page: the items in the answer itself, and NextMarker when there is more. */
export function flatPage(member: string): NonNullable<Noun<Versioned>['page']> {
  return (_request, page) => ({ [member]: page.items, ...(page.nextMarker === null ? {} : { NextMarker: page.nextMarker }) });
}

/** Operations of a noun by their names: those of the six that the API has for it. */
export function operationsOf<Row extends Versioned, Config>(noun: Noun<Row, Config>, parts: OperationParts): OperationTable {
  const { name, settled, identifier = 'Id', configMember = `${name}Config` } = noun;
  const configOf = (call: Call): Config => (noun.configOf === undefined ? payloadOf(call, configMember) : noun.configOf(call));
  const listed = noun.page ?? ((request, page) => ({ [`${name}List`]: pageOutput(request, page) }));
  const handlers: Readonly<Record<Verb, OperationHandler>> = {
    create: async (call) => created(noun, await noun.create(configOf(call), call), parts),

    get: async (call) => {
      const read = (): Promise<Row> => find(noun, call.input[identifier]);
      return shown(noun, await (settled === null ? read() : parts.hold(read, settled, call.signal)));
    },

    getConfig: async (call) => {
      const row = await find(noun, call.input[identifier]);
      return { [configMember]: noun.config(row), ETag: row.etag };
    },

    update: async (call) => {
      const current = await findVersion(noun, call.input[identifier], ifMatchOf(call));
      return shown(noun, await noun.update(current, configOf(call), call));
    },

    remove: async (call) => {
      await noun.remove(await findVersion(noun, call.input[identifier], ifMatchOf(call)));
      return {};
    },

    list: async (call) => {
      const request = pageRequestOf(call);
      const page = await noun.list(request.marker, request.itemsMax, call);
      return listed(request, { items: page.items.map(noun.summarize), nextMarker: page.nextMarker });
    },
  };
  const names: Readonly<Record<Verb, string>> = {
    create: `Create${name}`, get: `Get${name}`, getConfig: `Get${name}Config`, update: `Update${name}`, remove: `Delete${name}`, list: `List${noun.plural}`,
    ...noun.names,
  };
  return Object.fromEntries((Object.keys(handlers) as Verb[])
    .filter((verb) => operations().has(names[verb]))
    .map((verb) => [names[verb], handlers[verb]]));
}
