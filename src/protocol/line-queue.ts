import type { Bytes } from '../bytes.ts';

/** Lines read ahead at the most; past that the caller has to wait. */
const READ_AHEAD = 256;

/** The lines a caller has sent and nobody has worked off yet. */
export interface LineQueue {
  /** The next line, or undefined when the input has ended and all lines are worked off. */
  next(): Promise<Bytes | undefined>;
  /** Aborted once the input has ended and nothing is queued: whoever waits for us has gone. */
  readonly exhausted: AbortSignal;
}

/**
 * Reads lines ahead of their being worked off, so that the end of the input is noticed while a
 * command runs. An input that fails (a line too long) fails the `next` that comes after the lines
 * before it.
 */
export function queueLines(lines: AsyncIterable<Bytes>): LineQueue {
  const queue: Bytes[] = [];
  const exhausted = new AbortController();
  let ended = false;
  let failure: { reason: unknown } | undefined;
  let wake = () => {};
  let resume = () => {};

  const noticeExhaustion = () => {
    if (ended && queue.length === 0)
      exhausted.abort(new InputEnded('end of input while the testbed is being opened'));
  };
  const pump = async () => {
    try {
      for await (const line of lines) {
        queue.push(line);
        wake();
        if (queue.length >= READ_AHEAD) await new Promise<void>((resolve) => (resume = resolve));
      }
    } catch (reason) {
      failure = { reason };
    }
    ended = true;
    noticeExhaustion();
    wake();
  };
  void pump();

  return {
    exhausted: exhausted.signal,
    async next() {
      while (queue.length === 0 && !ended) {
        await new Promise<void>((resolve) => (wake = resolve));
      }
      const line = queue.shift();
      resume();
      noticeExhaustion();
      if (line === undefined && failure) throw failure.reason;
      return line;
    },
  };
}

/** Why a step was given up: the input ended while it waited. */
export class InputEnded extends Error {
  override readonly name = 'InputEnded';
}
