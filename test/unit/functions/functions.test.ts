// What functions can do, what they cannot, and that hostile ones harm nobody: through the door, with the real thread.
import { ManualClock } from '../../../src/base/clock';
import { silentLog } from '../../../src/base/log';
import { CodeError, compileFunction, Functions, readEvent, type ConnectionOutcome, type KeyValues, type Runtime, type ViewerOutcome } from '../../../src/functions/functions';
import { computeMsMax, logBytesMax, logLinesMax } from '../../../src/functions/limits';

const nowMs = Date.UTC(2026, 10, 25, 12, 0, 0);
const functions = new Functions(new ManualClock(nowMs), silentLog);
afterAll(() => functions.close());

const request = {
  method: 'GET', uri: '/index.html', querystring: { a: { value: '1' } },
  headers: { host: { value: 'd1.cloudfront.net' }, accept: { value: 'text/html', multiValue: [{ value: 'text/html' }, { value: '*/*' }] } },
  cookies: { c: { value: 'v' } },
};
const response = { statusCode: 200, statusDescription: 'OK', headers: { via: { value: '1.1 x' }, 'x-cache': { value: 'Hit from cloudfront' } }, cookies: {} };
const eventOf = (eventType: string): Record<string, unknown> =>
  ({ version: '1.0', context: { eventType }, viewer: { ip: '198.51.100.11' }, request, ...(eventType === 'viewer-response' ? { response } : {}) });

async function run(code: string, { runtime = '2.0', eventType = 'viewer-request', keyValues }: { runtime?: string; eventType?: string; keyValues?: KeyValues } = {}): Promise<ViewerOutcome> {
  const compiled = compileFunction(code, `cloudfront-js-${runtime}` as Runtime, 'viewer');
  return functions.runViewer(compiled, readEvent(eventOf(eventType)), keyValues);
}
/** Runs statements and gives back what they log, so that a table can hold one line per feature. */
async function logged(body: string, runtime = '2.0', head = ''): Promise<string> {
  const isAsync = runtime === '2.0' ? 'async ' : '';
  const outcome = await run(`${head}\n${isAsync}function handler(event) { ${body}; return event.request; }`, { runtime });
  return outcome.ok ? outcome.logs.join('|') : `${outcome.failure}: ${outcome.message}`;
}
const failureOf = async (code: string, options = {}): Promise<string> => {
  const outcome = await run(code, options);
  return outcome.ok ? 'ok' : outcome.failure;
};

