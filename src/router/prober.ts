// Asks every edge each second whether it answers HTTP at all.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Service } from '../base/service';
import type { Endpoint } from '../snapshot/endpoint';
import type { Fleet } from './fleet';

const everyMs = 1_000;
const timeoutMs = 1_000;

/** Any answer is a good one: an edge that has no site for this host says so, and is alive. */
export function probe({ secure, address, port }: Endpoint): Promise<'answers' | 'fails'> {
  return new Promise((resolve) => {
    const asked = (secure ? httpsRequest : httpRequest)({
      host: address, port, method: 'HEAD', path: '/', agent: false, headers: { 'user-agent': 'edgefront-router', connection: 'close' },
      // Whether it is alive, not who it is: viewers check its certificate under the name they asked for.
      rejectUnauthorized: false, maxHeaderSize: 16 * 1024,
    });
    const deadline = setTimeout(() => asked.destroy(new Error('no answer in time')), timeoutMs);
    const end = (outcome: 'answers' | 'fails'): void => {
      clearTimeout(deadline);
      asked.destroy();
      resolve(outcome);
    };
    asked.on('response', () => end('answers'));
    asked.on('error', () => end('fails'));
    asked.on('close', () => end('fails'));
    asked.end();
  });
}

export function startProber(fleet: Fleet): Service {
  const underWay = new Map<string, Promise<void>>();
  const round = (): void => {
    for (const { id, endpoint } of fleet.targets()) {
      if (underWay.has(id)) continue;
      underWay.set(id, probe(endpoint).then((outcome) => {
        underWay.delete(id);
        fleet.probed(id, outcome);
      }));
    }
  };
  const timer = setInterval(round, everyMs);
  round();
  return {
    close: async () => {
      clearInterval(timer);
      await Promise.all(underWay.values());
    },
  };
}
