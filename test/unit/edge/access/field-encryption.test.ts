// Field-level encryption over real sockets: what the origin gets is read with the private key, and nothing secret gets there by any other way.
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { SiteEncryption } from '../../../../src/snapshot/site';
import { FormEncryption, formDecoded } from '../../../../src/edge/access/form-encryption';
import { openMessage } from '../../../fixtures/decryption';
import { TestEdge } from '../../../fixtures/edge';
import { behavior, origin, site } from '../../../fixtures/site';
import { ecdsaKey, rsaKey } from '../../../fixtures/signers';

const [bank, clinic] = [rsaKey('bank'), rsaKey('clinic')];
const form = 'application/x-www-form-urlencoded';
const rules = (changes: Partial<SiteEncryption> = {}): SiteEncryption => ({
  contentTypes: [{ contentType: form, profile: 'cards' }], forwardUnknownType: false,
  queryArguments: [{ argument: 'health', profile: 'health' }], forwardUnknownArgument: false,
  profiles: [
    { id: 'cards', entities: [{ provider: 'BANK', keyName: 'bank-key', pem: bank.publicPem, patterns: ['CreditCard*', 'cvc'] }] },
    { id: 'health', entities: [{ provider: 'CLINIC', keyName: 'clinic-key', pem: clinic.publicPem, patterns: ['diagnosis'] }] },
  ],
  ...changes,
});

let edge: TestEdge;
const received: { body: string; headers: Record<string, unknown> }[] = [];
beforeAll(async () => {
  edge = await TestEdge.start(({ body, headers }, response) => {
    received.push({ body: body.toString(), headers });
    response.end('taken');
  });
});
afterAll(() => edge.close());
beforeEach(() => { received.length = 0; });

