// Signed URLs and cookies: what independent signers make is honoured, everything else is refused, by its right name.
import { getSignedCookies, getSignedUrl } from '@aws-sdk/cloudfront-signer';
import { SignatureChecks, viewerKey, type ViewerKey } from '../../../../src/edge/access/signed';
import type { ViewerRequest } from '../../../../src/edge/http/exchange';
import { seededRandom } from '../../../fixtures/random';
import { ecdsaKey, encodedPolicy, rsaKey, signatureOf, signedByHand, signedByShell, type SigningKey } from '../../../fixtures/signers';

const rsa = rsaKey('KRSA11111111AA');
const rsaOther = rsaKey('KRSA22222222BB');
const ecdsa = ecdsaKey('KEC333333333CC');
const stranger = rsaKey('KRSA44444444DD');
const trusted = new Map([rsa, rsaOther, ecdsa].map(({ id, publicPem }) => [id, viewerKey({ id, pem: publicPem }) as ViewerKey]));

const nowMs = Date.UTC(2026, 0, 1);
const nowS = nowMs / 1000;
const base = 'http://d1.cloudfront.localhost/private/film.mp4';

interface Viewer { readonly address?: string; readonly cookies?: Readonly<Record<string, string | number>>; readonly host?: string }
function requestOf(url: string, { address = '192.0.2.7', cookies, host }: Viewer = {}): ViewerRequest {
  const [, scheme, authority, rest] = /^(https?):\/\/([^/]*)(.*)$/s.exec(url) as unknown as [string, 'http' | 'https', string, string];
  const question = rest.indexOf('?');
  const fields = ['host', host ?? authority];
  if (cookies !== undefined) fields.push('cookie', Object.entries(cookies).map(([name, value]) => `${name}=${value}`).join('; '));
  return {
    method: 'GET', path: question < 0 ? rest : rest.slice(0, question), query: question < 0 ? null : rest.slice(question + 1), httpVersion: '1.1',
    host: (host ?? authority).toLowerCase().replace(/:\d+$/, ''), scheme, fields, hasBody: false, bodyBytes: 0, remoteAddress: address, remotePort: 1, peerAddress: address,
  };
}
const checks = new SignatureChecks();
const refusal = (url: string, viewer: Viewer = {}, atMs = nowMs): string | null => checks.refusal(requestOf(url, viewer), trusted, atMs);
const inAnHour = new Date(nowMs + 3_600_000);
const policyOf = (condition: object, resource: string | null = base): string =>
  JSON.stringify({ Statement: [{ ...(resource === null ? {} : { Resource: resource }), Condition: condition }] });
const until = { DateLessThan: { 'AWS:EpochTime': nowS + 3600 } };
const signed = (condition: object, resource: string | null = base, url = base): string => signedByHand(url, policyOf(condition, resource), rsa);

describe('what others sign', () => {
  const keys: readonly [string, SigningKey][] = [['RSA', rsa], ['ECDSA', ecdsa]];
  const cases = keys.flatMap(([name, key]) => (['SHA1', 'SHA256'] as const).map((algorithm) => [name, algorithm, key] as const));

  test.each(cases)('the AWS SDK, %s with %s: canned, custom, cookies', (_name, algorithm, key) => {
    const by = { keyPairId: key.id, privateKey: key.privatePem, algorithm };
    for (const url of [base, `${base}?size=large&license=yes`, 'https://www.example.com/a%20b/~x?q=%7E', 'http://d1.cloudfront.localhost:8080/']) {
      const canned = getSignedUrl({ ...by, url, dateLessThan: inAnHour });
      expect(canned).toContain('Expires=');
      const custom = getSignedUrl({ ...by, url, dateLessThan: inAnHour, dateGreaterThan: new Date(nowMs - 1000), ipAddress: '192.0.2.0/24' });
      expect(custom).toContain('Policy=');
      for (const each of [canned, custom]) {
        expect(refusal(each)).toBeNull();
        expect(refusal(each)).toBeNull();
        expect(refusal(each, {}, nowMs + 3_600_000)).toBe('expired');
      }
      expect(refusal(custom, { address: '198.51.100.1' })).toBe('address-not-covered');
      expect(refusal(url, { cookies: { other: 1, ...getSignedCookies({ ...by, url, dateLessThan: inAnHour }) } })).toBeNull();
    }
    const wide = getSignedCookies({ ...by, policy: policyOf(until, 'http*://*/private/*') });
    expect(refusal(`${base}?any=1`, { cookies: wide as unknown as Record<string, string> })).toBeNull();
    expect(refusal('http://d1.cloudfront.localhost/secret/film.mp4', { cookies: wide as unknown as Record<string, string> })).toBe('resource-not-covered');
  });

  test.each(cases)('a shell with OpenSSL, %s with %s', (_name, algorithm, key) => {
    for (const url of [base, `${base}?size=large&license=yes`]) {
      const one = signedByShell(url, nowS + 60, key, algorithm === 'SHA1' ? 'sha1' : 'sha256');
      expect(refusal(one)).toBeNull();
      expect(refusal(one.replace('film', 'song'))).toBe('signature-wrong');
    }
  });
});

