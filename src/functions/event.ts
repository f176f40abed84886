// The event object of viewer functions: what may go in, and what a function may give back.
// guide: functions-event-structure, edge-functions-restrictions.
import { bodyBytesMax, uriCharsMax } from './limits';

export type EventType = 'viewer-request' | 'viewer-response';

export interface EventValue { readonly value: string; readonly multiValue?: readonly { readonly value: string; readonly attributes?: string }[]; readonly attributes?: string }
export type EventValues = Readonly<Record<string, EventValue>>;
export interface EventRequest {
  readonly method: string;
  readonly uri: string;
  readonly querystring: EventValues;
  readonly headers: EventValues;
  readonly cookies: EventValues;
}
export interface EventBody { readonly encoding: 'text' | 'base64'; readonly data: string }
export interface EventResponse {
  readonly statusCode: number;
  readonly statusDescription?: string;
  readonly headers: EventValues;
  readonly cookies: EventValues;
  /** Absent: the body that CloudFront has anyway. */
  readonly body?: EventBody;
}
export interface FunctionEvent {
  readonly version: '1.0';
  readonly context: { readonly eventType: EventType; readonly distributionDomainName?: string; readonly distributionId?: string; readonly requestId?: string };
  readonly viewer: { readonly ip: string };
  readonly request: EventRequest;
  readonly response?: EventResponse;
}

/** What is wrong with an event or with what a function returned, naming the field. */
export class EventError extends Error {
  override readonly name = 'EventError';
}

type Fields = Readonly<Record<string, unknown>>;

/** guide: edge-function-restrictions, Disallowed headers. */
const disallowed: ReadonlySet<string> = new Set([
  'connection', 'expect', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'trailer', 'upgrade',
  'x-accel-buffering', 'x-accel-charset', 'x-accel-limit-rate', 'x-accel-redirect', 'x-amzn-auth', 'x-amzn-cf-billing', 'x-amzn-cf-id',
  'x-amzn-cf-xff', 'x-amzn-errortype', 'x-amzn-fle-profile', 'x-amzn-header-count', 'x-amzn-header-order', 'x-amzn-lambda-integration-tag',
  'x-amzn-requestid', 'x-cache', 'x-forwarded-proto', 'x-real-ip',
]);
const disallowedPrefixes = ['x-amz-cf-', 'x-edge-'] as const;

/** guide: edge-function-restrictions, Read-only headers. */
const readOnly: Readonly<Record<EventType, readonly string[]>> = {
  'viewer-request': ['content-length', 'host', 'transfer-encoding', 'via'],
  'viewer-response': ['warning', 'via'],
};

