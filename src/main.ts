#!/usr/bin/env node
// Entry of every process: the argument names it; it is built, run, and closed on a signal.
import { randomBytes } from 'node:crypto';
import { systemClock } from './base/clock';
import { apiUrlOf, natsAccessOf, readConfig, secretsOf, type Config } from './base/config';
import { Fault } from './base/fault';
import { createLog, type Log } from './base/log';
import { Sealer, storedKeysPurpose } from './base/sealed';
import { ServerTls, type ServerTlsSettings } from './base/server-tls';
import { closeAll, type Service } from './base/service';
import { version } from './base/version';
import type { Store } from './store/store';

const roles = ['all', 'api', 'worker', 'edge', 'router'] as const;
type Role = (typeof roles)[number];

/** sysexits.h EX_CONFIG: the same start would fail again until a person changes something. */
const exitMisconfigured = 78;
/** How long closing may take, beyond the time that viewers are given, before the process gives up on politeness. */
const closeMsMax = 10_000;

// Each process loads only its own code: an edge has no Prisma in memory, and starts the faster for it.
async function start(role: Role, config: Config, log: Log): Promise<Service> {
  const clock = systemClock;
  switch (role) {
    case 'all': return (await import('./all/all.js')).startAll({ config, log, clock });
    case 'edge': return (await import('./edge/edge.js')).startEdge({ config, log, clock });
    case 'router': return (await import('./router/router.js')).startRouter({ config, log, clock });
    case 'worker': {
      const store = await (await import('./store/postgres.js')).openStore({ databaseUrl: databaseUrlOf(config), log, clock });
      return withStore(store, async () => {
        const { workerTlsCertificate: certificate, workerTlsKey: key, workerTlsNames: names } = config;
        const tls = await tlsOf({ certificate, key, names }, 'worker', store, config, log);
        const worker = await (await import('./worker/worker.js')).startWorker({ config, store, log, clock, version, tls, nats: natsAccessOf(config) });
        return { close: () => closeAll([...(tls === null ? [] : [tls]), worker]) };
      });
    }
    case 'api': {
      const store = await (await import('./store/postgres.js')).openStore({ databaseUrl: databaseUrlOf(config), log, clock });
      return withStore(store, async () => {
        const { startApi } = await import('./api/api.js');
        const { ensureAdministrator } = await import('./api/administrator.js');
        const { createOperations } = await import('./api/operations.js');
        const { Functions } = await import('./functions/functions.js');
        const { startDefaultCertificate } = await import('./api/certificates.js');
        await ensureAdministrator(config, store);
        await (await import('./api/reseal.js')).resealSecrets({ config, store, clock, log });
        const certificate = await startDefaultCertificate({ config, store, clock, log });
        const functions = new Functions(clock, log);
        const operations = createOperations({
          store, clock, random: randomBytes, domain: config.domain, accountId: config.accountId, apiUrl: apiUrlOf(config), settleHoldMs: config.settleHoldMs, functions,
        });
        const { apiTlsCertificate, apiTlsKey, apiTlsNames } = config;
        const tls = await tlsOf({ certificate: apiTlsCertificate, key: apiTlsKey, names: apiTlsNames }, 'api', store, config, log);
        const api = await startApi({ config, store, log, clock, operations, tls });
        return { close: () => closeAll([certificate, functions, ...(tls === null ? [] : [tls]), api]) };
      });
    }
  }
}

/** What a listener of the control plane shows its clients. Null: it speaks in the clear. */
async function tlsOf(settings: ServerTlsSettings, what: string, store: Store, config: Config, log: Log): Promise<ServerTls | null> {
  const { issueForListener } = await import('./store/authority.js');
  const keys = secretsOf(config, 'secretsKey');
  const sealer = keys.length === 0 ? null : new Sealer(keys, storedKeysPurpose);
  return ServerTls.open(settings, what, (names) => issueForListener(names, { store, sealer, clock: systemClock, dataDir: config.dataDir }), log);
}

/** A service that closes its store after itself; the store is closed as well when the service cannot start. */
async function withStore(store: { close(): Promise<void> }, make: () => Promise<Service>): Promise<Service> {
  try {
    const service = await make();
    return {
      close: async () => {
        try { await service.close(); } finally { await store.close(); }
      },
    };
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

function databaseUrlOf(config: Config): string {
  if (config.databaseUrl === null) {
    throw new Fault('bad-setting', 'machine', 'DATABASE_URL is needed, e.g. postgres://user:password@host:5432/edgefront; only `all` brings a database of its own');
  }
  return config.databaseUrl;
}

/** Resolves at the first signal to end, or when the process that started this one is gone. */
function ended(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
    process.once('disconnect', () => resolve());
  });
}

async function run(): Promise<void> {
  const role = roles.find((known) => known === process.argv[2]);
  if (role === undefined || process.argv.length > 3) {
    process.stderr.write(`usage: node dist/main.js ${roles.join(' | ')}\n`);
    process.exitCode = exitMisconfigured;
    return;
  }
  const stop = ended();
  try {
    const config = readConfig(process.env);
    const log = createLog(role, config.logLevel);
    const service = await start(role, config, log);
    process.send?.('ready');
    log.info('ready');
    await stop;
    // Timers and sockets of libraries may outlive a close; what has not ended by then is ended.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), config.drainMs + closeMsMax).unref();
    await service.close();
    if (process.connected) process.disconnect();
    log.info('closed');
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    process.stderr.write(`edgefront ${role}: ${thrown.message}\n`);
    process.exitCode = exitMisconfigured;
    if (process.connected) process.disconnect();
  }
}

void run();