describe('what a function returns', () => {
  test('a request, unchanged or changed', async () => {
    expect(await run('function handler(event) { return event.request; }', { runtime: '1.0' })).toMatchObject({ ok: true, output: { kind: 'request', request }, origin: null, logs: [] });
    const changed = await run(`async function handler(event) { const r = event.request; r.uri = '/v2' + r.uri; r.headers['x-new'] = { value: 'n' }; delete r.cookies.c; return r; }`);
    expect(changed).toMatchObject({ ok: true, output: { request: { uri: '/v2/index.html', headers: { 'x-new': { value: 'n' } }, cookies: {} } } });
  });

  test('a response, with a body in either form', async () => {
    expect(await run(`function handler() { return { statusCode: 302, statusDescription: 'Found', headers: { location: { value: '/x' } } }; }`))
      .toMatchObject({ ok: true, output: { kind: 'response', response: { statusCode: 302, headers: { location: { value: '/x' } }, cookies: {} } } });
    expect(await run(`function handler(e) { var r = e.response; r.body = 'plain'; return r; }`, { runtime: '1.0', eventType: 'viewer-response' }))
      .toMatchObject({ ok: true, output: { response: { body: { encoding: 'text', data: 'plain' } } } });
    expect(await run(`function handler() { return { statusCode: 200, body: { encoding: 'base64', data: 'aGk=' } }; }`))
      .toMatchObject({ ok: true, output: { response: { body: { encoding: 'base64', data: 'aGk=' } } } });
  });

  // [what the handler returns for a viewer request, what is said of it]
  test.each([
    ['undefined', 'must return a request or a response'],
    ['null', 'must return a request or a response'],
    ['"text"', 'must return a request or a response'],
    ['[]', 'must return a request or a response'],
    ['event', 'request.method must be a string'],
    ['Object.assign(event.request, { method: "POST" })', 'request.method is read-only'],
    ['Object.assign(event.request, { uri: "x" })', "must begin with '/'"],
    ['Object.assign(event.request, { uri: "/a b" })', 'must not contain spaces'],
    ['Object.assign(event.request, { uri: "/" + "x".repeat(8192) })', 'shorter than 8192'],
    ['Object.assign(event.request, { querystring: { a: { value: "x#" } } })', "querystring['a']"],
    ['Object.assign(event.request, { querystring: { a: "x" } })', "querystring['a'] must be an object"],
    ['(event.request.headers.host.value = "other", event.request)', "'host' is read-only"],
    ['(event.request.headers["content-length"] = { value: "1" }, event.request)', "'content-length' is read-only"],
    ['(event.request.headers["x-edge-a"] = { value: "1" }, event.request)', "'x-edge-a' is disallowed"],
    ['(event.request.headers["x-amz-cf-id"] = { value: "1" }, event.request)', "'x-amz-cf-id' is disallowed"],
    ['(event.request.headers["connection"] = { value: "close" }, event.request)', "'connection' is disallowed"],
    ['(event.request.headers["X-Upper"] = { value: "1" }, event.request)', 'must be lower case'],
    ['(event.request.headers["a b"] = { value: "1" }, event.request)', 'invalid name'],
    ['(event.request.headers.x = { value: "a\\r\\nb: c" }, event.request)', 'control characters'],
    ['(event.request.headers.x = { value: 1 }, event.request)', 'must be a string'],
    ['(event.request.headers.x = { value: "a", multiValue: "b" }, event.request)', 'multiValue must be an array'],
    ['{ statusCode: "200" }', 'statusCode must be an integer'],
    ['{ statusCode: 200.5 }', 'statusCode must be an integer'],
    ['{ statusCode: 600 }', 'from 200 to 599'],
    ['{ statusCode: 100 }', 'from 200 to 599'],
    ['{ statusCode: 200, body: 5 }', 'response.body must be an object'],
    ['{ statusCode: 200, body: { encoding: "gzip", data: "" } }', "'text' or 'base64'"],
    ['{ statusCode: 200, body: { encoding: "base64", data: "!" } }', 'not valid base64'],
    ['{ statusCode: 200, body: "x".repeat(50000) }', 'must not be larger than'],
    ['{ statusCode: 200, statusDescription: "a\\nb" }', 'control characters'],
    ['{ statusCode: 200, headers: { via: { value: "x" } } }', "'via' is read-only"],
  ])('%s is refused: %s', async (returned, said) => {
    const outcome = await run(`function handler(event) { return ${returned}; }`);
    expect(outcome).toMatchObject({ ok: false, failure: 'invalid-output', message: expect.stringContaining(said) });
  });

  test('in viewer responses only a response counts, and its read-only headers are others', async () => {
    expect(await failureOf('function handler(e) { return e.request; }', { eventType: 'viewer-response' })).toBe('invalid-output');
    expect(await failureOf('function handler(e) { e.response.headers.via.value = "y"; return e.response; }', { eventType: 'viewer-response' })).toBe('invalid-output');
    expect(await failureOf('function handler(e) { e.response.headers["content-length"] = {value: "3"}; return e.response; }', { eventType: 'viewer-response' })).toBe('ok');
  });
});

describe('what an event must be', () => {
  test.each<[string, unknown, string]>([
    ['no object', [], 'must be an object'],
    ['version', { ...eventOf('viewer-request'), version: '2.0' }, 'version'],
    ['event type', { ...eventOf('origin-request') }, 'context.eventType'],
    ['viewer', { ...eventOf('viewer-request'), viewer: {} }, 'viewer.ip'],
    ['request', { ...eventOf('viewer-request'), request: { ...request, uri: 'x' } }, 'request.uri'],
    ['upper-case header', { ...eventOf('viewer-request'), request: { ...request, headers: { Host: { value: 'x' } } } }, 'lower case'],
    ['response missing', { ...eventOf('viewer-response'), response: undefined }, 'response'],
  ])('%s', (_, event, said) => {
    expect(() => readEvent(event)).toThrow(said);
  });
});

