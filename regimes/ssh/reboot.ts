import { setTimeout as sleep } from 'node:timers/promises';

import { anyOf } from '../../src/abort.ts';
import type { Bytes } from '../../src/bytes.ts';
import { TestbedError } from '../../src/errors.ts';
import { describeEnding, succeeded, type Place } from '../../src/place/place.ts';
import { readScript } from '../../src/place/script.ts';
import type { Context } from '../../src/regime.ts';
import { keepTrying } from './keep-trying.ts';

/** A machine at the other end of a connection, which may go and come back. */
export interface Machine {
  /** Runs commands over the connection that there is now, as root where there is root. */
  readonly place: Place;
  /** Settles when the connection that there is now has gone. */
  readonly lost: Promise<unknown>;
  /**
   * Makes a further connection, beside the one that there is.
   * @throws TestbedError
   */
  approach(signal: AbortSignal): Promise<Approach>;
}

/** A connection that is not in use yet. */
export interface Approach {
  readonly place: Place;
  /** Uses it from now on; what the machine had before is ended. */
  adopt(): Promise<void>;
  drop(): void;
}

export interface RebootOptions {
  /**
   * What `bootMark` said before. Read in time: who is told that all is prepared for a reboot may be
   * quicker with it than we are with a question.
   */
  before: Bytes;
  /** Waits for the machine to go down by itself. */
  prepareOnly: boolean;
  /** Milliseconds that it may be down. */
  timeout: number;
  /** Waits for it in a better way; false where it can't. */
  wait?: (context: Pick<Context, 'signal' | 'log'>) => Promise<boolean>;
}

/** Milliseconds until a machine has to be going down. As the incumbent has it. */
const GOING_DOWN = 300_000;

/** Milliseconds between looks at a machine whose connection has not gone (it may never see the end). */
const LOOK = 5000;

/** Milliseconds that a small script may take there. */
const DEADLINE = 30_000;

/**
 * Reboots a machine, or waits until somebody has; resolves when it is back for certain.
 * @returns what `bootMark` says now
 * @throws TestbedError where it does not go down, or not come back in time
 */
export async function rebootMachine(
  machine: Machine,
  { before, prepareOnly, timeout, wait }: RebootOptions,
  context: Pick<Context, 'signal' | 'log'>,
): Promise<Bytes> {
  const { signal, log } = context;
  const { label } = machine.place;
  if (!prepareOnly) await run(machine.place, 'restart', 'cannot reboot', signal);

  const look: Look = async (own) => {
    const approach = await machine.approach(own);
    try {
      const mark = await bootMark(approach.place, own);
      if (mark !== before) {
        await approach.adopt();
        return mark;
      }
    } catch (cause) {
      approach.drop();
      throw cause;
    }
    approach.drop();
    return undefined;
  };

  const waited = await wait?.(context);
  const mark = waited ? undefined : await whileGoingDown(machine, look, signal);
  if (mark !== undefined) return mark;
  log.debug(`${label} is going down`);
  const step = `${label} did not come back from its reboot`;
  return keepTrying({ step, attempt: look, timeout }, context);
}

/** Looks at a machine over a connection of its own, and uses that where it has booted since. */
type Look = (signal: AbortSignal) => Promise<Bytes | undefined>;

/**
 * Waits until the machine goes down. Of a connection whose end has not come through nothing is heard:
 * now and then a further one shows whether the machine is back already.
 */
async function whileGoingDown(
  machine: Machine,
  look: Look,
  signal: AbortSignal,
): Promise<Bytes | undefined> {
  const limit = AbortSignal.timeout(GOING_DOWN);
  const isDown = new AbortController();
  const lost = machine.lost.then(() => isDown.abort());
  while (!limit.aborted) {
    const waiting = new AbortController();
    const stop = anyOf(signal, limit, waiting.signal);
    await Promise.race([lost, sleep(LOOK, undefined, { signal: stop }).catch(() => {})]);
    waiting.abort();
    signal.throwIfAborted();
    if (isDown.signal.aborted) return undefined;
    try {
      const mark = await look(anyOf(signal, AbortSignal.timeout(DEADLINE)));
      if (mark !== undefined) return mark;
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }
  throw new TestbedError({
    step: `${machine.place.label} did not go down within ${GOING_DOWN / 1000} s`,
  });
}

/** What tells one boot of a machine from the next. */
export function bootMark(place: Place, signal: AbortSignal): Promise<Bytes> {
  return run(place, 'boot-mark', 'cannot tell reboots', signal);
}

async function run(
  place: Place,
  name: 'boot-mark' | 'restart',
  step: string,
  signal: AbortSignal,
): Promise<Bytes> {
  const argv = ['sh', '-c', readScript(`${name}.sh`, import.meta.url)];
  const outcome = await place.run(argv, { signal, deadline: DEADLINE });
  if (succeeded(outcome)) return outcome.stdout;
  throw new TestbedError({
    step: `${step} of ${place.label}`,
    command: ['sh', `${name}.sh`],
    status: describeEnding(outcome.ending),
    output: outcome.stderr,
  });
}