async function post(body: string, { encryption = rules(), target = '/pay', headers = {}, method = 'POST' }: {
  encryption?: SiteEncryption; target?: string; headers?: Record<string, string>; method?: string;
} = {}): Promise<number> {
  edge.put({ encryption, allowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'] });
  return (await edge.ask(target, { method, body, headers: { 'content-type': form, ...headers } })).status;
}
/** Fields as the origin has them, the encrypted ones opened. */
function opened(body: string, privatePem: string): unknown[] {
  return body.split('&').map((field) => {
    const [name = '', value = ''] = field.split('=', 2);
    if (value.length < 300) return field;
    const { content, ...rest } = openMessage(Buffer.from(decodeURIComponent(value), 'base64'), privatePem);
    return { name, ...rest, content: content.toString() };
  });
}
const cards = (name: string, content: string): unknown => ({ name, suite: 0x0178, provider: 'BANK', keyName: 'bank-key', content });

test('what the profile names is encrypted, what it does not name goes as it is, to the byte', async () => {
  expect(await post('a=1&CreditCardNumber=4111+1111%2F2&b=%zz+x;&cvc=123&CreditCard&cvc2=7&=9&&cvc=', { headers: { 'content-md5': 'x', 'content-type': `${form}; charset=utf-8` } })).toBe(200);
  const [{ body, headers } = { body: '', headers: {} }] = received;
  expect(opened(body, bank.privatePem)).toEqual(['a=1', cards('CreditCardNumber', '4111 1111/2'), 'b=%zz+x;', cards('cvc', '123'), 'CreditCard', 'cvc2=7', '=9', '', cards('cvc', '')]);
  // Chunked, unless all of it was there before the head went out.
  expect([headers['content-length'] ?? String(body.length), headers['content-md5']]).toEqual([String(body.length), undefined]);
});

test('a name is found however it is spelt, and only by its own case', async () => {
  await post('%43redit%43ard%4Eumber=4111&creditcardnumber=5&cv%63=1');
  expect(opened(received[0]?.body ?? '', bank.privatePem)).toEqual([cards('%43redit%43ard%4Eumber', '4111'), 'creditcardnumber=5', cards('cv%63', '1')]);
});

test('each message has a key of its own', async () => {
  await post('cvc=1&cvc=1');
  const [one, two] = (received[0]?.body ?? '').split('&');
  expect(one).not.toEqual(two);
});

test.each<[string, Parameters<typeof post>[1], number, 'clear' | 'bank' | 'clinic' | 'nothing']>([
  ['another type', { headers: { 'content-type': 'application/json' } }, 403, 'nothing'],
  ['no type', { headers: { 'content-type': '' } }, 403, 'nothing'],
  ['another type, forwarded', { headers: { 'content-type': 'application/json' }, encryption: rules({ forwardUnknownType: true }) }, 200, 'clear'],
  ['a type in capitals', { headers: { 'content-type': 'Application/X-WWW-Form-URLencoded' } }, 200, 'bank'],
  ['compressed', { headers: { 'content-encoding': 'gzip' } }, 403, 'nothing'],
  ['a type without a profile', { encryption: rules({ contentTypes: [{ contentType: form, profile: null }] }) }, 200, 'clear'],
  ['no type configured', { encryption: rules({ contentTypes: [] }) }, 403, 'nothing'],
  ['no type configured, a profile by its argument', { encryption: rules({ contentTypes: [] }), target: '/pay?fle-profile=health' }, 200, 'clinic'],
  ['a profile by its argument over the type\'s', { target: '/pay?x=1&fle-profile=health' }, 200, 'clinic'],
  ['an argument in escapes', { target: '/pay?fle%2Dprofile=h%65alth' }, 200, 'clinic'],
  ['an argument nobody knows', { target: '/pay?fle-profile=x' }, 403, 'nothing'],
  ['an argument that comes twice', { target: '/pay?fle-profile=health&fle-profile=health' }, 403, 'nothing'],
  ['an argument nobody knows, forwarded', { target: '/pay?fle-profile=x', encryption: rules({ forwardUnknownArgument: true }) }, 200, 'clear'],
  ['arguments that may not override', { target: '/pay?fle-profile=health', encryption: rules({ queryArguments: null }) }, 200, 'bank'],
  ['PUT', { method: 'PUT' }, 200, 'bank'],
])('%s', async (_what, given, status, gets) => {
  expect(await post('diagnosis=well&cvc=123', given)).toBe(status);
  const body = received[0]?.body;
  if (gets === 'nothing') expect(body).toBeUndefined();
  if (gets === 'clear') expect(body).toBe('diagnosis=well&cvc=123');
  if (gets === 'bank') expect(opened(body ?? '', bank.privatePem)).toEqual(['diagnosis=well', cards('cvc', '123')]);
  if (gets === 'clinic') expect(opened(body ?? '', clinic.privatePem)).toEqual([expect.objectContaining({ provider: 'CLINIC', keyName: 'clinic-key', content: 'well' }), 'cvc=123']);
});

test.each<[string, string]>([
  ['a field', `cvc=${'1'.repeat(16_384 * 3 + 1)}`],
  ['a name', `${'n'.repeat(4_097)}=1`],
  ['the number of fields', Array(11).fill('cvc=1').join('&')],
  ['all of it', `open=${'1'.repeat(1_048_576)}`],
])('too large: %s is refused, and the origin never sees a whole request', async (_what, body) => {
  expect(await post(body)).toBe(413);
  expect(received).toEqual([]);
});

test('a key that cannot encrypt keeps the site out', () => {
  const encryption = rules({ profiles: [{ id: 'cards', entities: [{ provider: 'P', keyName: 'k', pem: ecdsaKey('e').publicPem, patterns: ['a'] }] }] });
  expect(edge.state.change([site({ id: 'E9', hosts: ['e9'], behaviors: [behavior({ encryption })], origins: [origin()] })], [], [], 1)).toEqual([expect.objectContaining({ reason: expect.stringContaining('encrypted') })]);
});

test('however the content is cut, the origin gets the same fields', async () => {
  const content = Buffer.from('a=1&cvc=12%33&b=2&CreditCardX=%34+1&c');
  const key = { provider: 'BANK', name: 'bank-key', key: createPublicKey(bank.publicPem) };
  for (let size = 1; size <= content.length; size += 1) {
    const pieces = Array.from({ length: Math.ceil(content.length / size) }, (_, i) => content.subarray(i * size, (i + 1) * size));
    const out: Buffer[] = [];
    const encryption = Readable.from(pieces).pipe(new FormEncryption((name) => (/^(cvc$|CreditCard)/.test(name) ? key : null), () => { throw new Error('refused'); }));
    encryption.on('data', (piece: Buffer) => out.push(piece));
    await once(encryption, 'end');
    expect(opened(Buffer.concat(out).toString(), bank.privatePem)).toEqual(['a=1', cards('cvc', '123'), 'b=2', cards('CreditCardX', '4 1'), 'c']);
  }
});

test.each([['', ''], ['a+b', 'a b'], ['%41%', 'A%'], ['%4', '%4'], ['%zz%c3%a4', '%zzä'], ['%%41', '%A']])('decoded: %s', (encoded, decoded) => {
  expect(formDecoded(Buffer.from(encoded)).toString()).toBe(decoded);
});
