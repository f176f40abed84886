// Gives a primary distribution the configuration of its staging one and switches the policy between them off, in one transaction.
import { finishDistribution, rewriteDistributions } from './distributions';
import { finishResource, rewriteResource } from './resources';
import type { Promoted, Promotion, PromotionStore } from './store';
import { takeTurn, type Database, type Tx } from './transaction';

const policyKind = 'continuous-deployment-policy';

async function promote(tx: Tx, undo: (value: Promoted) => never, { primary, staging, policy }: Promotion): Promise<Promoted> {
  const refused = await rewriteDistributions(tx, 'web', [primary]);
  if (refused !== null) return undo('alias' in refused ? refused : { ...refused, of: 'primary' });
  if (policy.content !== null) {
    const changed = await rewriteResource(tx, { kind: policyKind, id: policy.id, etag: policy.expectedEtag }, policy.content);
    if (changed !== null) return undo({ ...changed, of: 'policy' });
  }
  await takeTurn(tx);
  // Within the turn what is only read cannot change: its writer comes before, and is seen, or afterwards.
  const source = await tx.distribution.findUnique({ where: { id: staging.id }, select: { etag: true } });
  if (source?.etag !== staging.expectedEtag) return undo({ outcome: source === null ? 'missing' : 'stale', of: 'staging' });
  const between = await tx.resource.findUnique({ where: { kind_id: { kind: policyKind, id: policy.id } }, select: { etag: true } });
  if (between?.etag !== (policy.content?.etag ?? policy.expectedEtag)) return undo({ outcome: between === null ? 'missing' : 'stale', of: 'policy' });
  if (policy.content !== null) {
    const switchedOff = await finishResource(tx, { kind: policyKind, id: policy.id }, policy.content.references);
    if (switchedOff.outcome !== 'done') return undo(switchedOff);
  }
  const finished = await finishDistribution(tx, primary.id, primary.facts);
  return finished.outcome === 'done' ? finished : undo(finished);
}

export function promotionsIn(database: Database): PromotionStore {
  return { promote: (promotion) => database.write<Promoted>((tx, undo) => promote(tx, undo, promotion)) };
}
