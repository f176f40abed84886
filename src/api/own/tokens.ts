// Bearer tokens for plain REST users.
import type { TokenRequest } from '../authenticate';
import { failure, json, refer, text, time, type Node, type OwnOperation } from '../own-operation';
import { tokenExpiresSMax, tokenExpiresSMin } from '../token';

export const tokenOperations: readonly OwnOperation[] = [{
  operationId: 'CreateToken', method: 'post', path: '/edgefront/v1/tokens', access: 'open',
  node: {
    summary: 'Gives a bearer token for an access key, named in the body or by a signature.',
    requestBody: { required: false, content: json(refer('CreateTokenRequest')) },
    responses: {
      200: { description: 'A token.', content: json(refer('Token')) },
      403: failure('The access key or its secret is wrong.'),
      429: failure('Too many wrong attempts; try again later.'),
    },
  },
  handle: async (call, { authenticator }) => ({ status: 200, json: await authenticator.createToken(call.caller, (call.body ?? {}) as TokenRequest) }),
}];

export const tokenSchemas: Readonly<Record<string, Node>> = {
  CreateTokenRequest: {
    type: 'object', additionalProperties: false,
    properties: {
      accessKeyId: { type: 'string', minLength: 1, maxLength: 128 },
      secretAccessKey: { type: 'string', minLength: 1, maxLength: 256, format: 'password' },
      expiresInSeconds: { type: 'integer', minimum: tokenExpiresSMin, maximum: tokenExpiresSMax },
    },
  },
  Token: { type: 'object', required: ['token', 'expiresAt'], properties: { token: text, expiresAt: time } },
};
