import { readFileSync, realpathSync } from 'node:fs';
import { readdir, rmdir, unlink } from 'node:fs/promises';

import { TestbedError } from '../errors.ts';
import { faultPoint } from '../fault.ts';
import { localPlace } from '../place/local.ts';
import { describeEnding, succeeded } from '../place/place.ts';
import { CHECKPOINT, NEXT_CHECKPOINT } from './storage.ts';

/** The file in a session's directory that its server holds locked while it lives. */
export const LOCK_FILE = 'lock';

/** An empty file in a session's directory: its user wants it to outlive its server. */
export const KEPT_FILE = 'kept';

const OURS_LAST = [NEXT_CHECKPOINT, CHECKPOINT, KEPT_FILE, LOCK_FILE];

/**
 * Removes a session's directory. The caller holds its lock. The record goes after everything else
 * and the lock after that, so that whoever is killed half-way leaves what can be reaped.
 * Idempotent.
 * @throws TestbedError where something in it can't be removed; then the record is still there
 */
export async function removeSessionDirectory(directory: string): Promise<void> {
  refuseMounts(directory);
  const names = await entriesOf(directory);
  const others = names.filter((name) => !OURS_LAST.includes(name.toString('latin1')));
  if (others.length > 0) await removeTrees(directory, others);
  for (const name of OURS_LAST) {
    await ignoreMissing(unlink(`${directory}/${name}`));
    if (name === CHECKPOINT) faultPoint('close.forgotten');
  }
  await ignoreMissing(rmdir(directory));
}

async function entriesOf(directory: string): Promise<Buffer[]> {
  return (await ignoreMissing(readdir(directory, { encoding: 'buffer' }))) ?? [];
}

/** By rm(1): it works relative to descriptors, so no tree is too deep for it and no name too odd. */
async function removeTrees(directory: string, names: readonly Buffer[]): Promise<void> {
  const paths = names.map(
    (name) => `${Buffer.from(directory).toString('latin1')}/${name.toString('latin1')}`,
  );
  const command = ['rm', '-rf', '--', ...paths];
  let outcome = await localPlace.run(command);
  if (!succeeded(outcome)) {
    // A plain user can't look into a directory without x bit before changing that.
    await localPlace.run(['chmod', '-R', 'u+rwX', '--', ...paths]);
    outcome = await localPlace.run(command);
  }
  if (succeeded(outcome)) return;
  throw new TestbedError({
    step: 'cannot remove what is in the session directory',
    command: ['rm', '-rf', '--', Buffer.from(directory).toString('latin1')],
    status: describeEnding(outcome.ending),
    output: outcome.stderr,
  });
}

/** What is mounted in there is not the session's, but perhaps somebody's home: never look into it. */
function refuseMounts(directory: string): void {
  const real = realpathOf(directory);
  if (real === undefined) return;
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const inside = mounts
    .map((line) => (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, fromOctal))
    .find((point) => point === real || point.startsWith(`${real}/`));
  if (inside === undefined) return;
  throw new TestbedError({
    step: `cannot remove the session directory: ${inside} is mounted there`,
    hint: 'umount it first',
  });
}

function realpathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

function fromOctal(_match: string, digits: string): string {
  return String.fromCharCode(parseInt(digits, 8));
}

/** Undefined where the file or directory had gone already. */
export async function ignoreMissing<T>(step: Promise<T>): Promise<T | undefined> {
  try {
    return await step;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}
