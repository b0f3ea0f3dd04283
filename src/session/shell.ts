import { closeSync, openSync } from 'node:fs';

import type { Argv, Bytes } from '../bytes.ts';
import { asError } from '../errors.ts';
import type { Place } from '../place/place.ts';
import type { Context } from '../regime.ts';
import { runOnTerminal } from './on-terminal.ts';

/** On the testbed: the directory, if it is there (a test may have removed it), and the best shell there is. */
const START = `if ! cd -- "$0" 2>/dev/null; then
  cd / || exit
  echo "regime: there is no directory $0, this is /" >&2
fi
for shell in "$SHELL" bash sh; do
  command -v "$shell" >/dev/null 2>&1 && exec "$shell" -i
done`;

/**
 * An interactive shell on the testbed for the terminal of who started the server. Where
 * there is no terminal a line says so, and that is all.
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
    const term = `TERM=${process.env['TERM'] ?? 'dumb'}`;
    const words = ['env', term, ...environment, 'sh', '-c', START, directory];
    await runOnTerminal([...place.prefix, ...words], terminal, signal).catch((cause: unknown) => {
      if (!signal.aborted) log.warn(`shell: script(1) does not start: ${asError(cause).message}`);
    });
  } finally {
    closeSync(terminal);
  }
}
