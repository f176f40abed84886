// A value that outlives the process as one small JSON file: replaced whole, and never half written.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { codeOf, messageOf } from './fault';
import type { Log } from './log';

export class KeptJson<T> {
  /**
   * @param what names it in the log
   * @param parse throws when the file's value is none
   */
  constructor(private readonly file: string, private readonly what: string, private readonly parse: (value: unknown) => T, private readonly log: Log) {}

  /** Null when there is none, or none that can be read. */
  read(): T | null {
    try {
      return this.parse(JSON.parse(readFileSync(this.file, 'utf8')));
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENOENT') this.log.warn(`${this.what}-unreadable`, { file: this.file, reason: messageOf(thrown) });
      return null;
    }
  }

  write(value: T): void {
    try {
      writeFileSync(`${this.file}.new`, JSON.stringify(value), { mode: 0o600 });
      renameSync(`${this.file}.new`, this.file);
    } catch (thrown) {
      this.log.warn(`${this.what}-not-written`, { code: codeOf(thrown) ?? 'none', reason: messageOf(thrown) });
    }
  }
}
