// One client of the soak: random operations on what it made itself, and a ledger of what it was told about each.
//
// A write is acknowledged (answered with success), refused (answered with an error that says why), or uncertain (the
// connection broke before the answer came). What was acknowledged must be there ever after, what was refused must not,
// and what is uncertain may be either: the client learns which when it reads the resource next.
import http from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { sdk } from '../fleet.mjs';
import { sleep } from '../processes.mjs';
import { command, templateConfig } from './nouns.mjs';

const outageMsMax = 60_000;
const requestMsMax = 60_000;
const violationsMax = 50;

/** Deleting waits for these, so that being told them proves nothing wrong. */
const notDisabled = new Set(['DistributionNotDisabled', 'StreamingDistributionNotDisabled', 'ResourceNotDisabled']);
const isMissing = (code) => code.startsWith('NoSuch') || code === 'EntityNotFound';

/** mulberry32: the same seed makes the same choices. */
export function randomOf(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit) => Math.floor(next() * limit);
  return { below, chance: (share) => next() < share, pick: (items) => items[below(items.length)] };
}

/** One GET of an edge. */
export const ask = (port, host, target) => new Promise((resolve, reject) => {
  const request = http.get({ host: '127.0.0.1', port, path: target, headers: { host }, agent: false, timeout: 30_000 }, (response) => {
    let body = '';
    response.on('data', (piece) => { body += piece; });
    response.on('end', () => resolve({ status: response.statusCode, body }));
  });
  request.on('timeout', () => request.destroy(new Error('the edge did not answer')));
  request.on('error', reject);
});

export class SoakClient {
  /** By id: what it made and, as far as it knows, still has. */
  held = new Map();
  gone = [];
  acknowledged = [];
  uncertain = [];
  violations = [];
  counts = {};
  contested = [];
  sharedIds = [];
  template = null;

  constructor(name, seed, fleet, nouns) {
    Object.assign(this, { name, fleet, nouns, random: randomOf(seed), marks: 0 });
    this.clients = fleet.endpoints.map((endpoint) => new sdk.CloudFrontClient({
      endpoint, region: 'us-east-1', credentials: fleet.credentials, maxAttempts: 1, requestHandler: { requestTimeout: requestMsMax },
    }));
    this.own = {
      chance: this.random.chance, below: this.random.below,
      pick: (kind) => this.random.pick([...this.held.values()].filter((one) => one.noun.kind === kind && !one.maybeGone && one !== this.template)),
      template: undefined,
    };
  }

  close() { for (const client of this.clients) client.destroy(); }

  nextMark() { return `${this.name}-${this.marks += 1}`; }

  wrong(what) { if (this.violations.length < violationsMax) this.violations.push(`${this.name}: ${what}`); }

  /** Sends to any of the API's processes; one that is not there is no answer, and another one is asked. */
  async send(request) {
    const operation = request.constructor.name.replace(/Command$/, '');
    for (const deadline = performance.now() + outageMsMax; ;) {
      try {
        const answer = await this.random.pick(this.clients).send(request);
        return this.noted(operation, { outcome: 'done', answer, requestId: answer.$metadata.requestId });
      } catch (thrown) {
        const status = thrown.$response?.statusCode ?? thrown.$metadata?.httpStatusCode;
        if (status === 500) this.wrong(`${operation} was answered with 500: ${thrown.message}`);
        if (status !== undefined && status < 500) return this.noted(operation, { outcome: 'refused', code: thrown.name });
        const refusedConnection = thrown.code === 'ECONNREFUSED' || (thrown.errors ?? []).some(({ code }) => code === 'ECONNREFUSED');
        if (!refusedConnection) return this.noted(operation, { outcome: 'uncertain' });
        if (performance.now() > deadline) throw new Error(`no API process answers: ${thrown.message}`);
        await sleep(20);
      }
    }
  }

  noted(operation, result) {
    const count = this.counts[operation] ??= { done: 0, refused: 0, uncertain: 0 };
    count[result.outcome] += 1;
    return result;
  }

  /** A write: into the ledger with it. */
  async write(request, subject) {
    const operation = request.constructor.name.replace(/Command$/, '');
    const result = await this.send(request);
    if (result.outcome === 'done') this.acknowledged.push({ operation, requestId: result.requestId });
    if (result.outcome === 'uncertain') this.uncertain.push({ operation, ...subject });
    return result;
  }

  /** A read, again until it is answered. */
  async read(request) {
    for (;;) {
      const result = await this.send(request);
      if (result.outcome !== 'uncertain') return result;
      await sleep(50);
    }
  }

  /** Before anything is killed: what this client's tenants and everybody's updates need. */
  async prepare(sharedIds) {
    this.sharedIds = sharedIds;
    const { answer } = await this.write(command('CreateDistribution', { DistributionConfig: templateConfig(this.nextMark()) }), {});
    this.template = this.hold(this.nouns.get('distribution'), answer);
    this.own.template = this.template.id;
  }

