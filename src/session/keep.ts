import { join } from 'node:path';

import { TestbedError } from '../errors.ts';
import { look } from './found.ts';
import { sessionName } from './ids.ts';
import { keepDirectory } from './kept.ts';
import { takeLock } from './lock.ts';
import { ownerRuns } from './owner.ts';
import { LOCK_FILE } from './remove.ts';
import type { Repository } from './repository.ts';

/**
 * Marks a session to be kept, for its server when that ends, and for reapers. Resolves with a line
 * that says what will come of it.
 * @throws TestbedError where it is just being taken away, or has gone
 */
export async function markKept(repository: Repository, id: string): Promise<string> {
  const directory = join(repository.path, sessionName(id));
  const found = look(id, directory);
  if (!found?.record) throw new TestbedError({ step: `session ${id} has no testbed to keep` });
  const { owner } = found.record;
  if (ownerRuns(owner)) {
    keepDirectory(directory);
    return `${id} will be kept when its server, process ${owner.pid}, ends`;
  }
  const lock = await takeLock(join(directory, LOCK_FILE), { create: false });
  if (!lock) throw new TestbedError({ step: `session ${id} is in use, or being taken away` });
  try {
    keepDirectory(directory);
  } finally {
    lock.release();
  }
  return `${id} is kept`;
}
