// The router process: sends viewers to the nearest edge, by DNS and by HTTP redirect, from what it was last told.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../base/clock';
import { natsAccessOf, workerUrlsOf, type Config } from '../base/config';
import { loadMeter } from '../base/load-meter';
import type { Log } from '../base/log';
import { closeAll, type Service } from '../base/service';
import { version } from '../base/version';
import { WatchedFile } from '../base/watched-file';
import { GeoDatabase } from '../geo/geo';
import { situationOf } from '../geo/situation';
import { startChannel } from '../snapshot/channel';
import { nodeCredential } from '../snapshot/enrolment';
import { startDnsServer } from './dns-server';
import { Fleet } from './fleet';
import { startRouterHttp } from './http-server';
import { locateBy } from './locate';
import { nameServersOf } from './name-servers';
import { NetworkTable, networksFileBytesMax } from './networks';
import { startProber } from './prober';
import { RateLimit } from './rate-limit';
import { RouteTable } from './routes';
import { answer, type ZoneState } from './zone';

export interface RouterParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RouterService extends Service {
  readonly dnsPort: number;
  readonly httpPort: number;
}

/** How often it is looked whether the worker is heard. */
const listenEveryMs = 250;

const openNetworks = (file: string, log: Log): Promise<WatchedFile<NetworkTable>> =>
  WatchedFile.open({ file, what: 'networks', bytesMax: networksFileBytesMax, parse: (bytes) => NetworkTable.parse(bytes), log });

/**
 * Starts a router. It answers from what it kept on disk before the worker is heard.
 * @throws Fault `bad-setting`, `not-enrolled` without a credential, or what databases, listeners and the data directory throw
 */
export async function startRouter({ config, clock, log }: RouterParts): Promise<RouterService> {
  const credential = await nodeCredential(config, 'router', log);
  const nameServers = nameServersOf(config);
  const dir = path.join(config.dataDir, 'snapshot');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const started: Service[] = [];
  try {
    const geo = await GeoDatabase.open({ file: config.geoDatabase, log });
    started.push(geo);
    const networks = config.networks === null ? null : await openNetworks(config.networks, log);
    if (networks !== null) started.push(networks);
    const routes = new RouteTable();
    const fleet = new Fleet(config.dataDir, log);
    const subscriber = await startChannel({
      nats: natsAccessOf(config), workerUrls: workerUrlsOf(config), version, role: 'router', pop: config.pop, addresses: [], situation: situationOf(config), load: loadMeter(),
      credential, workerCa: config.workerCa, dir, log, clock, apply: routes, takeFleet: (edges) => fleet.take(edges),
    });
    started.push(subscriber);
    const ear = setInterval(() => fleet.hear(subscriber.status()), listenEveryMs);
    started.push({ close: async () => { clearInterval(ear); } }, startProber(fleet));
    const state: ZoneState & { readonly routes: RouteTable } = {
      domain: config.domain, ttlS: config.dnsTtlS, nameServers, routes, fleet, locate: locateBy({ networks, geo }),
    };
    const dns = await startDnsServer({
      bind: config.bind, port: config.dnsPort, answer: (query, asker) => answer(query, asker, state), limit: new RateLimit(config.dnsResponsesPerSMax), clock, log,
    });
    started.push(dns);
    const http = await startRouterHttp({ bind: config.bind, port: config.routerPort, state, log });
    started.push(http);
    return { dnsPort: dns.port, httpPort: http.port, close: () => closeAll(started) };
  } catch (thrown) {
    await closeAll(started);
    throw thrown;
  }
}
