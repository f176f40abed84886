// Connections from one edge to another: known by the certificate that all edges show for names that no site has.
import type { TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import { Fault } from '../../base/fault';
import type { Endpoint } from '../../snapshot/endpoint';
import type { SiteOrigin } from '../../snapshot/site';
import { shieldHost } from './marks';

/** An edge that does not take a connection within this is passed over. */
const connectTimeoutS = 1;
/** Shorter than edges keep idle connections, so that none is used that is being closed. */
const keepAliveS = 20;

/** An edge, as pools of connections know what they connect to. */
export function edgeAsOrigin({ secure, address, port }: Endpoint, budgetS: number): SiteOrigin {
  return {
    id: 'edge', host: address, kind: 'custom', protocol: secure ? 'https-only' : 'http-only', httpPort: port, httpsPort: port, tlsVersions: ['TLSv1.2', 'TLSv1.3'],
    path: '', headers: [], connectionAttempts: 1, connectionTimeoutS: connectTimeoutS, readTimeoutS: budgetS, keepAliveS, completionTimeoutS: null, signing: null, clientCertificate: null, shield: null,
  };
}

/**
 * Connects to edges only: over TLS whoever is at the other end must have the private key of the certificate that this edge would
 * show itself. No authority is asked; the fleet's certificate may be signed by nobody.
 */
export function fleetConnector(options: buildConnector.BuildOptions, certificate: () => string | null): buildConnector.connector {
  const connect = buildConnector({ ...options, rejectUnauthorized: false, servername: shieldHost, maxCachedSessions: 0 });
  return (target, callback) => {
    connect({ ...target, servername: shieldHost }, (...[error, socket]) => {
      if (error !== null) {
        callback(error, null);
      } else if (target.protocol === 'https:' && (socket as TLSSocket).getPeerX509Certificate()?.fingerprint256 !== certificate()) {
        socket.destroy();
        callback(new Fault('origin-unreachable', 'peer', 'whoever is at an edge\'s address does not show the certificate of the fleet'), null);
      } else {
        callback(null, socket);
      }
    });
  };
}
