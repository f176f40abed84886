// From whatever was thrown to the error that a client sees: one code, its status, a message without internals.
import { Fault, messageOf } from '../base/fault';
import { errorStatuses, keyValueStoreErrorStatuses } from '../protocol/aws/rest-xml';

export interface ClientError {
  readonly status: number;
  /** Whose fault it is, in AWS's words. */
  readonly type: 'Sender' | 'Receiver';
  readonly code: string;
  readonly message: string;
}

// Codes that CloudFront sends without listing them in its model (CloudFront API Reference, "Common Errors"), and ours.
const commonStatuses: ReadonlyMap<string, number> = new Map([
  ['AccessDenied', 403],
  ['CertificateAlreadyExists', 409],
  ['CertificateChainBroken', 400],
  ['CertificateExpired', 400],
  ['CertificateInUse', 409],
  ['CertificateKeyMismatch', 400],
  ['CertificateNamesMissing', 400],
  ['ExpiredToken', 403],
  ['IncompleteSignature', 400],
  ['InternalFailure', 500],
  ['InvalidClientTokenId', 403],
  ['InvalidationBatchAlreadyExists', 409],
  ['LastAdministrator', 409],
  ['MalformedCertificate', 400],
  ['MalformedInput', 400],
  ['MalformedPolicyDocument', 400],
  ['MalformedQueryString', 400],
  ['MalformedXML', 400],
  ['MethodNotAllowed', 405],
  ['MissingAuthenticationToken', 403],
  ['NoSuchAccessKey', 404],
  ['NoSuchCaBundle', 404],
  ['NoSuchCertificate', 404],
  ['NoSuchEnrolmentToken', 404],
  ['NoSuchKeyPair', 404],
  ['NoSuchNode', 404],
  ['NoSuchVersion', 404],
  ['NotImplemented', 501],
  ['RequestEntityTooLarge', 413],
  ['RequestExpired', 400],
  ['RequestTimeout', 408],
  ['SecretsKeyMissing', 400],
  ['ServiceUnavailable', 503],
  ['SignatureDoesNotMatch', 403],
  ['ThrottlingException', 429],
  ['TooManyAccessKeys', 400],
  ['TooManyCaBundles', 400],
  ['TooManyCertificates', 400],
  ['TooManyActiveKeyPairs', 400],
  ['TooManyEnrolmentTokens', 400],
  ['TooManyKeyPairs', 400],
  ['UnknownOperationException', 404],
  ['UnsupportedCertificate', 400],
  ['UnsupportedMediaType', 415],
]);

/** HTTP status of an error code; undefined for one that is not an API error. */
export function statusOf(code: string): number | undefined {
  return errorStatuses.get(code) ?? keyValueStoreErrorStatuses.get(code) ?? commonStatuses.get(code);
}

function clientError(code: string, status: number, message: string): ClientError {
  return { status, type: status >= 500 ? 'Receiver' : 'Sender', code, message };
}

/** What the client is told about something thrown while its request was served. */
export function clientErrorOf(thrown: unknown): ClientError {
  if (thrown instanceof Fault && thrown.source === 'caller') {
    const status = statusOf(thrown.kind);
    // A caller's fault found below the API's vocabulary, such as a text that the database cannot hold.
    return status === undefined ? clientError('InvalidArgument', 400, `The request cannot be carried out: ${thrown.message}.`)
      : clientError(thrown.kind, status, thrown.message);
  }
  if (thrown instanceof Fault && thrown.retry) {
    return clientError('ServiceUnavailable', 503, 'The service cannot answer just now. Try again.');
  }
  return clientError('InternalFailure', 500, 'The request processing has failed because of an unknown error.');
}

// What AWS's JSON services call the errors that the shell finds (CloudFront API Reference, "Common Error Types").
const keyValueStoreCodes: Readonly<Record<string, string>> = {
  AccessDenied: 'AccessDeniedException',
  ExpiredToken: 'ExpiredTokenException',
  InternalFailure: 'InternalServerException',
  InvalidClientTokenId: 'UnrecognizedClientException',
  MissingAuthenticationToken: 'MissingAuthenticationTokenException',
  SignatureDoesNotMatch: 'InvalidSignatureException',
  // What does not fit the operation's shapes.
  InvalidArgument: 'ValidationException',
  InvalidIfMatchVersion: 'ValidationException',
  MalformedInput: 'ValidationException',
  MissingBody: 'ValidationException',
};

/** The same error as a client of the key value stores' data knows it. */
export function asKeyValueStoreError(error: ClientError): ClientError {
  return { ...error, code: keyValueStoreCodes[error.code] ?? error.code };
}

/** For the log: what the client is not told. Null when the client was told everything. */
export function hiddenCauseOf(thrown: unknown): string | null {
  if (thrown instanceof Fault && thrown.source === 'caller') return null;
  const cause = thrown instanceof Error && thrown.cause !== undefined ? ` (${messageOf(thrown.cause)})` : '';
  const stack = thrown instanceof Error && !(thrown instanceof Fault) ? thrown.stack : undefined;
  return `${stack ?? messageOf(thrown)}${cause}`;
}
