// Policies as tables: what is understood, what is refused when it is written, and what each allows.
import { matchesWildcards } from '../../../src/base/wildcards';
import { checkPolicyActions, decide, parseAccessPolicy, policyLimits, type Decision } from '../../../src/model/access-policy';
import { Refusal } from '../../../src/model/refusal';

const one = 'arn:aws:cloudfront::000000000000:distribution/E1';
const other = 'arn:aws:cloudfront::000000000000:distribution/E2';
const document = (...statements: object[]): object => ({ Version: '2012-10-17', Statement: statements });
const allow = (action: unknown, resource: unknown = '*', more: object = {}): object => ({ Effect: 'Allow', Action: action, Resource: resource, ...more });
const deny = (action: unknown, resource: unknown = '*'): object => ({ Effect: 'Deny', Action: action, Resource: resource });

test.each<[string, object, string, string | null, Decision]>([
  ['nothing said', document(allow('cloudfront:GetDistribution')), 'cloudfront:DeleteDistribution', one, 'not-allowed'],
  ['the action on the resource', document(allow('cloudfront:CreateInvalidation', one)), 'cloudfront:CreateInvalidation', one, 'allowed'],
  ['the action on another resource', document(allow('cloudfront:CreateInvalidation', one)), 'cloudfront:CreateInvalidation', other, 'not-allowed'],
  ['another case of the action', document(allow('CloudFront:createinvalidation')), 'cloudfront:CreateInvalidation', one, 'allowed'],
  ['another case of the resource', document(allow('*', one.toLowerCase())), 'cloudfront:CreateInvalidation', one, 'not-allowed'],
  ['a star in the action', document(allow('cloudfront:Get*')), 'cloudfront:GetDistribution', one, 'allowed'],
  ['another service whose name starts alike', document(allow('cloudfront:*')), 'cloudfront-keyvaluestore:GetKey', one, 'not-allowed'],
  ['the data of key value stores', document(allow('cloudfront-keyvaluestore:*Key', one)), 'cloudfront-keyvaluestore:GetKey', one, 'allowed'],
  ['a question mark', document(allow('*', 'arn:aws:cloudfront::*:distribution/E?')), 'cloudfront:GetDistribution', one, 'allowed'],
  ['a deny wins, wherever it stands', document(deny('*', one), allow('*')), 'cloudfront:GetDistribution', one, 'denied'],
  ['a deny of something else', document(allow('*'), deny('*', other)), 'cloudfront:GetDistribution', one, 'allowed'],
  ['all but an action', document({ Effect: 'Allow', NotAction: 'cloudfront:Delete*', Resource: '*' }), 'cloudfront:DeleteDistribution', one, 'not-allowed'],
  ['all but a resource', document({ Effect: 'Deny', Action: '*', NotResource: one }, allow('*')), 'cloudfront:GetDistribution', other, 'denied'],
  ['a list is on *, which one resource is not', document(allow('*', one)), 'cloudfront:ListDistributions', '*', 'not-allowed'],
  ['a resource with a star in its id is no pattern', document(allow('*', one)), 'cloudfront:GetDistribution', 'arn:aws:cloudfront::000000000000:distribution/*', 'not-allowed'],
  ['unknown resource, allowed for all of its type', document(allow('*')), 'cloudfront:GetDistributionTenantByDomain', null, 'allowed'],
  ['unknown resource, one of which is denied', document(allow('*'), deny('*', one)), 'cloudfront:GetDistributionTenantByDomain', null, 'denied'],
  ['a resource longer than any', document(allow('*')), 'cloudfront:GetDistribution', 'x'.repeat(policyLimits.resourceCharsMax + 1), 'not-allowed'],
  ['a single statement without a list', { Version: '2012-10-17', Statement: allow('cloudfront:*') }, 'cloudfront:GetDistribution', one, 'allowed'],
])('%s', (_name, policy, action, resource, decision) => {
  expect(decide(parseAccessPolicy(policy), action, resource)).toBe(decision);
});

const valid = allow('cloudfront:Get*');
test.each<[string, unknown, string]>([
  ['no object', [], 'must be an object'],
  ['no version', { Statement: [valid] }, 'Version'],
  ['another version', { Version: '2024-01-01', Statement: [valid] }, 'Version'],
  ['an element on top', { ...document(valid), Principal: '*' }, 'Principal'],
  ['a condition', document({ ...valid, Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }), 'Condition'],
  ['a principal', document({ ...valid, Principal: '*' }), 'Principal'],
  ['no statement', document(), '1 to 100'],
  ['no effect', document({ Action: '*', Resource: '*' }), 'Effect'],
  ['an effect in another case', document({ Effect: 'allow', Action: '*', Resource: '*' }), 'Effect'],
  ['action and its opposite', document({ ...valid, NotAction: '*' }), 'either Action or NotAction'],
  ['no resource', document({ Effect: 'Allow', Action: '*' }), 'either Resource or NotResource'],
  ['an empty list', document(allow([])), 'is empty'],
  ['a number', document(allow(1)), 'Action'],
  ['another service', document(allow('s3:GetObject')), 's3:GetObject'],
  ['another service\'s resource', document(allow('*', 'arn:aws:s3:::bucket/*')), 'arn:aws:s3'],
  ['a resource that is no ARN', document(allow('*', 'E1')), 'E1'],
  ['a variable', document(allow('*', `arn:aws:cloudfront::000000000000:distribution/${'$'}{aws:username}`)), 'variable'],
  ['a long pattern', document(allow('*', `${one}${'x'.repeat(policyLimits.patternCharsMax)}`)), 'characters'],
  ['a long document', document(...Array.from({ length: 99 }, () => allow('cloudfront:*', `${one}${'x'.repeat(60)}`))), '6144'],
  ['many statements', document(...Array.from({ length: 101 }, () => allow('*'))), '1 to 100'],
])('refused: %s', (_name, policy, told) => {
  const refused = (): unknown => parseAccessPolicy(policy);
  expect(refused).toThrow(Refusal);
  expect(refused).toThrow(told);
});

test('a name that no action has is refused, in an Allow and in a Deny', () => {
  const actions = ['cloudfront:CreateInvalidation', 'edgefront:ListNodes'];
  const check = (policy: object): void => checkPolicyActions(parseAccessPolicy(policy), actions);
  expect(() => check(document(allow('cloudfront:create*')))).not.toThrow();
  expect(() => check(document(deny('cloudfront:CreateInvalidations')))).toThrow('cloudfront:CreateInvalidations');
});

test.each<[string, string, boolean]>([
  ['*', '', true], ['', '', true], ['', 'a', false], ['?', '', false], ['a*c', 'abbc', true], ['a*c', 'abcd', false], ['*b*b', 'abab', true], ['a**b', 'ab', true], ['?*?', 'a', false],
])('pattern %s on %s', (pattern, text, matches) => {
  expect(matchesWildcards(pattern, text)).toBe(matches);
});
