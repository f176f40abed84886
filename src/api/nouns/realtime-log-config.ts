// Real-time log configurations: create, read, update and delete by name or ARN, list.
import type { EndPoint } from '@aws-sdk/client-cloudfront';
import { prepareRealtimeLogConfig, realtimeLogName, type RealtimeLogSettings } from '../../model/realtime-log-config';
import type { ResourceRow } from '../../store/store';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { find, newestVersion, operationsOf, pageOutput } from '../verbs';

function settingsOf({ input }: Call, name: string): RealtimeLogSettings {
  return {
    Name: name, SamplingRate: input['SamplingRate'] as number | undefined, EndPoints: input['EndPoints'] as EndPoint[] | undefined,
    Fields: input['Fields'] as string[] | undefined,
  };
}

export function realtimeLogConfigOperations(parts: OperationParts): OperationTable {
  const describe = (row: ResourceRow, config: object): Record<string, unknown> => ({ ARN: row.arn, ...config });
  const noun = resourceNoun<RealtimeLogSettings>({
    kind: 'realtime-log-config', name: 'RealtimeLogConfig', plural: 'RealtimeLogConfigs', path: '/2020-05-31/realtime-log-config',
    id: (_random, config) => config.Name as string,
    nameOf: (config) => config.Name as string,
    arnType: 'realtime-log-config',
    prepare: prepareRealtimeLogConfig,
    missing: 'NoSuchRealtimeLogConfig', taken: 'RealtimeLogConfigAlreadyExists', inUse: 'RealtimeLogConfigInUse',
    limit: 'realtimeLogConfigsMax', tooMany: 'TooManyRealtimeLogConfigs',
    describe,
    summarize: describe,
    page: (request, page) => ({ RealtimeLogConfigs: pageOutput(request, page) }),
  }, parts);
  const named = (call: Call): Promise<ResourceRow> =>
    find(noun, realtimeLogName(call.input['Name'] as string | undefined, call.input['ARN'] as string | undefined, parts));
  const answer = async (row: ResourceRow): Promise<Record<string, unknown>> => ({ RealtimeLogConfig: await noun.describe(row) });

  const { ListRealtimeLogConfigs: list } = operationsOf(noun, parts);
  return {
    ...(list === undefined ? {} : { ListRealtimeLogConfigs: list }),
    CreateRealtimeLogConfig: async (call) => answer(await noun.create(settingsOf(call, call.input['Name'] as string), call)),
    GetRealtimeLogConfig: async (call) => answer(await named(call)),
    // model: UpdateRealtimeLogConfig: all of it is replaced, and the name stays.
    UpdateRealtimeLogConfig: async (call) => answer(await newestVersion(async () => {
      const current = await named(call);
      return noun.update(current, settingsOf(call, current.name), call);
    })),
    DeleteRealtimeLogConfig: async (call) => {
      await newestVersion(async () => noun.remove(await named(call)));
      return {};
    },
  };
}
