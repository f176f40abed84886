// Moves a host name from one owner to another, be they distributions or tenants, in one transaction.
import { releaseAliases, replaceAliases } from './aliases';
import { finishDistribution, rewriteDistribution } from './distributions';
import { finishResource, rewriteResource } from './resources';
import type { DomainMoved, DomainSide, DomainStore, Referrer } from './store';
import { takeTurn, type Database, type Tx } from './transaction';

const ownerOf = (side: DomainSide): Referrer => ({ kind: side.kind, id: side.id });

const namesOf = (side: DomainSide): readonly string[] => (side.kind === 'distribution' ? side.facts.aliases : side.content.aliases);

/** Writes one side's row, provided it is still the version that was read. */
async function rewrite(tx: Tx, side: DomainSide): Promise<{ readonly outcome: 'missing' | 'stale' } | null> {
  const { id, expectedEtag } = side;
  return side.kind === 'distribution'
    ? rewriteDistribution(tx, 'web', { id, expectedEtag, etag: side.etag, config: side.config, facts: side.facts })
    : rewriteResource(tx, { kind: side.kind, id, etag: expectedEtag }, side.content);
}

async function move(tx: Tx, undo: (value: DomainMoved) => never, giver: DomainSide, taker: DomainSide): Promise<DomainMoved> {
  // In one order, so that two moves never wait for each other crosswise.
  for (const side of [giver, taker].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const refused = await rewrite(tx, side);
    if (refused !== null) return undo({ ...refused, of: side === giver ? 'giver' : 'taker' });
  }
  await releaseAliases(tx, ownerOf(giver), namesOf(giver));
  const taken = await replaceAliases(tx, ownerOf(taker), namesOf(taker));
  if (taken !== null) return undo({ outcome: 'alias-taken', alias: taken });
  await takeTurn(tx);
  for (const side of [giver, taker]) {
    const finished = side.kind === 'distribution'
      ? await finishDistribution(tx, side.id, side.facts)
      : await finishResource(tx, { kind: side.kind, id: side.id }, side.content.references);
    if (finished.outcome !== 'done') return undo(finished);
  }
  return { outcome: 'done' };
}

export function domainsIn(database: Database): DomainStore {
  return { move: (giver, taker) => database.write<DomainMoved>((tx, undo) => move(tx, undo, giver, taker)) };
}
