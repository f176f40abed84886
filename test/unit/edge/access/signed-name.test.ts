// Signed names of streams: every right spelling passes, every wrong signature has its reason.
import { nameRefusal } from '../../../../src/edge/access/signed-name';
import { viewerKey, type ViewerKey } from '../../../../src/edge/access/signed';
import { readStreamName, type StreamName } from '../../../../src/edge/rtmp/stream-name';
import { encodedPolicy, rsaKey, signatureOf, signedByHand } from '../../../fixtures/signers';

const key = rsaKey('K1');
const other = rsaKey('K2');
const trusted = new Map([[key.id, viewerKey({ id: key.id, pem: key.publicPem }) as ViewerKey]]);
const nowS = 1_800_000_000;
const viewer = '192.0.2.7';

const canned = (resource: string, expiresS: number): string => `{"Statement":[{"Resource":"${resource}","Condition":{"DateLessThan":{"AWS:EpochTime":${expiresS}}}}]}`;
const signedFor = (resource: string, expiresS = nowS + 60, by = key): string => `Expires=${expiresS}&Signature=${signatureOf(canned(resource, expiresS), by)}&Key-Pair-Id=${by.id}`;
const custom = (conditions: string, resource = 'videos/*'): string => `{"Statement":[{"Resource":"${resource}","Condition":{"DateLessThan":{"AWS:EpochTime":${nowS + 60}}${conditions}}}]}`;

const refusal = (name: string, address = viewer, nowMs = nowS * 1000): string | null => {
  const read = readStreamName(name, 8192);
  if ('refused' in read) throw new Error(read.refused);
  return nameRefusal(read satisfies StreamName, trusted, address, nowMs);
};

test.each([
  // As asked for, signed for.
  ['mp3:videos/mp3_name', 'videos/mp3_name'], ['mp3:videos/mp3_name.mp3', 'videos/mp3_name.mp3'], ['mp3:videos/mp3_name', 'videos/mp3_name.mp3'],
  ['mp3:videos/mp3_name.mp3', 'videos/mp3_name'], ['mp4:film', 'film.mp4'], ['mp4:film', 'film.f4v'], ['film', 'film'], ['film', 'film.flv'], ['flv:film.flv', 'film'],
])('%s, signed for %s', (name, resource) => {
  expect(refusal(`${name}?${signedFor(resource)}`)).toBeNull();
});

test('encoded as web pages had to, and with parameters of its own', () => {
  expect(refusal(`mp4:film?${signedFor('film.mp4')}`.replaceAll('?', '%3F').replaceAll('=', '%3D').replaceAll('&', '%26'))).toBeNull();
  expect(refusal(`mp4:film.mp4?p=42&${signedFor('film.mp4')}`)).toBeNull();
  expect(refusal(`mp4:film.mp4?p=42&${signedFor('film.mp4?p=42')}`)).toBeNull();
});

test.each([
  ['videos/*'], ['*'], ['videos/f?lm.mp4'], ['videos/film'],
])('a custom policy for %s', (resource) => {
  expect(refusal(signedByHand('mp4:videos/film.mp4', custom('', resource), key))).toBeNull();
});

test.each<[string, string, string]>([
  ['no signature', 'mp4:film.mp4', 'key-missing'],
  ['no key', `mp4:film.mp4?${signedFor('film.mp4').replace(/&Key-Pair-Id.*/, '')}`, 'key-missing'],
  ['a key that is not trusted', `mp4:film.mp4?${signedFor('film.mp4', nowS + 60, other)}`, 'key-unknown'],
  ['another\'s signature under a trusted key\'s name', `mp4:film.mp4?${signedFor('film.mp4', nowS + 60, { ...other, id: 'K1' })}`, 'signature-wrong'],
  ['signed for another name', `mp4:film.mp4?${signedFor('other.mp4')}`, 'signature-wrong'],
  ['signed with the application, as SDKs do', `mp4:film.mp4?${signedFor('cfx/st/film.mp4')}`, 'signature-wrong'],
  ['signed with its prefix', `mp4:film.mp4?${signedFor('mp4:film.mp4')}`, 'signature-wrong'],
  ['a later time than was signed', `mp4:film.mp4?${signedFor('film.mp4').replace(`Expires=${nowS + 60}`, `Expires=${nowS + 61}`)}`, 'signature-wrong'],
  ['expired', `mp4:film.mp4?${signedFor('film.mp4', nowS)}`, 'expired'],
  ['no time', `mp4:film.mp4?${signedFor('film.mp4').replace(/Expires=\d+&/, '')}`, 'policy-malformed'],
  ['two signatures', `mp4:film.mp4?${signedFor('film.mp4')}&Signature=AAAA`, 'signature-ambiguous'],
  ['a signature that is none', `mp4:film.mp4?Expires=${nowS + 60}&Signature=!!&Key-Pair-Id=K1`, 'signature-malformed'],
  ['a policy for others', signedByHand('mp4:private/film.mp4', custom(''), key), 'resource-not-covered'],
  ['a policy not yet valid', signedByHand('mp4:videos/film.mp4', custom(`,"DateGreaterThan":{"AWS:EpochTime":${nowS + 1}}`), key), 'not-yet-valid'],
  ['a policy for another address', signedByHand('mp4:videos/film.mp4', custom(',"IpAddress":{"AWS:SourceIp":"198.51.100.0/24"}'), key), 'address-not-covered'],
  ['a policy with a condition nobody knows', signedByHand('mp4:videos/film.mp4', custom(',"Moon":{"Phase":"full"}'), key), 'policy-malformed'],
  ['a policy that was changed', signedByHand('mp4:videos/film.mp4', custom(''), key).replace(/Policy=[^&]+/, `Policy=${encodedPolicy(custom('', '*'))}`), 'signature-wrong'],
])('refused: %s', (_what, name, reason) => {
  expect(refusal(name)).toBe(reason);
});

test('a policy for an address', () => {
  const name = signedByHand('mp4:videos/film.mp4', custom(',"IpAddress":{"AWS:SourceIp":"192.0.2.0/24"}'), key);
  expect(refusal(name)).toBeNull();
  expect(refusal(name, '192.0.3.7')).toBe('address-not-covered');
});
