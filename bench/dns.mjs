// DNS side by side: a router, gdnsd and PowerDNS (geoip backend), one core each, in alternating rounds of one run.
//
//   node bench/dns.mjs [--rounds 5] [--seconds 4] [--names 1000] [--outstanding 200] [--profile]
//
// The same zone, the same database of countries, the same queries: random names, each from a random client subnet. Absolute
// figures say little on a shared machine; ratios and CPU time per query are what to read.
import packet from 'dns-packet';
import { execFileSync, spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { keepResults } from './fleet.mjs';
import { inWorkplace, option, until } from './processes.mjs';
import { need } from './systems.mjs';
import { countryDatabase } from './dns/countries.mjs';
import { addresses, gdnsd, nameOf, powerdns, router } from './dns/servers.mjs';

const rounds = Number(option('rounds', 5));
const durationS = Number(option('seconds', 4));
const names = Number(option('names', 1_000));
const outstanding = option('outstanding', '200');
const queries = 20_000;
const sockets = '8';
const serverCore = '0';
const loadCore = '1';
const checksMin = 100;

const addressOf = (number) => [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** A query for a random name, on behalf of a random /24. */
function query(known) {
  const { at, bits } = pick(known);
  const ip = `${addressOf(at + Math.floor(Math.random() * 2 ** (32 - bits))).split('.').slice(0, 3).join('.')}.0`;
  return packet.encode({
    type: 'query', id: Math.floor(Math.random() * 65_536), questions: [{ name: nameOf(Math.floor(Math.random() * names)), type: 'A' }],
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, extendedRcode: 0, ednsVersion: 0, options: [{ code: 8, family: 1, sourcePrefixLength: 24, scopePrefixLength: 0, ip }] }],
  });
}

const ask = ({ port }, bytes) => new Promise((resolve, reject) => {
  const socket = dgram.createSocket('udp4');
  const end = (settle, value) => { clearTimeout(timer); socket.close(); settle(value); };
  const timer = setTimeout(() => end(reject, new Error('no answer')), 1_000);
  socket.on('message', (answer) => end(resolve, packet.decode(answer)));
  socket.send(bytes, port, '127.0.0.1');
});

/** That it answers with one of the places, differently to different viewers, and says for how many of them. */
async function check(server, known) {
  const seen = new Set();
  for (let n = 0; n < checksMin; n += 1) {
    const { answers, additionals } = await ask(server, query(known));
    if (answers.length !== 1 || !addresses.includes(answers[0].data)) throw new Error(`${server.name} answers ${JSON.stringify(answers)}`);
    const subnet = additionals.find(({ type }) => type === 'OPT')?.options.find(({ code }) => code === 8);
    if (!(subnet?.data[3] > 0)) throw new Error(`${server.name} tells no scope`);
    seen.add(answers[0].data);
  }
  if (seen.size !== addresses.length) throw new Error(`${server.name} sends everybody to ${[...seen].join()}`);
}

/** CPU seconds a process has used, user and system. */
function cpuS(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function load(server, file) {
  const before = cpuS(server.pid());
  const { stdout, stderr } = spawnSync('taskset', ['-c', loadCore, 'dnsperf', '-s', '127.0.0.1', '-p', String(server.port), '-B', '-d', file, '-l', String(durationS), '-c', sockets, '-q', outstanding], { encoding: 'utf8' });
  const cpu = cpuS(server.pid()) - before;
  const count = Number(/Queries completed:\s+(\d+)/.exec(stdout)?.[1]);
  const others = /Response codes:\s+(.*)/.exec(stdout)?.[1] ?? '';
  if (!(count > 0) || !/^NOERROR \d+ \(100.00%\)$/.test(others.trim())) throw new Error(`${server.name}: ${stdout}${stderr}`);
  return { qps: Number(/Queries per second:\s+([\d.]+)/.exec(stdout)?.[1]), cpuUs: (cpu / count) * 1e6 };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

await inWorkplace('dns', async (place) => {
  need('gdnsd', 'pdns_server', 'dnsperf', 'taskset');
  const database = path.join(place.dir, 'countries.mmdb');
  const { bytes, known } = countryDatabase();
  writeFileSync(database, bytes);
  const messages = path.join(place.dir, 'queries');
  writeFileSync(messages, Buffer.concat(Array.from({ length: queries }, () => {
    const message = query(known);
    return Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);
  })));
  const servers = [await router(place, names, database, { profile: process.argv.includes('--profile') }), await gdnsd(place, names, database), await powerdns(place, names, database)];
  for (const server of servers) {
    await until(() => ask(server, query(known)), server.name);
    await check(server, known);
    execFileSync('taskset', ['-a', '-p', '-c', serverCore, String(server.pid())], { stdio: 'ignore' });
  }
  const samples = servers.map(() => []);
  for (let round = 0; round <= rounds; round += 1) {
    servers.forEach((server, i) => {
      const sample = load(server, messages);
      // The first round warms up code and caches.
      if (round > 0) samples[i].push(sample);
    });
    process.stderr.write(`round ${round} of ${rounds}: ${servers.map(({ name }, i) => `${name} ${Math.round(samples[i].at(-1)?.qps)}/s, ${samples[i].at(-1)?.cpuUs.toFixed(1)} µs`).join('; ')}\n`);
  }
  const results = servers.map(({ name }, i) => ({ name, qps: median(samples[i].map(({ qps }) => qps)), cpuUs: median(samples[i].map(({ cpuUs }) => cpuUs)) }));
  const [own, ...others] = results;
  process.stdout.write([
    `| DNS, geographic answers | queries/s | ${others.map(({ name }) => `Edgefront's of ${name}'s`).join(' | ')} | CPU µs/query |`, `|---|---:|${others.map(() => '---:|').join('')}---:|`,
    ...results.map((result) => `| ${result.name} | ${Math.round(result.qps)} | ${others.map((other) => (result === own ? (own.qps / other.qps).toFixed(2) : '')).join(' | ')} | ${result.cpuUs.toFixed(1)} |`), '',
  ].join('\n'));
  keepResults('dns', { rounds, durationS, names, results });
});