describe('a policy', () => {
  test.each<[string, string, Viewer, string | null]>([
    ['no more than the time', signed(until), {}, null],
    ['no resource: all the key may sign for', signed(until, null), {}, null],
    ['not yet', signed({ ...until, DateGreaterThan: { 'AWS:EpochTime': nowS } }), {}, 'not-yet-valid'],
    ['already', signed({ ...until, DateGreaterThan: { 'AWS:EpochTime': nowS - 1 } }), {}, null],
    ['the very second', signed({ DateLessThan: { 'AWS:EpochTime': nowS } }), {}, 'expired'],
    ['the second after', signed({ DateLessThan: { 'AWS:EpochTime': nowS + 1 } }), {}, null],
    ['an address', signed({ ...until, IpAddress: { 'AWS:SourceIp': '192.0.2.7' } }), {}, null],
    ['a range', signed({ ...until, IpAddress: { 'AWS:SourceIp': '192.0.2.0/29' } }), {}, null],
    ['another range', signed({ ...until, IpAddress: { 'AWS:SourceIp': '192.0.2.8/29' } }), {}, 'address-not-covered'],
    ['an IPv6 range', signed({ ...until, IpAddress: { 'AWS:SourceIp': '2001:db8::/32' } }), { address: '2001:db8::9' }, null],
    ['another IPv6 range', signed({ ...until, IpAddress: { 'AWS:SourceIp': '2001:db9::/32' } }), { address: '2001:db8::9' }, 'address-not-covered'],
    ['IPv4 for a viewer of IPv6', signed({ ...until, IpAddress: { 'AWS:SourceIp': '192.0.2.0/24' } }), { address: '2001:db8::9' }, 'address-not-covered'],
    ['anything', signed(until, '*'), {}, null],
    ['any scheme', signed(until, 'http*://d1.cloudfront.localhost/private/*'), {}, null],
    ['another scheme', signed(until, 'https://d1.cloudfront.localhost/private/*'), {}, 'resource-not-covered'],
    ['one character', signed(until, 'http://d1.cloudfront.localhost/private/fil?.mp4'), {}, null],
    ['one character more', signed(until, 'http://d1.cloudfront.localhost/private/film?.mp4'), {}, 'resource-not-covered'],
    ['another host', signed(until, 'http://d2.cloudfront.localhost/*'), {}, 'resource-not-covered'],
    ['a query that is not named', signed(until, base, `${base}?a=1`), {}, 'resource-not-covered'],
    ['a query that is named', signed(until, `${base}?a=1&b=2`, `${base}?a=1&b=2`), {}, null],
    ['a query in another order', signed(until, `${base}?a=1&b=2`, `${base}?b=2&a=1`), {}, 'resource-not-covered'],
    ['a host in capitals', signed(until), { host: 'D1.CloudFront.localhost' }, null],
    ['the usual port written out', signed(until), { host: 'd1.cloudfront.localhost:80' }, null],
    ['a port of its own', signed(until), { host: 'd1.cloudfront.localhost:8080' }, 'resource-not-covered'],
  ])('%s', (_what, url, viewer, expected) => {
    expect(refusal(url, viewer)).toBe(expected);
    expect(refusal(url, viewer)).toBe(expected);
  });

  test('a directory is not left by another spelling of the path', () => {
    const wide = (url: string): string => signed(until, 'http://d1.cloudfront.localhost/public/*', url);
    expect(refusal(wide('http://d1.cloudfront.localhost/public/a//b'))).toBeNull();
    for (const path of ['/public/../private/x', '/public/%2e%2e/private/x', '/public/a/../../private/x', '/public/..']) {
      expect(refusal(wide(`http://d1.cloudfront.localhost${path}`))).toBe('resource-not-covered');
    }
  });

  test.each<[string, string]>([
    ['two statements', JSON.stringify({ Statement: [...Array<unknown>(2)].map(() => ({ Resource: base, Condition: until })) })],
    ['no statement', '{"Statement":[]}'],
    ['no time', policyOf({})],
    ['a time in quotes', policyOf({ DateLessThan: { 'AWS:EpochTime': String(nowS + 60) } })],
    ['a time in milliseconds', policyOf({ DateLessThan: { 'AWS:EpochTime': nowMs + 60_000 } })],
    ['a fraction', policyOf({ DateLessThan: { 'AWS:EpochTime': nowS + 0.5 } })],
    ['a condition we do not know', policyOf({ ...until, StringEquals: { 'AWS:UserAgent': 'x' } })],
    ['an operator we do not know', policyOf({ ...until, IpAddress: { 'AWS:SourceIp': '192.0.2.0/24', 'AWS:VpcSourceIp': '10.0.0.0/8' } })],
    ['an address that is none', policyOf({ ...until, IpAddress: { 'AWS:SourceIp': 'anywhere' } })],
    ['two addresses', policyOf({ ...until, IpAddress: { 'AWS:SourceIp': ['192.0.2.0/24', '198.51.100.0/24'] } })],
    ['a start that is none', policyOf({ ...until, DateGreaterThan: {} })],
    ['another member', JSON.stringify({ Statement: [{ Resource: base, Condition: until, Effect: 'Allow' }] })],
    ['a resource of another kind', policyOf(until, 'ftp://d1.cloudfront.localhost/*')],
    ['no JSON', 'Statement'],
    ['longer than anybody needs', policyOf(until, `*${'x'.repeat(9000)}`)],
  ])('with %s is malformed, though it is signed', (_what, policy) => {
    expect(refusal(signedByHand(base, policy, rsa))).toBe('policy-malformed');
  });
});

