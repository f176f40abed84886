// Tokens that are not ours, too old or made otherwise are refused; guessing is slowed down without locking anybody out.
import jwt from 'jsonwebtoken';
import { ManualClock } from '../../../src/base/clock';
import { readConfig } from '../../../src/base/config';
import { Fault } from '../../../src/base/fault';
import { silentLog } from '../../../src/base/log';
import { attemptLimits, auditedLimits, auditedLinesMax, auditedTogetherLimits } from '../../../src/base/attempts';
import { createAuthenticator, type Authenticator, type Caller } from '../../../src/api/authenticate';
import { issueToken, readToken, tokenExpiresSMax } from '../../../src/api/token';
import { fakeStore, type FakeStore } from '../../fixtures/fake-store';
import { signedHeaders } from '../../fixtures/signing';

const nowMs = Date.UTC(2026, 10, 23, 12, 0, 0);
const key = 'k'.repeat(43);
const keys = { accessKeyId: 'EFAKTEST', secretAccessKey: 'secret' };

async function outcome(work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.source === 'caller') return thrown.kind;
    throw thrown;
  }
}

const nowS = nowMs / 1000;
const good = { sub: 'EFAKTEST', iss: 'edgefront', aud: 'edgefront-api', iat: nowS, exp: nowS + 60 };
const unsigned = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${Buffer.from(JSON.stringify(good)).toString('base64url')}.`;

const tokens: [string, string, string][] = [
  ['good', jwt.sign(good, key), 'EFAKTEST'],
  ['expired', jwt.sign({ ...good, iat: nowS - 100, exp: nowS - 1 }, key), 'ExpiredToken'],
  ['older than any token may be', jwt.sign({ ...good, iat: nowS - tokenExpiresSMax - 1 }, key), 'ExpiredToken'],
  ['without end', jwt.sign(JSON.stringify({ ...good, exp: undefined }), key), 'InvalidClientTokenId'],
  ['without subject', jwt.sign(JSON.stringify({ ...good, sub: undefined }), key), 'InvalidClientTokenId'],
  ['of another key', jwt.sign(good, 'x'.repeat(43)), 'InvalidClientTokenId'],
  ['of another issuer', jwt.sign({ ...good, iss: 'other' }, key), 'InvalidClientTokenId'],
  ['for another audience', jwt.sign({ ...good, aud: 'other' }, key), 'InvalidClientTokenId'],
  ['of another algorithm', jwt.sign(good, key, { algorithm: 'HS512' }), 'InvalidClientTokenId'],
  ['of no algorithm', unsigned, 'InvalidClientTokenId'],
  ['too long', 'a'.repeat(3_000), 'InvalidClientTokenId'],
  ['nonsense', 'a.b.c', 'InvalidClientTokenId'],
];

test.each(tokens)('a token that is %s', async (_name, token, expected) => {
  expect(await outcome(() => readToken(token, [key], nowMs))).toBe(expected);
});

test('what is issued is read back until it ends', async () => {
  const { token, expiresAt } = issueToken('EFAKTEST', key, nowMs, 60);
  expect(expiresAt).toBe('2026-11-23T12:01:00.000Z');
  expect(await outcome(() => readToken(token, [key], nowMs + 59_000))).toBe('EFAKTEST');
  expect(await outcome(() => readToken(token, [key], nowMs + 60_000))).toBe('ExpiredToken');
});

let fake: FakeStore;
let clock: ManualClock;
let authenticator: Authenticator;

beforeEach(() => {
  fake = fakeStore();
  fake.keys.set(keys.accessKeyId, keys.secretAccessKey);
  clock = new ManualClock(nowMs);
  authenticator = createAuthenticator(readConfig({}), fake.store, clock, silentLog);
});

function callerOf(address: string, given: typeof keys): Caller {
  const sent = { method: 'GET', target: '/2020-05-31/distribution' };
  const headers = { host: 'h', ...signedHeaders(given, sent, 'h', clock.nowMs()) };
  return { address, requestId: 'r1', service: 'cloudfront', request: { method: 'GET', path: sent.target, query: '', rawHeaders: Object.entries(headers).flat(), body: Buffer.alloc(0) } };
}

test('guessing a secret is slowed down, for the guesser and that key only', async () => {
  const wrong = { ...keys, secretAccessKey: 'guess' };
  for (let i = 0; i < attemptLimits.burst; i += 1) {
    expect(await outcome(() => authenticator.authenticate(callerOf('10.0.0.1', wrong)))).toBe('SignatureDoesNotMatch');
  }
  expect(await outcome(() => authenticator.authenticate(callerOf('10.0.0.1', keys)))).toBe('ThrottlingException');
  expect(await outcome(() => authenticator.createToken(callerOf('10.0.0.1', wrong), keys))).toBe('ThrottlingException');
  expect(await outcome(() => authenticator.authenticate(callerOf('10.0.0.2', keys)))).toEqual({ accessKeyId: 'EFAKTEST', policy: null });
  fake.keys.set('EFAKOTHER', 'other');
  expect(await outcome(() => authenticator.authenticate(callerOf('10.0.0.1', { accessKeyId: 'EFAKOTHER', secretAccessKey: 'other' })))).toEqual({ accessKeyId: 'EFAKOTHER', policy: null });
  clock.advance(1_000);
  expect(await outcome(() => authenticator.authenticate(callerOf('10.0.0.1', keys)))).toEqual({ accessKeyId: 'EFAKTEST', policy: null });
});

test('keys that do not exist are counted together, and lock nobody out', async () => {
  for (let i = 0; i < attemptLimits.burst; i += 1) {
    expect(await outcome(() => authenticator.authenticate(callerOf('10.0.0.1', { accessKeyId: `EFAK${i}`, secretAccessKey: 'x' })))).toBe('InvalidClientTokenId');
  }
  expect(await outcome(() => authenticator.authenticate(callerOf('10.0.0.1', { accessKeyId: 'EFAKNEW', secretAccessKey: 'x' })))).toBe('ThrottlingException');
  expect(await outcome(() => authenticator.authenticate(callerOf('10.0.0.1', keys)))).toEqual({ accessKeyId: 'EFAKTEST', policy: null });
});

test('a store that was away when the tokens\' key was first needed is asked again', async () => {
  const caller = callerOf('10.0.0.1', keys);
  const bearer: Caller = { ...caller, request: { ...caller.request, rawHeaders: ['Authorization', 'Bearer a.b.c'] } };
  fake.failure = new Fault('database-unavailable', 'machine', 'away', { retry: true });
  await expect(authenticator.authenticate(bearer)).rejects.toMatchObject({ kind: 'database-unavailable' });
  fake.failure = null;
  expect(await outcome(() => authenticator.authenticate(bearer))).toBe('InvalidClientTokenId');
  expect(await authenticator.createToken(caller, keys)).toMatchObject({ expiresAt: '2026-11-23T13:00:00.000Z' });
});

describe('sign-ins that fail are audited', () => {
  const wrong = { ...keys, secretAccessKey: 'wrong' };
  const fail = (address: string, given = wrong): Promise<unknown> => outcome(() => authenticator.authenticate(callerOf(address, given)));

  test('with who it claims to be, of an id that nobody has its beginning, from where and why', async () => {
    await fail('10.0.0.1');
    await fail('10.0.0.2', { accessKeyId: 'EFAKNOBODY', secretAccessKey: 'x' });
    await outcome(() => authenticator.createToken(callerOf('10.0.0.3', keys), wrong));
    await outcome(() => authenticator.authenticate({ ...callerOf('10.0.0.4', keys), request: { method: 'GET', path: '/', query: '', rawHeaders: ['authorization', 'Bearer a.b.c'], body: Buffer.alloc(0) } }));
    await authenticator.authenticate(callerOf('10.0.0.5', keys));
    expect(fake.signIns).toEqual([
      { accessKeyId: 'EFAKTEST', address: '10.0.0.1', reason: 'SignatureDoesNotMatch', requestId: 'r1' },
      { accessKeyId: 'EFAKNO…', address: '10.0.0.2', reason: 'InvalidClientTokenId', requestId: 'r1' },
      { accessKeyId: 'EFAKTEST', address: '10.0.0.3', reason: 'InvalidClientTokenId', requestId: 'r1' },
      { accessKeyId: '', address: '10.0.0.4', reason: 'InvalidClientTokenId', requestId: 'r1' },
    ]);
  });

  test('only some of them: the first few of each pair, then one now and then', async () => {
    for (let i = 0; i < 3 * auditedLimits.burst; i += 1) await fail('10.0.0.1');
    expect(fake.signIns).toHaveLength(auditedLimits.burst);
    await fail('10.0.0.2');
    expect(fake.signIns).toHaveLength(auditedLimits.burst + 1);
    clock.advance(1000 / auditedLimits.perSecond);
    await fail('10.0.0.1');
    await fail('10.0.0.1');
    expect(fake.signIns).toHaveLength(auditedLimits.burst + 2);
  });

  test('from however many addresses', async () => {
    for (let i = 0; i < 2 * auditedTogetherLimits.burst; i += 1) expect(await fail(`10.0.1.${i}`)).toBe('SignatureDoesNotMatch');
    expect(fake.signIns).toHaveLength(auditedTogetherLimits.burst);
    expect(fake.signInsMax).toBe(auditedLinesMax);
  });
});
