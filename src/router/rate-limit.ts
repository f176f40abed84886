// Response rate limiting: a name server must not be what floods a victim whose address somebody else writes into queries.
import { canonicalAddress } from '../base/ip-ranges';

/** `slip`: an answer without records that sends the asker to TCP, where addresses cannot be made up. */
export type Allowance = 'answer' | 'slip' | 'drop';

const windowMs = 1_000;
/** Networks counted in one second; what comes from others beyond is counted together. */
const networksMax = 65_536;
/** Of the answers too many every second one slips: a resolver that is really there gets through soon. */
const slipEvery = 2;

/** The network an address is counted with: whoever has one address of it has them all. */
export function networkOf(address: string): string {
  const canonical = canonicalAddress(address) ?? '';
  if (!canonical.includes(':')) return canonical.slice(0, canonical.lastIndexOf('.'));
  // The first 56 bits: three groups and half of the fourth.
  const [head = '', tail = ''] = canonical.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const groups = canonical.includes('::') ? [...before, ...Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0'), ...after] : before;
  return `${groups.slice(0, 3).join(':')}:${(Number.parseInt(groups[3] ?? '0', 16) >> 8).toString(16)}`;
}

export class RateLimit {
  private counts = new Map<string, number>();
  private windowEndsMs = 0;

  constructor(private readonly perNetworkMax: number) {}

  /** @param address who would get the answer */
  take(address: string, nowMs: number): Allowance {
    if (nowMs >= this.windowEndsMs) {
      this.counts.clear();
      this.windowEndsMs = nowMs + windowMs;
    }
    const network = networkOf(address);
    const key = this.counts.size < networksMax || this.counts.has(network) ? network : '';
    const count = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, count);
    const tooMany = count - this.perNetworkMax;
    if (tooMany <= 0) return 'answer';
    return tooMany % slipEvery === 0 ? 'slip' : 'drop';
  }
}
