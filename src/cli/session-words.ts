import { join } from 'node:path';

import { shown, UsageError } from '../errors.ts';
import type { Bytes } from '../bytes.ts';
import { idOfName } from '../session/ids.ts';
import type { Repository } from '../session/repository.ts';

/** A session that a command line names. */
export interface NamedSession {
  id: string;
  directory: string;
}

/**
 * The session of an id, or of the first letters of one where no other begins with them.
 * @throws UsageError where there is none, or there are several
 */
export async function findSession(repository: Repository, word: Bytes): Promise<NamedSession> {
  const all = (await repository.list()).flatMap((name) => {
    const id = idOfName(name);
    return id === undefined ? [] : [{ id, directory: join(repository.path, name) }];
  });
  const exact = all.find(({ id }) => id === word);
  const [found, another] = exact ? [exact] : all.filter(({ id }) => id.startsWith(word));
  if (!found || word === '') {
    throw new UsageError(
      `there is no session ${shown(word)}; 'regime sessions' shows those there are`,
    );
  }
  if (another) throw new UsageError(`several sessions begin with ${shown(word)}`);
  return found;
}
