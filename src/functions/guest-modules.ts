// Runs inside the sandbox: what a function finds beside the language: console, crypto, querystring, the cloudfront module.
//
// The text is JavaScript for QuickJS, evaluated before the function's code in one scope with guest-bytes and guest-buffer.
// `host` are the few doors out of the sandbox; everything taken here is taken before the function's code could change it.

/** guide: functions-javascript-runtime-features, Restricted features: no code from texts, no timers, one time for a whole run. */
export const guestLimits = String.raw`
var parseJson = JSON.parse, stringifyJson = JSON.stringify;
var text = String, apply = Function.prototype.call.bind(Function.prototype.apply), slice = Array.prototype.slice;
(function () {
  function refuse(what) { return function () { throw new EvalError(what + ' is not supported'); }; }
  var NoFunction = refuse('Function()'), RealFunction = Function;
  NoFunction.prototype = RealFunction.prototype;
  [function () {}, async function () {}, function* () {}, async function* () {}].forEach(function (made) {
    Object.defineProperty(Object.getPrototypeOf(made), 'constructor', { value: NoFunction, writable: false, configurable: false, enumerable: false });
  });
  define('Function', NoFunction);
  define('eval', refuse('eval()'));
  ['BigInt', 'BigInt64Array', 'BigUint64Array', 'SharedArrayBuffer', 'WeakRef', 'FinalizationRegistry', 'Atomics', 'performance', 'queueMicrotask'].forEach(function (name) { delete globalThis[name]; });
  var RealDate = Date;
  function FixedDate() {
    if (!new.target) return new RealDate(startMs).toString();
    return Reflect.construct(RealDate, arguments.length === 0 ? [startMs] : arguments, new.target);
  }
  FixedDate.prototype = RealDate.prototype;
  Object.defineProperty(RealDate.prototype, 'constructor', { value: FixedDate, writable: true, configurable: true, enumerable: false });
  Object.defineProperty(FixedDate, 'length', { value: 7 });
  [['now', function () { return startMs; }], ['parse', RealDate.parse], ['UTC', RealDate.UTC]].forEach(function (pair) {
    Object.defineProperty(FixedDate, pair[0], { value: pair[1], writable: true, configurable: true, enumerable: false });
  });
  define('Date', FixedDate);
})();
function define(name, value) { Object.defineProperty(globalThis, name, { value: value, writable: true, configurable: true, enumerable: false }); }
function shown(value) {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return described(value).message;
  if (typeof value === 'object' && value !== null) {
    try { var json = stringifyJson(value); if (typeof json === 'string') return json; } catch (e) { return '[object]'; }
  }
  return text(value);
}
function described(error) {
  try {
    if (error instanceof Error) {
      var line = /:(\d+)(?::\d+)?\)?\s*$/m.exec(text(error.stack));
      return { name: text(error.name), message: text(error.name) + ': ' + text(error.message) + (line === null ? '' : ' (line ' + line[1] + ')') };
    }
    return { name: 'thrown', message: shown(error) };
  } catch (e) { return { name: 'thrown', message: 'an error that cannot be shown' }; }
}
define('console', Object.freeze({ log: function () {
  var line = '';
  for (var i = 0; i < arguments.length; i++) line += (i === 0 ? '' : ' ') + shown(arguments[i]);
  host.log(line);
} }));
`;

