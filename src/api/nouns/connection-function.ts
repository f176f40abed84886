// Connection functions, which decide on connections with client certificates: the same verbs as functions, under ids.
import type { FunctionConfig, Tags } from '@aws-sdk/client-cloudfront';
import { CodeError, type ConnectionOutcome } from '../../functions/functions';
import { functionNameOf } from '../../model/function';
import { tokenId } from '../../model/ids';
import { prepareTags } from '../../model/tags';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { StagedFunctions, stageNameOf, tested, testObjectOf, type StageRow } from '../staged-functions';
import { flatPage, ifMatchOf, pageRequestOf, payloadOf, preconditionFailed } from '../verbs';

type Output = Readonly<Record<string, unknown>>;

function resultOf(outcome: ConnectionOutcome): Output {
  const { ok, logs, computeUtilization } = outcome;
  const output = ok ? JSON.stringify({ result: outcome.allowed ? 'allow' : 'deny', ...(outcome.customData === null ? {} : { customData: outcome.customData }) }) : '';
  return {
    ComputeUtilization: computeUtilization, ConnectionFunctionExecutionLogs: logs, ConnectionFunctionErrorMessage: ok ? '' : outcome.message,
    ConnectionFunctionOutput: output,
  };
}

export function connectionFunctionOperations(parts: OperationParts): OperationTable {
  const functions = new StagedFunctions({
    sort: 'connection-function', missing: 'EntityNotFound', taken: 'EntityAlreadyExists', tooMany: 'EntityLimitExceeded', tooLarge: 'EntitySizeLimitExceeded',
    inUse: 'CannotDeleteEntityWhileInUse', limit: 'connectionFunctionsMax', otherVersion: 'PreconditionFailed',
  }, parts);
  const paged = flatPage('ConnectionFunctions');

  const summaryOf = async (one: StageRow): Promise<Output> => ({
    Name: one.row.name, Id: one.row.id, ConnectionFunctionConfig: one.stage.config, ConnectionFunctionArn: one.row.arn, Status: await functions.statusOf(one),
    Stage: one.name, CreatedTime: new Date(one.stage.createdTime), LastModifiedTime: new Date(one.stage.lastModifiedTime),
  });
  const configOf = (call: Call): FunctionConfig => payloadOf(call, 'ConnectionFunctionConfig');
  const currentOf = async (call: Call): Promise<StageRow> => {
    const ifMatch = ifMatchOf(call);
    const current = await functions.find(call.input['Id'], 'DEVELOPMENT');
    return current.stage.etag === ifMatch ? current : preconditionFailed();
  };

  return {
    CreateConnectionFunction: async (call) => {
      const name = functionNameOf(call.input['Name']);
      const id = tokenId('cf', parts.random);
      const made = await functions.create({
        id, name, arn: `arn:aws:cloudfront::${parts.accountId}:connection-function/${id}`, config: configOf(call), code: call.input['ConnectionFunctionCode'],
        tags: prepareTags(call.input['Tags'] as Tags | undefined, parts.limits),
      });
      return { ConnectionFunctionSummary: await summaryOf(made), Location: `${parts.apiUrl}/2020-05-31/connection-function/${id}`, ETag: made.stage.etag };
    },

    DescribeConnectionFunction: async (call) => {
      const one = await functions.find(call.input['Identifier'], stageNameOf(call.input['Stage']));
      return { ConnectionFunctionSummary: await summaryOf(one), ETag: one.stage.etag };
    },

    GetConnectionFunction: async (call) => {
      const { stage } = await functions.find(call.input['Identifier'], stageNameOf(call.input['Stage']));
      return { ConnectionFunctionCode: Buffer.from(stage.code, 'base64'), ETag: stage.etag, ContentType: 'application/octet-stream' };
    },

    UpdateConnectionFunction: async (call) => {
      const updated = await functions.update(await currentOf(call), configOf(call), call.input['ConnectionFunctionCode']);
      return { ConnectionFunctionSummary: await summaryOf(updated), ETag: updated.stage.etag };
    },

    PublishConnectionFunction: async (call) => ({ ConnectionFunctionSummary: await summaryOf(await functions.publish(await currentOf(call))) }),

    DeleteConnectionFunction: async (call) => {
      await functions.remove(await currentOf(call));
      return {};
    },

    ListConnectionFunctions: async (call) => {
      const request = pageRequestOf(call);
      const given = call.input['Stage'];
      const page = await functions.list(request.marker, request.itemsMax, given === undefined ? null : stageNameOf(given));
      return paged(request, { items: await Promise.all(page.items.map(summaryOf)), nextMarker: page.nextMarker });
    },

    TestConnectionFunction: async (call) => {
      const ifMatch = ifMatchOf(call);
      const one = await functions.find(call.input['Id'], stageNameOf(call.input['Stage']));
      functions.checkTestedVersion(one, ifMatch);
      const connection = testObjectOf(call.input['ConnectionObject'], 'ConnectionObject');
      const compiled = functions.compile(one);
      const summary = await summaryOf(one);
      if (compiled instanceof CodeError) {
        return {
          ConnectionFunctionTestResult: {
            ConnectionFunctionSummary: summary, ComputeUtilization: '0', ConnectionFunctionExecutionLogs: [], ConnectionFunctionErrorMessage: compiled.message,
            ConnectionFunctionOutput: '',
          },
        };
      }
      const outcome = await tested(() => parts.functions.runConnection(compiled, connection, functions.keyValuesOf(one)));
      return { ConnectionFunctionTestResult: { ConnectionFunctionSummary: summary, ...resultOf(outcome) } };
    },
  };
}
