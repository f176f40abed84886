// Sealed secrets open with the same key, purpose and context, and with nothing else; nothing sealed is the same twice.
import { Sealer } from '../../../src/base/sealed';

const secret = 's'.repeat(32);
const sealer = new Sealer(secret, 'tests');

test('what was sealed opens', () => {
  for (const plain of ['', 'a', 'ключ', 'x'.repeat(10_000)]) expect(new Sealer(secret, 'tests').open(sealer.seal(plain, 'it'), 'it')).toBe(plain);
  expect(sealer.seal('a', 'it')).not.toBe(sealer.seal('a', 'it'));
  expect(sealer.seal('plainly', 'it')).not.toContain(Buffer.from('plainly').toString('base64url').slice(0, 6));
});
test.each<[string, () => string]>([
  ['another secret', () => new Sealer('t'.repeat(32), 'tests').open(sealer.seal('a', 'it'), 'it')],
  ['another purpose', () => new Sealer(secret, 'others').open(sealer.seal('a', 'it'), 'it')],
  ['another context', () => sealer.open(sealer.seal('a', 'it'), 'that')],
  ['a changed byte', () => { const sealed = sealer.seal('a', 'it'); return sealer.open(`${sealed.slice(0, -3)}${sealed.at(-3) === 'A' ? 'B' : 'A'}${sealed.slice(-2)}`, 'it'); }],
  ['a text cut short', () => sealer.open(sealer.seal('a', 'it').slice(0, 12), 'it')],
  ['no text', () => sealer.open('', 'it')],
  ['plain text', () => sealer.open('-----BEGIN PRIVATE KEY-----', 'it')],
])('%s does not open', (_what, open) => {
  expect(open).toThrow('the secret of');
});
