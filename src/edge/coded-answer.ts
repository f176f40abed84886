// An origin's answer in the coding that its viewer gets: compressed as it streams, or as it came.
import type { Fields } from '../protocol/http/fields';
import type { BodySource } from './cache/body';
import { codedFields, compressionFor, type Compression } from './compression';
import type { CompressedListener, Compressor } from './compressor';
import type { FlowContext } from './flow-parts';
import type { ViewerRequest } from './http/exchange';
import { announcedBytes } from './response-fields';
import type { CompiledBehavior } from './sites';

export interface UncodedAnswer {
  readonly compiled: CompiledBehavior;
  readonly request: ViewerRequest;
  readonly status: number;
  readonly source: BodySource;
}

export interface CodedAnswer {
  readonly fields: Fields;
  /** Null: not known. */
  readonly bodyBytes: number | null;
  /** Of the bytes that go out. */
  readonly source: BodySource;
  /** Takes the origin's bytes; null: they go out as they come. */
  readonly compressor: Compressor | null;
}

/**
 * @param received the origin's own fields
 * @param kept the fields that are kept of them
 * @param listener of the compressed body
 */
export function codeAnswer(context: FlowContext, answer: UncodedAnswer, received: Fields, kept: Fields, listener: CompressedListener): CodedAnswer {
  const { compiled, request, status, source } = answer;
  const bodyBytes = announcedBytes(received);
  const compression = compressionFor(compiled, request, status, received, bodyBytes);
  const asItCame = (why: Compression): CodedAnswer => ({ fields: codedFields(kept, why), bodyBytes, source, compressor: null });
  if (compression.kind === 'leave') return asItCame(compression);
  const fields = codedFields(kept, compression);
  if (request.method === 'HEAD') return { fields, bodyBytes: null, source, compressor: null };
  const compressor = context.compressors.begin(compression.coding, bodyBytes ?? 0, source, listener);
  return compressor === null ? asItCame({ kind: 'leave', why: 'busy' }) : { fields, bodyBytes: null, source: compressor, compressor };
}
