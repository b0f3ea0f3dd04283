import { readFileSync } from 'node:fs';

import type { Context } from '../../src/regime.ts';
import { asError } from '../../src/errors.ts';
import type { Engine } from './engine.ts';
import type { Recipe } from './recipe.ts';
import type { Sharing } from './sharing.ts';

/** Bytes that have to be left on the host for a container ahead. */
const MEMORY_MARGIN = 256 << 20;

/** Things of one kind that are made ahead, so that one is there when it is wanted. */
export interface Standby<T> {
  /** Starts to make what is missing, behind the caller's back. */
  fill(): void;
  /** The one that was begun first, when it is ready; undefined where there is none. */
  take(): Promise<T | undefined>;
  /** Makes no more and hands out what there is, as far as it came. */
  drain(): Promise<T[]>;
}

/**
 * @param count how many are kept ahead
 * @param make makes one; where it fails there is none, and who wants one is told why, once
 */
export function keepStandby<T>(
  count: number,
  make: () => Promise<T>,
  log: Context['log'],
): Standby<T> {
  const ahead: Promise<T | undefined>[] = [];
  let draining = false;
  let failure: string | undefined;
  let told = false;
  // One after the other: what is in use goes first, and a machine has few disks.
  let last: Promise<unknown> = Promise.resolve();
  return {
    fill() {
      while (!draining && ahead.length < count) {
        const one = last.then(async () => {
          if (draining) return undefined;
          return make().catch((cause: unknown) => {
            failure = `no container could be made ahead: ${asError(cause).message}`;
            log.debug(failure);
            return undefined;
          });
        });
        last = one;
        ahead.push(one);
      }
    },
    async take() {
      const one = await ahead.shift();
      if (!one && failure !== undefined && !told) {
        told = true;
        log.warn(failure);
      }
      return one;
    },
    async drain() {
      draining = true;
      const all = await Promise.all(ahead.splice(0));
      return all.filter((one): one is Awaited<T> & T => one !== undefined);
    },
  };
}

/** How many containers may stand by; where it is fewer than wished, a line says why. */
export function sparesAllowed(
  { local }: Engine,
  recipe: Recipe,
  { shared }: Sharing,
  wished: number,
  { log }: Context,
): number {
  if (wished === 0) return 0;
  if (shared) {
    log.warn(`each revert makes a container anew: two at once would share ${shared}`);
    return 0;
  }
  const available = local ? availableMemory() : undefined;
  const needed = (recipe.body.HostConfig?.Memory ?? 0) + MEMORY_MARGIN;
  if (available !== undefined && available < needed) {
    log.warn('each revert makes a container anew: there is no memory for a second one');
    return 0;
  }
  return wished;
}

/** Bytes that this host can still give to processes; undefined where it does not tell. */
function availableMemory(): number | undefined {
  try {
    const [, kilobytes] =
      /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'latin1')) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
