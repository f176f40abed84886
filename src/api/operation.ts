// What an operation of the CloudFront API is to the code that carries it out: decoded input in, decoded output out.

/** Who signed the request. */
export interface Principal {
  readonly accessKeyId: string;
  /** What the key may do, in IAM's form; null: everything. */
  readonly policy: Readonly<Record<string, unknown>> | null;
}

export interface Call {
  /** Name in the SDK's model, e.g. `CreateDistribution`. */
  readonly operation: string;
  /** Input members by the SDK's names (`Id`, `IfMatch`, `DistributionConfig` …), shape already validated. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly principal: Principal;
  readonly requestId: string;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

/**
 * Output members by the SDK's names; those the model binds to headers (`ETag`, `Location`) included.
 * Fails by throwing a Refusal (model/refusal.ts).
 */
export type OperationHandler = (call: Call) => Promise<Readonly<Record<string, unknown>>>;

/** Handlers by operation id, which is the name but for `kvs_…`. What is not in it answers 501 NotImplemented. */
export type OperationTable = Readonly<Record<string, OperationHandler>>;
