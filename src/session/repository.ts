import { lstatSync, mkdirSync, rmSync, statSync, writeSync, type Dirent } from 'node:fs';
import { open, readdir, readlink, rename, symlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import { TestbedError, UsageError } from '../errors.ts';
import { idOfName, randomId, sessionName } from './ids.ts';
import { takeLock, type Lock } from './lock.ts';
import { machineId } from './owner.ts';
import { ignoreMissing, LOCK_FILE, removeSessionDirectory } from './remove.ts';
import { defaultStateDirectory } from './state-directory.ts';
import { openStorage, type SessionStorage } from './storage.ts';

const LAST_SESSION = 'last-session';

/** A session that this process has just made, and owns. */
export interface OwnSession {
  readonly id: string;
  /** Its directory, absolute, mode 0700. */
  readonly directory: string;
  readonly storage: SessionStorage;
  /** The liveness lock: while it is held nobody reaps the session. */
  readonly lock: Lock;
}

/** Where the sessions of a user are: one directory each. */
export interface Repository {
  /** Absolute; need not exist yet. */
  readonly path: string;
  /**
   * The names of the directories in it, symlinks not followed; none where the repository doesn't
   * exist. Other errors are not hidden.
   */
  list(): Promise<string[]>;
  /**
   * The directory that `last-session` names; undefined where there is no such link, or it is
   * broken, or no link at all.
   */
  last(): Promise<string | undefined>;
  /**
   * Makes a session, and the repository where it is missing. Whatever is made later for the session
   * comes after its first checkpoint.
   * @param retire the single mode: the session that `last-session` names is given to this function
   *   (to discard its testbed), with its lock held, then removed and replaced by the new one
   */
  create(options?: { retire?: (directory: string) => Promise<void> }): Promise<OwnSession>;
  /** Removes a session of this process and closes its storage and lock. */
  remove(session: OwnSession): Promise<void>;
}

/** The repository of a state directory. Nothing is looked at or made yet. */
export function repositoryIn(stateDirectory = defaultStateDirectory()): Repository {
  const path = resolve(stateDirectory, 'sessions');
  return {
    path,
    list: () => listDirectories(path),
    last: () => lastSession(path),
    create: async ({ retire } = {}) => {
      await makeRepository(path);
      if (retire) await retireLast(path, retire);
      return createSession(path);
    },
    remove: removeSession,
  };
}

/** Step by step: Node's own recursive mkdir says ENOENT for a full or read-only disk. */
async function makeRepository(path: string): Promise<void> {
  const made: string[] = [];
  const make = (directory: string, again = false): void => {
    try {
      mkdirSync(directory, { mode: 0o700 });
      made.push(directory);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'EEXIST') return;
      if (code !== 'ENOENT' || again) throw cause;
      make(dirname(directory));
      make(directory, true);
    }
  };
  try {
    make(path);
    for (const directory of made) await syncDirectory(dirname(directory));
  } catch (cause) {
    throw cannotMake(path, cause);
  }
}

async function listDirectories(path: string): Promise<string[]> {
  const entries: Dirent[] | undefined = await ignoreMissing(readdir(path, { withFileTypes: true }));
  return (entries ?? []).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function lastSession(path: string): Promise<string | undefined> {
  try {
    const target = resolve(path, await readlink(join(path, LAST_SESSION)));
    return statSync(target).isDirectory() ? target : undefined;
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    // EINVAL: it is no link.
    if (['ENOENT', 'ENOTDIR', 'EINVAL', 'ELOOP', 'EACCES', 'ENAMETOOLONG'].includes(code))
      return undefined;
    throw cause;
  }
}

/**
 * The directory belongs to who holds the lock on the file that its `lock` names. A reaper may come
 * between any two steps and take the directory for a dead server's: then there is no directory any
 * more, or the lock is busy or no longer that of the path, and another name is tried. So there
 * needs to be no age below which a directory without a record is spared.
 */
async function createSession(path: string): Promise<OwnSession> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const id = randomId();
    const directory = join(path, sessionName(id));
    const lock = await claim(directory);
    if (!lock) continue;
    let storage: SessionStorage | undefined;
    try {
      // For a reaper that finds no record: on a shared home it may be another machine's.
      writeSync(lock.descriptor, `${machineId()}\n`);
      storage = await openStorage(directory);
      await pointLastSession(directory);
      return { id, directory, storage, lock };
    } catch (cause) {
      rmSync(directory, { recursive: true, force: true });
      await storage?.close();
      lock.release();
      throw cannotMake(directory, cause);
    }
  }
  throw new TestbedError({ step: `cannot make a session in ${path}: somebody always removes it` });
}

async function claim(directory: string): Promise<Lock | undefined> {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw cannotMake(directory, cause);
  }
  try {
    const [lock] = await Promise.all([
      takeLock(join(directory, LOCK_FILE)),
      // Or else a power cut could take the record that the testbed's makers rely on.
      syncDirectory(dirname(directory)),
    ]);
    return lock;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    rmSync(directory, { recursive: true, force: true });
    throw code === undefined ? cause : cannotMake(directory, cause);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** By a rename, so that of many who do it at once one wins and there is always a link. */
async function pointLastSession(directory: string): Promise<void> {
  const link = join(dirname(directory), LAST_SESSION);
  const there = lstatSync(link, { throwIfNoEntry: false });
  // Something that is no link is not ours to replace, and of no importance.
  if (there && !there.isSymbolicLink()) return;
  const fresh = join(directory, LAST_SESSION);
  await symlink(basename(directory), fresh);
  await rename(fresh, link);
}

async function retireLast(
  path: string,
  retire: (directory: string) => Promise<void>,
): Promise<void> {
  const last = await lastSession(path);
  // The link may point anywhere: only a session of this repository is ours to remove.
  if (!last || dirname(last) !== path || !idOfName(basename(last))) return;
  const lock = await takeLock(join(last, LOCK_FILE));
  if (!lock) throw new UsageError(`the last session is still in use: ${last}`);
  try {
    await retire(last);
    await removeSessionDirectory(last);
  } finally {
    lock.release();
  }
}

async function removeSession(session: OwnSession): Promise<void> {
  await removeSessionDirectory(session.directory);
  await session.storage.close();
  session.lock.release();
}

function cannotMake(path: string, cause: unknown): TestbedError {
  const { message } = cause as Error;
  const hint = 'choose another place with --state-dir or XDG_STATE_HOME';
  return new TestbedError({ step: `cannot make ${path}: ${message}`, hint, cause });
}
