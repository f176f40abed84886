// What a signature costs: hits of one object, open and by a signed URL that comes again, in alternating rounds of one run; and a
// signature seen for the first time, beside the bare RSA verification.
import { execFileSync, spawnSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { inWorkplace, option, until } from './processes.mjs';
import { ask, edgefront, need } from './systems.mjs';

const require = createRequire(import.meta.url);
const { CreateKeyGroupCommand, CreatePublicKeyCommand, GetDistributionConfigCommand, UpdateDistributionCommand } = require('@aws-sdk/client-cloudfront');
const rounds = Number(option('rounds', 5));
const durationS = Number(option('seconds', 4));
const connections = Number(option('connections', 64));
const firstSeen = Number(option('first-seen', 20_000));
const objectBytes = 1024;

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const urlSafe = (bytes) => bytes.toString('base64').replace(/\+/g, '-').replace(/=/g, '_').replace(/\//g, '~');
const policyOf = (url, expires) => `{"Statement":[{"Resource":"${url}","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
const inAYear = Math.floor(Date.now() / 1000) + 31_536_000;
const canned = (url, keyId, expires = inAYear) =>
  `Expires=${expires}&Signature=${urlSafe(sign('sha1', Buffer.from(policyOf(url, expires)), privateKey))}&Key-Pair-Id=${keyId}`;
const custom = (keyId) => {
  const policy = `{"Statement":[{"Resource":"http://*","Condition":{"DateLessThan":{"AWS:EpochTime":${inAYear}},"IpAddress":{"AWS:SourceIp":"127.0.0.0/8"}}}]}`;
  return { Policy: urlSafe(Buffer.from(policy)), Signature: urlSafe(sign('sha1', Buffer.from(policy), privateKey)), 'Key-Pair-Id': keyId };
};

async function startOrigin(place) {
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { 'Content-Length': objectBytes, 'Cache-Control': 'max-age=86400', ETag: '"1"' });
    response.end(Buffer.alloc(objectBytes, 120));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  place.onClose(() => { server.closeAllConnections(); server.close(); });
  return server.address().port;
}

/** Puts a second behaviour before the open one: /signed/*, for which viewers must sign. */
async function restrict({ client, distributionId }) {
  const { PublicKey } = await client.send(new CreatePublicKeyCommand({ PublicKeyConfig: {
    CallerReference: 'bench', Name: 'bench', EncodedKey: publicKey.export({ type: 'spki', format: 'pem' }),
  } }));
  const { KeyGroup } = await client.send(new CreateKeyGroupCommand({ KeyGroupConfig: { Name: 'bench', Items: [PublicKey.Id] } }));
  const { DistributionConfig, ETag } = await client.send(new GetDistributionConfigCommand({ Id: distributionId }));
  const { DefaultCacheBehavior: open } = DistributionConfig;
  const signed = { ...open, PathPattern: '/signed/*', TrustedKeyGroups: { Enabled: true, Quantity: 1, Items: [KeyGroup.Id] } };
  await client.send(new UpdateDistributionCommand({ Id: distributionId, IfMatch: ETag, DistributionConfig: { ...DistributionConfig, CacheBehaviors: { Quantity: 1, Items: [signed] } } }));
  return PublicKey.Id;
}

function cpuS(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function load({ pids, port, host }, target, headers) {
  const before = pids.reduce((sum, pid) => sum + cpuS(pid), 0);
  const given = Object.entries({ Host: host, ...headers }).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const result = spawnSync('taskset', ['-c', '1', 'wrk', '-t1', `-c${connections}`, `-d${durationS}s`, ...given, `http://127.0.0.1:${port}${target}`], { encoding: 'utf8' });
  const requests = Number(/(\d+) requests in/.exec(result.stdout)?.[1]);
  if (!(requests > 0) || /Non-2xx|Socket errors/.test(result.stdout)) throw new Error(`${target}: ${result.stdout}${result.stderr}`);
  return ((pids.reduce((sum, pid) => sum + cpuS(pid), 0) - before) / requests) * 1e6;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** The edge's own check of signatures nobody has sent before, against `verify` alone on the same ones. */
function firstSeenCost(host, keyId) {
  const { SignatureChecks, viewerKey } = require('../dist/edge/access/signed.js');
  const keys = new Map([[keyId, viewerKey({ id: keyId, pem: publicKey.export({ type: 'spki', format: 'pem' }) })]]);
  const url = `http://${host}/signed/1`;
  const one = canned(url, keyId);
  const requests = Array.from({ length: firstSeen }, (_, i) => ({
    scheme: 'http', host, path: '/signed/1', query: one.replace(/Expires=\d+/, `Expires=${inAYear - 1 - i}`), fields: ['host', host], remoteAddress: '127.0.0.1',
  }));
  const timed = (run) => {
    const from = process.hrtime.bigint();
    requests.forEach(run);
    return Number(process.hrtime.bigint() - from) / 1000 / firstSeen;
  };
  const checks = new SignatureChecks();
  const object = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }));
  const signature = sign('sha1', Buffer.from(policyOf(url, inAYear)), privateKey);
  const statements = requests.map((_, i) => Buffer.from(policyOf(url, inAYear - 1 - i)));
  const nowMs = Date.now();
  return { checkUs: timed((request) => checks.refusal(request, keys, nowMs)), verifyUs: timed((_, i) => verify('sha1', statements[i], object, signature)) };
}

