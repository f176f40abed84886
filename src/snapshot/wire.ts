// The messages between worker and nodes: JSON texts, one per WebSocket frame, read strictly.
//
// Node to worker: hello, ack, health. Worker to node: welcome, full, delta; to routers fleet as well, to edges keys and peers. A full or delta
// that is too long for one frame comes in parts, all but the last with `more`; a node applies and acknowledges the
// whole, never a part.
import { Fault } from '../base/fault';
import type { PriceClass, Purge, Site } from './site';
import { purgeProblem, siteProblem } from './site-check';

export type NodeRole = 'edge' | 'router';

/** A site that a node could not take; what it had before stays in force. */
export interface Refused { readonly site: string; readonly seq: number; readonly reason: string }

/** Where on the globe a node is. */
export interface NodePlace {
  /** Degrees, north positive. */
  readonly latitude: number;
  /** Degrees, east positive. */
  readonly longitude: number;
}

/** What a node says of its place in the fleet: routers choose by it. */
export interface NodeSituation {
  /** Null: nobody knows. */
  readonly place: NodePlace | null;
  /** The cheapest price class that includes it. */
  readonly region: PriceClass;
  /** Relative to other edges; above zero. */
  readonly capacity: number;
}

export interface Hello extends NodeSituation {
  readonly type: 'hello';
  readonly node: string;
  readonly role: NodeRole;
  readonly pop: string;
  readonly addresses: readonly string[];
  readonly version: string;
  /** Of the history that `ackedSeq` counts in; null: it has nothing. */
  readonly epoch: string | null;
  /** On its disk and in force. */
  readonly ackedSeq: number;
  /** Sites it could not take, to be sent once more: it may be a newer version that can. */
  readonly refusals: readonly Refused[];
  /** Random; the worker must sign it. */
  readonly nonce: string;
}

export interface Welcome {
  readonly type: 'welcome';
  /** A token over the hello's nonce, for nodes that share a secret with the worker; null for those that enrolled. */
  readonly proof: string | null;
  readonly keys: readonly string[];
}

/** The fleet's keys have changed; the welcome carries them as well. */
export interface FleetKeysMessage {
  readonly type: 'keys';
  /** For edges, the newest first; sealed for nodes that share a secret with the worker. */
  readonly keys: readonly string[];
}

/** What a machine sends to become a node, as the body of a POST to `enrolPath` on the nodes' channel. */
export interface EnrolRequest {
  /** Id and secret of an enrolment token. */
  readonly token: string;
  readonly node: string;
  readonly role: NodeRole;
  /** PEM; P-256. */
  readonly publicKey: string;
}

export interface Full {
  readonly type: 'full';
  readonly seq: number;
  readonly epoch: string;
  /** Purges were missed that nobody remembers: what the node has cached must go. */
  readonly dropCache: boolean;
  readonly sites: readonly Site[];
  readonly more: boolean;
}

export interface Delta {
  readonly type: 'delta';
  readonly seq: number;
  readonly upserts: readonly Site[];
  readonly removals: readonly string[];
  readonly purges: readonly Purge[];
  readonly more: boolean;
}

export interface Ack {
  readonly type: 'ack';
  /** Everything up to it is in force and on disk, but for `refusals`. */
  readonly seq: number;
  /** All there are now, not only new ones. */
  readonly refusals: readonly Refused[];
}

export interface Health {
  readonly type: 'health';
  readonly sites: number;
  /** Part of its capacity in use, 0 to 1. */
  readonly load: number;
  /** Of all that it has in force (`StateDigest`). */
  readonly digest: string;
}

/** An edge as routers are told of it. */
export interface FleetEdge extends NodeSituation {
  readonly id: string;
  readonly pop: string;
  /** Where viewers reach it, as `http://host:port`. */
  readonly addresses: readonly string[];
  readonly load: number;
  /** Some worker hears it. */
  readonly connected: boolean;
  /** It is to be left in peace for maintenance. */
  readonly draining: boolean;
}

/** All edges there are; takes the place of the list before. */
export interface FleetList {
  readonly type: 'fleet';
  readonly edges: readonly FleetEdge[];
}

