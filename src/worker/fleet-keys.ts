// The fleet's keys as a worker has them: read at start, and again when they may have changed.
import { nodeKeysPurpose, Sealer } from '../base/sealed';
import { fleetKeys } from '../store/fleet-keys';
import type { SecretStore } from '../store/store';

export class FleetKeyRing {
  private sealer: Sealer;

  private constructor(private readonly store: Pick<SecretStore, 'secret'>, private readonly stored: Sealer, private keys: readonly string[]) {
    this.sealer = new Sealer(keys, nodeKeysPurpose);
  }

  /** @throws Fault `cannot-unseal`, what the store throws */
  static async load(store: Pick<SecretStore, 'secret'>, stored: Sealer): Promise<FleetKeyRing> {
    return new FleetKeyRing(store, stored, await fleetKeys(store, stored));
  }

  /** The newest first. */
  get all(): readonly string[] { return this.keys; }

  /** Seals for nodes, under the newest. */
  seal(plain: string, context: string): string { return this.sealer.seal(plain, context); }

  /** @returns whether there is a new one */
  async refresh(): Promise<boolean> {
    const keys = await fleetKeys(this.store, this.stored);
    if (keys.length === this.keys.length && keys.every((key, i) => key === this.keys[i])) return false;
    this.keys = keys;
    this.sealer = new Sealer(keys, nodeKeysPurpose);
    return true;
  }
}
