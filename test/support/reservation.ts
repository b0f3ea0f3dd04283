import { existsSync, rmSync } from 'node:fs';

import { cleanUpAfterFile } from './clean-up.ts';

/** For a `before` hook: takes away after the file the lock that reserves this machine, if it is new. */
export function forgetReservation(): void {
  const lock = '/run/lock/regime-testbed.lock';
  if (!existsSync(lock)) cleanUpAfterFile(() => rmSync(lock, { force: true }));
}
