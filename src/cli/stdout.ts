import { write } from 'node:fs';

import type { Bytes } from '../bytes.ts';
import { replyOver, type Reply } from '../protocol/reply.ts';

/** The replies on this process's stdout, which nothing else writes to while it serves. */
export function replyToStdout(): Reply {
  return replyOver(writeStdout);
}

/** Node's own stdout would keep what it can't write; this waits, and hears that nobody reads. */
async function writeStdout(bytes: Bytes): Promise<void> {
  let rest = Buffer.from(bytes, 'latin1');
  while (rest.length > 0) {
    try {
      const written = await new Promise<number>((resolve, reject) => {
        write(1, rest, (cause, count) => (cause ? reject(cause) : resolve(count)));
      });
      rest = rest.subarray(written);
    } catch (cause) {
      // Somebody who shares the pipe with us has made it non-blocking.
      if ((cause as NodeJS.ErrnoException).code !== 'EAGAIN') throw cause;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
