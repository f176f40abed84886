// Streaming (RTMP) distributions: a caller's configuration with CloudFront's defaults filled in, and its rules.
import type { StreamingDistributionConfig, StreamingLoggingConfig } from '@aws-sdk/client-cloudfront';
import { oneOf, required, text } from './argument';
import type { ConfigContext } from './config-context';
import { logPrefixOf } from './distribution';
import { checkAliases, isHostName, isOriginHost } from './host-name';
import type { Limits } from './limits';
import { checkIdentity } from './origin';
import { checkQuantities, itemsOf, listed } from './quantity';
import { refuse } from './refusal';
import { prepareStreamingSigners } from './trusted-signers';

function loggingOf(logging: StreamingLoggingConfig | undefined, limits: Limits): StreamingLoggingConfig {
  if (logging?.Enabled !== true) return { Enabled: false, Bucket: '', Prefix: '' };
  const bucket = required(logging.Bucket, 'Logging Bucket');
  if (!isHostName(bucket, limits.hostNameCharsMax)) refuse('InvalidArgument', 'The parameter Logging Bucket does not refer to a valid S3 bucket.');
  return { Enabled: true, Bucket: bucket, Prefix: logPrefixOf(logging.Prefix, limits) };
}

/**
 * A configuration as CloudFront would echo it; idempotent.
 * Departure: the bucket may be on any S3 server, so any host is accepted.
 * @throws Refusal with the code of the first rule that is broken
 */
export function prepareStreamingDistributionConfig(config: StreamingDistributionConfig, context: ConfigContext): StreamingDistributionConfig {
  const { limits } = context;
  checkQuantities(config);
  const origin = required(config.S3Origin, 'S3Origin');
  const host = origin.DomainName ?? '';
  if (!isOriginHost(host, limits.hostNameCharsMax)) refuse('InvalidOrigin', 'The parameter Origin DomainName does not refer to a valid S3 bucket.');
  const aliases = itemsOf(config.Aliases);
  checkAliases(aliases, context.domain, 'TooManyStreamingDistributionCNAMEs', limits);
  return {
    CallerReference: text(required(config.CallerReference, 'CallerReference'), 'CallerReference', limits.callerReferenceCharsMax),
    S3Origin: { DomainName: host, OriginAccessIdentity: checkIdentity(origin.OriginAccessIdentity, context.exists) },
    Aliases: listed(aliases),
    Comment: text(config.Comment, 'Comment', limits.commentCharsMax),
    Logging: loggingOf(config.Logging, limits),
    TrustedSigners: prepareStreamingSigners(config.TrustedSigners, context),
    PriceClass: oneOf(config.PriceClass ?? 'PriceClass_All', ['PriceClass_100', 'PriceClass_200', 'PriceClass_All'], 'PriceClass'),
    Enabled: required(config.Enabled, 'Enabled'),
  };
}

/** @throws Refusal IllegalUpdate */
export function checkStreamingDistributionUpdate(current: StreamingDistributionConfig, next: StreamingDistributionConfig): void {
  if (current.CallerReference !== next.CallerReference) {
    refuse('IllegalUpdate', 'The update contains modifications that are not allowed: CallerReference cannot be changed.');
  }
}
