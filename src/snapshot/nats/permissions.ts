// A configuration for nats-server in which each node may say only what it is to say, and change nothing.
import type { NodeRole } from '../wire';
import {
  beatSubject, bucketStream, bucketSubjects, fleetSubject, inboxPrefix, keysOfSubject, keysSubject, liveSubject, logStream, logSubject, nodeSubject, nodeSubjects, rollOfSubject, rollSubject, tokenOf, workerInboxSubjects,
  type NodeWord,
} from './layout';

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

const roles: readonly NodeRole[] = ['edge', 'router'];
const words: readonly NodeWord[] = ['hello', 'ack', 'health', 'leave'];

/**
 * A node reads its role's streams by single requests and hears what workers say. It may create no consumers: the server
 * delivers to any subject a consumer names, whatever its maker may publish to.
 */
export function nodePermissions(node: string, role: NodeRole): Permissions {
  return {
    publish: [
      ...words.map((word) => nodeSubject(node, word)),
      `$JS.API.STREAM.INFO.${logStream(role)}`, `$JS.API.DIRECT.GET.${logStream(role)}`, `$JS.API.DIRECT.GET.${bucketStream(role)}`, `$JS.API.DIRECT.GET.${bucketStream(role)}.${bucketSubjects(role)}`,
    ],
    subscribe: [liveSubject(role), beatSubject, rollSubject, rollOfSubject(tokenOf(node)), `${inboxPrefix(node)}.>`, fleetSubject(role), ...(role === 'router' ? [] : [keysSubject, keysOfSubject(tokenOf(node))])],
  };
}

export function workerPermissions(): Permissions {
  const streams = roles.flatMap((role) => [logStream(role), bucketStream(role)]);
  return {
    publish: [
      ...roles.flatMap((role) => [logSubject(role), bucketSubjects(role)]), beatSubject, rollSubject, `${rollSubject}.*`, ...roles.map(fleetSubject), keysSubject, `${keysSubject}.*`,
      ...streams.flatMap((stream) => ['CREATE', 'UPDATE', 'INFO', 'PURGE'].map((action) => `$JS.API.STREAM.${action}.${stream}`)),
      ...streams.map((stream) => `$JS.API.DIRECT.GET.${stream}`), ...roles.map((role) => `$JS.API.DIRECT.GET.${bucketStream(role)}.${bucketSubjects(role)}`),
    ],
    subscribe: [nodeSubjects, beatSubject, workerInboxSubjects],
  };
}

export interface NatsUser {
  /** Public key of its nkey, `U…`. */
  readonly key: string;
  /** For people. */
  readonly name: string;
  readonly permissions: Permissions;
}

export interface ServerConfig {
  /** `address:port`. */
  readonly listen: string;
  readonly storeDir: string;
  readonly users: readonly NatsUser[];
  /** Certificate and key that the server shows; null: connections are in the clear. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

/** What one site may be, in its deflated form. The server's default is 1 MiB; more than 8 MiB its makers advise against. */
const maxPayload = '8MB';

const list = (subjects: readonly string[]): string => `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`;

/** The text of a configuration file. It holds public keys only. */
export function serverConfig({ listen, storeDir, users, tls }: ServerConfig): string {
  return [
    `listen: ${JSON.stringify(listen)}`,
    `max_payload: ${maxPayload}`,
    `jetstream: { store_dir: ${JSON.stringify(storeDir)} }`,
    ...(tls === null ? [] : [`tls: { cert_file: ${JSON.stringify(tls.cert)}, key_file: ${JSON.stringify(tls.key)} }`]),
    'authorization: {',
    '  users: [',
    ...users.flatMap(({ key, name, permissions }) => [
      `    # ${name}`,
      `    { nkey: ${key}, permissions: {`,
      `      publish: ${list(permissions.publish)}`,
      `      subscribe: ${list(permissions.subscribe)}`,
      '    } }',
    ]),
    '  ]',
    '}',
    '',
  ].join('\n');
}
