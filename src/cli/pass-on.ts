import { spawn } from 'node:child_process';
import { constants } from 'node:os';

import type { Argv } from '../bytes.ts';
import { spawnableArgv } from '../place/argv.ts';

/** The signals that keys of a terminal send. */
const KEYS = ['SIGINT', 'SIGQUIT'] as const;

/**
 * Runs a command behind an auxverb with our own descriptors. Resolves with its exit status, as a shell
 * has it.
 * @param signal ends the command with SIGTERM
 */
export function passOn(prefix: Argv, command: Argv, signal?: AbortSignal): Promise<number> {
  const [program = '', ...args] = spawnableArgv([...prefix, ...command]);
  const child = spawn(program, args, { stdio: 'inherit' });
  signal?.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  // At a terminal they reach the command as well, and it decides.
  const ignore = () => {};
  for (const name of KEYS) process.on(name, ignore);
  return new Promise((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') resolve(127);
      else if (cause.code === 'EACCES') resolve(126);
      else reject(cause);
    });
    child.once('exit', (status, signal) => {
      for (const name of KEYS) process.removeListener(name, ignore);
      resolve(signal ? 128 + constants.signals[signal] : (status ?? 255));
    });
  });
}
