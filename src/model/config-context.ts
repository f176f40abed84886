// What the rules need to know beyond the configuration itself.
import type { Limits } from './limits';
import type { Exists } from './references';

export interface ConfigContext {
  /** The account all of this installation's resources belong to, 12 digits. */
  readonly accountId: string;
  /** The service's own domain, lower case; its names cannot be aliases. */
  readonly domain: string;
  readonly limits: Limits;
  readonly exists: Exists;
}
