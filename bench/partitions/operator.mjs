// The operator: changes the distribution and invalidates its objects all the time, and writes down what the API claims of it.
import { createRequire } from 'node:module';
import { sleep } from '../processes.mjs';
import { distributionConfig, objects } from './system.mjs';

const {
  CreateDistributionCommand, CreateInvalidationCommand, GetDistributionCommand, GetInvalidationCommand, UpdateDistributionCommand,
} = createRequire(import.meta.url)('@aws-sdk/client-cloudfront');

const invalidateEveryMs = 1_000;
/** Every so many invalidations the distribution is changed. */
const updateEvery = 3;
const pollMs = 200;
const nodesMsMax = 10_000;

export class Operator {
  /** What was claimed: that an object was invalidated, or that a configuration is deployed; and when that was read. */
  claims = [];
  /** How calls went: `ok`, or the error's name. */
  calls = [];
  #pending = new Map();
  #configNumber = 0;
  #claimedNumber = -1;
  #count = 0;
  #writing = false;
  #token = null;

  constructor(system, network) { Object.assign(this, { system, network }); }

  get isSettled() { return this.#pending.size === 0 && this.#claimedNumber === this.#configNumber; }

  async #call(name, command) {
    const atMs = Date.now();
    const note = (outcome) => this.calls.push({ name, outcome, atMs, tookMs: Date.now() - atMs });
    try {
      const result = await this.system.client.send(command);
      note('ok');
      return result;
    } catch (error) {
      note(error.name);
      return null;
    }
  }

  async create() {
    const { Distribution } = await this.system.client.send(new CreateDistributionCommand({ DistributionConfig: distributionConfig(this.network, 0) }));
    Object.assign(this, { id: Distribution.Id, host: Distribution.DomainName });
  }

  /** Begins to look, and, once told to `resume`, to write; until `stop`. */
  start() { this.running = Promise.all([this.#write(), this.#look()]); }
  hold() { this.#writing = false; }
  resume() { this.#writing = true; }

  async stop() {
    this.stopped = true;
    await this.running;
  }

  async #write() {
    for (; !this.stopped; await sleep(invalidateEveryMs)) {
      if (!this.#writing) continue;
      this.#count += 1;
      if (this.#count % updateEvery === 0) await this.#update(); else await this.#invalidate(objects[this.#count % objects.length]);
    }
  }

  async #invalidate(path) {
    const sentAtMs = Date.now();
    const made = await this.#call('CreateInvalidation', new CreateInvalidationCommand({
      DistributionId: this.id, InvalidationBatch: { CallerReference: `${sentAtMs}-${this.#count}`, Paths: { Quantity: 1, Items: [path] } },
    }));
    if (made !== null) this.#pending.set(made.Invalidation.Id, { path, sentAtMs });
  }

  async #update() {
    const now = await this.#call('GetDistribution', new GetDistributionCommand({ Id: this.id }));
    if (now === null) return;
    const number = numberOf(now.Distribution.DistributionConfig) + 1;
    const sentAtMs = Date.now();
    const done = await this.#call('UpdateDistribution', new UpdateDistributionCommand({ Id: this.id, IfMatch: now.ETag, DistributionConfig: distributionConfig(this.network, number) }));
    if (done === null) return;
    this.#configNumber = number;
    this.updateSentAtMs = sentAtMs;
  }

  async #look() {
    for (; !this.stopped; await sleep(pollMs)) {
      for (const [id, wish] of [...this.#pending]) {
        const got = await this.#call('GetInvalidation', new GetInvalidationCommand({ DistributionId: this.id, Id: id }));
        if (got?.Invalidation.Status !== 'Completed') continue;
        this.#pending.delete(id);
        this.claims.push({ kind: 'purge', ...wish, seenAtMs: Date.now() });
      }
      const got = await this.#call('GetDistribution', new GetDistributionCommand({ Id: this.id }));
      if (got?.Distribution.Status !== 'Deployed') continue;
      const number = numberOf(got.Distribution.DistributionConfig);
      // One whose acknowledgement was lost was written all the same.
      this.#configNumber = Math.max(this.#configNumber, number);
      if (number === this.#claimedNumber) continue;
      this.#claimedNumber = number;
      this.claims.push({ kind: 'config', number, sentAtMs: this.updateSentAtMs, seenAtMs: Date.now() });
    }
  }

  /** The fleet as the API lists it; null when it does not answer. */
  async nodes() {
    try {
      const { endpoint, credentials: { accessKeyId, secretAccessKey } } = this.system;
      const ask = (path, init) => fetch(endpoint + path, { ...init, signal: AbortSignal.timeout(nodesMsMax) });
      this.#token ??= (await (await ask('/edgefront/v1/tokens', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ accessKeyId, secretAccessKey }) })).json()).token;
      const answer = await ask('/edgefront/v1/nodes', { headers: { authorization: `Bearer ${this.#token}` } });
      if (answer.status === 401) this.#token = null;
      return answer.status === 200 ? (await answer.json()).nodes : null;
    } catch {
      return null;
    }
  }
}

const numberOf = (config) => Number(config.Origins.Items.find(({ Id }) => Id === 'live').CustomHeaders.Items[0].HeaderValue);
