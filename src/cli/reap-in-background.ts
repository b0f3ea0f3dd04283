import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from '../log.ts';
import type { Repository } from '../session/repository.ts';

/** Milliseconds after the start at which what dead servers left is looked for. */
const REAP_DELAY = 50;

/** Takes away what dead servers of this user left, a moment after the caller has had its `ok`. */
export async function reapInBackground(
  repository: Repository,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  await sleep(REAP_DELAY, undefined, { signal }).catch(() => {});
  // A session of ours that is opened and closed at once leaves nothing for others to wait for.
  if (signal.aborted) return;
  const [{ reapQuietly }, { lookups }] = await Promise.all([
    import('../session/reaper.ts'),
    import('./lookups.ts'),
  ]);
  await reapQuietly(repository, lookups, { signal, log });
}
