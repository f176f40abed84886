// The origin of the caching situations: answers each path as its situation's current step says, and remembers who asked.
import http from 'node:http';

/** Turns values that are functions (dates relative to now) into texts. */
const evaluated = (headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === 'function' ? value() : value]));

/** One situation's side of the origin. */
export class Script {
  /** Requests that arrived since the step began. */
  asked = [];
  /** Body of the newest whole answer to a GET. */
  wasBody = null;
  #answers = [];
  #count = 0;

  /** What is answered from now on; several: one after the other, the last one again and again. */
  begin(answers) {
    this.asked = [];
    this.#answers = [...answers];
  }

  async answer(request, response) {
    this.asked.push({ method: request.method, headers: request.headers });
    const answer = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0] ?? {};
    this.#count += 1;
    if (answer.delayMs) await new Promise((resolve) => { setTimeout(resolve, answer.delayMs); });
    if (answer.refuse) { response.socket.resetAndDestroy(); return; }
    if (answer.raw !== undefined) { response.socket.end(answer.raw, 'latin1'); return; }
    if (answer.interim) await new Promise((resolve) => { response.writeEarlyHints(answer.interim.headers, resolve); });
    this.#send(request, response, answer);
  }

  #send(request, response, answer) {
    const { headers = {}, body, cutAfterBytes } = answer;
    const whole = body === undefined ? `answer ${this.#count} of ${request.url}` : body ?? '';
    const own = evaluated(headers);
    const part = request.headers.range === undefined ? undefined : answer.part;
    const status = part === undefined ? answer.status ?? 200 : 206;
    const text = part === undefined ? whole : whole.slice(...part);
    if (part !== undefined) own['content-range'] = `bytes ${part[0]}-${part[1] - 1}/${whole.length}`;
    if (own.date !== undefined) response.sendDate = false;
    if (request.headers['x-a'] !== undefined) own['x-for'] = request.headers['x-a'];
    const bodiless = status === 204 || status === 304;
    if (!bodiless && own['transfer-encoding'] === undefined) own['content-length'] = String(Buffer.byteLength(text));
    response.writeHead(status, own);
    if (cutAfterBytes !== undefined) {
      response.write(text.slice(0, cutAfterBytes), () => response.socket.resetAndDestroy());
      return;
    }
    if (status === 200 && request.method === 'GET') this.wasBody = text;
    response.end(bodiless ? undefined : text);
  }
}

/** @returns {Promise<{port: number, script: (path: string) => Script, close: () => void}>} */
export async function startScriptedOrigin(readyPath) {
  const scripts = new Map();
  const server = http.createServer((request, response) => {
    request.resume();
    const script = scripts.get(request.url.split('?')[0]);
    if (script !== undefined) {
      script.answer(request, response).catch(() => response.destroy());
      return;
    }
    response.writeHead(request.url === readyPath ? 200 : 404, { 'cache-control': 'no-store' });
    response.end();
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    port: server.address().port,
    script: (path) => {
      const script = new Script();
      scripts.set(path, script);
      return script;
    },
    close: () => { server.closeAllConnections(); server.close(); },
  };
}
