// What `npm start` prints once everything is up: addresses, credentials, and one example to copy.
import path from 'node:path';
import { apiUrlOf, edgeUrlOf, routerUrlOf, secureEdgeUrlOf, type Config } from '../base/config';

/** `secretAccessKey` null: it was given by the environment and is not repeated. */
export function welcome(config: Config, originAllow: string, administrator: { readonly accessKeyId: string; readonly secretAccessKey: string | null }): string {
  const api = apiUrlOf(config);
  const edges = Array.from({ length: config.edges }, (_, n) => edgeUrlOf(config, n));
  // Port 0 is any free one, which only the edge knows.
  const secureEdges = config.httpsPort === 0 ? [] : Array.from({ length: config.edges }, (_, n) => secureEdgeUrlOf(config, n));
  const secret = administrator.secretAccessKey ?? '$EDGEFRONT_SECRET_ACCESS_KEY';
  return `
Edgefront is up.

  API      ${api}
  docs     ${api}/reference
  edges    ${edges.join('  ')}
           ${secureEdges.join('  ')}   (root certificate: ${api}/edgefront/v1/certificate-authority)
  router   ${routerUrlOf(config)}  DNS ${config.bind} port ${config.dnsPort}
  origins  may have public addresses and ${originAllow} (EDGEFRONT_ORIGIN_ALLOW)
  data     ${config.dataDir}
  key id   ${administrator.accessKeyId}
  secret   ${administrator.secretAccessKey ?? '(as given by EDGEFRONT_SECRET_ACCESS_KEY)'}

Try it (AWS CLI; example.com is the origin):

  export AWS_ACCESS_KEY_ID=${administrator.accessKeyId} AWS_SECRET_ACCESS_KEY=${secret} AWS_DEFAULT_REGION=us-east-1${config.apiTlsNames === null ? '' : ` AWS_CA_BUNDLE=${path.join(config.dataDir, 'authority.pem')}`}
  aws --endpoint-url ${api} cloudfront create-distribution --origin-domain-name example.com
  curl -i -H 'Host: <the DomainName it answered>' ${edges[0]}/

Ctrl-C ends it; a second start finds everything as it was.
`;
}
