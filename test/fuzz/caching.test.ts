// Random histories of requests, answers, failures and time against a slow model of RFC 9111: every answer, its age, and every question
// the origin gets must be what the model says. Half of them run with memory for two or three objects before a disk, so that what is stored is
// brought back again and again. `EDGEFRONT_FUZZ_SECONDS` is how long; a failing history is printed with its seed.
import { mkdtempSync, rmSync } from 'node:fs';
import type http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ManualClock } from '../../src/base/clock';
import { silentLog } from '../../src/base/log';
import { Disk } from '../../src/edge/disk/disk';
import { formatHttpDate } from '../../src/protocol/http/date';
import { rulesNamed } from '../../src/edge/rules';
import { CacheModel, type Asked, type Expected, type ModelRules, type OriginAct, type Said } from '../fixtures/cache-model';
import { RunningEdge } from '../fixtures/running-edge';
import { startOrigin, type Fetched, type Origin, type SeenRequest } from '../fixtures/origin';
import { seededRandom, type Random } from '../fixtures/random';
import { behavior, origin as originOf, site } from '../fixtures/site';

const fuzzMs = Number(process.env['EDGEFRONT_FUZZ_SECONDS'] ?? '5') * 1000;
const stepsMax = 40;
/** Memory of an edge that has a disk. */
const fewBytes = 3_000;
const defaultTtlS = 86_400;
const models: Readonly<Record<'cloudfront' | 'rfc', ModelRules>> = {
  cloudfront: { obeysRequests: false, guesses: false, defaultTtlS, errorFloorS: 10, staleOnError: true },
  rfc: { obeysRequests: true, guesses: true, defaultTtlS, errorFloorS: 0, staleOnError: false },
};
const everything = { mode: 'all', names: [] } as const;
const none = { mode: 'none', names: [] } as const;

/** One edge with its origin and its model, and what happened so far. */
class History {
  readonly told: string[] = [];
  private readonly clock = new ManualClock(Date.UTC(2026, 0, 1), 1_000);
  private readonly model: CacheModel;
  private origin!: Origin;
  private edge!: RunningEdge;
  private bodies = 0;
  /** What the origin does when it is asked next. */
  private act: OriginAct = { kind: 'hang-up' };
  private readonly etags: string[] = [];
  private disk: Disk | null = null;

  /** @param dir where its disk is; null: it has memory only */
  constructor(private readonly random: Random, private readonly rules: 'cloudfront' | 'rfc', private readonly dir: string | null) {
    this.model = new CacheModel(models[rules]);
  }

  /** Objects that memory had no room for. */
  get evictions(): number { return this.edge.cache.evictionCount; }

  async start(): Promise<void> {
    this.origin = await startOrigin((request, response) => this.answer(request, response));
    const behaviors = [behavior({
      allowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'], forward: { headers: everything, cookies: none, query: everything },
      caching: { ...behavior().caching, key: { headers: none, cookies: none, query: everything } },
    })];
    if (this.dir !== null) this.disk = await Disk.open({ dir: this.dir, bytesMax: 50_000_000, clock: this.clock, log: silentLog });
    this.edge = await RunningEdge.start({ clock: this.clock, rules: rulesNamed(this.rules), cacheStatus: true, disk: this.disk, ...(this.disk === null ? {} : { cacheBytes: fewBytes }) });
    this.edge.put(site({ behaviors, origins: [originOf({ httpPort: this.origin.port, connectionAttempts: 1 })] }));
  }

  async stop(): Promise<void> {
    await this.edge.close();
    await this.origin.close();
  }

