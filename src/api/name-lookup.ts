// Asks the DNS where a name points to, with a limit on the time.
import { Resolver } from 'node:dns/promises';

/** For one attempt at one server. */
const attemptTimeoutMs = 1_500;
const attemptsMax = 2;
/** For one question, whatever the resolver does. */
const questionTimeoutMs = 4_000;

/** Answers of the DNS; null: the name has none. Fails when nobody answers in time. */
export interface NameLookup {
  /** What the name is another name for. */
  alias(name: string): Promise<string | null>;
  /** IPv4 and IPv6 addresses. */
  addresses(name: string): Promise<readonly string[] | null>;
}

/** The answer; null when the DNS says that there is none (RFC 2308: no such name, or none of this type). */
async function answerOf<T>(question: Promise<T>): Promise<T | null> {
  try {
    return await question;
  } catch (thrown) {
    const { code } = thrown as { code?: unknown };
    if (code === 'ENOTFOUND' || code === 'ENODATA') return null;
    throw thrown;
  }
}

async function within<T>(ask: (resolver: Resolver) => Promise<T>): Promise<T> {
  const resolver = new Resolver({ timeout: attemptTimeoutMs, tries: attemptsMax });
  // Cancelled, a question fails at once with ECANCELLED.
  const timer = setTimeout(() => resolver.cancel(), questionTimeoutMs);
  try {
    return await ask(resolver);
  } finally {
    clearTimeout(timer);
  }
}

/** The DNS servers that this machine is set up with. */
export function systemNameLookup(): NameLookup {
  return {
    alias: (name) => within(async (resolver) => (await answerOf(resolver.resolveCname(name)))?.[0] ?? null),
    addresses: (name) => within(async (resolver) => {
      const [v4, v6] = await Promise.all([answerOf(resolver.resolve4(name)), answerOf(resolver.resolve6(name))]);
      return v4 === null && v6 === null ? null : [...v4 ?? [], ...v6 ?? []];
    }),
  };
}
