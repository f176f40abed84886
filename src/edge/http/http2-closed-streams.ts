// Which of a connection's latest streams ended how, in a fixed amount of memory: enough to tell a late frame from a wrong one.

/** By both sides' END_STREAM, by our RST_STREAM, by the viewer's; `unknown`: never opened, or too long ago. */
export type StreamEnd = 'unknown' | 'ended' | 'by-us' | 'by-viewer';

const ends: readonly StreamEnd[] = ['unknown', 'ended', 'by-us', 'by-viewer'];

export class ClosedStreams {
  private readonly ids: Uint32Array;
  private readonly hows: Uint8Array;

  /** @param remembered a power of two */
  constructor(private readonly remembered: number) {
    this.ids = new Uint32Array(remembered);
    this.hows = new Uint8Array(remembered);
  }

  add(streamId: number, how: Exclude<StreamEnd, 'unknown'>): void {
    const slot = this.slotOf(streamId);
    this.ids[slot] = streamId;
    this.hows[slot] = ends.indexOf(how);
  }

  how(streamId: number): StreamEnd {
    const slot = this.slotOf(streamId);
    return this.ids[slot] === streamId ? ends[this.hows[slot] as number] as StreamEnd : 'unknown';
  }

  /** A viewer's streams have odd numbers, so that neighbours take neighbouring slots. */
  private slotOf(streamId: number): number { return (streamId >>> 1) & (this.remembered - 1); }
}
