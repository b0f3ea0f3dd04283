import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

import { isAscii, textOf, type Argv, type Bytes } from '../bytes.ts';
import type { Place } from '../place/place.ts';
import { quoteArgv } from '../place/quote.ts';
import type { Context } from '../regime.ts';

/** On the testbed: the directory, if it is there, and the best shell there is. */
const START = `cd -- "$0" 2>/dev/null || cd / || exit
for shell in "$SHELL" bash sh; do
  command -v "$shell" >/dev/null 2>&1 && exec "$shell" -i
done`;

/**
 * An interactive shell on the testbed for the terminal of who started the server. script(1) makes a
 * pseudo-terminal for it: a process of the testbed must never hold the host's, into which it could
 * type (TIOCSTI, ioctl_tty(2)). Where there is no terminal a line says so, and that is all.
 */
export async function openShell(
  place: Place,
  directory: Bytes,
  environment: Argv,
  { signal, log }: Context,
): Promise<void> {
  if (place.standIn !== undefined) {
    log.warn(`shell: ${place.label} has no shell`);
    return;
  }
  let terminal: number;
  try {
    terminal = openSync('/dev/tty', 'r+');
  } catch {
    log.warn('shell: there is no terminal (/dev/tty) to open a shell on');
    return;
  }
  try {
    const term = process.env['TERM'] ?? 'dumb';
    const argv = [
      ...place.prefix,
      'env',
      `TERM=${term}`,
      ...environment,
      'sh',
      '-c',
      START,
      directory,
    ];
    const command = quoteArgv(argv);
    if (!isAscii(command) && Buffer.from(textOf(command)).toString('latin1') !== command) {
      log.warn('shell: the directory or a variable is not UTF-8');
      return;
    }
    // Not in a session of its own: script(1) has to hear that the window changes its size.
    const child = spawn('script', ['-q', '-e', '-c', textOf(command), '/dev/null'], {
      stdio: [terminal, terminal, terminal],
      signal,
    });
    await new Promise<void>((resolve) => {
      child.once('close', () => resolve());
      child.once('error', (cause) => {
        if (!signal.aborted) log.warn(`shell: script(1) does not start: ${cause.message}`);
        resolve();
      });
    });
  } finally {
    closeSync(terminal);
  }
}
