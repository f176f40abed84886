// How a node proves itself to the worker, and how it knows the worker's welcome: by the fleet's shared secret, or by a key
// of its own that it enrolled with.
import { sign, verify } from 'jsonwebtoken';
import { Fault, messageOf } from '../base/fault';
import { Sealer } from '../base/sealed';
import { nodeAudience, tokenLifeS, fleetKeysPurpose, workerAudience, type FleetKeysMessage, type Welcome } from './wire';

const clockToleranceS = 60;

export interface NodeCredential {
  /** By the fleet's secret, or by a key of its own. */
  readonly kind: 'shared' | 'enrolled';
  /** Unique in the fleet. */
  readonly node: string;
  /** Root certificate by which the worker is known; null: nothing was said of it. */
  readonly authority: string | null;
  /** Seals what this node keeps on its own disk. */
  readonly keeper: Sealer;
  /** A token for one connection. */
  bearer(): string;
  /** Whether the worker is one. @throws Fault `unproved-worker` */
  check(welcome: Welcome, nonce: string): void;
  /** The fleet's keys out of a message. @throws Fault `cannot-unseal` */
  keysIn(message: Pick<FleetKeysMessage, 'keys'>): readonly string[];
}

/** @param secrets the present one, then any from before that what is on disk may be sealed under */
export function sharedCredential(node: string, secrets: readonly [string, ...string[]]): NodeCredential {
  const [secret] = secrets;
  const keeper = new Sealer(secrets, fleetKeysPurpose);
  return {
    kind: 'shared', node, keeper, authority: null,
    bearer: () => sign({}, secret, { algorithm: 'HS256', audience: nodeAudience, subject: node, expiresIn: tokenLifeS }),
    check: ({ proof }, nonce) => {
      try {
        const claims = verify(proof ?? '', secret, { algorithms: ['HS256'], audience: workerAudience, clockTolerance: clockToleranceS, maxAge: tokenLifeS });
        if (typeof claims === 'string' || claims['nonce'] !== nonce) throw new Error('not for this connection');
      } catch (thrown) {
        throw new Fault('unproved-worker', 'peer', `the worker does not prove that it knows the nodes' secret: ${messageOf(thrown)}`);
      }
    },
    keysIn: ({ keys }) => keys.map((key) => keeper.open(key, fleetKeysPurpose)),
  };
}

/**
 * A node that enrolled. Its connection is TLS to a worker whose certificate was checked, or does not leave the machine
 * (`startSubscriber` sees to it): that proves the worker, and lets it send the fleet's keys as they are.
 */
export function enrolledCredential({ node, privateKey, authority }: { readonly node: string; readonly privateKey: string; readonly authority: string | null }): NodeCredential {
  return {
    kind: 'enrolled', node, authority, keeper: new Sealer(privateKey, fleetKeysPurpose),
    bearer: () => sign({}, privateKey, { algorithm: 'ES256', audience: nodeAudience, subject: node, expiresIn: tokenLifeS }),
    check: () => {},
    keysIn: ({ keys }) => keys,
  };
}
