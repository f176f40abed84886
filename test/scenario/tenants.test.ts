// Tenants as the AWS SDK makes them, from their creation to their removal, seen by their viewers over HTTP and HTTPS and by the router.
import {
  CreateConnectionGroupCommand, CreateDistributionCommand, CreateDistributionTenantCommand, CreateInvalidationCommand, CreateInvalidationForDistributionTenantCommand,
  DeleteConnectionGroupCommand, DeleteDistributionCommand, DeleteDistributionTenantCommand, GetConnectionGroupCommand, GetDistributionCommand, GetDistributionTenantByDomainCommand,
  GetDistributionTenantCommand, UpdateConnectionGroupCommand, UpdateDistributionCommand, UpdateDistributionTenantCommand, waitUntilDistributionDeployed,
  waitUntilInvalidationCompleted, waitUntilInvalidationForDistributionTenantCompleted, type DistributionConfig, type UpdateDistributionTenantCommandInput,
} from '@aws-sdk/client-cloudfront';
import { get } from 'node:https';
import { connect } from 'node:tls';
import { serverCertificate, testAuthority } from '../fixtures/certificates';
import { until } from '../fixtures/fleet';
import { ask, startOrigin, type Origin } from '../fixtures/origin';
import { send } from '../fixtures/signing';
import { distributionConfig, startSystem, type System } from '../fixtures/system';

let system: System;
let origin: Origin;
let httpPort: number;
let httpsPort: number;
let version = 1;
let distributionId: string;
const waiting = { maxWaitTime: 60, minDelay: 1, maxDelay: 1 };

beforeAll(async () => {
  origin = await startOrigin((request, response) => response.writeHead(200, { 'cache-control': 'max-age=600' }).end(`${request.url} for ${request.headers.host?.split(':')[0]} v${version}`));
  system = await startSystem(1, { EDGEFRONT_FORWARDED_FROM: '127.0.0.0/8' });
  httpPort = system.edgePorts[0] as number;
  const { nodes } = JSON.parse((await own('GET', '/edgefront/v1/nodes')).body) as { nodes: { role: string; addresses: string[] }[] };
  httpsPort = nodes.filter((node) => node.role === 'edge').map((node) => Number(new URL(node.addresses.find((address) => address.startsWith('https:')) as string).port))[0] as number;
}, 180_000);
afterAll(async () => {
  await system?.close();
  await origin?.close();
}, 60_000);

