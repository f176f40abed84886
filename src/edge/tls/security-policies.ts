// CloudFront's security policies: which protocols and ciphers each allows (guide: secure-connections-supported-viewer-protocols-ciphers).
//
// What today's OpenSSL no longer has is left out of a policy, never replaced: SSLv3, RC4-MD5 and DES-CBC3-SHA.
import type { SecureVersion } from 'node:tls';

export interface SecurityPolicy {
  readonly minVersion: SecureVersion;
  /** OpenSSL's names, in the order they are chosen in; those of TLS 1.3 first. */
  readonly ciphers: readonly string[];
}

const tls13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** For a certificate of either kind: ECDHE with authenticated encryption. */
const ecdheAead = [
  'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384',
];
const ecdheChacha = ['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'];
const ecdheCbcSha2 = ['ECDHE-ECDSA-AES128-SHA256', 'ECDHE-RSA-AES128-SHA256', 'ECDHE-ECDSA-AES256-SHA384', 'ECDHE-RSA-AES256-SHA384'];
const ecdheCbcSha1 = ['ECDHE-ECDSA-AES128-SHA', 'ECDHE-RSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA', 'ECDHE-RSA-AES256-SHA'];
const rsaKeyExchange = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'AES128-SHA256'];
const rsaSha1 = ['AES256-SHA', 'AES128-SHA'];

const tls12Of2021 = [...tls13, ...ecdheAead, ...ecdheChacha];
const tls12Of2019 = [...tls12Of2021, ...ecdheCbcSha2];
const tls12Of2018 = [...tls12Of2019, ...rsaKeyExchange];
const old = [...tls12Of2019, ...ecdheCbcSha1, ...rsaKeyExchange, ...rsaSha1];

const policies: Readonly<Record<string, SecurityPolicy>> = {
  // Asked for only by dedicated addresses; OpenSSL has no SSLv3, so that it begins one version later.
  'SSLv3': { minVersion: 'TLSv1', ciphers: old },
  'TLSv1': { minVersion: 'TLSv1', ciphers: old },
  'TLSv1_2016': { minVersion: 'TLSv1', ciphers: old },
  'TLSv1.1_2016': { minVersion: 'TLSv1.1', ciphers: old },
  'TLSv1.2_2018': { minVersion: 'TLSv1.2', ciphers: tls12Of2018 },
  'TLSv1.2_2019': { minVersion: 'TLSv1.2', ciphers: tls12Of2019 },
  'TLSv1.2_2021': { minVersion: 'TLSv1.2', ciphers: tls12Of2021 },
  'TLSv1.2_2025': { minVersion: 'TLSv1.2', ciphers: [...tls13, ...ecdheAead] },
  'TLSv1.3_2025': { minVersion: 'TLSv1.3', ciphers: tls13.slice(0, 2) },
};

/** The curves of the guide, the fastest first. */
export const curves = 'X25519:prime256v1:secp384r1';

/** Undefined for a name that is none. */
export function securityPolicy(name: string): SecurityPolicy | undefined {
  return Object.hasOwn(policies, name) ? policies[name] : undefined;
}

/** As OpenSSL wants them. TLS 1.0 and 1.1 sign with SHA-1, which OpenSSL 3 allows at its lowest security level only. */
export function cipherText({ minVersion, ciphers }: SecurityPolicy): string {
  return minVersion === 'TLSv1' || minVersion === 'TLSv1.1' ? `${ciphers.join(':')}:@SECLEVEL=0` : ciphers.join(':');
}
