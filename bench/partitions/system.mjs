// docker-compose.yml's topology as processes in namespaces: Postgres, api with worker, two routers, edges at three places.
import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Process, sdk } from '../fleet.mjs';
import { until } from '../processes.mjs';

/** One way to the core, in ms: what lies between the places of a continent, or of two. */
export const delaysMs = {
  control: 5, database: 0.2, origin: 10, 'router-1': 5, 'router-2': 20, frankfurt: 5, virginia: 40, tokyo: 100, 'viewers-de': 5, 'viewers-us': 40, 'viewers-jp': 100,
};
export const edges = { frankfurt: 'FRA50-P1', virginia: 'IAD50-P1', tokyo: 'NRT50-P1' };
export const routers = ['router-1', 'router-2'];
/** Where viewers are, the airport by which the operator's table says so, and the edge that is the nearest. */
export const viewers = { 'viewers-de': ['FRA', 'frankfurt'], 'viewers-us': ['IAD', 'virginia'], 'viewers-jp': ['NRT', 'tokyo'] };
export const objects = ['/c/0', '/c/1', '/c/2', '/c/3', '/c/4', '/c/5'];
export const livePath = '/live';
export const nodeLostMs = 5_000;
const originPort = 9000;
const [apiPort, httpPort, dnsPort, workerPort] = [8081, 8080, 53, 8083];
const domain = 'cdn.test';
const here = (file) => fileURLToPath(new URL(file, import.meta.url));
/** Managed-CachingOptimized and Managed-CachingDisabled. */
const [cachingOptimized, cachingDisabled] = ['658327ea-f89d-4fab-a63d-7e88639e58f6', '4135ea2d-6df8-44a3-9df3-4b5a84be39ad'];

/** A server of its own, in its own namespace. */
class Postgres {
  constructor(place, network) {
    Object.assign(this, { place, network, dir: path.join(place.dir, 'postgres') });
    const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(a) - Number(b));
    this.programs = `/usr/lib/postgresql/${versions.at(-1)}/bin`;
  }

  get url() { return `postgres://postgres@${this.network.address('database')}:5432/postgres`; }

  #asPostgres(program, args) {
    return ['setpriv', ['--reuid', 'postgres', '--regid', 'postgres', '--clear-groups', path.join(this.programs, program), '-D', this.dir, ...args]];
  }

  create() {
    mkdirSync(this.dir);
    execFileSync('chown', ['postgres:postgres', this.dir]);
    execFileSync(...this.#asPostgres('initdb', ['-A', 'trust', '-U', 'postgres', '--no-sync']), { stdio: 'ignore', cwd: this.dir });
    appendFileSync(path.join(this.dir, 'pg_hba.conf'), `host all all ${this.network.network('control')} trust\n`);
  }

  async start() {
    const [program, args] = this.#asPostgres('postgres', ['-c', 'listen_addresses=*', '-c', `unix_socket_directories=${this.dir}`]);
    const { child, output } = this.place.launch(...this.network.within('database', program, args));
    this.child = child;
    await until(() => output().includes('ready to accept connections'), 'Postgres');
  }

  /** As a crash would. */
  async kill() {
    const gone = new Promise((resolve) => { this.child.once('exit', resolve); });
    this.child.kill('SIGQUIT');
    await gone;
  }
}

