// The keys that all nodes of the fleet share, as a node has them: from the worker, and from its disk before that.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf, Fault, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { nodeKeysPurpose, Sealer } from '../base/sealed';

/** One more than the worker gives, so that what a node was told under an older one still opens when it starts. */
const keptMax = 4;
const fileContext = 'fleet keys';

export class FleetKeys {
  private keys: readonly string[] = [];
  private opener: Sealer | null = null;

  private constructor(private readonly file: string, private readonly keeper: Sealer, private readonly log: Log) {}

  /** What the disk has, sealed; none there is no failure, since the worker gives them again. */
  static open(dir: string, keeper: Sealer, log: Log): FleetKeys {
    const keys = new FleetKeys(path.join(dir, 'fleet-keys'), keeper, log);
    try {
      keys.put(JSON.parse(keeper.open(readFileSync(keys.file, 'utf8').trim(), fileContext)) as string[]);
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENOENT') log.warn('fleet-keys-unreadable', { file: keys.file, reason: messageOf(thrown) });
    }
    return keys;
  }

  /** The newest first; none before the first worker was heard. */
  get all(): readonly string[] { return this.keys; }

  /** As the worker has them now. Those before stay behind them, for what they sealed. */
  take(given: readonly string[]): void {
    const next = [...given, ...this.keys.filter((key) => !given.includes(key))].slice(0, keptMax);
    if (next.length === this.keys.length && next.every((key, i) => key === this.keys[i])) return;
    this.put(next);
    try {
      mkdirSync(path.dirname(this.file), { recursive: true, mode: 0o700 });
      writeFileSync(`${this.file}.new`, `${this.keeper.seal(JSON.stringify(next), fileContext)}\n`, { mode: 0o600, flush: true });
      renameSync(`${this.file}.new`, this.file);
    } catch (thrown) {
      this.log.error('fleet-keys-not-written', { file: this.file, reason: messageOf(thrown) });
    }
  }

  /** Opens what a worker sealed for the fleet. @throws Fault `cannot-unseal` */
  open(sealed: string, context: string): string {
    if (this.opener === null) throw new Fault('cannot-unseal', 'machine', `the secret of ${context} cannot be decrypted before a worker gave the fleet's keys`);
    return this.opener.open(sealed, context);
  }

  private put(keys: readonly string[]): void {
    this.keys = keys;
    this.opener = keys.length === 0 ? null : new Sealer(keys, nodeKeysPurpose);
  }
}