  hold(noun, answer) {
    const one = { noun, ...noun.seen(answer), maybe: [], maybeGone: false, tag: null, tagMaybe: [], live: null, liveMaybe: [], invalidations: [], invalidationsMaybe: [] };
    this.held.set(`${noun.kind}/${one.id}`, one);
    return one;
  }

  forget(one) {
    this.held.delete(`${one.noun.kind}/${one.id}`);
    this.gone.push(one);
  }

  /** One random operation. */
  async step() {
    const noun = this.random.chance(0.35) ? this.nouns.get('distribution') : this.random.pick([...this.nouns.values()]);
    const mine = [...this.held.values()].filter((one) => one.noun === noun && one !== this.template);
    const dice = this.random.below(100);
    if (dice < 4) return this.contend();
    if (dice < 8) return this.list(noun);
    if (mine.length === 0 || (dice < 26 && mine.length < noun.eachMax)) return this.create(noun);
    const one = this.random.pick(mine);
    if (one.maybe.length > 0 || one.maybeGone) return this.look(one);
    if (dice < 50) return this.update(one);
    if (dice < 62) return this.look(one);
    if (dice < 74) return this.remove(one);
    if (dice < 80 && one.arn !== undefined) return this.tag(one);
    if (noun.kind === 'function') return this.publish(one);
    if (noun.kind !== 'distribution') return this.update(one);
    return dice < 90 ? this.invalidate(one) : this.view(one);
  }

  async create(noun) {
    if (noun.needs !== undefined && this.own.pick(noun.needs) === undefined) return;
    const mark = this.nextMark();
    const result = await this.write(noun.create(mark, this.own), { kind: noun.kind, mark });
    if (result.outcome === 'done') this.hold(noun, result.answer);
    if (result.outcome === 'refused') this.wrong(`creating a ${noun.kind} was refused with ${result.code}`);
  }

  /** Reads it, and compares with what the ledger says. */
  async look(one) {
    const result = await this.read(one.noun.read(one.id));
    if (result.outcome === 'done') return this.compare(one, one.noun.seen(result.answer));
    if (!isMissing(result.code) || !one.maybeGone) this.wrong(`${one.noun.kind} ${one.id} was acknowledged and is answered with ${result.code}`);
    this.forget(one);
  }

  compare(one, seen) {
    // Had its removal been carried out it would not be read; by now it never will be, since whoever was to do it is dead.
    one.maybeGone = false;
    one.status = seen.status;
    const mark = one.noun.markOf(seen.config);
    if (seen.etag === one.etag) {
      if (!isDeepStrictEqual(seen.config, one.config)) this.wrong(`${one.noun.kind} ${one.id} has the acknowledged version ${one.etag} with other content`);
    } else if (one.maybe.length > 0 && (mark === null || one.maybe.includes(mark))) {
      Object.assign(one, seen);
    } else {
      this.wrong(`${one.noun.kind} ${one.id} is at version ${seen.etag} with ${mark}; acknowledged was ${one.etag} with ${one.noun.markOf(one.config)}`);
    }
    one.maybe = [];
  }

  async update(one) {
    const mark = this.nextMark();
    const result = await this.write(one.noun.update(one, mark, this.own), { kind: one.noun.kind, id: one.id, mark });
    if (result.outcome === 'uncertain') one.maybe.push(mark);
    if (result.outcome === 'refused') return this.refused('updating', one, result.code);
    // Not every Update answers with the whole resource's version: what is read now must carry what was just acknowledged.
    if (result.outcome === 'done') {
      const seen = one.noun.seen(result.answer);
      if (one.noun.markOf(seen.config) !== null && one.noun.markOf(seen.config) !== mark) this.wrong(`the update of ${one.id} to ${mark} was answered with ${one.noun.markOf(seen.config)}`);
      Object.assign(one, seen);
    }
  }

  async remove(one) {
    const result = await this.write(one.noun.remove(one), { kind: one.noun.kind, id: one.id });
    if (result.outcome === 'uncertain') one.maybeGone = true;
    if (result.outcome === 'refused') {
      if (notDisabled.has(result.code) && one.config.Enabled !== undefined) return;
      return this.refused('removing', one, result.code);
    }
    if (result.outcome !== 'done') return;
    const user = this.userOf(one, ({ maybe, maybeGone }) => maybe.length === 0 && !maybeGone);
    if (user !== undefined) this.wrong(`${one.noun.kind} ${one.id} was removed although ${user.noun.kind} ${user.id} names it`);
    if (one.config.Enabled === true) this.wrong(`${one.noun.kind} ${one.id} was removed although it is enabled`);
    this.forget(one);
  }

  userOf({ noun: { kind }, id }, which) {
    return [...this.held.values()].find((other) => which(other) && other.noun.references(other.config).some((reference) => reference.kind === kind && reference.id === id));
  }

