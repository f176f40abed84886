// Writes a configuration for nats-server in which every node has a key and permissions of its own, and the keys beside it.
//
//   node scripts/nats-config.mjs --dir nats --nodes edge-1:edge,edge-2:edge,router-1:router [--listen 0.0.0.0:4222]
//     [--store /var/lib/nats] [--cert server.pem --key server.key]
//
// Keys that are there already are kept, so that nodes can be added: run it again with all of them, then `nats-server --signal reload`.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const { nkeys } = require('@nats-io/transport-node');
const { nodePermissions, serverConfig, workerPermissions } = require(path.join(root, 'dist/snapshot/nats/permissions.js'));
const { tokenOf } = require(path.join(root, 'dist/snapshot/nats/layout.js'));

const { values } = parseArgs({ options: {
  dir: { type: 'string', default: 'nats' }, nodes: { type: 'string', default: '' }, listen: { type: 'string', default: '127.0.0.1:4222' },
  store: { type: 'string', default: '/var/lib/nats' }, cert: { type: 'string' }, key: { type: 'string' },
} });

const nodes = values.nodes.split(',').filter((text) => text !== '').map((text) => {
  const at = text.lastIndexOf(':');
  const [name, role] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || !['edge', 'router'].includes(role)) {
    process.stderr.write(`--nodes: "${text}" is not name:edge or name:router\n`);
    process.exit(1);
  }
  return { name, role };
});

mkdirSync(values.dir, { recursive: true, mode: 0o700 });

/** The key of a file, made when there is none. */
function userOf(file, name, permissions) {
  const seedFile = path.join(values.dir, `${file}.nk`);
  if (!existsSync(seedFile)) writeFileSync(seedFile, `${Buffer.from(nkeys.createUser().getSeed()).toString()}\n`, { mode: 0o600 });
  const pair = nkeys.fromSeed(Buffer.from(readFileSync(seedFile, 'utf8').trim()));
  return { key: pair.getPublicKey(), name, permissions };
}

const users = [
  userOf('workers', 'the workers', workerPermissions()),
  ...nodes.map(({ name, role }) => userOf(`node-${tokenOf(name)}`, `${role} ${name}`, nodePermissions(name, role))),
];
const tls = values.cert === undefined || values.key === undefined ? null : { cert: values.cert, key: values.key };
const file = path.join(values.dir, 'nats-server.conf');
writeFileSync(file, serverConfig({ listen: values.listen, storeDir: values.store, users, tls }), { mode: 0o600 });
process.stdout.write(`${file} and the keys of ${users.length} users are in ${values.dir}\n`);
