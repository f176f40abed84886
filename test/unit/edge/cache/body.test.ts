// A body on its way: every reader gets every byte, kept bodies stay whole, passing ones stay small.
import { StreamedBody, segmentBytes } from '../../../../src/edge/cache/body';
import type { BodySink } from '../../../../src/edge/http/exchange';
import { seededRandom } from '../../../fixtures/random';

class RecordingSink implements BodySink {
  readonly pieces: Buffer[] = [];
  onDrain: (() => void) | null = null;
  outcome: 'open' | 'ended' | 'aborted' = 'open';
  constructor(private readonly writesBeforeFull = Infinity) {}
  private writes = 0;
  write(piece: Buffer): boolean {
    expect(this.outcome).toBe('open');
    this.pieces.push(Buffer.from(piece));
    this.writes += 1;
    return this.writes % this.writesBeforeFull !== 0;
  }
  end(): void { this.outcome = 'ended'; }
  abort(): void { this.outcome = 'aborted'; }
  get content(): Buffer { return Buffer.concat(this.pieces); }
}
const source = (): { pause: jest.Mock; resume: jest.Mock; abort: jest.Mock } => ({ pause: jest.fn(), resume: jest.fn(), abort: jest.fn() });

describe('StreamedBody', () => {
  test('random pieces reach random readers whole, kept or passing', () => {
    const random = seededRandom('streamed body');
    for (let round = 0; round < 200; round += 1) {
      const keep = random.below(2) === 0;
      const announced = random.below(2) === 0;
      const pieces = Array.from({ length: 1 + random.below(12) }, () => Buffer.alloc(1 + random.below(90_000), random.below(256)));
      const whole = Buffer.concat(pieces);
      const body = new StreamedBody(source(), keep, announced ? whole.length : null, 100_000_000, () => true);
      const sinks = [new RecordingSink(1 + random.below(4))];
      body.attach(sinks[0] as RecordingSink);
      for (const piece of pieces) {
        body.push(piece);
        if (keep && random.below(3) === 0) {
          const late = new RecordingSink(1 + random.below(4));
          sinks.push(late);
          body.attach(late);
        }
        if (random.below(2) === 0) random.pick(sinks).onDrain?.();
      }
      body.finish();
      for (const sink of sinks) {
        while (sink.outcome === 'open') sink.onDrain?.();
        expect(sink.outcome).toBe('ended');
        expect(sink.content.equals(whole)).toBe(true);
      }
      if (keep) {
        expect(Buffer.concat(body.segments()).equals(whole)).toBe(true);
        for (const segment of body.segments()) expect(segment.length).toBeLessThanOrEqual(segmentBytes);
      }
    }
  });

  test('a kept body that grows too large passes on, and every reader still gets all of it', () => {
    const body = new StreamedBody(source(), true, null, 100_000, () => true);
    const sink = new RecordingSink();
    body.attach(sink);
    const pieces = Array.from({ length: 10 }, (_, i) => Buffer.alloc(30_000, i));
    for (const piece of pieces) body.push(piece);
    expect(body.mode).toBe('passing');
    body.finish();
    expect(sink.content.equals(Buffer.concat(pieces))).toBe(true);
  });

  test('no room in the middle of a piece: nothing is lost or doubled', () => {
    let grants = 1;
    const body = new StreamedBody(source(), true, 700_000, 10_000_000, () => { grants -= 1; return grants >= 0; });
    const sink = new RecordingSink();
    body.attach(sink);
    const piece = Buffer.from(Array.from({ length: 700_000 }, (_, i) => i % 251));
    body.push(piece);
    expect(body.mode).toBe('passing');
    body.finish();
    expect(sink.content.equals(piece)).toBe(true);
  });

  test('a passing body waits for its reader and is let go when nobody reads', () => {
    const from = source();
    const body = new StreamedBody(from, false, null, 0, () => false);
    const sink = new RecordingSink(1);
    const detach = body.attach(sink);
    for (let i = 0; i < 5; i += 1) body.push(Buffer.alloc(400_000));
    expect(from.pause).toHaveBeenCalledTimes(1);
    for (let i = 0; i < 4; i += 1) sink.onDrain?.();
    expect(from.resume).toHaveBeenCalledTimes(1);
    detach();
    expect(from.abort).toHaveBeenCalledTimes(1);
  });

  test('a body that breaks off aborts its readers and cannot be reused', () => {
    const body = new StreamedBody(source(), true, 10, 100, () => true);
    const sink = new RecordingSink();
    body.attach(sink);
    body.push(Buffer.from('half'));
    body.fail();
    expect(sink.outcome).toBe('aborted');
    expect(() => body.segments()).toThrow();
  });
});