  refused(doing, one, code) {
    if (code === one.noun.inUse) {
      const mayBeNamed = this.userOf(one, () => true) !== undefined || this.uncertain.length > 0;
      if (!mayBeNamed) this.wrong(`${doing} ${one.noun.kind} ${one.id} was refused with ${code}, although nothing names it`);
      return;
    }
    this.wrong(`${doing} ${one.noun.kind} ${one.id} at ${one.etag} was refused with ${code}`);
  }

  async tag(one) {
    const value = this.random.chance(0.7) ? this.nextMark() : null;
    const request = value === null
      ? command('UntagResource', { Resource: one.arn, TagKeys: { Items: ['mark'] } }) : command('TagResource', { Resource: one.arn, Tags: { Items: [{ Key: 'mark', Value: value }] } });
    const result = await this.write(request, { id: one.id });
    if (result.outcome === 'uncertain') one.tagMaybe.push(value);
    if (result.outcome === 'done') Object.assign(one, { tag: value, tagMaybe: [] });
    if (result.outcome === 'refused') this.wrong(`tagging ${one.noun.kind} ${one.id} was refused with ${result.code}`);
  }

  async publish(one) {
    const mark = one.noun.markOf(one.config);
    const result = await this.write(command('PublishFunction', { Name: one.id, IfMatch: one.etag }), { id: one.id });
    if (result.outcome === 'uncertain') one.liveMaybe.push(mark);
    if (result.outcome === 'done') Object.assign(one, { live: mark, liveMaybe: [] });
    if (result.outcome === 'refused') this.wrong(`publishing ${one.id} was refused with ${result.code}`);
  }

  async invalidate(one) {
    const mark = this.nextMark();
    const paths = Array.from({ length: 1 + this.random.below(3) }, (_unused, i) => `/${mark}/${i}`);
    if (this.random.chance(0.1)) paths.push(`/${mark}/*`);
    const result = await this.write(command('CreateInvalidation', {
      DistributionId: one.id, InvalidationBatch: { CallerReference: mark, Paths: { Quantity: paths.length, Items: paths } },
    }), { id: one.id, mark });
    if (result.outcome === 'uncertain') one.invalidationsMaybe.push(mark);
    if (result.outcome === 'done') one.invalidations.push({ id: result.answer.Invalidation.Id, mark });
    if (result.outcome === 'refused' && result.code !== 'TooManyInvalidationsInProgress') this.wrong(`invalidating ${one.id} was refused with ${result.code}`);
  }

  /** Deployed means that every edge serves this very version. */
  async view(one) {
    await this.look(one);
    if (!this.held.has(`distribution/${one.id}`) || one.status !== 'Deployed') return;
    for (const port of this.fleet.edgePorts) {
      const target = `/${this.nextMark()}`;
      const { status, body } = await ask(port, one.host, target);
      const right = one.config.Enabled ? body === `/${one.config.Comment}${target}` : status === 403;
      if (!right) this.wrong(`an edge answers ${status} ${body.slice(0, 80)} for ${one.id}, which is Deployed with ${one.config.Comment}, enabled: ${one.config.Enabled}`);
    }
    this.noted('(viewed at every edge)', { outcome: 'done' });
  }

  /** All pages: everything of this client's must be on them, and nothing that it removed. */
  async list(noun) {
    const found = new Set();
    for (let marker; ;) {
      const result = await this.read(noun.list(marker));
      if (result.outcome === 'refused') return this.wrong(`listing ${noun.kind} was refused with ${result.code}`);
      const page = noun.page(result.answer);
      for (const id of page.ids) {
        if (found.has(id)) this.wrong(`${noun.kind} ${id} is listed twice`);
        found.add(id);
      }
      if (page.next === undefined || page.next === '') break;
      marker = page.next;
    }
    for (const one of this.held.values()) {
      if (one.noun === noun && !one.maybeGone && !found.has(one.id)) this.wrong(`${noun.kind} ${one.id} is not listed`);
    }
    for (const one of this.gone) if (one.noun === noun && found.has(one.id)) this.wrong(`${noun.kind} ${one.id} is listed after it was removed`);
  }

  /** Everybody updates the same few: of those who saw one version, one wins. */
  async contend() {
    const id = this.random.pick(this.sharedIds);
    const read = await this.read(command('GetDistributionConfig', { Id: id }));
    if (read.outcome === 'refused') return this.wrong(`the shared distribution ${id} is answered with ${read.code}`);
    const { ETag: from, DistributionConfig } = read.answer;
    const mark = this.nextMark();
    const result = await this.write(command('UpdateDistribution', { Id: id, IfMatch: from, DistributionConfig: { ...DistributionConfig, Comment: mark } }), { id, mark });
    if (result.outcome === 'done') this.contested.push({ id, from, to: result.answer.ETag });
    if (result.outcome === 'refused' && result.code !== 'PreconditionFailed') this.wrong(`updating the shared ${id} was refused with ${result.code}`);
  }
}
