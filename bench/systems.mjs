// The systems that are compared, each in front of one origin: Edgefront, nginx's proxy_cache, Varnish.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, until } from './processes.mjs';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { CloudFrontClient, CreateCachePolicyCommand, CreateDistributionCommand } = createRequire(import.meta.url)('@aws-sdk/client-cloudfront');

/**
 * @typedef {object} System
 * @property {string} name
 * @property {number} port where it serves viewers, on 127.0.0.1
 * @property {number} [securePort] where it serves them over TLS
 * @property {string} host what a viewer names in Host
 * @property {readonly number[]} pids the processes that serve
 * @property {(headers: import('node:http').IncomingHttpHeaders) => boolean} hit whether an answer says that it came from the cache
 */

/** @throws when a program is not installed */
export function need(...programs) {
  for (const program of programs) {
    const found = spawnSync('sh', ['-c', `command -v ${program}`], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
    if (found.status !== 0) throw new Error(`${program} is missing: run scripts/bench-setup`);
  }
  if (!existsSync(path.join(root, 'dist/main.js'))) throw new Error('dist/ is missing: npm run build');
}

const childrenOf = (pid) => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((name) => {
  try { return readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1].split(' ')[1] === String(pid); } catch { return false; }
}).map(Number);

const commandOf = (pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8');

/** The processes of an nginx that serve; others load and tidy its cache, and one of them ends after a minute. */
export const nginxWorkers = (pid) => childrenOf(pid).filter((child) => commandOf(child).includes('worker process'));

/** One GET on a connection of its own. */
export const ask = (port, host, target) => new Promise((resolve, reject) => {
  http.get({ host: '127.0.0.1', port, path: target, headers: { host }, agent: false, timeout: 10_000 }, (response) => {
    let length = 0;
    response.on('data', (piece) => { length += piece.length; });
    response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, length }));
    response.on('error', reject);
  }).on('timeout', function abandon() { this.destroy(new Error('no answer')); }).on('error', reject);
});

/** A cache policy that leaves everything to the origin: no least lifetime, none where it says nothing. */
async function asTheOriginSays(client) {
  const { CachePolicy } = await client.send(new CreateCachePolicyCommand({ CachePolicyConfig: {
    Name: 'as-the-origin-says', MinTTL: 0, DefaultTTL: 0, MaxTTL: 31_536_000,
    ParametersInCacheKeyAndForwardedToOrigin: {
      EnableAcceptEncodingGzip: false, HeadersConfig: { HeaderBehavior: 'none' }, CookiesConfig: { CookieBehavior: 'none' },
      QueryStringsConfig: { QueryStringBehavior: 'all' },
    },
  } }));
  return CachePolicy.Id;
}

/**
 * A whole Edgefront with one edge and one distribution, which allows every method and forwards everything.
 * @param {{settings?: Record<string, string>, readyPath: string, name?: string, cachePolicyId?: string}} options
 *   `readyPath`: the origin answers it with 200; `cachePolicyId`: if not given, what is cached is left to the origin
 * @returns {Promise<System & {client: import('@aws-sdk/client-cloudfront').CloudFrontClient, distributionId: string, dataDir: string, workerPort: number}>}
 */
