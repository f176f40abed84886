// What a caching situation is made of: the steps of a viewer, what the origin would answer, and what must come of it.
//
// A situation is a list of steps on one path of its own. Each step asks once; `want` looks at what came and at what reached
// the origin meanwhile, and says in words what is wrong, or nothing.

/**
 * @typedef {object} Answer what the origin answers
 * @property {number} [status] 200 if not given
 * @property {Record<string, string | readonly string[]>} [headers]
 * @property {string | null} [body] a text of the step's own if not given
 * @property {readonly [number, number]} [part] to a request with Range: only these bytes, from and up to, as a 206
 * @property {number} [cutAfterBytes] the connection is reset after so much of the body
 * @property {string} [raw] the whole answer, head and body, as bytes in latin1; the connection ends with it
 * @property {boolean} [refuse] the connection is reset without an answer
 * @property {{status: number, headers: Record<string, string>}} [interim] sent before the answer
 * @property {number} [delayMs] before anything of it
 *
 * @typedef {object} Ask what the viewer sends
 * @property {string} [method]
 * @property {Record<string, string>} [headers]
 * @property {string} [body]
 *
 * @typedef {object} Seen
 * @property {number} status
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {string} body
 * @property {boolean} cut the answer broke off
 * @property {readonly number[]} interim statuses that came before it
 * @property {readonly {method: string, headers: import('node:http').IncomingHttpHeaders}[]} asked what reached the origin
 * @property {string | null} wasBody body of the newest whole answer the origin gave before
 */

/** Seconds from now as an HTTP date. */
export const inSeconds = (seconds) => () => new Date(Date.now() + seconds * 1000).toUTCString();

export const fresh = { 'cache-control': 'max-age=100' };

const relayed = (seen) => (seen.asked.length === 0 ? 'the origin was not asked' : null);
const first = (...checks) => (seen) => {
  for (const check of checks) {
    const wrong = check?.(seen);
    if (wrong) return wrong;
  }
  return null;
};

/** The origin is asked, in whatever form, and its answer reaches the viewer. */
export const store = (headers = {}, { answer = {}, ask = {}, want } = {}) => ({
  kind: 'ask', ask, answer: { headers, ...answer }, want: first(relayed, (seen) => {
    const status = answer.status ?? 200;
    return seen.status === status ? null : `status ${seen.status} instead of ${status}`;
  }, want),
});

/** The origin must be asked: what is stored may not answer. */
export const mustAsk = ({ ask = {}, answer = {}, want } = {}) => ({
  kind: 'ask', ask, answer: { headers: { 'cache-control': 'no-store' }, ...answer }, want: first(relayed, want),
});

/** What is stored answers, without the origin. */
export const reuse = ({ ask = {}, want, status = 200 } = {}) => ({
  kind: 'ask', ask, answer: { headers: { 'cache-control': 'no-store' } }, want: first(
    (seen) => (seen.asked.length > 0 ? 'the origin was asked' : null),
    (seen) => (seen.status === status ? null : `status ${seen.status} instead of ${status}`),
    (seen) => (status !== 200 || (ask.method ?? 'GET') === 'HEAD' || seen.body === seen.wasBody ? null : `another body: ${seen.body.slice(0, 40)}`),
    want,
  ),
});

/** The origin is asked conditionally; it confirms what is stored, which then answers. */
export const confirm = (name, value, { headers = {}, ask = {}, want } = {}) => ({
  kind: 'ask', ask, answer: { status: 304, headers, body: null }, want: first(relayed, (seen) => {
    const sent = seen.asked[0].headers[name];
    if (sent === undefined) return `the origin was asked without ${name}`;
    return value === null || sent === value ? null : `${name}: ${sent} instead of ${value}`;
  }, (seen) => (seen.status === 200 ? null : `status ${seen.status} instead of 200`),
  (seen) => (seen.body === seen.wasBody ? null : 'another body than the stored one'), want),
});

/** Whatever way it is answered: only `want` decides. */
export const either = ({ ask = {}, answer = {}, want }) => ({ kind: 'ask', ask, answer, want });

/** Several at once; each has its own ask, answer (by the origin's order of arrival) and want. */
export const together = (...steps) => ({ kind: 'together', steps });

export const wait = (ms) => ({ kind: 'wait', ms });

/** Bytes of the viewer's own, to a connection of its own; `want` gets the text that came back until the connection ended or fell silent. */
export const bytes = (text, want) => ({ kind: 'bytes', text, want });

/**
 * A group of situations from one document.
 * @param {string} document e.g. `RFC 9111`
 * @param {readonly [string, string, ...object[]][]} rows section, what must be, then the steps
 */
export const group = (document, rows) => rows.map(([section, title, ...steps]) => ({ source: `${document} section ${section}`, document, title, steps }));
