// The table of what edges do covers every member that the SDK's schema has, and README says the same.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { effectiveMembers, effectRows, effects, ruleOf } from '../../../src/model/effective';
import { operations, type Shape } from '../../../src/protocol/aws/schemas';
import { leastConfig, richConfig } from '../../fixtures/configs';

function pathsOf(shape: Shape, at: string): string[] {
  if (shape.kind === 'structure') return shape.members.flatMap((member) => pathsOf(member.shape, at === '' ? member.name : `${at}.${member.name}`));
  return shape.kind === 'list' && shape.item.kind === 'structure' ? pathsOf(shape.item, `${at}[]`) : [at];
}
const config = operations().get('CreateDistribution')!.input.members.find((member) => member.name === 'DistributionConfig')!.shape;
const paths = pathsOf(config, '');

test('every member of DistributionConfig has a rule', () => {
  expect(paths.length).toBeGreaterThan(140);
  expect(paths.filter((one) => ruleOf(one) === null)).toEqual([]);
});

test('every rule is about a member that there is', () => {
  const dead = Object.keys(effects).filter((rule) => !paths.some((one) => (rule.endsWith('.*') ? one.startsWith(rule.slice(0, -1)) || one.startsWith(`${rule.slice(0, -2)}[]`) : one === rule)));
  expect(dead).toEqual([]);
});

test('nothing passes for enforced that was not ruled by itself', () => {
  expect(Object.entries(effects).filter(([rule, { effect }]) => rule.endsWith('.*') && effect !== 'ignored' && effect !== 'closed')).toEqual([]);
  expect(ruleOf('SomethingNew')).toBeNull();
  expect(ruleOf('DefaultCacheBehavior.SomethingNew')).toBeNull();
});

test('README lists what is not enforced, and nothing else', () => {
  const readme = readFileSync(path.join(__dirname, '..', '..', '..', 'README.md'), 'utf8');
  const rows = readme.split('\n').filter((line) => /^\| `[A-Z][\w.[\]*]+` \| (ignored|closed) \|/.test(line));
  expect(rows).toEqual(effectRows());
});

test('a value that asks for nothing is not called ignored', () => {
  const least = effectiveMembers(leastConfig());
  expect(least.filter((member) => member.edges === 'closed')).toEqual([]);
  expect(least).toContainEqual({ path: 'Origins.Items[web].DomainName', value: 'www.example.com', edges: 'enforced' });
  const closing = effectiveMembers({ ...leastConfig(), ConnectionFunctionAssociation: { Id: 'cf_known' } });
  expect(closing).toContainEqual({ path: 'ConnectionFunctionAssociation.Id', value: 'cf_known', edges: 'closed', note: expect.stringContaining('connection functions') });
});

test('what is enforced in part says how far', () => {
  const told = (members: object): unknown[] => effectiveMembers({ ...leastConfig(), ...members }).filter(({ edges, note }) => edges === 'enforced' && note !== undefined);
  expect(told({ HttpVersion: 'http2' })).toEqual([]);
  expect(told({ HttpVersion: 'http3' })).toEqual([{ path: 'HttpVersion', value: 'http3', edges: 'enforced', note: expect.stringContaining('HTTP/3') }]);
  const origin = { Id: 'films', DomainName: 'films.s3.amazonaws.com', OriginAccessControlId: 'E1', S3OriginConfig: { OriginAccessIdentity: '' } };
  expect(told({ Origins: { Quantity: 1, Items: [origin] } })).toEqual([
    { path: 'Origins.Items[films].OriginAccessControlId', value: 'E1', edges: 'enforced', note: expect.stringContaining('always-amz-auth') },
  ]);
});

test('every member of a configuration is told once', () => {
  const told = effectiveMembers(richConfig()).map((member) => member.path);
  expect(new Set(told).size).toBe(told.length);
  expect(told.filter((one) => one.endsWith('Quantity'))).toEqual([]);
});
