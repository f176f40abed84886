// Name servers with geographic answers over one database of countries: a router, gdnsd and PowerDNS, each with the same zone.
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { product } from '../fleet.mjs';
import { freePort, until } from '../processes.mjs';
import { root } from '../systems.mjs';

export const domain = 'cdn.test';
/** A POP, its address, and the continents that are sent there by those who know continents only. */
const places = { fra: ['FRA50-P1', '127.0.1.1', ['EU', 'AF']], iad: ['IAD50-P1', '127.0.1.2', ['NA', 'SA']], nrt: ['NRT50-P1', '127.0.1.3', ['AS', 'OC', 'AN']] };
export const addresses = Object.values(places).map(([, address]) => address);
const ttlS = 20;
const labelOf = (n) => `d${String(n).padStart(13, '0')}`;
export const nameOf = (n) => `${labelOf(n)}.${domain}`;

/** What edges answer to a router's probes. */
async function startEdges(place) {
  const ports = [];
  for (const address of addresses) {
    const server = http.createServer((_request, response) => response.end());
    await new Promise((resolve) => { server.listen(0, address, resolve); });
    place.onClose(() => { server.closeAllConnections(); server.close(); });
    ports.push(server.address().port);
  }
  return ports;
}

/** A router that starts from its disk, as one does whose worker is away. */
export async function router(place, names, database, { profile = false } = {}) {
  const [dnsPort, httpPort] = [await freePort(), await freePort()];
  const dir = path.join(place.dir, 'router');
  mkdirSync(path.join(dir, 'snapshot'), { recursive: true });
  const { Journal } = product('snapshot/journal');
  const journal = Journal.open(path.join(dir, 'snapshot'), product('base/log').silentLog);
  const route = (n) => ({ kind: 'route', id: `E${n}`, seq: 1, enabled: true, hosts: [nameOf(n)], priceClass: 'all', ipv6: false });
  journal.replace('bench', 1, new Map(Array.from({ length: names }, (_unused, n) => [`E${n}`, route(n)])), []);
  await journal.flush();
  await journal.close();
  const ports = await startEdges(place);
  const { airportOf } = product('geo/places');
  writeFileSync(path.join(dir, 'fleet.json'), JSON.stringify(Object.entries(places).map(([id, [pop, address]], i) => {
    const { latitude, longitude } = airportOf(pop);
    return { id, pop, addresses: [`http://${address}:${ports[i]}`], place: { latitude, longitude }, region: '100', capacity: 100, load: 0, connected: true, draining: false };
  })));
  const { child } = place.launch(process.execPath, [...(profile ? ['--cpu-prof', `--cpu-prof-dir=${path.join(root, 'bench/results')}`] : []), path.join(root, 'dist/main.js'), 'router'], {
    EDGEFRONT_DATA_DIR: dir, EDGEFRONT_DOMAIN: domain, EDGEFRONT_DNS_PORT: String(dnsPort), EDGEFRONT_ROUTER_PORT: String(httpPort), EDGEFRONT_NODE_SECRET: 'bench-only-secret-of-the-nodes-000000', EDGEFRONT_NODE: 'router',
    EDGEFRONT_WORKER_URL: `ws://127.0.0.1:${await freePort()}`, EDGEFRONT_GEO_DATABASE: database, EDGEFRONT_DNS_TTL_S: String(ttlS), EDGEFRONT_DNS_RESPONSES_PER_S_MAX: '10000000', EDGEFRONT_LOG_LEVEL: 'warn',
  });
  return { name: 'Edgefront', port: dnsPort, pid: () => child.pid };
}

export async function gdnsd(place, names, database) {
  const port = await freePort();
  const dir = path.join(place.dir, 'gdnsd');
  for (const name of ['zones', 'run', 'state']) mkdirSync(path.join(dir, name), { recursive: true });
  const centers = Object.entries(places).map(([id, [, address]]) => `${id} => ${address}`).join(', ');
  const map = Object.entries(places).flatMap(([id, [, , continents]]) => continents.map((continent) => `${continent} => [${[id, ...Object.keys(places).filter((other) => other !== id)].join(', ')}]`));
  writeFileSync(path.join(dir, 'config'), `options => { run_dir => ${dir}/run, state_dir => ${dir}/state, listen => [127.0.0.1:${port}], udp_threads => 1, tcp_threads => 1, zones_default_ttl => ${ttlS} }
plugins => { geoip => {
  maps => { world => { geoip2_db => ${database}, datacenters => [${Object.keys(places).join(', ')}], map => { default => [${Object.keys(places).join(', ')}], ${map.join(', ')} } } }
  resources => { nearest => { map => world, service_types => up, dcmap => { ${centers} } } }
} }
`);
  writeFileSync(path.join(dir, 'zones', domain), `@ 3600 SOA ns1 hostmaster 1 3600 600 604800 5\n@ 3600 NS ns1\nns1 3600 A 127.0.0.1\n${
    Array.from({ length: names }, (_unused, n) => `${labelOf(n)} ${ttlS} DYNA geoip!nearest\n`).join('')}`);
  const { child, output } = place.launch('gdnsd', ['-c', dir, 'start']);
  await until(() => /DNS listeners started|ready/i.test(output()), 'gdnsd');
  return { name: 'gdnsd', port, pid: () => child.pid };
}

export async function powerdns(place, names, database) {
  const port = await freePort();
  const dir = path.join(place.dir, 'pdns');
  mkdirSync(dir);
  const records = Object.values(places).flatMap(([, address, continents]) => continents.map((continent) => `    ${continent.toLowerCase()}.geo.${domain}:\n      - a: ${address}\n`));
  writeFileSync(path.join(dir, 'zones.yaml'), `domains:
- domain: ${domain}
  ttl: ${ttlS}
  records:
    unknown.geo.${domain}:
      - a: ${addresses[0]}
    ${domain}:
      - soa: ns1.${domain} hostmaster.${domain} 1 3600 600 604800 5
      - ns: ns1.${domain}
${records.join('')}  services:
${Array.from({ length: names }, (_unused, n) => `    ${nameOf(n)}: '%cn.geo.${domain}'\n`).join('')}`);
  writeFileSync(path.join(dir, 'pdns.conf'), `launch=geoip
geoip-database-files=mmdb:${database}
geoip-zones-file=${dir}/zones.yaml
local-address=127.0.0.1
local-port=${port}
socket-dir=${dir}
edns-subnet-processing=yes
receiver-threads=1
distributor-threads=1
`);
  const { child } = place.launch('pdns_server', [`--config-dir=${dir}`, '--daemon=no', '--guardian=no']);
  return { name: 'PowerDNS', port, pid: () => child.pid };
}