const own = (method: string, target: string, body?: unknown): Promise<{ status: number; body: string }> => send(Number(new URL(system.apiUrl).port), system.credentials, {
  method, target, headers: { accept: 'application/json', 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});

/** What a viewer of a name gets: the content, or the status. */
async function seen(host: string, path = '/a', headers: Record<string, string> = {}): Promise<string> {
  const { status, body } = await ask(httpPort, host, path, { headers });
  return status === 200 ? body.toString() : String(status);
}
const seenOverTls = (host: string, path: string): Promise<string> => new Promise((resolve, reject) => {
  get({ host: '127.0.0.1', port: httpsPort, servername: host, headers: { host }, ca: testAuthority.certificate, path, agent: false }, (response) => {
    let text = '';
    response.on('data', (piece) => { text += String(piece); }).on('end', () => resolve(text));
  }).on('error', reject);
});

async function deployed(id: string): Promise<string> {
  let etag = '';
  await until(async () => {
    const { DistributionTenant, ETag } = await system.client.send(new GetDistributionTenantCommand({ Identifier: id }));
    etag = ETag ?? '';
    return DistributionTenant?.Status === 'Deployed';
  }, `deployment of ${id}`);
  return etag;
}
async function tenant(name: string, settings: { readonly domains: readonly string[]; readonly Parameters?: { Name: string; Value: string }[] }): Promise<string> {
  const { DistributionTenant: made } = await system.client.send(new CreateDistributionTenantCommand({
    DistributionId: distributionId, Name: name, Domains: settings.domains.map((Domain) => ({ Domain })), Enabled: true,
    ...(settings.Parameters === undefined ? {} : { Parameters: settings.Parameters }),
  }));
  expect(made).toMatchObject({ Status: 'InProgress', Enabled: true });
  await deployed(made?.Id as string);
  return made?.Id as string;
}
async function update(id: string, changes: Partial<UpdateDistributionTenantCommandInput>): Promise<void> {
  const { ETag } = await system.client.send(new GetDistributionTenantCommand({ Identifier: id }));
  await system.client.send(new UpdateDistributionTenantCommand({ Id: id, IfMatch: ETag, ...changes }));
  await deployed(id);
}
const config = (changes: Partial<DistributionConfig> = {}): DistributionConfig => {
  const plain = distributionConfig(origin.port, 'tenants');
  const [first] = plain.Origins?.Items ?? [];
  return {
    ...plain, ConnectionMode: 'tenant-only',
    Origins: { Quantity: 1, Items: [{ ...first, Id: 'o', DomainName: '{{host}}', OriginPath: '/shops/{{shop}}' }] },
    TenantConfig: { ParameterDefinitions: [
      { Name: 'host', Definition: { StringSchema: { Required: false, DefaultValue: '127.0.0.1' } } },
      { Name: 'shop', Definition: { StringSchema: { Required: true } } },
    ] },
    ...changes,
  };
};

let one: string;
let two: string;
test('two tenants of one distribution: each its own origin and path, under exact and wildcard domains', async () => {
  const { Distribution } = await system.client.send(new CreateDistributionCommand({ DistributionConfig: config() }));
  distributionId = Distribution?.Id as string;
  await waitUntilDistributionDeployed({ client: system.client, ...waiting }, { Id: distributionId });
  one = await tenant('one', { domains: ['www.one.example', '*.one.example'], Parameters: [{ Name: 'shop', Value: 'one' }] });
  two = await tenant('two', { domains: ['two.example', 'x.one.example'], Parameters: [{ Name: 'shop', Value: 'two' }, { Name: 'host', Value: 'localhost' }] });
  expect(await seen('www.one.example')).toBe('/shops/one/a for 127.0.0.1 v1');
  expect(await seen('any.one.example')).toBe('/shops/one/a for 127.0.0.1 v1');
  expect(await seen('two.example')).toBe('/shops/two/a for localhost v1');
  expect(await seen('x.one.example')).toBe('/shops/two/a for localhost v1');
  expect(await seen(Distribution?.DomainName as string)).toBe('403');
  expect(origin.count('/shops/one/a')).toBe(1);
  const { DistributionTenant: found } = await system.client.send(new GetDistributionTenantByDomainCommand({ Domain: 'two.example' }));
  expect(found).toMatchObject({ Id: two, Domains: [{ Domain: 'two.example', Status: 'active' }, { Domain: 'x.one.example', Status: 'active' }] });
});

test('an invalidation of one tenant, and one of the distribution', async () => {
  const batch = (CallerReference: string) => ({ CallerReference, Paths: { Quantity: 1, Items: ['/*'] } });
  version = 2;
  const { Invalidation: ofOne } = await system.client.send(new CreateInvalidationForDistributionTenantCommand({ Id: one, InvalidationBatch: batch('1') }));
  await waitUntilInvalidationForDistributionTenantCompleted({ client: system.client, ...waiting }, { DistributionTenantId: one, Id: ofOne?.Id });
  expect([await seen('www.one.example'), await seen('two.example')].map((text) => text.slice(-2))).toEqual(['v2', 'v1']);
  version = 3;
  const { Invalidation: ofAll } = await system.client.send(new CreateInvalidationCommand({ DistributionId: distributionId, InvalidationBatch: batch('2') }));
  await waitUntilInvalidationCompleted({ client: system.client, ...waiting }, { DistributionId: distributionId, Id: ofAll?.Id });
  expect([await seen('www.one.example'), await seen('two.example')].map((text) => text.slice(-2))).toEqual(['v3', 'v3']);
});

test('an update: new parameters are new content, with the ETag that was read and no other', async () => {
  await update(one, { Parameters: [{ Name: 'shop', Value: 'uno' }] });
  expect(await seen('www.one.example')).toBe('/shops/uno/a for 127.0.0.1 v3');
  await expect(system.client.send(new UpdateDistributionTenantCommand({ Id: one, IfMatch: 'EWRONGWRONGWRO', Enabled: false }))).rejects.toMatchObject({ name: 'PreconditionFailed' });
  await expect(system.client.send(new UpdateDistributionTenantCommand({ Id: one, IfMatch: await deployed(one), Parameters: [] }))).rejects.toMatchObject({ name: 'InvalidArgument' });
  expect(await seen('www.one.example')).toBe('/shops/uno/a for 127.0.0.1 v3');
});

test('countries of a tenant\'s own, with addresses that are there', async () => {
  const [german, japanese] = [{ 'x-forwarded-for': '213.73.91.35' }, { 'x-forwarded-for': '203.178.141.194' }];
  await update(two, { Customizations: { GeoRestrictions: { RestrictionType: 'whitelist', Locations: ['DE'] } } });
  expect([await seen('two.example', '/a', german), await seen('two.example', '/a', japanese)]).toEqual(['/shops/two/a for localhost v3', '403']);
  expect(await seen('www.one.example', '/a', japanese)).toBe('/shops/uno/a for 127.0.0.1 v3');
});

test('each is met with its own certificate; the shared one for what that does not cover', async () => {
  const upload = async (names: readonly string[]): Promise<string> => {
    const issued = serverCertificate(names);
    const made = await own('POST', '/edgefront/v1/certificates', { certificate: issued.certificate, privateKey: issued.key, certificateChain: testAuthority.certificate });
    return (JSON.parse(made.body) as { certificateArn: string }).certificateArn;
  };
  const [shared, ones] = [await upload(['*.one.example', 'two.example']), await upload(['www.one.example'])];
  const { ETag } = await system.client.send(new UpdateDistributionCommand({
    Id: distributionId, IfMatch: await distributionTag(), DistributionConfig: config({ ViewerCertificate: { ACMCertificateArn: shared, SSLSupportMethod: 'sni-only', MinimumProtocolVersion: 'TLSv1.2_2021' } }),
  }));
  expect(ETag).toBeDefined();
  await waitUntilDistributionDeployed({ client: system.client, ...waiting }, { Id: distributionId });
  await update(one, { Customizations: { Certificate: { Arn: ones } } });
  expect(await seenOverTls('www.one.example', '/tls')).toBe('/shops/uno/tls for 127.0.0.1 v3');
  expect(await seenOverTls('two.example', '/tls')).toBe('/shops/two/tls for localhost v3');
  const shown = (host: string): Promise<string | undefined> => new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: httpsPort, servername: host, ca: testAuthority.certificate }, () => {
      resolve(socket.getPeerCertificate().subjectaltname);
      socket.destroy();
    }).on('error', reject);
  });
  expect([await shown('www.one.example'), await shown('any.one.example'), await shown('two.example')])
    .toEqual(['DNS:www.one.example', 'DNS:*.one.example, DNS:two.example', 'DNS:*.one.example, DNS:two.example']);
});

