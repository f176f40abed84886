// Who may join the fleet and who no longer may, and the keys that are rotated while everything runs.
import { createHash, randomBytes, randomInt, X509Certificate } from 'node:crypto';
import { refuse } from '../../model/refusal';
import { installationAuthority } from '../../store/authority';
import { rotateFleetKeys } from '../../store/fleet-keys';
import type { EnrolmentToken } from '../../store/store';
import { sealerOf } from '../certificates';
import { failure, json, label, refer, text, time, type Node, type OwnOperation } from '../own-operation';

const tokens = '/edgefront/v1/enrolment-tokens';
const tokensMax = 1_000;
const expiresS = { min: 60, max: 7 * 86_400, default: 3_600 } as const;
const secretBytes = 32;
const idAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const idPrefix = 'EFEN';
const idLength = 20;

const nodeName: Node = { type: 'string', pattern: '^[\\x21-\\x7e]+$', minLength: 1, maxLength: 255 };
const role: Node = { type: 'string', enum: ['edge', 'router'] };
const forbidden = failure('Only an administrator may.');

function makeId(): string {
  return idPrefix + Array.from({ length: idLength - idPrefix.length }, () => idAlphabet[randomInt(idAlphabet.length)]).join('');
}

/** Never the token: only a hash of it is kept. */
function shown({ id, node, role: kind, createdAt, createdBy, expiresAt, usedAt, usedBy }: EnrolmentToken): Record<string, unknown> {
  return { id, node, role: kind, createdAt, createdBy, expiresAt, usedAt, usedBy };
}

interface Wanted { readonly node?: string; readonly role?: 'edge' | 'router'; readonly expiresInSeconds?: number }

