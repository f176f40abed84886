// How bundles of certificate authorities are kept: one row each, under the name of the S3 object that it stands for.
import { createHash, randomBytes } from 'node:crypto';
import type { CaCertificatesBundleS3Location } from '@aws-sdk/client-cloudfront';
import { caBundleName, type CaBundle } from '../model/ca-bundle';
import { versionTag } from '../model/ids';
import { limits } from '../model/limits';
import { refuse } from '../model/refusal';
import type { ResourceRow, Store } from '../store/store';

export type CaBundlePlace = Pick<CaCertificatesBundleS3Location, 'Bucket' | 'Key' | 'Version'>;

type Resources = Pick<Store, 'resources'>;

/** Tries in all; each fails only where another writer was quicker. */
const writesMax = 5;

export async function caBundleRow(place: Partial<CaBundlePlace>, { resources }: Resources): Promise<ResourceRow | null> {
  return resources.getByName('ca-bundle', caBundleName(place));
}

/** Null: nothing was uploaded for this place. */
export async function caBundleAt(place: Partial<CaBundlePlace> | undefined, store: Resources): Promise<CaBundle | null> {
  const row = await caBundleRow(place ?? {}, store);
  return row === null ? null : row.config as unknown as CaBundle;
}

/** @throws Refusal TooManyCaBundles, PreconditionFailed */
export async function keepCaBundle(place: CaBundlePlace, bundle: CaBundle, { resources }: Resources): Promise<ResourceRow> {
  const name = caBundleName(place);
  const id = createHash('sha256').update(name).digest('hex').slice(0, 32);
  for (let write = 1; write <= writesMax; write += 1) {
    const current = await resources.getByName('ca-bundle', name);
    const content = { etag: versionTag(randomBytes), name, config: { ...place, ...bundle }, attributes: {}, references: [] };
    const outcome = current === null ? await resources.create({ ...content, kind: 'ca-bundle', id, countMax: limits.caBundlesMax })
      : await resources.update('ca-bundle', current.id, current.etag, content);
    if (outcome.outcome === 'done') return outcome.row;
    if (outcome.outcome === 'too-many') refuse('TooManyCaBundles', `There may be at most ${limits.caBundlesMax} bundles.`);
  }
  return refuse('PreconditionFailed', 'The bundle was changed at the same time.');
}
