// Create, Get, GetConfig, Update, Delete and List, written once for every noun.
//
// A noun says how its rows are kept and shown; the verbs know ids, ETag and If-Match, Location, and paging.
import { refuse } from '../model/refusal';
import type { Page } from '../store/store';
import type { Call, OperationTable } from './operation';
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
  create(config: Config): Promise<Row>;
  get(id: string): Promise<Row | null>;
  /** Null where the noun has nothing to wait for. */
  settled: ((row: Row) => boolean) | null;
  /** `current` is the row the caller's If-Match names. */
  update(current: Row, config: Config): Promise<Row>;
  remove(current: Row): Promise<void>;
  list(marker: string | null, itemsMax: number): Promise<Page<Row>>;
  /** The payload. */
  describe(row: Row): Output | Promise<Output>;
  /** An item of a list. */
  summarize(row: Row): Output;
  config(row: Row): Output;
}

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
export function pageOutput(request: PageRequest, page: { readonly items: readonly Output[]; readonly nextMarker: string | null }): Output {
  return {
    Marker: request.marker ?? '',
    MaxItems: request.itemsMax,
    IsTruncated: page.nextMarker !== null,
    Quantity: page.items.length,
    ...(page.nextMarker === null ? {} : { NextMarker: page.nextMarker }),
    ...(page.items.length === 0 ? {} : { Items: page.items }),
  };
}

const spaced = (name: string): string => name.replace(/([a-z])(?=[A-Z])/g, '$1 ').toLowerCase();

/** @throws Refusal the noun's own code */
export async function find<Row extends Versioned>(noun: Noun<Row>, id: unknown): Promise<Row> {
  const row = isId(id) ? await noun.get(id) : null;
  return row ?? refuse(noun.missing, `The specified ${spaced(noun.name)} does not exist.`);
}

/** The row, provided that the caller has seen its present version. */
export async function findVersion<Row extends Versioned>(noun: Noun<Row>, id: unknown, version: string): Promise<Row> {
  const row = await find(noun, id);
  return row.etag === version ? row : preconditionFailed();
}

/** Output of every operation that makes a row. */
export async function created<Row extends Versioned>(noun: Noun<Row>, row: Row, parts: OperationParts): Promise<Output> {
  return { [noun.name]: await noun.describe(row), Location: `${parts.apiUrl}${noun.path}/${row.id}`, ETag: row.etag };
}

/** The six operations of a noun by their names. */
export function operationsOf<Row extends Versioned, Config>(noun: Noun<Row, Config>, parts: OperationParts): OperationTable {
  const { name } = noun;
  const configMember = `${name}Config`;
  const settled = noun.settled;

  return {
    [`Create${name}`]: async (call) => created(noun, await noun.create(payloadOf(call, configMember)), parts),

    [`Get${name}`]: async (call) => {
      const read = (): Promise<Row> => find(noun, call.input['Id']);
      const row = await (settled === null ? read() : parts.hold(read, settled, call.signal));
      return { [name]: await noun.describe(row), ETag: row.etag };
    },

    [`Get${name}Config`]: async (call) => {
      const row = await find(noun, call.input['Id']);
      return { [configMember]: noun.config(row), ETag: row.etag };
    },

    [`Update${name}`]: async (call) => {
      const current = await findVersion(noun, call.input['Id'], ifMatchOf(call));
      const row = await noun.update(current, payloadOf(call, configMember));
      return { [name]: await noun.describe(row), ETag: row.etag };
    },

    [`Delete${name}`]: async (call) => {
      await noun.remove(await findVersion(noun, call.input['Id'], ifMatchOf(call)));
      return {};
    },

    [`List${noun.plural}`]: async (call) => {
      const request = pageRequestOf(call);
      const page = await noun.list(request.marker, request.itemsMax);
      return { [`${name}List`]: pageOutput(request, { items: page.items.map(noun.summarize), nextMarker: page.nextMarker }) };
    },
  };
}
