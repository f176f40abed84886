// One certificate and one tenant on one edge, thousands of each on another: TLS handshakes by random names in turns, hits of random
// tenants, memory, and how long a change of one tenant and of their distribution takes. All of it made through the API.
//
//   node bench/tenants.mjs [--certificates 2000] [--tenants 10000] [--handshakes 4000] [--changes 20]
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:tls';
import { randomBytes, randomInt } from 'node:crypto';
import { keepResults, product, quantile, sdk, startFleet } from './fleet.mjs';
import { inWorkplace, option, sleep } from './processes.mjs';

const certificatesMax = Number(option('certificates', 2_000));
const tenantsMax = Number(option('tenants', 10_000));
const handshakes = Number(option('handshakes', 4_000));
const changes = Number(option('changes', 20));
/** Requests to the API under way at once. */
const parallel = 16;

const { issueAuthority, issueServer } = product('base/x509');
const validity = { fromMs: Date.now() - 86_400_000, untilMs: Date.now() + 30 * 86_400_000 };
const authority = issueAuthority('Bench authority', validity, randomBytes(16));

async function inParallel(count, work) {
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(parallel, count) }, async () => { while (next < count) await work(next++); }));
}

const domain = (tenant, certificates) => `t${tenant}.c${tenant % certificates}.example`;