/** An edge as the other edges are told of it: one may ask another in an origin's place. */
export interface PeerEdge {
  readonly id: string;
  readonly pop: string;
  readonly addresses: readonly string[];
  /** Null: nobody knows. */
  readonly place: NodePlace | null;
  readonly capacity: number;
  /** Some worker hears it, and it is not left in peace for maintenance. */
  readonly fit: boolean;
}

/** All edges there are, whoever is told among them; takes the place of the list before. */
export interface PeerList {
  readonly type: 'peers';
  readonly edges: readonly PeerEdge[];
}

/** What edges are told of the fleet that routers are told of. */
export function peersOf(edges: readonly FleetEdge[]): readonly PeerEdge[] {
  return edges.map(({ id, pop, addresses, place, capacity, connected, draining }) => ({ id, pop, addresses, place, capacity, fit: connected && !draining }));
}

export type FromNode = Hello | Ack | Health;
/** `malformed`: sites whose shape is wrong, left out of the message; the node refuses them one by one. */
export type FromWorker = Welcome | FleetKeysMessage | FleetList | PeerList | ((Full | Delta) & { readonly malformed: readonly Refused[] });

/** A frame from a node: a hello or an ack with its refusals. */
export const fromNodeBytesMax = 256 * 1024;
/** A frame from the worker; one site must fit. */
export const fromWorkerBytesMax = 16 * 1024 * 1024;
/** A part is closed once it is longer than this. */
export const partBytes = 256 * 1024;
/** Refusals named in one message; a node with more names the first ones. */
export const refusalsMax = 100;
export const reasonCharsMax = 500;
const itemsMax = 1_000_000;
const nameCharsMax = 255;
const addressesMax = 32;
/** Edges in one list; the publisher takes fewer nodes than this. */
export const fleetMax = 20_000;
export const capacityMax = 1_000_000;

export const enrolPath = '/enrol';
const pemCharsMax = 1_024;
/** Keys in one message; nobody sends more than two. */
const fleetKeysMax = 8;
const fleetKeyCharsMax = 512;
/** What the fleet's keys are sealed for on their way and on nodes' disks. */
export const fleetKeysPurpose = 'fleet keys';

export const nodeAudience = 'edgefront-node';
export const workerAudience = 'edgefront-worker';
/** A token is for one connection attempt; the rest of its life covers clocks that differ. */
export const tokenLifeS = 60;
/** Why a node closed its connection, as WebSocket close code and reason. */
export const leaving = { code: 1000, reason: 'leaving' } as const;

/** WebSocket close codes (RFC 6455 section 7.4.1): not JSON of ours, or against the rules. */
export const closeCodes = { malformed: 1002, policy: 1008, failed: 1011 } as const;

function malformed(what: string): Fault {
  return new Fault('malformed-message', 'peer', `malformed message: ${what}`);
}

type Fields = Readonly<Record<string, unknown>>;

function parse(frame: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    throw malformed('not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('not an object');
  return value as Fields;
}

function textAt(fields: Fields, name: string, charsMax = nameCharsMax): string {
  const value = fields[name];
  if (typeof value !== 'string' || value.length > charsMax) throw malformed(name);
  return value;
}

function nameAt(fields: Fields, name: string): string {
  const value = textAt(fields, name);
  if (!/^[\x21-\x7e]+$/.test(value)) throw malformed(name);
  return value;
}

function countAt(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed(name);
  return value;
}

function flagAt(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== 'boolean') throw malformed(name);
  return value;
}

function listAt(fields: Fields, name: string, countMax: number): readonly unknown[] {
  const value = fields[name];
  if (!Array.isArray(value) || value.length > countMax) throw malformed(name);
  return value;
}

function textsAt(fields: Fields, name: string, countMax: number): readonly string[] {
  return listAt(fields, name, countMax).map((value) => {
    if (typeof value !== 'string' || value.length > nameCharsMax) throw malformed(name);
    return value;
  });
}

