// Who may connect as a node: the worker's side of `credential`. A name that enrolled is only ever its key's; others are whoever
// knows the fleet's secret, where there is one.
import type { IncomingMessage } from 'node:http';
import { decode, sign, verify, type Algorithm } from 'jsonwebtoken';
import { FailedAttempts } from '../base/attempts';
import type { Clock } from '../base/clock';
import { Fault, messageOf } from '../base/fault';
import { canonicalAddress } from '../base/ip-ranges';
import { Sealer } from '../base/sealed';
import { carriesSecrets } from './carries-secrets';
import { nodeAudience, tokenLifeS, fleetKeysPurpose, workerAudience, type FleetKeysMessage, type NodeRole, type Welcome } from './wire';

/** A node's key, as the worker has it on record. */
export interface EnrolledKey {
  /** PEM. */
  readonly publicKey: string;
  readonly role: NodeRole;
}

export interface NodeGateParts {
  /** The fleet's secret, then the one before it while nodes change over; empty: every node enrols. */
  readonly secrets: readonly string[];
  readonly keyOf: (node: string) => Promise<EnrolledKey | null>;
  readonly clock: Clock;
}

/** Who was let in, and how it is spoken to. */
export interface Admitted {
  readonly node: string;
  /** By which it was let in; null: by the shared secret. */
  readonly key: EnrolledKey | null;
  welcome(nonce: string, fleetKeys: readonly string[]): Welcome;
  keysMessage(fleetKeys: readonly string[]): FleetKeysMessage;
}

/** Clocks of two machines may differ by so much. */
const clockToleranceS = 60;
const tokenCharsMax = 4_096;

export class NodeGate {
  readonly attempts = new FailedAttempts();

  constructor(private readonly parts: NodeGateParts) {}

  /** @throws Fault `bad-token`, `too-many-attempts` */
  async admit(request: IncomingMessage): Promise<Admitted> {
    const address = canonicalAddress(request.socket.remoteAddress ?? '') ?? '';
    this.throttle(address);
    try {
      const token = tokenOf(request);
      const node = subjectOf(token);
      const key = await this.parts.keyOf(node);
      return key === null ? this.bySecret(token, node) : this.byKey(token, node, key, request);
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.source === 'peer') this.failed(address);
      throw thrown;
    }
  }

  /** The fleet's keys for whoever knows a secret of the fleet's, once for each secret. */
  keysForHolders(keys: readonly string[]): readonly FleetKeysMessage[] {
    return this.parts.secrets.map((secret) => ({ type: 'keys', keys: sealedUnder(secret, keys) }));
  }

  /** @throws Fault `too-many-attempts` when an address failed too often of late */
  throttle(address: string): void {
    if (!this.attempts.allows(address, this.parts.clock.monotonicMs())) throw new Fault('too-many-attempts', 'peer', 'too many attempts failed');
  }

  failed(address: string): void { this.attempts.count(address, this.parts.clock.monotonicMs()); }

  private byKey(token: string, node: string, key: EnrolledKey, request: IncomingMessage): Admitted {
    if (!carriesSecrets(request.socket)) throw new Fault('bad-token', 'peer', 'a node that enrolled comes over TLS, which ends at the worker');
    check(token, key.publicKey, 'ES256');
    return {
      node, key,
      welcome: (_nonce, keys) => ({ type: 'welcome', proof: null, keys }),
      keysMessage: (keys) => ({ type: 'keys', keys }),
    };
  }

  private bySecret(token: string, node: string): Admitted {
    const secret = this.parts.secrets.find((one) => isBy(token, one)) ?? this.parts.secrets[0];
    if (secret === undefined) throw new Fault('bad-token', 'peer', `no node ${node} has enrolled`);
    check(token, secret, 'HS256');
    const sealed = (keys: readonly string[]): readonly string[] => sealedUnder(secret, keys);
    return {
      node, key: null,
      welcome: (nonce, keys) => ({
        type: 'welcome', keys: sealed(keys), proof: sign({ nonce }, secret, { algorithm: 'HS256', audience: workerAudience, expiresIn: tokenLifeS }),
      }),
      keysMessage: (keys) => ({ type: 'keys', keys: sealed(keys) }),
    };
  }
}

function sealedUnder(secret: string, keys: readonly string[]): readonly string[] {
  const sealer = new Sealer(secret, fleetKeysPurpose);
  return keys.map((key) => sealer.seal(key, fleetKeysPurpose));
}

function tokenOf(request: IncomingMessage): string {
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined || token.length > tokenCharsMax) throw new Fault('bad-token', 'peer', 'no bearer token');
  return token;
}

/** Whom the token says it is of: only to look up what it is checked by. */
function subjectOf(token: string): string {
  const claims = decode(token, { json: true });
  if (typeof claims?.sub !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(claims.sub)) throw new Fault('bad-token', 'peer', 'no subject');
  return claims.sub;
}

/** Only the algorithm that belongs to the key: a token must not choose how it is checked. @throws Fault `bad-token` */
function check(token: string, key: string, algorithm: Algorithm): void {
  try {
    const claims = verify(token, key, { algorithms: [algorithm], audience: nodeAudience, clockTolerance: clockToleranceS, maxAge: tokenLifeS });
    if (typeof claims === 'string' || claims.exp === undefined) throw new Error('no end');
  } catch (thrown) {
    throw new Fault('bad-token', 'peer', messageOf(thrown));
  }
}

function isBy(token: string, secret: string): boolean {
  try {
    check(token, secret, 'HS256');
    return true;
  } catch {
    return false;
  }
}
