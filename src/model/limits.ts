// Every quota and size limit of the API in one table, each with the page it comes from.
//
// "guide" is the Amazon CloudFront Developer Guide, "model" the documentation in the SDK's service model. What neither
// says is ours, chosen so that a stored configuration stays small, and marked "ours".

export const limits = {
  /**
   * Distributions of one kind. Departure, ours: CloudFront starts at 500 an account (guide: cloudfront-limits) and raises it
   * on request; a fleet that you run yourself has nobody to ask.
   */
  distributionsMax: 100_000,
  /** Streaming distributions. Departure as above; CloudFront: 100 (guide: cloudfront-limits, RTMP). */
  streamingDistributionsMax: 100_000,
  /** guide: cloudfront-limits, distributions. */
  aliasesMax: 100,
  originsMax: 100,
  originGroupsMax: 10,
  cacheBehaviorsMax: 75,
  originAccessIdentitiesMax: 100,
  /** guide: cloudfront-limits, headers. */
  customHeadersMax: 30,
  customHeaderNameCharsMax: 256,
  customHeaderValueCharsMax: 1783,
  customHeaderCharsTotalMax: 10_240,
  forwardedHeadersMax: 10,
  /** guide: cloudfront-limits, cookies (legacy cache settings); all names together: 512 less their number. */
  cookieNamesMax: 10,
  cookieNameBytesTotalMax: 512,
  /** guide: cloudfront-limits, query strings (legacy cache settings). */
  queryKeysMax: 10,
  queryKeyCharsMax: 128,
  queryKeyCharsTotalMax: 512,
  /** guide: private-content-trusted-signers. */
  trustedSignersMax: 5,
  /** guide: private-content-trusted-signers: active ones of an account; ours for all of them. */
  activeKeyPairsMax: 2,
  keyPairsMax: 50,
  /** guide: cloudfront-limits, key groups (of one cache behavior). */
  keyGroupsMax: 4,
  /**
   * Public keys, and groups of them. Departure, ours, as for distributions: CloudFront starts at 10 of each (guide:
   * cloudfront-limits, field-level encryption; key groups), which is few for a fleet that serves many customers.
   */
  publicKeysMax: 10_000,
  keyGroupsTotalMax: 10_000,
  /** guide: cloudfront-limits, key groups. */
  publicKeysPerKeyGroupMax: 5,
  /** guide: cloudfront-limits, distributions. */
  originAccessControlsMax: 100,
  /** model: OriginAccessControlConfig.Name; ours for its description. */
  originAccessControlNameCharsMax: 64,
  originAccessControlDescriptionCharsMax: 256,
  /** guide: cloudfront-limits, field-level encryption. */
  encryptionConfigsMax: 10,
  encryptionProfilesMax: 10,
  fieldPatternsMax: 10,
  queryArgProfilesMax: 5,
  /** ours: every entity has a pattern at least, and there is one content type whose fields can be found. */
  encryptionEntitiesMax: 10,
  contentTypeProfilesMax: 1,
  /** guide: field-level-encryption, field name pattern; query argument. */
  fieldPatternCharsMax: 128,
  queryArgCharsMax: 128,
  /** ours: characters of keys' ids, providers and patterns of one profile together. */
  encryptionProfileCharsMax: 1024,
  /** guide: cloudfront-limits, general. */
  realtimeLogConfigsMax: 150,
  /** guide: cloudfront-limits, distributions. */
  vpcOriginsMax: 25,
  /** ours: CloudFront starts at none and gives them on request. */
  anycastIpListsMax: 100,
  ipamCidrsMax: 42,
  /** ours. */
  trustStoresMax: 100,
  caBundlesMax: 1000,
  caCertificatesMax: 100,
  resourcePoliciesMax: 10_000,
  policyDocumentCharsMax: 20_480,
  /** Amazon S3 user guide: object keys. */
  objectKeyCharsMax: 1024,
  /** ours: an RSA key of 2048 bits in PEM has about 450 characters. */
  encodedKeyCharsMax: 2048,
  /** guide: field-level-encryption, names of keys and profiles; ours for other nouns that say nothing. */
  resourceNameCharsMax: 128,
  /** guide: cloudfront-limits, functions (associations of one distribution). */
  functionAssociationsMax: 100,
  lambdaAssociationsMax: 100,
  /**
   * Distributions that share one policy, origin access control, key group, field-level encryption configuration or
   * function. Departure, ours: CloudFront starts at 100 (20 for field-level encryption) and raises it on request, see
   * distributionsMax (guide: cloudfront-limits).
   */
  distributionsPerCachePolicyMax: 10_000,
  distributionsPerOriginRequestPolicyMax: 10_000,
  distributionsPerResponseHeadersPolicyMax: 10_000,
  distributionsPerOriginAccessControlMax: 10_000,
  distributionsPerKeyGroupMax: 10_000,
  distributionsPerFieldLevelEncryptionConfigMax: 10_000,
  distributionsPerFunctionMax: 10_000,
  /**
   * Policies of each kind. Departure, ours: CloudFront starts at 20 an account and raises it on request, see
   * distributionsMax (guide: cloudfront-limits, policies).
   */
  cachePoliciesMax: 10_000,
  originRequestPoliciesMax: 10_000,
  responseHeadersPoliciesMax: 10_000,
  /** As the other policies; there can be no more of them than staging distributions. */
  continuousDeploymentPoliciesMax: 10_000,
  /** model: ContinuousDeploymentPolicyInUse: a policy serves one primary distribution. */
  distributionsPerContinuousDeploymentPolicyMax: 1,
  /** model: SessionStickinessConfig. */
  sessionTtlSMin: 300,
  sessionTtlSMax: 3600,
  /** guide: cloudfront-limits, policies: headers, cookies and query strings of a cache or origin request policy. */
  policyHeadersMax: 10,
  policyCookiesMax: 10,
  policyQueryStringsMax: 10,
  /** guide: cloudfront-limits, policies: all of one kind of name in a policy together. */
  policyNameCharsTotalMax: 1024,
  /** guide: cloudfront-limits, policies: headers a response headers policy adds, headers it removes. */
  policyCustomHeadersMax: 10,
  policyRemoveHeadersMax: 10,
  policyRemoveHeaderCharsTotalMax: 1024,
  /** guide: cloudfront-limits, policies: value of Content-Security-Policy. */
  contentSecurityPolicyCharsMax: 1783,
  /** ours; origins and headers of a CORS list, and the length of one. */
  corsItemsMax: 100,
  corsItemCharsMax: 256,
  /** ours. */
  policyNameCharsMax: 128,
  /** guide: cloudfront-limits, functions: 100 an account of each sort. */
  functionsMax: 100,
  connectionFunctionsMax: 100,
  /** guide: cloudfront-limits, functions: one key value store for a function. */
  keyValueStoresPerFunctionMax: 1,
  /** guide: cloudfront-limits, key value stores. Departure, ours: the quota on stores is raised on request. */
  keyValueStoresMax: 1000,
  /** guide: cloudfront-limits, key value stores; kvs-with-functions-create-s3-kvp has the same figures for imports. In UTF-8. */
  keyValueStoreBytesMax: 5 * 1024 * 1024,
  keyBytesMax: 512,
  valueBytesMax: 1024,
  /** guide: cloudfront-limits, key value stores: 50 keys or 3 MB in one UpdateKeys; 50 pairs of the sizes above have less than 0.1 MB. */
  keysPerUpdateMax: 50,
  /** model of the data API: Key, KvsARN, ListKeysRequestMaxResultsInteger. */
  keyCharsMax: 1024,
  keysPerPageMax: 50,
  keysPerPageDefault: 10,
  /** guide: cloudfront-limits, invalidations in progress for one distribution. */
  invalidationPathsMax: 3000,
  invalidationWildcardsMax: 15,
  /** guide: Invalidation, invalidation paths. */
  invalidationPathCharsMax: 4000,
  /** guide: invalidation-specifying-tags. */
  cacheTagCharsMax: 256,
  /** guide: cloudfront-limits, general. */
  tagsMax: 50,
  /** model: Tag. */
  tagKeyCharsMax: 128,
  tagValueCharsMax: 256,
  /** guide: distribution-web-values-specify. */
  pathPatternCharsMax: 255,
  defaultRootObjectCharsMax: 255,
  originPathCharsMax: 255,
  /** model: Origin; CustomOriginConfig. */
  connectionAttemptsMax: 3,
  connectionTimeoutSMax: 10,
  originReadTimeoutSMax: 120,
  originKeepaliveTimeoutSMax: 120,
  /** guide: Expiration; one hundred years. */
  ttlSMax: 3_153_600_000,
  /** model: DistributionConfig, CloudFrontOriginAccessIdentityConfig. */
  commentCharsMax: 128,
  /** guide: cloudfront-limits, multi-tenant distributions. Departure, ours, as distributionsMax: tenants may be as many as distributions. */
  connectionGroupsMax: 10_000,
  distributionTenantsMax: 100_000,
  /** model: UpdateDistributionTenantRequest.Domains. */
  tenantDomainsMax: 5,
  /** ours; parameters one multi-tenant distribution defines. */
  tenantParametersMax: 100,
  /** API reference: Parameter, ParameterDefinition. */
  parameterNameCharsMax: 128,
  parameterValueCharsMax: 256,
  /** API reference: CreateConnectionGroup, CreateDistributionTenant. */
  entityNameCharsMin: 3,
  entityNameCharsMax: 128,
  /** ours: keys of one installation; all of them are shown on one page. */
  accessKeysMax: 1_000,
  /** Uploaded here; AWS Certificate Manager allows 2,500. */
  certificatesMax: 10_000,
  accessKeyNameCharsMax: 128,
  /** ours. */
  callerReferenceCharsMax: 128,
  originIdCharsMax: 128,
  responsePagePathCharsMax: 4000,
  logPrefixCharsMax: 256,
  /** RFC 1035 section 2.3.4, in text form without the root's dot. */
  hostNameCharsMax: 253,
} as const;

/** The table with values of its own, as tests and larger installations use it. */
export type Limits = { readonly [K in keyof typeof limits]: number };
