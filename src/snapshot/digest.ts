// One text for all that a node has in force, so that people can see whether two nodes have the same.
import { createHash } from 'node:crypto';
import type { Site } from './site';

const digestBytes = 32;

function digestOf(site: Site): Buffer {
  // A private key is sealed anew, with other bytes, by each worker that compiles its certificate.
  const told = site.kind === 'certificate' ? { ...site, sealedKey: null } : site;
  return createHash('sha256').update(JSON.stringify(told)).digest();
}

/**
 * The exclusive or of all sites' SHA-256: whatever the order in which they came, and at the cost of one site a change.
 * It tells states apart that differ by accident; it proves nothing about a node that lies.
 */
export class StateDigest {
  private readonly digests = new Map<string, Buffer>();
  private readonly all = Buffer.alloc(digestBytes);

  /** In place of whatever it had under the id. */
  put(site: Site): void {
    this.remove(site.id);
    const digest = digestOf(site);
    this.digests.set(site.id, digest);
    this.toggle(digest);
  }

  remove(id: string): void {
    const digest = this.digests.get(id);
    if (digest === undefined) return;
    this.digests.delete(id);
    this.toggle(digest);
  }

  clear(): void {
    this.digests.clear();
    this.all.fill(0);
  }

  /** In hexadecimal. */
  get text(): string { return this.all.toString('hex'); }

  private toggle(digest: Buffer): void {
    for (let at = 0; at < digestBytes; at += 1) this.all[at] = (this.all[at] as number) ^ (digest[at] as number);
  }
}
