import { spawn } from 'node:child_process';

import { bytesOf, textOf, type Argv, type Bytes } from '../bytes.ts';
import { spawnableArgv } from '../place/argv.ts';
import { endingOfExit, type Ending } from '../place/place.ts';
import { quoteArgv, quoteWord } from '../place/quote.ts';

/**
 * Runs a command on a pseudo-terminal of its own, which script(1) makes for it and shows on the terminal:
 * a process of the testbed must never hold the host's, into which it could type (TIOCSTI, ioctl_tty(2)).
 * @param terminal the descriptor of the terminal
 * @param signal ends the command
 * @throws where script can't be started: with code ENOENT where there is none
 */
export function runOnTerminal(argv: Argv, terminal: number, signal?: AbortSignal): Promise<Ending> {
  const command = `${ownShell()}; exec ${quoteArgv(spawnableArgv(argv).map(bytesOf))}`;
  // Not in a session of its own: script has to hear that the window changes its size.
  const child = spawn('script', ['-q', '-e', '-c', textOf(command), '/dev/null'], {
    stdio: [terminal, terminal, terminal],
    // script(1) has $SHELL run the command: the user's may be csh, or nologin.
    env: { ...process.env, SHELL: '/bin/sh' },
    ...(signal && { signal }),
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, name) => resolve(endingOfExit(status, name)));
  });
}

/** For a POSIX shell: $SHELL as we were given it. */
function ownShell(): Bytes {
  const shell = process.env['SHELL'];
  return shell === undefined ? 'unset SHELL' : `export SHELL=${quoteWord(bytesOf(shell))}`;
}
