import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/** Debian's harness. */
export const HARNESS = '/usr/bin/autopkgtest';

/**
 * Waits until no other test file's harness tests on this machine itself. It keeps files of fixed names in
 * /tmp there, which one user can't take from another, and test files run side by side.
 * @returns what ends the turn
 */
export async function harnessTurn(): Promise<() => void> {
  const descriptor = openSync(HARNESS, 'r');
  // The lock belongs to what is open, which the child shares with us.
  const child = spawn('flock', ['3'], { stdio: ['ignore', 'ignore', 'inherit', descriptor] });
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (status !== 0) throw new Error(`cannot lock ${HARNESS}: ${String(status)}`);
  return () => closeSync(descriptor);
}

/** The argv that runs a command in such a turn. */
export function inHarnessTurn(argv: readonly string[]): string[] {
  return ['flock', '--close', HARNESS, ...argv];
}
