// The answers an edge makes itself: CloudFront's statuses and reasons, as a small page.
import type { EncryptionRefusal } from './access/field-encryption';
import type { SignedRefusal } from './access/signed';
import { HeadBlock } from './http/exchange';

/** Why a request was not served from the origin or the cache; reaches the log. */
export type Denial =
  | 'malformed-request' | 'request-too-large' | 'unknown-host' | 'method-not-allowed' | 'method-unknown' | 'https-required' | 'body-not-allowed'
  | 'access-closed' | 'client-certificate-required' | 'country-refused' | EncryptionRefusal | 'form-too-large' | SignedRefusal | 'only-if-cached' | 'misdirected' | 'origin-unreachable' | 'origin-timeout' | 'origin-misbehaved' | 'loop'
  | 'websocket-malformed' | 'too-many-of-address' | 'edge-full';

const explanations: Record<Exclude<Denial, SignedRefusal>, string> = {
  'malformed-request': 'The request is not valid HTTP.',
  'request-too-large': 'The request line or the header fields are larger than this service accepts.',
  'unknown-host': 'No enabled distribution answers to this host name. If it is a new name, check that it is an alternate domain name of a distribution.',
  'method-not-allowed': 'This distribution does not allow the HTTP method that was used.',
  'method-unknown': 'This service does not know the HTTP method that was used.',
  'https-required': 'This content is available over HTTPS only.',
  'body-not-allowed': 'A GET or HEAD request must not have a body here.',
  'access-closed': 'Access to this content is restricted.',
  'client-certificate-required': 'This content is available over HTTPS only, to those who were asked for a certificate when they connected.',
  // CloudFront's own sentence: people and programs know it.
  'country-refused': 'The Amazon CloudFront distribution is configured to block access from your country.',
  'content-type-not-encryptable': 'Content of this type is not accepted here.',
  'encryption-profile-unknown': 'The profile that the request names is not known.',
  'form-too-large': 'The form, a field of it or the number of its fields is larger than this service accepts.',
  'only-if-cached': 'The request asks for a stored answer, and none is stored that may be used.',
  'misdirected': 'The connection was made for another host name. Connect again for this one.',
  'origin-unreachable': 'The origin could not be reached.',
  'origin-timeout': 'The origin did not answer in time.',
  'origin-misbehaved': 'The origin closed the connection or sent an invalid answer.',
  'websocket-malformed': 'The request asks for a WebSocket, and is no opening handshake of one.',
  'too-many-of-address': 'Too many WebSockets are open from this address.',
  'edge-full': 'This service cannot take another WebSocket now.',
  'loop': 'The request has come through this service too often: its origin leads back to it.',
};

/**
 * CloudFront answers in XML where a signature is asked for. MissingKey, InvalidKey, MalformedSignature, MalformedPolicy and
 * AccessDenied are its own words; an absent signature is malformed here, since what CloudFront calls it is not known.
 */
const malformedSignature = { code: 'MalformedSignature', message: 'Could not unencode Signature' };
const accessDenied = { code: 'AccessDenied', message: 'Access denied' };
const signedErrors: Readonly<Record<SignedRefusal, { readonly code: string; readonly message: string }>> = {
  'key-missing': { code: 'MissingKey', message: 'Missing Key-Pair-Id query parameter or cookie value' },
  'key-unknown': { code: 'InvalidKey', message: 'Unknown Key' },
  'signature-missing': malformedSignature,
  'signature-malformed': malformedSignature,
  'signature-ambiguous': malformedSignature,
  'policy-malformed': { code: 'MalformedPolicy', message: 'Malformed Policy' },
  'signature-wrong': accessDenied,
  'resource-not-covered': accessDenied,
  'expired': accessDenied,
  'not-yet-valid': accessDenied,
  'address-not-covered': accessDenied,
};

export interface Page {
  readonly block: HeadBlock;
  readonly body: Buffer;
}

/** The page for a denial. `requestId` is one of ours, never text from the request. */
export function denialPage(status: number, denial: Denial, requestId: string): Page {
  return denial in signedErrors ? signedErrorPage(status, denial as SignedRefusal) : htmlPage(status, denial as Exclude<Denial, SignedRefusal>, requestId);
}

function signedErrorPage(status: number, refusal: SignedRefusal): Page {
  const { code, message } = signedErrors[refusal];
  return {
    block: new HeadBlock(status, ['server', 'CloudFront', 'content-type', 'text/xml']),
    body: Buffer.from(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`),
  };
}

function htmlPage(status: number, denial: Exclude<Denial, SignedRefusal>, requestId: string): Page {
  const body = Buffer.from(
    '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>ERROR: The request could not be satisfied</title></head>\n'
    + `<body>\n<h1>${status} ERROR</h1>\n<h2>The request could not be satisfied.</h2>\n<hr>\n`
    + `<p>${explanations[denial]}</p>\n<hr>\n<pre>Generated by cloudfront (CloudFront)\nRequest ID: ${requestId}\n</pre>\n</body>\n</html>\n`,
  );
  const block = new HeadBlock(status, ['server', 'CloudFront', 'content-type', 'text/html; charset=utf-8']);
  return { block, body };
}
