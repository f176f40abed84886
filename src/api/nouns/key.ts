// Keys of key value stores and their values: the API of their data, which callers name stores to by ARN.
//
// Its ETag is a version of the pairs alone: a change of the store's comment leaves it as it is, and the other way round.
import { keyValuesTag } from '../../model/ids';
import { checkKeyValues, keyValueStoreIdOf, type KeyValuePair } from '../../model/key-value-store';
import { refuse } from '../../model/refusal';
import type { KeyValueState, KeyValueTotals, ResourceRow } from '../../store/store';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';

interface Found { readonly row: ResourceRow; readonly state: KeyValueState }

const totals = ({ itemCount, sizeBytes }: KeyValueTotals): Readonly<Record<string, unknown>> => ({ ItemCount: itemCount, TotalSizeInBytes: sizeBytes });

/** A place in the list: the last key of the page before, so that keys that come or go in between shift nobody's place. */
const tokenOf = (key: string): string => Buffer.from(key).toString('base64url');

function placeOf(token: unknown, keyBytesMax: number): string | null {
  if (token === undefined) return null;
  const key = typeof token === 'string' && token.length <= 2 * keyBytesMax ? Buffer.from(token, 'base64url').toString() : '';
  if (key === '' || tokenOf(key) !== token || key.includes('\0')) refuse('ValidationException', 'NextToken is none that an earlier page ended with.');
  return key;
}

class Keys {
  constructor(private readonly parts: OperationParts) {}

  private missing(): never {
    return refuse('ResourceNotFoundException', 'The specified key value store does not exist.');
  }

  private async rowOf(input: Call['input']): Promise<ResourceRow> {
    const arn = input['KvsARN'] as string;
    const id = keyValueStoreIdOf(arn, this.parts.accountId);
    const row = id === null ? null : await this.parts.store.resources.get('key-value-store', id);
    // What a policy was asked about is the ARN as given; only the one form may lead to the store.
    return row === null || row.arn !== arn ? this.missing() : row;
  }

  private async find(input: Call['input']): Promise<Found> {
    const row = await this.rowOf(input);
    return { row, state: await this.parts.store.keyValues.state(row.id) };
  }

  async describe({ input }: Call): Promise<Readonly<Record<string, unknown>>> {
    const { row, state } = await this.find(input);
    return {
      ...totals(state), KvsARN: row.arn, Created: new Date(String(row.attributes['createdTime'])), ETag: keyValuesTag(row.id, state.version),
      Status: row.settled ? 'READY' : 'PROVISIONING', ...(state.lastModifiedTime === null ? {} : { LastModified: state.lastModifiedTime }),
    };
  }

  async get({ input }: Call): Promise<Readonly<Record<string, unknown>>> {
    const key = input['Key'] as string;
    const found = await this.parts.store.keyValues.get((await this.rowOf(input)).id, key);
    if (found === null) refuse('ResourceNotFoundException', 'The specified key does not exist.');
    return { Key: key, Value: found.value, ...totals(found) };
  }

  async list({ input }: Call): Promise<Readonly<Record<string, unknown>>> {
    const { limits, store } = this.parts;
    const itemsMax = (input['MaxResults'] ?? limits.keysPerPageDefault) as number;
    if (itemsMax < 1 || itemsMax > limits.keysPerPageMax) refuse('ValidationException', `MaxResults must be from 1 to ${limits.keysPerPageMax}.`);
    const after = placeOf(input['NextToken'], limits.keyBytesMax);
    const found = await store.keyValues.list((await this.rowOf(input)).id, after, itemsMax + 1);
    const items = found.slice(0, itemsMax);
    const last = items.at(-1);
    return {
      Items: items.map(({ key, value }): KeyValuePair => ({ Key: key, Value: value })),
      ...(last === undefined || found.length === items.length ? {} : { NextToken: tokenOf(last.key) }),
    };
  }

  /** One request's puts and deletes, all or nothing. */
  async write({ input }: Call, puts: readonly KeyValuePair[], deletes: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const { limits, store } = this.parts;
    checkKeyValues(puts, deletes, limits);
    const { row, state } = await this.find(input);
    // Observed of AWS, whose model does not say it: an outdated If-Match is a ValidationException, in these words.
    if (input['IfMatch'] !== keyValuesTag(row.id, state.version)) refuse('ValidationException', 'Pre-Condition failed during update of Key-Value-Store');
    const changes = { puts: puts.map(({ Key: key, Value: value }) => ({ key, value })), deletes };
    const written = await store.keyValues.write(row.id, state.version, changes, limits.keyValueStoreBytesMax);
    switch (written.outcome) {
      case 'done': return { ...totals(written.row), ETag: keyValuesTag(row.id, written.row.version) };
      case 'missing': return this.missing();
      // ours: the version was right when the request came, and another one was quicker.
      case 'stale': return refuse('ConflictException', 'The key value store is being changed by another request. Read its ETag and try again.');
      case 'too-large': return refuse('ServiceQuotaExceededException', `The key value store would be larger than ${limits.keyValueStoreBytesMax} bytes.`);
    }
  }
}

export function keyOperations(parts: OperationParts): OperationTable {
  const keys = new Keys(parts);
  const keyOf = (call: Call): string => call.input['Key'] as string;
  return {
    kvs_DescribeKeyValueStore: (call) => keys.describe(call),
    kvs_GetKey: (call) => keys.get(call),
    kvs_ListKeys: (call) => keys.list(call),
    kvs_PutKey: (call) => keys.write(call, [{ Key: keyOf(call), Value: call.input['Value'] as string }], []),
    kvs_DeleteKey: (call) => keys.write(call, [], [keyOf(call)]),
    kvs_UpdateKeys: (call) => keys.write(call, (call.input['Puts'] ?? []) as readonly KeyValuePair[],
      ((call.input['Deletes'] ?? []) as readonly Pick<KeyValuePair, 'Key'>[]).map(({ Key }) => Key)),
  };
}
