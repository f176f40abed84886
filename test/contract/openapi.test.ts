// openapi.yaml and model-facts.ts are what the installed SDK says, and the document is valid OpenAPI.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import OpenAPISchemaValidator from 'openapi-schema-validator';
import { openApiDocument, openApiYaml } from '../../src/api/openapi';
import { modelFacts, modelFactsSource, type ModelFacts } from '../../src/protocol/aws/declarations';
import { errorStatuses, keyValueStoreErrorStatuses, operationsById } from '../../src/protocol/aws/rest-xml';
import * as cloudfront from '@aws-sdk/client-cloudfront';
import * as keyValueStore from '@aws-sdk/client-cloudfront-keyvaluestore';

const root = path.join(__dirname, '..', '..');

function factsOf(client: string): ModelFacts {
  const types = path.join(root, 'node_modules', '@aws-sdk', client, 'dist-types');
  const declarations = (folder: string): [string, string][] => readdirSync(path.join(types, folder)).filter((name) => name.endsWith('.d.ts')).sort()
    .map((name) => [name, readFileSync(path.join(types, folder, name), 'utf8')]);
  return modelFacts(declarations('models'), declarations('commands'));
}

test('openapi.yaml is what `npm run openapi` writes', () => {
  expect(readFileSync(path.join(root, 'openapi.yaml'), 'utf8') === openApiYaml()).toBe(true);
});

test('model-facts.ts is what `npm run openapi` writes', () => {
  const source = modelFactsSource(factsOf('client-cloudfront'), factsOf('client-cloudfront-keyvaluestore'));
  expect(readFileSync(path.join(root, 'src', 'protocol', 'aws', 'model-facts.ts'), 'utf8')).toBe(source);
});

const own = [
  'CreateToken', 'ListNodes', 'PutNodeDraining', 'GetHealth', 'GetOpenApi', 'CreateAccessKey', 'ListAccessKeys', 'GetAccessKey', 'UpdateAccessKey', 'DeleteAccessKey',
  'ListDistributionVersions', 'GetDistributionVersion', 'DiffDistributionVersions', 'RollbackDistribution',
  'ListStreamingDistributionVersions', 'GetStreamingDistributionVersion', 'DiffStreamingDistributionVersions', 'RollbackStreamingDistribution', 'ListAuditLines', 'GetEffectiveDistribution',
  'ImportCertificate', 'ListCertificates', 'GetCertificate', 'RenewCertificate', 'DeleteCertificate', 'GetCertificateAuthority', 'PutCaBundle', 'ListCaBundles', 'DeleteCaBundle',
  'CreateKeyPair', 'ListKeyPairs', 'GetKeyPair', 'UpdateKeyPair', 'DeleteKeyPair', 'GetReference', 'GetReferencePage', 'GetHome',
  'CreateEnrolmentToken', 'ListEnrolmentTokens', 'DeleteEnrolmentToken', 'RevokeNode', 'RotateFleetKeys', 'RotateTokenKeys', 'GetEffectiveDistributionTenant',
];

const commandsOf = (client: object): string[] =>
  Object.keys(client).filter((name) => name.endsWith('Command') && name !== '$Command').map((name) => name.slice(0, -'Command'.length));

test('the file holds every operation of both SDK clients and ours', () => {
  const { paths } = parse(readFileSync(path.join(root, 'openapi.yaml'), 'utf8')) as { paths: Record<string, Record<string, { operationId: string }>> };
  const ids = Object.values(paths).flatMap((item) => Object.values(item).map((operation) => operation.operationId)).sort();
  const commands = commandsOf(cloudfront);
  const ofKeyValues = commandsOf(keyValueStore).map((name) => `kvs_${name}`);
  expect([commands.length, ofKeyValues.length]).toEqual([167, 6]);
  expect(ids).toEqual([...commands, ...ofKeyValues, ...own].sort());
});

test('the document is valid OpenAPI 3', () => {
  const { errors } = new OpenAPISchemaValidator({ version: 3 }).validate(openApiDocument() as never);
  expect(errors).toEqual([]);
});

test('every error that the model lists for an operation has a status', () => {
  const without = [...operationsById().values()].flatMap((operation) =>
    operation.errors.filter((code) => !(operation.service === 'cloudfront' ? errorStatuses : keyValueStoreErrorStatuses).has(code)));
  expect(without).toEqual([]);
});

test('required members and enumerations reach the document', () => {
  const { components } = openApiDocument() as { components: { schemas: Record<string, { required?: string[]; properties: Record<string, { enum?: string[]; items?: { enum?: string[] } }> }> } };
  expect(components.schemas['DistributionConfig']?.required).toEqual(['CallerReference', 'Origins', 'DefaultCacheBehavior', 'Comment', 'Enabled']);
  expect(components.schemas['DistributionConfig']?.properties['PriceClass']?.enum).toContain('PriceClass_100');
  expect(components.schemas['AllowedMethods']?.properties['Items']?.items?.enum).toContain('DELETE');
});
