import type { Bytes } from '../bytes.ts';

/** The only writer of stdout. */
export interface Reply {
  /** Writes one line and resolves when it is out, or when it is known that nobody reads. */
  line(words: readonly Bytes[]): Promise<void>;
  /** Aborted when a line could not be written because the reader has gone. */
  readonly broken: AbortSignal;
}

/** Why the server ended: its caller closed the pipe that it reads replies from. */
export class OutputBroken extends Error {
  override readonly name = 'OutputBroken';
}

/**
 * A reply writer over any way to write bytes.
 * @param write resolves when all is written; rejects with code EPIPE where the reader has gone
 */
export function replyOver(write: (bytes: Bytes) => Promise<void>): Reply {
  const broken = new AbortController();
  return {
    broken: broken.signal,
    async line(words) {
      if (broken.signal.aborted) return;
      try {
        await write(`${words.join(' ')}\n`);
      } catch (cause) {
        broken.abort(new OutputBroken('nobody reads the replies any more', { cause }));
      }
    },
  };
}
