// Runs inside the sandbox: Buffer, TextEncoder, TextDecoder, atob and btoa of runtime 2.0.
// guide: functions-javascript-runtime-20, Buffer. Arguments and errors as Node.js has them, which the guide follows.

export const guestBuffer = String.raw`
var Buffer = (function () {
  function B(bytes) { Object.setPrototypeOf(bytes, B.prototype); return bytes; }
  Object.setPrototypeOf(B, Uint8Array);
  B.prototype = Object.create(Uint8Array.prototype);
  function method(name, fn) { Object.defineProperty(B.prototype, name, { value: fn, writable: true, configurable: true, enumerable: false }); }
  function fixed(name, fn) { Object.defineProperty(B, name, { value: fn, writable: true, configurable: true, enumerable: false }); }
  // 'new Buffer' is not offered; what Uint8Array's own methods make is a Uint8Array.
  Object.defineProperty(B.prototype, 'constructor', { value: Uint8Array, writable: true, configurable: true, enumerable: false });
  function size(value) {
    if (typeof value !== 'number' || !(value >= 0 && value <= 0x7fffffff) || Math.floor(value) !== value) throw new RangeError('invalid size');
    return value;
  }
  function at(value, fallback, length) {
    if (value === undefined) return fallback;
    var n = Math.trunc(Number(value)) || 0;
    if (n < 0) n += length;
    return n < 0 ? 0 : n > length ? length : n;
  }
  function fill(target, value, start, end, encoding) {
    if (typeof value === 'number') { Uint8Array.prototype.fill.call(target, value & 255, start, end); return target; }
    var bytes = bytesOf(value, encoding);
    if (bytes.length === 0) { Uint8Array.prototype.fill.call(target, 0, start, end); return target; }
    for (var i = start; i < end; i++) target[i] = bytes[(i - start) % bytes.length];
    return target;
  }
  function compare(a, b) {
    for (var i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
    return a.length === b.length ? 0 : a.length < b.length ? -1 : 1;
  }
  function copyOf(bytes) { var copy = new Uint8Array(bytes.length); copy.set(bytes); return B(copy); }

  fixed('alloc', function (length, value, encoding) {
    var made = new Uint8Array(size(length));
    return B(value === undefined ? made : fill(made, value, 0, length, encoding));
  });
  // Zeroed all the same: nothing of an earlier run may show.
  fixed('allocUnsafe', function (length) { return B(new Uint8Array(size(length))); });
  fixed('byteLength', function (value, encoding) { return bytesOf(value, encoding).length; });
  fixed('compare', function (a, b) { return compare(bytesOf(a), bytesOf(b)); });
  fixed('isBuffer', function (value) { return value instanceof B; });
  fixed('isEncoding', function (encoding) { try { encodingOf(encoding); return typeof encoding === 'string'; } catch (e) { return false; } });
  fixed('concat', function (list, totalLength) {
    if (!Array.isArray(list)) throw new TypeError('list must be an array');
    var total = 0, i;
    for (i = 0; i < list.length; i++) total += bytesOf(list[i]).length;
    if (totalLength !== undefined) total = Math.min(size(totalLength), total);
    var made = new Uint8Array(totalLength === undefined ? total : totalLength), offset = 0;
    for (i = 0; i < list.length && offset < total; i++) {
      var bytes = bytesOf(list[i]).subarray(0, total - offset);
      made.set(bytes, offset); offset += bytes.length;
    }
    return B(made);
  });
  fixed('of', function () { return B(new Uint8Array(Array.prototype.slice.call(arguments))); });
  fixed('from', function from(value, offsetOrEncoding, length) {
    if (typeof value === 'string') return B(encodeBytes(value, offsetOrEncoding));
    if (value instanceof ArrayBuffer) return B(new Uint8Array(value, offsetOrEncoding, length));
    if (ArrayBuffer.isView(value)) return copyOf(value instanceof DataView ? bytesOf(value) : Uint8Array.from(value));
    if (Array.isArray(value)) return B(Uint8Array.from(value));
    if (value !== null && typeof value === 'object') {
      if (value.type === 'Buffer' && Array.isArray(value.data)) return B(Uint8Array.from(value.data));
      var inner = value.valueOf();
      if (inner !== value && inner !== null && inner !== undefined) return from(inner, offsetOrEncoding, length);
      if (typeof value.length === 'number') return B(Uint8Array.from(value));
    }
    throw new TypeError('first argument is not a string, a Buffer or an array');
  });

  method('compare', function (target, targetStart, targetEnd, start, end) {
    var other = bytesOf(target);
    return compare(this.subarray(at(start, 0, this.length), at(end, this.length, this.length)),
      other.subarray(at(targetStart, 0, other.length), at(targetEnd, other.length, other.length)));
  });
  method('copy', function (target, targetStart, start, end) {
    var from = this.subarray(at(start, 0, this.length), at(end, this.length, this.length)), to = at(targetStart, 0, target.length);
    var part = from.subarray(0, Math.max(0, target.length - to));
    Uint8Array.prototype.set.call(target, part, to);
    return part.length;
  });
  method('equals', function (other) { return compare(this, bytesOf(other)) === 0; });
  method('fill', function (value, offset, end, encoding) {
    if (typeof offset === 'string') { encoding = offset; offset = undefined; end = undefined; }
    return fill(this, value, at(offset, 0, this.length), at(end, this.length, this.length), encoding);
  });
  function search(buffer, value, byteOffset, encoding, last) {
    if (typeof byteOffset === 'string') { encoding = byteOffset; byteOffset = undefined; }
    var bytes = typeof value === 'number' ? new Uint8Array([value & 255]) : bytesOf(value, encoding), n = buffer.length;
    var place = byteOffset === undefined ? (last ? n : 0) : Math.trunc(Number(byteOffset)) || 0;
    if (place < 0) place += n;
    if (last && place < 0) return -1;
    place = Math.max(0, place);
    for (var i = last ? Math.min(place, n - bytes.length) : place; last ? i >= 0 : i + bytes.length <= n; i += last ? -1 : 1) {
      var k = 0;
      while (k < bytes.length && buffer[i + k] === bytes[k]) k++;
      if (k === bytes.length) return i;
    }
    return -1;
  }
  method('indexOf', function (value, byteOffset, encoding) { return search(this, value, byteOffset, encoding, false); });
  method('lastIndexOf', function (value, byteOffset, encoding) { return search(this, value, byteOffset, encoding, true); });
  method('includes', function (value, byteOffset, encoding) { return search(this, value, byteOffset, encoding, false) >= 0; });
  method('subarray', function (start, end) {
    var from = at(start, 0, this.length), to = Math.max(from, at(end, this.length, this.length));
    return B(new Uint8Array(this.buffer, this.byteOffset + from, to - from));
  });
  method('slice', B.prototype.subarray);
  method('toJSON', function () { return { type: 'Buffer', data: Array.prototype.slice.call(this) }; });
  method('toString', function (encoding, start, end) {
    return decodeBytes(new Uint8Array(this.buffer, this.byteOffset, this.byteLength).subarray(at(start, 0, this.length), at(end, this.length, this.length)), encoding);
  });
  method('write', function (text, offset, length, encoding) {
    if (typeof offset === 'string') { encoding = offset; offset = undefined; length = undefined; } else if (typeof length === 'string') { encoding = length; length = undefined; }
    var from = at(offset, 0, this.length), room = Math.min(this.length - from, length === undefined ? this.length : size(length));
    var bytes = encodeBytes(String(text), encoding), n = Math.min(room, bytes.length);
    // No half of a character.
    if (encodingOf(encoding) === 'utf8') while (n > 0 && n < bytes.length && (bytes[n] & 0xc0) === 0x80) n--;
    this.set(bytes.subarray(0, n), from);
    return n;
  });
  function swap(width) {
    return function () {
      if (this.length % width !== 0) throw new RangeError('Buffer size must be a multiple of ' + width * 8 + '-bits');
      for (var i = 0; i < this.length; i += width) Uint8Array.prototype.reverse.call(this.subarray(i, i + width));
      return this;
    };
  }
  method('swap16', swap(2)); method('swap32', swap(4)); method('swap64', swap(8));

  function place(buffer, offset, width) {
    var n = offset === undefined ? 0 : offset;
    if (typeof n !== 'number' || Math.floor(n) !== n) throw new TypeError('offset must be an integer');
    if (n < 0 || n + width > buffer.length) throw new RangeError('index out of range');
    return n;
  }
  function view(buffer) { return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength); }
  function accessor(name, type, width, little) {
    method('read' + name, function (offset) { return view(this)['get' + type](place(this, offset, width), little); });
    method('write' + name, function (value, offset) {
      var to = place(this, offset, width);
      view(this)['set' + type](to, checked(value, type, width * 8), little);
      return to + width;
    });
  }
  function checked(value, type, bits) {
    var number = Number(value);
    if (type.slice(0, 5) === 'Float') return number;
    var least = type[0] === 'U' ? 0 : -Math.pow(2, bits - 1), most = type[0] === 'U' ? Math.pow(2, bits) - 1 : Math.pow(2, bits - 1) - 1;
    if (!(number >= least && number <= most)) throw new RangeError('value is out of range');
    return number;
  }
  [['Int8', 'Int8'], ['UInt8', 'Uint8']].forEach(function (names) { accessor(names[0], names[1], 1, false); });
  [['Int16', 'Int16', 2], ['UInt16', 'Uint16', 2], ['Int32', 'Int32', 4], ['UInt32', 'Uint32', 4], ['Float', 'Float32', 4], ['Double', 'Float64', 8]].forEach(function (row) {
    accessor(row[0] + 'BE', row[1], row[2], false); accessor(row[0] + 'LE', row[1], row[2], true);
  });
  function width(value) { if (!(value >= 1 && value <= 6 && Math.floor(value) === value)) throw new RangeError('byteLength must be from 1 to 6'); return value; }
  [['Int', true], ['UInt', false]].forEach(function (kind) {
    ['BE', 'LE'].forEach(function (order) {
      method('read' + kind[0] + order, function (offset, byteLength) {
        var n = width(byteLength), from = place(this, offset, n), value = 0;
        for (var i = 0; i < n; i++) value = value * 256 + this[order === 'BE' ? from + i : from + n - 1 - i];
        return kind[1] && value >= Math.pow(2, 8 * n - 1) ? value - Math.pow(2, 8 * n) : value;
      });
      method('write' + kind[0] + order, function (given, offset, byteLength) {
        var n = width(byteLength), to = place(this, offset, n), value = checked(given, kind[1] ? 'Int' : 'Uint', 8 * n);
        if (value < 0) value += Math.pow(2, 8 * n);
        for (var i = 0; i < n; i++) { this[order === 'BE' ? to + n - 1 - i : to + i] = value % 256; value = Math.floor(value / 256); }
        return to + n;
      });
    });
  });
  return B;
})();

function TextEncoder() { if (!new.target) throw new TypeError('TextEncoder is a constructor'); }
Object.defineProperty(TextEncoder.prototype, 'encoding', { get: function () { return 'utf-8'; }, configurable: true });
TextEncoder.prototype.encode = function (text) { return utf8Encode(text === undefined ? '' : String(text)); };
TextEncoder.prototype.encodeInto = function (text, target) {
  var read = 0, written = 0, source = String(text);
  for (var i = 0; i < source.length; i++) {
    var code = source.codePointAt(i), character = source.slice(i, i + (code > 0xffff ? 2 : 1)), bytes = utf8Encode(character);
    if (written + bytes.length > target.length) break;
    target.set(bytes, written); written += bytes.length; read += character.length;
    if (code > 0xffff) i++;
  }
  return { read: read, written: written };
};
function TextDecoder(label, options) {
  if (!new.target) throw new TypeError('TextDecoder is a constructor');
  var name = label === undefined ? 'utf-8' : String(label).toLowerCase();
  if (name !== 'utf-8' && name !== 'utf8') throw new RangeError('The encoding ' + label + ' is not supported');
  Object.defineProperties(this, {
    encoding: { value: 'utf-8' }, fatal: { value: !!(options && options.fatal) }, ignoreBOM: { value: !!(options && options.ignoreBOM) },
  });
}
TextDecoder.prototype.decode = function (input) {
  var text = utf8Decode(input === undefined ? new Uint8Array(0) : bytesOf(input), this.fatal);
  if (text === null) throw new TypeError('The encoded data was not valid utf-8');
  return !this.ignoreBOM && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
};

// HTML section 8.3: characters beyond U+00FF and ill-formed Base64 are errors.
function btoa(text) {
  var source = String(text), bytes = new Uint8Array(source.length);
  for (var i = 0; i < source.length; i++) { var code = source.charCodeAt(i); if (code > 255) throw new TypeError('invalid character (>= U+00FF)'); bytes[i] = code; }
  return base64Encode(bytes, alphabet, '=');
}
function atob(text) {
  var source = String(text).replace(/[\t\n\f\r ]/g, '');
  if (source.length % 4 === 0) source = source.replace(/==?$/, '');
  if (source.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(source)) throw new TypeError('the string to be decoded is not correctly encoded');
  return latin1(base64Decode(source));
}
`;