export const distributionConfig = (network, configNumber) => ({
  CallerReference: 'partitions', Comment: '', Enabled: true,
  Origins: { Quantity: 2, Items: ['cached', 'live'].map((Id) => ({
    Id, DomainName: network.address('origin'), CustomOriginConfig: { HTTPPort: originPort, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' },
    // Of the uncached one only: a changed origin is new content.
    ...(Id === 'live' ? { CustomHeaders: { Quantity: 1, Items: [{ HeaderName: 'X-Config', HeaderValue: String(configNumber) }] } } : {}),
  })) },
  DefaultCacheBehavior: { TargetOriginId: 'cached', ViewerProtocolPolicy: 'allow-all', CachePolicyId: cachingOptimized },
  CacheBehaviors: { Quantity: 1, Items: [{ PathPattern: `${livePath}*`, TargetOriginId: 'live', ViewerProtocolPolicy: 'allow-all', CachePolicyId: cachingDisabled }] },
});

/** Starts everything, and waits until the API says that it is healthy. */
export async function startSystem(place, network) {
  const failures = [];
  const credentials = { accessKeyId: 'EFAKBENCHBENCHBENCH1', secretAccessKey: 'bench-only-secret-of-forty-characters-00' };
  const postgres = new Postgres(place, network);
  postgres.create();
  await postgres.start();
  const { output } = place.launch(...network.within('origin', process.execPath, [here('origin.mjs'), network.address('origin'), String(originPort)]));
  await until(() => output().includes('ready'), 'the origin');

  const networks = path.join(place.dir, 'networks');
  writeFileSync(networks, Object.entries(viewers).map(([name, [airport]]) => `${network.network(name)} ${airport}\n`).join(''));
  const shared = { EDGEFRONT_NODE_SECRET: randomBytes(32).toString('base64url'), EDGEFRONT_LOG_LEVEL: 'info', EDGEFRONT_DOMAIN: domain, EDGEFRONT_NODE_LOST_MS: String(nodeLostMs) };
  const control = {
    ...shared, DATABASE_URL: postgres.url, EDGEFRONT_SETTLE_HOLD_MS: '0', EDGEFRONT_API_PORT: String(apiPort), EDGEFRONT_WORKER_PORT: String(workerPort),
    EDGEFRONT_ACCESS_KEY_ID: credentials.accessKeyId, EDGEFRONT_SECRET_ACCESS_KEY: credentials.secretAccessKey, EDGEFRONT_SECRETS_KEY: randomBytes(32).toString('base64url'),
  };
  const node = { ...shared, EDGEFRONT_WORKER_URL: `ws://${network.address('control')}:${workerPort}`, EDGEFRONT_RTMP_PORT: '0', EDGEFRONT_HTTPS_PORT: '0' };
  const processes = new Map();
  const add = async (name, role, home, settings) => {
    const dir = path.join(place.dir, name);
    mkdirSync(dir);
    const one = new Process(name, role, { ...settings, EDGEFRONT_BIND: network.address(home), EDGEFRONT_DATA_DIR: dir }, (failure) => failures.push(failure), (program, args) => network.within(home, program, args));
    processes.set(name, one);
    place.onClose(() => one.end('SIGTERM'));
    await one.start();
  };
  await add('api', 'api', 'control', control);
  await add('worker', 'worker', 'control', control);
  await Promise.all([
    ...Object.entries(edges).map(([name, pop]) => add(name, 'edge', name, {
      ...node, EDGEFRONT_NODE: name, EDGEFRONT_POP: pop, EDGEFRONT_HTTP_PORT: String(httpPort), EDGEFRONT_ADDRESSES: `http://${network.address(name)}:${httpPort}`, EDGEFRONT_ORIGIN_ALLOW: network.network('origin'),
    })),
    ...routers.map((name) => add(name, 'router', name, { ...node, EDGEFRONT_NODE: name, EDGEFRONT_DNS_PORT: String(dnsPort), EDGEFRONT_NETWORKS: networks })),
  ]);
  const endpoint = `http://${network.address('control')}:${apiPort}`;
  await until(async () => (await fetch(`${endpoint}/healthz`)).status === 200, 'the system');
  const client = new sdk.CloudFrontClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1, requestHandler: { requestTimeout: 10_000 } });
  return { endpoint, credentials, client, postgres, processes, failures };
}

/** Starts the viewers of every place. @param take is given each viewer's story, and where it is from */
export function startViewers(place, network, host, everyMs, take) {
  for (const name of Object.keys(viewers)) {
    const wish = { host, routers: routers.map((router) => network.address(router)), port: httpPort, dnsPort, paths: [...objects, livePath], everyMs };
    const { child } = place.launch(...network.within(name, process.execPath, [here('viewer.mjs'), JSON.stringify(wish)]));
    let rest = '';
    child.stdout.on('data', (piece) => {
      const lines = (rest + piece).split('\n');
      rest = lines.pop();
      for (const line of lines) take({ from: name, ...JSON.parse(line) });
    });
  }
}
