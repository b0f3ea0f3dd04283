import { setTimeout as sleep } from 'node:timers/promises';

import type { Bytes } from '../../src/bytes.ts';
import { asError, lastWords, TestbedError, TimedOut } from '../../src/errors.ts';
import { followed } from '../../src/log.ts';
import { describeEnding, succeeded, type Outcome, type Place } from '../../src/place/place.ts';
import { readScript } from '../../src/place/script.ts';
import type { Context } from '../../src/regime.ts';
import { inspectContainer, killContainer, startAgain, type Container } from './containers.ts';
import type { Engine } from './engine.ts';

/** Seconds that a container may take to boot. */
const BOOT = 180;

/** Milliseconds in which a container that was just started may fail to start commands. */
const UNREADY = 10_000;

/** The stage before those of await-init.sh. */
const ANSWERS = "stage 'the container answers'";

/** Milliseconds that a test may take from the mark that it may reboot to its reboot. */
const PREPARED = 300_000;

/** Milliseconds that a container may take to go down; what takes longer is killed. */
const SHUTDOWN = 60_000;

/** Milliseconds between two looks at a container that goes down. */
const LOOK = 100;

/**
 * Waits until an init has brought a container up, in stages: it runs and answers, its process 1 is
 * an init, that is ready, all that it starts has been started.
 * @throws TestbedError that names the stage which was not passed, and why
 */
export async function awaitInit(
  place: Place,
  { signal, log }: Pick<Context, 'signal' | 'log'>,
): Promise<void> {
  const script = readScript('await-init.sh', import.meta.url);
  const limit = Date.now() + BOOT * 1000;
  const patience = Date.now() + UNREADY;
  let stage = ANSWERS;
  const heard = (piece: Bytes) => {
    stage = piece.trim().split('\n').at(-1) ?? stage;
  };
  const look = async (): Promise<void> => {
    for (;;) {
      const seconds = Math.max(1, Math.ceil((limit - Date.now()) / 1000));
      const argv = ['sh', '-c', script, 'await-init', String(seconds)];
      const outcome = await place
        .run(argv, { signal, deadline: (seconds + 10) * 1000, heard })
        .catch((cause: unknown) => {
          signal.throwIfAborted();
          const error = asError(cause);
          const silent = error instanceof TimedOut ? `no answer in ${BOOT} s` : error.message;
          throw notUp(ANSWERS, silent, cause);
        });
      if (succeeded(outcome)) return log.debug(`the init is up: ${lastWords(outcome.stdout)}`);
      // Engines may fail to start a command while systemd sorts the control groups.
      if (!isTransient(outcome) || Date.now() > patience) {
        const words = lastWords(outcome.stderr);
        if (/^stage '.*': /.test(words)) throw notUp(words);
        throw notUp(ANSWERS, describeEnding(outcome.ending) + (words && `: ${words}`));
      }
      await sleep(LOOK, undefined, { signal });
    }
  };
  await followed(log, `waiting until ${place.label} has booted`, () => ({ stage }), look);
}

function isTransient({ ending }: Outcome): boolean {
  return 'status' in ending && ending.status >= 126;
}

function notUp(stage: string, status?: string, cause?: unknown): TestbedError {
  return new TestbedError({
    step: `the init does not come up: ${stage}`,
    ...(status !== undefined && { status }),
    hint: 'without --init no init is booted',
    cause,
  });
}

/**
 * Reboots a container that runs an init; its files stay. It is proven that process 1 is another one:
 * the engine's own word on when it was started has to change.
 * @param started what `startOf` said when the container was last known to be up
 * @param prepareOnly waits for the container to go down by itself
 */
export async function rebootContainer(
  engine: Engine,
  { id, name }: Container,
  place: Place,
  started: string,
  prepareOnly: boolean,
  context: Context,
): Promise<void> {
  const { signal, log } = context;
  if (!prepareOnly) await askToReboot(place, signal);
  if (!(await ended(engine, id, started, prepareOnly ? PREPARED : SHUTDOWN, signal))) {
    if (prepareOnly) {
      throw new TestbedError({
        step: `the container ${name} does not go down by itself within ${PREPARED / 1000} s`,
      });
    }
    log.warn(`the container ${name} does not go down by itself: it is killed`);
    await killContainer(engine, id);
  }
  await startAgain(engine, id);
  const now = await startOf(engine, id);
  if (now === started || now === undefined) {
    throw new TestbedError({ step: `the container ${name} was not started anew` });
  }
  await awaitInit(place, context);
}

/** Waits until a start of a container is over; false where that takes longer than some milliseconds. */
async function ended(
  engine: Engine,
  id: string,
  started: string,
  milliseconds: number,
  signal: AbortSignal,
): Promise<boolean> {
  const limit = Date.now() + milliseconds;
  while ((await startOf(engine, id)) === started) {
    if (Date.now() > limit) return false;
    await sleep(LOOK, undefined, { signal });
  }
  return true;
}

/** What differs between two starts of a container; undefined where it does not run. */
export async function startOf(engine: Engine, id: string): Promise<string | undefined> {
  const found = await inspectContainer(engine, id);
  if (!found) throw new TestbedError({ step: `the container ${id.slice(0, 12)} has been removed` });
  const { Running, StartedAt, Pid } = found.State;
  return Running ? `${StartedAt} ${Pid}` : undefined;
}

/** Milliseconds until a `reboot` that does not return is left alone. */
const ASKING = 20_000;

/** In the words of its own init. It may be gone before the command has ended: that is no failure. */
async function askToReboot(place: Place, signal: AbortSignal): Promise<void> {
  const command = 'reboot || systemctl reboot || kill -INT 1';
  await place.run(['sh', '-c', command], { signal, deadline: ASKING }).catch(() => {});
  signal.throwIfAborted();
}
