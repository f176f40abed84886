// How viewers meet TLS: the certificate, its protocol floor, and how CloudFront echoes both.
import type { ViewerCertificate } from '@aws-sdk/client-cloudfront';
import { oneOf } from './argument';
import { present } from './quantity';
import { refuse } from './refusal';

/** What CloudFront answers for its own certificate, whatever was asked for beside it (guide: Security Policy). */
const defaultCertificate: ViewerCertificate = {
  CloudFrontDefaultCertificate: true, SSLSupportMethod: 'vip', MinimumProtocolVersion: 'TLSv1', CertificateSource: 'cloudfront',
};

const protocolVersions = [
  'SSLv3', 'TLSv1', 'TLSv1_2016', 'TLSv1.1_2016', 'TLSv1.2_2018', 'TLSv1.2_2019', 'TLSv1.2_2021', 'TLSv1.2_2025', 'TLSv1.3_2025',
] as const;

/** ACM certificates must be in us-east-1 (model: ViewerCertificate.ACMCertificateArn). */
export const acmArn = /^arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate\/[A-Za-z0-9-]{1,64}$/;
const iamId = /^[A-Za-z0-9]{16,128}$/;

interface OwnCertificate {
  readonly source: 'acm' | 'iam';
  readonly id: string;
}

function ownCertificateOf(certificate: ViewerCertificate): OwnCertificate | null {
  const acm = certificate.ACMCertificateArn ?? '';
  const iam = certificate.IAMCertificateId ?? '';
  if (acm !== '' && iam !== '') refuse('InvalidViewerCertificate', 'Specify either ACMCertificateArn or IAMCertificateId, not both.');
  if (acm !== '') return { source: 'acm', id: acm };
  if (iam !== '') return { source: 'iam', id: iam };
  // The two deprecated members say the same in another way, and lose against the newer ones.
  const { CertificateSource: source, Certificate: id } = certificate;
  return (source === 'acm' || source === 'iam') && id !== undefined && id !== '' ? { source, id } : null;
}

/**
 * guide: distribution-web-values-specify, Security Policy.
 * @throws Refusal InvalidProtocolSettings, InvalidMinimumProtocolVersion
 */
function checkProtocol(method: string, version: string): void {
  if (method === 'sni-only' && version === 'SSLv3') {
    refuse('InvalidProtocolSettings',
      'You cannot specify SSLv3 as the minimum protocol version if you only want to support only clients that support Server Name Indication (SNI).');
  }
  if (method === 'vip' && version !== 'SSLv3' && version !== 'TLSv1') {
    refuse('InvalidMinimumProtocolVersion', 'The minimum protocol version specified is not valid with the SSLSupportMethod vip.');
  }
}

/**
 * The certificate with what CloudFront fills in.
 * Departure: aliases are accepted with the default certificate too, since a CDN of your own may serve them over plain HTTP.
 * @throws Refusal InvalidViewerCertificate, InvalidProtocolSettings, InvalidMinimumProtocolVersion
 */
export function prepareViewerCertificate(certificate: ViewerCertificate | undefined): ViewerCertificate {
  if (certificate === undefined) return { ...defaultCertificate };
  const explicit = (certificate.ACMCertificateArn ?? '') !== '' || (certificate.IAMCertificateId ?? '') !== '';
  if (certificate.CloudFrontDefaultCertificate === true) {
    if (explicit) refuse('InvalidViewerCertificate', 'CloudFrontDefaultCertificate cannot be true beside a certificate of your own.');
    return { ...defaultCertificate };
  }
  const own = ownCertificateOf(certificate);
  if (own === null) {
    if (certificate.CloudFrontDefaultCertificate === undefined) return { ...defaultCertificate };
    refuse('InvalidViewerCertificate', 'Specify a certificate, or CloudFrontDefaultCertificate true.');
  }
  if (!(own.source === 'acm' ? acmArn : iamId).test(own.id)) {
    refuse('InvalidViewerCertificate', 'The specified SSL certificate doesn\'t exist, isn\'t in us-east-1 region, or isn\'t valid.');
  }
  if (certificate.SSLSupportMethod === undefined) refuse('InvalidViewerCertificate', 'A certificate of your own needs an SSLSupportMethod.');
  const method = oneOf(certificate.SSLSupportMethod, ['sni-only', 'vip', 'static-ip'], 'SSLSupportMethod');
  const version = oneOf(certificate.MinimumProtocolVersion ?? 'TLSv1', protocolVersions, 'MinimumProtocolVersion');
  checkProtocol(method, version);
  return present<ViewerCertificate>({
    CloudFrontDefaultCertificate: false,
    ACMCertificateArn: own.source === 'acm' ? own.id : undefined,
    IAMCertificateId: own.source === 'iam' ? own.id : undefined,
    SSLSupportMethod: method,
    MinimumProtocolVersion: version,
    Certificate: own.id,
    CertificateSource: own.source,
  });
}
