// Cache behaviors of a distribution: defaults as CloudFront echoes them, and the rules between their fields.
import type {
  AllowedMethods, CacheBehavior, DefaultCacheBehavior, FunctionAssociation, LambdaFunctionAssociation, Method, Origin, OriginGroup,
} from '@aws-sdk/client-cloudfront';
import { atMost, distinct, oneOf, required } from './argument';
import type { ConfigContext } from './config-context';
import { prepareForwardedValues, prepareTtls } from './forwarded-values';
import type { Limits } from './limits';
import { filled, itemsOf, listed, present } from './quantity';
import { functionArnParts, realtimeLogArnParts } from './references';
import { refuse } from './refusal';
import { prepareTrustedKeyGroups, prepareTrustedSigners } from './trusted-signers';

/** A behavior of either kind; the default one has no pattern. */
type Behavior = DefaultCacheBehavior & { PathPattern?: string | undefined };

/** What behaviors point at, and the rest of the distribution that they depend on. */
export interface BehaviorSurroundings {
  readonly origins: readonly Origin[];
  readonly groups: readonly OriginGroup[];
  readonly httpVersion: string;
}

/** The order in which CloudFront lists methods. */
const methodOrder = ['HEAD', 'DELETE', 'POST', 'GET', 'OPTIONS', 'PUT', 'PATCH'] as const;
/** model: AllowedMethods, CachedMethods: the only sets there are. */
const allowedSets: readonly string[] = ['HEAD GET', 'HEAD GET OPTIONS', methodOrder.join(' ')];
const cachedSets = allowedSets.slice(0, 2);

function methodSet(methods: readonly Method[], sets: readonly string[], name: string): Method[] {
  distinct(methods, name);
  const ordered = methodOrder.filter((method) => methods.includes(method));
  if (ordered.length !== methods.length || !sets.includes(ordered.join(' '))) {
    refuse('InvalidArgument', `The parameter ${name} must be ${sets.map((set) => set.replaceAll(' ', ', ')).join('; or ')}.`);
  }
  return ordered;
}

function methodsOf(methods: AllowedMethods | undefined): AllowedMethods {
  const allowed = methods === undefined ? ['HEAD', 'GET'] as const : methodSet(itemsOf(methods), allowedSets, 'AllowedMethods');
  const cached = methods?.CachedMethods === undefined ? ['HEAD', 'GET'] as const : methodSet(itemsOf(methods.CachedMethods), cachedSets, 'CachedMethods');
  if (cached.some((method) => !(allowed as readonly string[]).includes(method))) {
    refuse('InvalidArgument', 'The parameter CachedMethods contains a method that is not in AllowedMethods.');
  }
  return { ...filled<Method>(allowed), CachedMethods: filled<Method>(cached) };
}

/** Origins a behavior's target leads to: one, or the members of a group. */
function originsOf(target: string, around: BehaviorSurroundings): readonly Origin[] {
  const group = around.groups.find(({ Id }) => Id === target);
  const ids = group ? itemsOf(group.Members).map(({ OriginId }) => OriginId) : [target];
  const origins = around.origins.filter(({ Id }) => ids.includes(Id));
  if (origins.length === 0) refuse('NoSuchOrigin', `No origin or origin group exists with the specified TargetOriginId: ${target}`);
  return origins;
}

