// Where finished log files go: to the bucket that a distribution names, or to a folder of the operator's.
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { Fault, messageOf } from '../../base/fault';
import type { SiteOrigin } from '../../snapshot/site';
import type { OriginEndpoints } from '../access/origin-endpoints';
import type { Origins } from '../origins';

/** One object that is to be written. Writing it again writes the same. */
export interface LogObject {
  /** Host name of the bucket. */
  readonly bucket: string;
  readonly key: string;
  /** The file that holds its content. */
  readonly file: string;
}

export interface LogStore {
  /** Resolves once the object is there to stay. @throws Fault */
  put(object: LogObject): Promise<void>;
}

const putTimeoutS = 60;

/** Buckets behind the operator's endpoints. */
export class BucketStore implements LogStore {
  constructor(private readonly origins: Pick<Origins, 'send'>, private readonly endpoints: OriginEndpoints) {}

  async put({ bucket, key, file }: LogObject): Promise<void> {
    // A distribution's author names the bucket: the operator's key must not write wherever it may only read.
    if (this.endpoints.find(bucket)?.logs !== true) throw new Fault('log-bucket-not-allowed', 'machine', 'no entry of EDGEFRONT_ORIGIN_ENDPOINTS allows logs to this bucket');
    const content = await readFile(file);
    const target = `/${key.split('/').map(encodeURIComponent).join('/')}`;
    const fields = [
      'host', bucket, 'content-type', 'application/gzip', 'content-length', String(content.length),
      'x-amz-content-sha256', createHash('sha256').update(content).digest('hex'),
    ];
    const status = await new Promise<number>((resolve, reject) => {
      let answered = 0;
      this.origins.send(originOf(bucket), { method: 'PUT', target, fields, secure: true }, Readable.from([content]), {
        onInformation: () => {},
        onHead: (given) => { answered = given; },
        onData: () => {},
        onEnd: () => resolve(answered),
        onError: reject,
      });
    });
    if (status < 200 || status > 299) throw new Fault('log-refused', 'peer', `the bucket answered ${status}`, { retry: true });
  }
}

const originOf = (bucket: string): SiteOrigin => ({
  id: 'logs', host: bucket, kind: 's3', protocol: 'https-only', httpPort: 80, httpsPort: 443, tlsVersions: ['TLSv1.2', 'TLSv1.3'], path: '', headers: [],
  connectionAttempts: 1, connectionTimeoutS: 10, readTimeoutS: 30, keepAliveS: 5, completionTimeoutS: putTimeoutS, signing: { service: 's3', when: 'always' }, clientCertificate: null, shield: null,
});

/** A folder that has one of its own for each bucket. */
export class FolderStore implements LogStore {
  constructor(private readonly folder: string) {}

  async put({ bucket, key, file }: LogObject): Promise<void> {
    const target = path.join(this.folder, ...[bucket, ...key.split('/')].filter((segment) => segment !== '').map(fileNameOf));
    const partial = `${target}.part`;
    try {
      await mkdir(path.dirname(target), { recursive: true });
      await copyFile(file, partial);
      await rename(partial, target);
    } catch (thrown) {
      throw new Fault('log-folder-broken', 'machine', messageOf(thrown), { retry: true, cause: thrown });
    }
  }
}

/** A prefix is its author's: none of it may lead out of the folder. */
function fileNameOf(segment: string): string {
  if (segment === '.' || segment === '..') return segment.replaceAll('.', '%2E');
  return segment.replace(/[\u0000/\\]/g, encodeURIComponent);
}
