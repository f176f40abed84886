// Reads what viewers and the operator wrote down: what became of them, and whether anything was wrong.
import { livePath, nodeLostMs, viewers } from './system.mjs';

const shownMax = 5;
export const sayings = { allGood: 'Nothing was claimed too early, nobody failed who could be served, and every node ended with the same.' };

export const tableHead = [
  '| lost | new viewers sent elsewhere after | new viewers that failed | viewers with kept answers that failed | API calls | claims | all the same after |',
  '|---|---|---|---|---|---|---|',
];

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const failed = (story) => story.status !== 200;

/** How many, and until when they did. */
function share(stories, cutAtMs) {
  const bad = stories.filter(failed);
  return bad.length === 0 ? `none of ${stories.length}` : `${bad.length} of ${stories.length}, the last ${seconds(bad.at(-1).atMs - cutAtMs)} on`;
}

/** One case's line of the table, and what was wrong. */
export function lineOf(one, { window, stories, calls }, claims, network) {
  const { cutAtMs, mendedAtMs, convergedMs } = window;
  const wrong = [];
  const complain = (what, found) => { if (found.length > 0) wrong.push(`${one.name}: ${what}: ${found.length}, e.g. ${found.slice(0, shownMax).map((story) => JSON.stringify({ ...story, afterMs: story.atMs - cutAtMs })).join(' ')}`); };
  const fresh = stories.filter(({ kind }) => kind === 'new');
  const during = fresh.filter(({ atMs }) => atMs >= cutAtMs && atMs < mendedAtMs);
  // Also those who were on their way when it was cut.
  const isExcused = ({ atMs, tookMs }) => atMs + tookMs >= cutAtMs && atMs < cutAtMs + one.detouredMs;
  complain('new viewers that failed', fresh.filter((story) => failed(story) && !(one.detouredMs > 0 && isExcused(story))));
  const toLeft = one.left === null ? [] : during.filter(({ address }) => address === network.address(one.left));
  complain('new viewers sent to an edge that is cut off', toLeft.filter(({ atMs }) => atMs >= cutAtMs + one.leftWithinMs));
  const [home, edge] = Object.entries(viewers).find(([, [, nearest]]) => nearest === (one.left ?? 'frankfurt'))?.flat() ?? [];
  const last = fresh.filter(({ from }) => from === home).at(-1);
  if (last?.address !== network.address(one.left ?? 'frankfurt')) wrong.push(`${one.name}: viewers did not come back to ${edge}: ${JSON.stringify(last)}`);
  if (convergedMs === null) wrong.push(`${one.name}: the fleet did not come to one configuration`);

  const cutCalls = calls.filter(({ atMs }) => atMs >= cutAtMs && atMs < mendedAtMs);
  const outcomes = Object.entries(byOutcome(cutCalls)).map(([outcome, those]) => `${those.length} ${outcome}`);
  // It is not a fault of the API's own that it has no database.
  complain('calls that failed for an unknown reason', cutCalls.filter(({ outcome }) => outcome === 'InternalFailure'));
  const slowest = Math.max(0, ...cutCalls.map(({ tookMs }) => tookMs));
  const claimed = claims.filter(({ seenAtMs }) => seenAtMs >= cutAtMs && seenAtMs < mendedAtMs);
  const late = claimed.filter(({ seenAtMs }) => seenAtMs >= cutAtMs + nodeLostMs + 3_000);
  if (one.claims === 'yes' && late.length === 0) wrong.push(`${one.name}: nothing was claimed`);
  if (one.claims === 'no' && late.length > 0) wrong.push(`${one.name}: claimed ${JSON.stringify(late.slice(0, shownMax))}`);
  const longest = Math.max(0, ...claimed.filter(({ sentAtMs }) => sentAtMs >= cutAtMs).map(({ sentAtMs, seenAtMs }) => seenAtMs - sentAtMs));
  const elsewhere = one.left === null ? '' : toLeft.length === 0 ? 'at once' : seconds(toLeft.at(-1).atMs - cutAtMs);
  return {
    line: `| ${one.name} | ${elsewhere} | ${share(during, cutAtMs)} | ${share(stories.filter(({ kind, atMs }) => kind === 'kept' && atMs >= cutAtMs && atMs < mendedAtMs), cutAtMs)} `
      + `| ${outcomes.join(', ')}, within ${seconds(slowest)} | ${claimed.length === 0 ? 'none' : `${claimed.length}, after ${seconds(longest)} at most`} | ${convergedMs === null ? 'never' : seconds(convergedMs)} |`,
    wrong,
  };
}

function byOutcome(calls) {
  const all = {};
  for (const call of calls) (all[call.outcome] ??= []).push(call);
  return all;
}

/**
 * What new viewers were served must be no older than what had been claimed when they came: made after an invalidation
 * was asked for that was `Completed`, by the configuration that was `Deployed`.
 */
export function claimedTooEarly(one, stories, claims) {
  const wrong = [];
  for (const story of stories) {
    if (story.kind !== 'new' || story.made === undefined) continue;
    const before = claims.filter(({ seenAtMs }) => seenAtMs <= story.atMs);
    const isOld = story.path === livePath
      ? before.some(({ kind, number }) => kind === 'config' && number > story.made.config)
      : before.some(({ kind, path, sentAtMs }) => kind === 'purge' && path === story.path && sentAtMs > story.made.atMs);
    if (isOld) wrong.push(story);
  }
  return wrong.length === 0 ? [] : [`${one.name}: served what was older than what had been claimed: ${wrong.length}, e.g. ${wrong.slice(0, shownMax).map((story) => JSON.stringify(story)).join(' ')}`];
}
