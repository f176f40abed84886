// Access keys: made, listed, changed and deleted by administrators, who are the keys without a policy.
import { checkPolicyActions, parseAccessPolicy } from '../../model/access-policy';
import { text as checkedText } from '../../model/argument';
import { limits } from '../../model/limits';
import { refuse } from '../../model/refusal';
import type { AccessKeyRow } from '../../store/store';
import { makeCredentials } from '../credentials';
import { failure, json, label, refer, text, time, type Node, type OwnCall, type OwnOperation } from '../own-operation';

type Policy = AccessKeyRow['policy'];

interface Wanted { readonly name?: string; readonly active?: boolean; readonly policy?: Policy }

const path = '/edgefront/v1/access-keys';
const one = `${path}/{accessKeyId}`;
const idLabel = label('accessKeyId', 'The key\'s id.');
const missingAnswer = failure('There is no such key.');
const forbiddenAnswer = failure('Only a key without a policy, an administrator, manages keys.');

function idOf(call: OwnCall): string {
  const id = String(call.path['accessKeyId']);
  return /^[\w-]{1,128}$/.test(id) ? id : missing();
}

function missing(): never {
  return refuse('NoSuchAccessKey', 'The specified access key does not exist.');
}

function lastAdministrator(): never {
  return refuse('LastAdministrator', 'This is the last active administrator: without it nobody could manage access keys.');
}

const nameOf = (name: string): string => checkedText(name, 'name', limits.accessKeyNameCharsMax);

/** The members that tell how the key is and what it may do; never its secret. */
function shown({ id, name, active, policy, createdAt }: AccessKeyRow): Record<string, unknown> {
  return { accessKeyId: id, name, active, policy, createdAt: createdAt.toISOString() };
}

/** @param actions every action that a policy can name */
export function accessKeyOperations(actions: () => readonly string[]): readonly OwnOperation[] {
  const checked = (policy: Policy): Policy => {
    if (policy !== null) checkPolicyActions(parseAccessPolicy(policy), actions());
    return policy;
  };
  return [
    {
      operationId: 'CreateAccessKey', method: 'post', path, access: 'administrator',
      node: {
        summary: 'Makes an access key. This answer is the only one that shows its secret.',
        requestBody: { required: true, content: json(refer('CreateAccessKeyRequest')) },
        responses: {
          201: { description: 'The key with its secret.', content: json(refer('NewAccessKey')) },
          400: failure('MalformedPolicyDocument: the policy is not understood in full; TooManyAccessKeys.'), 403: forbiddenAnswer,
        },
      },
      handle: async ({ body }, { store }) => {
        const wanted = body as Wanted;
        const made = makeCredentials();
        const outcome = await store.accessKeys.create({
          id: made.accessKeyId, secret: made.secretAccessKey, name: nameOf(wanted.name ?? ''), policy: checked(wanted.policy ?? null),
          countMax: limits.accessKeysMax,
        });
        if (outcome.outcome === 'too-many') return refuse('TooManyAccessKeys', `There may be at most ${limits.accessKeysMax} access keys.`);
        return { status: 201, json: { ...shown(outcome.row), secretAccessKey: made.secretAccessKey } };
      },
    },
    {
      operationId: 'ListAccessKeys', method: 'get', path, access: 'administrator',
      node: { summary: 'Lists every access key, oldest first.', responses: { 200: { description: 'The keys.', content: json(refer('AccessKeyList')) }, 403: forbiddenAnswer } },
      handle: async (_call, { store }) => ({ status: 200, json: { accessKeys: (await store.accessKeys.list()).map(shown) } }),
    },
    {
      operationId: 'GetAccessKey', method: 'get', path: one, access: 'administrator',
      node: { summary: 'Shows an access key.', parameters: [idLabel], responses: { 200: { description: 'The key.', content: json(refer('AccessKey')) }, 403: forbiddenAnswer, 404: missingAnswer } },
      handle: async (call, { store }) => ({ status: 200, json: shown(await store.accessKeys.get(idOf(call)) ?? missing()) }),
    },
    {
      operationId: 'UpdateAccessKey', method: 'put', path: one, access: 'administrator',
      node: {
        summary: 'Changes an access key\'s name, whether it is active, and what it may do. It acts on the next request.',
        parameters: [idLabel],
        requestBody: { required: true, content: json(refer('UpdateAccessKeyRequest')) },
        responses: {
          200: { description: 'The key.', content: json(refer('AccessKey')) }, 400: failure('MalformedPolicyDocument: the policy is not understood in full.'),
          403: forbiddenAnswer, 404: missingAnswer, 409: failure('LastAdministrator: nobody could manage keys afterwards.'),
        },
      },
      handle: async (call, { store }) => {
        const { name, active, policy } = call.body as Required<Wanted>;
        const outcome = await store.accessKeys.update(idOf(call), { name: nameOf(name), active, policy: checked(policy) });
        if (outcome.outcome === 'missing') return missing();
        if (outcome.outcome === 'last-administrator') return lastAdministrator();
        return { status: 200, json: shown(outcome.row) };
      },
    },
    {
      operationId: 'DeleteAccessKey', method: 'delete', path: one, access: 'administrator',
      node: {
        summary: 'Deletes an access key and with it every token made for it.', parameters: [idLabel],
        responses: { 204: { description: 'Done.' }, 403: forbiddenAnswer, 404: missingAnswer, 409: failure('LastAdministrator: nobody could manage keys afterwards.') },
      },
      handle: async (call, { store }) => {
        const { outcome } = await store.accessKeys.remove(idOf(call));
        if (outcome === 'missing') return missing();
        if (outcome === 'last-administrator') return lastAdministrator();
        return { status: 204, json: null };
      },
    },
  ];
}

const name: Node = { type: 'string', maxLength: limits.accessKeyNameCharsMax, description: 'For people.' };
const active: Node = { type: 'boolean', description: 'An inactive key opens nothing, nor do its tokens.' };
const policy: Node = {
  type: 'object', nullable: true, additionalProperties: true,
  description: 'What the key may do, as an IAM policy document: Version, Statement (Effect, Action or NotAction, Resource or NotResource). null: everything, an administrator.',
};
const shownMembers: Node = { accessKeyId: text, name, active, policy, createdAt: time };
const shownNames = ['accessKeyId', 'name', 'active', 'policy', 'createdAt'];

export const accessKeySchemas: Readonly<Record<string, Node>> = {
  CreateAccessKeyRequest: { type: 'object', additionalProperties: false, required: ['name', 'policy'], properties: { name, policy } },
  UpdateAccessKeyRequest: { type: 'object', additionalProperties: false, required: ['name', 'active', 'policy'], properties: { name, active, policy } },
  AccessKey: { type: 'object', required: shownNames, properties: shownMembers },
  NewAccessKey: { type: 'object', required: [...shownNames, 'secretAccessKey'], properties: { ...shownMembers, secretAccessKey: { type: 'string', format: 'password' } } },
  AccessKeyList: { type: 'object', required: ['accessKeys'], properties: { accessKeys: { type: 'array', items: refer('AccessKey') } } },
};