describe('what the runtimes have', () => {
  // [statements, what they log, runtime]
  test.each([
    ['console.log("a", 1, { b: [2] }, null, undefined)', 'a 1 {"b":[2]} null undefined', '2.0'],
    ['console.log(typeof process, typeof fetch, typeof setTimeout, typeof XMLHttpRequest, typeof BigInt)', 'undefined undefined undefined undefined undefined', '2.0'],
    ['console.log(new Date().getTime() === Date.now(), Date.now(), new Date(0).toISOString())', `true ${nowMs} 1970-01-01T00:00:00.000Z`, '2.0'],
    ['console.log(Buffer.from("héllo").toString("base64"), Buffer.from("aGk=", "base64").toString(), Buffer.concat([Buffer.from([1]), Buffer.alloc(1)]).toString("hex"))', 'aMOpbGxv hi 0100', '2.0'],
    ['console.log(atob("aGk="), btoa("hi"))', 'hi aGk=', '2.0'],
    ['const crypto = require("crypto"); console.log(crypto.createHash("sha256").update("abc").digest("hex"))', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', '2.0'],
    ['const crypto = require("crypto"); console.log(crypto.createHmac("sha1", "key").update("a").update("b").digest("base64"), crypto.createHash("md5").update("").digest() instanceof Buffer)', '1lnIpieF/KDQMpxudn7kgX40Yo0= true', '2.0'],
    ['var c = require("crypto"); console.log(c.createHash("md5").update("abc").digest("base64url"), c.createHash("md5").update("abc").digest().length)', 'kAFQmDzST7DWlj99KOF_cg 16', '1.0'],
    ['console.log("c3Q=".length, String.bytesFrom("c3Q=", "base64"), "é".toUTF8().length, "Ã©".fromUTF8())', '4 st 2 é', '1.0'],
    ['var q = require("querystring"); console.log(q.parse("a=1&a=2&b=%C3%A9+x"), q.stringify({ name: "value", abc: ["xyz", "123"], e: "" }))', '{"a":["1","2"],"b":"é x"} name=value&abc=xyz&abc=123&e=', '1.0'],
    ['const q = require("querystring"); console.log(q.decode("a:1;b:2", ";", ":").b, q.escape("a b(c)"))', '2 a%20b(c)', '2.0'],
    ['const f = async () => 1; console.log(await f(), await Promise.all([1, Promise.resolve(2)]))', '1 [1,2]', '2.0'],
    ['try { require("fs") } catch (e) { console.log(e.message) }', 'Cannot find module "fs"', '2.0'],
    ['try { eval("1") } catch (e) { console.log(e.name) }', 'EvalError', '2.0'],
    ['try { new Function("return 1")() } catch (e) { console.log(e.name) }', 'EvalError', '1.0'],
    ['try { (async () => {}).constructor("return 1")() } catch (e) { console.log(e.name) }', 'EvalError', '2.0'],
    ['console.log(this === undefined)', 'true', '1.0'],
    ['console.log("2026-11-25".replace(/(?<y>\\d+)-.*/, "$<y>"))', '2026', '1.0'],
  ])('%s logs %s (%s)', async (body, wanted, runtime) => {
    expect(await logged(body, runtime)).toBe(wanted);
  });

  test.each([
    ['1.0', 'function handler(event) { const a = 1; return event.request; }', 'const'],
    ['1.0', 'async function handler(event) { return event.request; }', 'async'],
    ['1.0', 'import cf from "cloudfront"; function handler(event) { return event.request; }', 'import'],
    ['2.0', 'function handler(event) { return', 'SyntaxError'],
    ['2.0', 'export function handler(event) { return 1 }', 'export'],
    ['2.0', `function handler(event) { return "${'x'.repeat(10_240)}" }`, '10240'],
    ['2.0', `function handler() { return ${'['.repeat(4000)}${']'.repeat(4000)} }`, ''],
  ])('%s cannot have: %s', async (runtime, code, said) => {
    if (said === '') expect(await failureOf(code, { runtime }).catch((thrown: unknown) => thrown instanceof CodeError)).not.toBe('ok');
    else expect(() => compileFunction(code, `cloudfront-js-${runtime}` as Runtime, 'viewer')).toThrow(said);
  });

  test('errors are told with their line, code without a handler as what it is', async () => {
    expect(await run('function handler(event) {\n\n  return event.nothing.more; }')).toMatchObject({ ok: false, failure: 'error', message: expect.stringMatching(/^TypeError: .*\(line 3\)$/) });
    expect(await run('function handler() { throw "a text"; }')).toMatchObject({ ok: false, failure: 'error', message: 'a text' });
    expect(await run('var x = 1;')).toMatchObject({ ok: false, failure: 'code', message: expect.stringContaining('handler') });
    expect(await run('throw new RangeError("at the top");')).toMatchObject({ ok: false, failure: 'error', message: expect.stringContaining('at the top') });
  });
});

describe('the cloudfront module', () => {
  const values = new Map([['k', 'v'], ['j', '{"a":1}']]);
  const asked: (string | null)[] = [];
  const keyValues: KeyValues = {
    get: async (storeId, key) => { asked.push(storeId); return values.get(key); },
    meta: async () => ({ creationDateTime: '2026-01-01T00:00:00Z', lastUpdatedDateTime: '2026-01-02T00:00:00Z', keyCount: values.size }),
  };
  const head = "import cf from 'cloudfront'; const kvs = cf.kvs();";
  const withStore = async (body: string): Promise<string> => {
    const outcome = await run(`${head}\nasync function handler(event) { ${body}; return event.request; }`, { keyValues });
    return outcome.ok ? outcome.logs.join('|') : outcome.message;
  };
  test.each([
    ['console.log(await kvs.get("k"))', 'v'],
    ['console.log((await kvs.get("j", { format: "json" })).a)', '1'],
    ['console.log((await kvs.get("k", { format: "bytes" })).toString("hex"))', '76'],
    ['console.log(await kvs.exists("k"), await kvs.exists("none"))', 'true false'],
    ['console.log(await kvs.count(), (await kvs.meta()).lastUpdatedDateTime)', '2 2026-01-02T00:00:00Z'],
    ['try { await kvs.get("none") } catch (e) { console.log("caught", e.message) }', 'caught KeyNotFound'],
    ['console.log((await Promise.all(["k", "j"].map((k) => kvs.get(k)))).join())', 'v,{"a":1}'],
    ['await kvs.get("none")', 'Error: KeyNotFound'],
  ])('%s', async (body, wanted) => {
    expect(await withStore(body)).toContain(wanted);
  });
  test('asks the store that is named, and fails without one', async () => {
    asked.length = 0;
    await withStore('await cf.kvs("a1b2").get("k")');
    expect(asked).toEqual(['a1b2']);
    expect(await run(`${head}\nasync function handler(e) { return await kvs.get("k") }`)).toMatchObject({ ok: false, failure: 'error', message: expect.stringContaining('not associated') });
  });
  test.each([
    ["cf.updateRequestOrigin({ domainName: 'o.example' })", { method: 'updateRequestOrigin', value: { domainName: 'o.example' } }],
    ["cf.selectRequestOriginById('two')", { method: 'selectRequestOriginById', value: { originId: 'two', overrides: null } }],
    ["cf.createRequestOriginGroup({ originIds: [{ originId: 'a' }, { originId: 'b' }], failoverCriteria: { statusCodes: [500] } })", { method: 'createRequestOriginGroup' }],
  ])('%s is told with the result', async (call, origin) => {
    expect(await run(`import cf from 'cloudfront';\nfunction handler(e) { ${call}; return e.request; }`)).toMatchObject({ ok: true, origin });
    expect(await failureOf(`import cf from 'cloudfront';\nfunction handler(e) { ${call}; return e.response; }`, { eventType: 'viewer-response' })).toBe('error');
  });
});

describe('connection functions', () => {
  const runConnection = async (body: string): Promise<ConnectionOutcome> => functions.runConnection(
    compileFunction(`async function connectionHandler(connection) { ${body} }`, 'cloudfront-js-2.0', 'connection'), { clientIp: '198.51.100.7' });
  test('allow, deny, and custom data', async () => {
    expect(await runConnection('connection.logCustomData("from " + connection.clientIp); connection.allow();')).toMatchObject({ ok: true, allowed: true, customData: 'from 198.51.100.7' });
    expect(await runConnection('connection.deny();')).toMatchObject({ ok: true, allowed: false, customData: null });
    expect(await runConnection('')).toMatchObject({ ok: false, failure: 'invalid-output' });
    expect(await runConnection('connection.logCustomData("x".repeat(801)); connection.allow();')).toMatchObject({ ok: false, failure: 'invalid-output' });
    expect(await runConnection('throw new Error("no")')).toMatchObject({ ok: false, failure: 'error' });
  });
});

describe('hostile code', () => {
  // [name, code, failures that may end it]
  const hostile: readonly [string, string, readonly string[]][] = [
    ['endless loop', 'function handler() { for (;;); }', ['time']],
    ['endless loop at the top', 'while (true) {}\nfunction handler() {}', ['time']],
    ['endless loop that catches', 'function handler() { for (;;) { try { for (;;); } catch (e) {} finally { continue; } } }', ['time']],
    ['endless microtasks', 'async function handler() { for (;;) await 0; }', ['time']],
    ['microtasks that catch what stops them', 'async function f() { for (;;); }\nfunction handler() { const go = () => f().catch(go); return go(); }', ['time']],
    ['endless allocation', 'function handler() { const a = []; for (;;) a.push(new Array(1000).fill(a.length)); }', ['memory', 'time', 'error']],
    ['allocation that catches', 'function handler() { const a = []; for (;;) try { a.push("x".repeat(100000) + a.length); } catch (e) { a.length >>= 1; } }', ['time', 'memory']],
    ['typed arrays', 'function handler() { const a = []; for (;;) a.push(new Uint8Array(1e6)); }', ['memory', 'error', 'time']],
    ['one huge text', 'function handler() { return { statusCode: 200, body: "x".repeat(1e9) }; }', ['memory', 'error']],
    ['doubling texts', 'function handler() { let s = "xy"; for (;;) s += s; }', ['memory', 'error', 'time']],
    ['deep recursion', 'function handler() { return handler(); }', ['error', 'memory']],
    ['deep JSON', 'function handler() { let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return o; }', ['error', 'memory', 'time', 'invalid-output']],
    ['cyclic output', 'function handler() { const o = {}; o.o = o; return o; }', ['error']],
    ['catastrophic expression', 'function handler() { return /^(a+)+$/.test("a".repeat(60) + "b"); }', ['time']],
    ['native search that asks nobody', 'function handler() { return [].indexOf.call({ length: 2 ** 50 }, 1); }', ['time']],
    ['promise that never settles', 'function handler() { return new Promise(() => {}); }', ['never-settled']],
    ['then that never calls', 'function handler() { return { then() {} }; }', ['never-settled']],
    ['throwing getter', 'function handler() { return { get uri() { throw new Error("got you"); } }; }', ['error']],
    ['endless getter', 'function handler() { return { get uri() { for (;;); } }; }', ['time']],
    ['endless toJSON', 'function handler() { return { toJSON() { for (;;); } }; }', ['time']],
    ['proxy', 'function handler() { return new Proxy({}, { ownKeys() { for (;;); } }); }', ['time']],
    ['proxy of everything', 'function handler() { return new Proxy({}, { get: () => { throw 1; } }); }', ['error', 'invalid-output']],
    ['error with an endless message', 'function handler() { const e = new Error(); Object.defineProperty(e, "message", { get() { for (;;); } }); throw e; }', ['time']],
    ['error whose name throws', 'function handler() { const e = new Error(); Object.defineProperty(e, "name", { get() { throw e; } }); throw e; }', ['error']],
    ['tampered built-ins', 'JSON.stringify = JSON.parse = Promise.prototype.then = Object.keys = () => { throw 1; };\nfunction handler() { return 5; }', ['invalid-output', 'error']],
    ['forged result', 'function handler() { return { error: { name: 1 } }; }', ['invalid-output']],
    ['prototypes', 'Object.prototype.toJSON = function () { return 7; };\nArray.prototype.push = null;\nfunction handler(e) { return e.request; }', ['invalid-output', 'error']],
    ['huge output', 'function handler() { return { uri: "x".repeat(600000) }; }', ['output', 'memory', 'error', 'time']],
    ['too many look-ups', "import cf from 'cloudfront';\nasync function handler() { for (let i = 0; i < 1000; i++) await cf.kvs().get('k'); }", ['error', 'time']],
    ['sort that lies', 'function handler() { const a = Array.from({ length: 1e5 }, (_, i) => i); for (;;) a.sort(() => Math.random() - 0.5); }', ['time', 'memory', 'error']],
  ];
  test.each(hostile)('%s', async (_, code, allowed) => {
    const outcome = await run(code, { keyValues: { get: async () => 'v', meta: () => Promise.reject(new Error('none')) } });
    expect(outcome.ok ? 'ok' : outcome.failure).toEqual(expect.stringMatching(new RegExp(`^(${allowed.join('|')})$`)));
    if (!outcome.ok && outcome.failure === 'time') expect(outcome.computeUtilization).toBe('100');
    // Nobody after it notices.
    expect(await run('function handler(event) { return event.request; }')).toMatchObject({ ok: true, output: { kind: 'request', request } });
  });

  test('logs are bounded', async () => {
    const many = await run('function handler(e) { for (let i = 0; i < 1000; i++) console.log("line " + i); return e.request; }');
    expect(many.logs.length).toBe(logLinesMax);
    const large = await run('function handler(e) { console.log("é".repeat(20000)); console.log("more"); return e.request; }');
    expect(Buffer.byteLength(large.logs.join(''))).toBeLessThanOrEqual(logBytesMax);
    expect(large.logs.join('')).toMatch(/^é+$/);
  });

  test('nothing of a run is left for the next', async () => {
    const compiled = compileFunction(`let n = 0;\nglobalThis.seen = (globalThis.seen || 0) + 1; Array.prototype.left = true;
      function handler(event) { n += 1; console.log(n, globalThis.seen); return event.request; }`, 'cloudfront-js-2.0', 'viewer');
    const event = readEvent(eventOf('viewer-request'));
    for (const outcome of await Promise.all([1, 2, 3].map(() => functions.runViewer(compiled, event)))) expect(outcome).toMatchObject({ ok: true, logs: ['1 1'] });
    expect(await logged('console.log([].left, globalThis.seen)')).toBe('undefined undefined');
  });

  test('a utilisation is a whole number from 0 to 100', async () => {
    const { computeUtilization } = await run('function handler(event) { return event.request; }');
    expect(computeUtilization).toMatch(/^\d+$/);
    expect(Number(computeUtilization)).toBeLessThanOrEqual(100);
    expect(computeMsMax).toBeGreaterThan(0);
  });
});

test('a closed runtime refuses, and those that waited are told', async () => {
  const own = new Functions(new ManualClock(nowMs), silentLog);
  const compiled = compileFunction('function handler(event) { for (;;); }', 'cloudfront-js-2.0', 'viewer');
  const event = readEvent(eventOf('viewer-request'));
  const waiting = [own.runViewer(compiled, event), own.runViewer(compiled, event)];
  const told = Promise.allSettled(waiting);
  await own.close();
  for (const outcome of await told) expect(outcome).toMatchObject({ status: 'rejected', reason: { kind: 'functions-unavailable' } });
  await expect(own.runViewer(compiled, event)).rejects.toMatchObject({ kind: 'functions-unavailable' });
});
