// Bundles of certificate authorities for trust stores: uploaded for the S3 object that a trust store names, listed and deleted.
import { prepareCaBundle, type CaBundle } from '../../model/ca-bundle';
import { pemBytesMax } from '../../model/certificate';
import { limits } from '../../model/limits';
import { refuse } from '../../model/refusal';
import type { ResourceRow } from '../../store/store';
import { caBundleRow, keepCaBundle, type CaBundlePlace } from '../ca-bundles';
import { failure, json, query, refer, text, time, type Node, type OwnCall, type OwnOperation } from '../own-operation';

interface Upload { readonly bucket: string; readonly key: string; readonly version?: string; readonly certificates: string }

const path = '/edgefront/v1/ca-bundles';
/** Bundles on one page. */
const page = { default: 100, max: 500 } as const;

const placeOf = ({ bucket, key, version }: Omit<Upload, 'certificates'>): CaBundlePlace => ({ Bucket: bucket, Key: key, ...(version === undefined ? {} : { Version: version }) });

function shown({ config, lastModifiedTime }: ResourceRow): Record<string, unknown> {
  const { Bucket, Key, Version, certificates, count } = config as unknown as CaBundlePlace & CaBundle;
  return { bucket: Bucket, key: Key, ...(Version === undefined ? {} : { version: Version }), numberOfCaCertificates: count, certificates, lastModifiedTime: lastModifiedTime.toISOString() };
}

async function remove({ query: given }: OwnCall, store: Parameters<typeof caBundleRow>[1]): Promise<void> {
  const current = await caBundleRow(placeOf(given as unknown as Upload), store);
  if (current === null) refuse('NoSuchCaBundle', 'There is no such bundle.');
  const outcome = await store.resources.remove('ca-bundle', current.id, current.etag);
  if (outcome.outcome === 'stale') refuse('PreconditionFailed', 'The bundle was changed at the same time.');
}

const bucket: Node = { type: 'string', pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$', description: 'As the trust store names it.' };
const key: Node = { type: 'string', minLength: 1, maxLength: limits.objectKeyCharsMax, description: 'As the trust store names it.' };
const version: Node = { type: 'string', minLength: 1, maxLength: limits.objectKeyCharsMax, description: 'Where the trust store names one.' };

export const caBundleOperations: readonly OwnOperation[] = [
  {
    operationId: 'PutCaBundle', method: 'put', path, access: 'key',
    node: {
      summary: 'Uploads the certificates that a trust store finds where its CaCertificatesBundleS3Location says. It reads them when it is created, and when an update names their place.',
      requestBody: { required: true, content: json(refer('CaBundleUpload')) },
      responses: { 200: { description: 'The bundle.', content: json(refer('CaBundle')) }, 400: failure('MalformedCertificate, UnsupportedCertificate, CertificateExpired; TooManyCaBundles.') },
    },
    handle: async ({ body }, { store, clock }) => {
      const upload = body as unknown as Upload;
      const bundle = prepareCaBundle(upload.certificates, limits, clock.nowMs());
      return { status: 200, json: shown(await keepCaBundle(placeOf(upload), bundle, store)) };
    },
  },
  {
    operationId: 'ListCaBundles', method: 'get', path, access: 'key',
    node: {
      summary: 'Lists bundles, newest first.',
      parameters: [query('marker', 'The `nextMarker` of the page before.', { type: 'string', minLength: 1, maxLength: 64 }),
        query('maxItems', 'Bundles on a page.', { type: 'integer', minimum: 1, maximum: page.max, default: page.default })],
      responses: { 200: { description: 'The bundles.', content: json(refer('CaBundleList')) } },
    },
    handle: async ({ query: given }, { store }) => {
      const { items, nextMarker } = await store.resources.list('ca-bundle', (given['marker'] as string | undefined) ?? null, (given['maxItems'] as number | undefined) ?? page.default);
      return { status: 200, json: { caBundles: items.map(shown), ...(nextMarker === null ? {} : { nextMarker }) } };
    },
  },
  {
    operationId: 'DeleteCaBundle', method: 'delete', path, access: 'key',
    node: {
      summary: 'Deletes a bundle. Trust stores that have read it keep what they read.',
      parameters: [{ ...query('bucket', 'Its bucket.', bucket), required: true }, { ...query('key', 'Its key.', key), required: true }, query('version', 'Its version, if it was uploaded with one.', version)],
      responses: { 204: { description: 'Done.' }, 404: failure('NoSuchCaBundle.') },
    },
    handle: async (call, { store }) => {
      await remove(call, store);
      return { status: 204, json: null };
    },
  },
];

export const caBundleSchemas: Readonly<Record<string, Node>> = {
  CaBundleUpload: {
    type: 'object', required: ['bucket', 'key', 'certificates'], additionalProperties: false,
    properties: { bucket, key, version, certificates: { type: 'string', maxLength: pemBytesMax, description: `Authorities' certificates, PEM, ${limits.caCertificatesMax} at most; with each the way to its root.` } },
  },
  CaBundle: {
    type: 'object', required: ['bucket', 'key', 'numberOfCaCertificates', 'certificates', 'lastModifiedTime'],
    properties: { bucket: text, key: text, version: text, numberOfCaCertificates: { type: 'integer' }, certificates: text, lastModifiedTime: time },
  },
  CaBundleList: { type: 'object', required: ['caBundles'], properties: { caBundles: { type: 'array', items: refer('CaBundle') }, nextMarker: text } },
};
