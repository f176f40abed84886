// Real-time log configurations: which fields of which share of the requests go to which stream.
import type { EndPoint, RealtimeLogConfig } from '@aws-sdk/client-cloudfront';
import { atMost, distinct, oneOf, required, wholeNumber } from './argument';
import type { ConfigContext } from './config-context';
import { realtimeLogArnParts } from './references';
import { refuse } from './refusal';

/** guide: real-time-logs, fields. */
const logFields: ReadonlySet<string> = new Set([
  'timestamp', 'c-ip', 's-ip', 'time-to-first-byte', 'sc-status', 'sc-bytes', 'cs-method', 'cs-protocol', 'cs-host', 'cs-uri-stem', 'cs-bytes',
  'x-edge-location', 'x-edge-request-id', 'x-host-header', 'time-taken', 'cs-protocol-version', 'c-ip-version', 'cs-user-agent', 'cs-referer',
  'cs-cookie', 'cs-uri-query', 'x-edge-response-result-type', 'x-forwarded-for', 'ssl-protocol', 'ssl-cipher', 'x-edge-result-type',
  'fle-encrypted-fields', 'fle-status', 'sc-content-type', 'sc-content-len', 'sc-range-start', 'sc-range-end', 'c-port',
  'x-edge-detailed-result-type', 'c-country', 'cs-accept-encoding', 'cs-accept', 'cache-behavior-path-pattern', 'cs-headers', 'cs-header-names',
  'cs-headers-count', 'origin-fbl', 'origin-lbl', 'asn', 'primary-distribution-id', 'primary-distribution-dns-name', 'r-host', 'sr-reason',
  'x-edge-mqcs', 'distribution-tenant-id', 'connection-id',
  'cmcd-encoded-bitrate', 'cmcd-buffer-length', 'cmcd-buffer-starvation', 'cmcd-content-id', 'cmcd-object-duration', 'cmcd-deadline',
  'cmcd-measured-throughput', 'cmcd-next-object-request', 'cmcd-next-range-request', 'cmcd-object-type', 'cmcd-playback-rate',
  'cmcd-requested-maximum-throughput', 'cmcd-streaming-format', 'cmcd-session-id', 'cmcd-stream-type', 'cmcd-startup', 'cmcd-top-bitrate',
  'cmcd-version',
]);

function endPointOf(endPoint: EndPoint): EndPoint {
  const { RoleARN: role = '', StreamARN: stream = '' } = endPoint.KinesisStreamConfig ?? {};
  if (!/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/.test(role)) refuse('InvalidArgument', 'The parameter RoleARN is not valid.');
  if (!/^arn:aws[a-z-]*:kinesis:[a-z0-9-]{1,32}:\d{12}:stream\/[A-Za-z0-9_.-]{1,128}$/.test(stream)) {
    refuse('InvalidArgument', 'The parameter StreamARN is not valid.');
  }
  return { StreamType: oneOf(endPoint.StreamType, ['Kinesis'], 'StreamType'), KinesisStreamConfig: { RoleARN: role, StreamARN: stream } };
}

/** What of a configuration a caller sets; its ARN follows from its name. */
export type RealtimeLogSettings = Omit<RealtimeLogConfig, 'ARN'>;

/** @throws Refusal InvalidArgument */
export function prepareRealtimeLogConfig(config: RealtimeLogSettings): RealtimeLogSettings {
  const name = required(config.Name, 'Name');
  // Its name is its id and the end of its ARN.
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) refuse('InvalidArgument', 'The parameter Name is too long or contains a character that is not allowed.');
  const endPoints = config.EndPoints ?? [];
  if (endPoints.length !== 1) refuse('InvalidArgument', 'The parameter EndPoints must have exactly one item.');
  const fields = config.Fields ?? [];
  if (fields.length === 0) refuse('InvalidArgument', 'The parameter Fields must name at least one field.');
  atMost(fields.length, logFields.size, 'InvalidArgument', 'fields');
  distinct(fields, 'Fields');
  for (const field of fields) if (!logFields.has(field)) refuse('InvalidArgument', 'The parameter Fields names a field that does not exist.');
  return {
    Name: name,
    SamplingRate: wholeNumber(required(config.SamplingRate, 'SamplingRate'), { name: 'SamplingRate', min: 1, max: 100, fallback: 100 }),
    EndPoints: endPoints.map(endPointOf),
    Fields: [...fields],
  };
}

/**
 * Name of the configuration that a request means, by its name, its ARN, or both.
 * @returns null for the ARN of another account's, or of nothing
 * @throws Refusal InvalidArgument when it says neither, or two different ones
 */
export function realtimeLogName(name: string | undefined, arn: string | undefined, { accountId }: Pick<ConfigContext, 'accountId'>): string | null {
  const parts = arn === undefined || arn === '' ? null : realtimeLogArnParts(arn);
  if (arn === undefined || arn === '') return required(name, 'Name or ARN');
  if (parts === null) return refuse('InvalidArgument', 'The parameter ARN is not valid.');
  if (name !== undefined && name !== '' && name !== parts.name) return refuse('InvalidArgument', 'The parameters Name and ARN name different configurations.');
  return parts.account === accountId ? parts.name : null;
}
