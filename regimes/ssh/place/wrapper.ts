import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';

import { anyOf } from '../../../src/abort.ts';
import type { Bytes } from '../../../src/bytes.ts';
import { lastWords, TestbedError } from '../../../src/errors.ts';
import { describeEnding } from '../../../src/place/place.ts';
import type { Channel, ChannelEnding, Connection } from '../connection/channel.ts';
import { sudoPrompt, wrapperLine, type Becoming } from './command-line.ts';
import { findMark } from './find-mark.ts';

/** A wrapper on the far side that waits for its order. */
export interface Wrapper {
  readonly channel: Channel;
  readonly mark: string;
  /** PID.START.SESSION of its process. */
  readonly key: Bytes;
  readonly terminal: boolean;
}

export interface WindowSize {
  term: string;
  rows: number;
  columns: number;
}

/** Milliseconds that a login shell may take until our wrapper runs. */
const PATIENCE = 120_000;

/** Bytes in which sudo asks for a second time. */
const KEPT = 4096;

/**
 * Starts a wrapper. Its streams are paused; what the login shell printed is gone from them.
 * @throws TestbedError where it does not start
 */
export async function startWrapper(
  connection: Connection,
  become: Becoming,
  terminal: WindowSize | undefined,
  signal: AbortSignal | undefined,
): Promise<Wrapper> {
  const mark = `regime${randomBytes(10).toString('hex')}`;
  const limit = AbortSignal.timeout(PATIENCE);
  // It gives up the start, and nothing after it.
  const start = new AbortController();
  const stop = () => start.abort();
  const limits = signal ? anyOf(signal, limit) : limit;
  limits.addEventListener('abort', stop, { once: true });
  if (limits.aborted) stop();
  try {
    const channel = await connection.exec(wrapperLine(mark, become, terminal !== undefined), {
      ...(terminal && { pty: terminal }),
      signal: start.signal,
    });
    if ('password' in become) {
      channel.stdin.write(Buffer.from(`${become.password}\n`, 'latin1'));
      // That was wrong: the end of its input is the end of sudo, which would ask for more.
      onSecond(terminal ? channel.stdout : channel.stderr, sudoPrompt(mark), () => {
        channel.stdin.end(terminal && END_OF_TRANSMISSION);
      });
    }
    const [output, errors] = await Promise.all([
      findMark(channel.stdout, mark),
      // A pseudo-terminal has but one stream.
      terminal ? undefined : findMark(channel.stderr, mark),
    ]);
    const key = output.line;
    if (key !== undefined && /^\d+\.\d+\.\d+$/.test(key)) {
      return { channel, mark, key, terminal: terminal !== undefined };
    }
    channel.stdin.end();
    channel.stdout.resume();
    channel.stderr.resume();
    const ending = limit.aborted ? undefined : await channel.ended;
    // Whom sudo refuses in the end it has asked for a password first, on the same line.
    const words = ((errors?.before ?? '') || output.before).replaceAll(sudoPrompt(mark), '');
    throw startFailure(connection.label, ending, words, become);
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause;
  } finally {
    limits.removeEventListener('abort', stop);
  }
}

/** What ends the input of who reads a pseudo-terminal. */
const END_OF_TRANSMISSION = '\x04';

/** Calls once a text has come twice, up to the end of a stream or its being paused. */
function onSecond(stream: Readable, text: string, call: () => void): void {
  let seen = '';
  const look = (chunk: Buffer) => {
    seen = (seen + chunk.toString('latin1')).slice(-KEPT);
    if (seen.indexOf(text) === seen.lastIndexOf(text)) return;
    stream.removeListener('data', look);
    call();
  };
  stream.on('data', look).once('pause', () => stream.removeListener('data', look));
}

function startFailure(
  label: string,
  ending: ChannelEnding | undefined,
  output: Bytes,
  become: Becoming,
): TestbedError {
  if (ending && 'lost' in ending) {
    return new TestbedError({ step: `the connection to ${label} is lost`, status: ending.lost });
  }
  const words = lastWords(output);
  return new TestbedError({
    step: `${become.by === 'sudo' ? 'sudo' : 'the login shell'} on ${label} does not run commands`,
    status: ending ? describeEnding(ending) : `no sign of it in ${PATIENCE / 1000} s`,
    ...(words && { output: words }),
  });
}
