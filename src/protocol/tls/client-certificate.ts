// A client's certificate in the words in which servers behind are told of it (guide: viewer-mtls-headers, mtls-validation-modes; RFC 9440).
import type { X509Certificate } from 'node:crypto';

const hexPairs = (hex: string): string => hex.toLowerCase().replace(/..(?=.)/g, '$&:');

/** `4a:3f:5c` */
export const serialNumberOf = ({ serialNumber }: X509Certificate): string => hexPairs(serialNumber.length % 2 === 0 ? serialNumber : `0${serialNumber}`);

/**
 * RFC 2253: the most specific part first, with commas between. OpenSSL gives one part a line, its values escaped as that RFC
 * wants, so that a value has no line break of its own; what is not ASCII is written as bytes here.
 */
export function distinguishedName(lines: string): string {
  return lines.split('\n').reverse().map((part) => part.replace(/ \+ (?=[A-Za-z0-9.]+=)/g, '+')).join(',').replace(/[^\x20-\x7e]+/gu, escapedBytes);
}

const escapedBytes = (text: string): string => [...Buffer.from(text, 'utf8')].map((byte) => `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');

const second = (date: string): string => `${new Date(date).toISOString().slice(0, 19)}Z`;

export const validityOf = ({ validFrom, validTo }: X509Certificate): string => `NotBefore=${second(validFrom)};NotAfter=${second(validTo)}`;

export const sha256Of = ({ fingerprint256 }: X509Certificate): string => fingerprint256.replaceAll(':', '').toLowerCase();

export const escapedPemOf = (certificate: X509Certificate): string => encodeURIComponent(certificate.toString());

/** RFC 9440 section 2.1: a Byte Sequence of structured fields. */
export const byteSequenceOf = ({ raw }: X509Certificate): string => `:${raw.toString('base64')}:`;
