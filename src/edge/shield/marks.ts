// The marks by which edges know each other's requests and answers: who asks in an origin's place, for what, and what became of it.
//
// A request's mark says what the asked edge cannot see or must not believe from anybody: which site and origin are meant, who
// the viewer is, what the asking edge has in force. It is signed together with method, target and every field, so that it
// serves for this one request; it is good for a minute. An answer's mark is signed together with the request's.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { assert } from '../../base/assert';
import type { Fields } from '../../protocol/http/fields';
import { hopByHop } from '../origin-request';

/** The host of such requests. One label: no distribution's name, alias or wildcard is like it, or would be asked before it. */
export const shieldHost = 'origin-shield';
/** Fields of this kind are CloudFront's own: viewers' never reach an origin. */
export const markField = 'x-edge-shield';

/** How far the clocks of two edges may differ, the time on the way included. */
const markLifeMs = 60_000;
const markCharsMax = 4_096;

/** What an edge has in force: everything up to `seq` of a history. */
export interface Standing {
  readonly epoch: string | null;
  readonly seq: number;
}

export interface Claims {
  /** `readiness`: nothing is asked for yet; a request that cannot be repeated follows. */
  readonly purpose: 'answer' | 'readiness';
  readonly site: string;
  /** The site's version by which the request was made. */
  readonly version: string;
  readonly origin: string;
  /** What must be in force where an answer comes from: every purge that the asking edge knows of. */
  readonly atLeast: Standing;
  readonly sentAtMs: number;
  readonly viewer: ViewerFacts;
}

/** Another version of the site, or of what it is made from, is another text. */
export const versionOf = ({ versions }: { readonly versions: readonly number[] }): string => versions.join('.');

/** Of the viewer's request, what the connection of the asking edge does not show. */
export interface ViewerFacts {
  readonly host: string;
  /** Null: the request had no such field. */
  readonly hostField: string | null;
  readonly scheme: 'http' | 'https';
  readonly httpVersion: '1.0' | '1.1' | '2';
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly peerAddress: string;
}

/** Why an edge does not stand in for an origin now. `behind`: purges may be missing here; `other-version`: of the site. */
export type Refusal = 'behind' | 'other-version';
/** How the origin failed the edge that asked it. */
export type Failure = 'origin-unreachable' | 'origin-timeout' | 'origin-misbehaved';

export type Said =
  /** The answer follows, whenever the origin gives it. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'refused'; readonly why: Refusal }
  | { readonly kind: 'failed'; readonly why: Failure }
  /** An answer; `freshS`: how long it may be reused from now on, null: not known. */
  | { readonly kind: 'hit' | 'miss'; readonly freshS: number | null };

export interface MarkedRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: Fields;
}

export class Marks {
  private derived: { readonly from: string; readonly key: Buffer } | null = null;

  /**
   * @param fleetKey the newest that the fleet shares: an older one may be known to somebody who left; null: none was given yet
   */
  constructor(private readonly fleetKey: () => string | null) {}

  /** Without a key nothing is signed, and nothing is believed. */
  get ready(): boolean { return this.fleetKey() !== null; }

  /** @returns the mark, and the part of it by which its answer is known */
  sign(claims: Claims, request: MarkedRequest): { readonly mark: string; readonly mac: string } {
    const text = Buffer.from(JSON.stringify(claims)).toString('base64url');
    const mac = this.mac(signedText(text, request));
    return { mark: `${text}.${mac}`, mac };
  }

  /** Null for a mark that no edge of this fleet made for this request, or too long ago. @param nowMs wall time */
  read(mark: string, request: MarkedRequest, nowMs: number): { readonly claims: Claims; readonly mac: string } | null {
    const dot = mark.indexOf('.');
    if (mark.length > markCharsMax || dot < 0 || !this.ready) return null;
    const [text, mac] = [mark.slice(0, dot), mark.slice(dot + 1)];
    if (!isSame(mac, this.mac(signedText(text, request)))) return null;
    // Whoever signed it has the fleet's secret: what is in it has its shape.
    const claims = JSON.parse(Buffer.from(text, 'base64url').toString()) as Claims;
    return Math.abs(nowMs - claims.sentAtMs) <= markLifeMs ? { claims, mac } : null;
  }

  /** @param mac of the request's mark */
  signAnswer(said: Said, mac: string): string {
    const text = textOf(said);
    return `${text}; proof=${this.answerMac(text, mac)}`;
  }

  /** Null for an answer that is not from an edge of this fleet, or not to this request. */
  readAnswer(mark: string | undefined, mac: string): Said | null {
    const parts = /^([a-z0-9;=. -]{1,100}); proof=([A-Za-z0-9_-]{43})$/.exec(mark ?? '');
    if (parts === null) return null;
    const [, text, proof] = parts as unknown as [string, string, string];
    return this.ready && isSame(proof, this.answerMac(text, mac)) ? saidIn(text) : null;
  }

  private answerMac(text: string, mac: string): string { return this.mac(`answer\n${mac}\n${text}`); }

  private mac(text: string): string {
    const from = this.fleetKey();
    assert(from !== null, 'nothing is signed without a key');
    if (this.derived?.from !== from) this.derived = { from, key: Buffer.from(hkdfSync('sha256', from, '', 'edgefront origin shield', 32)) };
    return createHmac('sha256', this.derived.key).update(text, 'latin1').digest('base64url');
  }
}

function signedText(claims: string, { method, target, fields }: MarkedRequest): string {
  let text = `request\n${claims}\n${method} ${target}\n`;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    // What each connection says for itself is not the message's.
    if (name !== markField && name !== 'content-length' && !hopByHop.has(name)) text += `${name}:${fields[i + 1]}\n`;
  }
  return text;
}

function isSame(given: string, made: string): boolean {
  return given.length === made.length && timingSafeEqual(Buffer.from(given, 'latin1'), Buffer.from(made, 'latin1'));
}

function textOf(said: Said): string {
  if (said.kind === 'refused' || said.kind === 'failed') return `${said.kind}; why=${said.why}`;
  return 'freshS' in said && said.freshS !== null ? `${said.kind}; fresh=${said.freshS.toFixed(3)}` : said.kind;
}

/** The same back; what has no such meaning to this version of the software is no answer. */
function saidIn(text: string): Said | null {
  const [, kind, name, value] = /^([a-z]+)(?:; ([a-z]+)=([a-z0-9.-]+))?$/.exec(text) ?? [];
  switch (kind) {
    case 'accepted': case 'ready': return { kind };
    case 'hit': case 'miss': return { kind, freshS: name === 'fresh' && value !== undefined ? Number(value) : null };
    case 'refused': return value === 'behind' || value === 'other-version' ? { kind, why: value } : null;
    case 'failed': return value === 'origin-unreachable' || value === 'origin-timeout' || value === 'origin-misbehaved' ? { kind, why: value } : null;
    default: return null;
  }
}