/** guide: distribution-web-values-specify, Path Pattern, and the wildcard `?`. */
const pathPattern = /^[A-Za-z0-9_\-.*$/~"'@:+&?]+$/;

function checkPathPattern(pattern: string, limits: Limits): void {
  if (pattern.length > limits.pathPatternCharsMax || !pathPattern.test(pattern)) {
    refuse('InvalidArgument', 'The parameter PathPattern is too long or contains a character that is not allowed.');
  }
}

const policyKinds = [
  { kind: 'cache-policy', member: 'CachePolicyId', code: 'NoSuchCachePolicy', message: 'The cache policy does not exist.' },
  { kind: 'origin-request-policy', member: 'OriginRequestPolicyId', code: 'NoSuchOriginRequestPolicy', message: 'The origin request policy does not exist.' },
  { kind: 'response-headers-policy', member: 'ResponseHeadersPolicyId', code: 'NoSuchResponseHeadersPolicy', message: 'The response headers policy does not exist.' },
] as const;

/** Ids of the policies, left out where the element was empty. */
function policiesOf(behavior: Behavior, exists: ConfigContext['exists']): Pick<Behavior, 'CachePolicyId' | 'OriginRequestPolicyId' | 'ResponseHeadersPolicyId'> {
  const ids: Partial<Record<(typeof policyKinds)[number]['member'], string>> = {};
  for (const { kind, member, code, message } of policyKinds) {
    const id = behavior[member] ?? '';
    if (id !== '' && !exists(kind, id)) refuse(code, message);
    if (id !== '') ids[member] = id;
  }
  return ids;
}

/** A behavior caches by a cache policy or by the legacy settings, never both (model: DefaultCacheBehavior). */
function cachingOf(
  behavior: Behavior, targets: readonly Origin[], context: ConfigContext,
): Pick<Behavior, 'ForwardedValues' | 'MinTTL' | 'DefaultTTL' | 'MaxTTL'> {
  const { ForwardedValues: values, MinTTL, DefaultTTL, MaxTTL } = behavior;
  if ((behavior.CachePolicyId ?? '') !== '') {
    if (values !== undefined || [MinTTL, DefaultTTL, MaxTTL].some((ttl) => ttl !== undefined && ttl !== 0)) {
      refuse('InvalidArgument', 'The parameters ForwardedValues, MinTTL, DefaultTTL and MaxTTL cannot be used with a cache policy.');
    }
    return {};
  }
  if (values === undefined) refuse('InvalidArgument', 'The parameter ForwardedValues is required where there is no CachePolicyId.');
  if ((behavior.OriginRequestPolicyId ?? '') !== '') {
    refuse('InvalidArgument', 'The parameter OriginRequestPolicyId cannot be used without a cache policy.');
  }
  const forwarded = prepareForwardedValues(values, targets.some((origin) => origin.S3OriginConfig !== undefined), context.limits);
  const ttls = prepareTtls({ MinTTL, DefaultTTL, MaxTTL }, context.limits);
  // model: DefaultCacheBehavior.MinTTL.
  if (itemsOf(forwarded.Headers).includes('*') && ttls.MinTTL !== 0) {
    refuse('InvalidArgument', 'The parameter MinTTL must be 0 where all headers are forwarded.');
  }
  return { ForwardedValues: forwarded, ...ttls };
}

const viewerEvents = ['viewer-request', 'viewer-response'] as const;

/** guide: edge-functions-restrictions: viewer events only, one function for each, of this account. */
function functionsOf(items: readonly FunctionAssociation[], context: ConfigContext): FunctionAssociation[] {
  const prepared = items.map((item) => {
    const arn = functionArnParts(item.FunctionARN ?? '');
    if (arn === null || arn.account !== context.accountId || !context.exists('function', arn.name)) {
      refuse('InvalidFunctionAssociation', 'The function ARN of a CloudFront function association is invalid or the function does not exist.');
    }
    if (!(viewerEvents as readonly unknown[]).includes(item.EventType)) {
      refuse('InvalidFunctionAssociation', 'A CloudFront function can be associated with viewer-request and viewer-response only.');
    }
    return { FunctionARN: item.FunctionARN, EventType: item.EventType };
  });
  distinct(prepared.map((item) => item.EventType ?? ''), 'FunctionAssociations', 'InvalidFunctionAssociation');
  return prepared;
}

/** guide: lambda-at-edge-function-restrictions: a numbered version in us-east-1; the body only with request events. */
const lambdaArn = /^arn:aws[a-z-]*:lambda:us-east-1:\d{12}:function:[A-Za-z0-9_-]{1,64}:\d{1,20}$/;

function lambdasOf(items: readonly LambdaFunctionAssociation[]): LambdaFunctionAssociation[] {
  const prepared = items.map((item) => {
    const event = item.EventType ?? '';
    const includeBody = item.IncludeBody ?? false;
    const events: readonly string[] = [...viewerEvents, 'origin-request', 'origin-response'];
    if (!lambdaArn.test(item.LambdaFunctionARN ?? '') || !events.includes(event) || (includeBody && event.endsWith('-response'))) {
      refuse('InvalidLambdaFunctionAssociation', 'The specified Lambda@Edge function association is invalid.');
    }
    return { LambdaFunctionARN: item.LambdaFunctionARN, EventType: item.EventType, IncludeBody: includeBody };
  });
  distinct(prepared.map((item) => item.EventType ?? ''), 'LambdaFunctionAssociations', 'InvalidLambdaFunctionAssociation');
  return prepared;
}

function associationsOf(behavior: Behavior, context: ConfigContext): Pick<Behavior, 'FunctionAssociations' | 'LambdaFunctionAssociations'> {
  const functions = functionsOf(itemsOf(behavior.FunctionAssociations), context);
  const lambdas = lambdasOf(itemsOf(behavior.LambdaFunctionAssociations));
  // guide: edge-functions-restrictions: the two kinds cannot share a behavior's viewer events.
  if (functions.length > 0 && lambdas.some((item) => item.EventType?.startsWith('viewer-'))) {
    refuse('InvalidFunctionAssociation', 'A CloudFront function and a Lambda@Edge function cannot both have viewer events of one cache behavior.');
  }
  return { LambdaFunctionAssociations: listed(lambdas), FunctionAssociations: listed(functions) };
}

/** guide: field-level-encryption: it must be HTTPS from the viewer to the origin, and requests must be able to bring a body. */
function fieldLevelEncryptionOf(behavior: Behavior, targets: readonly Origin[], methods: AllowedMethods, exists: ConfigContext['exists']): string {
  const id = behavior.FieldLevelEncryptionId ?? '';
  if (id === '') return '';
  if (!exists('field-level-encryption-config', id)) {
    refuse('NoSuchFieldLevelEncryptionConfig', 'The specified configuration for field-level encryption doesn\'t exist.');
  }
  const secureOrigins = targets.every((origin) => origin.CustomOriginConfig !== undefined && origin.CustomOriginConfig.OriginProtocolPolicy !== 'http-only');
  if (behavior.ViewerProtocolPolicy === 'allow-all' || !secureOrigins || !itemsOf(methods).includes('POST')) {
    refuse('IllegalFieldLevelEncryptionConfigAssociationWithCacheBehavior',
      'The specified configuration for field-level encryption can\'t be associated with the specified cache behavior.');
  }
  return id;
}

function realtimeLogOf(arn: string | undefined, context: ConfigContext): string | undefined {
  if (arn === undefined || arn === '') return undefined;
  const parts = realtimeLogArnParts(arn);
  if (parts === null) refuse('InvalidArgument', 'The parameter RealtimeLogConfigArn is not valid.');
  if (parts.account !== context.accountId) {
    refuse('RealtimeLogConfigOwnerMismatch', 'The specified real-time log configuration belongs to a different Amazon Web Services account.');
  }
  if (!context.exists('realtime-log-config', parts.name)) refuse('NoSuchRealtimeLogConfig', 'The real-time log configuration does not exist.');
  return arn;
}

/** guide: distribution-using-grpc: HTTP/2, and POST allowed. */
function grpcOf(behavior: Behavior, methods: AllowedMethods, httpVersion: string): { Enabled: boolean } {
  const enabled = behavior.GrpcConfig?.Enabled ?? false;
  if (enabled && (!itemsOf(methods).includes('POST') || !httpVersion.startsWith('http2'))) {
    refuse('InvalidArgument', 'The parameter GrpcConfig needs HTTP/2 and a cache behavior that allows POST.');
  }
  return { Enabled: enabled };
}

function behaviorOf(behavior: Behavior, around: BehaviorSurroundings, context: ConfigContext): Behavior {
  const target = required(behavior.TargetOriginId, 'TargetOriginId');
  const targets = originsOf(target, around);
  const methods = methodsOf(behavior.AllowedMethods);
  if (around.groups.some(({ Id }) => Id === target) && itemsOf(methods).includes('POST')) {
    refuse('InvalidArgument', 'The parameter AllowedMethods cannot include POST, PUT, PATCH, or DELETE for a cached behavior associated with an origin group.');
  }
  const policies = policiesOf(behavior, context.exists);
  return present<Behavior>({
    PathPattern: behavior.PathPattern,
    TargetOriginId: target,
    TrustedSigners: prepareTrustedSigners(behavior.TrustedSigners, context),
    TrustedKeyGroups: prepareTrustedKeyGroups(behavior.TrustedKeyGroups, context),
    ViewerProtocolPolicy: oneOf(behavior.ViewerProtocolPolicy, ['allow-all', 'https-only', 'redirect-to-https'], 'ViewerProtocolPolicy'),
    AllowedMethods: methods,
    SmoothStreaming: behavior.SmoothStreaming ?? false,
    Compress: behavior.Compress ?? false,
    ...associationsOf(behavior, context),
    FieldLevelEncryptionId: fieldLevelEncryptionOf(behavior, targets, methods, context.exists),
    RealtimeLogConfigArn: realtimeLogOf(behavior.RealtimeLogConfigArn, context),
    ...policies,
    GrpcConfig: grpcOf(behavior, methods, around.httpVersion),
    ...cachingOf(behavior, targets, context),
  });
}

export interface PreparedBehaviors {
  readonly fallback: DefaultCacheBehavior;
  readonly others: CacheBehavior[];
}

/** Quotas that count over all behaviors of a distribution. */
function checkTotals(behaviors: readonly Behavior[], limits: Limits): void {
  const functions = behaviors.flatMap((behavior) => [...itemsOf(behavior.FunctionAssociations)]);
  atMost(functions.length, limits.functionAssociationsMax, 'TooManyFunctionAssociations', 'CloudFront function associations');
  const lambdas = behaviors.flatMap((behavior) => [...itemsOf(behavior.LambdaFunctionAssociations)]);
  atMost(lambdas.length, limits.lambdaAssociationsMax, 'TooManyLambdaFunctionAssociations', 'Lambda@Edge function associations');
  const signers = new Set(behaviors.flatMap((behavior) => [...itemsOf(behavior.TrustedSigners)]));
  atMost(signers.size, limits.trustedSignersMax, 'TooManyTrustedSigners', 'trusted signers');
}

/**
 * The default cache behavior and the others with their defaults.
 * @throws Refusal TooManyCacheBehaviors, NoSuchOrigin, InvalidArgument and those of a behavior's parts
 */
export function prepareBehaviors(
  fallback: DefaultCacheBehavior, others: readonly CacheBehavior[], around: BehaviorSurroundings, context: ConfigContext,
): PreparedBehaviors {
  const { limits } = context;
  atMost(others.length, limits.cacheBehaviorsMax, 'TooManyCacheBehaviors', 'cache behaviors');
  checkTotals([fallback, ...others], limits);
  const patterns = others.map((behavior) => required(behavior.PathPattern, 'PathPattern'));
  for (const pattern of patterns) checkPathPattern(pattern, limits);
  // A leading slash makes no difference to CloudFront (guide: distribution-web-values-specify, Path Pattern).
  distinct(patterns.map((pattern) => pattern.replace(/^\//, '')), 'PathPattern');
  return {
    fallback: behaviorOf(fallback, around, context),
    others: others.map((behavior) => ({ ...behaviorOf(behavior, around, context), PathPattern: behavior.PathPattern })),
  };
}
