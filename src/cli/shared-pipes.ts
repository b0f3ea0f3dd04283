import { Writable } from 'node:stream';
import { isatty } from 'node:tty';

import { writeStderr } from '../log.ts';

/**
 * Puts streams of ours in the place of Node's own for stdout and stderr, which make a pipe non-blocking
 * for all who share it: the caller's own words would be lost where its reader is slow. Node makes its
 * own as soon as any stream is piped or destroyed, as it compares that with them. Of ours all goes to
 * stderr: stdout belongs to the protocol.
 */
export function leavePipesBlocking(): void {
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      writeStderr(chunk);
      done();
    },
  });
  // On a terminal, which Node opens anew for itself, its width is asked for.
  for (const name of isatty(2) ? ['stdout'] : ['stdout', 'stderr']) {
    Object.defineProperty(process, name, { value: stream, configurable: true });
  }
}