const distributionTag = async (): Promise<string> => {
  const { ETag } = await system.client.send(new GetDistributionCommand({ Id: distributionId }));
  return ETag ?? '';
};

test('a connection group of one\'s own: disabled, it refuses its tenants and no others', async () => {
  const { ConnectionGroup: group, ETag } = await system.client.send(new CreateConnectionGroupCommand({ Name: 'apart', Enabled: true, Ipv6Enabled: false }));
  const id = group?.Id as string;
  await update(two, { ConnectionGroupId: id });
  expect(await seen('two.example')).toBe('/shops/two/a for localhost v3');
  const { ETag: disabled } = await system.client.send(new UpdateConnectionGroupCommand({ Id: id, IfMatch: ETag, Enabled: false }));
  await until(async () => (await system.client.send(new GetConnectionGroupCommand({ Identifier: id }))).ConnectionGroup?.Status === 'Deployed', 'deployment of the group');
  expect([await seen('two.example'), await seen('www.one.example')]).toEqual(['403', '/shops/uno/a for 127.0.0.1 v3']);
  await expect(system.client.send(new DeleteConnectionGroupCommand({ Id: id, IfMatch: disabled }))).rejects.toMatchObject({ name: 'CannotDeleteEntityWhileInUse' });
  await update(two, { ConnectionGroupId: (await system.client.send(new GetDistributionTenantCommand({ Identifier: one }))).DistributionTenant?.ConnectionGroupId });
  expect(await seen('two.example')).toBe('/shops/two/a for localhost v3');
  await system.client.send(new DeleteConnectionGroupCommand({ Id: id, IfMatch: disabled }));
});

test('disabled, a tenant is refused; deleted, its domains are free and its distribution may go', async () => {
  await update(one, { Enabled: false });
  expect([await seen('www.one.example'), await seen('two.example')]).toEqual(['403', '/shops/two/a for localhost v3']);
  await system.client.send(new DeleteDistributionTenantCommand({ Id: one, IfMatch: await deployed(one) }));
  await update(two, { Domains: [{ Domain: 'www.one.example' }] });
  expect([await seen('www.one.example'), await seen('two.example')]).toEqual(['/shops/two/a for localhost v3', '403']);
  const off = await system.client.send(new UpdateDistributionCommand({ Id: distributionId, IfMatch: await distributionTag(), DistributionConfig: config({ Enabled: false }) }));
  await waitUntilDistributionDeployed({ client: system.client, ...waiting }, { Id: distributionId });
  expect(await seen('www.one.example')).toBe('403');
  await expect(system.client.send(new DeleteDistributionCommand({ Id: distributionId, IfMatch: off.ETag }))).rejects.toMatchObject({ $metadata: { httpStatusCode: 409 } });
  await update(two, { Enabled: false });
  await system.client.send(new DeleteDistributionTenantCommand({ Id: two, IfMatch: await deployed(two) }));
  await system.client.send(new DeleteDistributionCommand({ Id: distributionId, IfMatch: off.ETag }));
});
