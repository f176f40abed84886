// Certificates on their way to nodes: known at start, on change and on removal; keys opened for sealing only, and never in the clear.
import { storedCertificate } from '../../../src/api/certificates';
import { createLog, silentLog } from '../../../src/base/log';
import { nodeKeysPurpose, Sealer, storedKeysPurpose } from '../../../src/base/sealed';
import { prepareCertificate } from '../../../src/model/certificate';
import { readFromWorker } from '../../../src/snapshot/wire';
import type { CertificateSite } from '../../../src/snapshot/site';
import { Delivery } from '../../../src/worker/deliver';
import { serverCertificate, testAuthority } from '../../fixtures/certificates';
import { emptyStore, type TestStore } from '../../fixtures/test-store';

const stored = new Sealer('k'.repeat(32), storedKeysPurpose);
const nodes = new Sealer('n'.repeat(32), nodeKeysPurpose);
const keys = { stored, nodes, renew: async () => {} };
let store: TestStore;
beforeAll(async () => { store = await emptyStore(); });

const rowOf = (id: string, issued = serverCertificate(['*.test.example'])) => ({
  issued, row: storedCertificate(id, prepareCertificate({ certificate: issued.certificate, privateKey: issued.key, chain: testAuthority.certificate }, Date.now()), stored),
});
const textOf = (delivery: Delivery): string => [...delivery.snapshot.fullFrames('edge')].map(String).join('\n');
function sitesOf(delivery: Delivery): CertificateSite[] {
  return [...delivery.snapshot.fullFrames('edge')].flatMap((frame) => {
    const message = readFromWorker(frame.toString());
    return message.type === 'full' ? message.sites.filter((site): site is CertificateSite => site.kind === 'certificate') : [];
  });
}

test('nodes get every certificate, its key sealed for them', async () => {
  const { issued, row } = rowOf('first');
  expect((await store.resources.create({ ...row, countMax: 10 })).outcome).toBe('done');
  const delivery = await Delivery.load(store.changes, silentLog, keys);
  const [site] = sitesOf(delivery);
  expect(site).toMatchObject({ id: 'first', hosts: [], enabled: true });
  expect(nodes.open(site?.sealedKey ?? '', 'first')).toBe(issued.key);
  expect(() => stored.open(site?.sealedKey ?? '', 'first')).toThrow();
  expect(textOf(delivery)).not.toContain('PRIVATE');
  // Routers speak no TLS: they are not told that there is one.
  expect([...delivery.snapshot.fullFrames('router')].map(String).join('')).toContain('"sites":[]');
  expect([...delivery.snapshot.deltaFrames('router', delivery.snapshot.seq, ['first'])].map(String).join('')).toContain('"upserts":[],"removals":[]');
});
test('a renewal and a removal reach them', async () => {
  const delivery = await Delivery.load(store.changes, silentLog, keys);
  const from = delivery.snapshot.seq;
  const current = await store.resources.get('certificate', 'first');
  const { issued, row } = rowOf('first');
  await store.resources.update('certificate', 'first', current?.etag ?? '', row);
  await delivery.poll();
  expect(nodes.open(sitesOf(delivery)[0]?.sealedKey ?? '', 'first')).toBe(issued.key);
  expect([...delivery.snapshot.deltaFrames('edge', from, [])].map(String).join('')).toContain('"upserts":[{"kind":"certificate"');
  const renewed = await store.resources.get('certificate', 'first');
  const before = delivery.snapshot.seq;
  await store.resources.remove('certificate', 'first', renewed?.etag ?? '');
  await delivery.poll();
  expect(sitesOf(delivery)).toEqual([]);
  expect([...delivery.snapshot.deltaFrames('edge', before, [])].map(String).join('')).toContain('"removals":["first"]');
  // A worker that starts now remembers it, too, for nodes that were away.
  const later = await Delivery.load(store.changes, silentLog, keys);
  expect([...later.snapshot.deltaFrames('edge', before, [])].map(String).join('')).toContain('"removals":["first"]');
});
test('a key that cannot be opened is noted, and holds nothing else up; without a key of our own nobody is told', async () => {
  await store.resources.create({ ...rowOf('other').row, countMax: 10 });
  const lines: string[] = [];
  const wrong = await Delivery.load(store.changes, createLog('worker', 'error', (line) => lines.push(line)), { stored: new Sealer('x'.repeat(32), storedKeysPurpose), nodes, renew: async () => {} });
  expect(sitesOf(wrong)).toEqual([]);
  expect(wrong.refusals).toMatchObject([{ site: 'other', reason: expect.stringContaining('cannot be decrypted') }]);
  expect(lines.join('')).toContain('site-not-compiled');
  expect(sitesOf(await Delivery.load(store.changes, silentLog))).toEqual([]);
});
