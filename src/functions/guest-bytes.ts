// Runs inside the sandbox: bytes and texts for Buffer, the crypto module, TextEncoder and the string methods of runtime 1.0.
//
// The text is JavaScript for QuickJS, evaluated before the function's code; `define` gets what it offers to the rest of
// the prelude. guide: functions-javascript-runtime-20 (Buffer, Text Encoder, Text Decoder), functions-javascript-runtime-10.

export const guestBytes = String.raw`
function utf8Encode(text) {
  var bytes = [];
  for (var i = 0; i < text.length; i++) {
    var code = text.charCodeAt(i);
    if (code >= 0xd800 && code <= 0xdfff) {
      var low = code <= 0xdbff && i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
      if (low >= 0xdc00 && low <= 0xdfff) { code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00); i++; } else code = 0xfffd;
    }
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | code >> 6, 0x80 | code & 63);
    else if (code < 0x10000) bytes.push(0xe0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63);
    else bytes.push(0xf0 | code >> 18, 0x80 | code >> 12 & 63, 0x80 | code >> 6 & 63, 0x80 | code & 63);
  }
  return new Uint8Array(bytes);
}

// WHATWG Encoding, UTF-8 decoder: one U+FFFD for each maximal part of a sequence that is ill-formed.
// Returns null for ill-formed input when 'fatal'.
function utf8Decode(bytes, fatal) {
  var out = '', i = 0, n = bytes.length;
  while (i < n) {
    var lead = bytes[i++];
    if (lead < 0x80) { out += String.fromCharCode(lead); continue; }
    var need = lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
    var lower = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80, upper = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    var code = need === 1 ? lead & 31 : need === 2 ? lead & 15 : lead & 7, ok = need > 0;
    for (var k = 0; ok && k < need; k++) {
      if (i >= n || bytes[i] < lower || bytes[i] > upper) { ok = false; break; }
      code = code << 6 | bytes[i++] & 63;
      lower = 0x80; upper = 0xbf;
    }
    if (!ok && fatal) return null;
    out += ok ? String.fromCodePoint(code) : '\ufffd';
  }
  return out;
}

var alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
var alphabetUrl = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
var sextets = new Int16Array(128).fill(-1);
for (var s = 0; s < 64; s++) { sextets[alphabet.charCodeAt(s)] = s; sextets[alphabetUrl.charCodeAt(s)] = s; }

function base64Encode(bytes, letters, pad) {
  var out = '', n = bytes.length;
  for (var i = 0; i < n; i += 3) {
    var word = bytes[i] << 16 | (i + 1 < n ? bytes[i + 1] << 8 : 0) | (i + 2 < n ? bytes[i + 2] : 0);
    out += letters[word >> 18] + letters[word >> 12 & 63];
    out += i + 1 < n ? letters[word >> 6 & 63] : pad;
    out += i + 2 < n ? letters[word & 63] : pad;
  }
  return out;
}

// As Node's: both alphabets, stops at the padding, skips what belongs to neither.
function base64Decode(text) {
  var bytes = [], word = 0, bits = 0;
  for (var i = 0; i < text.length; i++) {
    var code = text.charCodeAt(i);
    if (code === 61) break;
    var sextet = code < 128 ? sextets[code] : -1;
    if (sextet < 0) continue;
    word = word << 6 | sextet; bits += 6;
    if (bits >= 8) { bits -= 8; bytes.push(word >> bits & 255); word &= (1 << bits) - 1; }
  }
  return new Uint8Array(bytes);
}

function hexEncode(bytes) {
  var out = '';
  for (var i = 0; i < bytes.length; i++) out += (bytes[i] < 16 ? '0' : '') + bytes[i].toString(16);
  return out;
}

// As Node's: stops at the first pair that is not hexadecimal.
function hexDecode(text) {
  var bytes = [];
  for (var i = 0; i + 1 < text.length; i += 2) {
    var pair = text.slice(i, i + 2);
    if (!/^[0-9a-fA-F]{2}$/.test(pair)) break;
    bytes.push(parseInt(pair, 16));
  }
  return new Uint8Array(bytes);
}

function latin1(bytes) {
  var out = '';
  for (var i = 0; i < bytes.length; i++) out += String.fromCharCode(bytes[i]);
  return out;
}

function encodingOf(encoding) {
  var name = encoding === undefined || encoding === null ? 'utf8' : String(encoding).toLowerCase();
  if (name === 'utf-8') name = 'utf8';
  if (name !== 'utf8' && name !== 'hex' && name !== 'base64' && name !== 'base64url') throw new TypeError('Unknown encoding: "' + encoding + '"');
  return name;
}
function encodeBytes(text, encoding) {
  switch (encodingOf(encoding)) {
    case 'hex': return hexDecode(text);
    case 'utf8': return utf8Encode(text);
    default: return base64Decode(text);
  }
}
function decodeBytes(bytes, encoding) {
  switch (encodingOf(encoding)) {
    case 'hex': return hexEncode(bytes);
    case 'base64': return base64Encode(bytes, alphabet, '=');
    case 'base64url': return base64Encode(bytes, alphabetUrl, '');
    default: return utf8Decode(bytes, false);
  }
}
function isBytes(value) { return ArrayBuffer.isView(value) || value instanceof ArrayBuffer; }
function bytesOf(value, encoding) {
  if (typeof value === 'string') return encodeBytes(value, encoding);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw new TypeError('data must be a string, a Buffer, a TypedArray or a DataView');
}
`;

/** Runtime 1.0: byte strings, in which each character is one byte. */
export const guestByteStrings = String.raw`
(function () {
  function define(on, name, value) { Object.defineProperty(on, name, { value: value, writable: true, configurable: true, enumerable: false }); }
  function bytesFrom(source, encoding) {
    if (typeof source === 'string') {
      if (encoding !== 'hex' && encoding !== 'base64' && encoding !== 'base64url') throw new TypeError('Unknown encoding: "' + encoding + '"');
      return latin1(encodeBytes(source, encoding));
    }
    if (!Array.isArray(source)) throw new TypeError('value must be a string or an array');
    return latin1(Uint8Array.from(source));
  }
  // Null when a character is no byte.
  function octets(text) {
    var bytes = new Uint8Array(text.length);
    for (var i = 0; i < text.length; i++) { var code = text.charCodeAt(i); if (code > 255) return null; bytes[i] = code; }
    return bytes;
  }
  define(String, 'bytesFrom', bytesFrom);
  define(String.prototype, 'bytesFrom', bytesFrom);
  define(String.prototype, 'fromBytes', function (start, end) { return String(this).slice(start, end); });
  define(String.prototype, 'toBytes', function (start, end) { var bytes = octets(String(this).slice(start, end)); return bytes === null ? null : latin1(bytes); });
  define(String.prototype, 'fromUTF8', function (start, end) { var bytes = octets(String(this).slice(start, end)); return bytes === null ? null : utf8Decode(bytes, true); });
  define(String.prototype, 'toUTF8', function (start, end) { return latin1(utf8Encode(String(this).slice(start, end))); });
})();
`;
