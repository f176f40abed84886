// The digest of a node's state: the same for the same sites, however they came to be there.
import fc from 'fast-check';
import { StateDigest } from '../../../src/snapshot/digest';
import type { CertificateSite } from '../../../src/snapshot/site';
import { site } from '../../fixtures/site';

const digestOf = (...sites: readonly Parameters<StateDigest['put']>[0][]): string => {
  const digest = new StateDigest();
  for (const one of sites) digest.put(one);
  return digest.text;
};

test('neither the order of changes nor what was there before makes a difference', () => {
  const step = fc.record({ id: fc.constantFrom('A', 'B', 'C'), seq: fc.integer({ min: 0, max: 3 }), gone: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const digest = new StateDigest();
    const held = new Map<string, ReturnType<typeof site>>();
    for (const { id, seq, gone } of steps) {
      if (gone) { digest.remove(id); held.delete(id); continue; }
      digest.put(site({ id, seq }));
      held.set(id, site({ id, seq }));
    }
    expect(digest.text).toBe(digestOf(...[...held.values()].reverse()));
  }));
});

test('any difference makes another digest', () => {
  const states = [[], [site()], [site({ id: 'E2' })], [site({ seq: 2 })], [site({ hosts: ['d2.cloudfront.localhost'] })], [site(), site({ id: 'E2' })]];
  expect(new Set(states.map((state) => digestOf(...state))).size).toBe(states.length);
  expect(digestOf(site())).toMatch(/^[0-9a-f]{64}$/);
});

test('a key that was sealed anew is the same key', () => {
  const certificate: CertificateSite = { kind: 'certificate', id: 'certificate/1', seq: 1, enabled: true, hosts: [], chain: 'PEM', sealedKey: 'one' };
  expect(digestOf({ ...certificate, sealedKey: 'two' })).toBe(digestOf(certificate));
  expect(digestOf({ ...certificate, chain: 'other' })).not.toBe(digestOf(certificate));
});

test('nothing is left of what was cleared', () => {
  const digest = new StateDigest();
  digest.put(site());
  digest.clear();
  digest.remove('E1');
  expect(digest.text).toBe(digestOf());
});
