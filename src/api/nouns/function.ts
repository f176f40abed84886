// CloudFront functions: create, describe, get, update, publish, test, delete, list.
import type { FunctionConfig, Tags } from '@aws-sdk/client-cloudfront';
import { CodeError, EventError, readEvent, type FunctionEvent, type ViewerOutcome } from '../../functions/functions';
import { functionNameOf } from '../../model/function';
import { Refusal, refuse } from '../../model/refusal';
import { prepareTags, type PlainTag } from '../../model/tags';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { StagedFunctions, stageNameOf, tested, testObjectOf, type StageRow } from '../staged-functions';
import { ifMatchOf, pageRequestOf, payloadOf, preconditionFailed } from '../verbs';

type Output = Readonly<Record<string, unknown>>;

/** CreateFunction's model has no InvalidTagging. */
function tagsOf(call: Call, parts: OperationParts): readonly PlainTag[] {
  try {
    return prepareTags(call.input['Tags'] as Tags | undefined, parts.limits);
  } catch (thrown) {
    if (thrown instanceof Refusal) refuse('InvalidArgument', thrown.message);
    throw thrown;
  }
}

function eventOf(call: Call): FunctionEvent {
  try {
    return readEvent(testObjectOf(call.input['EventObject'], 'EventObject'));
  } catch (thrown) {
    if (thrown instanceof EventError) refuse('InvalidArgument', `The event object is not valid: ${thrown.message}`);
    throw thrown;
  }
}

/** guide: test-function: the output names what was returned; an error leaves it empty. */
function resultOf(outcome: ViewerOutcome): Output {
  const { ok, logs, computeUtilization } = outcome;
  const output = ok ? JSON.stringify(outcome.output.kind === 'request' ? { request: outcome.output.request } : { response: outcome.output.response }) : '';
  return { ComputeUtilization: computeUtilization, FunctionExecutionLogs: logs, FunctionErrorMessage: ok ? '' : outcome.message, FunctionOutput: output };
}

export function functionOperations(parts: OperationParts): OperationTable {
  const functions = new StagedFunctions({
    sort: 'function', missing: 'NoSuchFunctionExists', taken: 'FunctionAlreadyExists', tooMany: 'TooManyFunctions', tooLarge: 'FunctionSizeLimitExceeded',
    inUse: 'FunctionInUse', limit: 'functionsMax', otherVersion: 'InvalidIfMatchVersion',
  }, parts);

  const summaryOf = async (one: StageRow): Promise<Output> => ({
    Name: one.row.name, Status: await functions.statusOf(one), FunctionConfig: one.stage.config,
    FunctionMetadata: {
      FunctionARN: one.row.arn, Stage: one.name, CreatedTime: new Date(one.stage.createdTime), LastModifiedTime: new Date(one.stage.lastModifiedTime),
    },
  });
  const configOf = (call: Call): FunctionConfig => payloadOf(call, 'FunctionConfig');
  /** DEVELOPMENT, provided that the caller has seen its present version. */
  const currentOf = async (call: Call): Promise<StageRow> => {
    const ifMatch = ifMatchOf(call);
    const current = await functions.find(call.input['Name'], 'DEVELOPMENT');
    return current.stage.etag === ifMatch ? current : preconditionFailed();
  };

  return {
    CreateFunction: async (call) => {
      const name = functionNameOf(call.input['Name']);
      const made = await functions.create({
        id: name, name, arn: `arn:aws:cloudfront::${parts.accountId}:function/${name}`, config: configOf(call), code: call.input['FunctionCode'], tags: tagsOf(call, parts),
      });
      return { FunctionSummary: await summaryOf(made), Location: `${parts.apiUrl}/2020-05-31/function/${name}`, ETag: made.stage.etag };
    },

    DescribeFunction: async (call) => {
      const one = await functions.find(call.input['Name'], stageNameOf(call.input['Stage']));
      return { FunctionSummary: await summaryOf(one), ETag: one.stage.etag };
    },

    GetFunction: async (call) => {
      const { stage } = await functions.find(call.input['Name'], stageNameOf(call.input['Stage']));
      return { FunctionCode: Buffer.from(stage.code, 'base64'), ETag: stage.etag, ContentType: 'application/octet-stream' };
    },

    UpdateFunction: async (call) => {
      const updated = await functions.update(await currentOf(call), configOf(call), call.input['FunctionCode']);
      return { FunctionSummary: await summaryOf(updated), ETag: updated.stage.etag };
    },

    PublishFunction: async (call) => ({ FunctionSummary: await summaryOf(await functions.publish(await currentOf(call))) }),

    DeleteFunction: async (call) => {
      await functions.remove(await currentOf(call));
      return {};
    },

    ListFunctions: async (call) => {
      const request = pageRequestOf(call);
      const given = call.input['Stage'];
      const page = await functions.list(request.marker, request.itemsMax, given === undefined ? null : stageNameOf(given));
      const items = await Promise.all(page.items.map(summaryOf));
      return {
        FunctionList: {
          MaxItems: request.itemsMax, Quantity: items.length,
          ...(page.nextMarker === null ? {} : { NextMarker: page.nextMarker }), ...(items.length === 0 ? {} : { Items: items }),
        },
      };
    },

    TestFunction: async (call) => {
      const ifMatch = ifMatchOf(call);
      const one = await functions.find(call.input['Name'], stageNameOf(call.input['Stage']));
      functions.checkTestedVersion(one, ifMatch);
      const event = eventOf(call);
      const compiled = functions.compile(one);
      const summary = await summaryOf(one);
      if (compiled instanceof CodeError) {
        return { TestResult: { FunctionSummary: summary, ComputeUtilization: '0', FunctionExecutionLogs: [], FunctionErrorMessage: compiled.message, FunctionOutput: '' } };
      }
      const outcome = await tested(() => parts.functions.runViewer(compiled, event, functions.keyValuesOf(one)));
      return { TestResult: { FunctionSummary: summary, ...resultOf(outcome) } };
    },
  };
}
