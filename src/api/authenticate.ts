// Who calls: a request signed with Signature Version 4, or one that bears a token of ours.
import { createHash, timingSafeEqual } from 'node:crypto';
import { assert } from '../base/assert';
import type { Clock } from '../base/clock';
import type { Config } from '../base/config';
import { Fault, codeOf, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import type { Service } from '../protocol/aws/rest-xml';
import { SigningKeys, invalidToken, isSignedWith, readSignature, signatureMismatch, type SignedRequest } from '../protocol/aws/sigv4';
import type { Store } from '../store/store';
import { FailedAttempts, auditedLimits, auditedLinesMax, auditedTogetherLimits } from '../base/attempts';
import type { Principal } from './operation';
import { issueToken, readToken, tokenExpiresSDefault, type IssuedToken } from './token';
import { TokenKeys } from './token-keys';

export interface Caller {
  readonly request: SignedRequest;
  /** What the request must be signed for. */
  readonly service: Service;
  /** Address that the connection comes from. */
  readonly address: string;
  readonly requestId: string;
}

/** Body of `POST /edgefront/v1/tokens`; its shape is checked. */
export interface TokenRequest {
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly expiresInSeconds?: number;
}

export interface Authenticator {
  /**
   * @throws Fault from the caller: `MissingAuthenticationToken`, `IncompleteSignature`, `RequestExpired`,
   *   `InvalidClientTokenId`, `SignatureDoesNotMatch`, `ExpiredToken`, `ThrottlingException`
   */
  authenticate(caller: Caller): Promise<Principal>;
  /** A token for the key that the body names or, when it names none, for the one that signed. Throws like authenticate. */
  createToken(caller: Caller, wanted: TokenRequest): Promise<IssuedToken>;
  /** Tokens are signed with another key from now on. */
  rotateTokenKeys(before: 'kept' | 'discarded'): Promise<void>;
}

function bearerOf(rawHeaders: readonly string[]): string | null {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== 'authorization') continue;
    // RFC 6750 section 2.1; the scheme's name is case-insensitive (RFC 9110 section 11.1).
    return /^bearer +([A-Za-z0-9._~+/=-]+)$/i.exec((rawHeaders[i + 1] ?? '').trim())?.[1] ?? null;
  }
  return null;
}

/** Compares texts of any length in time that tells nothing about where they differ. */
function equalSecrets(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Characters of an id that nobody has which are kept. */
const unknownIdCharsMax = 6;

/** Of an id that nobody has: it may be a secret that somebody put in the wrong place. */
const beginningOf = (id: string): string => (id.length <= unknownIdCharsMax ? id : `${id.slice(0, unknownIdCharsMax)}…`);

class StoreAuthenticator implements Authenticator {
  private readonly signingKeys = new SigningKeys();
  private readonly failures = new FailedAttempts();
  private readonly audited = new FailedAttempts(auditedLimits);
  private readonly auditedTogether = new FailedAttempts(auditedTogetherLimits);
  private readonly tokenKeys: TokenKeys;

  constructor(private readonly config: Config, private readonly store: Store, private readonly clock: Clock, private readonly log: Log) {
    this.tokenKeys = new TokenKeys(store, clock);
  }

  rotateTokenKeys(before: 'kept' | 'discarded'): Promise<void> { return this.tokenKeys.rotate(before); }

  async authenticate(caller: Caller): Promise<Principal> {
    const bearer = bearerOf(caller.request.rawHeaders);
    return bearer === null ? this.bySignature(caller) : this.byToken(caller, bearer);
  }

  async createToken(caller: Caller, wanted: TokenRequest): Promise<IssuedToken> {
    const accessKeyId = await this.ownerOf(caller, wanted);
    const [key] = await this.tokenKeys.all();
    assert(key !== undefined, 'one key signs');
    return issueToken(accessKeyId, key, this.clock.nowMs(), wanted.expiresInSeconds ?? tokenExpiresSDefault);
  }

  private async ownerOf(caller: Caller, wanted: TokenRequest): Promise<string> {
    const { accessKeyId, secretAccessKey } = wanted;
    if (accessKeyId === undefined && secretAccessKey === undefined) return (await this.bySignature(caller)).accessKeyId;
    if (accessKeyId === undefined || secretAccessKey === undefined) {
      throw new Fault('InvalidArgument', 'caller', 'Give both accessKeyId and secretAccessKey, or neither and sign the request.');
    }
    const secret = (await this.store.accessKeys.find(accessKeyId))?.secret ?? null;
    this.attempt(caller, accessKeyId, secret, () => {
      const equal = equalSecrets(secretAccessKey, secret ?? '');
      if (secret === null || !equal) throw invalidToken();
    });
    return accessKeyId;
  }

  private async bySignature(caller: Caller): Promise<Principal> {
    const signature = readSignature(caller.request, [caller.service], this.clock.nowMs(), this.config.authorizationSkewS * 1000);
    const { accessKeyId } = signature;
    const key = await this.store.accessKeys.find(accessKeyId);
    const secret = key?.secret ?? null;
    this.attempt(caller, accessKeyId, secret, () => {
      const signed = isSignedWith(signature, secret, this.signingKeys);
      if (secret === null) throw invalidToken();
      if (!signed) throw signatureMismatch();
    });
    return { accessKeyId, policy: key?.policy ?? null };
  }

  private async byToken(caller: Caller, token: string): Promise<Principal> {
    const keys = await this.tokenKeys.all();
    const accessKeyId = this.attempt(caller, null, null, () => readToken(token, keys, this.clock.nowMs()));
    // A token lives no longer than its key.
    const found = await this.store.accessKeys.find(accessKeyId);
    if (found === null) throw invalidToken();
    return { accessKeyId, policy: found.policy };
  }

  /** Makes an attempt unless too many failed of late, and counts it if it fails. */
  private attempt<T>(caller: Caller, accessKeyId: string | null, secret: string | null, verify: () => T): T {
    const pair = `${caller.address} ${secret === null ? '' : accessKeyId}`;
    const nowMs = this.clock.monotonicMs();
    if (!this.failures.allows(pair, nowMs)) {
      throw new Fault('ThrottlingException', 'caller', 'Too many requests with wrong credentials. Try again later.');
    }
    try {
      return verify();
    } catch (thrown) {
      this.failures.count(pair, nowMs);
      if (thrown instanceof Fault && thrown.source === 'caller') this.audit(caller, secret === null ? beginningOf(accessKeyId ?? '') : accessKeyId ?? '', pair, thrown.kind);
      throw thrown;
    }
  }

  /** Leaves a line, within limits, so that whoever guesses cannot fill the table. The answer does not wait for it: it would tell of it. */
  private audit({ address, requestId }: Caller, accessKeyId: string, pair: string, reason: string): void {
    const nowMs = this.clock.monotonicMs();
    if (!this.audited.allows(pair, nowMs) || !this.auditedTogether.allows('', nowMs)) return;
    this.audited.count(pair, nowMs);
    this.auditedTogether.count('', nowMs);
    this.store.audit.signInRefused({ accessKeyId, reason, requestId, address }, auditedLinesMax).catch((thrown: unknown) => {
      this.log.warn('sign-in-not-audited', { code: codeOf(thrown) ?? 'none', reason: messageOf(thrown) });
    });
  }
}

export function createAuthenticator(config: Config, store: Store, clock: Clock, log: Log): Authenticator {
  return new StoreAuthenticator(config, store, clock, log);
}