describe('what is missing or wrong has its name', () => {
  const canned = getSignedUrl({ url: base, keyPairId: rsa.id, privateKey: rsa.privatePem, dateLessThan: inAnHour });
  const cookies = getSignedCookies({ url: base, keyPairId: rsa.id, privateKey: rsa.privatePem, dateLessThan: inAnHour }) as unknown as Record<string, string>;
  const without = (name: string): string => canned.replace(new RegExp(`[?&]${name}=[^&]*`), '').replace(/mp4&/, 'mp4?');
  test.each<[string, string, Viewer, string | null]>([
    ['nothing signed', base, {}, 'key-missing'],
    ['only a time', `${base}?Expires=${nowS + 60}`, {}, 'key-missing'],
    ['no key', without('Key-Pair-Id'), {}, 'key-missing'],
    ['an empty key', canned.replace(rsa.id, ''), {}, 'key-missing'],
    ['an unknown key', canned.replace(rsa.id, stranger.id), {}, 'key-unknown'],
    ['a trusted key that did not sign', canned.replace(rsa.id, rsaOther.id), {}, 'signature-wrong'],
    ['a key of another kind', canned.replace(rsa.id, ecdsa.id), {}, 'signature-wrong'],
    ['a stranger who uses a trusted name', signedByHand(base, policyOf(until), { ...stranger, id: rsa.id }), {}, 'signature-wrong'],
    ['no signature', without('Signature'), {}, 'signature-missing'],
    ['a signature that is not base64', canned.replace(/Signature=./, 'Signature=!'), {}, 'signature-malformed'],
    ['a signature with something after it', canned.replace(/(Signature=[^&]*)/, '$1AAAA'), {}, 'signature-malformed'],
    ['no time', without('Expires'), {}, 'policy-malformed'],
    ['a time in milliseconds', canned.replace(/Expires=\d+/, `Expires=${nowMs + 60_000}`), {}, 'policy-malformed'],
    ['a later time', canned.replace(/Expires=\d+/, `Expires=${nowS + 7200}`), {}, 'signature-wrong'],
    ['a signature twice', `${canned}&Signature=x`, {}, 'signature-ambiguous'],
    ['another hash', `${canned}&Hash-Algorithm=SHA256`, {}, 'signature-wrong'],
    ['an unknown hash', `${canned}&Hash-Algorithm=MD5`, {}, 'signature-malformed'],
    ['SHA-1 by its name', `${canned}&Hash-Algorithm=SHA1`, {}, null],
    ['parameters after the signature', canned.replace(`${base}?`, `${base}?a=1&`), {}, 'signature-wrong'],
    ['a fragment of another path', canned.replace('/private/', '/private/x/'), {}, 'signature-wrong'],
    ['a URL goes before good cookies', `${base}?Key-Pair-Id=${rsa.id}&Signature=AAAA&Expires=1`, { cookies }, 'signature-wrong'],
    ['an Expires of its own does not', `${base}?Expires=1`, { cookies: getSignedCookies({ url: `${base}?Expires=1`, keyPairId: rsa.id, privateKey: rsa.privatePem, dateLessThan: inAnHour }) as unknown as Record<string, string> }, null],
    ['cookies for another URL', `${base}?a=1`, { cookies }, 'signature-wrong'],
    ['cookies with a later time', base, { cookies: { ...cookies, 'CloudFront-Expires': nowS + 7200 } }, 'signature-wrong'],
    ['cookies in small letters', base, { cookies: Object.fromEntries(Object.entries(cookies).map(([name, value]) => [name.toLowerCase(), value])) }, 'key-missing'],
  ])('%s', (_what, url, viewer, expected) => {
    expect(refusal(url, viewer)).toBe(expected);
  });

  test('own parameters may stand anywhere, as long as they keep their order', () => {
    const url = `${base}?a=1&b=2`;
    const [, signature] = getSignedUrl({ url, keyPairId: rsa.id, privateKey: rsa.privatePem, dateLessThan: inAnHour }).split('&b=2&') as [string, string];
    const [expires, ...rest] = signature.split('&') as [string, ...string[]];
    expect(refusal(`${base}?${signature}&a=1&b=2`)).toBeNull();
    expect(refusal(`${base}?a=1&${expires}&b=2&${rest.join('&')}`)).toBeNull();
    expect(refusal(`${base}?b=2&${signature}&a=1`)).toBe('signature-wrong');
  });
});