export async function edgefront(place, originPort, { settings = {}, readyPath, name = 'Edgefront', cachePolicyId }) {
  const [api, edge, securePort, worker] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const credentials = { accessKeyId: 'EFAKBENCHBENCHBENCH1', secretAccessKey: 'bench-only-secret-of-forty-characters-00' };
  const dataDir = path.join(place.dir, name.replaceAll(/\W+/g, '-'));
  const { child, output } = place.launch(process.execPath, [path.join(root, 'dist/main.js'), 'all'], {
    EDGEFRONT_DATA_DIR: dataDir, EDGEFRONT_API_PORT: String(api), EDGEFRONT_RTMP_PORT: '0', EDGEFRONT_DNS_PORT: '0', EDGEFRONT_ROUTER_PORT: '0', EDGEFRONT_HTTPS_PORT: String(securePort), EDGEFRONT_HTTP_PORT: String(edge),
    EDGEFRONT_WORKER_PORT: String(worker), EDGEFRONT_ACCESS_KEY_ID: credentials.accessKeyId, EDGEFRONT_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ...settings,
  });
  await until(() => output().includes('Edgefront is up'), name);
  const client = new CloudFrontClient({ endpoint: `http://127.0.0.1:${api}`, region: 'us-east-1', credentials });
  const { Distribution } = await client.send(new CreateDistributionCommand({ DistributionConfig: {
    CallerReference: 'bench', Comment: '', Enabled: true,
    Origins: { Quantity: 1, Items: [{ Id: 'o', DomainName: '127.0.0.1', CustomOriginConfig: { HTTPPort: originPort, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' } }] },
    DefaultCacheBehavior: {
      TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all', CachePolicyId: cachePolicyId ?? await asTheOriginSays(client),
      // Managed-AllViewer.
      OriginRequestPolicyId: '216adef6-5c7f-47e4-b989-5492eafa07d3',
      AllowedMethods: { Quantity: 7, Items: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'], CachedMethods: { Quantity: 2, Items: ['GET', 'HEAD'] } },
    },
  } }));
  place.onClose(() => client.destroy());
  const host = Distribution.DomainName;
  await until(async () => (await ask(edge, host, readyPath)).status === 200, `${name}'s distribution`);
  return { name, port: edge, securePort, host, pids: childrenOf(child.pid).filter((pid) => commandOf(pid).includes('main.js\0edge')), hit: (headers) => headers['x-cache'] === 'Hit from cloudfront', client, distributionId: Distribution.Id, dataDir, workerPort: worker };
}

/** A certificate like the one that Edgefront makes for its own domain: ECDSA on P-256. */
function makeCertificate(dir) {
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=bench',
    '-keyout', path.join(dir, 'key.pem'), '-out', path.join(dir, 'cert.pem')], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`);
}

/**
 * nginx with a cache zone on disk.
 * @param {{readyPath: string, cacheOptions?: string}} options `cacheOptions`: further directives of the location
 * @returns {Promise<System>}
 */
export async function nginx(place, originPort, { readyPath, cacheOptions = '' }) {
  const [port, securePort] = [await freePort(), await freePort()];
  const dir = path.join(place.dir, 'nginx');
  mkdirSync(path.join(dir, 'cache'), { recursive: true });
  makeCertificate(dir);
  // The worker runs as the same user that made the directory, so that it can really use its cache.
  writeFileSync(path.join(dir, 'nginx.conf'), `
${process.getuid() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log;
daemon off;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  open_file_cache max=1000 inactive=60s;
  proxy_cache_path ${dir}/cache keys_zone=c:10m max_size=1g;
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${securePort} ssl http2;
    ssl_certificate ${dir}/cert.pem; ssl_certificate_key ${dir}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    location / { proxy_pass http://127.0.0.1:${originPort}; proxy_cache c; add_header X-Cache $upstream_cache_status; ${cacheOptions} }
  }
}`);
  const { child } = place.launch('nginx', ['-c', path.join(dir, 'nginx.conf'), '-p', dir]);
  await until(async () => (await ask(port, 'bench', readyPath)).status === 200, 'nginx');
  const pids = nginxWorkers(child.pid);
  return { name: 'nginx', port, securePort, host: 'bench', pids, hit: (headers) => headers['x-cache'] === 'HIT' };
}

/**
 * Varnish with its built-in rules, storing in memory.
 * @param {{readyPath: string, core?: string}} options `core`: the one it may use
 * @returns {Promise<System>}
 */
export async function varnish(place, originPort, { readyPath, core = null }) {
  const port = await freePort();
  const dir = path.join(place.dir, 'varnish');
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'default.vcl'), `vcl 4.1;\nbackend default { .host = "127.0.0.1"; .port = "${originPort}"; }\n`);
  const args = ['-F', '-n', path.join(dir, 'n'), '-a', `127.0.0.1:${port}`, '-f', path.join(dir, 'default.vcl'), '-s', 'malloc,256m', '-p', 'thread_pools=1'];
  // Pinned from the start: its threads come and go.
  const { child } = core === null ? place.launch('varnishd', args) : place.launch('taskset', ['-c', core, 'varnishd', ...args]);
  await until(async () => (await ask(port, 'bench', readyPath)).status === 200, 'Varnish');
  return { name: 'Varnish', port, host: 'bench', pids: childrenOf(child.pid), hit: (headers) => /^\d+ \d+$/.test(headers['x-varnish'] ?? '') };
}
