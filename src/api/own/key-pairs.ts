// Key pairs of the account, for trusted signers: made or uploaded, listed, switched off and on, and deleted by administrators.
import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { keyPairId } from '../../model/ids';
import { noSuchKeyPair, withActivity, withKeyPair, withoutKeyPair, type KeyPair } from '../../model/key-pair';
import { limits } from '../../model/limits';
import { keyAlgorithmOf, type KeyAlgorithm } from '../../model/public-key';
import { refuse } from '../../model/refusal';
import { changeKeyPairs, keptKeyPairs } from '../key-pairs';
import { failure, json, label, refer, text, time, type Node, type OwnCall, type OwnOperation } from '../own-operation';

interface Wanted { readonly comment?: string; readonly publicKey?: string; readonly algorithm?: KeyAlgorithm }

const path = '/edgefront/v1/key-pairs';
const one = `${path}/{keyPairId}`;
const idLabel = label('keyPairId', 'The pair\'s id.');
const missingAnswer = failure('There is no such key pair.');
const forbiddenAnswer = failure('Only a key without a policy, an administrator, manages key pairs.');

const idOf = (call: OwnCall): string => call.path['keyPairId'] as string;

function shown({ id, comment, encodedKey, active, createdAt }: KeyPair): Record<string, unknown> {
  return { keyPairId: id, algorithm: keyAlgorithmOf(encodedKey), comment, active, createdAt, publicKey: encodedKey };
}

const generate = promisify(generateKeyPair);

interface Made { readonly publicKey: string; readonly privateKey?: string }

/** The private half is the caller's alone from here on. */
async function made(algorithm: KeyAlgorithm): Promise<Made> {
  const { publicKey, privateKey } = algorithm === 'rsa-2048' ? await generate('rsa', { modulusLength: 2048 }) : await generate('ec', { namedCurve: 'P-256' });
  return { publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(), privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

async function halvesOf({ publicKey, algorithm }: Wanted): Promise<Made> {
  if (publicKey === undefined) return made(algorithm ?? 'rsa-2048');
  if (algorithm !== undefined) refuse('InvalidArgument', 'The parameters publicKey and algorithm exclude each other: a key that is uploaded has its algorithm.');
  return { publicKey };
}

export const keyPairOperations: readonly OwnOperation[] = [
  {
    operationId: 'CreateKeyPair', method: 'post', path, access: 'administrator',
    node: {
      summary: 'Adds a key pair by which the account signs URLs and cookies as a trusted signer: of an uploaded public key, or made here. '
        + 'This answer is the only one that shows a private key, which is not kept.',
      requestBody: { required: true, content: json(refer('CreateKeyPairRequest')) },
      responses: {
        201: { description: 'The pair.', content: json(refer('NewKeyPair')) },
        400: failure('InvalidArgument: no key that can be used; TooManyKeyPairs, TooManyActiveKeyPairs.'), 403: forbiddenAnswer,
      },
    },
    handle: async ({ body }, { store, clock }) => {
      const wanted = body as Wanted;
      const { publicKey, privateKey } = await halvesOf(wanted);
      const pair: KeyPair = {
        id: keyPairId(randomBytes), comment: wanted.comment ?? '', encodedKey: publicKey, active: true, createdAt: new Date(clock.nowMs()).toISOString(),
      };
      await changeKeyPairs(store, (kept) => withKeyPair(kept, pair, limits));
      return { status: 201, json: { ...shown(pair), ...(privateKey === undefined ? {} : { privateKey }) } };
    },
  },
  {
    operationId: 'ListKeyPairs', method: 'get', path, access: 'administrator',
    node: { summary: 'Lists every key pair of the account, oldest first.', responses: { 200: { description: 'The pairs.', content: json(refer('KeyPairList')) }, 403: forbiddenAnswer } },
    handle: async (_call, { store }) => ({ status: 200, json: { keyPairs: ((await keptKeyPairs(store))?.pairs ?? []).map(shown) } }),
  },
  {
    operationId: 'GetKeyPair', method: 'get', path: one, access: 'administrator',
    node: { summary: 'Shows a key pair.', parameters: [idLabel], responses: { 200: { description: 'The pair.', content: json(refer('KeyPair')) }, 403: forbiddenAnswer, 404: missingAnswer } },
    handle: async (call, { store }) => {
      const found = (await keptKeyPairs(store))?.pairs.find(({ id }) => id === idOf(call));
      return { status: 200, json: shown(found ?? noSuchKeyPair()) };
    },
  },
  {
    operationId: 'UpdateKeyPair', method: 'put', path: one, access: 'administrator',
    node: {
      summary: 'Makes a key pair active or inactive. What is signed by an inactive one is refused on every edge once the distributions that trust it are deployed.',
      parameters: [idLabel],
      requestBody: { required: true, content: json(refer('UpdateKeyPairRequest')) },
      responses: { 200: { description: 'The pair.', content: json(refer('KeyPair')) }, 400: failure('TooManyActiveKeyPairs.'), 403: forbiddenAnswer, 404: missingAnswer },
    },
    handle: async (call, { store }) => {
      const { active } = call.body as { readonly active: boolean };
      const { pairs } = await changeKeyPairs(store, (kept) => withActivity(kept, idOf(call), active, limits));
      return { status: 200, json: shown(pairs.find(({ id }) => id === idOf(call)) ?? noSuchKeyPair()) };
    },
  },
  {
    operationId: 'DeleteKeyPair', method: 'delete', path: one, access: 'administrator',
    node: { summary: 'Deletes a key pair; what is signed by it is refused as by an inactive one.', parameters: [idLabel], responses: { 204: { description: 'Done.' }, 403: forbiddenAnswer, 404: missingAnswer } },
    handle: async (call, { store }) => {
      await changeKeyPairs(store, (kept) => withoutKeyPair(kept, idOf(call)));
      return { status: 204, json: null };
    },
  },
];

const comment: Node = { type: 'string', maxLength: limits.commentCharsMax, description: 'For people.' };
const active: Node = { type: 'boolean', description: 'Whether signatures by it count.' };
const algorithm: Node = { type: 'string', enum: ['rsa-2048', 'ecdsa-p256'] satisfies KeyAlgorithm[] };
const publicKey: Node = { type: 'string', maxLength: limits.encodedKeyCharsMax, description: 'In PEM: RSA of 2048 bits, or ECDSA on the curve P-256.' };
const shownMembers: Node = { keyPairId: text, algorithm, comment, active, createdAt: time, publicKey };
const shownNames = ['keyPairId', 'algorithm', 'comment', 'active', 'createdAt', 'publicKey'];

export const keyPairSchemas: Readonly<Record<string, Node>> = {
  CreateKeyPairRequest: {
    type: 'object', additionalProperties: false,
    properties: { comment, publicKey, algorithm: { ...algorithm, description: 'Of a pair to be made, when no public key is given; rsa-2048 when left out.' } },
  },
  UpdateKeyPairRequest: { type: 'object', additionalProperties: false, required: ['active'], properties: { active } },
  KeyPair: { type: 'object', required: shownNames, properties: shownMembers },
  NewKeyPair: {
    type: 'object', required: shownNames,
    properties: { ...shownMembers, privateKey: { type: 'string', format: 'password', description: 'In PEM (PKCS #8), of a pair that was made here.' } },
  },
  KeyPairList: { type: 'object', required: ['keyPairs'], properties: { keyPairs: { type: 'array', items: refer('KeyPair') } } },
};
