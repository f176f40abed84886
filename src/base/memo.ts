// A bounded memory of answers that can be worked out again.

/** Forgets everything when it is full: cheaper on each look-up than knowing which answer is the oldest. */
export class Memo<K, V> {
  private readonly answers = new Map<K, V>();

  constructor(private readonly sizeMax: number) {}

  get(key: K): V | undefined { return this.answers.get(key); }

  set(key: K, value: V): void {
    if (this.answers.size >= this.sizeMax) this.answers.clear();
    this.answers.set(key, value);
  }
}
