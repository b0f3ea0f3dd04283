import { anyOf } from '../abort.ts';
import { shown, TestbedError } from '../errors.ts';
import type { Bytes } from '../bytes.ts';
import type { Context } from '../regime.ts';

/** What goes on while a testbed is used by somebody else. */
export interface Waiting {
  /** Aborted with the step's own signal, and with a TestbedError when the user has no more patience. */
  readonly signal: AbortSignal;
  /** Says who holds the testbed, each time that it is somebody else. The first call starts the clock. */
  onWait(holders: Bytes): void;
  /** The waiting is over. */
  end(): void;
}

/**
 * Waits for the other users of a testbed that only one may have, as long as the user wants to
 * (`--wait`).
 * @param what the testbed, for messages
 */
export function waitForOthers(
  { signal, log, wait }: Pick<Context, 'signal' | 'log' | 'wait'>,
  what: Bytes,
): Waiting {
  const patience = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let unfollow: (() => void) | undefined;
  const giveUp = (holders: Bytes) => {
    patience.abort(
      new TestbedError({
        step: `${shown(what)} is used by ${shown(holders)}`,
        hint: 'wait longer with --wait, or end the other',
      }),
    );
  };
  return {
    signal: anyOf(signal, patience.signal),
    onWait(holders) {
      if (wait === 0) return giveUp(holders);
      const words = `waiting for ${shown(what)}, which is used by ${shown(holders)}`;
      log.warn(words);
      unfollow?.();
      unfollow = log.follow?.(words, () => ({}));
      if (wait === undefined) return;
      // Past 31 bits a timer would fire at once.
      timer ??= setTimeout(giveUp, Math.min(wait, 0x7fffffff), holders);
    },
    end() {
      clearTimeout(timer);
      unfollow?.();
    },
  };
}