export const enrolmentOperations: readonly OwnOperation[] = [
  {
    operationId: 'CreateEnrolmentToken', method: 'post', path: tokens, access: 'administrator',
    node: {
      summary: 'Makes a token by which one machine enrols as a node, once. This answer is the only one that shows it.',
      requestBody: { required: false, content: json(refer('CreateEnrolmentTokenRequest')) },
      responses: {
        201: { description: 'The token.', content: json(refer('NewEnrolmentToken')) }, 400: failure('TooManyEnrolmentTokens; SecretsKeyMissing.'), 403: forbidden,
      },
    },
    handle: async ({ body, principal }, { store, config, clock }) => {
      const wanted = (body ?? {}) as Wanted;
      // By it the machine knows the worker, if that has no other certificate: whoever holds the token needs no more.
      const { certificate } = await installationAuthority(store, sealerOf(config), clock);
      const [id, secret] = [makeId(), randomBytes(secretBytes).toString('base64url')];
      const made = await store.enrolments.createToken({
        id, hash: createHash('sha256').update(secret).digest('hex'), node: wanted.node ?? null, role: wanted.role ?? null,
        createdBy: principal?.accessKeyId ?? '', expiresInS: wanted.expiresInSeconds ?? expiresS.default, countMax: tokensMax,
      });
      if (made.outcome === 'too-many') return refuse('TooManyEnrolmentTokens', `There may be at most ${tokensMax} enrolment tokens. Delete some that were used.`);
      return { status: 201, json: { ...shown(made.row), token: `${id}.${secret}.${new X509Certificate(certificate).raw.toString('base64url')}` } };
    },
  },
  {
    operationId: 'ListEnrolmentTokens', method: 'get', path: tokens, access: 'administrator',
    node: { summary: 'Lists enrolment tokens, newest first, and who used them.', responses: { 200: { description: 'The tokens.', content: json(refer('EnrolmentTokenList')) }, 403: forbidden } },
    handle: async (_call, { store }) => ({ status: 200, json: { enrolmentTokens: (await store.enrolments.listTokens()).map(shown) } }),
  },
  {
    operationId: 'DeleteEnrolmentToken', method: 'delete', path: `${tokens}/{id}`, access: 'administrator',
    node: {
      summary: 'Deletes an enrolment token. A node that used it stays.', parameters: [label('id', 'The token\'s id, its first part.')],
      responses: { 204: { description: 'Done.' }, 403: forbidden, 404: failure('There is no such token.') },
    },
    handle: async (call, { store }) => {
      const { outcome } = await store.enrolments.removeToken(call.path['id'] as string);
      if (outcome === 'missing') return refuse('NoSuchEnrolmentToken', 'The specified enrolment token does not exist.');
      return { status: 204, json: null };
    },
  },
  {
    operationId: 'RevokeNode', method: 'delete', path: '/edgefront/v1/nodes/{node}', access: 'administrator',
    node: {
      summary: 'Forgets a node that enrolled and its key: it is cut off within seconds, and does not come back without another token.',
      parameters: [label('node', 'The node\'s name.', nodeName)],
      responses: { 204: { description: 'Done.' }, 403: forbidden, 404: failure('NoSuchNode: no node of this name has enrolled. One that knows the fleet\'s secret is kept out by another secret.') },
    },
    handle: async (call, { store }) => {
      const { outcome } = await store.enrolments.revoke(call.path['node'] as string);
      if (outcome === 'missing') return refuse('NoSuchNode', 'No node of this name has enrolled.');
      return { status: 204, json: null };
    },
  },
  {
    operationId: 'RotateFleetKeys', method: 'post', path: '/edgefront/v1/fleet-keys/rotation', access: 'administrator',
    node: {
      summary: 'Gives the fleet a new key, under which private keys of certificates go to edges anew. Nothing is interrupted.',
      responses: { 204: { description: 'Done.' }, 400: failure('SecretsKeyMissing.'), 403: forbidden },
    },
    handle: async (_call, { store, config }) => {
      await rotateFleetKeys(store, sealerOf(config));
      return { status: 204, json: null };
    },
  },
  {
    operationId: 'RotateTokenKeys', method: 'post', path: '/edgefront/v1/token-keys/rotation', access: 'administrator',
    node: {
      summary: 'Has bearer tokens signed with a new key. Those that there are go on until they expire, or none counts any more.',
      requestBody: { required: false, content: json(refer('RotateTokenKeysRequest')) },
      responses: { 204: { description: 'Done.' }, 403: forbidden },
    },
    handle: async ({ body }, { authenticator }) => {
      await authenticator.rotateTokenKeys((body as { readonly discardTokens?: boolean } | undefined)?.discardTokens === true ? 'discarded' : 'kept');
      return { status: 204, json: null };
    },
  },
];

const token = {
  id: text, node: { ...text, nullable: true, description: 'The only node it is for; only then it replaces the key of one there is. null: any new one.' },
  role: { ...role, nullable: true, description: 'The only kind of node it is for.' },
  createdAt: time, createdBy: { ...text, description: 'An access key\'s id.' }, expiresAt: time, usedAt: { ...time, nullable: true }, usedBy: { ...text, nullable: true },
} as const;
const tokenMembers = ['id', 'node', 'role', 'createdAt', 'createdBy', 'expiresAt', 'usedAt', 'usedBy'];

export const enrolmentSchemas: Readonly<Record<string, Node>> = {
  CreateEnrolmentTokenRequest: {
    type: 'object', additionalProperties: false,
    properties: { node: nodeName, role, expiresInSeconds: { type: 'integer', minimum: expiresS.min, maximum: expiresS.max, default: expiresS.default } },
  },
  EnrolmentToken: { type: 'object', required: tokenMembers, properties: token },
  NewEnrolmentToken: {
    type: 'object', required: [...tokenMembers, 'token'], properties: { ...token, token: { ...text, description: 'For EDGEFRONT_ENROLMENT_TOKEN. It holds the root certificate by which the worker is known.' } },
  },
  EnrolmentTokenList: { type: 'object', required: ['enrolmentTokens'], properties: { enrolmentTokens: { type: 'array', items: refer('EnrolmentToken') } } },
  RotateTokenKeysRequest: { type: 'object', additionalProperties: false, properties: { discardTokens: { type: 'boolean', default: false } } },
};
