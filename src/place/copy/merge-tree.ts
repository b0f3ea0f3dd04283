import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
} from 'node:fs';
import { setImmediate } from 'node:timers/promises';

import { bufferOf, type Bytes } from '../../bytes.ts';
import { asError, CopyFailed } from '../../errors.ts';
import { localPlace } from '../local.ts';
import { describeEnding, succeeded } from '../place.ts';
import { END_OF_ARCHIVE, writeMember } from '../tar-member.ts';
import { named } from './paths.ts';
import { extractArgv } from './receive.ts';

/** What a directory is to have in the end, by its path below the top. */
export type Directories = ReadonlyMap<Bytes, { mode: number; mtime: string }>;

/** Linux's O_PATH, which Node doesn't name: a handle on a directory that needs no right to read it. */
const O_PATH = 0o10000000;
const DIRECTORY = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Entries after which others get their turn. */
const TURN = 500;

interface Merge {
  fresh: Bytes;
  directories: Directories;
  step: string;
  signal: AbortSignal;
  /** Directories that were there already, and that we may change. */
  met: Bytes[];
  count: number;
}

/**
 * Moves what is in a fresh directory into one that is there. No link of the destination is
 * followed: each of its directories is opened with O_NOFOLLOW, and names below it go through that
 * descriptor. All is looked at before the first thing is moved, so that what can't be merged
 * leaves the destination as it was.
 *
 * @returns the directories that were there already and now need their new modes and times
 * @throws CopyFailed where a directory meets something else, or something else a directory
 */
export async function mergeTree(
  fresh: Bytes,
  destination: Bytes,
  directories: Directories,
  step: string,
  signal: AbortSignal,
): Promise<Bytes[]> {
  const merge: Merge = { fresh, directories, step, signal, met: [], count: 0 };
  const top = openSync(bufferOf(destination), DIRECTORY);
  try {
    await visit(merge, '', top, false);
    merge.met = [];
    await visit(merge, '', top, true);
  } finally {
    closeSync(top);
  }
  return merge.met;
}

async function visit(merge: Merge, path: Bytes, target: number, move: boolean): Promise<void> {
  const source = path === '' ? merge.fresh : `${merge.fresh}/${path}`;
  openUp(merge, path, source);
  if (mayChange(target)) merge.met.push(path);
  for (const entry of readdirSync(bufferOf(source), 'buffer')) {
    merge.signal.throwIfAborted();
    if (++merge.count % TURN === 0) await setImmediate();
    const name = entry.toString('latin1');
    const inner = path === '' ? name : `${path}/${name}`;
    const place = `/proc/self/fd/${target}/${name}`;
    const isDirectory = merge.directories.has(inner);
    const found = lstatSync(bufferOf(place), { throwIfNoEntry: false });
    if (found && isDirectory !== found.isDirectory()) {
      const what = isDirectory ? 'a directory meets what is none' : 'it meets a directory';
      throw new CopyFailed({ step: `${merge.step}: ${named(inner)}: ${what}` });
    }
    if (found && isDirectory) {
      const next = openSync(bufferOf(place), DIRECTORY);
      try {
        await visit(merge, inner, next, move);
      } finally {
        closeSync(next);
      }
    } else if (move) moveEntry(merge, inner, place, isDirectory);
  }
}

/** Only the owner can give a directory a mode and times; others' are left as they are. */
function mayChange(descriptor: number): boolean {
  const user = process.geteuid?.() ?? 0;
  return user === 0 || fstatSync(descriptor).uid === user;
}

/** A plain user must be able to list and change a directory of its own that it takes apart. */
function openUp(merge: Merge, path: Bytes, source: Bytes): void {
  const mode = merge.directories.get(path)?.mode ?? 0o700;
  if ((mode & 0o700) !== 0o700) chmodSync(bufferOf(source), mode | 0o700);
}

function moveEntry(merge: Merge, path: Bytes, place: Bytes, isDirectory: boolean): void {
  const source = `${merge.fresh}/${path}`;
  const mode = merge.directories.get(path)?.mode ?? 0;
  // The kernel wants write permission on a directory that gets another parent.
  const closed = isDirectory && (mode & 0o200) === 0;
  try {
    if (closed) chmodSync(bufferOf(source), mode | 0o700);
    renameSync(bufferOf(source), bufferOf(place));
    if (closed) chmodSync(bufferOf(place), mode);
  } catch (cause) {
    throw new CopyFailed({
      step: `${merge.step}: ${named(path)}: ${asError(cause).message}`,
      cause,
    });
  }
}

/**
 * Gives directories that were merged into their new modes and times, as `cp --preserve` does. By
 * tar, because Node's times have no nanoseconds.
 */
export async function finishDirectories(
  destination: Bytes,
  paths: readonly Bytes[],
  directories: Directories,
  step: string,
): Promise<void> {
  const members = paths.flatMap((path) => {
    const wanted = directories.get(path);
    return wanted ? [writeMember({ path, type: '5', size: 0, ...wanted })] : [];
  });
  if (members.length === 0) return;
  const outcome = await localPlace.run(extractArgv(destination), {
    input: Buffer.concat([...members, END_OF_ARCHIVE]),
    deadline: 60_000,
  });
  if (succeeded(outcome)) return;
  const status = describeEnding(outcome.ending);
  throw new CopyFailed({ step: `${step}: the host`, status, output: outcome.stderr });
}
