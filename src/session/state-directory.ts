import { join } from 'node:path';

import { UsageError } from '../errors.ts';
import { homesOf } from '../home.ts';

/**
 * `$XDG_STATE_HOME/regime`, by default `~/.local/state/regime`.
 * @throws UsageError where nothing says where the home of the user is
 */
export function defaultStateDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const given = environment['XDG_STATE_HOME'];
  // The XDG specification has relative paths ignored.
  if (given?.startsWith('/')) return join(given, 'regime');
  const [home] = homesOf(environment);
  if (home !== undefined) return join(home, '.local/state/regime');
  throw new UsageError('no place for session records: set HOME or XDG_STATE_HOME, or --state-dir');
}
