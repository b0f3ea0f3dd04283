import type { Readable } from 'node:stream';

import type { Bytes } from '../../../src/bytes.ts';

/** Bytes that are kept of what came before a mark. */
const KEPT = 4096;

/** What was read up to a mark. */
export interface Found {
  /** The rest of the mark's line; undefined where the stream ended without it. */
  line: Bytes | undefined;
  /** The last of what came before it. */
  before: Bytes;
}

/**
 * Reads a stream up to the end of the line that begins with a mark, and leaves it paused behind that.
 * What login shells print for a command that is run for somebody else comes before it.
 */
export function findMark(stream: Readable, mark: string): Promise<Found> {
  return new Promise((resolve) => {
    let unread = '';
    let before = '';
    const settle = (line: Bytes | undefined) => {
      stream.removeListener('data', look).removeListener('end', over).removeListener('close', over);
      resolve({ line, before: before.slice(-KEPT) });
    };
    const over = () => {
      before += unread;
      settle(undefined);
    };
    const look = (chunk: Buffer) => {
      unread += chunk.toString('latin1');
      const start = unread.indexOf(mark);
      const end = start < 0 ? -1 : unread.indexOf('\n', start);
      if (end < 0) {
        // A mark that has begun may go on in the next chunk.
        const settled = start < 0 ? Math.max(0, unread.length - mark.length) : start;
        before = (before + unread.slice(0, settled)).slice(-KEPT);
        unread = unread.slice(settled);
        return;
      }
      stream.pause();
      before += unread.slice(0, start);
      const rest = unread.slice(end + 1);
      if (rest !== '') stream.unshift(Buffer.from(rest, 'latin1'));
      settle(unread.slice(start + mark.length, end).trim());
    };
    stream.on('data', look).once('end', over).once('close', over);
  });
}
