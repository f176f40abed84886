// The access log of streaming distributions: one line of 17 fields for each event of a viewer (guide: "RTMP distribution log file format").
import { dateAndTime, headerOf, logField, nothing } from './line';

export const streamingHeader = headerOf([
  'date', 'time', 'x-edge-location', 'c-ip', 'x-event', 'sc-bytes', 'x-cf-status', 'x-cf-client-id', 'cs-uri-stem', 'cs-uri-query', 'c-referrer', 'x-page-url', 'c-user-agent',
  'x-sname', 'x-sname-query', 'x-file-ext', 'x-sid',
]);

/** What the guide says of `x-cf-status`: "Currently, only OK". */
const status = 'OK';

/** The connection that an event is of. */
export interface StreamingViewer {
  readonly address: string;
  /** Opaque, unique for each connection. */
  readonly client: string;
  /** The URL of `connect`, without its query. */
  readonly url: string;
  /** Empty: none; so in all that follows. */
  readonly query: string;
  readonly swfUrl: string;
  readonly pageUrl: string;
  readonly flashVersion: string;
}

/** The stream that an event is of. */
export interface LoggedStream {
  /** Without prefix and extension. */
  readonly name: string;
  readonly query: string;
  readonly extension: string;
  readonly id: number;
}

export interface StreamingEvent {
  readonly kind: 'connect' | 'disconnect' | 'play' | 'stop' | 'pause' | 'unpause' | 'seek';
  readonly viewer: StreamingViewer;
  /** All bytes that the connection has taken so far. */
  readonly sentBytes: number;
  /** Null for what is of the connection as a whole. */
  readonly stream: LoggedStream | null;
}

/** @param location the edge's, as `X-Amz-Cf-Pop` says it */
export function streamingLine({ kind, viewer, sentBytes, stream }: StreamingEvent, location: string, atMs: number): string {
  const ofStream = stream === null
    ? [nothing, nothing, nothing, nothing]
    : [logField(stream.name), logField(stream.query), logField(stream.extension), String(stream.id)];
  const fields = [
    dateAndTime(atMs), logField(location), logField(viewer.address), kind, String(sentBytes), status, viewer.client,
    logField(viewer.url), logField(viewer.query), logField(viewer.swfUrl), logField(viewer.pageUrl), logField(viewer.flashVersion), ...ofStream,
  ];
  return `${fields.join('\t')}\n`;
}
