// What operations are made of: the store, the clock and the installation's own facts, handed in once.
import type { Clock } from '../base/clock';
import type { Functions } from '../functions/functions';
import type { RandomBytes } from '../model/ids';
import type { Limits } from '../model/limits';
import type { Store } from '../store/store';
import type { Hold } from './hold';
import type { NameLookup } from './name-lookup';

/** What the api process hands in. */
export interface OperationSettings {
  readonly store: Store;
  readonly clock: Clock;
  /** Unpredictable bytes, for ids. */
  readonly random: RandomBytes;
  /** Domain distributions are named under, lower case. */
  readonly domain: string;
  /** 12 digits. */
  readonly accountId: string;
  /** Scheme and authority of the API as clients reach it, for `Location`. */
  readonly apiUrl: string;
  /** How long a Get of something in progress waits for it to settle. */
  readonly settleHoldMs: number;
  /** Runs functions for their tests; one is made when it is left out. */
  readonly functions?: Functions;
  /** Answers of the DNS; the machine's own when left out. */
  readonly dns?: NameLookup;
  /** Quotas that differ from the table. */
  readonly limits?: Partial<Limits>;
}

/** What each noun works with. */
export interface OperationParts extends Omit<OperationSettings, 'limits' | 'functions' | 'dns'> {
  readonly functions: Functions;
  readonly dns: NameLookup;
  readonly limits: Limits;
  readonly hold: Hold;
}
