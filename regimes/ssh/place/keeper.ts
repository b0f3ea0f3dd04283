import { abortOf, anyOf } from '../../../src/abort.ts';
import type { Bytes } from '../../../src/bytes.ts';
import { collect } from '../../../src/place/collect.ts';
import { TestbedError } from '../../../src/errors.ts';
import type { Context } from '../../../src/regime.ts';
import { farScript } from './far-scripts.ts';
import type { FarSide } from './far-side.ts';
import { startRemote } from './remote-command.ts';

/** Seconds between signs of life, and until the far side gives up on us. */
const BEAT = 10;
const PATIENCE = 45;

/** Milliseconds that it may take to start. */
const LIMIT = 30_000;

/** The process on the far side that ends what runs there for us once we have gone. */
export interface Keeper {
  /** The user id that commands have. */
  readonly uid: number;
  /** Says that a command has ended. */
  forget(key: Bytes): void;
  /** Has what runs there left to its user. @throws TestbedError where it does not answer */
  keep(): Promise<void>;
  /** No more signs of life. */
  stop(): void;
}

/**
 * Starts the keeper, which makes the session's directory on the far side.
 * @throws TestbedError where it can't
 */
export async function startKeeper(far: FarSide, { signal, log }: Context): Promise<Keeper> {
  const { label } = far.connection;
  const limit = anyOf(signal, AbortSignal.timeout(LIMIT));
  const keeper = await startRemote(far, farScript('keeper', far.directory, String(PATIENCE)), {
    unlisted: true,
    signal: limit,
  });
  const answer = new Promise<Bytes>((resolve) => {
    let text = '';
    keeper.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('\n')) resolve(text);
    });
    keeper.stdout.once('close', () => resolve(text)).resume();
  });
  const words = collect(keeper.stderr, 4096);
  const giveUp = () => keeper.close();
  limit.addEventListener('abort', giveUp, { once: true });
  const [, uid] = /^ok (\d+)\n/.exec(await answer) ?? [];
  limit.removeEventListener('abort', giveUp);
  signal.throwIfAborted();
  if (uid === undefined) {
    throw new TestbedError({
      step: `cannot make a directory on ${label}`,
      status: far.directory,
      output: await words,
    });
  }
  let ended: Bytes[] = [];
  const beat = setInterval(() => {
    keeper.stdin.write(`${ended.join(' ')}\n`);
    ended = [];
  }, BEAT * 1000);
  beat.unref();
  // Where it is killed the rest goes on: it is there for the day on which we are not.
  void keeper.ended.then(() => {
    clearInterval(beat);
    log.debug(`the keeper on ${label} has ended`);
  });
  return {
    uid: Number(uid),
    forget: (key) => void ended.push(key),
    async keep() {
      clearInterval(beat);
      // Commands that have just ended stay written down: what they left behind goes with the rest.
      keeper.stdin.write('keep\n');
      const ending = await Promise.race([keeper.ended, abortOf(AbortSignal.timeout(LIMIT))]);
      if (ending && 'status' in ending && ending.status === 0) return;
      throw new TestbedError({ step: `the keeper on ${label} does not let go` });
    },
    stop() {
      clearInterval(beat);
      keeper.stdin.end();
    },
  };
}