/** guide: functions-javascript-runtime-features, Crypto. Runtime 1.0 digests to byte strings, 2.0 to Buffers. */
export const guestCrypto = String.raw`
modules.crypto = (function () {
  var algorithms = ['md5', 'sha1', 'sha256'];
  function joined(parts, length) {
    var all = new Uint8Array(length), at = 0;
    parts.forEach(function (part) { all.set(part, at); at += part.length; });
    return all.buffer;
  }
  function start(algorithm, key) {
    if (algorithms.indexOf(algorithm) < 0) throw new TypeError('not supported algorithm: "' + text(algorithm) + '"');
    var parts = [], length = 0, done = false, keyBytes = key === undefined ? undefined : joined([bytesIn(key)], bytesIn(key).length);
    return {
      update: function (data) {
        if (done) throw new Error('Digest already called');
        var bytes = bytesIn(data); parts.push(bytes.slice()); length += bytes.length;
        return this;
      },
      digest: function (encoding) {
        if (done) throw new Error('Digest already called');
        if (encoding !== undefined && ['hex', 'base64', 'base64url'].indexOf(encoding) < 0) throw new TypeError('Unknown digest encoding: "' + text(encoding) + '"');
        done = true;
        var bytes = hexDecode(host.hash(algorithm, joined(parts, length), keyBytes));
        return encoding === undefined ? plainDigest(bytes) : decodeBytes(bytes, encoding);
      },
    };
  }
  function bytesIn(data) {
    if (typeof data === 'string') return stringBytes(data);
    return bytesOf(data);
  }
  return Object.freeze({
    createHash: function (algorithm) { return start(algorithm); },
    createHmac: function (algorithm, key) { if (key === undefined || key === null) throw new TypeError('key is missing'); return start(algorithm, key); },
  });
})();
`;

export const guestDigest10 = String.raw`
function plainDigest(bytes) { return latin1(bytes); }
// A byte string's characters are its bytes; any other text counts as UTF-8.
function stringBytes(data) {
  var bytes = new Uint8Array(data.length);
  for (var i = 0; i < data.length; i++) { var code = data.charCodeAt(i); if (code > 255) return utf8Encode(data); bytes[i] = code; }
  for (i = 0; i < bytes.length; i++) if (bytes[i] > 127) return bytes;
  return bytes;
}
`;
export const guestDigest20 = String.raw`
function plainDigest(bytes) { return Buffer.from(bytes); }
function stringBytes(data) { return utf8Encode(data); }
`;

/** guide: functions-javascript-runtime-features, Query string. */
export const guestQuerystring = String.raw`
modules.querystring = (function () {
  function escape(value) {
    return encodeURIComponent(text(value)).replace(/%(?:2[1789A]|7E)/g, function (c) { return c; });
  }
  function unescape(value) {
    var source = text(value).replace(/\+/g, ' ');
    if (source.indexOf('%') < 0) return source;
    var bytes = [];
    for (var i = 0; i < source.length; i++) {
      if (source[i] === '%' && /^[0-9a-fA-F]{2}$/.test(source.slice(i + 1, i + 3))) { bytes.push(parseInt(source.slice(i + 1, i + 3), 16)); i += 2; continue; }
      var code = source.codePointAt(i);
      utf8Encode(String.fromCodePoint(code)).forEach(function (b) { bytes.push(b); });
      if (code > 0xffff) i++;
    }
    return utf8Decode(new Uint8Array(bytes), false);
  }
  function parse(source, separator, equal, options) {
    var out = {}, decode = options && typeof options.decodeURIComponent === 'function' ? options.decodeURIComponent : unescape;
    var most = options && typeof options.maxKeys === 'number' ? options.maxKeys : 1000;
    if (typeof source !== 'string' || source === '') return out;
    var eq = equal === undefined || equal === null || equal === '' ? '=' : text(equal);
    var pairs = source.split(separator === undefined || separator === null || separator === '' ? '&' : text(separator));
    if (most > 0) pairs = pairs.slice(0, most);
    pairs.forEach(function (pair) {
      if (pair === '') return;
      var at = pair.indexOf(eq), name = decode(at < 0 ? pair : pair.slice(0, at)), value = at < 0 ? '' : decode(pair.slice(at + eq.length));
      if (!Object.prototype.hasOwnProperty.call(out, name)) Object.defineProperty(out, name, { value: value, writable: true, configurable: true, enumerable: true });
      else if (Array.isArray(out[name])) out[name].push(value);
      else out[name] = [out[name], value];
    });
    return out;
  }
  function stringify(object, separator, equal, options) {
    if (typeof object !== 'object' || object === null) return '';
    var encode = options && typeof options.encodeURIComponent === 'function' ? options.encodeURIComponent : escape;
    var eq = equal === undefined || equal === null ? '=' : text(equal);
    function plain(value) { return typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && isFinite(value)) ? encode(text(value)) : ''; }
    return Object.keys(object).map(function (name) {
      var value = object[name];
      return Array.isArray(value) ? value.map(function (one) { return encode(name) + eq + plain(one); }).join(separator === undefined || separator === null ? '&' : text(separator)) : encode(name) + eq + plain(value);
    }).join(separator === undefined || separator === null ? '&' : text(separator));
  }
  return Object.freeze({ escape: escape, unescape: unescape, parse: parse, decode: parse, stringify: stringify, encode: stringify });
})();
`;

