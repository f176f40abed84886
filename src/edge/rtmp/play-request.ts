// What `play` and `play2` ask for, out of their arguments.
import type { AmfMap, AmfValue } from '../../protocol/rtmp/amf0';

/**
 * What becomes of what was played before, in the words of AS3's NetStreamPlayTransitions. `reset`: it is forgotten. `append`: it is played to its end
 * first. `appendAndWait`: the same, and nothing begins to play for it. `switch`: this goes on where that has come to. `swap`: this takes the place of
 * `oldName`. `stop`: all ends.
 */
const transitions = ['reset', 'append', 'appendAndWait', 'switch', 'swap', 'stop'] as const;
type Transition = typeof transitions[number];

export interface PlayRequest {
  /** As the player wrote it. */
  readonly name: string;
  /** Where to begin in the film; 0 for the values that ask for live streams, of which there are none. */
  readonly startMs: number;
  /** How much to play; Infinity: all of it. */
  readonly lengthMs: number;
  readonly transition: Transition;
  /** What `swap` replaces. */
  readonly oldName: string;
}

export const numberOr = (value: AmfValue, otherwise: number): number => typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
const textOf = (value: AmfValue): string => typeof value === 'string' ? value : '';

/** `play`: name, start, length, reset; times in milliseconds (specification section 7.2.2.1, whose seconds no player sends). */
export function playRequest(values: readonly AmfValue[]): PlayRequest {
  const [, name, startMs, length, reset] = values;
  const lengthMs = numberOr(length, -1);
  return {
    name: textOf(name), startMs: Math.max(0, numberOr(startMs, 0)), lengthMs: lengthMs < 0 ? Infinity : lengthMs,
    // A number has its lowest bit for the playlist; the next one is about messages that came before.
    transition: reset === false || (typeof reset === 'number' && reset % 2 === 0) ? 'append' : 'reset',
    oldName: '',
  };
}

/** `play2`: the same as an object (section 7.2.2.2). What has no known transition is played anew. */
export function play2Request(values: readonly AmfValue[]): PlayRequest {
  const parameters = values[1] instanceof Map ? values[1] as AmfMap : new Map<string, AmfValue>();
  const asked = textOf(parameters.get('transition'));
  return {
    ...playRequest([null, parameters.get('streamName'), secondsToMs(parameters.get('start')), secondsToMs(parameters.get('len'))]),
    transition: transitions.find((one) => one === asked) ?? 'reset',
    oldName: textOf(parameters.get('oldStreamName')),
  };
}

/** NetStreamPlayOptions count in seconds; negative values are marks and stay what they are. */
const secondsToMs = (value: AmfValue): AmfValue => typeof value === 'number' && value > 0 ? value * 1000 : value;
