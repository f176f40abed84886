// Continuous deployment: which distribution answers a viewer, the primary or its staging one (guide: continuous-deployment).
import type { Fields } from '../protocol/http/fields';
import { field } from '../protocol/http/fields';
import type { SiteTrial, SiteTrialChoice } from '../snapshot/site';
import { selectedCookies } from './selection';

/** Ours: the guide says that there is a cookie, not how it is called. */
const cookieName = 'aws-cf-cd-session';

export interface TrialAnswer {
  readonly staged: boolean;
  /** Value of the Set-Cookie field that keeps the viewer where it is; null: it is not kept anywhere. */
  readonly cookie: string | null;
}

interface Session {
  readonly staged: boolean;
  readonly beganAtS: number;
  readonly seenAtS: number;
}

/**
 * Decides on a request.
 * @param nowS wall time in whole seconds
 * @param dice from 0 up to 1
 */
export function trialAnswer({ choice, session }: SiteTrial, request: Fields, nowS: number, dice: number): TrialAnswer {
  if (choice.kind === 'header') return { staged: field(request, choice.name) === choice.value, cookie: null };
  if (choice.stickiness === null) return { staged: dice < choice.share, cookie: null };
  const known = sessionOf(request, session);
  const kept = known !== null && isAlive(known, choice.stickiness, nowS) ? known : { staged: dice < choice.share, beganAtS: nowS, seenAtS: nowS };
  const ageSMax = Math.min(choice.stickiness.idleTtlS, choice.stickiness.maximumTtlS - (nowS - kept.beganAtS));
  const value = `${session}.${kept.staged ? 's' : 'p'}.${kept.beganAtS}.${nowS}`;
  return { staged: kept.staged, cookie: `${cookieName}=${value}; Path=/; Max-Age=${ageSMax}; HttpOnly; SameSite=Lax` };
}

/** A viewer may write what it likes into its cookie: all it gains is the distribution it asks for. */
function sessionOf(request: Fields, session: string): Session | null {
  const cookie = selectedCookies({ mode: 'only', names: [cookieName] }, request);
  const parts = /^[^=]*=([\w-]{1,64})\.([sp])\.(\d{1,12})\.(\d{1,12})$/.exec(cookie ?? '');
  return parts?.[1] === session ? { staged: parts[2] === 's', beganAtS: Number(parts[3]), seenAtS: Number(parts[4]) } : null;
}

function isAlive({ beganAtS, seenAtS }: Session, { idleTtlS, maximumTtlS }: NonNullable<Extract<SiteTrialChoice, { kind: 'weight' }>['stickiness']>, nowS: number): boolean {
  return beganAtS <= seenAtS && seenAtS <= nowS && nowS - seenAtS < idleTtlS && nowS - beganAtS < maximumTtlS;
}

/** The request without the cookie: it is neither for keys nor for origins. */
export function withoutTrialCookie(fields: Fields): Fields {
  const cookies = field(fields, 'cookie');
  if (cookies === undefined || !fields.some((text, i) => i % 2 === 1 && fields[i - 1] === 'cookie' && text.includes(cookieName))) return fields;
  const kept = selectedCookies({ mode: 'except', names: [cookieName] }, fields);
  const others = fields.filter((_, i) => fields[i - (i % 2)] !== 'cookie');
  return kept === undefined ? others : [...others, 'cookie', kept];
}