describe('what was verified is remembered for nothing else', () => {
  test('not for another statement, key or hash, and a key that is gone is unknown at once', () => {
    const fresh = new SignatureChecks();
    const canned = getSignedUrl({ url: base, keyPairId: rsa.id, privateKey: rsa.privatePem, dateLessThan: inAnHour });
    const at = (url: string, keys: ReadonlyMap<string, ViewerKey> = trusted): string | null => fresh.refusal(requestOf(url), keys, nowMs);
    expect(at(canned)).toBeNull();
    expect(at(canned.replace('film', 'song'))).toBe('signature-wrong');
    expect(at(canned.replace(rsa.id, rsaOther.id))).toBe('signature-wrong');
    expect(at(`${canned}&Hash-Algorithm=SHA256`)).toBe('signature-wrong');
    expect(at(canned, new Map([...trusted].filter(([id]) => id !== rsa.id)))).toBe('key-unknown');
    const renamed = viewerKey({ id: rsa.id, pem: stranger.publicPem }) as ViewerKey;
    expect(at(canned, new Map([[rsa.id, renamed]]))).toBe('signature-wrong');
    expect(at(canned)).toBeNull();
  });
});

/** Every URL that differs from this one in a single bit of one byte after the host. */
function* flipped(url: string): Generator<string> {
  for (let at = url.indexOf('/private/'); at < url.length; at += 1) {
    for (let bit = 0; bit < 8; bit += 1) yield url.slice(0, at) + String.fromCharCode(url.charCodeAt(at) ^ (1 << bit)) + url.slice(at + 1);
  }
}

