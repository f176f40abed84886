// The viewer of the caching situations: plays one against a system and says what went wrong first.
import http from 'node:http';
import net from 'node:net';
import { randomUUID } from 'node:crypto';
import { sleep } from '../processes.mjs';

const answerMsMax = 10_000;
/** A connection that says nothing for so long has said all. */
const silenceMs = 2_000;

/** Sends one request; an answer that breaks off is what was seen, not an error. */
function send(system, target, { method = 'GET', headers = {}, body }) {
  return new Promise((resolve, reject) => {
    const interim = [];
    const request = http.request({
      host: '127.0.0.1', port: system.port, path: target, method, agent: false, timeout: answerMsMax, headers: { host: system.host, connection: 'close', ...headers },
    });
    request.on('information', ({ statusCode }) => interim.push(statusCode));
    request.on('response', (response) => {
      const pieces = [];
      const seen = (cut) => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces).toString('latin1'), cut, interim });
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', () => seen(!response.complete));
      response.on('error', () => seen(true));
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    // Broken off before any head: as visible to a viewer as a cut body.
    request.on('error', (error) => (error.message === 'no answer in time' ? reject(error) : resolve({ status: 0, headers: {}, body: '', cut: true, interim })));
    request.end(body);
  });
}

function sendBytes(system, text) {
  return new Promise((resolve) => {
    let answer = '';
    const socket = net.connect(system.port, '127.0.0.1', () => socket.write(text, 'latin1'));
    const done = () => { socket.destroy(); resolve(answer); };
    socket.setTimeout(silenceMs, done);
    socket.on('data', (piece) => { answer += piece.toString('latin1'); });
    socket.on('end', done);
    socket.on('error', done);
  });
}

async function playStep(step, system, script, target) {
  switch (step.kind) {
    case 'wait':
      await sleep(step.ms);
      return null;
    case 'bytes':
      script.begin([{}]);
      return step.want(await sendBytes(system, step.text.replace('HOST', system.host).replace('PATH', target)));
    case 'together': {
      script.begin(step.steps.map(({ answer }) => answer));
      const wrong = await Promise.all(step.steps.map(async ({ ask, want }) => want({ ...await send(system, target, ask), asked: script.asked, wasBody: script.wasBody })));
      return wrong.find((text) => text !== null) ?? null;
    }
    default: {
      const { wasBody } = script;
      script.begin([step.answer]);
      const seen = await send(system, step.query === undefined ? target : `${target}?${step.query}`, step.ask);
      return step.want({ ...seen, asked: script.asked, wasBody });
    }
  }
}

/** @returns {Promise<string | null>} what went wrong, with the number of the step; null: nothing */
export async function play({ steps }, system, origin) {
  const target = `/${randomUUID()}`;
  const script = origin.script(target);
  for (const [i, step] of steps.entries()) {
    const wrong = await playStep(step, system, script, target);
    if (wrong !== null) return `step ${i + 1}: ${wrong}`;
  }
  return null;
}