await inWorkplace('signed', async (place) => {
  need('wrk', 'taskset');
  const system = await edgefront(place, await startOrigin(place), { readyPath: '/1', cachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6' });
  system.pids.forEach((pid) => execFileSync('taskset', ['-a', '-p', '-c', '0', String(pid)], { stdio: 'ignore' }));
  const keyId = await restrict(system);
  const url = `http://${system.host}/signed/1`;
  const cookies = Object.entries(custom(keyId)).map(([name, value]) => `CloudFront-${name}=${value}`).join('; ');
  const query = Object.entries(custom(keyId)).map(([name, value]) => `${name}=${value}`).join('&');
  const kinds = [
    ['open', '/signed-not/1', {}], ['signed URL, canned policy', `/signed/1?${canned(url, keyId)}`, {}],
    ['signed URL, custom policy with address', `/signed/1?${query}`, {}], ['signed cookies, custom policy with address', '/signed/1', { Cookie: cookies }],
  ];
  await until(async () => (await ask(system.port, system.host, '/signed/1')).status === 403, 'the signed behaviour');
  for (const [name, target] of kinds.slice(0, 3)) {
    await ask(system.port, system.host, target);
    const second = await ask(system.port, system.host, target);
    if (!system.hit(second.headers)) throw new Error(`${name} is no hit: ${JSON.stringify(second)}`);
  }
  const samples = kinds.map(() => []);
  for (let round = 0; round <= rounds; round += 1) {
    kinds.forEach(([, target, headers], i) => {
      const cpuUs = load(system, target, headers);
      if (round > 0) samples[i].push(cpuUs);
    });
    process.stderr.write(`round ${round} of ${rounds}\n`);
  }
  const base = median(samples[0]);
  const lines = ['| hits of 1 KiB, HTTP/1.1 | CPU µs/request | of open |', '|---|---:|---:|',
    ...kinds.map(([name], i) => `| ${name} | ${median(samples[i]).toFixed(1)} | ${(median(samples[i]) / base).toFixed(2)} |`)];
  const { checkUs, verifyUs } = firstSeenCost(system.host, keyId);
  lines.push('', `A signature seen for the first time: ${checkUs.toFixed(1)} µs; the bare RSA-2048 verification: ${verifyUs.toFixed(1)} µs.`);
  process.stdout.write(`${lines.join('\n')}\n`);
});
