import { TimedOut } from '../../src/errors.ts';
import { isAsking } from '../../src/turns.ts';

/** How long something may take. */
export interface Patience {
  /** Aborted, with a TimedOut, when there is none left. */
  readonly signal: AbortSignal;
  end(): void;
}

/** How often the clock is looked at. */
const TICKS = 20;

/** Starts a clock that stands still while somebody is asked something. @param limit milliseconds */
export function startPatience(limit: number): Patience {
  const over = new AbortController();
  let ticks = 0;
  const timer = setInterval(() => {
    if (isAsking()) return;
    ticks += 1;
    if (ticks < TICKS) return;
    clearInterval(timer);
    over.abort(new TimedOut(`no end within ${limit / 1000} s`));
  }, limit / TICKS);
  return { signal: over.signal, end: () => clearInterval(timer) };
}