function refusalsAt(fields: Fields): readonly Refused[] {
  return listAt(fields, 'refusals', refusalsMax).map((value) => {
    if (typeof value !== 'object' || value === null) throw malformed('refusals');
    const refusal = value as Fields;
    return { site: nameAt(refusal, 'site'), seq: countAt(refusal, 'seq'), reason: textAt(refusal, 'reason', reasonCharsMax) };
  });
}

function numberAt(fields: Fields, name: string, min: number, max: number): number {
  const value = fields[name];
  if (typeof value !== 'number' || !(value >= min && value <= max)) throw malformed(name);
  return value;
}

function placeAt(fields: Fields): NodePlace | null {
  const { place } = fields;
  if (typeof place !== 'object') throw malformed('place');
  return place === null ? null : { latitude: numberAt(place as Fields, 'latitude', -90, 90), longitude: numberAt(place as Fields, 'longitude', -180, 180) };
}

const capacityAt = (fields: Fields): number => numberAt(fields, 'capacity', Number.MIN_VALUE, capacityMax);

function situationAt(fields: Fields): NodeSituation {
  const { region } = fields;
  if (region !== '100' && region !== '200' && region !== 'all') throw malformed('region');
  return { place: placeAt(fields), region, capacity: capacityAt(fields) };
}

/** Reads a list of edges. @throws Fault `malformed-message` */
export function fleetEdgesOf(values: unknown): readonly FleetEdge[] {
  return edgesOf(values).map((edge) => ({
    ...identityAt(edge), ...situationAt(edge), load: numberAt(edge, 'load', 0, 1), connected: flagAt(edge, 'connected'), draining: flagAt(edge, 'draining'),
  }));
}

/** Reads a list of edges as edges are told it. @throws Fault `malformed-message` */
export function peerEdgesOf(values: unknown): readonly PeerEdge[] {
  return edgesOf(values).map((edge) => ({ ...identityAt(edge), place: placeAt(edge), capacity: capacityAt(edge), fit: flagAt(edge, 'fit') }));
}

function edgesOf(values: unknown): readonly Fields[] {
  return listAt({ edges: values }, 'edges', fleetMax).map((value) => {
    if (typeof value !== 'object' || value === null) throw malformed('edges');
    return value as Fields;
  });
}

const identityAt = (edge: Fields): Pick<FleetEdge, 'id' | 'pop' | 'addresses'> =>
  ({ id: nameAt(edge, 'id'), pop: nameAt(edge, 'pop'), addresses: textsAt(edge, 'addresses', addressesMax) });

function helloOf(fields: Fields): Hello {
  return {
    type: 'hello',
    node: nameAt(fields, 'node'),
    role: roleAt(fields),
    pop: nameAt(fields, 'pop'),
    addresses: textsAt(fields, 'addresses', addressesMax),
    ...situationAt(fields),
    version: textAt(fields, 'version'),
    epoch: fields['epoch'] === null ? null : nameAt(fields, 'epoch'),
    ackedSeq: countAt(fields, 'ackedSeq'),
    refusals: refusalsAt(fields),
    nonce: nameAt(fields, 'nonce'),
  };
}

function roleAt(fields: Fields): NodeRole {
  const role = fields['role'];
  if (role !== 'edge' && role !== 'router') throw malformed('role');
  return role;
}

/** @throws Fault `malformed-message` */
export function readEnrolRequest(body: string): EnrolRequest {
  const fields = parse(body);
  return { token: nameAt(fields, 'token'), node: nameAt(fields, 'node'), role: roleAt(fields), publicKey: textAt(fields, 'publicKey', pemCharsMax) };
}

function keysAt(fields: Fields): readonly string[] {
  return listAt(fields, 'keys', fleetKeysMax).map((value) => {
    if (typeof value !== 'string' || value === '' || value.length > fleetKeyCharsMax) throw malformed('keys');
    return value;
  });
}

/**
 * Reads a frame that a node sent.
 * @throws Fault `malformed-message`
 */