/** RFC 9110 section 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** A header value: no control character but the tab. */
const control = /[\u0000-\u0008\u000a-\u001f\u007f]/;
const notInUri = /[\u0000-\u0020\u007f#]/;

function fail(message: string): never {
  throw new EventError(message);
}
function objectAt(value: unknown, where: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(`${where} must be an object.`);
  return value as Fields;
}
function textAt(value: unknown, where: string): string {
  if (typeof value !== 'string') fail(`${where} must be a string.`);
  return value;
}
function optionalText(value: unknown, where: string): string | undefined {
  return value === undefined || value === null ? undefined : textAt(value, where);
}
/** Values that become part of a message's head. */
function headText(value: unknown, where: string): string {
  const text = textAt(value, where);
  if (control.test(text)) fail(`${where} must not contain control characters.`);
  return text;
}

function valueAt(given: unknown, where: string): EventValue {
  const fields = objectAt(given, where);
  const value = headText(fields['value'], `${where}.value`);
  const attributes = fields['attributes'] === undefined ? undefined : headText(fields['attributes'], `${where}.attributes`);
  const multi = fields['multiValue'];
  if (multi !== undefined && !Array.isArray(multi)) fail(`${where}.multiValue must be an array.`);
  const multiValue = multi === undefined ? undefined : (multi as unknown[]).map((one, n) => {
    const { value: inner, attributes: innerAttributes } = valueAt(one, `${where}.multiValue[${n}]`);
    return { value: inner, ...(innerAttributes === undefined ? {} : { attributes: innerAttributes }) };
  });
  return { value, ...(multiValue === undefined ? {} : { multiValue }), ...(attributes === undefined ? {} : { attributes }) };
}

function valuesAt(given: unknown, where: string, nameCheck: (name: string) => void): EventValues {
  if (given === undefined) return {};
  const entries = Object.entries(objectAt(given, where)).map(([name, value]) => {
    nameCheck(name);
    return [name, valueAt(value, `${where}['${name}']`)] as const;
  });
  return Object.fromEntries(entries);
}

function headerName(where: string): (name: string) => void {
  return (name) => {
    if (!token.test(name)) fail(`${where} has the invalid name '${name}'.`);
    if (name !== name.toLowerCase()) fail(`${where}: the name '${name}' must be lower case.`);
  };
}
function cookieName(where: string): (name: string) => void {
  return (name) => {
    if (!token.test(name)) fail(`${where} has the invalid name '${name}'.`);
  };
}
function queryName(where: string): (name: string) => void {
  return (name) => {
    if (notInUri.test(name)) fail(`${where}: names must not contain spaces, control characters or '#'.`);
  };
}

function requestAt(given: unknown, where: string): EventRequest {
  const fields = objectAt(given, where);
  const method = textAt(fields['method'], `${where}.method`);
  if (!token.test(method)) fail(`${where}.method is not a method.`);
  const uri = textAt(fields['uri'], `${where}.uri`);
  if (!uri.startsWith('/')) fail(`${where}.uri must begin with '/'.`);
  if (notInUri.test(uri)) fail(`${where}.uri must not contain spaces, control characters or '#'.`);
  const querystring = valuesAt(fields['querystring'], `${where}.querystring`, queryName(`${where}.querystring`));
  for (const [name, { value, multiValue }] of Object.entries(querystring)) {
    if ([value, ...(multiValue ?? []).map((one) => one.value)].some((text) => notInUri.test(text))) {
      fail(`${where}.querystring['${name}'] must not contain spaces, control characters or '#'.`);
    }
  }
  if (uriLength(uri, querystring) > uriCharsMax) fail(`${where}.uri with its query string must be shorter than ${uriCharsMax + 1} characters.`);
  return {
    method, uri, querystring,
    headers: valuesAt(fields['headers'], `${where}.headers`, headerName(`${where}.headers`)),
    cookies: valuesAt(fields['cookies'], `${where}.cookies`, cookieName(`${where}.cookies`)),
  };
}

function uriLength(uri: string, querystring: EventValues): number {
  return Object.entries(querystring).reduce((length, [name, { value, multiValue }]) => {
    const values = multiValue === undefined || multiValue.length === 0 ? [value] : multiValue.map((one) => one.value);
    return length + values.reduce((sum, text) => sum + name.length + text.length + 2, 0);
  }, uri.length);
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function bodyAt(given: unknown, where: string): EventBody | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'string') return sized({ encoding: 'text', data: given }, where);
  const fields = objectAt(given, where);
  const encoding = fields['encoding'];
  if (encoding !== 'text' && encoding !== 'base64') fail(`${where}.encoding must be 'text' or 'base64'.`);
  const data = textAt(fields['data'], `${where}.data`);
  if (encoding === 'base64' && !base64.test(data)) fail(`${where}.data is not valid base64.`);
  return sized({ encoding, data }, where);
}
function sized(body: EventBody, where: string): EventBody {
  const bytes = Buffer.byteLength(body.data, body.encoding === 'base64' ? 'base64' : 'utf8');
  if (bytes > bodyBytesMax) fail(`${where} must not be larger than ${bodyBytesMax} bytes.`);
  return body;
}

