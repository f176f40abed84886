// What `play` and `play2` ask for, out of their arguments.
import type { AmfMap, AmfValue } from '../../protocol/rtmp/amf0';
import type { PlayRequest } from './playback';

export const numberOr = (value: AmfValue, otherwise: number): number => typeof value === 'number' && Number.isFinite(value) ? value : otherwise;

/** `play`: name, start, length, reset; times in milliseconds (specification section 7.2.2.1, whose seconds no player sends). */
export function playRequest(values: readonly AmfValue[]): PlayRequest {
  const lengthMs = numberOr(values[3], -1);
  return {
    name: typeof values[1] === 'string' ? values[1] : '',
    startMs: Math.max(0, numberOr(values[2], 0)),
    lengthMs: lengthMs < 0 ? Infinity : lengthMs,
    reset: values[4] !== false && values[4] !== 0,
  };
}

/** `play2`: the same as an object (section 7.2.2.2). Every transition is taken for a play from the given start. */
export function play2Request(values: readonly AmfValue[]): PlayRequest {
  const parameters = values[1] instanceof Map ? values[1] as AmfMap : new Map<string, AmfValue>();
  return playRequest([null, parameters.get('streamName'), secondsToMs(parameters.get('start')), secondsToMs(parameters.get('len'))]);
}

/** NetStreamPlayOptions count in seconds; negative values are marks and stay what they are. */
const secondsToMs = (value: AmfValue): AmfValue => typeof value === 'number' && value > 0 ? value * 1000 : value;