/** What the kernel says of a process: resident bytes, and seconds of CPU. */
const rssBytes = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
function cpuS(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** A fleet of one edge that serves so many tenants, each certificate shared by as many of them. */
async function startTenants(place, certificates, tenants, originPort) {
  const fleet = await startFleet(place, { edges: 1, environment: { EDGEFRONT_SECRETS_KEY: randomBytes(32).toString('base64url') } });
  const [endpoint] = fleet.endpoints;
  const post = async (target, body, headers = {}) => {
    const answer = await fetch(endpoint + target, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });
    if (!answer.ok) throw new Error(`${target}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const { token } = await post('/edgefront/v1/tokens', fleet.credentials);
  const bearer = { authorization: `Bearer ${token}` };
  const arns = [];
  await inParallel(certificates, async (n) => {
    const { certificate, key: privateKey } = issueServer(authority, [`*.c${n}.example`], validity, randomBytes(16));
    arns[n] = (await post('/edgefront/v1/certificates', { certificate, privateKey, certificateChain: authority.certificate }, bearer)).certificateArn;
  });
  const client = fleet.client();
  const config = {
    CallerReference: 'bench', Comment: '', Enabled: true, ConnectionMode: 'tenant-only',
    Origins: { Quantity: 1, Items: [{ Id: 'o', DomainName: '127.0.0.1', OriginPath: '/{{shop}}', CustomOriginConfig: { HTTPPort: originPort, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' } }] },
    DefaultCacheBehavior: { TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all', CachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6' },
    TenantConfig: { ParameterDefinitions: [{ Name: 'shop', Definition: { StringSchema: { Required: true } } }] },
  };
  const { Distribution: { Id: id } } = await client.send(new sdk.CreateDistributionCommand({ DistributionConfig: config }));
  let first = null;
  await inParallel(tenants, async (n) => {
    const { DistributionTenant: made } = await client.send(new sdk.CreateDistributionTenantCommand({
      DistributionId: id, Name: `tenant-${n}`, Domains: [{ Domain: domain(n, certificates) }], Enabled: true,
      Parameters: [{ Name: 'shop', Value: `s${n}` }], Customizations: { Certificate: { Arn: arns[n % certificates] } },
    }));
    if (n === 0) first = made;
  });
  // The edge chooses its port for TLS each time it starts, and says so when it comes to the worker.
  const securePortOf = async () => {
    const answer = await fetch(`${endpoint}/edgefront/v1/nodes`, { headers: bearer });
    if (!answer.ok) throw new Error(`nodes: ${answer.status} ${await answer.text()}`);
    const edge = (await answer.json()).nodes.find(({ role, connected }) => role === 'edge' && connected);
    return Number(new URL(edge.addresses.find((address) => address.startsWith('https:'))).port);
  };
  const [edge] = fleet.processes('edge');
  return {
    fleet, client, certificates, tenants, id, config, first, securePortOf, port: fleet.edgePorts[0], edge,
    pid: () => edge.child.pid, randomName: () => domain(randomInt(tenants), certificates),
  };
}

const handshake = ({ securePort, randomName }) => new Promise((resolve, reject) => {
  const servername = randomName();
  const since = performance.now();
  // A client checks the certificate against the name: a wrong one ends the bench.
  const socket = connect({ host: '127.0.0.1', port: securePort, servername, ca: authority.certificate, ALPNProtocols: ['http/1.1'] }, () => {
    resolve(performance.now() - since);
    socket.destroy();
  }).on('error', reject);
});

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const hit = ({ port }, host) => new Promise((resolve, reject) => {
  const since = performance.now();
  http.get({ host: '127.0.0.1', port, path: '/o', headers: { host }, agent }, (response) => {
    let text = '';
    response.on('data', (piece) => { text += piece; }).on('end', () => resolve({ status: response.statusCode, text, ms: performance.now() - since }));
  }).on('error', reject);
});

/** From the API's answer until the edge serves what it says. */
async function changed(of, host, expected) {
  const since = performance.now();
  while ((await hit(of, host)).text !== expected) {
    if (performance.now() - since > 30_000) throw new Error(`${host} is not ${expected}`);
    await sleep(1);
  }
  return performance.now() - since;
}

async function changeTenant(of, round) {
  const { client, first, certificates } = of;
  const { ETag } = await client.send(new sdk.GetDistributionTenantCommand({ Identifier: first.Id }));
  await client.send(new sdk.UpdateDistributionTenantCommand({ Id: first.Id, IfMatch: ETag, Parameters: [{ Name: 'shop', Value: `v${round}` }] }));
  return changed(of, domain(0, certificates), of.path(`v${round}`));
}

async function changeDistribution(of, round) {
  const { client, id, config, certificates } = of;
  const { ETag } = await client.send(new sdk.GetDistributionConfigCommand({ Id: id }));
  config.Origins.Items[0].OriginPath = `/r${round}/{{shop}}`;
  await client.send(new sdk.UpdateDistributionCommand({ Id: id, IfMatch: ETag, DistributionConfig: config }));
  of.path = (shop) => `/r${round}/${shop}/o`;
  return changed(of, domain(0, certificates), of.path(`v${round}`));
}

const inTurns = async (all, rounds, work) => {
  for (let round = 1; round <= rounds; round += 1) for (const one of all) await work(one, round);
};

await inWorkplace('tenants', async (place) => {
  const origin = http.createServer((request, response) => response.writeHead(200, { 'cache-control': 'max-age=86400' }).end(request.url));
  await new Promise((resolve) => { origin.listen(0, '127.0.0.1', resolve); });
  place.onClose(() => { origin.closeAllConnections(); origin.close(); agent.destroy(); });
  const sizes = [[1, 1], [certificatesMax, tenantsMax]];
  const all = [];
  for (const [certificates, tenants] of sizes) {
    const from = performance.now();
    const one = { ...await startTenants(place, certificates, tenants, origin.address().port), times: [], hits: [], ofTenant: [], ofDistribution: [], cpuS: 0, path: (shop) => `/${shop}/o` };
    await changed(one, domain(tenants - 1, certificates), `/s${tenants - 1}/o`);
    all.push(one);
    process.stdout.write(`${certificates} certificates, ${tenants} tenants: in place after ${((performance.now() - from) / 1000).toFixed(0)} s\n`);
  }
  // As an edge that starts with all of it on its disk.
  for (const one of all) {
    await one.edge.end('SIGTERM');
    const from = performance.now();
    await one.edge.start();
    one.startMs = performance.now() - from;
    await sleep(2_000);
    one.securePort = await one.securePortOf();
    one.rssBefore = rssBytes(one.pid());
  }
  // Whoever asks for a certificate first waits until it is made ready; the others do not.
  const warm = async (of) => { for (let n = 0; n < of.certificates; n += 1) await handshake({ ...of, randomName: () => domain(n, of.certificates) }); };
  for (const one of all) {
    const before = cpuS(one.pid());
    await warm(one);
    one.firstCpuMs = ((cpuS(one.pid()) - before) / one.certificates) * 1000;
    one.rssCertificates = rssBytes(one.pid());
  }
  const perTurn = 50;
  await inTurns(all, Math.ceil(handshakes / perTurn), async (one) => {
    const before = cpuS(one.pid());
    for (let i = 0; i < perTurn; i += 1) one.times.push(await handshake(one));
    one.cpuS += cpuS(one.pid()) - before;
  });
  for (const one of all) one.rssHandshakes = rssBytes(one.pid());
  for (const one of all) for (let n = 0; n < one.tenants; n += 1) await hit(one, domain(n, one.certificates));
  await inTurns(all, Math.ceil(handshakes / perTurn), async (one) => { for (let i = 0; i < perTurn; i += 1) one.hits.push((await hit(one, one.randomName())).ms); });
  for (const one of all) one.rssTenants = rssBytes(one.pid());
  await inTurns(all, changes, async (one, round) => {
    one.ofTenant.push(await changeTenant(one, round));
    one.ofDistribution.push(await changeDistribution(one, round));
  });
  report(all);
  for (const { fleet } of all) if (fleet.failures.length > 0) throw new Error(fleet.failures.join('\n'));
});

function report(all) {
  const mb = (bytes) => Math.round(bytes / 1e6);
  const rows = all.map((one) => ({
    certificates: one.certificates, tenants: one.tenants,
    handshakeP50Ms: quantile(one.times, 0.5), handshakeP99Ms: quantile(one.times, 0.99), handshakeCpuMs: (one.cpuS / one.times.length) * 1000, firstCpuMs: one.firstCpuMs,
    hitP50Ms: quantile(one.hits, 0.5), hitP99Ms: quantile(one.hits, 0.99), startMs: one.startMs,
    rssMb: { started: mb(one.rssBefore), everyCertificateUsed: mb(one.rssCertificates), afterHandshakes: mb(one.rssHandshakes), everyTenantUsed: mb(one.rssTenants) },
    tenantChangeP50Ms: quantile(one.ofTenant, 0.5), distributionChangeP50Ms: quantile(one.ofDistribution, 0.5),
  }));
  keepResults('tenants', { rows });
  process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
}