/** guide: functions-custom-methods (key value stores) and helper-functions-origin-modification. */
export const guestCloudfront = String.raw`
modules.cloudfront = (function () {
  function object(value, what) { if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError(what + ' must be an object'); return value; }
  function change(method, value) {
    if (!mayChangeOrigin) throw new Error(method + ' is only available in viewer request functions');
    originChange = { method: method, value: value };
  }
  function kvs(id) {
    if (id !== undefined && typeof id !== 'string') throw new TypeError('the id of a key value store is a string');
    function ask(operation, key) { return host.lookUp(operation, id === undefined ? '' : id, key); }
    function keyOf(key) { if (typeof key !== 'string' || key === '') throw new TypeError('key must be a string'); return key; }
    return Object.freeze({
      get: async function (key, options) {
        var format = options === undefined || options === null || options.format === undefined ? 'string' : options.format;
        if (['string', 'json', 'bytes'].indexOf(format) < 0) throw new TypeError('format must be string, json or bytes');
        var value = await ask('get', keyOf(key));
        if (value === undefined) throw new Error('KeyNotFound');
        return format === 'string' ? value : format === 'json' ? parseJson(value) : Buffer.from(utf8Encode(value));
      },
      exists: async function (key) { return (await ask('exists', keyOf(key))) === true; },
      count: async function () { return parseJson(await ask('meta', '')).keyCount; },
      meta: async function () { return parseJson(await ask('meta', '')); },
    });
  }
  return Object.freeze({
    kvs: kvs,
    updateRequestOrigin: function (value) { change('updateRequestOrigin', object(value, 'the origin')); },
    selectRequestOriginById: function (id, value) {
      if (typeof id !== 'string' || id === '') throw new TypeError('the origin id must be a string');
      change('selectRequestOriginById', { originId: id, overrides: value === undefined ? null : object(value, 'the overrides') });
    },
    createRequestOriginGroup: function (value) {
      object(value, 'the origin group');
      if (!Array.isArray(value.originIds) || value.originIds.length !== 2) throw new TypeError('an origin group has two originIds');
      object(value.failoverCriteria, 'failoverCriteria');
      if (!Array.isArray(value.failoverCriteria.statusCodes) || value.failoverCriteria.statusCodes.length === 0) throw new TypeError('failoverCriteria needs statusCodes');
      change('createRequestOriginGroup', value);
    },
  });
})();
`;

/**
 * The way in: gives `load` (evaluates nothing: takes the compiled code's function and keeps its entry) and `run`, which
 * always ends with a text of JSON: {output, origin} or {error}. Only what the interpreter itself stops goes past it.
 */
export const guestEntry = String.raw`
function require(name) {
  if (typeof name === 'string' && Object.prototype.hasOwnProperty.call(modules, name)) return modules[name];
  throw new Error('Cannot find module "' + shown(name) + '"');
}
function failed(error) { return stringifyJson({ error: described(error) }); }
function connectionOf(given, decision) {
  function decide(what) { return function () { decision.result = what; }; }
  given.allow = decide('allow'); given.deny = decide('deny');
  given.logCustomData = function (data) { decision.customData = text(data); };
  return given;
}
async function run(load, kind, input) {
  try {
    var entry = load(require);
    if (typeof entry !== 'function') return stringifyJson({ error: { name: 'missing', message: 'The code has no function ' + (kind === 'viewer' ? 'handler' : 'connectionHandler') + '.' } });
    var given = parseJson(input);
    if (kind === 'connection') {
      var decision = { result: null, customData: null };
      await entry(connectionOf(given, decision));
      return stringifyJson({ output: decision, origin: null });
    }
    var value = await entry(given);
    var json = stringifyJson(value);
    return '{"output":' + (typeof json === 'string' ? json : 'null') + ',"origin":' + (originChange === null ? 'null' : stringifyJson(originChange)) + '}';
  } catch (error) { return failed(error); }
}
`;