function responseAt(given: unknown, where: string): EventResponse {
  const fields = objectAt(given, where);
  const statusCode = fields['statusCode'];
  if (typeof statusCode !== 'number' || !Number.isInteger(statusCode)) fail(`${where}.statusCode must be an integer.`);
  if (statusCode < 200 || statusCode > 599) fail(`${where}.statusCode must be from 200 to 599.`);
  const description = fields['statusDescription'] === undefined ? undefined : headText(fields['statusDescription'], `${where}.statusDescription`);
  const body = bodyAt(fields['body'], `${where}.body`);
  return {
    statusCode, ...(description === undefined ? {} : { statusDescription: description }),
    headers: valuesAt(fields['headers'], `${where}.headers`, headerName(`${where}.headers`)),
    cookies: valuesAt(fields['cookies'], `${where}.cookies`, cookieName(`${where}.cookies`)),
    ...(body === undefined ? {} : { body }),
  };
}

/**
 * Reads an event as TestFunction takes it.
 * @throws EventError naming the first field that is wrong
 */
export function readEvent(json: unknown): FunctionEvent {
  const fields = objectAt(json, 'The event');
  if (fields['version'] !== '1.0') fail("version must be '1.0'.");
  const context = objectAt(fields['context'], 'context');
  const eventType = context['eventType'];
  if (eventType !== 'viewer-request' && eventType !== 'viewer-response') fail("context.eventType must be 'viewer-request' or 'viewer-response'.");
  const named = (['distributionDomainName', 'distributionId', 'requestId'] as const).flatMap((name) => {
    const value = optionalText(context[name], `context.${name}`);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    version: '1.0', context: { ...Object.fromEntries(named), eventType },
    viewer: { ip: textAt(objectAt(fields['viewer'], 'viewer')['ip'], 'viewer.ip') },
    request: requestAt(fields['request'], 'request'),
    ...(eventType === 'viewer-response' ? { response: responseAt(fields['response'], 'response') } : {}),
  };
}

function isDisallowed(name: string): boolean {
  return disallowed.has(name) || disallowedPrefixes.some((prefix) => name.startsWith(prefix));
}

function sameValue(a: EventValue | undefined, b: EventValue): boolean {
  if (a === undefined || a.value !== b.value) return false;
  const [left, right] = [a.multiValue ?? [], b.multiValue ?? []];
  return left.length === right.length && left.every((one, n) => one.value === right[n]?.value);
}

/** A header that was there and is left as it was is no change, whatever it is called. */
function checkHeaders(headers: EventValues, before: EventValues, eventType: EventType): void {
  for (const [name, value] of Object.entries(headers)) {
    if (sameValue(before[name], value)) continue;
    if (isDisallowed(name)) fail(`The header '${name}' is disallowed: a function cannot add it.`);
    if (readOnly[eventType].includes(name)) fail(`The header '${name}' is read-only in ${eventType} events.`);
  }
}

export type ViewerOutput =
  | { readonly kind: 'request'; readonly request: EventRequest }
  | { readonly kind: 'response'; readonly response: EventResponse };

/**
 * Checks what a function returned for an event.
 * @param output the value that the function returned, as JSON has it
 * @throws EventError when CloudFront would answer the viewer with 502
 */
export function checkOutput(event: FunctionEvent, output: unknown): ViewerOutput {
  const { eventType } = event.context;
  if (typeof output !== 'object' || output === null || Array.isArray(output)) {
    fail(`The function must return ${eventType === 'viewer-request' ? 'a request or a response object' : 'a response object'}.`);
  }
  if (eventType === 'viewer-request' && !('statusCode' in output)) {
    const request = requestAt(output, 'request');
    if (request.method !== event.request.method) fail('request.method is read-only.');
    checkHeaders(request.headers, event.request.headers, eventType);
    return { kind: 'request', request };
  }
  const response = responseAt(output, 'response');
  checkHeaders(response.headers, event.response?.headers ?? {}, 'viewer-response');
  return { kind: 'response', response };
}
