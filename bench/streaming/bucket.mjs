// The bucket that films come from: ranges over HTTP, all connections together no faster than they are told; what is sent is counted.
import http from 'node:http';

const pieceBytes = 32_768;
const tickMs = 10;

export class Bucket {
  /** Bytes per second for all answers together. */
  bytesPerS = Infinity;
  sentBytes = 0;
  port = 0;
  #objects = new Map();
  #waiting = [];
  #allowance = 0;

  static async start(place) {
    const bucket = new Bucket();
    const server = http.createServer((request, response) => bucket.#answer(request, response));
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    bucket.port = server.address().port;
    const timer = setInterval(() => bucket.#pump(), tickMs);
    place.onClose(() => { clearInterval(timer); server.closeAllConnections(); server.close(); });
    return bucket;
  }

  /** @param key its path */
  put(key, content) { this.#objects.set(key, content); }

  #answer(request, response) {
    const key = request.url.replace(/^\/films/, '');
    const content = key === '/ready' ? Buffer.from('ready') : this.#objects.get(key);
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = range === null ? 0 : Number(range[1]);
    const end = range === null || range[2] === '' ? content.length : Math.min(content.length, Number(range[2]) + 1);
    const fields = { 'content-length': end - start, 'etag': `"${content.length}"`, 'cache-control': 'max-age=86400' };
    if (range !== null) fields['content-range'] = `bytes ${start}-${end - 1}/${content.length}`;
    response.writeHead(range === null ? 200 : 206, fields);
    this.#waiting.push({ response, content, at: start, end });
  }

  /** Answers take turns, piece by piece, while there is something left of what may be sent. */
  #pump() {
    // What was not used is lost, but for a moment's: a slow line does not save up.
    const perTick = (this.bytesPerS * tickMs) / 1000;
    this.#allowance = Math.min(2 * perTick, Math.min(this.#allowance, perTick) + perTick);
    for (let idle = 0; this.#waiting.length > 0 && idle < this.#waiting.length && this.#allowance > 0;) {
      const answer = this.#waiting.shift();
      const { response, content } = answer;
      if (response.destroyed) continue;
      const free = this.bytesPerS === Infinity || response.writableLength < 2 * pieceBytes;
      if (free) {
        const bytes = this.bytesPerS === Infinity ? answer.end - answer.at : Math.min(pieceBytes, answer.end - answer.at);
        response.write(content.subarray(answer.at, answer.at + bytes));
        answer.at += bytes;
        this.sentBytes += bytes;
        this.#allowance -= bytes;
      }
      if (answer.at === answer.end) response.end();
      else this.#waiting.push(answer);
      idle = free ? 0 : idle + 1;
    }
  }
}
