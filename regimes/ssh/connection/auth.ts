import { readFileSync } from 'node:fs';

import type { AnyAuthMethod } from 'ssh2';

import type { Context } from '../../../src/regime.ts';
import { loadSsh2 } from './load.ts';
import type { Target } from './target.ts';

/** A log-in that is under way. */
export interface Authentication {
  /**
   * The next way to try; nothing where there is none left.
   * @param methods what the server would take; null before it was asked
   */
  next(methods: readonly string[] | null): Promise<AnyAuthMethod | undefined>;
  /** The ways that were tried, for messages. */
  readonly tried: readonly string[];
  /** What the server would take, for messages. */
  readonly accepted: readonly string[];
}

/** Prepares to log in with the keys that a target names. */
export async function authenticate(
  target: Target,
  { log }: Pick<Context, 'signal' | 'log'>,
): Promise<Authentication> {
  const { utils } = await loadSsh2();
  const tried: string[] = [];
  let accepted: readonly string[] = [];
  const files = [...target.credentials.identityFiles];
  const nextKey = (): AnyAuthMethod | undefined => {
    for (let file = files.shift(); file !== undefined; file = files.shift()) {
      const key = utils.parseKey(readFileSync(file));
      if (!(key instanceof Error)) {
        tried.push(file);
        return { type: 'publickey', username: target.user, key };
      }
      log.warn(`${file}: ${key.message}`);
    }
    return undefined;
  };
  return {
    tried,
    get accepted() {
      return accepted;
    },
    next(methods) {
      if (methods === null) return Promise.resolve({ type: 'none', username: target.user });
      accepted = methods;
      return Promise.resolve(nextKey());
    },
  };
}
