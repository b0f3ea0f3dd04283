import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { asError } from '../errors.ts';
import { localPlace } from '../place/local.ts';
import { asRoot, checkProgram, type NeededProgram } from '../place/programs.ts';
import type { Finding } from '../regime.ts';
import { takeLock } from './lock.ts';
import type { Repository } from './repository.ts';

/** What all regimes need of this host. */
const PROGRAMS: readonly NeededProgram[] = [
  {
    argv: ['tar', '--version'],
    purpose: 'which copies directories',
    package: 'tar',
    without: 'missing',
  },
  {
    argv: ['script', '--version'],
    purpose: 'which gives shells and commands in the testbed a terminal of their own',
    package: 'bsdutils',
    without: 'limited',
  },
];

/** A directory on the file system of the session records, to try things in. */
export interface TrialRoom {
  /** Mode 0700, empty. */
  readonly directory: string;
  /** What was found out about the state directory when it was made. */
  readonly finding: Finding;
  remove(): void;
}

/** Makes one, in the nearest directory that is there: nothing is left of it. */
export function makeTrialRoom({ path }: Repository): TrialRoom {
  const there = nearest(path);
  const what = `the state directory, below ${there}`;
  const make = (parent: string) => mkdtempSync(join(parent, '.regime-doctor-'));
  const roomOf = (directory: string, finding: Finding): TrialRoom => ({
    directory,
    finding,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  });
  try {
    accessSync(there, constants.W_OK);
    return roomOf(make(there), { what, state: 'works' });
  } catch (cause) {
    const { message: detail } = asError(cause);
    const fix = 'mkdir -m 700 DIR, and say --state-dir=DIR or set XDG_STATE_HOME';
    return roomOf(make(tmpdir()), { what, state: 'missing', detail, fix });
  }
}

function nearest(path: string): string {
  return existsSync(path) || path === '/' ? path : nearest(dirname(path));
}

/** Tries what every session needs on this host. */
export async function checkHost(
  { directory, finding }: TrialRoom,
  signal: AbortSignal,
): Promise<Finding[]> {
  const programs = PROGRAMS.map((program) => checkProgram(localPlace, program, signal));
  return [finding, await checkLock(directory), ...(await Promise.all(programs))];
}

async function checkLock(directory: string): Promise<Finding> {
  const what = 'flock, which tells living sessions from dead ones';
  try {
    const lock = await takeLock(join(directory, 'lock'));
    lock?.release();
    if (lock) return { what, state: 'works' };
    return { what, state: 'missing', detail: 'a lock that nobody holds is not to be had' };
  } catch (cause) {
    const fix = asRoot('apt-get install util-linux');
    return { what, state: 'missing', detail: asError(cause).message, fix };
  }
}
