import { hostname, userInfo } from 'node:os';

import { abortOf, anyOf } from '../../src/abort.ts';
import { bytesOf, type Bytes } from '../../src/bytes.ts';
import { asError, TestbedError } from '../../src/errors.ts';
import { collect } from '../../src/place/collect.ts';
import { describeEnding, type Place } from '../../src/place/place.ts';
import { waitForOthers } from '../../src/place/reservation.ts';
import { readScript } from '../../src/place/script.ts';
import type { Context } from '../../src/regime.ts';

/** A machine that is reserved for us by a lock of its own. */
export interface Reservation {
  /**
   * Resolves when the machine stays reserved without us, until what is written down in a directory there
   * (see `discardRemote`) is ended. @throws TestbedError
   */
  keep(directory: Bytes): Promise<void>;
  /**
   * Resolves when others may have the machine, or where it does not say so in time. May be called
   * again.
   */
  release(): Promise<void>;
}

/** Milliseconds between signs of life; the machine takes three that fail to come for our end. */
const BEAT = 15_000;

/** Milliseconds that a machine may say nothing while it takes its lock. */
const SILENCE = 60_000;

/** Milliseconds that a machine may take to free its lock; the end of the connection does the rest. */
const FAREWELL = 10_000;

/**
 * Reserves the machine that a Place is on, so that two servers, also of two users or from two
 * machines, don't use it at once. Waits for others as long as the user wants to, and says for whom.
 * The lock goes with the connection; after a loss that nobody saw, within a minute. Where the machine
 * has no locks a warning says so.
 * @param how `shared` where all that is done there is kept apart by a regime inside: many can then
 *   have the machine at once, but nobody `alone`
 */
export async function reserve(
  place: Place,
  how: 'alone' | 'shared',
  context: Pick<Context, 'signal' | 'log' | 'wait'>,
): Promise<Reservation> {
  const script = readScript('reserve.sh', import.meta.url);
  const running = place.spawn(['sh', '-c', script, 'reserve', how, ourselves()], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { stdin, stdout } = running;
  if (!stdin || !stdout) throw new Error('spawn made no pipes');
  stdin.on('error', () => {}); // It has gone: its output has ended too.
  const words = collect(running.stderr, 4096);
  const ended = running.ended.then(describeEnding, String);
  const waiting = waitForOthers(context, bytesOf(place.label));
  const giveUp = new AbortController();
  const silence = setTimeout(() => giveUp.abort(noAnswer(place)), SILENCE);

  const answered = new Promise<'held' | 'unlocked'>((resolve, reject) => {
    const given = anyOf(waiting.signal, giveUp.signal);
    const stop = () => reject(asError(given.reason));
    given.addEventListener('abort', stop, { once: true });
    if (given.aborted) stop();
    let unread = '';
    let holders: Bytes | undefined;
    stdout.on('data', (chunk: Buffer) => {
      silence.refresh();
      const lines = (unread + chunk.toString('latin1')).split('\n');
      unread = lines.pop() ?? '';
      for (const line of lines) {
        const [word, rest] = cut(line);
        if (word === 'held') resolve(word);
        else if (word === 'unlocked') {
          context.log.warn(`${place.label} is not reserved: ${rest}`);
          resolve(word);
        } else if (word === 'waiting' && rest !== holders) waiting.onWait((holders = rest));
      }
    });
    void Promise.all([ended, words]).then(([status, output]) =>
      reject(new TestbedError({ step: `cannot reserve ${place.label}`, status, output })),
    );
  });

  let state: 'held' | 'unlocked';
  try {
    state = await answered;
  } catch (cause) {
    stdin.end();
    running.kill('SIGTERM');
    throw cause;
  } finally {
    clearTimeout(silence);
    waiting.end();
  }
  const beat = setInterval(() => void stdin.write('beat\n'), BEAT).unref();
  void ended.then(() => clearInterval(beat));
  return {
    async keep(directory) {
      if (state === 'unlocked') return;
      clearInterval(beat);
      const answer = new Promise<string>((resolve) => {
        stdout.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1')));
      });
      stdin.write(`keep ${directory}\n`);
      const limit = AbortSignal.timeout(SILENCE);
      const outcome = (await Promise.race([answer, ended, abortOf(limit)])) ?? 'no answer';
      if (outcome === 'kept\n') return;
      throw new TestbedError({ step: `${place.label} does not stay reserved`, status: outcome });
    },
    async release() {
      clearInterval(beat);
      stdin.end();
      await Promise.race([ended, abortOf(AbortSignal.timeout(FAREWELL))]);
    },
  };
}

/** Who waits is told this. */
function ourselves(): Bytes {
  return bytesOf(`${userInfo().username}@${hostname()} (process ${process.pid})`);
}

function noAnswer(place: Place): TestbedError {
  return new TestbedError({
    step: `cannot reserve ${place.label}: no answer within ${SILENCE / 1000} s`,
  });
}

function cut(line: Bytes): [Bytes, Bytes] {
  const at = line.indexOf(' ');
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
}
