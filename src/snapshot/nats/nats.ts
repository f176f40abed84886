// The connection to NATS: where it is, who we are there, and that it is tried for ever.
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { connect, credsAuthenticator, nkeyAuthenticator, type Authenticator, type NatsConnection } from '@nats-io/transport-node';
import type { NatsSettings as NatsAccess } from '../../base/config';
import { Fault, codeOf } from '../../base/fault';
import type { Log } from '../../base/log';

export type { NatsAccess };

const connectMsMax = 5_000;
const reconnectMs = 500;
const reconnectJitterMs = 500;
const pingMs = 2_000;
const unansweredPingsMax = 2;
const credentialsBytesMax = 64 * 1024;

function readSecret(file: string): Buffer {
  try {
    const { mode, size } = statSync(file);
    if ((mode & 0o077) !== 0) throw new Fault('bad-setting', 'machine', `EDGEFRONT_NATS_CREDENTIALS: ${file} must be readable by its owner only (chmod 600)`);
    if (size > credentialsBytesMax) throw new Fault('bad-setting', 'machine', `EDGEFRONT_NATS_CREDENTIALS: ${file} is no credentials file`);
    return readFileSync(file);
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw new Fault('bad-setting', 'machine', `EDGEFRONT_NATS_CREDENTIALS: cannot read ${file} (${codeOf(thrown) ?? 'unknown'})`);
  }
}

function authenticatorOf(file: string): Authenticator {
  const secret = readSecret(file);
  const text = secret.toString('latin1');
  if (text.includes('BEGIN NATS USER JWT')) return credsAuthenticator(secret);
  const seed = /^(SU[A-Z2-7]{56})\s*$/m.exec(text)?.[1];
  if (seed === undefined) throw new Fault('bad-setting', 'machine', `EDGEFRONT_NATS_CREDENTIALS: ${file} holds neither the seed of a user's nkey nor a .creds file`);
  return nkeyAuthenticator(Buffer.from(seed));
}

/** @throws Fault `bad-setting`, which names no more of a URL than its scheme and host */
function checkServer(server: string): void {
  const url = URL.canParse(server) ? new URL(server) : null;
  if (url === null || !['nats:', 'tls:'].includes(url.protocol) || url.hostname === '') {
    throw new Fault('bad-setting', 'machine', 'EDGEFRONT_NATS_URL must be nats://host:port or tls://host:port, or several with commas between');
  }
  // The library would take a certificate for `localhost` for that of any address.
  if (url.protocol === 'tls:' && isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0) {
    throw new Fault('bad-setting', 'machine', 'EDGEFRONT_NATS_URL must name the host where it says tls://, not its address');
  }
  if (url.username !== '' || url.password !== '') {
    throw new Fault('bad-setting', 'machine', `EDGEFRONT_NATS_URL: credentials for ${url.hostname} belong into the file that EDGEFRONT_NATS_CREDENTIALS names, not into the URL`);
  }
}

/** A connection that is made as soon as it can be, and again whenever it is lost. */
export interface NatsLink {
  /** Resolves with the connection once it is there for the first time; rejects when the link was closed before. */
  readonly ready: Promise<NatsConnection>;
  close(): Promise<void>;
}

/**
 * Begins to connect.
 * @param inbox what the subjects begin with that answers come on
 * @throws Fault `bad-setting`
 */
export function openNats(access: NatsAccess, { name, inbox, log }: { readonly name: string; readonly inbox: string; readonly log: Log }): NatsLink {
  if (access.servers.length === 0) throw new Fault('bad-setting', 'machine', 'EDGEFRONT_NATS_URL names no server');
  access.servers.forEach(checkServer);
  const secure = access.servers.some((server) => server.startsWith('tls://'));
  const authenticator = access.credentials === null ? undefined : authenticatorOf(access.credentials);
  const options = {
    servers: [...access.servers], name, inboxPrefix: inbox, maxReconnectAttempts: -1, reconnectTimeWait: reconnectMs, reconnectJitter: reconnectJitterMs, reconnectJitterTLS: reconnectJitterMs,
    timeout: connectMsMax, pingInterval: pingMs, maxPingOut: unansweredPingsMax, ignoreAuthErrorAbort: true,
    // A list that servers announce is not asked for: what the operator named is what is dialed.
    ignoreClusterUpdates: true,
    ...(authenticator === undefined ? {} : { authenticator }),
    // Where the URL says tls, a server that offers none is refused.
    ...(secure ? { tls: access.authorities === null ? {} : { caFile: access.authorities } } : { tls: null }),
  };
  let closed = false;
  let wake = (): void => undefined;
  const dial = async (): Promise<NatsConnection> => {
    for (let warned = false; ; warned = true) {
      if (closed) throw new Fault('closed', 'internal', 'closed before NATS was reached');
      try {
        const connection = await connect(options);
        if (!closed) return connection;
        await connection.close();
      } catch (thrown) {
        // The library's messages may quote the URL; its name for the error says enough.
        if (!warned) log.warn('nats-unreachable', { error: thrown instanceof Error ? thrown.name : 'unknown', note: 'trying on' });
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, reconnectMs + Math.random() * reconnectJitterMs);
          wake = () => { clearTimeout(timer); resolve(); };
        });
      }
    }
  };
  const ready = dial();
  // Whoever waits for it handles the rejection; when nobody does, it is nobody's loss.
  ready.catch(() => undefined);
  return {
    ready,
    close: async () => {
      closed = true;
      wake();
      await ready.then((connection) => connection.close()).catch(() => undefined);
    },
  };
}
