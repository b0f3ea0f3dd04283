import { spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';

import { TestbedError } from '../errors.ts';
import { collect } from '../place/collect.ts';

/** A lock that the kernel holds for this process until it is released or the process is dead. */
export interface Lock {
  readonly path: string;
  /** The descriptor that carries the lock. Node opens it close-on-exec: no child gets it. */
  readonly descriptor: number;
  /** May be called again. */
  release(): void;
}

/** What flock(1) says when it did not get the lock. */
const BUSY = 1;

/**
 * Takes the lock of a file at once, or not at all: undefined where somebody else holds it, or where
 * the file was removed or replaced meanwhile (then it is no longer the lock of that path).
 * Costs one child process, some milliseconds.
 * @param create make the file, mode 0600, where it isn't there; else a missing file is an ENOENT
 * @param shared together with others who share it
 * @throws TestbedError where flock(1) is missing or the file system has no locks
 */
export async function takeLock(
  path: string,
  { create = true, shared = false }: { create?: boolean; shared?: boolean } = {},
): Promise<Lock | undefined> {
  const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
  const descriptor = openSync(path, O_RDWR | O_NOFOLLOW | (create ? O_CREAT : 0), 0o600);
  return lockDescriptor(path, descriptor, shared);
}

/** True where somebody holds the lock of a file. A file that isn't there is held by nobody. */
export async function isHeld(path: string): Promise<boolean> {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw cause;
  }
  try {
    // Shared, so that two who ask do not see each other.
    return !(await flock(descriptor, ['-s', '-n'], path));
  } finally {
    closeSync(descriptor);
  }
}

/** Locks an open file, which it takes over: it is closed where the lock isn't had. */
export async function lockDescriptor(
  path: string,
  descriptor: number,
  shared = false,
): Promise<Lock | undefined> {
  let held = false;
  try {
    const flags = shared ? ['-s', '-n'] : ['-n'];
    held = (await flock(descriptor, flags, path)) && stillNames(path, descriptor);
  } finally {
    if (!held) closeSync(descriptor);
  }
  if (!held) return undefined;
  let released = false;
  const release = () => {
    // Once only: the number may by then be another file's.
    if (!released) closeSync(descriptor);
    released = true;
  };
  return { path, descriptor, release };
}

/**
 * Node has no flock(2). The lock that a child takes on a descriptor it inherited belongs to the open
 * file description, which it shares with us: it outlives the child and ends with our descriptor.
 */
async function flock(descriptor: number, flags: readonly string[], path: string): Promise<boolean> {
  const argv = ['flock', ...flags, '3'];
  const child = spawn('flock', argv.slice(1), {
    stdio: ['ignore', 'ignore', 'pipe', descriptor],
    // Out of reach of Ctrl-C, which would look like a failure of the lock.
    detached: true,
  });
  const step = `cannot lock ${path}`;
  const ended = new Promise<string | number>((resolve, reject) => {
    child.once('error', (cause) => {
      const hint = 'flock is needed, from the package util-linux';
      reject(new TestbedError({ step, command: argv, status: cause.message, hint, cause }));
    });
    child.once('close', (status, killed) => resolve(status ?? killed ?? 255));
  });
  const [output, status] = await Promise.all([collect(child.stderr, 1000), ended]);
  if (status === 0) return true;
  if (status === BUSY && output === '') return false;
  throw new TestbedError({
    step,
    command: argv,
    status: typeof status === 'number' ? `exit status ${status}` : `signal ${status}`,
    output,
    hint: 'the file system must have locks: see flock(2)',
  });
}

/** Whoever waited for a lock may have got that of a file which its holder has removed since. */
function stillNames(path: string, descriptor: number): boolean {
  const opened = fstatSync(descriptor);
  const named = statSync(path, { throwIfNoEntry: false });
  return named?.ino === opened.ino && named.dev === opened.dev;
}
