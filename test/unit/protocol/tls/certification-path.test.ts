// From a client's certificate to a root: which ways are found, and what counts against one beside the client's expiry.
import { certificationPath, holdsButForExpiry, isStrong } from '../../../../src/protocol/tls/certification-path';
import { commonName, issue, nameConstraints, unknownExtension, type Held } from '../../../fixtures/client-certificates';

const nowMs = Date.now();
const day = 86_400_000;
const expired = { fromMs: nowMs - 10 * day, untilMs: nowMs - day } as const;

const root = issue({ subject: commonName('root'), authority: true });
const middle = issue({ by: root, subject: commonName('middle'), authority: true });
const low = issue({ by: middle, subject: commonName('low'), authority: true });
const lowest = issue({ by: low, authority: true });
const stranger = issue({ subject: commonName('root'), authority: true });

const certificates = (held: readonly Held[]): Held['certificate'][] => held.map(({ certificate }) => certificate);
const lengthOf = (own: Held, sent: readonly Held[], authorities: readonly Held[]): number | null =>
  certificationPath(own.certificate, certificates(sent), certificates(authorities))?.length ?? null;

test.each<[string, Held, readonly Held[], readonly Held[], number | null]>([
  ['issued by the root', issue({ by: root }), [], [root], 2],
  ['with an authority between that the client sent', issue({ by: middle }), [middle], [root], 3],
  ['with an authority between that is trusted as well', issue({ by: middle }), [], [middle, root], 3],
  ['with two between', issue({ by: low }), [low, middle], [root], 4],
  ['with two between, out of order and with a stranger', issue({ by: low }), [middle, stranger, low], [stranger, root], 4],
  ['with three between', issue({ by: lowest }), [lowest, low, middle], [root], null],
  ['with one between that nobody has', issue({ by: middle }), [], [root], null],
  ['whose authority is trusted, but no root above it', issue({ by: middle }), [middle, root], [middle], null],
  ['whose root was sent and is not trusted', issue({ by: stranger }), [stranger], [root], null],
  ['of an authority of the same name', issue({ by: stranger }), [], [root], null],
  ['issued by what is no authority', issue({ by: issue({ by: root, subject: commonName('middle') }) }), [middle], [root], null],
  ['signed by itself', issue(), [], [root], null],
  ['that is a trusted root itself', root, [], [root], null],
])('a certificate %s', (_what, own, sent, authorities, expected) => {
  expect(lengthOf(own, sent, authorities)).toBe(expected);
});

test('an authority that renewed its key: whichever signed', () => {
  const renewed = issue({ subject: commonName('root'), authority: true });
  for (const by of [root, renewed]) expect(lengthOf(issue({ by }), [], [root, renewed])).toBe(2);
});

const pathOf = (...held: readonly Held[]): Held['certificate'][] => certificates(held);
test.each<[string, readonly Held[], boolean]>([
  ['elliptic curves', [issue({ by: root }), root], true],
  ['RSA of 2,048 bits', [issue({ by: root, rsaBits: 2048 }), root], true],
  ['RSA of 1,024 bits', [issue({ by: root, rsaBits: 1024 }), root], false],
  ['a signature over SHA-1', [issue({ by: root, sha1: true }), root], false],
  ['an authority with a signature over SHA-1', [issue({ by: middle }), issue({ by: root, authority: true, sha1: true }), root], false],
  ['a root that signed itself over SHA-1', [issue({ by: root }), issue({ authority: true, sha1: true })], true],
])('strength: %s', (_what, path, expected) => {
  expect(isStrong(pathOf(...path))).toBe(expected);
});

const narrow = issue({ by: root, authority: { pathLength: 0 } });
test.each<[string, readonly Held[], boolean]>([
  ['nothing', [issue({ by: root, purpose: 'client', ...expired }), root], true],
  ['nothing, without a purpose', [issue({ by: middle, ...expired }), middle, root], true],
  ['a purpose that is another', [issue({ by: root, purpose: 'server', ...expired }), root], false],
  ['an authority\'s purpose that is another', [issue({ by: root, purpose: 'client', ...expired }), issue({ by: root, authority: true, purpose: 'server' }), root], false],
  ['an authority\'s own expiry', [issue({ by: root, purpose: 'client', ...expired }), issue({ by: root, authority: true, ...expired }), root], false],
  ['the root\'s own expiry', [issue({ by: root, ...expired }), issue({ authority: true, ...expired })], false],
  ['a time that has not come', [issue({ by: root, fromMs: nowMs + day }), root], false],
  ['no length that is kept to', [issue({ by: narrow, ...expired }), narrow, root], true],
  ['a length that is not', [issue({ by: low, ...expired }), low, narrow, root], false],
  ['a critical extension that nobody knows', [issue({ by: root, ...expired, extensions: [unknownExtension(true)] }), root], false],
  ['no other extension that nobody knows', [issue({ by: root, ...expired, extensions: [unknownExtension(false)] }), root], true],
  ['constraints on names, which are not looked at', [issue({ by: root, ...expired }), issue({ authority: true, extensions: [nameConstraints()] })], false],
])('beside expiry there speaks against a certificate: %s', (_what, path, expected) => {
  expect(holdsButForExpiry(pathOf(...path), nowMs)).toBe(expected);
});