  async step(): Promise<void> {
    const { random, model } = this;
    // The model knows nothing of writes that wait.
    await this.disk?.flushed();
    if (random.below(2) === 0) {
      const seconds = random.pick([1, 2, 4, 9, 30]);
      this.clock.advance(seconds * 1000);
      model.nowS += seconds;
      this.told.push(`${seconds} s pass`);
    }
    const asked = this.request();
    const plan = model.plan(asked);
    const mayBeSame = plan.question !== null && (plan.question.etag !== null || plan.question.modified);
    this.act = this.origins(mayBeSame && asked.method !== 'POST' && asked.method !== 'DELETE');
    this.told.push(`${asked.method} ${asked.target} ${JSON.stringify(asked.fields)} ${directives(asked.control)} | origin: ${this.act.kind === 'hang-up' ? 'hangs up' : JSON.stringify({ ...this.act.said, control: directives(this.act.said.control) })}`);
    const before = this.origin.seen.length;
    const control = directives(asked.control);
    const answer = await this.edge.ask(asked.target, { method: asked.method, headers: { ...asked.fields, ...(control === '' ? {} : { 'cache-control': control }) } });
    // What is renewed behind a stale answer must be over before time goes on.
    if (plan.answer !== null && plan.question !== null) await this.settled(before);
    const questions = this.origin.seen.slice(before);
    expect(questions.map(({ method }) => method)).toEqual(plan.question === null ? [] : [plan.question.method]);
    if (plan.question !== null) {
      const [question] = questions as [SeenRequest];
      expect([question.headers['if-none-match'] ?? null, question.headers['if-modified-since'] !== undefined]).toEqual([plan.question.etag, plan.question.modified]);
    }
    const heard = plan.question === null ? null : plan.heard(this.act);
    this.compare(answer, plan.answer ?? heard as Expected);
  }

  private compare(answer: Fetched, expected: Expected): void {
    expect(answer.status).toBe(expected.status);
    if (expected.body !== null) expect(answer.body.toString()).toBe(expected.body);
    if (expected.status !== 502 && expected.status !== 504) expect(answer.headers.age ?? null).toBe(expected.ageS === null ? null : String(expected.ageS));
  }

  private async settled(before: number): Promise<void> {
    for (let i = 0; i < 2_000; i += 1) {
      const idle = this.edge.fetchCount === 0;
      if (idle && this.origin.seen.length > before) return;
      await new Promise((resolve) => { setImmediate(resolve); });
    }
  }

  private answer(_request: SeenRequest, response: http.ServerResponse): void {
    if (this.act.kind === 'hang-up') { response.destroy(); return; }
    const { said } = this.act;
    const dateMs = this.clock.nowMs() - said.dateBackS * 1000;
    const fields: http.OutgoingHttpHeaders = { date: formatHttpDate(dateMs) };
    const control = directives(said.control, this.random);
    if (control !== '') fields['cache-control'] = control;
    if (said.expires !== null) fields['expires'] = said.expires === 'invalid' ? '0' : formatHttpDate(dateMs + said.expires * 1000);
    if (said.ageS !== null) fields['age'] = String(said.ageS);
    if (said.etag !== null) fields['etag'] = said.etag;
    if (said.modifiedBackS !== null) fields['last-modified'] = formatHttpDate(dateMs - said.modifiedBackS * 1000);
    if (said.vary.length > 0) fields['vary'] = said.vary.join(', ');
    if (said.status !== 304) fields['content-length'] = said.body.length;
    response.writeHead(said.status, fields);
    response.end(_request.method === 'HEAD' || said.status === 304 ? undefined : said.body);
  }

