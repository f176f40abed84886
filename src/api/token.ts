// Bearer tokens for plain REST users: short-lived JWTs that stand for an access key.
import jwt from 'jsonwebtoken';
import { Fault } from '../base/fault';

export const tokenExpiresSMin = 60;
/** 12 hours: a token cannot be taken back except with its access key. */
export const tokenExpiresSMax = 43_200;
export const tokenExpiresSDefault = 3_600;
/** Characters; ours have about 250. */
const tokenLengthMax = 2_048;

const issuer = 'edgefront';
const audience = 'edgefront-api';

export interface IssuedToken {
  readonly token: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** @param expiresS already checked to be from tokenExpiresSMin to tokenExpiresSMax */
export function issueToken(accessKeyId: string, key: string, nowMs: number, expiresS: number): IssuedToken {
  const issuedS = Math.floor(nowMs / 1000);
  const token = jwt.sign({ sub: accessKeyId, iss: issuer, aud: audience, iat: issuedS, exp: issuedS + expiresS }, key, { algorithm: 'HS256' });
  return { token, expiresAt: new Date((issuedS + expiresS) * 1000).toISOString() };
}

/**
 * The access key id that a token stands for.
 * @param keys any of them may have signed it
 * @throws Fault from the caller: `ExpiredToken`, or `InvalidClientTokenId` for any other fault of it
 */
export function readToken(token: string, keys: readonly string[], nowMs: number): string {
  const wrong = new Fault('InvalidClientTokenId', 'caller', 'The bearer token included in the request is invalid.');
  if (token.length > tokenLengthMax) throw wrong;
  for (const key of keys) {
    try {
      // Only the algorithm that we sign with: a token must not choose how it is checked.
      const claims = jwt.verify(token, key, {
        algorithms: ['HS256'], issuer, audience, maxAge: tokenExpiresSMax, clockTimestamp: Math.floor(nowMs / 1000),
      });
      if (typeof claims !== 'string' && typeof claims.sub === 'string' && typeof claims.exp === 'number') return claims.sub;
    } catch (thrown) {
      // Said of a token whose signature is right.
      if (thrown instanceof jwt.TokenExpiredError) throw new Fault('ExpiredToken', 'caller', 'The bearer token included in the request is expired.');
    }
  }
  throw wrong;
}