describe('every single-bit change of path, query, policy, signature, time or key is refused', () => {
  test.each<[string, string]>([
    ['canned, RSA, SHA-1', getSignedUrl({ url: `${base}?a=1`, keyPairId: rsa.id, privateKey: rsa.privatePem, dateLessThan: inAnHour })],
    ['canned, ECDSA, SHA-256', getSignedUrl({ url: base, keyPairId: ecdsa.id, privateKey: ecdsa.privatePem, dateLessThan: inAnHour, algorithm: 'SHA256' })],
    ['custom, RSA, SHA-256', signedByHand(`${base}?a=1`, policyOf({ ...until, IpAddress: { 'AWS:SourceIp': '192.0.2.0/24' } }, `${base}?a=1`), rsa, 'sha256')],
    ['custom, ECDSA, SHA-1', signedByHand(base, policyOf(until), ecdsa)],
  ])('%s', (_what, url) => {
    expect(refusal(url)).toBeNull();
    const passed = [...flipped(url)].filter((each) => refusal(each) === null);
    expect(passed).toEqual([]);
    expect(refusal(url)).toBeNull();
  });

  test('cookies', () => {
    const cookies = getSignedCookies({ policy: policyOf(until), keyPairId: rsa.id, privateKey: rsa.privatePem }) as unknown as Record<string, string>;
    expect(refusal(base, { cookies })).toBeNull();
    const passed: string[] = [];
    for (const [name, value] of Object.entries(cookies)) {
      for (let at = 0; at < value.length * 8; at += 1) {
        const place = at >> 3;
        const changed = value.slice(0, place) + String.fromCharCode(value.charCodeAt(place) ^ (1 << (at & 7))) + value.slice(place + 1);
        // White space around a cookie is not part of it (RFC 6265 section 5.2), and this is no change of one bit then.
        if (changed.trim() !== changed) continue;
        if (refusal(base, { cookies: { ...cookies, [name]: changed } }) === null) passed.push(changed);
      }
    }
    expect(passed).toEqual([]);
  });
});

test('10,000 forgeries at random are all refused', () => {
  const random = seededRandom('forged signatures');
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~';
  const text = (chars: number): string => Array.from({ length: chars }, () => alphabet[random.below(64)]).join('');
  const ids = [...trusted.keys(), stranger.id];
  const genuine = [base, `${base}?a=1`].flatMap((url) => [rsa, rsaOther, ecdsa].map((key) => signedByHand(url, policyOf(until, url), key)));
  const partOf = (url: string, name: string): string => new RegExp(`${name}=([^&]*)`).exec(url)?.[1] ?? '';
  let passed = 0;
  for (let round = 0; round < 10_000; round += 1) {
    const [one, two] = [random.pick(genuine), random.pick(genuine)];
    const target = random.pick(['http://d1.cloudfront.localhost/secret', base, `${base}?a=1`]);
    const policy = policyOf({ DateLessThan: { 'AWS:EpochTime': nowS + random.below(1_000_000) + 3601 } }, random.pick(['*', target, `${target}*`]));
    const forged = random.pick([
      () => ({ policy: encodedPolicy(policy), signature: `${text(342)}__` }),
      () => ({ policy: encodedPolicy(policy), signature: partOf(one, 'Signature') }),
      () => ({ policy: encodedPolicy(policy), signature: signatureOf(policy, stranger) }),
      () => ({ policy: partOf(one, 'Policy'), signature: signatureOf(policy, stranger) }),
      () => ({ policy: partOf(one, 'Policy'), signature: partOf(one, 'Signature').slice(0, random.below(90)) }),
      () => ({ policy: `${partOf(one, 'Policy').slice(0, -4)}${text(4)}`, signature: partOf(two, 'Signature') }),
    ])();
    const url = `${target}${target.includes('?') ? '&' : '?'}Policy=${forged.policy}&Signature=${forged.signature}&Key-Pair-Id=${random.pick(ids)}`;
    if (refusal(url) === null) passed += 1;
  }
  expect(passed).toBe(0);
});
