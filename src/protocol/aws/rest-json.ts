// Answers in AWS's REST-JSON 1, which the data of key value stores is spoken in.
import { assert } from '../../base/assert';
import type { EncodedAnswer } from './rest-xml';
import type { OperationShape, Shape } from './schemas';

/** Only what the model knows and what is set; times as seconds since 1970, the protocol's form for a body. */
function jsonOf(shape: Shape, value: unknown): unknown {
  switch (shape.kind) {
    case 'structure': {
      const fields = value as Readonly<Record<string, unknown>>;
      return Object.fromEntries(shape.members.flatMap((member): [string, unknown][] => {
        const inner = fields[member.name];
        return inner === undefined || inner === null ? [] : [[member.name, jsonOf(member.shape, inner)]];
      }));
    }
    case 'list': return (value as readonly unknown[]).map((item) => jsonOf(shape.item, item));
    case 'timestamp': return (value as Date).getTime() / 1000;
    case 'text': case 'integer': case 'decimal': case 'boolean': case 'blob': return value;
  }
}

/** The answer to a successful operation. @param output members by the SDK's names */
export function encodeJson(operation: OperationShape, output: Readonly<Record<string, unknown>>): EncodedAnswer {
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  for (const { name, binding } of operation.output.members) {
    const value = output[name];
    if (binding.at === 'header' && typeof value === 'string') headers[binding.name] = value;
  }
  const { body } = operation.output;
  assert(body !== null && body.shape.kind === 'structure' && body.payload === null, 'every answer of this service is a structure of its own');
  return { status: operation.successStatus, headers, body: Buffer.from(JSON.stringify(jsonOf(body.shape, output))) };
}

/** The body and the header of an answer that is an error, as the service's clients read them. */
export function encodeJsonError({ code, message }: { readonly code: string; readonly message: string }): Pick<EncodedAnswer, 'headers' | 'body'> {
  return { headers: { 'Content-Type': 'application/json', 'x-amzn-ErrorType': code }, body: Buffer.from(JSON.stringify({ Message: message })) };
}
