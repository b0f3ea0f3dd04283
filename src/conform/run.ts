import type { Case, Dialect } from './case.ts';
import { Skipped } from './check.ts';
import type { Facts } from './facts.ts';
import type { Verdict } from './tap.ts';
import { sessionPool, type Pool } from './pool.ts';
import { prepareTrial } from './trial.ts';

/** How many cases are tried at once, unless the testbed can be had only once. */
const AT_ONCE = 3;

/**
 * Tries cases, several at once, and tells of each verdict in the order of the cases.
 * @param signal aborted when the suite is given up: servers are ended, no case is begun
 * @param held the only generation that the server is held to; left out, it is held to both
 */
export async function runCases(
  server: readonly string[],
  facts: Facts,
  held: Dialect | undefined,
  cases: readonly Case[],
  signal: AbortSignal,
  tell: (index: number, verdict: Verdict) => void,
): Promise<void> {
  const verdicts = new Map<number, Verdict>();
  const pool = sessionPool(server, !facts.exclusive);
  let next = 0;
  let told = 0;
  const work = async () => {
    for (;;) {
      const index = next++;
      const tried = cases[index];
      if (!tried || signal.aborted) return;
      verdicts.set(index, await runCase(server, facts, held, tried, pool, signal));
      for (let ready = verdicts.get(told); ready; ready = verdicts.get((told += 1))) {
        tell(told, ready);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: facts.exclusive ? 1 : AT_ONCE }, work));
  } finally {
    await pool.drain();
  }
}

async function runCase(
  server: readonly string[],
  facts: Facts,
  held: Dialect | undefined,
  tried: Case,
  pool: Pool,
  signal: AbortSignal,
): Promise<Verdict> {
  const reason = beyond(tried, facts, held);
  if (reason) return { kind: 'skip', reason };
  const dialect = tried.dialect ?? held ?? (facts.current ? 'current' : 'classic');
  const setting = prepareTrial(server, facts, dialect, pool);
  const giveUp = () => void setting.finish(false).catch(() => {});
  signal.addEventListener('abort', giveUp);
  try {
    await tried.run(setting.trial);
    await setting.finish(true);
    return { kind: 'pass' };
  } catch (error) {
    await setting.finish(false).catch(() => {});
    if (error instanceof Skipped) return { kind: 'skip', reason: error.message };
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'fail', message, record: setting.record };
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** Why a case of one generation is not for this server. */
function beyond(tried: Case, facts: Facts, held: Dialect | undefined): string | undefined {
  if (!tried.dialect) return undefined;
  if (held && held !== tried.dialect) return `the server is held to the ${held} dialect`;
  if (!facts[tried.dialect] && !tried.asksForDialect)
    return `the server does not speak the ${tried.dialect} dialect`;
  return undefined;
}