  private request(): Asked {
    const { random } = this;
    const fields: Record<string, string> = {};
    for (const name of ['x-a', 'x-b']) if (random.below(2) === 0) fields[name] = random.pick(['1', '2']);
    if (random.below(8) === 0) fields['authorization'] = 'Basic eDp5';
    if (random.below(6) === 0 && this.etags.length > 0) fields['if-none-match'] = random.pick(this.etags.slice(-3));
    return {
      method: random.pick(['GET', 'GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'DELETE'] as const), target: random.pick(['/a', '/a?q', '/b']), fields,
      control: random.below(3) > 0 ? new Map() : this.some([['no-cache', null], ['no-store', null], ['only-if-cached', null], ['max-age', 3], ['max-age', 0], ['min-fresh', 4], ['max-stale', null], ['max-stale', 5]], 1),
    };
  }

  private origins(mayBeSame: boolean): OriginAct {
    const { random } = this;
    if (random.below(10) === 0) return { kind: 'hang-up' };
    this.bodies += 1;
    const body = String(this.bodies).padStart(6, '0');
    const said: Said = {
      status: random.pick([200, 200, 200, 200, 200, 203, 301, 302, 299, 404, 403, 500, 503]), body,
      control: this.some([
        ['max-age', 5], ['max-age', 20], ['max-age', 0], ['s-maxage', 8], ['no-store', null], ['no-cache', null], ['private', null], ['public', null],
        ['must-revalidate', null], ['proxy-revalidate', null], ['stale-while-revalidate', 6], ['stale-if-error', 12], ['stale-if-error', 0],
      ], 3),
      expires: random.below(3) > 0 ? null : random.pick([0, 7, 25, -5, 'invalid'] as const), dateBackS: random.below(4) > 0 ? 0 : random.pick([1, 3, 50]),
      ageS: random.below(4) > 0 ? null : random.pick([0, 2, 6, 100]), etag: random.below(2) === 0 ? null : `"${body}"`,
      modifiedBackS: random.below(2) === 0 ? null : random.pick([10, 60, 200]), vary: random.below(2) === 0 ? [] : random.pick([['x-a'], ['x-b'], ['x-a', 'x-b'], ['x-b', 'x-a'], ['*']]),
    };
    if (mayBeSame && random.below(2) === 0) return { kind: 'answer', said: { ...said, status: 304, body: '', etag: null, modifiedBackS: null, vary: random.below(3) > 0 ? [] : said.vary } };
    if (said.etag !== null) this.etags.push(said.etag);
    return { kind: 'answer', said };
  }

  private some(from: readonly (readonly [string, number | null])[], most: number): ReadonlyMap<string, number | null> {
    return new Map(Array.from({ length: this.random.below(most + 1) }, () => this.random.pick(from)));
  }
}

/** As text; with `random`, in one of the many forms that mean the same (RFC 9111 section 5.2). */
function directives(control: ReadonlyMap<string, number | null>, random?: Random): string {
  return [...control].map(([name, value]) => {
    if (random === undefined) return value === null ? name : `${name}=${value}`;
    const cased = random.below(3) === 0 ? name.toUpperCase() : name;
    return value === null ? cased : random.below(3) === 0 ? `${cased}="${value}"` : `${cased}=${value}`;
  }).join(random === undefined ? ', ' : random.pick([', ', ',', ' ,  ', ',,']));
}

test('every answer and every question is what the model says', async () => {
  const random = seededRandom('caching histories');
  const until = Date.now() + fuzzMs;
  let histories = 0;
  let steps = 0;
  let evictions = 0;
  while (Date.now() < until) {
    const rules = random.pick(['cloudfront', 'rfc'] as const);
    const dir = random.below(2) === 0 ? mkdtempSync(path.join(tmpdir(), 'edgefront-histories-')) : null;
    const history = new History(random, rules, dir);
    await history.start();
    try {
      for (let step = 0; step < stepsMax; step += 1) await history.step();
    } catch (error) {
      process.stdout.write(`seed ${random.seed}, history ${histories}, rules ${rules}${dir === null ? '' : ', with a disk'}:\n${history.told.join('\n')}\n`);
      throw error;
    } finally {
      evictions += history.evictions;
      await history.stop();
      if (dir !== null) rmSync(dir, { recursive: true, force: true });
    }
    histories += 1;
    steps += stepsMax;
  }
  process.stdout.write(`caching histories: ${histories} with ${steps} requests, no difference; ${evictions} objects left the memory\n`);
  expect(histories).toBeGreaterThan(0);
}, fuzzMs + 60_000);
