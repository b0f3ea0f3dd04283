import { setTimeout as sleep } from 'node:timers/promises';

import { anyOf } from '../../src/abort.ts';
import { asError, TestbedError } from '../../src/errors.ts';
import { followed } from '../../src/log.ts';
import type { Context } from '../../src/regime.ts';
import { startPatience } from './patience.ts';

/**
 * Milliseconds that one attempt may take, without those of a person who is asked: a machine that is
 * just starting may answer half.
 */
const ATTEMPT = 20_000;

/** Milliseconds between attempts. */
const PAUSE = 500;

export interface Trying<T> {
  /** What is said when there is no more time, as "root@box did not come back". */
  step: string;
  /** Undefined: not yet. What it throws is told if it was the last attempt. */
  attempt(signal: AbortSignal): Promise<T | undefined>;
  /** Milliseconds until there is no more time. */
  timeout: number;
}

/**
 * Tries until it succeeds: for a machine that is about to come up.
 * @throws TestbedError when there is no more time; the reason of the signal
 */
export async function keepTrying<T>(
  { step, attempt, timeout }: Trying<T>,
  { signal, log }: Pick<Context, 'signal' | 'log'>,
): Promise<T> {
  const limit = AbortSignal.timeout(timeout);
  const isOver = () => limit.aborted;
  let last = '';
  const tryAll = async (): Promise<T> => {
    while (!isOver()) {
      const patience = startPatience(ATTEMPT);
      try {
        const found = await attempt(anyOf(signal, limit, patience.signal));
        if (found !== undefined) return found;
        last = '';
      } catch (cause) {
        const { message } = asError(cause);
        if (message !== last) log.debug(`not yet: ${message}`);
        // An attempt that the end of the time has cut off says less than the one before.
        if (!isOver() || !last) last = message;
      } finally {
        patience.end();
      }
      signal.throwIfAborted();
      await sleep(PAUSE, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
    throw new TestbedError({
      step: `${step} within ${timeout / 1000} s`,
      ...(last && { status: last }),
    });
  };
  return followed(log, 'waiting for the machine', () => ({ stage: last }), tryAll);
}