export function readFromNode(frame: string): FromNode {
  const fields = parse(frame);
  switch (fields['type']) {
    case 'hello': return helloOf(fields);
    case 'ack': return { type: 'ack', seq: countAt(fields, 'seq'), refusals: refusalsAt(fields) };
    case 'health': return { type: 'health', sites: countAt(fields, 'sites'), load: numberAt(fields, 'load', 0, 1), digest: nameAt(fields, 'digest') };
    default: throw malformed('type');
  }
}

/** Sites of the right shape, and a refusal for each of the others that at least says which it is. */
function sitesAt(fields: Fields, name: string): { readonly sites: readonly Site[]; readonly malformed: readonly Refused[] } {
  const sites: Site[] = [];
  const refused: Refused[] = [];
  for (const value of listAt(fields, name, itemsMax)) {
    const problem = siteProblem(value);
    if (problem === null) { sites.push(value as Site); continue; }
    if (typeof value !== 'object' || value === null) throw malformed(name);
    refused.push({ site: nameAt(value as Fields, 'id'), seq: countAt(value as Fields, 'seq'), reason: `malformed: ${problem}`.slice(0, reasonCharsMax) });
  }
  return { sites, malformed: refused };
}

function purgesAt(fields: Fields): readonly Purge[] {
  return listAt(fields, 'purges', itemsMax).map((value) => {
    const problem = purgeProblem(value);
    if (problem !== null) throw malformed(problem);
    return value as Purge;
  });
}

/**
 * Reads a frame that the worker sent.
 * @throws Fault `malformed-message`
 */
export function readFromWorker(frame: string): FromWorker {
  const fields = parse(frame);
  switch (fields['type']) {
    case 'welcome': return { type: 'welcome', proof: fields['proof'] === null ? null : textAt(fields, 'proof', 4096), keys: keysAt(fields) };
    case 'keys': return { type: 'keys', keys: keysAt(fields) };
    case 'fleet': return { type: 'fleet', edges: fleetEdgesOf(fields['edges']) };
    case 'peers': return { type: 'peers', edges: peerEdgesOf(fields['edges']) };
    case 'full': {
      const { sites, malformed: wrong } = sitesAt(fields, 'sites');
      return {
        type: 'full', seq: countAt(fields, 'seq'), epoch: nameAt(fields, 'epoch'), dropCache: flagAt(fields, 'dropCache'),
        sites, more: flagAt(fields, 'more'), malformed: wrong,
      };
    }
    case 'delta': {
      const { sites, malformed: wrong } = sitesAt(fields, 'upserts');
      return {
        type: 'delta', seq: countAt(fields, 'seq'), upserts: sites, removals: textsAt(fields, 'removals', itemsMax),
        purges: purgesAt(fields), more: flagAt(fields, 'more'), malformed: wrong,
      };
    }
    default: throw malformed('type');
  }
}

/** As the wire carries them: at most `refusalsMax`, reasons cut. */
export function boundedRefusals(refusals: Iterable<Refused>): readonly Refused[] {
  const bounded: Refused[] = [];
  for (const refusal of refusals) {
    if (bounded.length === refusalsMax) break;
    bounded.push({ ...refusal, reason: refusal.reason.slice(0, reasonCharsMax) });
  }
  return bounded;
}

/** A full's part, around sites that are already JSON texts. */
export function fullFrame(head: { readonly seq: number; readonly epoch: string; readonly dropCache: boolean }, sites: readonly string[], more: boolean): string {
  return `{"type":"full","seq":${head.seq},"epoch":${JSON.stringify(head.epoch)},"dropCache":${head.dropCache},"more":${more},"sites":[${sites.join(',')}]}`;
}

/** What a delta carries: sites and purges as JSON texts, removals as ids. */
export interface DeltaTexts {
  readonly upserts: readonly string[];
  readonly removals: readonly string[];
  readonly purges: readonly string[];
}

/** A delta's part, around texts that were made once for the whole fleet. */
export function deltaFrame(seq: number, texts: DeltaTexts, more: boolean): string {
  return `{"type":"delta","seq":${seq},"more":${more},"upserts":[${texts.upserts.join(',')}],"removals":${JSON.stringify(texts.removals)},"purges":[${texts.purges.join(',')}]}`;
}
