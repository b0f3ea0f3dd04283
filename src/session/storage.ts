import { asError } from '../errors.ts';
import { fileSystem, type StorageSystem } from './storage-system.ts';

/** The checkpoint of a session. */
export const CHECKPOINT = 'session';
/** A checkpoint that is being written. */
export const NEXT_CHECKPOINT = 'session.next';

/** A checkpoint could not be read or written. */
export class StorageError extends Error {
  override readonly name: string = 'StorageError';
}

/** Somebody else is writing a checkpoint, or died while doing so. */
export class LockedStorageError extends StorageError {
  override readonly name = 'LockedStorageError';
}

/** Where one session keeps its checkpoint. After any crash that is the old one or the new, whole. */
export interface SessionStorage {
  /** The path by which the directory was opened, for messages. */
  readonly path: string;
  /**
   * Puts a checkpoint in the place of the one before; resolves when it is on disk. Calls that
   * overlap take their turns.
   * @throws LockedStorageError where `session.next` is there already
   * @throws StorageError where it can't be written; then the checkpoint before is untouched, unless
   *   the very last step failed (making the change of names durable)
   */
  saveCheckpoint(bytes: Buffer): Promise<void>;
  /** The checkpoint; undefined where none was ever saved. */
  loadCheckpoint(): Promise<Buffer | undefined>;
  /**
   * Removes a `session.next` that a writer left when it died. Only for who knows that nobody is
   * writing, as the holder of the session's liveness lock does.
   */
  breakLock(): Promise<void>;
  /** Closes the directory; all other calls fail from then on. May be called again. */
  close(): Promise<void>;
}

/**
 * Opens the directory of a session and holds it: renaming it meanwhile does no harm.
 * @throws StorageError where it can't be opened
 */
export async function openStorage(
  path: string,
  system: StorageSystem = fileSystem,
): Promise<SessionStorage> {
  const directory = await system.openDirectory(path).catch((cause: unknown) => {
    throw storageError(`cannot open the session directory ${path}`, cause);
  });
  let closed = false;
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(step: () => Promise<T>): Promise<T> => {
    const mine = turn.then(() => {
      // The number of a closed descriptor may by now be another file's.
      if (closed) throw new StorageError(`the storage of ${path} is closed`);
      return step();
    });
    turn = mine.catch(() => {});
    return mine;
  };
  return {
    path,
    saveCheckpoint: (bytes) => inTurn(() => save(system, directory, path, bytes)),
    loadCheckpoint: () => inTurn(() => load(system, directory, path)),
    breakLock: () => inTurn(() => unlinkIfThere(system, directory, path)),
    close: async () => {
      await turn;
      if (closed) return;
      closed = true;
      await system.close(directory);
    },
  };
}

async function save(
  system: StorageSystem,
  directory: number,
  path: string,
  bytes: Buffer,
): Promise<void> {
  const file = await system.create(directory, NEXT_CHECKPOINT).catch((cause: unknown) => {
    if (codeOf(cause) !== 'EEXIST')
      throw storageError(`cannot write a checkpoint in ${path}`, cause);
    throw new LockedStorageError(
      `${path} is locked: a ${NEXT_CHECKPOINT} is there, somebody is writing or died while writing`,
    );
  });
  let ours = true;
  try {
    await fill(system, file, bytes);
    await system.rename(directory, NEXT_CHECKPOINT, CHECKPOINT);
    // A session.next that is there from now on is another writer's.
    ours = false;
    await system.sync(directory);
  } catch (cause) {
    // What stopped the writing is the news, not that tidying up after it failed too.
    if (ours) await unlinkIfThere(system, directory, path).catch(() => {});
    throw storageError(`cannot write a checkpoint in ${path}`, cause);
  }
}

async function fill(system: StorageSystem, file: number, bytes: Buffer): Promise<void> {
  try {
    const written = await system.write(file, bytes);
    // The kernel takes part of a write to a file only where the rest has no room.
    if (written !== bytes.length) {
      throw new Error(`short write, ${written} of ${bytes.length} bytes: is the disk full?`);
    }
    // Before the rename: or else the new name might reach the disk before the data does.
    await system.sync(file);
  } finally {
    await system.close(file);
  }
}

async function load(
  system: StorageSystem,
  directory: number,
  path: string,
): Promise<Buffer | undefined> {
  try {
    return await system.read(directory, CHECKPOINT);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw storageError(`cannot read the checkpoint in ${path}`, cause);
  }
}

async function unlinkIfThere(
  system: StorageSystem,
  directory: number,
  path: string,
): Promise<void> {
  try {
    await system.unlink(directory, NEXT_CHECKPOINT);
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT')
      throw storageError(`cannot remove ${NEXT_CHECKPOINT} in ${path}`, cause);
  }
}

function storageError(step: string, cause: unknown): StorageError {
  // The system call's own path goes through /proc and says nothing to a person.
  const reason = asError(cause).message.replace(/, \w+ '\/proc\/.*$/, '');
  return new StorageError(`${step}: ${reason}`, { cause });
}

function codeOf(thrown: unknown): string | undefined {
  return (thrown as NodeJS.ErrnoException | undefined)?.code;
}
