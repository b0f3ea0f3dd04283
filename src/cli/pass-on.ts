import { spawn } from 'node:child_process';
import { isatty } from 'node:tty';

import type { Argv } from '../bytes.ts';
import { asError, TestbedError } from '../errors.ts';
import { spawnableArgv } from '../place/argv.ts';
import { endingOf } from '../place/local.ts';
import type { Ending } from '../place/place.ts';
import { installing } from '../place/programs.ts';
import { shellStatus } from '../place/shell-status.ts';
import { runOnTerminal } from '../session/on-terminal.ts';

/** The signals that keys of a terminal send. */
const KEYS = ['SIGINT', 'SIGQUIT'] as const;

/**
 * Runs a command behind an auxverb with our own descriptors; where all of them are a terminal, on one of
 * its own. Resolves with its exit status, as a shell has it.
 * @param signal ends the command with SIGTERM
 * @throws TestbedError where there is nothing that makes a terminal: the host's is never handed on
 */
export async function passOn(prefix: Argv, command: Argv, signal?: AbortSignal): Promise<number> {
  // At a terminal they reach the command as well, and it decides.
  const ignore = () => {};
  for (const name of KEYS) process.on(name, ignore);
  try {
    return shellStatus(await run(prefix, command, signal));
  } finally {
    for (const name of KEYS) process.removeListener(name, ignore);
  }
}

async function run(prefix: Argv, command: Argv, signal: AbortSignal | undefined): Promise<Ending> {
  const argv = [...prefix, ...command];
  if (![0, 1, 2].every((descriptor) => isatty(descriptor))) return runPlainly(argv, signal);
  return runOnTerminal(argv, 0, signal).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new TestbedError({
      step: 'cannot give the command a terminal of its own: script(1) does not start',
      status: asError(cause).message,
      hint: `${installing('bsdutils')}; a command with a pipe for one of its streams needs none`,
    });
  });
}

function runPlainly(argv: Argv, signal: AbortSignal | undefined): Promise<Ending> {
  const [program = '', ...args] = spawnableArgv(argv);
  const child = spawn(program, args, { stdio: 'inherit' });
  signal?.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  return endingOf(child);
}
