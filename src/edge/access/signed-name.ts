// Whether a viewer may play what a stream's name was signed for (guide: "Creating a signed URL", for RTMP distributions).
import { verify } from 'node:crypto';
import {
  cannedPolicy, conditionsOutcome, coversUrl, customPolicy, decodeSigned, parsePolicy, signedRequest, type SignedParts, type SignedPolicy,
} from '../../protocol/aws/signed-access';
import type { StreamName } from '../rtmp/stream-name';
import { hashNamed, type SignedRefusal, type ViewerKey } from './signed';

/** Spellings of one name that a signature may be for: with and without extension, with and without parameters of its own. */
const spellingsMax = 8;

/**
 * Signatures are of the name alone, without prefix and host, and "depending on the player" with or without its extension. Each play and each seek asks:
 * what has begun goes on after its time is over.
 * @param keys whom the distribution trusts, by id
 * @param nowMs wall time
 * @returns null when the viewer may play it
 */
export function nameRefusal(name: StreamName, keys: ReadonlyMap<string, ViewerKey>, address: string, nowMs: number): SignedRefusal | null {
  const signed = signedRequest(name.path, name.query === '' ? null : name.query, () => undefined);
  if (signed === null) return 'signature-ambiguous';
  const { parts, url } = signed;
  const keyId = parts['Key-Pair-Id'];
  if (keyId === undefined || keyId === '') return 'key-missing';
  const key = keys.get(keyId);
  if (key === undefined) return 'key-unknown';
  if (parts.Signature === undefined || parts.Signature === '') return 'signature-missing';
  const spellings = spellingsOf(name, url.slice(name.path.length));
  const policy = parts.Policy === undefined ? cannedPolicyOf(parts, parts.Signature, spellings, key) : customPolicyOf(parts, parts.Signature, parts.Policy, key);
  if (typeof policy === 'string') return policy;
  if (!spellings.some((spelling) => coversUrl(policy, spelling, spelling))) return 'resource-not-covered';
  const outcome = conditionsOutcome(policy, address, nowMs);
  return outcome === 'allowed' ? null : outcome;
}

/** @param rest the name's own parameters, with their `?`; empty: none */
function spellingsOf({ path, keys }: StreamName, rest: string): readonly string[] {
  const plain = keys.includes(path) ? [path, path.replace(/\.[^./]*$/, '')] : [path, ...keys];
  return [...plain, ...(rest === '' ? [] : plain.map((each) => each + rest))].slice(0, spellingsMax);
}

/** The policy is not sent: it is the text for one of the spellings, whichever was signed. */
function cannedPolicyOf(parts: SignedParts, signature: string, spellings: readonly string[], key: ViewerKey): SignedPolicy | SignedRefusal {
  const [hash, bytes] = [hashNamed(parts['Hash-Algorithm']), decodeSigned(signature)];
  if (hash === null || bytes === null) return 'signature-malformed';
  for (const spelling of spellings) {
    const text = parts.Expires === undefined ? null : cannedPolicy(spelling, parts.Expires);
    const policy = text === null ? null : parsePolicy(text, isName);
    if (text === null || policy === null) return 'policy-malformed';
    if (verify(hash, Buffer.from(text), key.object, bytes)) return policy;
  }
  return 'signature-wrong';
}

function customPolicyOf(parts: SignedParts, signature: string, statement: string, key: ViewerKey): SignedPolicy | SignedRefusal {
  const [hash, bytes] = [hashNamed(parts['Hash-Algorithm']), decodeSigned(signature)];
  if (hash === null || bytes === null) return 'signature-malformed';
  const text = customPolicy(statement);
  const policy = text === null ? null : parsePolicy(text, isName);
  if (text === null || policy === null) return 'policy-malformed';
  return verify(hash, Buffer.from(text), key.object, bytes) ? policy : 'signature-wrong';
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';
