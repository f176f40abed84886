// Opens listeners, and says in one clear line why one cannot be opened.
import type { AddressInfo, Server } from 'node:net';
import { codeOf, Fault, messageOf } from './fault';

export interface Listening {
  readonly bind: string;
  /** 0: any free one. */
  readonly port: number;
  /** The setting that names the port. */
  readonly setting: string;
}

/** Connections that the kernel keeps until they are accepted. */
const backlog = 4096;

export function cannotListen(thrown: unknown, { bind, port, setting }: Listening): Fault {
  return codeOf(thrown) === 'EADDRINUSE'
    ? new Fault('port-in-use', 'machine', `port ${port} on ${bind} is in use: stop what uses it, or set ${setting} to another port`, { cause: thrown })
    : new Fault('cannot-listen', 'machine', `cannot listen on ${bind} port ${port} (EDGEFRONT_BIND, ${setting}): ${messageOf(thrown)}`, { cause: thrown });
}

/**
 * @returns the port
 * @throws Fault `port-in-use`, `cannot-listen`
 */
export function listen(server: Server, at: Listening): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (thrown: Error): void => reject(cannotListen(thrown, at));
    server.once('error', failed);
    server.listen({ host: at.bind, port: at.port, backlog }, () => {
      server.removeListener('error', failed);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
